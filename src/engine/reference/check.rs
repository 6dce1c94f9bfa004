//! Whether a loaded graph gives what the reference gives.

use anyhow::{Result, ensure};

use super::evaluator::evaluate;
use super::tensor::Tensor;
use super::work::is_quick;
use crate::engine::onnx::proto::{DataType, Model};
use crate::tokenizer::Encoding;

/// The result of a check.
#[derive(Debug, PartialEq)]
pub(in crate::engine) enum Verdict {
    Right,
    /// There was no check. This is why.
    Unchecked(String),
    /// How the output differs.
    Wrong(String),
}

/// What a graph reads for a sequence: the names of its inputs, and their rows.
pub(in crate::engine) type Rows = Vec<(&'static str, Vec<i64>)>;

/// The shape of an output, and its numbers.
pub(in crate::engine) type Numbers = (Vec<usize>, Vec<f32>);

/// The tokens and the token types of the two pairs. They are few, because the time of the check grows
/// with them.
const PAIRS: [([u32; 3], [u32; 3]); 2] = [([0, 7, 2], [0, 0, 1]), ([3, 11, 4], [0, 1, 1])];
/// The number of tokens in all pairs.
const TOKENS: usize = PAIRS.len() * PAIRS[0].0.len();

/// The largest difference from the reference, relative to numbers above 1. Only the order of sums
/// differs.
const TOLERANCE: f32 = 0.01;
/// The same for a graph that rounds within, where a sum that differs in its last bit may be rounded to
/// the next number.
const ROUNDED_TOLERANCE: f32 = 0.1;

/// Compares the `output` of a loaded graph with the reference. `rows` gives what it reads for a
/// sequence, and `run` computes it. `vocabulary` is the number of tokens that it knows.
///
/// # Errors
/// The graph fails on a short text.
pub(in crate::engine) fn check(
    model: &Model,
    output: &str,
    vocabulary: Option<usize>,
    rows: impl Fn(&Encoding) -> Rows,
    run: impl Fn(&Encoding) -> Result<Numbers>,
) -> Result<Verdict> {
    if !is_quick(model, TOKENS) {
        return Ok(Verdict::Unchecked("a check would take long for a model of this size".into()));
    }
    let vocabulary = vocabulary.and_then(|size| size.try_into().ok()).unwrap_or(u32::MAX).max(1);
    let sequences = PAIRS.map(|(ids, type_ids)| Encoding {
        ids: ids.iter().map(|id| id % vocabulary).collect(),
        type_ids: type_ids.to_vec(),
        query_truncated: false,
        document_truncated: false,
    });
    let expected = match outputs(model, sequences.iter().map(rows), output) {
        Ok(expected) => expected,
        Err(reason) => return Ok(Verdict::Unchecked(format!("{reason:#}"))),
    };
    let tolerance = if rounds(model) { ROUNDED_TOLERANCE } else { TOLERANCE };
    for (sequence, (expected_shape, expected)) in sequences.iter().zip(expected) {
        let (shape, numbers) = run(sequence)?;
        if shape != expected_shape {
            return Ok(Verdict::Wrong(format!(
                "the shape of {output} is {shape:?}, and should be {expected_shape:?}"
            )));
        }
        let largest = expected.iter().fold(1.0, |largest: f32, x| largest.max(x.abs()));
        let same = |(a, b): &(&f32, &f32)| {
            (*a - *b).abs() <= tolerance * largest || a.is_nan() && b.is_nan()
        };
        if let Some((a, b)) = numbers.iter().zip(&expected).find(|pair| !same(pair)) {
            let by = (a - b).abs();
            return Ok(Verdict::Wrong(format!(
                "{output} is {a}, and should be {b}, a difference of {by}"
            )));
        }
    }
    Ok(Verdict::Right)
}

/// The shape and the numbers of `output` for sequences, each of which is given as what the graph reads.
///
/// # Errors
/// An operator is not known to the reference, or its inputs do not fit it.
pub(in crate::engine) fn outputs(
    model: &Model,
    sequences: impl Iterator<Item = Rows>,
    output: &str,
) -> Result<Vec<Numbers>> {
    let run = |rows: Rows| -> Result<Vec<(&str, Tensor)>> {
        let row = |(name, row): (&'static str, Vec<i64>)| {
            Ok((name, Tensor::integers(vec![1, row.len()], row)?))
        };
        rows.into_iter().map(row).collect()
    };
    let values = evaluate(model, sequences.map(run).collect::<Result<_>>()?, output)?;
    let numbers = |value: Tensor| {
        ensure!(value.is_float(), "{output} is an integer");
        Ok((value.shape.clone(), value.as_floats().into_owned()))
    };
    values.into_iter().map(numbers).collect()
}

/// Whether numbers are rounded between the operators.
fn rounds(model: &Model) -> bool {
    let graph = model.graph.as_ref();
    let mut nodes = graph.iter().flat_map(|graph| &graph.node);
    let mut constants = graph.iter().flat_map(|graph| &graph.initializer);
    nodes.any(|node| node.op_type.starts_with("Q"))
        || constants.any(|tensor| tensor.data_type == DataType::Float16 as i32)
}
