//! Loads a reranker, onto the CPU or a GPU.

use std::sync::Arc;

use bytes::Bytes;

use super::options::{LoadOptions, LongDocuments};
use super::pipeline::Reranker;
use crate::cache::ScoreCache;
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "gpu")]
use crate::gpu::{Adapter, Gpu, Precision};
use crate::model::{Config, Hasher, ModelFiles};
use crate::runner::Runner;
use crate::tokenizer::PairTokenizer;

impl Reranker {
    /// Loads a model folder in the Hugging Face layout, or a prepared model; see
    /// [`ModelFiles::read`].
    ///
    /// # Errors
    /// As [`ModelFiles::read`] and [`Reranker::from_files`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn load(path: impl AsRef<std::path::Path>) -> Result<Reranker> {
        Reranker::from_files(&ModelFiles::read(path)?, LoadOptions::default())
    }

    /// Loads the model inside this library; see [`ModelFiles::bundled_reranker`].
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotInstalled`] if this build carries no model.
    pub fn bundled() -> Result<Reranker> {
        Reranker::from_files(&ModelFiles::bundled_reranker()?, LoadOptions::default())
    }

    /// Loads a model from its files, and scores one pair to check that they fit together.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`], [`ErrorKind::UnsupportedModel`],
    /// [`ErrorKind::NeedsGeneral`] or [`ErrorKind::TokenizerMismatch`] for files that cannot be
    /// used, [`ErrorKind::InvalidArgument`] for options out of range.
    pub fn from_files(files: &ModelFiles, options: LoadOptions) -> Result<Reranker> {
        Reranker::from_owned_files(files.clone(), options)
    }

    /// [`Reranker::from_files`] for when memory is scarce. Whatever is not read in place is dropped
    /// as soon as it is packed.
    ///
    /// # Errors
    /// As [`Reranker::from_files`].
    pub fn from_owned_files(files: ModelFiles, options: LoadOptions) -> Result<Reranker> {
        let parts = Parts::new(&files, options)?;
        let LoadOptions { threads, kernel, .. } = &parts.options;
        let runner = Runner::load(files, &parts.config, *threads, kernel.as_deref())?;
        let reranker = parts.into_reranker(runner)?;
        check_logit(reranker.score(&[PLAIN_PAIR])?[0].logit)?;
        Ok(reranker)
    }

    /// Loads a recognized model onto a GPU, which then computes instead of the CPU: nothing is
    /// loaded for the CPU. Calls fail with [`ErrorKind::GpuFailed`] if the GPU fails;
    /// [`FailoverReranker`](crate::FailoverReranker) then takes the CPU. Scores differ a little
    /// from those of the CPU, see [`crate::gpu`].
    ///
    /// # Errors
    /// As [`Reranker::from_files`], and [`ErrorKind::GpuFailed`].
    #[cfg(feature = "gpu")]
    pub async fn on_gpu(
        files: &ModelFiles,
        options: LoadOptions,
        adapter: &Adapter,
        precision: Precision,
    ) -> Result<Reranker> {
        let parts = Parts::new(files, options)?;
        let runner = Runner::on_gpu(files.load_on_gpu(adapter, precision).await?);
        let reranker = parts.into_reranker(runner)?;
        let (query, document) = PLAIN_PAIR;
        let pair = reranker.encode(query, document)?;
        check_logit(reranker.runner.run_batch_async(&[&pair]).await?[0])?;
        Ok(reranker)
    }
}

/// What is known of a reranker before its graph is loaded.
struct Parts {
    config: Config,
    tokenizer: Bytes,
    /// The cache, and the key of the model so far.
    cache: Option<(Arc<ScoreCache>, Hasher)>,
    options: LoadOptions,
}

impl Parts {
    fn new(files: &ModelFiles, mut options: LoadOptions) -> Result<Parts> {
        let config = Config { keep_floats: options.keep_floats, ..Config::reranker(files)? };
        let key = |cache| (cache, files.hasher(options.fingerprint.as_deref()));
        let cache = options.cache.take().map(key);
        Ok(Parts { config, tokenizer: files.tokenizer.clone(), cache, options })
    }

    /// Loads the tokenizer, after the graph. Loading a graph leaves memory free that WebAssembly
    /// cannot give back, and the tokenizer fits there.
    fn into_reranker(self, runner: Runner) -> Result<Reranker> {
        let Parts { config, tokenizer, cache, options } = self;
        let max_length = runner.max_length(&config, options.max_length)?;
        let cache = cache.map(|(cache, model)| {
            // Caches outlive a program, so the version is part of the key.
            let model = model.part(&(max_length as u64).to_le_bytes());
            let model = model.part(env!("CARGO_PKG_VERSION").as_bytes());
            let kernel = runner.plan().kernel().unwrap_or("general");
            let key = model.part(kernel.as_bytes());
            let key = if options.keep_floats { key.part(b"floats") } else { key };
            // Drivers round differently.
            #[cfg(feature = "gpu")]
            let key = match runner.plan().gpu().map(Gpu::adapter) {
                Some(adapter) => key.part(adapter.to_string().as_bytes()),
                None => key,
            };
            (cache, key.key())
        });
        let Config { trained_tokens, revision, vocab_size, .. } = config;
        let tokenizer = PairTokenizer::load(&tokenizer, max_length, vocab_size)?;
        // A caller who says how long a pair may be wants documents truncated.
        let windows = trained_tokens.is_some() && options.max_length.is_none();
        let long_documents = options.long_documents.unwrap_or(match windows {
            true => LongDocuments::Windows,
            false => LongDocuments::Truncate,
        });
        Ok(Reranker { tokenizer, runner, cache, trained_tokens, revision, long_documents })
    }
}

/// The pair that a new model is tried with.
const PLAIN_PAIR: (&str, &str) = ("a", "b");

fn check_logit(logit: f32) -> Result<()> {
    if logit.is_finite() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidModel,
        format!(
            "the model gives {logit} for a plain pair; its weights are damaged, or too large for \
             floats of 16 bits: export it again, in f32"
        ),
    ))
}
