//! The int8 linear layer: quantize each row, multiply integers exactly, scale back.
//!
//! A row `x` becomes `x ~ min + scale * q` with `q` in `0..=255`. A weight is `w = ws * (v - z)`.
//! Therefore
//!
//! ```text
//! sum x w  =  scale ws * sum q (v - z)  +  min * ws * sum (v - z)
//!             \______/   \__________/     \___________________/
//!             per cell   exact i32        per cell, from the column's sum
//! ```
//!
//! A row is quantized by its own values alone, so the result for a token never depends on the rest of
//! the batch.

use core::array::from_fn;

use crate::kernels::blocking::{aligned, even};
use crate::kernels::dispatch::Kernel;
use crate::kernels::isa::contract::{Isa, Op};
use crate::kernels::isa::lanes::{F32x16, LANES, ROUND_MAGIC};
use crate::kernels::layout::{GROUP, MatrixI8, Packed, Panels};
use crate::kernels::math::{Activation, Store};

/// Bytes of the rows that are quantized before they are multiplied by the panels: few enough for the
/// cache, and so many that the time to read the weights does not matter.
const BLOCK_BYTES: usize = 576 << 10;

/// An int8 weight matrix packed for one kernel, with its bias.
#[derive(Clone, Debug)]
pub struct LinearI8 {
    kernel: Kernel,
    k: usize,
    n: usize,
    packed: Packed,
    /// Whether the second half of the columns are the factors of the first half.
    gated: bool,
    /// Whether the `sum_factor` or the `offset` of any column is not zero.
    corrected: bool,
    /// For each column, padded with zeros to whole panels: `ws`, `ws * sum(v - z)` and the bias.
    scales: Vec<f32>,
    scaled_sums: Vec<f32>,
    bias: Vec<f32>,
}

impl LinearI8 {
    /// The largest k for which the sum of integer products (at most 255 * 255 each) cannot overflow 31
    /// bits.
    pub const MAX_INPUTS: usize = i32::MAX as usize / (255 * 255);

    /// Packs the matrix `w[i][c] = scales[c] * (values[i * n + c] - zero_points[c])` of k inputs
    /// and n columns. `scales` and `zero_points` hold n elements, or one for all columns.
    ///
    /// The caller recentres weights that are stored as u8: it subtracts 128 from them and from their
    /// zero points.
    ///
    /// # Panics
    /// If a length does not fit, `k` is above [`LinearI8::MAX_INPUTS`], or a zero point does not fit an
    /// i8.
    pub fn new(
        kernel: Kernel,
        (k, n): (usize, usize),
        values: &[i8],
        scales: &[f32],
        zero_points: &[i32],
        bias: &[f32],
    ) -> LinearI8 {
        assert!(k <= LinearI8::MAX_INPUTS, "k = {k}: an i32 could overflow");
        assert_eq!(values.len(), k * n, "values must be [k, n]");
        assert!(scales.len() == n || scales.len() == 1, "one scale, or one for each column");
        assert!(zero_points.len() == n || zero_points.len() == 1, "one zero point, or one each");
        assert!(zero_points.iter().all(|z| (-128..128).contains(z)), "zero points must fit i8");
        assert_eq!(bias.len(), n, "one bias for each column");

        let columns = MatrixI8 { k, n, values };
        let (kernel, mut packed) = kernel.pack_suitably(&columns);
        let width = n.next_multiple_of(LANES);
        let mut padded = [(); 3].map(|()| vec![0.0; width]);
        let sums = columns.sums();
        for c in 0..n {
            let scale = scales[c % scales.len()];
            let zero = zero_points[c % zero_points.len()];
            let sum = sums[c] - k as i32 * zero;
            packed.sum_factor[c] -= zero;
            padded[0][c] = scale;
            padded[1][c] = scale * sum as f32;
            padded[2][c] = bias[c];
        }
        let corrected = packed.sum_factor.iter().chain(&packed.offset).any(|&x| x != 0);
        let [scales, scaled_sums, bias] = padded;
        LinearI8 { kernel, k, n, gated: false, packed, corrected, scales, scaled_sums, bias }
    }

