//! An encoder as plain arrays, whatever file it came from.
//!
//! It is a BERT encoder (Devlin et al. 2019, arXiv:1810.04805) of any size. RoBERTa (Liu et al. 2019,
//! arXiv:1907.11692), XLM-RoBERTa (Conneau et al. 2020, arXiv:1911.02116) and DistilBERT (Sanh et
//! al. 2019, arXiv:1910.01108) have the same layers, and differ in positions, token types and head.
//! `hidden` is the width of a token's state. Matrices are `[inputs, outputs]`, row-major, so a layer
//! computes `x w + b`.

use super::config::Config;
use super::positions::PositionScheme;
use super::quantize_on_read::QuantizeOnRead;
use super::weights::Weights;

/// A whole encoder, from token ids to one logit, or to the states of the tokens.
#[derive(Clone)]
pub(crate) struct Encoder {
    pub heads: usize,
    pub token_embeddings: Table,
    pub position_embeddings: Table,
    pub position_scheme: PositionScheme,
    /// A table of one row means that all tokens have type 0, whatever the tokenizer gives.
    pub token_type_embeddings: Option<Table>,
    pub embedding_norm: Norm,
    pub layers: Vec<Layer>,
    /// The linear layers that make a logit of the state of a sequence's first token. A bi-encoder has
    /// none.
    pub head: Vec<Linear>,
}

/// One transformer layer.
#[derive(Clone)]
pub(crate) struct Layer {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub attention_output: Linear,
    pub attention_norm: Norm,
    /// The only layer with an activation.
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

/// The function that is applied to the result of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Gelu,
    /// The approximation of GELU by tanh.
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
        let token_types = self.token_type_embeddings.as_ref();
        let tables = [Some(&self.token_embeddings), Some(&self.position_embeddings), token_types];
        if tables.iter().flatten().any(|t| t.rows == 0 || !t.values.fit(t.rows, hidden)) {
            return Err("the width of an embedding table is not that of its norm".into());
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
            return Err(
                "the gamma and the beta of the embeddings' norm have different lengths".into()
            );
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
        self.position_embeddings.rows.saturating_sub(self.position_scheme.reserved())
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
        for layer in &mut self.layers {
            let Layer { query, key, value, attention_output, intermediate, output, .. } = layer;
            for linear in [query, key, value, attention_output, intermediate, output] {
                quantize(&mut linear.weights, linear.outputs, false, limit)?;
            }
        }
        quantize(&mut self.token_embeddings.values, hidden, true, i8::MAX)?;
        Ok(self)
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
        quantize(&mut self.position_embeddings.values, hidden, true)?;
        for linear in self.head.iter_mut().filter(|linear| linear.outputs > 1) {
            quantize(&mut linear.weights, linear.outputs, false)?;
        }
        Some(self)
    }
}

impl Activation {
    const NAMES: [(&str, Activation); 4] = [
        ("gelu", Activation::Gelu),
        ("gelu_tanh", Activation::GeluTanh),
        ("relu", Activation::Relu),
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
    fn fits(&self, width: usize) -> bool {
        self.gamma.len() == width && self.beta.len() == width
    }
}

impl Linear {
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
