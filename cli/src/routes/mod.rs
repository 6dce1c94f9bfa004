//! What stands behind the library's routes in `serve` and `mcp`: the rerankers, the index and the
//! limits.

#[cfg(feature = "search")]
mod index;

use std::path::Path;
#[cfg(feature = "search")]
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
#[cfg(feature = "search")]
use crossrank::index::Searcher;
use crossrank::server::{Limits, Model, Options};
use crossrank::{LoadOptions, ModelFiles, ScoreCache};

use crate::args::{at_least_one, cores};
use crate::device::{DeviceArgs, Reporter};
use crate::error::CliError;
use crate::model::{self, LongDocumentsArgs};

#[derive(Args)]
pub struct RoutesArgs {
    /// Model folder in the Hugging Face layout, prepared model, or name of a model that crossrank
    /// pull has downloaded; may be given several times, and requests without a model name get the
    /// first [default: the bundled model]
    #[arg(long, value_name = "[NAME=]PATH|NAME")]
    model: Vec<String>,
    #[command(flatten)]
    long: LongDocumentsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// File that crossrank index made, to search
    #[cfg(feature = "search")]
    #[arg(long, value_name = "INDEX")]
    index: Option<PathBuf>,
    #[cfg(feature = "search")]
    #[command(flatten)]
    embedding: crate::embedding::EmbeddingArgs,
    /// Another name of a model
    #[arg(long, value_name = "ALIAS=NAME")]
    alias: Vec<String>,
    /// Take an unknown model name as the first model, for programs that always send the name of a
    /// hosted one
    #[arg(long)]
    accept_any_model: bool,
    /// Threads that score [default: one per core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Memory for the scores of earlier requests; 0 computes every score
    #[arg(long, value_name = "MB", default_value_t = 64)]
    cache_mb: usize,
    /// Largest number of documents in a request
    #[arg(long, value_name = "N", default_value_t = Limits::default().documents)]
    max_documents: usize,
    /// Largest number of windows of a document, for requests that give none [default: 32]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_windows: Option<i64>,
    /// Largest number of tokens in a request, with the query counted once for each document;
    /// documents in windows are cut where the windows have more
    #[arg(long, value_name = "N", default_value_t = Limits::default().tokens)]
    max_tokens: usize,
}

impl RoutesArgs {
    /// The value of `--threads`, or the number of cores.
    pub fn threads(&self) -> Result<usize, CliError> {
        self.threads.map_or(Ok(cores()), |threads| at_least_one("--threads", threads))
    }

    /// Whether a model replaces the bundled one.
    #[cfg(feature = "serve")]
    pub fn has_model(&self) -> bool {
        !self.model.is_empty()
    }

    /// Loads the models and opens the index.
    pub fn load(&self, reporter: Reporter) -> Result<(Vec<Model>, Options), CliError> {
        let mut options = Options::default();
        options.limits.documents = self.max_documents;
        options.limits.tokens = self.max_tokens;
        options.max_windows =
            self.max_windows.map(|n| at_least_one("--max-windows", n)).transpose()?;
        options.aliases = self.aliases()?;
        options.accept_any_model = self.accept_any_model;
        options.threads = self.threads()?;
        options.cache = (self.cache_mb > 0).then(|| Arc::new(ScoreCache::new(self.cache_mb << 20)));
        let models = self.models(&options, reporter)?;
        #[cfg(feature = "search")]
        if let Some(index) = &self.index {
            let mut searcher = Searcher::open(index)?;
            if searcher.has_vectors() {
                searcher = searcher.with_embedder(self.embedding.load(Some(options.threads))?)?;
            }
            options.index = Some(Arc::new(index::FileIndex(searcher)));
        }
        Ok((models, options))
    }

    fn models(&self, options: &Options, reporter: Reporter) -> Result<Vec<Model>, CliError> {
        let load = |name: String, files: ModelFiles| {
            let mut load = LoadOptions::default();
            load.threads = Some(options.threads);
            load.cache = options.cache.clone();
            load.long_documents = self.long.chosen();
            Ok(Model { name, reranker: self.device.load(&files, load, reporter)? })
        };
        if self.model.is_empty() {
            return Ok(vec![load("minilm-l6-en".into(), ModelFiles::bundled_reranker()?)?]);
        }
        let models = self.model.iter().map(|given| {
            let (name, path) = name_and_path(given);
            load(name, model::read(path)?)
        });
        models.collect()
    }

    /// `(alias, name)`
    fn aliases(&self) -> Result<Vec<(String, String)>, CliError> {
        let alias = |text: &String| {
            let (alias, name) = text.split_once('=').ok_or_else(|| {
                let message = format!("--alias {text} does not have the form ALIAS=NAME");
                CliError::new("invalid-argument", message)
            })?;
            Ok((alias.to_owned(), name.to_owned()))
        };
        self.alias.iter().map(alias).collect()
    }
}

/// The parts of `NAME=PATH`. A path without a name gets the name of its file or folder, and a model
/// of the hub the name that was given.
pub fn name_and_path(given: &str) -> (String, &Path) {
    if let Some((name, path)) = given.split_once('=') {
        return (name.to_owned(), Path::new(path));
    }
    let path = Path::new(given);
    let name = match path.canonicalize() {
        Ok(whole) => whole.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        Err(_) => given.to_owned(),
    };
    (name, path)
}
