//! The model that makes vectors of passages and queries.

use std::path::{Path, PathBuf};

use clap::Args;
use crossrank::{Embedder, EmbedderOptions, ModelFiles};

use super::Failure;

/// Loads the model of a folder, or the bundled one.
pub fn load(folder: Option<&Path>, options: EmbedderOptions) -> Result<Embedder, Failure> {
    let files = match folder {
        Some(folder) => ModelFiles::read(folder)?,
        None => ModelFiles::embedded_embedder()?,
    };
    let embedder = Embedder::from_files(&files, options)?;
    if let Some(warning) = embedder.warning() {
        eprintln!("crossrank: warning: {warning}");
    }
    Ok(embedder)
}

#[derive(Args)]
pub struct EmbeddingArgs {
    /// Folder of the model that makes vectors, in the layout of sentence-transformers
    /// [default: the bundled model]
    #[arg(long, value_name = "DIR")]
    embedding_model: Option<PathBuf>,
}

impl EmbeddingArgs {
    pub fn load(&self, threads: Option<usize>) -> Result<Embedder, Failure> {
        let mut options = EmbedderOptions::default();
        options.threads = threads;
        load(self.embedding_model.as_deref(), options)
    }
}
