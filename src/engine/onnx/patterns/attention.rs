//! Attention: its three linear layers, its scale and its mask.

use anyhow::{Context, Result, bail, ensure};

use super::rules::{Rules, both_orders};
use crate::engine::onnx::graph::attribute;
use crate::engine::onnx::proto::Node;
use crate::model::Linear;

/// Queries, keys and values, and the factor of the scores, if the graph has one.
type Parts<'a> = ([&'a str; 3], Option<f32>);

impl<'a> Rules<'a> {
    /// The linear layers of the queries, the keys and the values, each with its input.
    pub(super) fn attention(&self, context: &'a str) -> Result<[(&'a str, Linear); 3]> {
        let product = self.untransposed(context).0;
        let operator = self.graph.producer(product).filter(|node| node.op_type == "Attention");
        let (parts, scale) = match operator {
            Some(node) => self.attention_operator(node)?,
            None => self.attention_arithmetic(product)?,
        };
        let [query, key, value] = parts.map(|name| self.untransposed(name));
        let linear = |(name, _)| self.linear(name).context("attention reads no linear layer");
        let layers = [linear(query)?, linear(key)?, linear(value)?];

        let expected = 1.0 / ((layers[0].1.outputs / self.heads) as f32).sqrt();
        // An operator without a scale has the usual one.
        let scale = scale.unwrap_or(expected) * query.1 * key.1;
        ensure!(
            (scale - expected).abs() < 1e-3 * expected,
            "attention's scale is {scale}, and {} heads have {expected}",
            self.heads
        );
        Ok(layers)
    }

    /// The operator of opset 23.
    fn attention_operator(&self, node: &'a Node) -> Result<Parts<'a>> {
        let number = |name| attribute(node, name).map_or(0, |attribute| attribute.i);
        let [query, key, value, rest @ ..] = node.input.as_slice() else {
            bail!("an Attention lacks inputs");
        };
        let mask = rest.iter().filter(|name| !name.is_empty());
        ensure!(
            mask.clone().count() < 2 && mask.clone().all(|name| self.is_mask(name)),
            "an Attention has inputs besides a mask"
        );
        ensure!(
            number("is_causal") == 0 && attribute(node, "softcap").is_none_or(|cap| cap.f == 0.0),
            "an Attention is causal, or has capped scores"
        );
        let heads = ["q_num_heads", "kv_num_heads"].map(number);
        ensure!(
            heads.into_iter().all(|heads| heads == 0 || heads == self.heads as i64),
            "an Attention has other heads than config.json says"
        );
        let scale = attribute(node, "scale").map(|scale| scale.f);
        Ok(([query, key, value], scale))
    }

    /// `softmax(mask(q k)) v`.
    fn attention_arithmetic(&self, product: &'a str) -> Result<Parts<'a>> {
        let [weights, value] = self.product_of_states(product).context("no attention product")?;
        let softmax = self.without_nan_guard(self.same(weights));
        let node = self.graph.producer(softmax).filter(|n| n.op_type == "Softmax");
        let node = node.context("attention has no softmax")?;
        let axis = attribute(node, "axis").map_or(-1, |axis| axis.i);
        ensure!(axis == -1 || axis == 3, "the softmax is over axis {axis}");

        let (scores, scale) = self.unmasked(&node.input[0]);
        let [query, key] = self.product_of_states(scores).context("no attention scores")?;
        Ok(([query, key, value], Some(scale)))
    }

    /// The factors of a product of two activations, in floats or in int8.
    fn product_of_states(&self, name: &'a str) -> Option<[&'a str; 2]> {
        let int8 = || {
            let ways = both_orders(self.graph.pair_of(name, "Mul")?);
            ways.into_iter().find_map(|[product, scales]| {
                self.int8_product_of_states(self.same(product), self.same(scales))
            })
        };
        self.graph.pair_of(name, "MatMul").or_else(int8)
    }

    /// `matmul_integer(p, q, p_zero, q_zero) * (p_scale * q_scale)` as `x` and `y`, where
    /// `p, p_scale, p_zero = dynamic_quantize(x)`, and `q` is made of `y` likewise.
    fn int8_product_of_states(&self, product: &'a str, scales: &'a str) -> Option<[&'a str; 2]> {
        let [p, q, zeros @ ..] = self.graph.inputs_of(product, "MatMulInteger")? else {
            return None;
        };
        let nodes = [self.dynamic_quantize(p)?, self.dynamic_quantize(q)?];
        let output = |index: usize| nodes.map(|node| node.output.get(index).map(String::as_str));
        let scales = both_orders(self.graph.pair_of(scales, "Mul")?);
        let fits = zeros.iter().map(|zero| Some(zero.as_str())).eq(output(2))
            && scales.iter().any(|scales| scales.map(Some) == output(1));
        fits.then_some(nodes.map(|node| node.input[0].as_str()))
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
        let ids: Vec<u32> = (0..20).collect();
        // `same` gives the condition before it is expanded to the shape of the scores.
        let masked = self.evaluator(&ids, &vec![0; ids.len()]).evaluate(self.same(masked))?;
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
