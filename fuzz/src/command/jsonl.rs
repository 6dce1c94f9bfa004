//! The lines that `crossrank rerank --jsonl` reads, and the file that a run continues.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::{CommandFactory, FromArgMatches, Parser};
use crossrank::{Backend, Ranking, Reranker, Result, Score};
use temp_dir::TempDir;

use super::error::CliError;
use super::jsonl::{BulkArgs, run as rerank};

/// The arguments of `rerank` with which the others are in conflict.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    bulk: BulkArgs,
    #[arg(long)]
    query: Option<String>,
    #[arg(long)]
    text_field: Option<String>,
    #[arg(long)]
    split: bool,
    #[arg(long)]
    json: bool,
}

/// The input's first two bytes say where an earlier run ended. What follows a zero byte in the rest is a file
/// that somebody else wrote.
pub fn run(data: &[u8]) {
    let Some(([a, b], data)) = data.split_first_chunk() else { return };
    let (input, other) =
        data.split_at(data.iter().position(|&byte| byte == 0).unwrap_or(data.len()));
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("input"), input).unwrap();

    let whole = rerank_to(&path("input"), &path("whole"));
    let written = fs::read(path("whole")).unwrap_or_default();
    if let Err(error) = &whole {
        assert!(!error.message.is_empty() && error.code != "internal", "{error:?}");
    }
    let end = usize::from(u16::from_le_bytes([*a, *b])) % (written.len() + 1);
    fs::write(path("part"), &written[..end]).unwrap();
    let continued = rerank_to(&path("input"), &path("part"));
    assert_eq!(continued.is_ok(), whole.is_ok(), "{continued:?} {whole:?}");
    if whole.is_ok() {
        assert_eq!(fs::read(path("part")).unwrap(), written, "continued after {end} bytes");
    }
    if let [_, other @ ..] = other {
        fs::write(path("other"), other).unwrap();
        let _ = rerank_to(&path("input"), &path("other"));
    }
}

fn rerank_to(input: &Path, output: &Path) -> std::result::Result<String, CliError> {
    let output = output.display().to_string();
    let matches = Args::command().get_matches_from(["rerank", "--jsonl", "--output", &output]);
    let args = Args::from_arg_matches(&matches).unwrap();
    rerank(&args.bulk, input, 3, || Ok(Box::new(Small)))
}

/// One model for all calls.
struct Small;

fn reranker() -> &'static Reranker {
    static RERANKER: OnceLock<Reranker> = OnceLock::new();
    RERANKER
        .get_or_init(|| Reranker::load(root().join("tests/data/graphs/torchscript-14")).unwrap())
}

impl Backend for Small {
    fn rerank(&self, query: &str, documents: &[&str], top_k: usize) -> Result<Ranking> {
        reranker().rerank(query, documents, top_k)
    }

    fn score(&self, pairs: &[(&str, &str)]) -> Result<Vec<Score>> {
        reranker().score(pairs)
    }
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn inputs_that_were_kept() {
    crate::replay::replay(&root(), "jsonl", run);
}
