//! What stands behind the library's routes in `serve` and `mcp`: the rerankers, the index and the
//! limits.

#[cfg(feature = "search")]
mod index;

use std::path::Path;
#[cfg(feature = "search")]
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use crossrank::server::{Limits, Model, Options};
use crossrank::{LoadOptions, ModelFiles, ScoreCache};

use crate::args::{at_least_one, cores};
use crate::device::Reporter;
use crate::error::CliError;
use crate::model::{self, ScoringArgs};
#[cfg(feature = "search")]
use crate::search::open_index;

#[derive(Args)]
pub struct RoutesArgs {
    /// A model, as for crossrank rerank, and the name that requests give it. May be given several
    /// times; requests that name no model get the first one [default: the bundled model]
    #[arg(long, value_name = "[NAME=]PATH|NAME")]
    model: Vec<String>,
    #[command(flatten)]
    scoring: ScoringArgs,
    /// An index file that crossrank index made, to search in
    #[cfg(feature = "search")]
    #[arg(long, value_name = "INDEX")]
    index: Option<PathBuf>,
    #[cfg(feature = "search")]
    #[command(flatten)]
    embedding: crate::embedding::EmbeddingArgs,
    /// Another name of a model. May be given several times
    #[arg(long, value_name = "ALIAS=NAME")]
    alias: Vec<String>,
    /// Use the first model where a request names an unknown one, for programs that always send the
    /// name of a hosted model
    #[arg(long)]
    accept_any_model: bool,
    /// Memory for the scores of earlier requests, in MB; with 0, every score is computed
    #[arg(long, value_name = "MB", default_value_t = 64)]
    cache_mb: usize,
    /// Maximum number of documents in a request
    #[arg(long, value_name = "N", default_value_t = Limits::default().documents)]
    max_documents: usize,
    /// Maximum number of windows of a document, for requests that give none [default: 32]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_windows: Option<i64>,
    /// Maximum number of tokens in a request. The query counts once for each document. Documents
    /// whose windows have more tokens are truncated
    #[arg(long, value_name = "N", default_value_t = Limits::default().tokens)]
    max_tokens: usize,
}

impl RoutesArgs {
    /// The value of `--threads`, or the number of cores.
    pub fn threads(&self) -> Result<usize, CliError> {
        Ok(self.scoring.threads()?.unwrap_or_else(cores))
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
            let mut searcher = open_index(index)?;
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
            load.cache = options.cache.clone();
            Ok(Model { name, reranker: self.scoring.load(&files, load, reporter)? })
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
