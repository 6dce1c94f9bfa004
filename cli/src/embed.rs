//! `crossrank embed`: makes vectors of texts, one JSON line for each.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use crossrank::{EmbedOptions, Embedder, EmbedderOptions, TextKind};
use serde::Serialize;

use crate::args::at_least_one;
use crate::embedding;
use crate::error::CliError;
use crate::output::{is_read, json_line, progress_bar};
use crate::passages::{Passage, PassageArgs};

/// The number of texts whose vectors are in memory at the same time.
const CHUNK_TEXTS: usize = 1024;

#[derive(Args)]
pub struct EmbedArgs {
    /// The texts are queries, for which some models have a special prefix
    #[arg(long)]
    query: bool,
    #[command(flatten)]
    model: EmbedderArgs,
    #[command(flatten)]
    passages: PassageArgs,
}

#[derive(Args)]
pub struct EmbedderArgs {
    /// The model: a folder in the layout of sentence-transformers, or the name of a model that
    /// crossrank pull has downloaded [default: the bundled model]
    #[arg(long, value_name = "PATH|NAME")]
    model: Option<PathBuf>,
    /// Number of threads that compute [default: one per core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Maximum number of tokens in a text; longer texts are truncated [default: what the model's
    /// files say]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_length: Option<i64>,
    /// Text to put before each query [default: what the model's files say]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    query_prefix: Option<String>,
    /// Text to put before each other text [default: what the model's files say]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    document_prefix: Option<String>,
    /// Compute with the floats of weights in safetensors [default: they are quantized to int8 when the
    /// model is loaded]
    #[arg(long)]
    keep_floats: bool,
}

impl EmbedderArgs {
    pub fn load(&self) -> Result<Embedder, CliError> {
        let mut options = EmbedderOptions::default();
        options.threads = self.threads.map(|n| at_least_one("--threads", n)).transpose()?;
        options.max_length =
            self.max_length.map(|n| at_least_one("--max-length", n)).transpose()?;
        options.query_prefix = self.query_prefix.clone();
        options.document_prefix = self.document_prefix.clone();
        options.keep_floats = self.keep_floats;
        embedding::load(self.model.as_deref(), options)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    tokens: usize,
    truncated: bool,
    embedding: &'a [f32],
}

pub fn run(args: &EmbedArgs) -> Result<String, CliError> {
    let texts = args.passages.read()?;
    let embedder = args.model.load()?;
    let bar = progress_bar(texts.len(), "texts");
    let written = write(args, &texts, &embedder, &|done| bar.set_position(done as u64));
    bar.finish_and_clear();
    written.map(|()| String::new())
}

/// Embeds and writes one chunk of texts after another, so that few vectors are in memory.
fn write(
    args: &EmbedArgs,
    texts: &[Passage],
    embedder: &Embedder,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<(), CliError> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (chunk, start) in texts.chunks(CHUNK_TEXTS).zip((0..).step_by(CHUNK_TEXTS)) {
        let progress = |done| progress(start + done);
        let mut options = EmbedOptions::default();
        options.kind = if args.query { TextKind::Query } else { TextKind::Document };
        options.progress = Some(&progress);
        let embeddings = embedder.embed_with(chunk, &options)?;
        let lines =
            embeddings.iter().zip(chunk).zip(start..).map(|((embedding, text), index)| Line {
                index,
                line: args.passages.has_lines().then_some(text.line),
                tokens: embedding.tokens,
                truncated: embedding.truncated || text.truncated,
                embedding: &embedding.vector,
            });
        let written = lines.map(|line| out.write_all(json_line(&line).as_bytes()));
        let written = written.collect::<std::io::Result<()>>().and_then(|()| out.flush());
        if !is_read(written, "the result")? {
            break;
        }
    }
    Ok(())
}
