//! An encoder as plain arrays, whatever file it came from.
//!
//! It is BERT's (Devlin et al. 2019, arXiv:1810.04805), of any size: RoBERTa (Liu et al. 2019,
//! arXiv:1907.11692), XLM-RoBERTa (Conneau et al. 2020, arXiv:1911.02116) and DistilBERT (Sanh et
//! al. 2019, arXiv:1910.01108) have the same layers, and differ in positions, segments and head.
//! Shapes: `hidden` is the width of a token, `[inputs, outputs]` of a matrix is row-major, so a
//! layer computes `x w + b`.

use super::{Config, Output, QuantizeOnRead, Weights};

/// A whole encoder: token ids to one logit, or to the states of the tokens.
#[derive(Clone)]
pub(crate) struct Encoder {
    pub heads: usize,
    pub words: Table,
    pub positions: Table,
    pub numbering: PositionScheme,
    /// Of one row where all tokens have the same segment, whatever the tokenizer says.
    pub segments: Option<Table>,
    pub embedding_norm: Norm,
    pub layers: Vec<Layer>,
    /// What makes a logit of a sequence's first state, one linear layer after another. A
    /// bi-encoder has none.
    pub head: Vec<Linear>,
}

/// Which row of the table of positions a token has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PositionScheme {
    /// The number of tokens before it.
    FromZero,
    /// RoBERTa's: the id of the padding token and the number of other tokens up to this one. The
    /// padding token itself has its id, in a text too.
    AfterPadding(u32),
}

/// One transformer layer.
#[derive(Clone)]
pub(crate) struct Layer {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub attention_output: Linear,
    pub attention_norm: Norm,
    /// The only one with an activation.
    pub intermediate: Linear,
    pub output: Linear,
    pub output_norm: Norm,
}

/// `activation(x w + bias)`.
#[derive(Clone)]
pub(crate) struct Linear {
    pub inputs: usize,
    pub outputs: usize,
    pub weights: Weights,
    pub bias: Vec<f32>,
    pub activation: Activation,
}

/// What follows a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Gelu,
    /// GELU's approximation by tanh.
    GeluTanh,
    Relu,
    Tanh,
}

/// An embedding table, `[rows, hidden]`.
#[derive(Clone)]
pub(crate) struct Table {
    pub rows: usize,
    pub values: Weights,
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
        let tables = [Some(&self.words), Some(&self.positions), self.segments.as_ref()];
        if tables.iter().flatten().any(|t| t.rows == 0 || !t.values.fit(t.rows, hidden)) {
            return Err("an embedding table has another width than its norm".into());
        }
        let is = |l: &Linear, inputs, outputs| {
            (l.inputs, l.outputs, l.activation) == (inputs, outputs, Activation::None)
        };
        for layer in &self.layers {
            let inner = layer.intermediate.outputs;
            let square = [&layer.query, &layer.key, &layer.value, &layer.attention_output];
            let fits = square.iter().all(|l| is(l, hidden, hidden))
                && layer.intermediate.inputs == hidden
                && is(&layer.output, inner, hidden)
                && [&layer.attention_norm, &layer.output_norm].iter().all(|n| n.fits(hidden));
            if !fits {
                return Err("the shapes of a layer do not fit each other".into());
            }
        }
        if !self.embedding_norm.fits(hidden) {
            return Err("the embeddings' norm has a beta of another width".into());
        }
        let mut width = hidden;
        for linear in &self.head {
            if linear.inputs != width {
                return Err("the layers of the head do not fit each other".into());
            }
            width = linear.outputs;
        }
        if !self.head.is_empty() && width != 1 {
            return Err("the head does not give one logit".into());
        }
        Ok(())
    }
}

impl Activation {
    const NAMES: [(&str, Activation); 4] = [
        ("gelu", Activation::Gelu),
        ("gelu_tanh", Activation::GeluTanh),
        ("relu", Activation::Relu),
        ("tanh", Activation::Tanh),
    ];

    /// Its name in a prepared model.
    pub fn name(self) -> Option<&'static str> {
        Activation::NAMES.iter().find(|(_, one)| *one == self).map(|(name, _)| *name)
    }

    /// The one of a name in a prepared model.
    pub fn named(name: &[u8]) -> Option<Activation> {
        Activation::NAMES.iter().find(|(one, _)| one.as_bytes() == name).map(|(_, one)| *one)
    }
}

impl PositionScheme {
    /// The rows of a sequence's tokens.
    pub fn rows(self, ids: &[u32]) -> Vec<u32> {
        match self {
            PositionScheme::FromZero => (0..ids.len() as u32).collect(),
            PositionScheme::AfterPadding(padding) => {
                let mut last = padding;
                let row = |&id: &u32| {
                    if id == padding {
                        return padding;
                    }
                    last = last.saturating_add(1);
                    last
                };
                ids.iter().map(row).collect()
            }
        }
    }

    /// The rows that no token but the padding has.
    pub fn reserved(self) -> usize {
        match self {
            PositionScheme::FromZero => 0,
            PositionScheme::AfterPadding(padding) => (padding as usize).saturating_add(1),
        }
    }
}

impl Encoder {
    /// Whether it has what a configuration says.
    pub fn check_config(&self, config: &Config) -> Result<(), String> {
        let (words, positions) = (self.words.rows, self.positions.rows);
        let most_tokens = positions.saturating_sub(self.numbering.reserved());
        if config.vocab_size.is_some_and(|size| size > words) || config.max_length > most_tokens {
            return Err(format!(
                "its tables have {words} words and {positions} positions, fewer than config.json \
                 says"
            ));
        }
        match config.output {
            Output::Logit if self.head.is_empty() => {
                Err("it has no head that gives a logit".into())
            }
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
    /// Layers of one input and without activations side by side: one product gives all their
    /// outputs.
    pub fn beside(parts: [&Linear; 3]) -> Linear {
        let inputs = parts[0].inputs;
        let outputs = parts.iter().map(|p| p.outputs).sum();
        let bias = parts.iter().flat_map(|p| &p.bias).copied().collect();
        let weights = Weights::beside(inputs, &parts.map(|p| (&p.weights, p.outputs)));
        Linear { inputs, outputs, weights, bias, activation: Activation::None }
    }
}

impl Encoder {
    /// The encoder with its words and the layers' matrices in int8, each of which is rounded where it
    /// is read. What is left takes a hundredth of a large model's bytes and time.
    ///
    /// Matrices go to `-limit..=limit` with a scale a column, words to 8 bits with a scale a row.
    pub fn rounded(mut self, limit: i8) -> Result<Encoder, Refusal> {
        let hidden = self.hidden();
        let round = |values: &mut Weights, columns, by_row, limit| {
            let Weights::Float(floats) = &*values else { return Err(Refusal::Int8) };
            let rounded = QuantizeOnRead::new(floats.clone(), columns, by_row, limit);
            *values = Weights::QuantizeOnRead(rounded.ok_or(Refusal::NotFinite)?);
            Ok(())
        };
        for layer in &mut self.layers {
            let Layer { query, key, value, attention_output, intermediate, output, .. } = layer;
            for linear in [query, key, value, attention_output, intermediate, output] {
                round(&mut linear.weights, linear.outputs, false, limit)?;
            }
        }
        round(&mut self.words.values, hidden, true, i8::MAX)?;
        Ok(self)
    }
}

/// Why an encoder cannot be rounded to int8.
pub(crate) enum Refusal {
    /// It has int8 weights already.
    Int8,
    /// It has weights that are not finite.
    NotFinite,
}
