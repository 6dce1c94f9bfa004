//! Parts of the result of a linear layer: exporters compute queries, keys and values in one product, and both
//! factors of a gated block, and then split and arrange the result.

use super::rules::Rules;
use crate::engine::onnx::numbers::Numbers;
use crate::model::Linear;

/// Operators that split or arrange values, and leave each number as it is.
const ARRANGING: [&str; 5] = ["Split", "Slice", "Gather", "Transpose", "Concat"];

/// The largest number of such operators between a linear layer and what reads it.
const MAX_STEPS: usize = 8;

impl<'a> Rules<'a> {
    /// The input of a linear layer of which a value has all outputs or some of them, and the layer with these
    /// outputs alone, in the order in which the value has them for each token.
    pub(super) fn part(&self, name: &'a str) -> Option<(&'a str, Linear)> {
        let mut base = self.same(name);
        for _ in 0..MAX_STEPS {
            if let Some((x, linear)) = self.linear(base) {
                if base == self.same(name) {
                    return Some((x, linear));
                }
                let mut evaluator = self.evaluator(&[0], &[0]);
                evaluator.set(x, token(linear.inputs));
                evaluator.set(base, token(linear.outputs));
                let found = evaluator.numbers(name)?.integers();
                let columns: Option<Vec<usize>> =
                    found.into_iter().map(|number| usize::try_from(number).ok()).collect();
                return Some((x, linear.columns(&columns?)?));
            }
            let node = self.graph.producer(base)?;
            if !ARRANGING.contains(&node.op_type.as_str()) {
                return None;
            }
            base = self.same(node.input.first()?);
        }
        None
    }
}

/// A token of `width` elements, each of which is its own index.
pub(super) fn token(width: usize) -> Numbers {
    let values = (0..width).map(|index| index as f64).collect();
    Numbers { shape: vec![1, 1, width], values, is_float: true }
}
