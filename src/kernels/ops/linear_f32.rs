//! The f32 linear layer, and the float product that attention uses too.
//!
//! Every output is a lane that starts from zero and adds its products in the order of k, so the shape
//! of a tile cannot change a result.

use crate::kernels::dispatch::Kernel;
use crate::kernels::isa::contract::{Isa, Op};
use crate::kernels::isa::lanes::{F32x16, LANES};
use crate::kernels::math::{Activation, Store};

/// The number of rows that are multiplied by a panel before their results are finished.
const BLOCK_ROWS: usize = 32;

/// An f32 weight matrix in panels of sixteen columns, with its bias.
#[derive(Clone, Debug)]
pub struct LinearF32 {
    kernel: Kernel,
    k: usize,
    n: usize,
    /// Whether the second half of the columns are the factors of the first half.
    gated: bool,
    /// Panel by panel, and within a panel input by input.
    panels: Vec<[f32; LANES]>,
    bias: Vec<f32>,
}

impl LinearF32 {
    /// Packs a matrix of k inputs and n columns, `weights[i * n + c]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(kernel: Kernel, (k, n): (usize, usize), weights: &[f32], bias: &[f32]) -> LinearF32 {
        assert_eq!(weights.len(), k * n, "weights must be [k, n]");
        assert_eq!(bias.len(), n, "one bias for each column");
        let mut panels = vec![[0.0; LANES]; n.div_ceil(LANES) * k];
        for (input, row) in weights.chunks_exact(n.max(1)).enumerate() {
            for (panel, part) in row.chunks(LANES).enumerate() {
                panels[panel * k + input][..part.len()].copy_from_slice(part);
            }
        }
        LinearF32 { kernel, k, n, gated: false, panels, bias: bias.to_vec() }
    }

    /// As [`LinearI8::gated`](super::LinearI8::gated).
    ///
    /// # Panics
    /// If a half is not whole panels of sixteen columns.
    pub fn gated(self) -> LinearF32 {
        assert!(self.n.is_multiple_of(2 * LANES), "each half must be whole panels");
        LinearF32 { gated: true, ..self }
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
pub fn linear_f32(x: &[f32], linear: &LinearF32, activation: Activation, out: &mut [f32]) {
    let n = linear.outputs();
    let rows = x.len().checked_div(linear.k).unwrap_or(out.len() / n.max(1));
    assert_eq!(x.len(), rows * linear.k, "x must be [rows, k]");
    assert_eq!(out.len(), rows * n, "out must be [rows, n]");
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
        let (k, n) = (linear.k, linear.outputs());
        let halves = linear.n.checked_div(n).unwrap_or(0);
        let mut sums = [[0.0; LANES]; BLOCK_ROWS];
        for first in (0..rows).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(rows - first);
            let x = &x[first * k..];
            let out = &mut out[first * n..][..rows * n];
            for (first, half) in
                (0..n).step_by(LANES).flat_map(|c| (0..halves).map(move |h| (c, h)))
            {
                let (column, width) = (first + half * n, LANES.min(n - first));
                let store =
                    if half == 0 { Store::Activated(activation) } else { Store::Multiplied };
                let panel = &linear.panels[column / LANES * k..][..k];
                let sums = &mut sums[..rows];
                isa.run(Product::<false> {
                    rows,
                    depth: k,
                    panels: 1,
                    a: x,
                    a_stride: k,
                    b: panel.as_flattened(),
                    b_stride: LANES,
                    out: sums.as_flattened_mut(),
                    out_stride: LANES,
                    add: false,
                });
                let bias = isa.load_or(&linear.bias[column..], 0.0);
                for (sums, out) in sums.iter().zip(out.chunks_exact_mut(n)) {
                    store.store(isa, isa.load(sums) + bias, &mut out[first..][..width]);
                }
            }
        }
    }
}

