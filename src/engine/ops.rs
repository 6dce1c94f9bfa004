//! The operators of a fused encoder, as tract runs them.
//!
//! They work on ragged batches: the tokens of all sequences one after another, `[tokens, width]`,
//! and the offsets at which sequences begin and end, `[sequences + 1]`.

use std::fmt;

use tract_onnx::tract_hir::internal::*;

use crate::kernels::{
    Activation, AttentionScratch, Heads, Int8Scratch, Kernel, LinearF32, LinearI8, NormParams,
    add_norm, aligned, attention, linear_f32, linear_i8,
};
use crate::model::{self, Norm, Table, Values};

/// Token ids and segment ids to states: the sum of three embeddings, normalized.
/// A token's position is its distance from the start of its sequence.
#[derive(Clone, Debug)]
pub(super) struct Embed(pub Arc<EmbedWeights>);

pub(super) struct EmbedWeights {
    pub kernel: Kernel,
    pub words: Table,
    pub positions: Table,
    pub segments: Table,
    pub norm: Norm,
}

/// `activation(x w + bias)` for each token.
#[derive(Clone, Debug)]
pub(super) struct Linear(pub Arc<LinearWeights>);

pub(super) struct LinearWeights {
    packed: Packed,
    activation: Activation,
}

enum Packed {
    Int8(LinearI8),
    F32(LinearF32),
}

/// Attention within each sequence, from queries, keys and values side by side.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    pub kernel: Kernel,
    pub heads: usize,
}

/// `norm(last(...first(x)) + residual)`: what closes each half of a transformer layer.
///
/// It works on a block of tokens at a time, so that what lies between its layers, the widest of
/// all activations, stays in the cache.
#[derive(Clone, Debug)]
pub(super) struct Residual(pub Arc<ResidualWeights>);

#[derive(Debug)]
pub(super) struct ResidualWeights {
    pub kernel: Kernel,
    pub linears: Vec<LinearWeights>,
    pub norm: Norm,
}

/// Tokens of a block of [`Residual`].
const BLOCK_TOKENS: usize = 32;

/// The first token of each sequence.
#[derive(Clone, Debug)]
pub(super) struct FirstToken;

impl LinearWeights {
    /// Packs a layer for a kernel.
    pub fn new(kernel: Kernel, linear: &model::Linear, activation: Activation) -> LinearWeights {
        let shape = (linear.inputs, linear.outputs);
        let packed = match &linear.weights {
            Values::Int8 { values, scales, zero_points } => Packed::Int8(LinearI8::new(
                kernel,
                shape,
                values,
                scales,
                zero_points,
                &linear.bias,
            )),
            Values::F32(values) => Packed::F32(LinearF32::new(kernel, shape, values, &linear.bias)),
        };
        LinearWeights { packed, activation }
    }

    fn outputs(&self) -> usize {
        match &self.packed {
            Packed::Int8(linear) => linear.outputs(),
            Packed::F32(linear) => linear.outputs(),
        }
    }
}

// tract wants its operators printable; weights are too long to print.
impl fmt::Debug for LinearWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} outputs, {:?}", self.outputs(), self.activation)
    }
}

impl fmt::Debug for EmbedWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words", self.words.rows)
    }
}

/// A value as `[rows, width]` floats.
fn floats(value: &TValue) -> TractResult<&[f32]> {
    value.try_as_plain_ram()?.as_slice()
}

fn numbers(value: &TValue) -> TractResult<&[i64]> {
    value.try_as_plain_ram()?.as_slice()
}

fn offsets(value: &TValue) -> TractResult<Vec<usize>> {
    Ok(numbers(value)?.iter().map(|&offset| offset as usize).collect())
}

/// A tensor of `[rows, width]` that `fill` writes.
fn output(
    rows: usize,
    width: usize,
    fill: impl FnOnce(&mut [f32]) -> TractResult<()>,
) -> TractResult<TVec<TValue>> {
    let mut tensor = Tensor::zero::<f32>(&[rows, width])?;
    fill(tensor.try_as_plain_ram_mut()?.as_slice_mut()?)?;
    Ok(tvec!(tensor.into_tvalue()))
}

impl Embed {
    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let weights = &*self.0;
        let (ids, segments) = (numbers(&inputs[0])?, numbers(&inputs[1])?);
        let offsets = offsets(&inputs[2])?;
        let positions: Vec<i64> =
            offsets.windows(2).flat_map(|pair| 0..(pair[1] - pair[0]) as i64).collect();
        let width = weights.norm.gamma.len();
        let words = rows(&weights.words, ids, width)?;
        let segments = rows(&weights.segments, segments, width)?;
        let positions = rows(&weights.positions, &positions, width)?;
        output(ids.len(), width, |out| {
            let terms = [&words[..], &segments, &positions];
            add_norm(weights.kernel, terms, params(&weights.norm), out);
            Ok(())
        })
    }
}

