//! Quantizes float weights to int8, and measures what that changes.

mod sample;

use std::io::{Seek, Write};

use crate::engine::{reranker_or_embedder, run_once, write_error};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Config, Encoder, ModelFiles, Output, QuantizeError, prepared};
use crate::tokenizer::{Encoding, Limits, PairTokenizer, TextTokenizer, Truncation};

pub use sample::SAMPLE;

/// Sequences in a batch. The activations of the longest ones take a quarter of a GB.
const BATCH_SEQUENCES: usize = 32;

/// How finely the matrices of the layers are quantized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bits {
    /// Integers from -63 to 63. They are a third faster than 8 bits on processors without VNNI and in
    /// browsers, whose instructions add two products in 16 bits. The error is larger by half.
    Seven,
    /// Integers from -127 to 127.
    #[default]
    Eight,
}

impl Bits {
    fn limit(self) -> i8 {
        match self {
            Bits::Seven => 63,
            Bits::Eight => 127,
        }
    }
}

/// The errors of a quantized model on a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quantized {
    /// The number of pairs in the sample.
    pub pairs: usize,
    /// The mean error. The error of a pair is |logit in int8 - logit in floats|. For an embedder, it is
    /// 1 minus the cosine of the two vectors of the document.
    pub mean: f32,
    /// The largest error.
    pub largest: f32,
}

impl ModelFiles {
    /// Writes a prepared model with int8 weights. The weights of this model must be f32 or f16. The
    /// result has a quarter or a half of the bytes, and is several times as fast. Returns its errors on
    /// a sample of queries and documents, such as [`SAMPLE`].
    ///
    /// The matrices of the layers become symmetric integers of `bits` with one scale for each column.
    /// The token embeddings become 8-bit integers with one scale for each row. The head, positions,
    /// norms and biases stay as they are. One matrix at a time is in memory.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] if the model has int8 weights already, or is not one that
    /// [`ModelFiles::prepare`] takes; [`ErrorKind::InvalidModel`] if it is damaged;
    /// [`ErrorKind::Io`] if `out` cannot be written.
    pub fn quantize_to(
        &self,
        bits: Bits,
        sample: &[(impl AsRef<str>, impl AsRef<str>)],
        out: impl Write + Seek,
    ) -> Result<Quantized> {
        let (mut config, floats) = reranker_or_embedder(self)?;
        config.max_length = config.max_positions.min(floats.max_length());
        let rounded = floats.clone().quantize_on_read(bits.limit()).map_err(|error| match error {
            QuantizeError::AlreadyInt8 => Error::new(
                ErrorKind::UnsupportedModel,
                "the model's weights are in int8 already; use it as it is, or quantize its export in \
                 f32",
            ),
            QuantizeError::NotFinite => Error::new(
                ErrorKind::InvalidModel,
                "the model has weights that are not finite numbers; export it again",
            ),
        })?;
        let sequences = self.encode(&config, sample)?;
        let outputs = |encoder: &Encoder| -> Result<Vec<f32>> {
            let groups = sequences.chunks(BATCH_SEQUENCES).map(|group| {
                let group: Vec<&Encoding> = group.iter().collect();
                run_once(encoder.clone(), &config.output, &group)
            });
            Ok(groups.collect::<Result<Vec<_>>>()?.concat())
        };
        let (exact, found) = (outputs(&floats)?, outputs(&rounded)?);
        drop(floats);
        prepared::write(&rounded, &config, self, out).map_err(write_error)?;

        let width = exact.len() / sequences.len().max(1);
        let pairs = exact.chunks(width.max(1)).zip(found.chunks(width.max(1)));
        let errors = pairs.map(|(exact, found)| match config.output {
            Output::Logit => (found[0] - exact[0]).abs(),
            Output::Embedding(_) => 1.0 - cosine(exact, found),
        });
        let errors: Vec<f32> = errors.collect();
        if errors.iter().any(|error| !error.is_finite()) {
            return Err(Error::new(
                ErrorKind::InvalidModel,
                "the model gives numbers that are not finite for the sample; export it again",
            ));
        }
        Ok(Quantized {
            pairs: errors.len(),
            mean: errors.iter().sum::<f32>() / errors.len().max(1) as f32,
            largest: errors.iter().copied().fold(0.0, f32::max),
        })
    }

    /// The tokens of the sample: of the pairs or, for an embedder, of the documents.
    fn encode(
        &self,
        config: &Config,
        sample: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<Vec<Encoding>> {
        let (json, length, vocabulary) = (&self.tokenizer, config.max_length, config.vocab_size);
        match config.output {
            Output::Logit => {
                let tokenizer = PairTokenizer::load(json, length, vocabulary)?;
                let encode = |(query, document): &(_, _)| {
                    let query = tokenizer.query(AsRef::as_ref(query), Limits::default())?;
                    tokenizer.pair(&query, AsRef::as_ref(document))
                };
                sample.iter().map(encode).collect()
            }
            Output::Embedding(_) => {
                let tokenizer = TextTokenizer::load(json, length, vocabulary)?;
                let encode = |(_, document): &(_, _)| {
                    tokenizer.encode(AsRef::as_ref(document), Truncation::default())
                };
                sample.iter().map(encode).collect()
            }
        }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
