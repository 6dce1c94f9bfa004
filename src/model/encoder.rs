//! An encoder as plain arrays, whatever file it came from.
//!
//! The plain case is BERT (Devlin et al. 2019, arXiv:1810.04805). Other architectures differ in parts of
//! it, each of which has a place here:
//!
//! | Part | BERT | Others |
//! |---|---|---|
//! | [`Positions`] | a table of embeddings | RoBERTa and MPNet number the rows otherwise. ModernBERT, gte, JinaBERT and DeBERTa have no table |
//! | [`RelativePositions`] | none | rotated queries and keys in ModernBERT and gte; a bias of the scores in JinaBERT (ALiBi) and MPNet; products with embeddings of distances in DeBERTa |
//! | [`Layer::window`] | none | two of three layers of ModernBERT attend to near tokens only |
//! | [`Layer::gated`] | none | gated feed-forward blocks in ModernBERT, gte and JinaBERT |
//! | [`Residuals`] | of norms | of sums in ModernBERT (pre-norm) |
//! | [`Head`] | first token, linear layers | a mean, a norm |
//!
//! Where an architecture has no bias, or a norm has no beta, it is zeros. `hidden` is the width of a
//! token's state. Matrices are `[inputs, outputs]`, row-major, so a layer computes `x w + b`.

use std::sync::Arc;

use super::config::Config;
use super::embedding::Pooling;
use super::positions::{PositionScheme, RelativePositions};
use super::quantize_on_read::QuantizeOnRead;
use super::weights::Weights;
use crate::error::{Error, ErrorKind, Result};

/// A whole encoder, from token ids to one logit, or to the states of the tokens.
#[derive(Clone)]
pub(crate) struct Encoder {
    pub heads: usize,
    pub token_embeddings: Table,
    /// A table of one row means that all tokens have type 0, whatever the tokenizer gives.
    pub token_type_embeddings: Option<Table>,
    pub positions: Positions,
    pub embedding_norm: Norm,
    pub residuals: Residuals,
    pub layers: Vec<Layer>,
    /// A bi-encoder has no steps.
    pub head: Head,
}

/// How embeddings depend on positions.
#[derive(Clone)]
pub(crate) enum Positions {
    /// The embedding of its position is added to that of each token.
    Embedded { table: Table, scheme: PositionScheme },
    /// They do not. Layers know the distances between tokens, of which a sequence has at most
    /// `max_length`.
    Relative { max_length: usize },
}

/// What is added to the result of each half of a layer, of which the first is attention, and the second is
/// the feed-forward block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Residuals {
    /// The input of that half: `x = norm(half(x) + x)`, which is called post-norm.
    Normalized,
    /// The sum that was normalized to give this input: `sum = half(x) + sum; x = norm(sum)`, which is called
    /// pre-norm. The first sum is the output of the norm of the embeddings.
    ///
    /// Models of this kind name norms by what comes after them. Here, what they call the norm before the
    /// feed-forward block is that layer's [`Layer::attention_norm`], the norm before the attention of the
    /// next layer is [`Layer::output_norm`], and the final norm is that of the last layer.
    Sums,
}

/// One transformer layer.
#[derive(Clone)]
pub(crate) struct Layer {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub relative: RelativePositions,
    /// The largest distance of tokens that attend to each other. `None` if all of them do.
    pub window: Option<usize>,
    pub attention_output: Linear,
    /// The norm after attention and its residual.
    pub attention_norm: Norm,
    /// The only layer with an activation.
    pub intermediate: Linear,
    /// In a gated feed-forward block (Shazeer 2020, arXiv:2002.05202), the layer by whose result that of
    /// `intermediate` is multiplied. It has the same shape and no activation.
    pub gated: Option<Linear>,
    pub output: Linear,
    /// The norm after the feed-forward block and its residual.
    pub output_norm: Norm,
}

/// What makes a logit of the states of a sequence.
#[derive(Clone)]
pub(crate) struct Head {
    pub pooling: Pooling,
    pub steps: Vec<HeadStep>,
}

