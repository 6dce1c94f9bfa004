//! Finds an encoder in an ONNX graph and takes out its parameters.
//!
//! The rules match from the output backwards: head, where there is one, layers from the last to
//! the first, embeddings. They see through what differs between exporters: shapes computed in the graph,
//! layer norm and GELU as one operator or as many, products in int8, dequantized or f32, the
//! scale of attention before or after its product. Every pair is scored without padding, so an
//! attention mask adds nothing, and the rules only check that it is one.

mod activation;
mod embeddings;
mod linear;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::graph::{Graph, attribute};
use super::integer_evaluator::IntegerEvaluator;
use crate::model::{Activation, Config, Encoder, Layer, Linear, Norm, Output};

/// The encoder in a graph, or why it is not one that the rules know.
pub(super) fn encoder(graph: Graph, config: &Config) -> Result<Encoder> {
    let numbering = config.position_scheme.with_context(|| {
        format!(
            "model_type is \"{}\", and bert, distilbert, roberta, xlm-roberta and camembert are fast",
            config.model_type
        )
    })?;
    let heads = config.heads.context("config.json lacks num_attention_heads")?;
    let (end, _) = graph.output(config.output.names())?;
    let rules = Rules { graph, heads };
    let (mut state, head) = match config.output {
        Output::Logit => rules.head(end)?,
        Output::Embedding(_) => (end, Vec::new()),
    };

    let mut layers = Vec::new();
    let (embedding_norm, terms) = loop {
        let (sum, norm) = rules
            .norm(state)
            .with_context(|| format!("{} layers from the end is no layer norm", layers.len()))?;
        if let Some(terms) = rules.table_rows(sum) {
            break (norm, terms);
        }
        let (layer, input) =
            rules.layer(sum, norm).with_context(|| format!("{} from the end", layers.len()))?;
        layers.push(layer);
        // Layers may share their constants, and each would have a copy.
        ensure!(layers.len() <= MAX_LAYERS, "it has more than {MAX_LAYERS} layers");
        state = input;
    };
    layers.reverse();
    let embeddings::Tables { words, positions, segments } =
        rules.embeddings(terms, numbering, config.max_length, embedding_norm.gamma.len())?;
    let encoder = Encoder {
        heads,
        token_embeddings: words,
        position_embeddings: positions,
        position_scheme: numbering,
        token_type_embeddings: segments,
        embedding_norm,
        layers,
        head,
    };
    encoder.check().map_err(|e| anyhow!("{e}"))?;
    Ok(encoder)
}

/// More than any published encoder has.
const MAX_LAYERS: usize = 256;
const MAX_HEAD_LAYERS: usize = 8;

struct Rules<'a> {
    graph: Graph<'a>,
    heads: usize,
}

impl<'a> Rules<'a> {
    /// The head of a cross-encoder, and the states that it reads.
    fn head(&self, logits: &'a str) -> Result<(&'a str, Vec<Linear>)> {
        let (mut name, mut head) = (logits, Vec::new());
        while head.len() < MAX_HEAD_LAYERS {
            let (x, activation) = self.activation(name);
            let (input, linear) = self.linear(x).with_context(|| {
                format!("{} layers from the logits is no linear layer", head.len())
            })?;
            head.push(Linear { activation, ..linear });
            if let Some(states) = self.first_token(input) {
                head.reverse();
                return Ok((states, head));
            }
            name = input;
        }
        bail!("the head reads not the first token")
    }

    /// `norm(feed_forward(a) + a)` with `a = norm(attention(h) + h)`; gives the layer and `h`.
    fn layer(&self, sum: &'a str, output_norm: Norm) -> Result<(Layer, &'a str)> {
        let (inner, output, middle) = self.residual(sum).context("no feed-forward block")?;
        let (wide, activation) = self.activation(inner);
        ensure!(activation != Activation::None, "the feed-forward block has no known activation");
        let (wide, intermediate) =
            self.linear(wide).context("the feed-forward block has no first linear layer")?;
        let intermediate = Linear { activation, ..intermediate };
        ensure!(wide == middle, "the feed-forward block skips over its residual");

        let (sum, attention_norm) = self.norm(middle).context("no norm after attention")?;
        let (context, attention_output, state) =
            self.residual(sum).context("no attention block")?;
        let [query, key, value] = self.attention(context)?;
        let inputs = [query.0, key.0, value.0];
        ensure!(inputs == [state; 3], "attention reads not the layer's input");
        let layer = Layer {
            query: query.1,
            key: key.1,
            value: value.1,
            attention_output,
            attention_norm,
            intermediate,
            output,
            output_norm,
        };
        Ok((layer, state))
    }

    /// `linear(x) + residual` as `(x, linear, residual)`.
    fn residual(&self, sum: &'a str) -> Option<(&'a str, Linear, &'a str)> {
        let pair = self.graph.pair_of(sum, "Add")?;
        both_ways(pair).into_iter().find_map(|[branch, residual]| {
            let (input, linear) = self.linear(branch)?;
            (!self.graph.is_constant(residual)).then_some((input, linear, self.same(residual)))
        })
    }

