//! Quantizes float weights to int8 or to fewer bits, and measures what that changes.

mod compensate;
mod options;
mod packing;
mod sample;

use std::io::{Seek, Write};

use crate::engine::{LayerByLayer, reranker_or_embedder, write_error};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Config, Encoder, ModelFiles, Output, QuantizeError, prepared};
use crate::tokenizer::{Encoding, Limits, PairTokenizer, TextTokenizer, Truncation};

use options::BATCH_SEQUENCES;
pub use options::{Bits, QuantizeOptions};
pub use sample::SAMPLE;

/// Of so many sequences of a sample, one measures the errors, if the others determine the weights.
const MEASURED: usize = 4;

/// The errors of a quantized model on a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quantized {
    /// The number of pairs that were measured.
    pub pairs: usize,
    /// The mean error. The error of a pair is |logit in int8 - logit in floats|. For an embedder, it is
    /// 1 minus the cosine of the two vectors of the document.
    pub mean: f32,
    /// The largest error.
    pub largest: f32,
    /// Whether these are errors of the logits of a reranker.
    pub of_logits: bool,
}

impl ModelFiles {
    /// Writes a prepared model with quantized weights. The weights of this model must be f32 or f16.
    /// Returns its errors on a sample of queries and documents, such as [`SAMPLE`].
    ///
    /// In 7 or 8 bits, the matrices of the layers become symmetric integers with one scale for each
    /// column, and the token embeddings become 8-bit integers with one scale for each row. Positions,
    /// norms, biases and the head stay as they are. The file has a quarter or a half of the bytes.
    ///
    /// In fewer bits, those integers are stored as codes, with a step and an offset for each 32
    /// neighbouring weights of a row. The matrices are then chosen so that, for the texts of the sample,
    /// the errors of their weights make up for each other (GPTQ: Frantar et al. 2023, arXiv:2210.17323).
    /// That needs a sample of a hundred pairs or more; one in four only measures. Positions and the wide
    /// matrices of the head become 8-bit integers.
    ///
    /// However the weights are stored, the model runs in int8. One matrix at a time is in memory.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the matrices should have 3 bits;
    /// [`ErrorKind::UnsupportedModel`] if the model has int8 weights already, or is not one that
    /// [`ModelFiles::prepare`] takes; [`ErrorKind::InvalidModel`] if it is damaged;
    /// [`ErrorKind::Io`] if `out` cannot be written.
    pub fn quantize_to(
        &self,
        options: impl Into<QuantizeOptions>,
        sample: &[(impl AsRef<str>, impl AsRef<str>)],
        out: impl Write + Seek,
    ) -> Result<Quantized> {
        let QuantizeOptions { bits, table_bits } = options.into();
        if bits == Bits::Three {
            let message = "matrices in 3 bits give wrong orders; use 4 bits or more";
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let table_bits =
            table_bits.unwrap_or(if bits.are_packed() { Bits::Four } else { Bits::Eight });
        let (mut config, floats) = reranker_or_embedder(self)?;
        config.max_length = config.max_positions.min(floats.max_length());
        let sequences = self.encode(&config, sample)?;
        let rounded = floats.clone().quantize_on_read(bits.limit());
        let rounded = rounded.map_err(QuantizeError::into_error)?;
        let (fitted, measured): (Vec<Encoding>, Vec<Encoding>) = match bits.are_packed() {
            true if sequences.len() >= MEASURED => {
                let of = |last| {
                    let numbered = sequences.iter().enumerate();
                    let chosen =
                        numbered.filter(move |(i, _)| (i % MEASURED == MEASURED - 1) == last);
                    chosen.map(|(_, sequence)| sequence.clone()).collect()
                };
                (of(false), of(true))
            }
            true => (sequences.clone(), sequences),
            false => (Vec::new(), sequences),
        };
        let packed =
            packing::pack(floats.clone(), rounded, (bits, table_bits), &config.output, &fitted);
        let packed = packed?.ok_or_else(|| QuantizeError::NotFinite.into_error())?;

        let outputs = |encoder: &Encoder| -> Result<Vec<f32>> {
            let groups: Vec<&[Encoding]> = measured.chunks(BATCH_SEQUENCES).collect();
            let mut run = LayerByLayer::start(encoder.clone(), &config.output, &groups)?;
            encoder.layers.iter().cloned().try_for_each(|layer| run.apply(layer))?;
            run.outputs()
        };
        let (exact, found) = (outputs(&floats)?, outputs(&packed)?);
        drop(floats);
        prepared::write(&packed, &config, self, out).map_err(write_error)?;

        let width = exact.len() / measured.len().max(1);
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
            of_logits: matches!(config.output, Output::Logit),
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