    /// The layer that multiplies the activated results of the first half of the columns by the results of
    /// the second half (GLU: Shazeer 2020, arXiv:2002.05202).
    ///
    /// # Panics
    /// If a half is not whole panels of sixteen columns.
    pub fn gated(self) -> LinearI8 {
        assert!(self.n.is_multiple_of(2 * LANES), "each half must be whole panels");
        LinearI8 { gated: true, ..self }
    }

    /// Columns of the output.
    pub fn outputs(&self) -> usize {
        if self.gated { self.n / 2 } else { self.n }
    }
}

/// `out = activation(x w + bias)` for `x` of `[rows, k]` and `out` of `[rows, n]`.
///
/// # Panics
/// If `x` and `out` do not hold the same number of whole rows.
pub fn linear_i8(
    x: &[f32],
    linear: &LinearI8,
    activation: Activation,
    out: &mut [f32],
    scratch: &mut Int8Scratch,
) {
    let n = linear.outputs();
    let rows = x.len().checked_div(linear.k).unwrap_or(out.len() / n.max(1));
    assert_eq!(x.len(), rows * linear.k, "x must be [rows, k]");
    assert_eq!(out.len(), rows * n, "out must be [rows, n]");
    if !out.is_empty() {
        linear.kernel.run(Linear { x, rows, linear, activation, out, scratch });
    }
}

/// Memory that [`linear_i8`] reuses.
#[derive(Debug, Default)]
pub struct Int8Scratch {
    acts: Vec<u8>,
    rows: Vec<Row>,
    dots: Vec<i32>,
}

/// A quantized row, without its integers.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    min: f32,
    scale: f32,
    /// The sum of the integers.
    sum: i32,
}

struct Linear<'a> {
    x: &'a [f32],
    rows: usize,
    linear: &'a LinearI8,
    activation: Activation,
    out: &'a mut [f32],
    scratch: &'a mut Int8Scratch,
}

impl Op for Linear<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Linear { x, rows, linear, activation, out, scratch } = self;
        let (k, n) = (linear.k, linear.outputs());
        let act_bytes = linear.packed.height() * GROUP * I::ACT_BYTES;
        let block_rows = even(rows, (BLOCK_BYTES / act_bytes).max(1));
        let Int8Scratch { acts, rows: quantized, dots } = scratch;
        let acts = aligned(acts, block_rows * act_bytes);
        let dots = aligned(dots, I::ROWS.min(block_rows) * I::PANELS * LANES).as_chunks_mut().0;
        quantized.resize(block_rows, Row::default());

        for first in (0..rows).step_by(block_rows) {
            let rows = block_rows.min(rows - first);
            let acts = &mut acts[..rows * act_bytes];
            let quantized = &mut quantized[..rows];
            for (r, (acts, row)) in
                acts.chunks_exact_mut(act_bytes).zip(&mut *quantized).enumerate()
            {
                *row = quantize(isa, &x[(first + r) * k..][..k], acts);
            }
            let out = &mut out[first * n..][..rows * n];
            // In each of the halves, if there are two.
            let panels = n.div_ceil(LANES);
            for panel in (0..panels).step_by(I::PANELS) {
                for half in 0..=usize::from(linear.gated) {
                    let count = I::PANELS.min(panels - panel);
                    let store =
                        if half == 0 { Store::Activated(activation) } else { Store::Multiplied };
                    let columns = Columns { first: panel * LANES, offset: half * n, store };
                    let panels = linear.packed.panels(half * panels + panel, count);
                    linear.multiply(isa, columns, panels, acts, quantized, dots, out);
                }
            }
        }
    }
}

/// Columns of the result.
#[derive(Clone, Copy)]
struct Columns {
    /// The first one of them.
    first: usize,
    /// How much further to the right that column is in the matrix.
    offset: usize,
    store: Store,
}

