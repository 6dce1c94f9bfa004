//! `crossrank eval --search`: measures the quality and the cost of each order of a two-stage search.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::time::{Duration, Instant};

use crossrank::fusion::{FusionWeights, RRF_K, StageScores, fuse, reciprocal_rank_fusion};
use crossrank::{FailoverReranker, LongDocuments, RerankOptions};
use serde::Serialize;

use super::args::EvalArgs;
use super::quality::quality;
use super::set::{Set, Topic};
use crate::error::CliError;
use crate::output::{json, progress_bar};

/// The ways to find candidates.
const FIRST_STAGES: [&str; 3] = ["text", "vector", "hybrid"];
/// The largest number of candidates in the table of orders. Run files hold as many.
const MAX_ORDERED: usize = 100;
/// The ways to order the candidates: not at all, by the cross-encoder on truncated documents, by the
/// cross-encoder on windows, and by the fused scores of all stages.
const SECOND_STAGES: [&str; 4] = ["none", "whole", "windows", "fused"];

#[derive(Serialize)]
struct Report {
    queries: usize,
    /// Seconds to make the vectors of the corpus.
    embedding_seconds: f64,
    /// nDCG@10 by first stage and second stage.
    orders: BTreeMap<&'static str, BTreeMap<&'static str, f64>>,
    /// The figures for each number of candidates of the hybrid first stage.
    recall: Vec<Recall>,
}

#[derive(Serialize)]
struct Recall {
    candidates: usize,
    /// nDCG@10 in the order of the cross-encoder on windows.
    reranked: f64,
    /// nDCG@10 in the order of the fused scores.
    fused: f64,
    /// The time of the cross-encoder on windows, for one query.
    milliseconds: f64,
}

/// A document that the words or the vectors found for a query.
struct Found<'a> {
    id: &'a str,
    /// The ranks in the lists by words and by vectors, from 0.
    text_rank: Option<usize>,
    vector_rank: Option<usize>,
    stages: StageScores,
    /// The cross-encoder's logit for the document truncated to the model's maximum.
    truncated_logit: f64,
}

/// A query with everything that was found for it.
struct QueryResult<'a> {
    topic: &'a Topic,
    found: Vec<Found<'a>>,
    /// The total time of the cross-encoder for each number of candidates.
    times: Vec<Duration>,
}

pub fn run(args: &EvalArgs, set: &Set) -> Result<String, CliError> {
    let mut recall = args.recall.clone();
    recall.sort_unstable();
    let (Some(&max_candidates), Some(1..)) = (recall.last(), recall.first()) else {
        return Err(CliError::new("invalid-argument", "--recall is 0; give counts such as 10,100"));
    };
    let topics: Vec<&Topic> = set.topics.iter().step_by(args.every.max(1)).collect();
    let reranker = args.model.load()?;

    let start = Instant::now();
    let corpus = EmbeddedCorpus::new(args, set)?;
    let embedding_seconds = start.elapsed().as_secs_f64();

    let bar = progress_bar(topics.len(), "queries");
    let mut results = Vec::new();
    for topic in &topics {
        let mut query = QueryResult { topic, found: Vec::new(), times: Vec::new() };
        query.find(&corpus, args.lists_only, max_candidates)?;
        query.score(&reranker, set, &recall)?;
        results.push(query);
        bar.inc(1);
    }
    bar.finish_and_clear();

    let mean = |first: &str, count: usize, second: &str| -> Result<f64, CliError> {
        let mut sum = 0.0;
        for query in &results {
            sum += query.ndcg(first, count, second)?;
        }
        Ok(sum / results.len() as f64)
    };
    let mut report = Report {
        queries: topics.len(),
        embedding_seconds,
        orders: BTreeMap::new(),
        recall: Vec::new(),
    };
    for first in FIRST_STAGES {
        for second in SECOND_STAGES {
            let orders = report.orders.entry(first).or_default();
            orders.insert(second, mean(first, max_candidates.min(MAX_ORDERED), second)?);
        }
    }
    for (step, &candidates) in recall.iter().enumerate() {
        let time: Duration = results.iter().map(|query| query.times[step]).sum();
        report.recall.push(Recall {
            candidates,
            reranked: mean("hybrid", candidates, "windows")?,
            fused: mean("hybrid", candidates, "fused")?,
            milliseconds: time.as_secs_f64() * 1e3 / results.len() as f64,
        });
    }
    if args.json {
        return Ok(json(&report));
    }
    Ok(report.tables(max_candidates.min(MAX_ORDERED)))
}

