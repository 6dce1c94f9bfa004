//! `crossrank distill`: makes static vectors of an embedder.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use crossrank::site::TokenVectors;

use crate::embedding::EmbeddingArgs;
use crate::error::{CliError, io};
use crate::output::line;
use crate::replace::replace;
use crate::units;

#[derive(Args)]
pub struct DistillArgs {
    #[command(flatten)]
    embedding: EmbeddingArgs,
    /// The number of elements of a vector, a power of two
    #[arg(long, value_name = "N", default_value_t = 256)]
    dimensions: usize,
    /// The language of the texts that the model is for, such as en [default: all languages]
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// The file to write, for crossrank site --vectors
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(args: &DistillArgs) -> Result<String, CliError> {
    let embedder = args.embedding.load(None)?;
    let language = args.language.as_deref().unwrap_or_default();
    let vectors = TokenVectors::distill(&embedder, args.dimensions, language)?;
    let bytes = vectors.to_bytes();
    let what = format!("cannot write {}", args.output.display());
    replace(&args.output, |_, mut file| file.write_all(&bytes).map_err(io(what)))?;
    let size = units::size(bytes.len() as u64);
    Ok(line(&format!("{} holds static vectors, {size}", args.output.display())))
}