impl LinearI8 {
    /// Multiplies all rows by some panels, a few rows at a time: while the results of these are being
    /// written to memory, the next ones are multiplied.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn multiply<I: Isa>(
        &self,
        isa: I,
        columns: Columns,
        panels: Panels,
        acts: &[u8],
        rows: &[Row],
        dots: &mut [[i32; LANES]],
        out: &mut [f32],
    ) {
        let n = self.outputs();
        let act_bytes = acts.len() / rows.len();
        let groups = acts.chunks(I::ROWS * act_bytes).zip(rows.chunks(I::ROWS));
        for (g, (acts, rows)) in groups.enumerate() {
            let out = &mut out[g * I::ROWS * n..][..rows.len() * n];
            let dots = &mut dots[..rows.len() * panels.count];
            isa.dot_panels(acts, Panels { prefetch: g == 0, ..panels }, dots);
            for panel in 0..panels.count {
                let dots = dots[panel..].iter_mut().step_by(panels.count);
                let columns = Columns { first: columns.first + panel * LANES, ..columns };
                self.finish(isa, columns, rows, dots, out);
            }
        }
    }

    /// Scales the sums of a panel, adds the terms that do not depend on `q`, and applies the activation.
    #[inline(always)]
    fn finish<'a, I: Isa>(
        &self,
        isa: I,
        Columns { first, offset, store }: Columns,
        rows: &[Row],
        dots: impl Iterator<Item = &'a mut [i32; LANES]>,
        out: &mut [f32],
    ) {
        let n = self.outputs();
        let (column, width) = (first + offset, LANES.min(n - first));
        let scales = isa.load_or(&self.scales[column..], 0.0);
        let scaled_sums = isa.load_or(&self.scaled_sums[column..], 0.0);
        let bias = isa.load_or(&self.bias[column..], 0.0);
        for ((dots, row), out) in dots.zip(rows).zip(out.chunks_exact_mut(n)) {
            if self.corrected {
                self.correct(column, row, dots);
            }
            let scale = isa.splat(row.scale) * scales;
            let rest = isa.splat(row.min) * scaled_sums + bias;
            let y = isa.to_floats(dots) * scale + rest;
            store.store(isa, y, &mut out[first..][..width]);
        }
    }

    /// Turns raw sums into `sum q (v - z)`. Intermediate values may wrap, the result does not.
    #[inline(always)]
    fn correct(&self, column: usize, row: &Row, dots: &mut [i32; LANES]) {
        let [factor, offset] = [&self.packed.sum_factor, &self.packed.offset]
            .map(|values| values[column..].first_chunk::<LANES>().expect("whole panels"));
        // All lanes are read before any is written, so that the compiler can use vectors.
        *dots = from_fn(|i| {
            dots[i].wrapping_add(factor[i].wrapping_mul(row.sum)).wrapping_add(offset[i])
        });
    }
}

/// Quantizes one row into `acts`. The padding is quantized as if it were `min`.
///
/// If all values of a row are the same, or differ by so little that the reciprocal is infinite, every
/// `q` is 0. A NaN or an infinity makes the row's `min` NaN, and so all of its results.
#[inline(always)]
fn quantize<I: Isa>(isa: I, x: &[f32], acts: &mut [u8]) -> Row {
    let first = x.first().copied().unwrap_or(0.0);
    let (mut min, mut max) = (isa.splat(first), isa.splat(first));
    let (vectors, rest) = x.as_chunks();
    for x in vectors.iter().map(|x| isa.load(x)).chain([isa.load_or(rest, first)]) {
        min = min.min(x);
        max = max.max(x);
    }
    // Instruction sets differ in which of the two zeros they find. The addition makes both +0.
    let (min, max) = (min.min_lanes() + 0.0, max.max_lanes() + 0.0);
    let range = max - min;
    let factor = 255.0 / range;
    let factor = isa.splat(if factor.is_finite() { factor } else { 0.0 });
    let (lowest, magic) = (isa.splat(min), isa.splat(ROUND_MAGIC));
    // The integers stay below 2^24, so floats add them exactly.
    let mut sum = isa.splat(0.0);
    let mut acts = acts.chunks_exact_mut(LANES * I::ACT_BYTES);
    for (x, acts) in vectors.iter().zip(&mut acts) {
        let q = (isa.load(x) - lowest) * factor + magic;
        sum = sum + (q - magic);
        isa.store_acts(q, acts);
    }
    let mut rest = rest;
    for acts in acts {
        let q = (isa.load_or(rest, min) - lowest) * factor + magic;
        sum = sum + (q - magic);
        isa.store_acts(q, acts);
        rest = &[];
    }
    let sum = sum.sum_lanes();
    let min = if sum.is_nan() { f32::NAN } else { min };
    Row { min, scale: range / 255.0, sum: sum as i32 }
}
