//! Rotary positions: queries and keys are rotated by angles that grow with the position of their token
//! (Su et al. 2021, arXiv:2104.09864).

use crate::kernels::dispatch::Kernel;
use crate::kernels::isa::contract::{Isa, Op};
use crate::kernels::isa::lanes::{F32x16, LANES};
use crate::kernels::math::sin_cos;

/// The sines and cosines of the angles of all positions.
#[derive(Clone, Debug)]
pub struct Rotary {
    /// Half the width of a head.
    half: usize,
    /// For each position the cosines, and then the sines: `[positions, 2 * half]`.
    table: Vec<f32>,
}

impl Rotary {
    /// The angle of the pair `i` of elements is `position * frequencies[i]`. Each position adds to the angles
    /// of the one before it, in f64, where even a million positions add up to no error that f32 would show.
    pub fn new(frequencies: &[f32], positions: usize) -> Rotary {
        let half = frequencies.len();
        let steps: Vec<[f64; 2]> = frequencies.iter().map(|&f| sin_cos(f)).collect();
        let mut angles = vec![[0.0, 1.0]; half];
        let mut table = Vec::with_capacity(2 * half * positions);
        for _ in 0..positions {
            table.extend(angles.iter().map(|[_, cos]| *cos as f32));
            table.extend(angles.iter().map(|[sin, _]| *sin as f32));
            for ([sin, cos], [sin_step, cos_step]) in angles.iter_mut().zip(&steps) {
                let next = [*sin * cos_step + *cos * sin_step, *cos * cos_step - *sin * sin_step];
                [*sin, *cos] = next;
            }
        }
        Rotary { half, table }
    }
}

/// Rotates the first `columns` of each row of a matrix, `[tokens, width]`, which are heads side by side.
/// `positions` are those of the tokens.
///
/// # Panics
/// If lengths do not fit, or a position is not in the table.
pub fn rotate(
    kernel: Kernel,
    matrix: &mut [f32],
    width: usize,
    columns: usize,
    rotary: &Rotary,
    positions: &[u32],
) {
    assert_eq!(matrix.len(), positions.len() * width, "a matrix must have a row for each token");
    assert!(columns <= width && columns.is_multiple_of(2 * rotary.half), "columns must be heads");
    if !matrix.is_empty() {
        kernel.run(Rotate { matrix, width, columns, rotary, positions });
    }
}

struct Rotate<'a> {
    matrix: &'a mut [f32],
    width: usize,
    columns: usize,
    rotary: &'a Rotary,
    positions: &'a [u32],
}

impl Op for Rotate<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Rotate { matrix, width, columns, rotary: Rotary { half, table }, positions } = self;
        let half = *half;
        for (row, &position) in matrix.chunks_exact_mut(width).zip(positions) {
            let (cosines, sines) = table[position as usize * 2 * half..][..2 * half].split_at(half);
            for head in row[..columns].chunks_exact_mut(2 * half) {
                let (first, second) = head.split_at_mut(half);
                let angles = cosines.chunks(LANES).zip(sines.chunks(LANES));
                let pairs = first.chunks_mut(LANES).zip(second.chunks_mut(LANES));
                for ((a, b), (cos, sin)) in pairs.zip(angles) {
                    let [x, y] = [&*a, &*b].map(|part| isa.load_or(part, 0.0));
                    let [cos, sin] = [cos, sin].map(|part| isa.load_or(part, 0.0));
                    (x * cos - y * sin).store_first(a);
                    (y * cos + x * sin).store_first(b);
                }
            }
        }
    }
}
