//! Makes int8 weights of float ones, and says what that changes.

mod sample;

use std::io::{Seek, Write};

use crate::engine::{encoder, run_once, write_error};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Config, Encoder, ModelFiles, Output, Refusal, prepared};
use crate::tokenizer::{Encoding, Limits, PairTokenizer, TextTokenizer, Truncation};

pub use sample::SAMPLE;

/// Sequences that are read together: of the longest, what is kept of them takes a quarter of a GB.
const TOGETHER: usize = 32;

/// How fine the layers' matrices become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bits {
    /// From -63 to 63. On processors without VNNI, and on pages, where instructions add two products
    /// in 16 bits, a third faster than 8 bits; and further from the floats by half.
    Seven,
    /// From -127 to 127.
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

/// What quantization changed on a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quantized {
    /// Pairs in the sample.
    pub pairs: usize,
    /// The mean over the pairs of |logit in int8 - logit in floats|; of an embedder, of 1 - the cosine of a
    /// document's two vectors.
    pub mean: f32,
    /// The largest of these.
    pub largest: f32,
}

impl ModelFiles {
    /// Writes a prepared model with int8 weights, of a model with weights in f32 or f16: a quarter or a half
    /// of the bytes, and several times as fast. Returns how far its logits are from the floats' on
    /// a sample of queries and documents, such as [`SAMPLE`].
    ///
    /// The layers' matrices become symmetric integers of `bits` with a scale a column, words integers
    /// of 8 bits with a scale a row. The head, positions, norms and biases stay as they are. A matrix at a
    /// time is in memory.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] where the model has int8 weights already, or is none that
    /// [`ModelFiles::prepare`] takes; [`ErrorKind::InvalidModel`] where it is damaged;
    /// [`ErrorKind::Io`] where `out` cannot be written.
    pub fn quantize_to(
        &self,
        bits: Bits,
        sample: &[(impl AsRef<str>, impl AsRef<str>)],
        out: impl Write + Seek,
    ) -> Result<Quantized> {
        let config = Config::either(self)?;
        let floats = encoder(self, &config)?;
        let rounded = floats.clone().rounded(bits.limit()).map_err(|refusal| match refusal {
            Refusal::Int8 => Error::new(
                ErrorKind::UnsupportedModel,
                "the model's weights are in int8 already; use it as it is, or quantize its export in \
                 f32",
            ),
            Refusal::NotFinite => Error::new(
                ErrorKind::InvalidModel,
                "the model has weights that are no finite numbers; export it again",
            ),
        })?;
        let sequences = self.encode(&config, sample)?;
        let outputs = |encoder: &Encoder| -> Result<Vec<f32>> {
            let groups = sequences.chunks(TOGETHER).map(|group| {
                let group: Vec<&Encoding> = group.iter().collect();
                run_once(encoder.clone(), &config.output, &group)
            });
            Ok(groups.collect::<Result<Vec<_>>>()?.concat())
        };
        let (exact, found) = (outputs(&floats)?, outputs(&rounded)?);
        drop(floats);
        prepared::write(&rounded, self, out).map_err(write_error)?;

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
                "the model gives no finite numbers for the sample; export it again",
            ));
        }
        Ok(Quantized {
            pairs: errors.len(),
            mean: errors.iter().sum::<f32>() / errors.len().max(1) as f32,
            largest: errors.iter().copied().fold(0.0, f32::max),
        })
    }

    /// The sample as the model reads it: pairs, or, of an embedder, documents.
    fn encode(
        &self,
        config: &Config,
        sample: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<Vec<Encoding>> {
        let (json, length, words) = (&self.tokenizer, config.max_length, config.vocab_size);
        match config.output {
            Output::Logit => {
                let tokenizer = PairTokenizer::load(json, length, words)?;
                let encode = |(query, document): &(_, _)| {
                    let query = tokenizer.query(AsRef::as_ref(query), Limits::default())?;
                    tokenizer.pair(&query, AsRef::as_ref(document))
                };
                sample.iter().map(encode).collect()
            }
            Output::Embedding(_) => {
                let tokenizer = TextTokenizer::load(json, length, words)?;
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
