//! `crossrank embed`: texts to vectors, a JSON line each.

use std::io::{BufWriter, ErrorKind as IoErrorKind, Write};
use std::path::PathBuf;

use clap::Args;
use crossrank::{EmbedOptions, Embedder, EmbedderOptions, TextKind};
use serde::Serialize;

use super::passages::{self, Passage};
use super::{CliError, at_least_one, embedding, io, progress_bar};

/// Texts whose vectors are in memory at one time.
const CHUNK: usize = 1024;

#[derive(Args)]
pub struct EmbedArgs {
    /// The texts are queries, for which some models have a prefix of their own
    #[arg(long)]
    query: bool,
    /// Read JSON lines, and take the text from this field [default for .jsonl files: text]
    #[arg(long, value_name = "FIELD")]
    text_field: Option<String>,
    #[command(flatten)]
    model: EmbedderArgs,
    /// Texts, one a line, or JSON lines; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

#[derive(Args)]
pub struct EmbedderArgs {
    /// Folder of a bi-encoder in the layout of sentence-transformers, or name of one that crossrank
    /// pull has downloaded [default: the bundled model]
    #[arg(long, value_name = "PATH|NAME")]
    model: Option<PathBuf>,
    /// Threads that share the texts [default: one a core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// The most tokens in a text; longer ones are cut [default: what the model's files say]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_length: Option<i64>,
    /// What goes before each query [default: what the model's files say]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    query_prefix: Option<String>,
    /// What goes before each other text [default: what the model's files say]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    document_prefix: Option<String>,
}

impl EmbedderArgs {
    pub fn load(&self) -> Result<Embedder, CliError> {
        let mut options = EmbedderOptions::default();
        options.threads = self.threads.map(|n| at_least_one("--threads", n)).transpose()?;
        options.max_length =
            self.max_length.map(|n| at_least_one("--max-length", n)).transpose()?;
        options.query_prefix = self.query_prefix.clone();
        options.document_prefix = self.document_prefix.clone();
        embedding::load(self.model.as_deref(), options)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    tokens: usize,
    truncated: bool,
    embedding: &'a [f32],
}

pub fn run(args: &EmbedArgs) -> Result<String, CliError> {
    let texts = passages::read(&args.file, args.text_field.as_deref())?;
    let embedder = args.model.load()?;
    let bar = progress_bar(texts.len(), "texts");
    let written = write(args, &texts, &embedder, &|done| bar.set_position(done as u64));
    bar.finish_and_clear();
    written.map(|()| String::new())
}

/// Embeds and writes a chunk at a time, so that few vectors are in memory.
fn write(
    args: &EmbedArgs,
    texts: &[Passage],
    embedder: &Embedder,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<(), CliError> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (chunk, first) in texts.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
        let progress = |done| progress(first + done);
        let mut options = EmbedOptions::default();
        options.kind = if args.query { TextKind::Query } else { TextKind::Document };
        options.progress = Some(&progress);
        let embeddings = embedder.embed_with(chunk, &options)?;
        let lines = embeddings.iter().zip(first..).map(|(embedding, index)| Line {
            index,
            tokens: embedding.tokens,
            truncated: embedding.truncated,
            embedding: &embedding.vector,
        });
        let written = lines.map(|line| {
            let line = serde_json::to_string(&line).expect("finite numbers");
            writeln!(out, "{line}")
        });
        match written.collect::<std::io::Result<()>>().and_then(|()| out.flush()) {
            // The reader, `head` for one, has seen enough.
            Err(e) if e.kind() == IoErrorKind::BrokenPipe => return Ok(()),
            outcome => outcome.map_err(io("cannot write the result"))?,
        }
    }
    Ok(())
}
