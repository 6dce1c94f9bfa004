//! A BERT encoder as plain arrays, whatever file it came from.
//!
//! Shapes: `hidden` is the width of a token, `[inputs, outputs]` of a matrix is row-major, so a
//! layer computes `x w + b` (Devlin et al. 2019, arXiv:1810.04805).

use super::{Config, Output, Values};

/// A whole encoder: token ids to one logit, or to the states of the tokens.
pub(crate) struct Encoder {
    pub heads: usize,
    pub words: Table,
    pub positions: Table,
    pub segments: Table,
    pub embedding_norm: Norm,
    pub layers: Vec<Layer>,
    /// What makes a logit of the last states, in a cross-encoder.
    pub head: Option<Head>,
}

/// The head of a cross-encoder.
pub(crate) struct Head {
    /// Reads the first token of a sequence; tanh follows.
    pub pooler: Linear,
    /// One output.
    pub classifier: Linear,
}

/// One transformer layer.
pub(crate) struct Layer {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub attention_output: Linear,
    pub attention_norm: Norm,
    /// GELU follows.
    pub intermediate: Linear,
    pub output: Linear,
    pub output_norm: Norm,
}

/// `x w + bias`.
pub(crate) struct Linear {
    pub inputs: usize,
    pub outputs: usize,
    pub weights: Values,
    pub bias: Vec<f32>,
}

/// An embedding table, `[rows, hidden]`.
pub(crate) struct Table {
    pub rows: usize,
    pub values: Values,
}

/// Layer normalization.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Norm {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    pub eps: f32,
}

impl Encoder {
    /// The width of a token.
    pub fn hidden(&self) -> usize {
        self.embedding_norm.gamma.len()
    }

    /// Checks that every shape follows from the others, so that the engine need not.
    pub fn check(&self) -> Result<(), String> {
        let hidden = self.hidden();
        if hidden == 0 || self.heads == 0 || !hidden.is_multiple_of(self.heads) {
            return Err(format!("{} heads do not divide {hidden} elements", self.heads));
        }
        let tables = [&self.words, &self.positions, &self.segments];
        if tables.iter().any(|t| !t.values.fit(t.rows, hidden)) {
            return Err("an embedding table has another width than its norm".into());
        }
        let is = |l: &Linear, inputs, outputs| (l.inputs, l.outputs) == (inputs, outputs);
        for layer in &self.layers {
            let inner = layer.intermediate.outputs;
            let square = [&layer.query, &layer.key, &layer.value, &layer.attention_output];
            let fits = square.iter().all(|l| is(l, hidden, hidden))
                && is(&layer.intermediate, hidden, inner)
                && is(&layer.output, inner, hidden)
                && [&layer.attention_norm, &layer.output_norm].iter().all(|n| n.fits(hidden));
            if !fits {
                return Err("the shapes of a layer do not fit each other".into());
            }
        }
        if !self.embedding_norm.fits(hidden) {
            return Err("the embeddings' norm has a beta of another width".into());
        }
        if let Some(Head { pooler, classifier }) = &self.head
            && !(is(pooler, hidden, hidden) && is(classifier, hidden, 1))
        {
            return Err("the head does not give one logit".into());
        }
        Ok(())
    }
}

impl Encoder {
    /// Whether it has what a configuration says.
    pub fn check_config(&self, config: &Config) -> Result<(), String> {
        let (words, positions) = (self.words.rows, self.positions.rows);
        if config.vocab_size.is_some_and(|size| size > words) || config.max_length > positions {
            return Err(format!(
                "its tables have {words} words and {positions} positions, fewer than config.json \
                 says"
            ));
        }
        match (&config.output, &self.head) {
            (Output::Logit, None) => Err("it has no head that gives a logit".into()),
            _ => Ok(()),
        }
    }
}

impl Norm {
    fn fits(&self, width: usize) -> bool {
        self.gamma.len() == width && self.beta.len() == width
    }
}

impl Linear {
    /// Layers of one input side by side: one product gives all their outputs.
    pub fn beside(parts: [&Linear; 3]) -> Linear {
        let inputs = parts[0].inputs;
        let outputs = parts.iter().map(|p| p.outputs).sum();
        let bias = parts.iter().flat_map(|p| &p.bias).copied().collect();
        let weights = Values::beside(inputs, &parts.map(|p| (&p.weights, p.outputs)));
        Linear { inputs, outputs, weights, bias }
    }
}
