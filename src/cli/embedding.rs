//! The model that makes vectors of passages and queries.

use std::path::PathBuf;

use clap::Args;
use crossrank::{Embedder, EmbedderOptions, ModelFiles};

use super::Failure;
use super::store::VectorSpace;

#[derive(Args)]
pub struct EmbeddingArgs {
    /// Folder of the model that makes vectors, in the layout of sentence-transformers
    /// [default: the bundled model]
    #[arg(long, value_name = "DIR")]
    embedding_model: Option<PathBuf>,
}

impl EmbeddingArgs {
    pub fn load(&self, threads: Option<usize>) -> Result<Embedder, Failure> {
        let files = match &self.embedding_model {
            Some(folder) => ModelFiles::read(folder)?,
            None => ModelFiles::embedded_embedder()?,
        };
        let mut options = EmbedderOptions::default();
        options.threads = threads;
        let embedder = Embedder::from_files(&files, options)?;
        if let Some(warning) = embedder.warning() {
            eprintln!("crossrank: warning: {warning}");
        }
        Ok(embedder)
    }
}

pub fn space(embedder: &Embedder) -> VectorSpace {
    VectorSpace {
        fingerprint: embedder.fingerprint().to_owned(),
        dimensions: embedder.dimensions(),
    }
}