/// The matrix product `out = a b`, or `out += a b`.
///
/// `a` is `[rows, depth]`, or `[depth, rows]` if it is `TRANSPOSED`; `b` is `[depth, panels * 16]`.
/// The rows of each matrix begin its stride apart.
pub(super) struct Product<'a, const TRANSPOSED: bool> {
    pub rows: usize,
    pub depth: usize,
    pub panels: usize,
    pub a: &'a [f32],
    pub a_stride: usize,
    pub b: &'a [f32],
    pub b_stride: usize,
    pub out: &'a mut [f32],
    pub out_stride: usize,
    /// Whether products are added to the sums that `out` holds. Otherwise it is overwritten.
    pub add: bool,
}

impl<const TRANSPOSED: bool> Op for Product<'_, TRANSPOSED> {
    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let mut panel = 0;
        if I::PANELS >= 2 {
            while panel + 2 <= self.panels {
                self.all_rows::<I, 2>(isa, panel);
                panel += 2;
            }
        }
        while panel < self.panels {
            self.all_rows::<I, 1>(isa, panel);
            panel += 1;
        }
    }
}

impl<const TRANSPOSED: bool> Product<'_, TRANSPOSED> {
    #[inline(always)]
    fn all_rows<I: Isa, const PANELS: usize>(&mut self, isa: I, panel: usize) {
        let mut row = 0;
        if I::TILE_ROWS >= 8 {
            row = self.tiles::<I, 8, PANELS>(isa, row, panel);
        }
        if I::TILE_ROWS >= 4 {
            row = self.tiles::<I, 4, PANELS>(isa, row, panel);
        }
        if I::TILE_ROWS >= 2 {
            row = self.tiles::<I, 2, PANELS>(isa, row, panel);
        }
        self.tiles::<I, 1, PANELS>(isa, row, panel);
    }

    /// Multiplies as many tiles as there are rows for, from `row` on. Returns the first row that is left.
    #[inline(always)]
    fn tiles<I: Isa, const ROWS: usize, const PANELS: usize>(
        &mut self,
        isa: I,
        mut row: usize,
        panel: usize,
    ) -> usize {
        while row + ROWS <= self.rows {
            self.tile::<I, ROWS, PANELS>(isa, row, panel);
            row += ROWS;
        }
        row
    }

    #[inline(always)]
    fn tile<I: Isa, const ROWS: usize, const PANELS: usize>(
        &mut self,
        isa: I,
        row: usize,
        panel: usize,
    ) {
        let Product { depth, a_stride, b_stride, .. } = *self;
        let last = depth.saturating_sub(1);
        let (a, extent) = match TRANSPOSED {
            true => (&self.a[row..], last * a_stride + ROWS),
            false => (&self.a[row * a_stride..], (ROWS - 1) * a_stride + depth),
        };
        let b = &self.b[panel * LANES..];
        assert!(depth == 0 || extent <= a.len());
        assert!(depth == 0 || last * b_stride + PANELS * LANES <= b.len());
        let out = &mut self.out[row * self.out_stride + panel * LANES..];

        let mut sums = [[isa.splat(0.0); PANELS]; ROWS];
        if self.add {
            for (r, sums) in sums.iter_mut().enumerate() {
                let out = out[r * self.out_stride..].as_chunks().0;
                for (sum, out) in sums.iter_mut().zip(out) {
                    *sum = isa.load(out);
                }
            }
        }
        for i in 0..depth {
            let mut columns = [isa.splat(0.0); PANELS];
            for (p, column) in columns.iter_mut().enumerate() {
                // SAFETY: `i <= last`, and row `last` of `b` is within bounds, as asserted above.
                let b = unsafe { b.get_unchecked(i * b_stride + p * LANES..) };
                // SAFETY: the same assertion leaves at least `LANES` floats there.
                *column = isa.load(unsafe { b.first_chunk().unwrap_unchecked() });
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let at = if TRANSPOSED { i * a_stride + r } else { r * a_stride + i };
                // SAFETY: `i <= last` and `r < ROWS`, so the index is within `a`, as asserted above.
                let x = isa.splat(unsafe { *a.get_unchecked(at) });
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = *sum + x * column;
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let out = out[r * self.out_stride..].as_chunks_mut().0;
            for (sum, out) in sums.into_iter().zip(out) {
                sum.store(out);
            }
        }
    }
}