/// The rows of a table in f32.
fn rows(table: &Table, numbers: &[i64], width: usize) -> TractResult<Vec<f32>> {
    let mut out = Vec::with_capacity(numbers.len() * width);
    for &number in numbers {
        let row = usize::try_from(number).ok().filter(|&row| row < table.rows);
        let row = row.with_context(|| format!("{number} is not one of {} rows", table.rows))?;
        table.values.extend_row(row, width, &mut out);
    }
    Ok(out)
}

impl LinearWeights {
    fn apply(&self, x: &[f32], out: &mut [f32], scratch: &mut Int8Scratch) {
        match &self.packed {
            Packed::Int8(linear) => linear_i8(x, linear, self.activation, out, scratch),
            Packed::F32(linear) => linear_f32(x, linear, self.activation, out),
        }
    }
}

impl Linear {
    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let x = floats(&inputs[0])?;
        output(inputs[0].shape()[0], self.0.outputs(), |out| {
            self.0.apply(x, out, &mut Int8Scratch::default());
            Ok(())
        })
    }
}

impl Attention {
    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let qkv = floats(&inputs[0])?;
        let hidden = inputs[0].shape()[1] / 3;
        let dim = hidden / self.heads;
        let heads = Heads { count: self.heads, dim, scale: 1.0 / (dim as f32).sqrt() };
        let offsets = offsets(&inputs[1])?;
        output(inputs[0].shape()[0], hidden, |out| {
            let mut scratch = AttentionScratch::default();
            attention(self.kernel, qkv, &offsets, heads, out, &mut scratch);
            Ok(())
        })
    }
}

impl Residual {
    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let ResidualWeights { kernel, linears, norm } = &*self.0;
        let (x, residual) = (floats(&inputs[0])?, floats(&inputs[1])?);
        let (&[rows, x_width], width) = (inputs[0].shape(), norm.gamma.len()) else {
            bail!("states are a matrix")
        };
        let mut scratch = Int8Scratch::default();
        let mut between: Vec<Vec<f32>> = linears.iter().map(|_| Vec::new()).collect();
        output(rows, width, |out| {
            let blocks = x
                .chunks(BLOCK_TOKENS * x_width)
                .zip(residual.chunks(BLOCK_TOKENS * width))
                .zip(out.chunks_mut(BLOCK_TOKENS * width));
            for ((mut x, residual), out) in blocks {
                let tokens = x.len() / x_width;
                for (linear, result) in linears.iter().zip(&mut between) {
                    let result = aligned(result, tokens * linear.outputs());
                    linear.apply(x, result, &mut scratch);
                    x = result;
                }
                add_norm(*kernel, [x, residual], params(norm), out);
            }
            Ok(())
        })
    }
}

impl FirstToken {
    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let states = floats(&inputs[0])?;
        let width = inputs[0].shape()[1];
        let offsets = offsets(&inputs[1])?;
        let firsts = &offsets[..offsets.len() - 1];
        output(firsts.len(), width, |out| {
            for (row, &first) in out.chunks_exact_mut(width).zip(firsts) {
                row.copy_from_slice(&states[first * width..][..width]);
            }
            Ok(())
        })
    }
}

fn params(norm: &Norm) -> NormParams<'_> {
    NormParams { gamma: &norm.gamma, beta: &norm.beta, eps: norm.eps }
}

/// Makes a type an operator of tract: its name, and the shape of its output from those of its
/// inputs.
macro_rules! operator {
    ($type:ty, $name:literal, |$op:ident, $inputs:ident| $shape:expr) => {
        // Operators are never compared: a fused plan is not optimised further.
        impl PartialEq for $type {
            fn eq(&self, _: &Self) -> bool {
                false
            }
        }

        impl Eq for $type {}

        impl Op for $type {
            fn name(&self) -> StaticName {
                $name.into()
            }

            op_as_typed_op!();
        }

        impl EvalOp for $type {
            op_out_of_plan!();

            fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
                self.run(&inputs)
            }
        }

        impl TypedOp for $type {
            fn output_facts(&self, $inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
                let $op = self;
                let shape: [TDim; 2] = $shape;
                Ok(tvec!(f32::fact(shape)))
            }

            as_op!();
        }
    };
}

operator!(Embed, "EmbedNorm", |op, inputs| {
    [inputs[0].shape[0].clone(), op.0.norm.gamma.len().to_dim()]
});
operator!(Linear, "Linear", |op, inputs| [inputs[0].shape[0].clone(), op.0.outputs().to_dim()]);
operator!(Attention, "RaggedAttention", |_op, inputs| {
    [inputs[0].shape[0].clone(), inputs[0].shape[1].clone() / 3]
});
operator!(Residual, "ResidualNorm", |op, inputs| {
    [inputs[0].shape[0].clone(), op.0.norm.gamma.len().to_dim()]
});
operator!(FirstToken, "FirstToken", |_op, inputs| {
    [inputs[1].shape[0].clone() - 1, inputs[0].shape[1].clone()]
});
