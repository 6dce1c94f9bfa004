//! `crossrank rerank`: ranks passages by how well they answer a query, as a table or JSON.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use crossrank::{Backend, RankedDocument, Ranking, RerankOptions};
use serde::Serialize;
use serde_json::Value;

use crate::args::at_least_one;
use crate::error::CliError;
use crate::jsonl::{self, BulkArgs};
use crate::model::ModelArgs;
use crate::output::{self, excerpt, progress_bar};
use crate::passages::{self, Passage};
use crate::remote::RemoteArgs;

#[derive(Args)]
pub struct RerankArgs {
    /// What the passages should answer
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        required_unless_present = "jsonl"
    )]
    query: Option<String>,
    /// Results to print for each query
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    top_k: i64,
    /// Leave out results with a lower score
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, conflicts_with = "jsonl")]
    min_score: Option<f32>,
    /// Stop scoring after this time, and print the passages without a score after the others
    #[arg(long, value_name = "MS", conflicts_with_all = ["jsonl", "remote"])]
    timeout_ms: Option<u64>,
    /// Take the passage from this field or column, and read JSON from files without an extension of
    /// records [default for records: text]
    #[arg(long, value_name = "FIELD")]
    text_field: Option<String>,
    /// Print a JSON array of {index, score, logit, truncated, span, document}; the span is the part of
    /// a long document that gave the score
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bulk: BulkArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Passages, one per line, or records: .jsonl, .ndjson, .json (an array), .csv, .tsv; - is
    /// standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

/// A result with its document, as `--json` prints it.
#[derive(Serialize)]
struct JsonResult<'a> {
    #[serde(flatten)]
    result: RankedDocument,
    document: &'a Value,
}

pub fn run(args: &RerankArgs) -> Result<String, CliError> {
    let top_k = at_least_one("--top-k", args.top_k)?;
    let Some(query) = &args.query else {
        let reranker = || -> Result<Box<dyn Backend>, CliError> {
            Ok(match args.remote.open()? {
                Some(remote) => Box::new(remote),
                None => Box::new(args.model.load()?),
            })
        };
        return jsonl::run(&args.bulk, &args.file, top_k, reranker);
    };
    let passages = passages::read(&args.file, args.text_field.as_deref())?;
    let (mut ranking, max_length) = match args.remote.open()? {
        Some(remote) => {
            let mut ranking = remote.rerank(query, &passages, top_k)?;
            let min_score = args.min_score.unwrap_or(f32::NEG_INFINITY);
            ranking.results.retain(|result| result.score >= min_score);
            (ranking, None)
        }
        None => {
            let reranker = args.model.load()?;
            let bar = progress_bar(passages.len(), "passages");
            let progress = |done| bar.set_position(done as u64);
            let mut options = RerankOptions::default();
            options.top_k = Some(top_k);
            options.min_score = args.min_score;
            options.deadline = args.timeout_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
            options.progress = Some(&progress);
            let ranking = reranker.call(|model| model.rerank_with(query, &passages, &options));
            bar.finish_and_clear();
            (ranking?, Some(reranker.current().max_length()))
        }
    };

    for result in &mut ranking.results {
        result.truncated |= passages[result.index].truncated;
    }
    if ranking.partial {
        output::message("the time ran out before all passages were scored");
    }
    if ranking.query_truncated {
        output::message("the query was truncated to fit the model; shorten it");
    }
    if args.json {
        Ok(json(&ranking, &passages))
    } else {
        Ok(table(&ranking, &passages, max_length))
    }
}

fn json(ranking: &Ranking, passages: &[Passage]) -> String {
    let results: Vec<_> = ranking
        .results
        .iter()
        .map(|&result| JsonResult { result, document: &passages[result.index].document })
        .collect();
    output::json(&results)
}

fn table(ranking: &Ranking, passages: &[Passage], max_length: Option<usize>) -> String {
    let mut text = String::from("rank   score  index  passage\n");
    for (rank, result) in ranking.results.iter().enumerate() {
        let start = result.span.map_or(0, |span| span.start);
        let passage = excerpt(&passages[result.index].text[start..]);
        let passage = if start > 0 { format!("…{passage}") } else { passage };
        let score = match result.score {
            score if score.is_nan() => "-".to_owned(),
            score => format!("{score:.4}"),
        };
        let mark = if result.truncated { " [cut]" } else { "" };
        writeln!(text, "{:>4}  {score:>6}  {:>5}  {passage}{mark}", rank + 1, result.index)
            .expect("writing to a string succeeds");
    }
    // The long documents of a query are either all split or all truncated.
    let truncated = ranking.results.iter().find(|result| result.truncated);
    if let Some((result, tokens)) = truncated.zip(max_length) {
        let part = match result.span {
            Some(_) => "its first windows".to_owned(),
            None => format!("what fits into {tokens} tokens"),
        };
        writeln!(text, "[cut]: scored by {part}").expect("writing to a string succeeds");
    }
    text
}
