//! Whether a loaded graph gives what the reference gives.

use anyhow::{Result, ensure};

use super::evaluator::evaluate;
use super::tensor::Tensor;
use crate::engine::onnx::proto::{DataType, Model};
use crate::engine::tract::Tract;
use crate::model::Config;
use crate::tokenizer::Encoding;

/// The result of a check.
pub(in crate::engine) enum Verdict {
    Right,
    /// There was no check. This is why.
    Unchecked(String),
    /// Which output differs, and by how much.
    Wrong(String),
}

/// The tokens and the token types of the two pairs. They are few, because the time of the check grows
/// with them.
const PAIRS: [(&[u32], &[u32]); 2] =
    [(&[0, 7, 2, 9, 2], &[0, 0, 0, 1, 1]), (&[3, 11, 5, 4], &[0, 0, 1, 1])];

/// The largest difference from the reference, relative to numbers above 1. Only the order of sums
/// differs.
const TOLERANCE: f32 = 0.01;
/// The same for a graph that rounds within, where a sum that differs in its last bit may be rounded to
/// the next number.
const ROUNDED_TOLERANCE: f32 = 0.1;

/// Compares the `output` of a loaded graph with the reference.
///
/// # Errors
/// The graph fails on a short text.
pub(in crate::engine) fn check(
    model: &Model,
    plan: &Tract,
    output: &str,
    config: &Config,
) -> Result<Verdict> {
    if !is_quick(model) {
        return Ok(Verdict::Unchecked("the check would take long".into()));
    }
    let tolerance = if rounds(model) { ROUNDED_TOLERANCE } else { TOLERANCE };
    let tokens = config.vocab_size.and_then(|size| size.try_into().ok()).unwrap_or(u32::MAX);
    for (ids, type_ids) in PAIRS {
        let sequence = Encoding {
            ids: ids.iter().map(|id| id % tokens.max(1)).collect(),
            type_ids: type_ids.to_vec(),
            query_truncated: false,
            document_truncated: false,
        };
        let expected = match reference(model, plan, output, &sequence) {
            Ok(expected) => expected,
            Err(reason) => return Ok(Verdict::Unchecked(format!("{reason:#}"))),
        };
        let (shape, numbers) = plan.run_graph(&sequence)?;
        let largest = expected.iter().fold(1.0, |largest: f32, x| largest.max(x.abs()));
        let differs = |(a, b): &(&f32, &f32)| {
            let same = (*a - *b).abs() <= tolerance * largest;
            !same && !(a.is_nan() && b.is_nan())
        };
        if numbers.len() != expected.len() {
            return Ok(Verdict::Wrong(format!(
                "its output {output} has the shape {shape:?}, which is not that of ONNX's definition"
            )));
        }
        if let Some((a, b)) = numbers.iter().zip(&expected).find(differs) {
            return Ok(Verdict::Wrong(format!(
                "its output {output} is {a} where ONNX's definition gives {b}"
            )));
        }
    }
    Ok(Verdict::Right)
}

fn reference(model: &Model, plan: &Tract, output: &str, sequence: &Encoding) -> Result<Vec<f32>> {
    let inputs = plan.inputs(sequence).into_iter();
    let inputs = inputs.map(|(name, row)| Ok((name, Tensor::integers(vec![1, row.len()], row)?)));
    let value = evaluate(model, inputs.collect::<Result<_>>()?, output)?;
    ensure!(value.is_float(), "its output is an integer");
    Ok(value.as_floats().into_owned())
}

/// Whether numbers are rounded between the operators.
fn rounds(model: &Model) -> bool {
    let graph = model.graph.as_ref();
    let mut nodes = graph.iter().flat_map(|graph| &graph.node);
    let mut constants = graph.iter().flat_map(|graph| &graph.initializer);
    nodes.any(|node| node.op_type.starts_with("Q"))
        || constants.any(|tensor| tensor.data_type == DataType::Float16 as i32)
}

fn is_quick(_model: &Model) -> bool {
    true
}