/// The vectors of a corpus, and the model that made them.
struct EmbeddedCorpus<'a> {
    embedder: crossrank::Embedder,
    /// Vectors by document id. Their order decides between equal cosines.
    vectors: BTreeMap<&'a str, Vec<f32>>,
}

impl<'a> EmbeddedCorpus<'a> {
    fn new(args: &EvalArgs, set: &'a Set) -> Result<EmbeddedCorpus<'a>, CliError> {
        let embedder = args.embedding.load(args.model.threads()?)?;
        let (ids, texts): (Vec<&str>, Vec<&str>) =
            set.corpus.iter().map(|(id, text)| (id.as_str(), text.as_str())).unzip();
        let vectors = ids.into_iter().zip(embedder.embed(&texts)?).collect();
        Ok(EmbeddedCorpus { embedder, vectors })
    }
}

impl<'a> QueryResult<'a> {
    /// The first stages: takes the best `limit` documents of the run's list and of the nearest
    /// vectors. A document of either list gets both scores, if it has both.
    fn find(
        &mut self,
        corpus: &EmbeddedCorpus<'a>,
        lists_only: bool,
        limit: usize,
    ) -> Result<(), CliError> {
        let topic = self.topic;
        let texts: HashMap<&str, (usize, f64)> = topic
            .candidates
            .iter()
            .take(limit)
            .enumerate()
            .map(|(rank, (id, score))| (id.as_str(), (rank, *score)))
            .collect();
        let vector = corpus.embedder.embed_query(&topic.query)?;
        let mut nearest: Vec<(&str, f64)> = corpus
            .vectors
            .iter()
            .filter(|(id, _)| !lists_only || texts.contains_key(*id))
            .map(|(id, other)| (*id, cosine(&vector, other)))
            .collect();
        nearest.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let found = nearest.into_iter().enumerate().map(|(rank, (id, cosine))| {
            let text = texts.get(id);
            Found {
                id,
                text_rank: text.map(|(rank, _)| *rank),
                vector_rank: Some(rank).filter(|&rank| rank < limit),
                stages: StageScores {
                    text: text.map(|(_, score)| *score),
                    vector: Some(cosine),
                    rerank: None,
                },
                truncated_logit: 0.0,
            }
        });
        self.found = found.filter(|f| f.text_rank.is_some() || f.vector_rank.is_some()).collect();
        Ok(())
    }

    /// The second stage, which is timed. It scores the documents in steps, so that the time up to
    /// each number of candidates is known.
    fn score(
        &mut self,
        reranker: &FailoverReranker,
        set: &Set,
        recall: &[usize],
    ) -> Result<(), CliError> {
        let logits =
            |positions: &[usize], long: LongDocuments| -> Result<Vec<(usize, f64)>, CliError> {
                let texts: Vec<&str> =
                    positions.iter().map(|&i| set.corpus[self.found[i].id].as_str()).collect();
                let mut options = RerankOptions::default();
                options.long_documents = Some(long);
                let query = &self.topic.query;
                let ranking = reranker.call(|model| model.rerank_with(query, &texts, &options))?;
                Ok(ranking.results.iter().map(|r| (positions[r.index], r.logit.into())).collect())
            };
        let all: Vec<usize> = (0..self.found.len()).collect();
        let truncated = logits(&all, LongDocuments::Truncate)?;
        let (mut windows, mut times) = (Vec::new(), Vec::new());
        let mut left = all;
        let start = Instant::now();
        for &count in recall {
            let wanted = self.candidates("hybrid", count);
            let (now, later) = left.into_iter().partition(|position| wanted.contains(position));
            left = later;
            windows.extend(logits(&now, LongDocuments::Windows)?);
            times.push(start.elapsed());
        }
        windows.extend(logits(&left, LongDocuments::Windows)?);
        for (position, logit) in truncated {
            self.found[position].truncated_logit = logit;
        }
        for (position, logit) in windows {
            self.found[position].stages.rerank = Some(logit);
        }
        self.times = times;
        Ok(())
    }

