//! `crossrank rerank`: ranks passages by how well they answer a query, as a table or JSON.

use std::time::{Duration, Instant};

use clap::Args;
use crossrank::{Backend, RankedDocument, Ranking, RerankOptions};
use serde::Serialize;
use serde_json::Value;

use crate::args::at_least_one;
use crate::error::CliError;
use crate::jsonl::{self, BulkArgs};
use crate::model::ModelArgs;
use crate::output::{self, Part, Text, excerpt, progress_bar};
use crate::passages::{Passage, PassageArgs};
use crate::remote::RemoteArgs;

#[derive(Args)]
pub struct RerankArgs {
    /// The query: a question or words to look for
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        required_unless_present = "jsonl"
    )]
    query: Option<String>,
    /// Number of results to print for each query
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    top_k: i64,
    /// Leave out results with a lower score
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, conflicts_with = "jsonl")]
    min_score: Option<f32>,
    /// Stop scoring after this many milliseconds, and print the passages without a score after the
    /// others
    #[arg(long, value_name = "MS", conflicts_with_all = ["jsonl", "remote"])]
    timeout_ms: Option<u64>,
    /// Print a JSON array of {index, score, logit, truncated, span, line, title, document}: span is the
    /// part of a long document that gave the score, in bytes; with --split, line is the first line of
    /// the passage, and title has the headings above a paragraph
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bulk: BulkArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    passages: PassageArgs,
}

/// A result with its document, as `--json` prints it.
#[derive(Serialize)]
struct JsonResult<'a> {
    #[serde(flatten)]
    result: RankedDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    document: &'a Value,
}

pub fn run(args: &RerankArgs) -> Result<Text, CliError> {
    let top_k = at_least_one("--top-k", args.top_k)?;
    let Some(query) = &args.query else {
        let reranker = || -> Result<Box<dyn Backend>, CliError> {
            Ok(match args.remote.open()? {
                Some(remote) => Box::new(remote),
                None => Box::new(args.model.load()?),
            })
        };
        return jsonl::run(&args.bulk, &args.passages.file, top_k, reranker).map(Text::from);
    };
    let passages = args.passages.read()?;
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
        let passage = &passages[result.index];
        result.truncated |= passage.truncated;
        // The headings that the model read are not a part of the document.
        if let Some(span) = &mut result.span {
            span.start = span.start.saturating_sub(passage.heading_bytes);
            span.end = span.end.saturating_sub(passage.heading_bytes);
        }
    }
    if ranking.partial {
        output::message("the time ran out before all passages were scored");
    }
    if ranking.query_truncated {
        output::message("the query was truncated to fit the model; shorten it");
    }
    let has_lines = args.passages.has_lines();
    Ok(match args.json {
        true => json(&ranking, &passages, has_lines).into(),
        false => table(&ranking, &passages, has_lines, max_length),
    })
}

fn json(ranking: &Ranking, passages: &[Passage], has_lines: bool) -> String {
    let result = |&result: &RankedDocument| {
        let Passage { line, title, document, .. } = &passages[result.index];
        JsonResult { result, line: has_lines.then_some(*line), title, document }
    };
    output::json(&ranking.results.iter().map(result).collect::<Vec<_>>())
}

fn table(
    ranking: &Ranking,
    passages: &[Passage],
    has_lines: bool,
    max_length: Option<usize>,
) -> Text {
    let mut text = Text::default();
    let place = if has_lines { " line" } else { "index" };
    text.push(Part::Heading, format!("rank   score  {place}  passage\n"));
    for (rank, result) in ranking.results.iter().enumerate() {
        let passage = &passages[result.index];
        let score = match result.score {
            score if score.is_nan() => "-".to_owned(),
            score => format!("{score:.4}"),
        };
        let place = if has_lines { passage.line } else { result.index };
        let start = result.span.map_or(0, |span| span.start);
        let shown = excerpt(&passage.own_text()[start..]);
        let shown = if start > 0 { format!("…{shown}") } else { shown };
        let mark = if result.truncated { " [cut]" } else { "" };
        text.push(Part::Rank, format!("{:>4}", rank + 1));
        text.push(Part::Score, format!("  {score:>6}"));
        text.push(Part::Path, format!("  {place:>5}"));
        text.push(Part::Plain, format!("  {shown}{mark}\n"));
    }
    // The long documents of a query are either all split or all truncated.
    let truncated = ranking.results.iter().find(|result| result.truncated);
    if let Some((result, tokens)) = truncated.zip(max_length) {
        let part = match result.span {
            Some(_) => "its first windows".to_owned(),
            None => format!("what fits into {tokens} tokens"),
        };
        text.push(Part::Plain, format!("[cut]: scored by {part}\n"));
    }
    text
}