#[derive(Clone)]
pub(crate) enum HeadStep {
    Linear(Linear),
    Norm(Norm),
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

/// The function that is applied to the result of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Gelu,
    /// The approximation of GELU by tanh.
    GeluTanh,
    Relu,
    /// `x sigmoid(x)`.
    Silu,
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
    /// The width of a token's state.
    pub fn hidden(&self) -> usize {
        self.embedding_norm.gamma.len()
    }

    /// Checks that all shapes fit each other, so that the engine need not.
    pub fn check(&self) -> Result<(), String> {
        let hidden = self.hidden();
        if hidden == 0 || self.heads == 0 || !hidden.is_multiple_of(self.heads) {
            return Err(format!("{} heads do not divide {hidden} elements", self.heads));
        }
        if self.max_length() == 0 {
            return Err("its table of positions has no rows for tokens".into());
        }
        let positions = self.position_table().map(|(table, _)| table);
        let tables = [Some(&self.token_embeddings), positions, self.token_type_embeddings.as_ref()];
        if tables.iter().flatten().any(|t| t.rows == 0 || !t.values.fit(t.rows, hidden)) {
            return Err("the width of an embedding table is not that of its norm".into());
        }
        if !self.layers.iter().all(|layer| layer.fits(hidden)) {
            return Err("the shapes of a layer do not fit each other".into());
        }
        if !self.layers.iter().all(|layer| layer.relative.fit(self.heads, hidden / self.heads)) {
            return Err("the relative positions of a layer do not fit its heads".into());
        }
        let distances = |layer: &Layer| match &layer.relative {
            RelativePositions::Disentangled(distances) => Some(distances.clone()),
            _ => None,
        };
        let of_first = self.layers.first().and_then(distances);
        let is_same = |layer: &Layer| match (distances(layer), &of_first) {
            (Some(a), Some(b)) => Arc::ptr_eq(&a, b) && layer.window.is_none(),
            (a, b) => a.is_none() && b.is_none(),
        };
        if !self.layers.iter().all(is_same) {
            return Err("its layers have different embeddings of distances".into());
        }
        if self.layers.iter().any(|l| l.gated.is_some() && !l.output.inputs.is_multiple_of(GATES)) {
            return Err(format!("the width of a gated block is not a multiple of {GATES}"));
        }
        if !self.embedding_norm.fits(hidden) {
            return Err(
                "the gamma and the beta of the embeddings' norm have different lengths".into()
            );
        }
        let mut width = hidden;
        for step in &self.head.steps {
            let fits = match step {
                HeadStep::Linear(linear) => linear.inputs == width,
                HeadStep::Norm(norm) => norm.fits(width),
            };
            if !fits {
                return Err("the layers of the head do not fit each other".into());
            }
            if let HeadStep::Linear(linear) = step {
                width = linear.outputs;
            }
        }
        if !self.head.steps.is_empty() && width != 1 {
            return Err("the head does not give one logit".into());
        }
        Ok(())
    }

    /// Checks that the encoder has the tokens that a configuration promises.
    pub fn check_config(&self, config: &Config) -> Result<(), String> {
        let tokens = self.token_embeddings.rows;
        match config.vocab_size {
            Some(size) if size > tokens => {
                Err(format!("it has {tokens} tokens, and config.json says {size}"))
            }
            _ => Ok(()),
        }
    }

    /// The maximum number of tokens in a sequence.
    pub fn max_length(&self) -> usize {
        match &self.positions {
            Positions::Embedded { table, scheme } => table.rows.saturating_sub(scheme.reserved()),
            Positions::Relative { max_length } => *max_length,
        }
    }

    /// The position embeddings, if there are any.
    pub fn position_table(&self) -> Option<(&Table, PositionScheme)> {
        match &self.positions {
            Positions::Embedded { table, scheme } => Some((table, *scheme)),
            Positions::Relative { .. } => None,
        }
    }

    /// Whether every part is one that BERT has.
    pub fn is_plain(&self) -> bool {
        let plain = |layer: &Layer| {
            matches!(layer.relative, RelativePositions::None)
                && (layer.window, layer.gated.is_none()) == (None, true)
                && layer.intermediate.activation != Activation::Silu
        };
        let head = &self.head;
        self.position_table().is_some()
            && self.residuals == Residuals::Normalized
            && self.layers.iter().all(plain)
            && matches!(head.pooling, Pooling::First)
            && head.linears().count() == head.steps.len()
    }

