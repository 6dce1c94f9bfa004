//! A whole encoder: the order of its head, layers and embeddings.

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::embeddings::Tables;
use super::rules::{Rules, both_orders};
use crate::engine::onnx::graph::{Graph, attribute};
use crate::model::{
    Activation, Config, Encoder, Head, HeadStep, Layer, Linear, Norm, Output, Pooling, Positions,
    RelativePositions, Residuals,
};

/// The encoder in a graph, or why the rules do not match it.
pub(in crate::engine::onnx) fn encoder(graph: Graph, config: &Config) -> Result<Encoder> {
    let heads = config.heads.context("config.json lacks num_attention_heads")?;
    let end = graph.output(config)?;
    let rules = Rules { graph, heads, given_positions: config.position_scheme };
    let (mut state, head) = match config.output {
        Output::Logit if rules.norm(end).is_some() => {
            return Err(config.wrong_output("the states of tokens").into());
        }
        Output::Logit => rules.head(rules.graph.before_sigmoid(end))?,
        Output::Embedding(_) if rules.head(end).is_ok() => {
            return Err(config.wrong_output("what a head makes of the first token").into());
        }
        Output::Embedding(_) => (end, Vec::new()),
    };
    if let Some(last) = head.last().filter(|last| last.outputs != 1) {
        return Err(Config::wrong_labels(last.outputs).into());
    }

    let mut layers = Vec::new();
    let (embedding_norm, terms) = loop {
        let (sum, norm) = rules.norm(state).with_context(|| {
            format!("there is no layer norm {} layers from the end", layers.len())
        })?;
        if let Some(terms) = rules.table_rows(sum) {
            break (norm, terms);
        }
        let (layer, input) = rules
            .layer(sum, norm)
            .with_context(|| format!("{} layers from the end", layers.len()))?;
        layers.push(layer);
        // A small file can hold many layers that share their constants, and each gets a copy.
        ensure!(layers.len() <= MAX_LAYERS, "it has more than {MAX_LAYERS} layers");
        state = input;
    };
    layers.reverse();
    let Tables { tokens, positions, position_scheme, token_types } =
        rules.embeddings(terms, config.max_positions, embedding_norm.gamma.len())?;
    let encoder = Encoder {
        heads,
        token_embeddings: tokens,
        token_type_embeddings: token_types,
        positions: Positions::Embedded { table: positions, scheme: position_scheme },
        embedding_norm,
        residuals: Residuals::Normalized,
        layers,
        head: Head {
            pooling: Pooling::First,
            steps: head.into_iter().map(HeadStep::Linear).collect(),
        },
    };
    encoder.check().map_err(|e| anyhow!("{e}"))?;
    Ok(encoder)
}

/// The maximum number of layers of an encoder. No published one has as many.
const MAX_LAYERS: usize = 256;
/// The maximum number of linear layers of a head.
const MAX_HEAD_LAYERS: usize = 8;

impl<'a> Rules<'a> {
    /// The head of a cross-encoder, and the states that it reads.
    fn head(&self, logits: &'a str) -> Result<(&'a str, Vec<Linear>)> {
        let (mut name, mut head) = (logits, Vec::new());
        while head.len() < MAX_HEAD_LAYERS {
            let (x, activation) = self.activation(name);
            let (input, linear) = self.linear(x).with_context(|| {
                format!("there is no linear layer {} layers from the logits", head.len())
            })?;
            head.push(Linear { activation, ..linear });
            if let Some(states) = self.first_token(input) {
                head.reverse();
                return Ok((states, head));
            }
            name = input;
        }
        bail!("the head does not read the first token")
    }

    /// `norm(feed_forward(a) + a)` with `a = norm(attention(h) + h)`; returns the layer and `h`.
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
        ensure!(inputs == [state; 3], "attention does not read the input of its layer");
        let layer = Layer {
            query: query.1,
            key: key.1,
            value: value.1,
            relative: RelativePositions::None,
            window: None,
            attention_output,
            attention_norm,
            intermediate,
            gated: None,
            output,
            output_norm,
        };
        Ok((layer, state))
    }

    /// `linear(x) + residual` as `(x, linear, residual)`.
    fn residual(&self, sum: &'a str) -> Option<(&'a str, Linear, &'a str)> {
        let pair = self.graph.pair_of(sum, "Add")?;
        both_orders(pair).into_iter().find_map(|[branch, residual]| {
            let (input, linear) = self.linear(branch)?;
            (!self.graph.is_constant(residual)).then_some((input, linear, self.same(residual)))
        })
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
