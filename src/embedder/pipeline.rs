//! A loaded embedder, and the whole pipeline in one call.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::options::{EmbedOptions, EmbedderOptions, Embedding, TextKind};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Config, EmbeddingSettings, ModelFiles, hexadecimal};
use crate::runner::{Runner, cancelled};
use crate::tokenizer::{Encoding, TextTokenizer, Truncation};

/// A loaded bi-encoder (Reimers and Gurevych 2019, arXiv:1908.10084). Loading takes a moment: keep
/// it, and share it between threads.
///
/// ```
/// # fn main() -> crossrank::Result<()> {
/// # if cfg!(not(feature = "bundled-embedder")) { return Ok(()) }
/// let embedder = crossrank::Embedder::bundled()?;
/// let query = embedder.embed_query("what causes tides")?;
/// let documents = embedder.embed(&["A fox sleeps by day.", "Tides follow the moon."])?;
/// // Vectors have length 1, so this is the cosine.
/// let similarity = |document: &[f32]| -> f32 {
///     query.iter().zip(document).map(|(a, b)| a * b).sum()
/// };
/// assert_eq!(query.len(), embedder.dimensions());
/// assert!(similarity(&documents[1]) > similarity(&documents[0]));
/// # Ok(())
/// # }
/// ```
pub struct Embedder {
    tokenizer: TextTokenizer,
    pub(super) runner: Runner,
    settings: EmbeddingSettings,
    dimensions: usize,
    fingerprint: String,
}

