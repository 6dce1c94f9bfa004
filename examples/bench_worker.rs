//! Runs the library for the benchmarks. It reads a JSON request from each line of standard input,
//! and answers each with a line.
//!
//! - `{"op": "load", "model": DIR, "threads": N}` loads a model folder, and answers with the kernel that runs it.
//! - `{"op": "prepare", "pairs": [[query, document], ...]}` stores pairs.
//! - `{"op": "encode"}` answers `{"ids": [[...], ...]}`, the tokens of each pair.
//! - `{"op": "run"}` scores them, and answers `{"ms_total", "ms_tokenize", "ms_score", "logits"}`.

use std::io::{BufRead, Write};
use std::time::Instant;

use crossrank::{LoadOptions, LongDocuments, ModelFiles, Reranker};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Request {
    Load { model: String, threads: usize },
    Prepare { pairs: Vec<(String, String)> },
    Encode,
    Run,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut reranker = None;
    let mut pairs = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Request::Load { model, threads } => {
                let mut options = LoadOptions::default();
                options.threads = Some(threads);
                // The other engines of the benchmark cut documents, too.
                options.long_documents = Some(LongDocuments::Truncate);
                let loaded = Reranker::from_files(&ModelFiles::read(model)?, options)?;
                let kernel = loaded.kernel();
                reranker = Some(loaded);
                json!({"ok": true, "kernel": kernel})
            }
            Request::Prepare { pairs: new } => {
                pairs = new;
                json!({"ok": true})
            }
            Request::Encode => {
                let reranker: &Reranker = reranker.as_ref().ok_or("load a model first")?;
                let ids = pairs.iter().map(|(query, document)| reranker.encode(query, document));
                let ids = ids.map(|encoding| encoding.map(|encoding| encoding.ids));
                json!({"ids": ids.collect::<crossrank::Result<Vec<_>>>()?})
            }
            Request::Run => run(reranker.as_ref().ok_or("load a model first")?, &pairs)?,
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn run(reranker: &Reranker, pairs: &[(String, String)]) -> crossrank::Result<Value> {
    let milliseconds = |start: Instant| start.elapsed().as_secs_f64() * 1e3;
    let start = Instant::now();
    let encodings = pairs
        .iter()
        .map(|(query, document)| reranker.encode(query, document))
        .collect::<crossrank::Result<Vec<_>>>()?;
    let tokenize = milliseconds(start);
    drop(encodings);

    let start = Instant::now();
    let scores = reranker.score(pairs)?;
    let total = milliseconds(start);
    let logits: Vec<f32> = scores.iter().map(|score| score.logit).collect();
    Ok(json!({
        "ms_total": total,
        "ms_tokenize": tokenize,
        "ms_score": total - tokenize,
        "logits": logits,
    }))
}
