//! Layer normalization of the rows of a matrix, or of a sum of matrices.

use crate::kernels::dispatch::Kernel;
use crate::kernels::isa::contract::{Isa, Op};
use crate::kernels::isa::lanes::{F32x16, LANES};

/// The parameters of a layer norm: one `gamma` and one `beta` for each element of a row.
#[derive(Clone, Copy, Debug)]
pub struct NormParams<'a> {
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub eps: f32,
}

/// Adds `x` to `sum`, and normalizes the rows of the result: a residual connection that is normalized for
/// the next layer only.
///
/// # Panics
/// If `x`, `sum` and `out` do not hold the same number of whole rows.
pub fn sum_norm(kernel: Kernel, x: &[f32], sum: &mut [f32], params: NormParams, out: &mut [f32]) {
    assert_eq!(x.len(), sum.len(), "x must be as long as sum");
    kernel.run(Add { x, sum });
    add_norm(kernel, [sum], params, out);
}

struct Add<'a> {
    x: &'a [f32],
    sum: &'a mut [f32],
}

impl Op for Add<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        for (x, sum) in self.x.chunks(LANES).zip(self.sum.chunks_mut(LANES)) {
            (isa.load_or(x, 0.0) + isa.load_or(sum, 0.0)).store_first(sum);
        }
    }
}

/// Normalizes each row of the sum of `terms`, which are added in their order. One term is plain layer
/// norm, two are a residual connection, and three are BERT's embeddings.
///
/// `out = (x - mean) / sqrt(variance + eps) * gamma + beta`, with the biased variance.
///
/// # Panics
/// If the terms and `out` do not hold the same number of whole rows.
pub fn add_norm<const TERMS: usize>(
    kernel: Kernel,
    terms: [&[f32]; TERMS],
    params: NormParams,
    out: &mut [f32],
) {
    const { assert!(TERMS > 0) };
    let width = params.gamma.len();
    assert_eq!(params.beta.len(), width, "gamma and beta must have the same length");
    assert!(terms.iter().all(|term| term.len() == out.len()), "terms must be as long as out");
    assert_eq!(out.len() % width.max(1), 0, "out must be whole rows");
    if !out.is_empty() {
        assert!(width > 0, "rows must not be empty");
        kernel.run(AddNorm { terms, params, out });
    }
}

struct AddNorm<'a, const TERMS: usize> {
    terms: [&'a [f32]; TERMS],
    params: NormParams<'a>,
    out: &'a mut [f32],
}

impl<const TERMS: usize> Op for AddNorm<'_, TERMS> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let AddNorm { terms, params, out } = self;
        let width = params.gamma.len();
        let count = width as f32;
        for (index, out) in out.chunks_exact_mut(width).enumerate() {
            let rows = terms.map(|term| &term[index * width..][..width]);
            let mut sum = isa.splat(0.0);
            for start in (0..width).step_by(LANES) {
                let mut x = isa.load_or(&rows[0][start..], 0.0);
                for row in &rows[1..] {
                    x = x + isa.load_or(&row[start..], 0.0);
                }
                sum = sum + x;
                let end = width.min(start + LANES);
                x.store_first(&mut out[start..end]);
            }
            let mean = sum.sum_lanes() / count;
            let means = isa.splat(mean);
            let mut squares = isa.splat(0.0);
            for x in out.chunks(LANES) {
                let centred = isa.load_or(x, mean) - means;
                squares = squares + centred * centred;
            }
            let variance = squares.sum_lanes() / count;
            let inverse = isa.splat(1.0 / (variance + params.eps).sqrt());
            for (i, out) in out.chunks_mut(LANES).enumerate() {
                let centred = isa.load_or(out, mean) - means;
                let gamma = isa.load_or(&params.gamma[i * LANES..], 0.0);
                let beta = isa.load_or(&params.beta[i * LANES..], 0.0);
                (centred * inverse * gamma + beta).store_first(out);
            }
        }
    }
}
