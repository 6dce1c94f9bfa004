//! The f32 linear layer, and the float tile that attention uses too.
//!
//! Every output adds its products in the order of k, starting from zero, in a lane of its own:
//! the tile's shape cannot change a result.

use super::Kernel;
use super::math::Activation;
use super::simd::{F32x16, Isa, LANES, Op};

/// Rows that one panel passes over before its results are finished.
const BLOCK_ROWS: usize = 32;

/// A f32 weight matrix in panels of sixteen columns, with its bias.
#[derive(Clone, Debug)]
pub struct LinearF32 {
    kernel: Kernel,
    k: usize,
    n: usize,
    /// Panel by panel, and within a panel input by input.
    panels: Vec<[f32; LANES]>,
    bias: Vec<f32>,
}

impl LinearF32 {
    /// Pack a matrix of k inputs and n columns, `weights[i * n + c]`.
    ///
    /// # Panics
    /// Where a length does not fit.
    pub fn new(kernel: Kernel, (k, n): (usize, usize), weights: &[f32], bias: &[f32]) -> LinearF32 {
        assert_eq!(weights.len(), k * n, "weights must be [k, n]");
        assert_eq!(bias.len(), n, "one bias for each column");
        let mut panels = vec![[0.0; LANES]; n.div_ceil(LANES) * k];
        for (input, row) in weights.chunks_exact(n.max(1)).enumerate() {
            for (panel, part) in row.chunks(LANES).enumerate() {
                panels[panel * k + input][..part.len()].copy_from_slice(part);
            }
        }
        LinearF32 { kernel, k, n, panels, bias: bias.to_vec() }
    }

    /// Columns of the output.
    pub fn outputs(&self) -> usize {
        self.n
    }
}

/// `out = activation(x w + bias)` for `x` of `[rows, k]` and `out` of `[rows, n]`.
///
/// # Panics
/// Where `x` and `out` are not whole rows of the same number.
pub fn linear_f32(x: &[f32], linear: &LinearF32, activation: Activation, out: &mut [f32]) {
    let rows = x.len().checked_div(linear.k).unwrap_or(out.len() / linear.n.max(1));
    assert_eq!(x.len(), rows * linear.k, "x must be [rows, k]");
    assert_eq!(out.len(), rows * linear.n, "out must be [rows, n]");
    if !out.is_empty() {
        linear.kernel.run(Linear { x, rows, linear, activation, out });
    }
}

struct Linear<'a> {
    x: &'a [f32],
    rows: usize,
    linear: &'a LinearF32,
    activation: Activation,
    out: &'a mut [f32],
}

impl Op for Linear<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Linear { x, rows, linear, activation, out } = self;
        let (k, n) = (linear.k, linear.n);
        let mut sums = [[0.0; LANES]; BLOCK_ROWS];
        for first in (0..rows).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(rows - first);
            let x = Rows { values: &x[first * k..], stride: k };
            let out = &mut out[first * n..][..rows * n];
            for column in (0..n).step_by(LANES) {
                let width = LANES.min(n - column);
                let panel = &linear.panels[column / LANES * k..][..k];
                let sums = &mut sums[..rows];
                sums.fill([0.0; LANES]);
                product(isa, x, panel, sums.as_flattened_mut(), LANES);
                let bias = isa.load_or(&linear.bias[column..], 0.0);
                for (sums, out) in sums.iter().zip(out.chunks_exact_mut(n)) {
                    let y = activation.apply(isa, isa.load(sums) + bias);
                    y.store_first(&mut out[column..][..width]);
                }
            }
        }
    }
}

/// Rows of floats, each beginning `stride` after the one before.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub values: &'a [f32],
    pub stride: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn row(self, index: usize, len: usize) -> &'a [f32] {
        &self.values[index * self.stride..][..len]
    }
}

/// Multiply rows with a panel and add the products one after another to `out`: sixteen results
/// for each row that begins there, in rows that are `out_stride` apart.
#[inline(always)]
pub(super) fn product<I: Isa>(
    isa: I,
    a: Rows,
    panel: &[[f32; LANES]],
    out: &mut [f32],
    out_stride: usize,
) {
    let mut row = 0;
    if I::TILE_ROWS >= 8 {
        row = tiles::<I, 8>(isa, a, row, panel, out, out_stride);
    }
    if I::TILE_ROWS >= 4 {
        row = tiles::<I, 4>(isa, a, row, panel, out, out_stride);
    }
    if I::TILE_ROWS >= 2 {
        row = tiles::<I, 2>(isa, a, row, panel, out, out_stride);
    }
    tiles::<I, 1>(isa, a, row, panel, out, out_stride);
}

/// As many tiles as there are rows for, from `row` on. Returns the first row that is left.
#[inline(always)]
fn tiles<I: Isa, const ROWS: usize>(
    isa: I,
    a: Rows,
    mut row: usize,
    panel: &[[f32; LANES]],
    out: &mut [f32],
    out_stride: usize,
) -> usize {
    let rows = out.len().div_ceil(out_stride);
    while row + ROWS <= rows {
        tile::<I, ROWS>(isa, a, row, panel, out, out_stride);
        row += ROWS;
    }
    row
}

#[inline(always)]
fn tile<I: Isa, const ROWS: usize>(
    isa: I,
    a: Rows,
    first: usize,
    panel: &[[f32; LANES]],
    out: &mut [f32],
    out_stride: usize,
) {
    let mut rows = [&[][..]; ROWS];
    for (r, row) in rows.iter_mut().enumerate() {
        *row = a.row(first + r, panel.len());
    }
    let mut sums = [isa.splat(0.0); ROWS];
    for (r, sum) in sums.iter_mut().enumerate() {
        *sum = isa.load_or(&out[(first + r) * out_stride..][..LANES], 0.0);
    }
    for (i, b) in panel.iter().enumerate() {
        let b = isa.load(b);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = *sum + isa.splat(row[i]) * b;
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        sum.store_first(&mut out[(first + r) * out_stride..][..LANES]);
    }
}
