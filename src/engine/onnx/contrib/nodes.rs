//! Operators that stand for a few nodes.

use super::expansion::{Expansion, float, int, text};
use crate::engine::onnx::graph::attribute;
use crate::engine::onnx::proto::{Attribute, DataType};

/// The epsilon of norms that have no attribute of that name.
const EPSILON: f32 = 1e-12;

/// `Gelu(x)` and `BiasGelu(x, bias)`.
pub(super) fn gelu(e: &mut Expansion) -> Option<()> {
    activated(e, vec![])
}

/// `FastGelu(x, bias)`: the approximation by tanh.
pub(super) fn fast_gelu(e: &mut Expansion) -> Option<()> {
    activated(e, vec![text("approximate", "tanh")])
}

fn activated(e: &mut Expansion, settings: Vec<Attribute>) -> Option<()> {
    let x = e.input(0)?.to_owned();
    let sum = e.plus(x, e.input(1));
    let y = e.add_with("Gelu", &[&sum], settings);
    e.give(0, &y);
    Some(())
}

/// `x * sigmoid(alpha * x)`.
pub(super) fn quick_gelu(e: &mut Expansion) -> Option<()> {
    let x = e.input(0)?;
    let scaled = e.times(x.to_owned(), e.float("alpha", 1.702));
    let sigmoid = e.add("Sigmoid", &[&scaled]);
    let y = e.add("Mul", &[x, &sigmoid]);
    e.give(0, &y);
    Some(())
}

/// `Softmax(x + bias)` over the last axis of four.
pub(super) fn bias_softmax(e: &mut Expansion) -> Option<()> {
    matches!(e.int("axis", 1), -1 | 3).then_some(())?;
    let sum = e.add("Add", &[e.input(0)?, e.input(1)?]);
    let y = e.add_with("Softmax", &[&sum], vec![int("axis", -1)]);
    e.give(0, &y);
    Some(())
}

/// `LayerNormalization(input + skip + bias)`, and that sum.
pub(super) fn skip_layer_normalization(e: &mut Expansion) -> Option<()> {
    let (input, skip, gamma, beta) = (e.input(0)?, e.input(1)?, e.input(2)?, e.input(3));
    let biased = e.plus(input.to_owned(), e.input(4));
    let sum = e.add("Add", &[&biased, skip]);
    let y = norm(e, &sum, gamma, beta);
    e.give(0, &y);
    e.give(3, &sum);
    Some(())
}

/// `EmbedLayerNormalization(ids, types, tokens, positions, type table, gamma, beta, mask, position ids)`: the
/// sum of the rows of three tables, normalized.
///
/// Its second output is the number of tokens that are no padding. Only `Attention` reads it, whose expansion
/// does not.
pub(super) fn embed_layer_normalization(e: &mut Expansion) -> Option<()> {
    let positions = e.input(8).map(str::to_owned);
    embed(e, positions, |e, index| e.input(index).map(str::to_owned), |_, _, rows| Some(rows))
}

/// The same with quantized constants, whose scales and zero points are inputs from 8 and from 13 on.
pub(super) fn quantized_embed_layer_normalization(e: &mut Expansion) -> Option<()> {
    fn dequantized(e: &mut Expansion, index: usize, numbers: &str) -> Option<String> {
        let (scale, zero) = (e.input(index + 6)?, e.input(index + 11)?);
        Some(e.add("DequantizeLinear", &[numbers, scale, zero]))
    }
    let constant = |e: &mut Expansion, index| {
        let numbers = e.input(index)?;
        dequantized(e, index, numbers)
    };
    embed(e, None, constant, |e, index, rows| dequantized(e, index, &rows))
}

/// The norm of the sum of embeddings. `constant` gives an input of the norm, and `floats` what gathered rows
/// of the table at an index are in floats.
fn embed(
    e: &mut Expansion,
    positions: Option<String>,
    constant: impl Fn(&mut Expansion, usize) -> Option<String>,
    floats: impl Fn(&mut Expansion, usize, String) -> Option<String>,
) -> Option<()> {
    let ids = e.input(0)?;
    let positions = positions.unwrap_or_else(|| {
        let shape = e.add("Shape", &[ids]);
        let [start, one] = [0, 1].map(|number| e.integers(&[], &[number]));
        let length = e.add("Gather", &[&shape, &one]);
        e.add("Range", &[&start, &length, &one])
    });
    let rows = |e: &mut Expansion, table: usize, ids: &str| {
        let rows = e.add("Gather", &[e.input(table)?, ids]);
        floats(e, table, rows)
    };
    let (tokens, positions) = (rows(e, 2, ids)?, rows(e, 3, &positions)?);
    let mut sum = e.add("Add", &[&tokens, &positions]);
    if let (Some(types), Some(_)) = (e.input(1), e.input(4)) {
        let types = rows(e, 4, types)?;
        sum = e.add("Add", &[&sum, &types]);
    }
    let (gamma, beta) = (constant(e, 5)?, constant(e, 6)?);
    let y = norm(e, &sum, &gamma, Some(&beta));
    e.give(0, &y);
    e.give(2, &sum);
    Some(())
}

fn norm(e: &mut Expansion, x: &str, gamma: &str, beta: Option<&str>) -> String {
    let epsilon = float("epsilon", e.float("epsilon", EPSILON));
    let inputs: Vec<&str> = [x, gamma].into_iter().chain(beta).collect();
    e.add_with("LayerNormalization", &inputs, vec![epsilon, int("axis", -1)])
}

