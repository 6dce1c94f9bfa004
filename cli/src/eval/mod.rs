//! `crossrank eval`: ranking quality on a set in the BEIR layout.

mod quality;
mod search;
mod set;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use crossrank::Backend;
use serde::Serialize;

use super::embedding::EmbeddingArgs;
use super::{CliError, ModelArgs, at_least_one, progress_bar};
use quality::{Quality, mean, quality};
use set::Set;

#[derive(Args)]
pub struct EvalArgs {
    /// Folder with corpus.jsonl, queries.jsonl, qrels.tsv and a first-stage run
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Rerank the first N of each list, and leave the rest in their order [default: all]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    depth: Option<i64>,
    /// The first stage's file in DIR: query, document, rank and score, separated by tabs
    #[arg(long, value_name = "FILE", default_value = "bm25_top100.tsv")]
    run: PathBuf,
    /// The lowest grade that is relevant to MRR@10 (TREC DL uses 2)
    #[arg(long, value_name = "GRADE", default_value_t = 1)]
    relevant_grade: u32,
    /// Print {"first_stage": {...}, "reranked": {...}, "seconds"}
    #[arg(long)]
    json: bool,
    /// Measure a whole search: by words, by vectors and by both, each with and without reranking
    /// and fused
    #[arg(long, conflicts_with_all = ["depth", "relevant_grade"])]
    search: bool,
    /// With --search: have vectors find documents among the run's, not in the whole corpus
    #[arg(long, requires = "search")]
    lists_only: bool,
    /// With --search: candidates for the cross-encoder; the table of orders has at most 100
    #[arg(long, value_name = "N,...", value_delimiter = ',', requires = "search",
          default_values_t = [10, 20, 50, 100])]
    recall: Vec<usize>,
    /// With --search: every Nth query alone
    #[arg(long, value_name = "N", requires = "search", default_value_t = 1)]
    every: usize,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    embedding: EmbeddingArgs,
}

#[derive(Serialize)]
struct Report {
    first_stage: Quality,
    reranked: Quality,
    seconds: f64,
}

pub fn run(args: &EvalArgs) -> Result<String, CliError> {
    let depth = match args.depth {
        Some(depth) => at_least_one("--depth", depth)?,
        None => usize::MAX,
    };
    let set = Set::read(&args.dir, &args.run)?;
    if args.search {
        return search::run(args, &set);
    }
    let reranker = args.model.load()?;

    let (mut first_stage, mut reranked) = (Vec::new(), Vec::new());
    let bar = progress_bar(set.topics.len(), "queries");
    let start = Instant::now();
    for topic in &set.topics {
        let list: Vec<&str> = topic.candidates.iter().map(|(id, _)| id.as_str()).collect();
        first_stage.push(quality(&list, &topic.grades, args.relevant_grade));
        let (head, tail) = list.split_at(depth.min(list.len()));
        let texts: Vec<&str> = head.iter().map(|&id| set.corpus[id].as_str()).collect();
        let ranking = reranker.rerank(&topic.query, &texts, texts.len().max(1))?;
        let order = ranking.results.iter().map(|result| head[result.index]);
        let order: Vec<&str> = order.chain(tail.iter().copied()).collect();
        reranked.push(quality(&order, &topic.grades, args.relevant_grade));
        bar.inc(1);
    }
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let report = Report { first_stage: mean(&first_stage), reranked: mean(&reranked), seconds };
    if args.json {
        let json = serde_json::to_string_pretty(&report).expect("numbers");
        return Ok(json + "\n");
    }
    let line = |name: &str, q: Quality| {
        format!("{name:<12}  {:>7.4}  {:>6.4}\n", q.ndcg_at_10, q.mrr_at_10)
    };
    Ok(format!(
        "{:<12}  nDCG@10  MRR@10\n{}{}{} queries, {:.1} s\n",
        "",
        line("first stage", report.first_stage),
        line("reranked", report.reranked),
        set.topics.len(),
        seconds,
    ))
}