    /// The positions in `found` of the best `count` candidates of a first stage.
    fn candidates(&self, first: &str, count: usize) -> Vec<usize> {
        let list = |rank: fn(&Found) -> Option<usize>| -> Vec<usize> {
            let ranks = self.found.iter().enumerate();
            let mut ranked: Vec<(usize, usize)> =
                ranks.filter_map(|(i, found)| Some((rank(found)?, i))).collect();
            ranked.sort_unstable();
            ranked.into_iter().map(|(_, i)| i).take(count).collect()
        };
        let (text, vector) = (list(|found| found.text_rank), list(|found| found.vector_rank));
        match first {
            "text" => text,
            "vector" => vector,
            _ => {
                let fused = reciprocal_rank_fusion(&[text, vector], RRF_K);
                fused.into_iter().map(|(i, _)| i).take(count).collect()
            }
        }
    }

    /// The nDCG@10 of a first stage's candidates in the order of a second stage.
    fn ndcg(&self, first: &str, count: usize, second: &str) -> Result<f64, CliError> {
        let mut positions = self.candidates(first, count);
        let by = |score: &dyn Fn(&Found) -> f64, positions: &mut Vec<usize>| {
            positions.sort_by(|&a, &b| score(&self.found[b]).total_cmp(&score(&self.found[a])));
        };
        match second {
            "whole" => by(&|found| found.truncated_logit, &mut positions),
            "windows" => by(&|found| found.stages.rerank.unwrap_or(f64::MIN), &mut positions),
            "fused" => {
                let stages: Vec<StageScores> =
                    positions.iter().map(|&i| self.found[i].stages).collect();
                let order = fuse(&stages, &FusionWeights::default())?;
                positions = order.into_iter().map(|(i, _)| positions[i]).collect();
            }
            _ => {}
        }
        let order: Vec<&str> = positions.into_iter().map(|i| self.found[i].id).collect();
        Ok(quality(&order, &self.topic.grades, 1).ndcg_at_10)
    }
}

/// The cosine of two vectors of length 1.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum()
}

impl Report {
    fn tables(&self, candidates: usize) -> String {
        let mut text = format!("nDCG@10 of {candidates} candidates, {} queries\n", self.queries);
        let mut line = |columns: &[String]| {
            let columns: Vec<String> =
                columns.iter().map(|column| format!("{column:>9}")).collect();
            writeln!(text, "{}", columns.join(" ")).expect("writing to a string succeeds");
        };
        line(&["", "none", "whole", "windows", "fused"].map(String::from));
        for (first, orders) in FIRST_STAGES.map(|first| (first, &self.orders[first])) {
            let figures = SECOND_STAGES.map(|second| format!("{:.4}", orders[second]));
            line(&[&[first.to_owned()], &figures[..]].concat());
        }
        line(&[]);
        line(&["hybrid", "windows", "fused", "ms"].map(String::from));
        for Recall { candidates, reranked, fused, milliseconds } in &self.recall {
            let figures =
                [format!("{reranked:.4}"), format!("{fused:.4}"), format!("{milliseconds:.0}")];
            line(&[&[candidates.to_string()], &figures[..]].concat());
        }
        text
    }
}