/// `alpha * a * b`, where the last two axes of a factor may be exchanged.
pub(super) fn fused_matmul(e: &mut Expansion) -> Option<()> {
    ["transBatchA", "transBatchB"].iter().all(|name| e.int(name, 0) == 0).then_some(())?;
    let mut factor = |index: usize, flag: &str| {
        let name = e.input(index)?;
        if e.int(flag, 0) == 0 {
            return Some(name.to_owned());
        }
        let mut axes: Vec<i64> = (0..rank(e, name, MAX_DEPTH)? as i64).collect();
        let last = axes.len().checked_sub(2)?;
        axes[last..].reverse();
        Some(e.transpose(name, &axes))
    };
    let (a, b) = (factor(0, "transA")?, factor(1, "transB")?);
    let product = e.add("MatMul", &[&a, &b]);
    let y = e.times(product, e.float("alpha", 1.0));
    e.give(0, &y);
    Some(())
}

/// How many operators back the number of axes of a value is looked for.
const MAX_DEPTH: usize = 16;

/// The number of axes of a value, as far as the operators that it is made by show.
fn rank(e: &Expansion, name: &str, depth: usize) -> Option<usize> {
    let depth = depth.checked_sub(1)?;
    let Some(node) = e.producer(name) else { return e.shape_of_constant(name).map(|s| s.len()) };
    let of = |index: usize| rank(e, node.input.get(index)?, depth);
    let perm = attribute(node, "perm").map(|perm| perm.ints.len());
    let axes = || match (attribute(node, "axes"), node.input.get(1)) {
        (Some(axes), _) => Some(axes.ints.len()),
        (None, Some(axes)) => Some(e.shape_of_constant(axes)?.iter().product()),
        (None, None) => None,
    };
    match node.op_type.as_str() {
        "Transpose" => perm.or_else(|| of(0)),
        "Reshape" => length(e, node.input.get(1)?, depth),
        "Squeeze" => of(0)?.checked_sub(axes()?),
        "Unsqueeze" => Some(of(0)? + axes()?),
        "Add" | "Sub" | "Mul" | "Div" | "MatMul" => [of(0), of(1)].into_iter().flatten().max(),
        "Cast" | "Identity" | "Neg" | "Slice" | "Split" | "Concat" | "Tile" | "Softmax" => of(0),
        _ => None,
    }
}

/// The number of elements of a value of one axis, which is a shape.
fn length(e: &Expansion, name: &str, depth: usize) -> Option<usize> {
    let depth = depth.checked_sub(1)?;
    match e.producer(name) {
        None => e.shape_of_constant(name)?.first().copied(),
        Some(node) if node.op_type == "Concat" => {
            node.input.iter().map(|part| length(e, part, depth)).sum()
        }
        Some(node) if node.op_type == "Unsqueeze" => Some(1),
        Some(node) if ["Cast", "Identity", "Reshape"].contains(&&*node.op_type) => {
            length(e, node.input.first()?, depth)
        }
        Some(_) => None,
    }
}

/// `Gemm` and an activation.
pub(super) fn fused_gemm(e: &mut Expansion) -> Option<()> {
    let activation = match e.text("activation") {
        b"Relu" => "Relu",
        b"Tanh" => "Tanh",
        b"Sigmoid" => "Sigmoid",
        _ => return None,
    };
    let inputs: Vec<&str> = (0..3).filter_map(|index| e.input(index)).collect();
    let floats = ["alpha", "beta"].map(|name| float(name, e.float(name, 1.0)));
    let flags = ["transA", "transB"].map(|name| int(name, e.int(name, 0)));
    let product = e.add_with("Gemm", &inputs, floats.into_iter().chain(flags).collect());
    let y = e.add(activation, &[&product]);
    e.give(0, &y);
    Some(())
}

/// `matmul_integer(a, b) * a_scale * b_scale + bias`.
pub(super) fn matmul_integer_to_float(e: &mut Expansion) -> Option<()> {
    let a = Quantized { numbers: e.input(0)?, scale: e.input(2)?, zero: e.input(4) };
    let b = Quantized { numbers: e.input(1)?, scale: e.input(3)?, zero: e.input(5) };
    let y = integer_product(e, &a, &b)?;
    let y = e.plus(y, e.input(6));
    e.give(0, &y);
    Some(())
}

/// [`matmul_integer_to_float`] of floats, which are quantized to 8 bits.
pub(super) fn dynamic_quantize_matmul(e: &mut Expansion) -> Option<()> {
    let quantized = e.add_outputs("DynamicQuantizeLinear", &[e.input(0)?], vec![], 3);
    let [a, scale, zero] = quantized.as_slice() else { return None };
    let a = Quantized { numbers: a, scale, zero: Some(zero) };
    let b = Quantized { numbers: e.input(1)?, scale: e.input(2)?, zero: e.input(3) };
    let y = integer_product(e, &a, &b)?;
    let y = e.plus(y, e.input(4));
    e.give(0, &y);
    Some(())
}

/// A value in 8 bits.
pub(super) struct Quantized<'a> {
    pub numbers: &'a str,
    pub scale: &'a str,
    pub zero: Option<&'a str>,
}

/// The product of two values in 8 bits, in floats.
pub(super) fn integer_product(e: &mut Expansion, a: &Quantized, b: &Quantized) -> Option<String> {
    let inputs = [a.numbers, b.numbers, a.zero?].into_iter().chain(b.zero);
    let product = e.add("MatMulInteger", &inputs.collect::<Vec<_>>());
    let product = e.add_with("Cast", &[&product], vec![int("to", DataType::Float as i64)]);
    let scale = e.add("Mul", &[a.scale, b.scale]);
    Some(e.add("Mul", &[&product, &scale]))
}
