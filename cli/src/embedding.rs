//! The model that makes vectors: `--embedding-model`.

use std::path::{Path, PathBuf};

use clap::Args;
use crossrank::{Embedder, EmbedderOptions, ModelFiles};

use crate::error::CliError;
use crate::model;
use crate::output;

/// Loads the model with a path or a name, or the bundled one. Prints its warning, if there is one.
pub fn load(given: Option<&Path>, options: EmbedderOptions) -> Result<Embedder, CliError> {
    let files = match given {
        Some(given) => model::read(given)?,
        None => ModelFiles::bundled_embedder()?,
    };
    let embedder = Embedder::from_files(&files, options)?;
    if let Some(warning) = embedder.warning() {
        output::warning(warning);
    }
    Ok(embedder)
}

#[derive(Args)]
pub struct EmbeddingArgs {
    /// The model that makes vectors: a folder in the layout of sentence-transformers, or the name of
    /// a model that crossrank pull has downloaded [default: the bundled model]
    #[arg(long, value_name = "PATH|NAME")]
    embedding_model: Option<PathBuf>,
}

impl EmbeddingArgs {
    pub fn load(&self, threads: Option<usize>) -> Result<Embedder, CliError> {
        let mut options = EmbedderOptions::default();
        options.threads = threads;
        load(self.embedding_model.as_deref(), options)
    }
}
