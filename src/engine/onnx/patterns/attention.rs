//! Attention: its three linear layers, its scale and its mask.

use anyhow::{Context, Result, ensure};

use super::rules::{Rules, both_orders};
use crate::engine::onnx::graph::attribute;
use crate::engine::onnx::integer_evaluator::IntegerEvaluator;
use crate::model::Linear;

impl<'a> Rules<'a> {
    /// The linear layers of the queries, the keys and the values, each with its input.
    pub(super) fn attention(&self, context: &'a str) -> Result<[(&'a str, Linear); 3]> {
        let graph = &self.graph;
        let product = self.untransposed(context).0;
        let [weights, value] = graph.pair_of(product, "MatMul").context("no attention product")?;
        let softmax = self.without_nan_guard(self.same(weights));
        let node = graph.producer(softmax).filter(|n| n.op_type == "Softmax");
        let node = node.context("attention has no softmax")?;
        let axis = attribute(node, "axis").map_or(-1, |axis| axis.i);
        ensure!(axis == -1 || axis == 3, "the softmax is over axis {axis}");

        let (scores, scale) = self.unmasked(&node.input[0]);
        let [query, key] = graph.pair_of(scores, "MatMul").context("no attention scores")?;
        let [query, key, value] = [query, key, value].map(|name| self.untransposed(name));
        let scale = scale * query.1 * key.1;
        let linear = |(name, _)| self.linear(name).context("attention reads no linear layer");
        let layers = [linear(query)?, linear(key)?, linear(value)?];

        let expected = 1.0 / ((layers[0].1.outputs / self.heads) as f32).sqrt();
        ensure!(
            (scale - expected).abs() < 1e-3 * expected,
            "attention's scale is {scale}, and {} heads have {expected}",
            self.heads
        );
        Ok(layers)
    }

    /// The attention scores before their mask, and the factor that they are multiplied by.
    fn unmasked(&self, name: &'a str) -> (&'a str, f32) {
        let (mut name, mut factor) = self.scaled(name);
        loop {
            let added = self.graph.pair_of(name, "Add").and_then(|pair| {
                let masked = both_orders(pair).into_iter().find(|[_, mask]| self.is_mask(mask));
                masked.map(|[scores, _]| scores)
            });
            let Some(scores) = added.or_else(|| self.chosen(name)) else { return (name, factor) };
            let (inner, by) = self.scaled(scores);
            (name, factor) = (inner, factor * by);
        }
    }

    /// `where(masked, x, y)` as `x` or `y`, if it is the same for all tokens that the attention mask
    /// lets through.
    fn chosen(&self, name: &'a str) -> Option<&'a str> {
        let [masked, x, y] = self.graph.inputs_of(name, "Where")? else { return None };
        // Small ids. One of them is that of the padding in other vocabularies.
        let ids: Vec<i64> = (0..20).collect();
        // `same` gives the condition before it is expanded to the shape of the scores.
        let masked = IntegerEvaluator::new(&self.graph, &ids, &vec![0; ids.len()])
            .evaluate(self.same(masked))?;
        let all = |value| masked.len() == ids.len() && masked.iter().all(|&m| m == value);
        if all(0) { Some(y) } else { all(1).then_some(x) }
    }

    /// Whether a value depends on nothing but the attention mask and shapes. A learned bias, or one
    /// that differs between heads, has a tensor of floats among its sources.
    fn is_mask(&self, name: &'a str) -> bool {
        self.graph.all_sources(name, |source| match self.graph.constant(source) {
            // Integers with one axis are sizes. With more axes they are a mask that the graph adds.
            Some(constant) => {
                constant.is_scalar() || (!constant.is_float() && constant.shape.len() == 1)
            }
            None => source == "attention_mask",
        })
    }

    /// `where(is_nan(p), 0, p)` as `p`. PyTorch guards rows that are masked completely in this way.
    fn without_nan_guard(&self, name: &'a str) -> &'a str {
        match self.graph.inputs_of(name, "Where") {
            Some([guard, _, p]) if self.graph.inputs_of(guard, "IsNaN").is_some() => p,
            _ => name,
        }
    }

    /// A value before its heads are split, transposed and scaled, and the scale.
    fn untransposed(&self, name: &'a str) -> (&'a str, f32) {
        let (mut name, mut factor) = self.scaled(name);
        while let Some(inputs) = self.graph.inputs_of(name, "Transpose") {
            let (inner, by) = self.scaled(&inputs[0]);
            (name, factor) = (inner, factor * by);
        }
        (name, factor)
    }
}
