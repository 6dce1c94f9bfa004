//! A whole encoder: the order of its head, layers and embeddings.

use std::cell::{Cell, RefCell};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::attention::Attention;
use super::embeddings::Tables;
use super::rules::{Rules, both_orders};
use crate::engine::onnx::graph::{Graph, attribute};
use crate::model::{
    Activation, Config, Encoder, Head, HeadStep, Layer, Linear, Norm, Output, Pooling,
    RelativePositions, Residuals,
};

/// The encoder in a graph, or why the rules do not match it.
pub(in crate::engine::onnx) fn encoder(graph: Graph, config: &Config) -> Result<Encoder> {
    let heads = config.heads.context("config.json lacks num_attention_heads")?;
    let end = graph.output(config)?;
    let rules = Rules {
        graph,
        heads,
        hidden: Cell::new(0),
        added: RefCell::default(),
        frequencies: RefCell::default(),
        distances: RefCell::default(),
        window: config.local_attention,
        max_length: config.max_positions,
        given_positions: config.position_scheme,
    };
    let (mut state, mut head) = match config.output {
        Output::Logit if rules.norm(end).is_some() => {
            return Err(config.wrong_output("the states of tokens").into());
        }
        Output::Logit => rules.head(rules.graph.before_sigmoid(end))?,
        Output::Embedding(_) if rules.head(end).is_ok() => {
            return Err(config.wrong_output("what a head makes of the first token").into());
        }
        Output::Embedding(_) => (end, Head::NONE),
    };
    if let Some(HeadStep::Linear(last)) =
        head.steps.pop_if(|step| matches!(step, HeadStep::Linear(_)))
    {
        head.steps.push(HeadStep::Linear(last.relevance(config)?));
    }

    if let Some((_, norm)) = rules.norm(state) {
        rules.hidden.set(norm.gamma.len());
    }
    let mut layers: Vec<Layer> = Vec::new();
    let mut residuals = None;
    let (embedding_norm, terms) = loop {
        let (sum, norm) = rules.norm(state).with_context(|| {
            format!("there is no layer norm {} layers from the end", layers.len())
        })?;
        if let Some(terms) = rules.table_rows(sum) {
            break (norm, terms);
        }
        let found = rules
            .layer(sum, norm)
            .with_context(|| format!("{} layers from the end", layers.len()))?;
        ensure!(
            residuals.replace(found.residuals).is_none_or(|residuals| residuals == found.residuals),
            "some of its residuals are of norms, and some are of sums"
        );
        layers.push(found.layer);
        // A small file can hold many layers that share their constants, and each gets a copy.
        ensure!(layers.len() <= MAX_LAYERS, "it has more than {MAX_LAYERS} layers");
        if found.residuals == Residuals::Sums {
            let input = rules.norm(found.input);
            // The norm of embeddings is the first sum. Other norms are not those of embeddings.
            let (sum, _) = input.context("attention does not read a norm")?;
            let is_first = rules.table_rows(sum).is_some();
            let residual = if is_first { found.input } else { sum };
            ensure!(residual == found.residual, "a residual is not that of a sum");
        }
        state = found.input;
    };
    layers.reverse();
    let is_relative =
        !layers.is_empty() && layers.iter().all(|l| l.relative != RelativePositions::None);
    let Tables { tokens, positions, token_types } =
        rules.embeddings(terms, config.max_positions, embedding_norm.gamma.len(), is_relative)?;
    let encoder = Encoder {
        heads,
        token_embeddings: tokens,
        token_type_embeddings: token_types,
        positions,
        embedding_norm,
        residuals: residuals.unwrap_or(Residuals::Normalized),
        layers,
        head,
    };
    encoder.check().map_err(|e| anyhow!("{e}"))?;
    Ok(encoder)
}

/// A layer as it was found.
struct Found<'a> {
    layer: Layer,
    residuals: Residuals,
    /// What attention reads, and what is added to its result.
    input: &'a str,
    residual: &'a str,
}

/// The maximum number of layers of an encoder. No published one has as many.
const MAX_LAYERS: usize = 256;
/// The maximum number of linear layers and norms of a head.
const MAX_HEAD_STEPS: usize = 8;