    /// Quantizes the token embeddings and the matrices of the layers to int8. Each is quantized when it
    /// is read. The rest is a hundredth of the bytes and of the time of a large model.
    ///
    /// Matrices are quantized to `-limit..=limit` with a scale for each column, token embeddings to 8
    /// bits with a scale for each row.
    pub fn quantize_on_read(mut self, limit: i8) -> Result<Encoder, QuantizeError> {
        let hidden = self.hidden();
        let quantize = |values: &mut Weights, columns, by_row, limit| {
            let Weights::Float(floats) = &*values else { return Err(QuantizeError::AlreadyInt8) };
            let quantized = QuantizeOnRead::new(floats.clone(), columns, by_row, limit);
            *values = Weights::QuantizeOnRead(quantized.ok_or(QuantizeError::NotFinite)?);
            Ok(())
        };
        for linear in self.layers.iter_mut().flat_map(Layer::linears_mut) {
            quantize(&mut linear.weights, linear.outputs, false, limit)?;
        }
        quantize(&mut self.token_embeddings.values, hidden, true, i8::MAX)?;
        Ok(self)
    }

    /// Quantizes as [`Encoder::quantize_on_read`] in 8 bits, for an encoder that is about to be packed. The token
    /// embeddings are stored in int8, so that the floats of which they are made can be released.
    #[cfg(checkpoints)]
    pub fn quantize(self) -> Result<Encoder, QuantizeError> {
        let mut encoder = self.quantize_on_read(i8::MAX)?;
        let hidden = encoder.hidden();
        let Table { values, .. } = &mut encoder.token_embeddings;
        if let Some(int8) = values.int8(hidden) {
            *values = Weights::Int8(int8);
        }
        Ok(encoder)
    }

    /// Quantizes what [`Encoder::quantize_on_read`] leaves in floats and what is more than vectors: the
    /// table of positions and the matrices of the head. They get 8 bits. `None` if a weight is not
    /// finite.
    pub fn quantize_small_parts(mut self) -> Option<Encoder> {
        let hidden = self.hidden();
        let quantize = |values: &mut Weights, columns, by_row| {
            if let Weights::Float(floats) = &*values {
                let quantized = QuantizeOnRead::new(floats.clone(), columns, by_row, i8::MAX)?;
                *values = Weights::QuantizeOnRead(quantized);
            }
            Some(())
        };
        if let Positions::Embedded { table, .. } = &mut self.positions {
            quantize(&mut table.values, hidden, true)?;
        }
        for linear in self.head.linears_mut().filter(|linear| linear.outputs > 1) {
            quantize(&mut linear.weights, linear.outputs, false)?;
        }
        Some(self)
    }
}

/// The width of a gated block is a multiple of this, so that the engine can compute both factors of the
/// same columns one after the other.
const GATES: usize = 16;

impl Layer {
    /// Its linear layers.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        let Layer { query, key, value, attention_output, intermediate, gated, output, .. } = self;
        [query, key, value, attention_output, intermediate, output].into_iter().chain(gated)
    }

    fn fits(&self, hidden: usize) -> bool {
        let is = |l: &Linear, inputs, outputs| {
            (l.inputs, l.outputs, l.activation) == (inputs, outputs, Activation::None)
        };
        let inner = self.intermediate.outputs;
        let square = [&self.query, &self.key, &self.value, &self.attention_output];
        square.iter().all(|l| is(l, hidden, hidden))
            && self.intermediate.inputs == hidden
            && self.gated.as_ref().is_none_or(|gated| is(gated, hidden, inner))
            && is(&self.output, inner, hidden)
            && [&self.attention_norm, &self.output_norm].iter().all(|n| n.fits(hidden))
    }
}

impl Head {
    /// That of a bi-encoder.
    pub const NONE: Head = Head { pooling: Pooling::First, steps: Vec::new() };

