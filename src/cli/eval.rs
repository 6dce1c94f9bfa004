//! `crossrank eval`: ranking quality on a set in the BEIR layout.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::{Failure, ModelArgs, at_least_one, input, progress_bar};

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
    #[command(flatten)]
    model: ModelArgs,
}

/// One query with its first-stage list and the grades of its judged documents.
struct Topic {
    query: String,
    candidates: Vec<String>,
    grades: HashMap<String, u32>,
}

#[derive(Clone, Copy, Default, Serialize)]
struct Quality {
    ndcg_at_10: f64,
    mrr_at_10: f64,
}

#[derive(Serialize)]
struct Report {
    first_stage: Quality,
    reranked: Quality,
    seconds: f64,
}

pub fn run(args: &EvalArgs) -> Result<String, Failure> {
    let depth = match args.depth {
        Some(depth) => at_least_one("--depth", depth)?,
        None => usize::MAX,
    };
    let corpus = read_records(&args.dir.join("corpus.jsonl"))?;
    let topics = read_topics(&args.dir, &args.run)?;
    let reranker = args.model.load()?;

    let (mut first_stage, mut reranked) = (Vec::new(), Vec::new());
    let bar = progress_bar(topics.len(), "queries");
    let start = Instant::now();
    for topic in &topics {
        first_stage.push(quality(&topic.candidates, &topic.grades, args.relevant_grade));
        let (head, tail) = topic.candidates.split_at(depth.min(topic.candidates.len()));
        let texts = head
            .iter()
            .map(|id| {
                corpus.get(id).ok_or_else(|| {
                    let message = format!("document {id} of the run is not in corpus.jsonl");
                    Failure::new("invalid-input", message)
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let ranking = reranker.rerank(&topic.query, &texts, texts.len().max(1))?;
        let order = ranking.results.iter().map(|result| &head[result.index]).chain(tail);
        let order: Vec<String> = order.cloned().collect();
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
        topics.len(),
        seconds,
    ))
}

/// Texts by id. A document's text is its title, a space, and its text.
fn read_records(path: &Path) -> Result<HashMap<String, String>, Failure> {
    let records = input::read_jsonl::<input::Record>(path)?.into_iter();
    Ok(records.map(|(_, r)| (r.id, format!("{} {}", r.title, r.text).trim().to_owned())).collect())
}

/// Every query that has a relevant document, with its candidates in the order of their ranks.
/// A query without candidates stays, and counts as 0.
fn read_topics(dir: &Path, run: &Path) -> Result<Vec<Topic>, Failure> {
    let mut grades: HashMap<String, HashMap<String, u32>> = HashMap::new();
    read_tsv(&dir.join("qrels.tsv"), true, |[query, document, grade]| {
        // Some sets code "harmful" or "not judged" below 0.
        let grade: i64 = grade.parse().map_err(|_| "the grade is not a whole number")?;
        let grade = u32::try_from(grade).unwrap_or(0);
        grades.entry(query.to_owned()).or_default().insert(document.to_owned(), grade);
        Ok(())
    })?;
    let mut lists: HashMap<String, Vec<(u64, String)>> = HashMap::new();
    read_tsv(&dir.join(run), false, |[query, document, rank, _score]| {
        let rank = rank.parse().map_err(|_| "the rank is not a whole number")?;
        lists.entry(query.to_owned()).or_default().push((rank, document.to_owned()));
        Ok(())
    })?;

    let queries = read_records(&dir.join("queries.jsonl"))?;
    let mut topics: Vec<(String, Topic)> = grades
        .into_iter()
        .filter(|(_, grades)| grades.values().any(|&grade| grade > 0))
        .filter_map(|(id, grades)| {
            let query = queries.get(&id)?.clone();
            let mut list = lists.remove(&id).unwrap_or_default();
            list.sort_by_key(|(rank, _)| *rank);
            let candidates = list.into_iter().map(|(_, document)| document).collect();
            Some((id, Topic { query, candidates, grades }))
        })
        .collect();
    // Sums of floats depend on their order.
    topics.sort_by(|(a, _), (b, _)| a.cmp(b));
    if topics.is_empty() {
        let message = format!("{} has no query with a relevant document", dir.display());
        return Err(Failure::new("invalid-input", message));
    }
    Ok(topics.into_iter().map(|(_, topic)| topic).collect())
}

/// Calls `row` with the first `N` columns of every line.
fn read_tsv<const N: usize>(
    path: &Path,
    header: bool,
    mut row: impl FnMut([&str; N]) -> Result<(), &'static str>,
) -> Result<(), Failure> {
    let text = input::read_text(path)?;
    for (number, line) in input::lines(&text).skip(header.into()) {
        let columns: Vec<&str> = line.split('\t').collect();
        let columns = columns.first_chunk::<N>().ok_or("too few columns, which tabs separate");
        columns.and_then(|columns| row(*columns)).map_err(|e| input::bad_line(path, number, e))?;
    }
    Ok(())
}

/// nDCG@10 (gain = grade, discount log2(rank + 1), ideal over all judged documents) and MRR@10
/// of one list (Järvelin and Kekäläinen 2002; trec_eval's `ndcg_cut_10`).
fn quality(order: &[String], grades: &HashMap<String, u32>, relevant_grade: u32) -> Quality {
    let grade = |document: &String| grades.get(document).copied().unwrap_or(0);
    let dcg = |grades: &mut dyn Iterator<Item = u32>| -> f64 {
        grades.take(10).zip(2..).map(|(g, rank)| f64::from(g) / f64::from(rank).log2()).sum()
    };
    let mut best: Vec<u32> = grades.values().copied().collect();
    best.sort_by(|a, b| b.cmp(a));
    let ideal = dcg(&mut best.into_iter());
    let first = order.iter().take(10).position(|document| grade(document) >= relevant_grade);
    Quality {
        ndcg_at_10: if ideal > 0.0 { dcg(&mut order.iter().map(grade)) / ideal } else { 0.0 },
        mrr_at_10: first.map_or(0.0, |position| 1.0 / (position + 1) as f64),
    }
}

fn mean(qualities: &[Quality]) -> Quality {
    let mean = |of: fn(&Quality) -> f64| {
        qualities.iter().map(of).sum::<f64>() / qualities.len().max(1) as f64
    };
    Quality { ndcg_at_10: mean(|q| q.ndcg_at_10), mrr_at_10: mean(|q| q.mrr_at_10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| id.to_string()).collect()
    }

    #[test]
    fn quality_of_a_worked_example() {
        let grades = HashMap::from([("a".into(), 3), ("b".into(), 2), ("c".into(), 1)]);
        let ideal = 3.0 + 2.0 / 3f64.log2() + 1.0 / 4f64.log2();

        let perfect = quality(&list(&["a", "b", "c"]), &grades, 1);
        assert_eq!((perfect.ndcg_at_10, perfect.mrr_at_10), (1.0, 1.0));

        let late = quality(&list(&["x", "c", "a"]), &grades, 1);
        let dcg = 1.0 / 3f64.log2() + 3.0 / 4f64.log2();
        assert!((late.ndcg_at_10 - dcg / ideal).abs() < 1e-12);
        assert_eq!(late.mrr_at_10, 0.5);
        assert_eq!(quality(&list(&["x", "c", "a"]), &grades, 2).mrr_at_10, 1.0 / 3.0);
    }

    #[test]
    fn rank_eleven_does_not_count() {
        let grades = HashMap::from([("a".into(), 1)]);
        let mut order = list(&["x"; 10]);
        order.push("a".into());
        let q = quality(&order, &grades, 1);
        assert_eq!((q.ndcg_at_10, q.mrr_at_10), (0.0, 0.0));
    }
}