impl Embedder {
    /// Loads a prepared model, or a folder. The folder has the layout of sentence-transformers, or of
    /// Hugging Face with a `pooling.json`; see [`ModelFiles::read`] and [`ModelFiles::EMBEDDING`].
    ///
    /// # Errors
    /// As [`ModelFiles::read`] and [`Embedder::from_files`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn load(path: impl AsRef<std::path::Path>) -> Result<Embedder> {
        Embedder::from_files(&ModelFiles::read(path)?, EmbedderOptions::default())
    }

    /// Loads the embedder inside this library; see [`ModelFiles::bundled_embedder`].
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotInstalled`] if this build carries no embedder.
    pub fn bundled() -> Result<Embedder> {
        Embedder::from_files(&ModelFiles::bundled_embedder()?, EmbedderOptions::default())
    }

    /// Loads a model from its files, and embeds one text to check that they fit together.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`], [`ErrorKind::UnsupportedModel`],
    /// [`ErrorKind::NeedsGeneral`] or [`ErrorKind::TokenizerMismatch`] for files that cannot be
    /// used, [`ErrorKind::InvalidArgument`] for options out of range.
    pub fn from_files(files: &ModelFiles, options: EmbedderOptions) -> Result<Embedder> {
        Embedder::from_owned_files(files.clone(), options)
    }

    /// [`Embedder::from_files`] for when memory is scarce. Whatever is not read in place is dropped
    /// as soon as it is packed.
    ///
    /// # Errors
    /// As [`Embedder::from_files`].
    pub fn from_owned_files(files: ModelFiles, options: EmbedderOptions) -> Result<Embedder> {
        let mut settings = EmbeddingSettings::parse(&files)?;
        let config = Config::embedder(&files, settings.pooling)?;
        let config = Config { keep_floats: options.keep_floats, ..config };
        settings.query_prefix = options.query_prefix.unwrap_or(settings.query_prefix);
        settings.document_prefix = options.document_prefix.unwrap_or(settings.document_prefix);
        let fingerprint = files
            .hasher(options.fingerprint.as_deref())
            .part(settings.pooling.name().as_bytes())
            .part(&[settings.normalize.into()])
            .part(settings.query_prefix.as_bytes())
            .part(settings.document_prefix.as_bytes());

        let tokenizer = files.tokenizer.clone();
        let runner = Runner::load(files, &config, options.threads, None)?;
        let limit = runner.max_length(&config, None)?;
        let usual = settings.max_length.map_or(limit, |length| length.min(limit));
        let length = runner.max_length(&config, options.max_length.or(Some(usual)))?;
        let mut fingerprint = fingerprint.part(&(length as u64).to_le_bytes());
        if let Some(dimensions) = settings.dimensions {
            fingerprint = fingerprint.part(&(dimensions as u64).to_le_bytes());
        }
        if options.keep_floats {
            fingerprint = fingerprint.part(b"floats");
        }
        let fingerprint = hexadecimal(&fingerprint.key());
        // After the graph. Loading that leaves memory free that WebAssembly cannot give back, and
        // the tokenizer fits there.
        let tokenizer = TextTokenizer::load(&tokenizer, length, config.vocab_size)?;
        let mut embedder = Embedder { tokenizer, runner, settings, dimensions: 0, fingerprint };
        let vector = &embedder.embed(&["a"])?[0];
        embedder.dimensions = vector.len();
        Ok(embedder)
    }

    /// The vectors of documents, in the order given, each of [`Embedder::dimensions`] elements.
    /// Texts may be empty.
    ///
    /// # Errors
    /// [`ErrorKind::InputTooLarge`] for a text over [`crate::MAX_TEXT_BYTES`].
    pub fn embed<T: AsRef<str>>(&self, documents: &[T]) -> Result<Vec<Vec<f32>>> {
        let embeddings = self.embed_with(documents, &EmbedOptions::default())?;
        Ok(embeddings.into_iter().map(|embedding| embedding.vector).collect())
    }

    /// The vector of a query, to compare with those of documents.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub fn embed_query(&self, query: &str) -> Result<Vec<f32>> {
        let options = EmbedOptions { kind: TextKind::Query, ..EmbedOptions::default() };
        Ok(self.embed_with(&[query], &options)?.swap_remove(0).vector)
    }

    /// [`Embedder::embed`] with options.
    ///
    /// # Errors
    /// As [`Embedder::embed`], [`ErrorKind::InputTooLarge`] also for a text that is longer than the
    /// model reads with [`Truncation::Never`], and [`ErrorKind::Cancelled`].
    pub fn embed_with<T: AsRef<str>>(
        &self,
        texts: &[T],
        options: &EmbedOptions,
    ) -> Result<Vec<Embedding>> {
        let stop = options.stop_conditions();
        let mut encodings = Vec::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            if stop.is_cancelled() {
                return Err(cancelled());
            }
            let encoding = self.encode(text.as_ref(), options.kind, options.truncation);
            encodings.push(encoding.map_err(|e| e.at(format_args!("text {i}")))?);
        }
        let count = AtomicUsize::new(0);
        let done = |batch: &[usize]| {
            if let Some(progress) = options.progress {
                progress(count.fetch_add(batch.len(), Ordering::Relaxed) + batch.len());
            }
        };
        let vectors = self.runner.run(&encodings, stop, <[f32]>::to_vec, &done)?;
        let pairs = encodings.iter().zip(vectors).enumerate();
        pairs
            .map(|(i, (encoding, vector))| {
                let vector = vector.expect("there is no deadline");
                self.finish(encoding, &vector, options).map_err(|e| e.at(format_args!("text {i}")))
            })
            .collect()
    }

    /// The token ids of a text, with its prefix.
    ///
    /// # Errors
    /// As [`Embedder::embed_with`].
    pub fn encode(&self, text: &str, kind: TextKind, truncation: Truncation) -> Result<Encoding> {
        let prefix = match kind {
            TextKind::Document => &self.settings.document_prefix,
            TextKind::Query => &self.settings.query_prefix,
        };
        match prefix.is_empty() {
            true => self.tokenizer.encode(text, truncation),
            false => self.tokenizer.encode(&format!("{prefix}{text}"), truncation),
        }
    }

    /// The number of elements of a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The maximum number of tokens in a text, including special tokens and the prefix.
    pub fn max_length(&self) -> usize {
        self.tokenizer.max_length()
    }

    /// Whether vectors have length 1 if a call does not say otherwise. The dot product of two such
    /// vectors is their cosine.
    pub fn normalizes(&self) -> bool {
        self.settings.normalize
    }

    /// What distinguishes the vectors of this model from those of others, for programs that store
    /// them: a hash, in hexadecimal, of the files or of [`EmbedderOptions::fingerprint`], and of how
    /// vectors are made.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Why the model runs slower than it could: the library does not recognize its graph. It also says
    /// why, if such a graph was not checked when it was loaded. `None` for a recognized graph.
    pub fn warning(&self) -> Option<&str> {
        self.runner.plan().warning()
    }

    /// The instruction set that computes, such as `avx2`, `neon`, `simd128` or `scalar`. `None` if
    /// the model runs on general operators. Vectors do not depend on it.
    pub fn kernel(&self) -> Option<&'static str> {
        self.runner.plan().kernel()
    }

    /// The tokens that stand for words and parts of words, in the order of the vocabulary, and the vector of
    /// each alone.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] for a tokenizer that is not BERT's.
    #[cfg(all(feature = "site", not(target_arch = "wasm32")))]
    pub(crate) fn token_vectors(&self) -> Result<Vec<(String, Vec<f32>)>> {
        let Some(tokens) = self.tokenizer.word_pieces() else {
            let message = "static vectors can be made of models with BERT's tokenizer only";
            return Err(Error::new(ErrorKind::UnsupportedModel, message));
        };
        let encodings: Vec<Encoding> =
            tokens.iter().map(|(_, id)| self.tokenizer.encode_token(*id)).collect();
        let options = EmbedOptions::default();
        let stop = options.stop_conditions();
        let vectors = self.runner.run(&encodings, stop, <[f32]>::to_vec, &|_| ())?;
        let finished =
            tokens.into_iter().zip(&encodings).zip(vectors).map(|((token, encoding), vector)| {
                let vector = vector.expect("there is no deadline");
                Ok((token.0, self.finish(encoding, &vector, &options)?.vector))
            });
        finished.collect()
    }

    #[cfg(feature = "server")]
    pub(crate) fn runner(&self) -> &Runner {
        &self.runner
    }

    /// The embedding of a text. `vector` is the output of the runner for it.
    pub(crate) fn finish(
        &self,
        encoding: &Encoding,
        vector: &[f32],
        options: &EmbedOptions,
    ) -> Result<Embedding> {
        let mut vector = vector.to_vec();
        vector.truncate(self.settings.dimensions.unwrap_or(usize::MAX));
        // The dimensions are 0 before the first vector.
        if ![0, vector.len()].contains(&self.dimensions) {
            let message =
                format!("the model gave {} elements, not {}", vector.len(), self.dimensions);
            return Err(Error::new(ErrorKind::InvalidModel, message));
        }
        if vector.iter().any(|x| !x.is_finite()) {
            return Err(Error::new(
                ErrorKind::InvalidScore,
                "the model gave a vector with an element that is not a finite number; its weights \
                 are damaged, or too large for floats of 16 bits: export it again, in f32",
            ));
        }
        if options.normalize.unwrap_or(self.settings.normalize) {
            normalize(&mut vector);
        }
        let (tokens, truncated) = (encoding.ids.len(), encoding.document_truncated);
        Ok(Embedding { vector, tokens, truncated })
    }
}

/// Divides a vector by its length. A vector of zeros stays as it is. The sum has a fixed order, so
/// that every platform gives the same bits.
fn normalize(vector: &mut [f32]) {
    let square = vector.iter().fold(0.0, |sum, x| sum + x * x);
    let length = f32::sqrt(square).max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|x| *x /= length);
}