    pub fn linears(&self) -> impl Iterator<Item = &Linear> + Clone {
        self.steps.iter().filter_map(|step| match step {
            HeadStep::Linear(linear) => Some(linear),
            HeadStep::Norm(_) => None,
        })
    }

    pub fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        self.steps.iter_mut().filter_map(|step| match step {
            HeadStep::Linear(linear) => Some(linear),
            HeadStep::Norm(_) => None,
        })
    }
}

impl Activation {
    const NAMES: [(&str, Activation); 5] = [
        ("gelu", Activation::Gelu),
        ("gelu_tanh", Activation::GeluTanh),
        ("relu", Activation::Relu),
        ("silu", Activation::Silu),
        ("tanh", Activation::Tanh),
    ];

    /// Its name in a prepared model. [`Activation::None`] has none.
    pub fn name(self) -> Option<&'static str> {
        Activation::NAMES.iter().find(|(_, one)| *one == self).map(|(name, _)| *name)
    }

    /// The activation of that name in a prepared model.
    pub fn from_name(name: &[u8]) -> Option<Activation> {
        Activation::NAMES.iter().find(|(one, _)| one.as_bytes() == name).map(|(_, one)| *one)
    }
}

impl Norm {
    /// Normalizes each row of a small table in place.
    pub fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.gamma.len()) {
            let mean = row.iter().copied().map(f64::from).sum::<f64>() / row.len() as f64;
            let square = |x: &f32| (f64::from(*x) - mean).powi(2);
            let variance = row.iter().map(square).sum::<f64>() / row.len() as f64;
            let inverse = 1.0 / (variance + f64::from(self.eps)).sqrt();
            for ((x, gamma), beta) in row.iter_mut().zip(&self.gamma).zip(&self.beta) {
                let normalized = (f64::from(*x) - mean) * inverse;
                *x = (normalized * f64::from(*gamma) + f64::from(*beta)) as f32;
            }
        }
    }

    fn fits(&self, width: usize) -> bool {
        self.gamma.len() == width && self.beta.len() == width
    }
}

impl Linear {
    /// The layer with some of its outputs alone. `None` if there are not as many, or one is taken twice.
    pub fn columns(&self, columns: &[usize]) -> Option<Linear> {
        let mut taken = vec![false; self.outputs];
        for &column in columns {
            if std::mem::replace(taken.get_mut(column)?, true) {
                return None;
            }
        }
        Some(Linear {
            outputs: columns.len(),
            weights: self.weights.columns(self.outputs, columns),
            bias: columns.iter().map(|&column| self.bias[column]).collect(),
            ..*self
        })
    }

    /// The last layer of a head with the output alone that is the relevance.
    ///
    /// # Errors
    /// As [`Config::relevance_label`].
    pub fn relevance(self, config: &Config) -> Result<Linear> {
        let label = config.relevance_label(self.outputs)?;
        Ok(if self.outputs == 1 { self } else { self.columns(&[label]).unwrap_or(self) })
    }

    /// Joins layers of the same input and without activations, so that one product gives the outputs of
    /// all of them.
    pub fn concat_columns<const N: usize>(parts: [&Linear; N]) -> Linear {
        let inputs = parts[0].inputs;
        let outputs = parts.iter().map(|p| p.outputs).sum();
        let bias = parts.iter().flat_map(|p| &p.bias).copied().collect();
        let weights = Weights::concat_columns(inputs, &parts.map(|p| (&p.weights, p.outputs)));
        Linear { inputs, outputs, weights, bias, activation: Activation::None }
    }
}

/// Why an encoder cannot be quantized to int8.
pub(crate) enum QuantizeError {
    /// Its weights are int8 already.
    AlreadyInt8,
    /// Some of its weights are not finite.
    NotFinite,
}

impl QuantizeError {
    pub fn into_error(self) -> Error {
        match self {
            QuantizeError::AlreadyInt8 => Error::new(
                ErrorKind::UnsupportedModel,
                "the model's weights are in int8 already; use it as it is, or quantize its export in \
                 f32",
            ),
            QuantizeError::NotFinite => Error::new(
                ErrorKind::InvalidModel,
                "the model has weights that are not finite numbers; export it again",
            ),
        }
    }
}