impl<'a> Rules<'a> {
    /// The head of a cross-encoder, and the states that it reads.
    fn head(&self, logits: &'a str) -> Result<(&'a str, Head)> {
        let (mut name, mut steps) = (logits, Vec::new());
        while steps.len() < MAX_HEAD_STEPS {
            let (x, activation) = self.activation(name);
            let (input, step) = match (self.linear(x), self.norm(x)) {
                (Some((input, linear)), _) => {
                    (input, HeadStep::Linear(Linear { activation, ..linear }))
                }
                (None, Some((input, norm))) if activation == Activation::None => {
                    (input, HeadStep::Norm(norm))
                }
                _ => bail!("there is no linear layer {} layers from the logits", steps.len()),
            };
            steps.push(step);
            let pooled = self.first_token(input).map(|states| (Pooling::First, states));
            let pooled = pooled.or_else(|| Some((Pooling::Mean, self.mean_of_tokens(input)?)));
            if let Some((pooling, states)) = pooled {
                steps.reverse();
                return Ok((states, Head { pooling, steps }));
            }
            name = input;
        }
        bail!("the head does not read the first token or the mean of all")
    }

    /// The layer that ends with `norm(sum)`.
    fn layer(&self, sum: &'a str, output_norm: Norm) -> Result<Found<'a>> {
        let (inner, output, middle) = self.residual(sum).context("no feed-forward block")?;
        let (wide, intermediate, gated) = self.feed_forward(inner)?;
        let (norm_input, attention_norm) = self.norm(wide).context("no norm after attention")?;
        let residuals = match (wide == middle, norm_input == middle) {
            (true, _) => Residuals::Normalized,
            (false, true) => Residuals::Sums,
            _ => bail!("the feed-forward block skips over its residual"),
        };
        let (context, attention_output, residual) =
            self.residual(norm_input).context("no attention block")?;
        let Attention { query, key, value, relative, window } = self.attention(context)?;
        let input = query.0;
        ensure!(
            [key.0, value.0] == [input; 2] && (residuals == Residuals::Sums || residual == input),
            "attention does not read the input of its layer"
        );
        let layer = Layer {
            query: query.1,
            key: key.1,
            value: value.1,
            relative,
            window,
            attention_output,
            attention_norm,
            intermediate,
            gated,
            output,
            output_norm,
        };
        Ok(Found { layer, residuals, input, residual })
    }

    /// The first layers of a feed-forward block: their input, and one layer with an activation, or two of which
    /// one has none, and whose results are multiplied.
    fn feed_forward(&self, inner: &'a str) -> Result<(&'a str, Linear, Option<Linear>)> {
        let (wide, activation) = self.activation(inner);
        if activation != Activation::None {
            let (wide, intermediate) =
                self.linear(wide).context("the feed-forward block has no first linear layer")?;
            return Ok((wide, Linear { activation, ..intermediate }, None));
        }
        let factors = self.graph.pair_of(self.same(inner), "Mul");
        let found = factors.and_then(|factors| {
            both_orders(factors).into_iter().find_map(|[activated, gated]| {
                let (activated, activation) = self.gate_activation(activated)?;
                let (wide, intermediate) = self.part(activated)?;
                let (other, gated) = self.part(gated)?;
                let intermediate = Linear { activation, ..intermediate };
                (wide == other).then_some((wide, intermediate, Some(gated)))
            })
        });
        found.context("the feed-forward block has no known activation")
    }

    /// `linear(x) + residual` as `(x, linear, residual)`.
    fn residual(&self, sum: &'a str) -> Option<(&'a str, Linear, &'a str)> {
        let pair = self.graph.pair_of(sum, "Add")?;
        both_orders(pair).into_iter().find_map(|[branch, residual]| {
            let (input, linear) = self.linear(branch)?;
            (!self.graph.is_constant(residual)).then_some((input, linear, self.same(residual)))
        })
    }

    /// The states of which a value is the mean over all tokens.
    fn mean_of_tokens(&self, name: &'a str) -> Option<&'a str> {
        let [sum, count] = self.graph.pair_of(self.same(name), "Div")?;
        let node = self.graph.producer(self.same(sum)).filter(|n| n.op_type == "ReduceSum")?;
        let axis = match attribute(node, "axes") {
            Some(axes) => *axes.ints.first()? as f32,
            None => self.graph.scalar(node.input.get(1)?)?,
        };
        let kept = both_orders(self.graph.pair_of(self.same(node.input.first()?), "Mul")?);
        let [states, _] = kept.into_iter().find(|[_, mask]| self.is_mask(mask))?;
        (axis == 1.0 && self.is_mask(count)).then(|| self.same(states))
    }

    /// The states from which a value takes the first token.
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
}