    /// The three linear layers that attention reads, each with its input: queries, keys, values.
    fn attention(&self, context: &'a str) -> Result<[(&'a str, Linear); 3]> {
        let graph = &self.graph;
        let product = self.moved(context).0;
        let [weights, value] = graph.pair_of(product, "MatMul").context("no attention product")?;
        let softmax = self.without_nan_guard(self.same(weights));
        let node = graph.producer(softmax).filter(|n| n.op_type == "Softmax");
        let node = node.context("attention has no softmax")?;
        let axis = attribute(node, "axis").map_or(-1, |axis| axis.i);
        ensure!(axis == -1 || axis == 3, "the softmax is over axis {axis}");

        let (scores, scale) = self.unmasked(&node.input[0]);
        let [query, key] = graph.pair_of(scores, "MatMul").context("no attention scores")?;
        let [query, key, value] = [query, key, value].map(|name| self.moved(name));
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

    /// Attention scores before their mask, and the factor that they are multiplied with.
    fn unmasked(&self, name: &'a str) -> (&'a str, f32) {
        let (mut name, mut factor) = self.scaled(name);
        loop {
            let added = self.graph.pair_of(name, "Add").and_then(|pair| {
                let masked = both_ways(pair).into_iter().find(|[_, mask]| self.is_mask(mask));
                masked.map(|[scores, _]| scores)
            });
            let Some(scores) = added.or_else(|| self.chosen(name)) else { return (name, factor) };
            let (inner, by) = self.scaled(scores);
            (name, factor) = (inner, factor * by);
        }
    }

    /// `where(masked, x, y)` as what it is of all tokens that the attention mask lets through.
    fn chosen(&self, name: &'a str) -> Option<&'a str> {
        let [masked, x, y] = self.graph.inputs_of(name, "Where")? else { return None };
        // Small ids, one of which others take for padding.
        let ids: Vec<i64> = (0..20).collect();
        // Before it is expanded to the shape of the scores.
        let masked =
            IntegerEvaluator::new(&self.graph, &ids, &vec![0; ids.len()]).of(self.same(masked))?;
        let all = |value| masked.len() == ids.len() && masked.iter().all(|&m| m == value);
        if all(0) { Some(y) } else { all(1).then_some(x) }
    }

    /// Whether a value follows from the attention mask and shapes alone. A learned bias, or one
    /// that differs between heads, has a tensor of floats among its sources.
    fn is_mask(&self, name: &'a str) -> bool {
        self.graph.all_sources(name, |source| match self.graph.constant(source) {
            // IntegerEvaluator of one axis are sizes; of more, a mask of the graph's own.
            Some(constant) => {
                constant.is_scalar() || (!constant.is_float() && constant.shape.len() == 1)
            }
            None => source == "attention_mask",
        })
    }

    /// `where(is_nan(p), 0, p)` as `p`: PyTorch's guard for rows that are masked as a whole.
    fn without_nan_guard(&self, name: &'a str) -> &'a str {
        match self.graph.inputs_of(name, "Where") {
            Some([guard, _, p]) if self.graph.inputs_of(guard, "IsNaN").is_some() => p,
            _ => name,
        }
    }

    /// A value before its heads were split, moved and scaled, and the scale.
    fn moved(&self, name: &'a str) -> (&'a str, f32) {
        let (mut name, mut factor) = self.scaled(name);
        while let Some(inputs) = self.graph.inputs_of(name, "Transpose") {
            let (inner, by) = self.scaled(&inputs[0]);
            (name, factor) = (inner, factor * by);
        }
        (name, factor)
    }

    /// A value before it was multiplied with or divided by scalars, and their product.
    fn scaled(&self, name: &'a str) -> (&'a str, f32) {
        let (mut name, mut factor) = (self.same(name), 1.0);
        loop {
            let multiplied = self.graph.pair_of(name, "Mul").and_then(|pair| {
                let ways = both_ways(pair).into_iter();
                ways.filter_map(|[x, by]| Some((x, self.scalar(by)?))).next()
            });
            let divided = || {
                let [x, by] = self.graph.pair_of(name, "Div")?;
                Some((x, 1.0 / self.scalar(by)?))
            };
            let Some((x, by)) = multiplied.or_else(divided) else { return (name, factor) };
            (name, factor) = (self.same(x), factor * by);
        }
    }

    /// A scalar: a constant, or computed in the graph from the width of a head.
    fn scalar(&self, name: &'a str) -> Option<f32> {
        self.scalar_within(name, 8)
    }

    /// `depth` operators at most: a product of products doubles the work at each.
    fn scalar_within(&self, name: &'a str, depth: usize) -> Option<f32> {
        let depth = depth.checked_sub(1)?;
        let name = self.same(name);
        if self.graph.is_constant(name) {
            return self.graph.scalar(name);
        }
        let node = self.graph.producer(name)?;
        let input = |i: usize| node.input.get(i).map(String::as_str);
        let scalar = |i: usize| self.scalar_within(input(i)?, depth);
        match node.op_type.as_str() {
            "Sqrt" => Some(scalar(0)?.sqrt()),
            "Mul" => Some(scalar(0)? * scalar(1)?),
            "Div" => Some(scalar(0)? / scalar(1)?),
            // The last size of queries of [batch, heads, length, width].
            "Gather" | "Slice" if matches!(self.graph.scalar(input(1)?), Some(-1.0 | 3.0)) => {
                let shape = self.graph.inputs_of(input(0)?, "Shape")?;
                // Scales are not looked through: to find those would begin here again.
                let mut queries = self.same(shape.first()?);
                while let Some(inputs) = self.graph.inputs_of(queries, "Transpose") {
                    queries = self.same(inputs.first()?);
                }
                let (_, query) = self.linear(queries)?;
                Some((query.outputs / self.heads) as f32)
            }
            _ => None,
        }
    }

    /// A layer norm as its input and parameters: the operator, or its arithmetic.
    fn norm(&self, name: &'a str) -> Option<(&'a str, Norm)> {
        let name = self.same(name);
        if let Some(node) = self.graph.producer(name).filter(|n| n.op_type == "LayerNormalization")
        {
            let [x, gamma, beta] = node.input.as_slice() else { return None };
            let eps = attribute(node, "epsilon").map_or(1e-5, |eps| eps.f);
            let (gamma, beta) = (self.graph.floats(gamma)?, self.graph.floats(beta)?);
            let last = matches!(attribute(node, "axis").map_or(-1, |axis| axis.i), -1 | 2);
            return last.then_some((self.same(x), Norm { gamma, beta, eps }));
        }
        let (scaled, beta) = self.with_floats(name, "Add")?;
        let (normalized, gamma) = self.with_floats(scaled, "Mul")?;
        let [centred, deviation] = self.graph.pair_of(normalized, "Div")?;
        let x = self.centred(centred)?;
        let [variance] = self.graph.inputs_of(deviation, "Sqrt")? else { return None };
        let (variance, eps) = self.with_floats(variance, "Add")?;
        let square = self.mean_of(variance)?;
        let of = match (self.graph.pair_of(square, "Pow"), self.graph.pair_of(square, "Mul")) {
            (Some([base, two]), _) if self.scalar(two) == Some(2.0) => base,
            (_, Some([a, b])) if a == b => a,
            _ => return None,
        };
        let [eps] = eps[..] else { return None };
        (self.centred(of)? == x).then_some((x, Norm { gamma, beta, eps }))
    }

    /// `x - mean(x)` as `x`.
    fn centred(&self, name: &'a str) -> Option<&'a str> {
        let [x, mean] = self.graph.pair_of(self.same(name), "Sub")?;
        (self.same(self.mean_of(mean)?) == self.same(x)).then(|| self.same(x))
    }

    /// The mean over the last axis.
    fn mean_of(&self, name: &'a str) -> Option<&'a str> {
        let node = self.graph.producer(name).filter(|n| n.op_type == "ReduceMean")?;
        let axes = match (attribute(node, "axes"), node.input.get(1)) {
            (Some(axes), _) => axes.ints.first().map(|&axis| axis as f32),
            (None, Some(axes)) => self.graph.scalar(axes),
            (None, None) => None,
        };
        matches!(axes, Some(-1.0 | 2.0)).then(|| self.same(&node.input[0]))
    }

    /// The input and the constant of a binary operator.
    fn with_floats(&self, name: &'a str, op_type: &str) -> Option<(&'a str, Vec<f32>)> {
        let ways = both_ways(self.graph.pair_of(self.same(name), op_type)?);
        ways.into_iter().find_map(|[x, constant]| Some((x, self.graph.floats(constant)?)))
    }

    /// The state whose first token a value is.
    fn first_token(&self, name: &'a str) -> Option<&'a str> {
        let name = self.same(name);
        let node = self.graph.producer(name)?;
        let number = |i: usize| self.graph.scalar(node.input.get(i)?);
        let first = match node.op_type.as_str() {
            "Gather" => number(1) == Some(0.0) && attribute(node, "axis").is_some_and(|a| a.i == 1),
            "Slice" => [number(1), number(2), number(3)] == [Some(0.0), Some(1.0), Some(1.0)],
            _ => false,
        };
        first.then(|| self.same(&node.input[0]))
    }

    fn same(&self, name: &'a str) -> &'a str {
        self.graph.same_numbers(name)
    }
}

/// The operands of a commutative operator in both orders.
fn both_ways([a, b]: [&str; 2]) -> [[&str; 2]; 2] {
    [[a, b], [b, a]]
}
