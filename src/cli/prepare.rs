//! `crossrank prepare`: a model folder as one file.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use crossrank::{Embedder, EmbedderOptions, LoadOptions, ModelFiles, Reranker};

use super::{Failure, io, model};

#[derive(Args)]
pub struct PrepareArgs {
    /// Model folder in the Hugging Face layout, or name of a model that crossrank pull has downloaded
    #[arg(value_name = "DIR|NAME")]
    model: PathBuf,
    /// The file to write, such as model.crossrank
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(args: &PrepareArgs) -> Result<String, Failure> {
    let output = &args.output;
    let prepared = model::read(&args.model)?.prepare()?;
    let bytes = prepared.len();
    try_out(ModelFiles::from_prepared(prepared.clone())?)?;
    // A file that is there is replaced whole, or stays.
    let unfinished = output.with_extension("crossrank-unfinished");
    let what = || format!("cannot write {}", output.display());
    fs::write(&unfinished, prepared).map_err(io(what()))?;
    fs::rename(&unfinished, output).map_err(io(what()))?;
    Ok(format!("{}: {:.1} MB\n", output.display(), bytes as f64 / 1e6))
}

/// Loads the model, which looks at its tokenizer too and scores a pair or embeds a text.
fn try_out(files: ModelFiles) -> Result<(), crossrank::Error> {
    let is_embedder = !files.embedding.is_empty();
    match Reranker::from_files(&files, LoadOptions::default()) {
        Err(_) if is_embedder => {
            Embedder::from_files(&files, EmbedderOptions::default()).map(|_| ())
        }
        loaded => loaded.map(|_| ()),
    }
}
