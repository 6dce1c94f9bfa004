//! Attention as one operator.
//!
//! An attention mask is left out: each sequence is computed without padding, so that it masks nothing.

use super::expansion::{Expansion, int};
use super::nodes::{Quantized, integer_product};
use crate::engine::onnx::proto::DataType;

/// The states that queries, keys and values are made of, and what is added to their scores.
struct Parts<'a> {
    states: [String; 3],
    bias: Option<&'a str>,
}

/// `Attention(x, weights, bias, mask, past, attention_bias)`.
pub(super) fn attention(e: &mut Expansion) -> Option<()> {
    is_plain(e)?;
    e.input(4).is_none().then_some(())?;
    e.no_inputs_from(6)?;
    masks_nothing(e, 3)?;
    let product = e.add("MatMul", &[e.input(0)?, e.input(1)?]);
    let states = e.plus(product, e.input(2));
    let states = thirds(e, &states)?;
    let bias = e.input(5);
    attend(e, Parts { states, bias })
}

/// `QAttention(x, weights, bias, x_scale, weights_scale, mask, x_zero, weights_zero, past)`.
pub(super) fn quantized_attention(e: &mut Expansion) -> Option<()> {
    is_plain(e)?;
    e.no_inputs_from(8)?;
    masks_nothing(e, 5)?;
    let x = Quantized { numbers: e.input(0)?, scale: e.input(3)?, zero: e.input(6) };
    let weights = Quantized { numbers: e.input(1)?, scale: e.input(4)?, zero: e.input(7) };
    let product = integer_product(e, &x, &weights)?;
    let states = e.plus(product, e.input(2));
    let states = thirds(e, &states)?;
    attend(e, Parts { states, bias: None })
}

/// `MultiHeadAttention(queries, keys, values, bias, mask, attention_bias, ...)`.
pub(super) fn multi_head_attention(e: &mut Expansion) -> Option<()> {
    is_plain(e)?;
    e.no_inputs_from(6)?;
    masks_nothing(e, 4)?;
    let mut states = [e.input(0)?, e.input(1)?, e.input(2)?].map(str::to_owned);
    if e.input(3).is_some() {
        let biases = e.constant(3)?.floats()?;
        let width = biases.len() / 3;
        (biases.len() == 3 * width && width > 0).then_some(())?;
        states = std::array::from_fn(|i| {
            let bias = e.floats(&[width], &biases[i * width..][..width]);
            e.add("Add", &[&states[i], &bias])
        });
    }
    let bias = e.input(5);
    attend(e, Parts { states, bias })
}

/// `Some` if every token attends to every other one, and nothing else about them differs from BERT.
fn is_plain(e: &Expansion) -> Option<()> {
    ["unidirectional", "do_rotary"].iter().all(|name| e.int(name, 0) == 0).then_some(())
}

/// `Some` if an input is left out, or is the attention mask, in the type or in the form that the operator
/// asks for.
fn masks_nothing(e: &Expansion, index: usize) -> Option<()> {
    let Some(mut name) = e.input(index) else { return Some(()) };
    while name != "attention_mask" {
        let node = e.producer(name)?;
        let input = match node.op_type.as_str() {
            // The sum is the number of tokens.
            "Cast" | "ReduceSum" => 0,
            "EmbedLayerNormalization" | "QEmbedLayerNormalization" => 7,
            _ => return None,
        };
        name = node.input.get(input)?;
    }
    Some(())
}

/// Queries, keys and values, which are computed side by side with the weights at input 1.
fn thirds(e: &mut Expansion, x: &str) -> Option<[String; 3]> {
    let [_, columns] = e.constant(1)?.shape[..] else { return None };
    let width = columns.is_multiple_of(3).then_some(columns as i64 / 3)?;
    let axis = e.integers(&[1], &[-1]);
    Some([0, 1, 2].map(|part| {
        let [start, end] = [part, part + 1].map(|at| e.integers(&[1], &[at * width]));
        e.add("Slice", &[x, &start, &end, &axis])
    }))
}

/// `softmax(scale * queries keys + bias) values` for each head.
fn attend(e: &mut Expansion, Parts { states, bias }: Parts) -> Option<()> {
    let heads = e.int("num_heads", 0);
    let heads = e.integers(&[4], &[0, 0, heads, -1]);
    let split = states.map(|states| e.add("Reshape", &[&states, &heads]));
    let [queries, values] = [0, 2].map(|i: usize| e.transpose(&split[i], &[0, 2, 1, 3]));
    let keys = e.transpose(&split[1], &[0, 2, 3, 1]);
    let product = e.add("MatMul", &[&queries, &keys]);
    let scores = match e.float("scale", 0.0) {
        0.0 => {
            let shape = e.add("Shape", &[&queries]);
            let last = e.integers(&[], &[-1]);
            let width = e.add("Gather", &[&shape, &last]);
            let width = e.add_with("Cast", &[&width], vec![int("to", DataType::Float as i64)]);
            let root = e.add("Sqrt", &[&width]);
            e.add("Div", &[&product, &root])
        }
        scale => e.times(product, scale),
    };
    let scores = e.plus(scores, bias);
    let weights = e.add_with("Softmax", &[&scores], vec![int("axis", -1)]);
    let states = e.add("MatMul", &[&weights, &values]);
    let states = e.transpose(&states, &[0, 2, 1, 3]);
    let whole = e.integers(&[3], &[0, 0, -1]);
    let states = e.add("Reshape", &[&states, &whole]);
    e.give(0, &states);
    Some(())
}
