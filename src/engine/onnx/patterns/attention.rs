//! Attention: its three linear layers, its scale and its mask.

use anyhow::{Context, Result, bail, ensure};

use super::disentangled::OfDistances;
use super::rules::{Added, Rules, both_orders};
use crate::engine::onnx::graph::attribute;
use crate::engine::onnx::proto::Node;
use crate::model::{Linear, RelativePositions};

/// The names of queries, keys and values, and how scores are made of them.
struct Parts<'a> {
    states: [&'a str; 3],
    /// The factor of the scores, if the graph has one.
    scale: Option<f32>,
    added: Added,
    distances: Option<OfDistances<'a>>,
}

/// The linear layers of attention, and what it knows of distances.
pub(super) struct Attention<'a> {
    /// Each with its input.
    pub query: (&'a str, Linear),
    pub key: (&'a str, Linear),
    pub value: (&'a str, Linear),
    pub relative: RelativePositions,
    pub window: Option<usize>,
}

impl<'a> Rules<'a> {
    pub(super) fn attention(&self, context: &'a str) -> Result<Attention<'a>> {
        let product = self.untransposed(context).0;
        let operator = self.graph.producer(product).filter(|node| node.op_type == "Attention");
        let Parts { states, scale, added, distances } = match operator {
            Some(node) => self.attention_operator(node)?,
            None => self.attention_arithmetic(product)?,
        };
        let [mut query, mut key, value] = states.map(|name| self.untransposed(name));
        let linear = |(name, _)| self.part(name).context("attention reads no linear layer");
        let value = linear(value)?;
        let dim = value.1.outputs / self.heads;

        let (mut relative, window) = (added.relative, added.window);
        if let Some((x, frequencies)) = self.rotary(query.0, dim) {
            let (y, of_keys) = self.rotary(key.0, dim).context("only the queries are rotated")?;
            ensure!(
                frequencies == of_keys && relative == RelativePositions::None,
                "attention has relative positions of two kinds"
            );
            relative = RelativePositions::Rotary { frequencies };
            let inner = |name, by| {
                let (inner, factor) = self.untransposed(name);
                (inner, factor * by)
            };
            (query, key) = (inner(x, query.1), inner(y, key.1));
        }
        let products = if distances.is_some() { 3.0 } else { 1.0 };
        let expected = 1.0 / (products * dim as f32).sqrt();
        // An operator without a scale has the usual one.
        let scale = scale.unwrap_or(expected) * query.1 * key.1;
        ensure!(
            (scale - expected).abs() < 1e-3 * expected,
            "attention's scale is {scale}, and {} heads have {expected}",
            self.heads
        );
        let (query, key) = (linear(query)?, linear(key)?);
        if let Some(distances) = distances {
            ensure!(
                relative == RelativePositions::None && window.is_none(),
                "attention has relative positions of two kinds"
            );
            relative = self.disentangled(&distances, [&query, &key], scale)?;
        }
        Ok(Attention { query, key, value, relative, window })
    }

    /// The operator of opset 23.
    fn attention_operator(&self, node: &'a Node) -> Result<Parts<'a>> {
        let number = |name| attribute(node, name).map_or(0, |attribute| attribute.i);
        let [query, key, value, rest @ ..] = node.input.as_slice() else {
            bail!("an Attention lacks inputs");
        };
        let mut masks = rest.iter().filter(|name| !name.is_empty());
        let added = match masks.next() {
            Some(mask) => self.added(mask, 1.0)?,
            None => Added::NOTHING,
        };
        ensure!(masks.next().is_none(), "an Attention has inputs besides a mask");
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
        Ok(Parts { states: [query, key, value], scale, added, distances: None })
    }

    /// `softmax(mask(q k)) v`.
    fn attention_arithmetic(&self, product: &'a str) -> Result<Parts<'a>> {
        let [weights, value] = self.product_of_states(product).context("no attention product")?;
        let softmax = self.without_nan_guard(self.same(weights));
        let node = self.graph.producer(softmax).filter(|n| n.op_type == "Softmax");
        let node = node.context("attention has no softmax")?;
        let axis = attribute(node, "axis").map_or(-1, |axis| axis.i);
        ensure!(axis == -1 || axis == 3, "the softmax is over axis {axis}");

        let (scores, scale, added) = self.unmasked(&node.input[0])?;
        let (scores, scale, distances) = match self.products_of_distances(scores, scale) {
            Some(found) => (found.content, found.factor, Some(found)),
            None => (scores, scale, None),
        };
        let [query, key] = self.product_of_states(scores).context("no attention scores")?;
        Ok(Parts { states: [query, key, value], scale: Some(scale), added, distances })
    }

    /// The factors of a product of two activations, in floats or in int8.
    pub(super) fn product_of_states(&self, name: &'a str) -> Option<[&'a str; 2]> {
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

    /// The attention scores before anything is added to them, the factor that they are multiplied by, and
    /// what is added.
    fn unmasked(&self, name: &'a str) -> Result<(&'a str, f32, Added)> {
        let (mut name, mut factor) = self.scaled(name);
        let mut added = Added::NOTHING;
        loop {
            let sum = self.graph.pair_of(name, "Add").and_then(|pair| {
                let mut ways = both_orders(pair).into_iter();
                ways.find(|[_, other]| self.depends_on_distances(other))
            });
            let scores = match sum {
                Some([scores, other]) => {
                    let Added { relative, window } = self.added(other, factor)?;
                    if relative != RelativePositions::None {
                        ensure!(added.relative == RelativePositions::None, "two biases are added");
                        added.relative = relative;
                    }
                    added.window = added.window.into_iter().chain(window).min();
                    scores
                }
                None => match self.chosen(name) {
                    Some(scores) => scores,
                    None => return Ok((name, factor, added)),
                },
            };
            let (inner, by) = self.scaled(scores);
            (name, factor) = (inner, factor * by);
        }
    }

    /// `where(masked, x, y)` as `x` or `y`, if it is the same for all tokens that the attention mask
    /// lets through.
    fn chosen(&self, name: &'a str) -> Option<&'a str> {
        let [masked, x, y] = self.graph.inputs_of(name, "Where")? else { return None };
        // Small ids. One of them is that of the padding in other vocabularies.
        let ids: Vec<u32> = (0..self.probe() as u32).map(|i| i % 20).collect();
        // `same` gives the condition before it is expanded to the shape of the scores.
        let masked = self.evaluator(&ids, &vec![0; ids.len()]).evaluate(self.same(masked))?;
        let all = |value| masked.iter().all(|&m| m == value);
        if all(0) { Some(y) } else { all(1).then_some(x) }
    }

    /// Whether a value depends on nothing but the attention mask, shapes and constants.
    fn depends_on_distances(&self, name: &'a str) -> bool {
        self.graph.all_sources(name, |source| {
            self.graph.constant(source).is_some() || source == "attention_mask"
        })
    }

    /// Whether a value is made of comparisons.
    pub(super) fn compares(&self, name: &'a str) -> bool {
        self.graph.any_producer(name, |node| {
            ["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Trilu"].contains(&&*node.op_type)
        })
    }

    /// Whether a value is a mask by its sources alone. A learned bias, or one that differs between heads, has
    /// a tensor of floats among its sources, and one of distances a comparison.
    pub(super) fn is_mask(&self, name: &'a str) -> bool {
        !self.compares(name)
            && self.graph.all_sources(name, |source| match self.graph.constant(source) {
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
    pub(super) fn untransposed(&self, name: &'a str) -> (&'a str, f32) {
        let (mut name, mut factor) = self.scaled(name);
        while let Some(inputs) = self.graph.inputs_of(name, "Transpose") {
            let (inner, by) = self.scaled(&inputs[0]);
            (name, factor) = (inner, factor * by);
        }
        (name, factor)
    }
}
