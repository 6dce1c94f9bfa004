//! Runs the evaluation: of the lists of a first stage here, of a whole search elsewhere.

use std::time::{Duration, Instant};

use crossrank::Backend;
use serde::Serialize;

use super::args::EvalArgs;
use super::quality::{Quality, mean, quality};
use super::search_orders;
use super::set::Set;
use crate::args::at_least_one;
use crate::error::CliError;
use crate::output::{json, progress_bar};
use crate::units;

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
        return search_orders::run(args, &set);
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
        return Ok(json(&report));
    }
    let line = |name: &str, q: Quality| {
        format!("{name:<12}  {:>7.4}  {:>6.4}\n", q.ndcg_at_10, q.mrr_at_10)
    };
    Ok(format!(
        "{:<12}  nDCG@10  MRR@10\n{}{}{} queries, {}\n",
        "",
        line("first stage", report.first_stage),
        line("reranked", report.reranked),
        set.topics.len(),
        units::time(Duration::from_secs_f64(seconds)),
    ))
}
