//! `crossrank eval --search`: how good each order of a two-stage search is, and what it costs.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::time::{Duration, Instant};

use crossrank::fusion::{FusionWeights, RRF_K, StageScores, fuse, reciprocal_rank_fusion};
use crossrank::{FailoverReranker, LongDocuments, RerankOptions};
use serde::Serialize;

use super::EvalArgs;
use super::quality::quality;
use super::set::{Set, Topic};
use crate::{CliError, progress_bar};

/// What finds the candidates.
const FIRST_STAGES: [&str; 3] = ["text", "vector", "hybrid"];
/// Candidates of the table of orders, or the most where that is less: what the run files hold.
const USUAL: usize = 100;
/// What orders them then.
const SECOND_STAGES: [&str; 4] = ["none", "whole", "windows", "fused"];

#[derive(Serialize)]
struct Report {
    queries: usize,
    /// Seconds to make the vectors of the corpus.
    embedding_seconds: f64,
    /// nDCG@10 of each first stage and what follows it.
    orders: BTreeMap<&'static str, BTreeMap<&'static str, f64>>,
    /// By the number of candidates of the hybrid first stage.
    recall: Vec<Recall>,
}

#[derive(Serialize)]
struct Recall {
    candidates: usize,
    /// nDCG@10.
    reranked: f64,
    fused: f64,
    /// Of the cross-encoder, on windows; for one query.
    milliseconds: f64,
}

/// A document that some stage found for a query.
struct Found<'a> {
    id: &'a str,
    /// Places in the lists of words and of vectors, from 0.
    text_rank: Option<usize>,
    vector_rank: Option<usize>,
    stages: StageScores,
    /// The cross-encoder's logit of the document cut to the model's maximum.
    whole: f64,
}

/// A query with all that was found for it.
struct Findings<'a> {
    topic: &'a Topic,
    found: Vec<Found<'a>>,
    /// The time that the cross-encoder took up to each number of candidates.
    times: Vec<Duration>,
}

pub fn run(args: &EvalArgs, set: &Set) -> Result<String, CliError> {
    let mut recall = args.recall.clone();
    recall.sort_unstable();
    let (Some(&most), Some(1..)) = (recall.last(), recall.first()) else {
        return Err(CliError::new("invalid-argument", "--recall is 0; give counts such as 10,100"));
    };
    let topics: Vec<&Topic> = set.topics.iter().step_by(args.every.max(1)).collect();
    let reranker = args.model.load()?;

    let start = Instant::now();
    let space = Space::new(args, set)?;
    let embedding_seconds = start.elapsed().as_secs_f64();

    let bar = progress_bar(topics.len(), "queries");
    let mut findings = Vec::new();
    for topic in &topics {
        let mut query = Findings { topic, found: Vec::new(), times: Vec::new() };
        query.find(&space, args.lists_only, most)?;
        query.score(&reranker, set, &recall)?;
        findings.push(query);
        bar.inc(1);
    }
    bar.finish_and_clear();

    let mean = |first: &str, count: usize, second: &str| -> Result<f64, CliError> {
        let mut sum = 0.0;
        for query in &findings {
            sum += query.ndcg(first, count, second)?;
        }
        Ok(sum / findings.len() as f64)
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
            orders.insert(second, mean(first, most.min(USUAL), second)?);
        }
    }
    for (step, &candidates) in recall.iter().enumerate() {
        let time: Duration = findings.iter().map(|query| query.times[step]).sum();
        report.recall.push(Recall {
            candidates,
            reranked: mean("hybrid", candidates, "windows")?,
            fused: mean("hybrid", candidates, "fused")?,
            milliseconds: time.as_secs_f64() * 1e3 / findings.len() as f64,
        });
    }
    if args.json {
        return Ok(serde_json::to_string_pretty(&report).expect("numbers") + "\n");
    }
    Ok(report.tables(most.min(USUAL)))
}

/// The vectors of a corpus, and the model that makes those of queries.
struct Space<'a> {
    embedder: crossrank::Embedder,
    /// By the document's id, in its order.
    vectors: BTreeMap<&'a str, Vec<f32>>,
}

impl<'a> Space<'a> {
    fn new(args: &EvalArgs, set: &'a Set) -> Result<Space<'a>, CliError> {
        let embedder = args.embedding.load(args.model.threads()?)?;
        let (ids, texts): (Vec<&str>, Vec<&str>) =
            set.corpus.iter().map(|(id, text)| (id.as_str(), text.as_str())).unzip();
        let vectors = ids.into_iter().zip(embedder.embed(&texts)?).collect();
        Ok(Space { embedder, vectors })
    }
}

impl<'a> Findings<'a> {
    /// The first stages: the run's list and the nearest vectors, `most` of each. Documents of both
    /// lists have both scores.
    fn find(&mut self, space: &Space<'a>, lists_only: bool, most: usize) -> Result<(), CliError> {
        let topic = self.topic;
        let texts: HashMap<&str, (usize, f64)> = topic
            .candidates
            .iter()
            .take(most)
            .enumerate()
            .map(|(rank, (id, score))| (id.as_str(), (rank, *score)))
            .collect();
        let vector = space.embedder.embed_query(&topic.query)?;
        let mut nearest: Vec<(&str, f64)> = space
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
                vector_rank: Some(rank).filter(|&rank| rank < most),
                stages: StageScores {
                    text: text.map(|(_, score)| *score),
                    vector: Some(cosine),
                    rerank: None,
                },
                whole: 0.0,
            }
        });
        self.found = found.filter(|f| f.text_rank.is_some() || f.vector_rank.is_some()).collect();
        Ok(())
    }

    /// The second stage, which is timed: the documents that fewer candidates have come first.
    fn score(
        &mut self,
        reranker: &FailoverReranker,
        set: &Set,
        recall: &[usize],
    ) -> Result<(), CliError> {
        let logits =
            |places: &[usize], long: LongDocuments| -> Result<Vec<(usize, f64)>, CliError> {
                let texts: Vec<&str> =
                    places.iter().map(|&place| set.corpus[self.found[place].id].as_str()).collect();
                let mut options = RerankOptions::default();
                options.long_documents = Some(long);
                let query = &self.topic.query;
                let ranking = reranker.call(|on| on.rerank_with(query, &texts, &options))?;
                Ok(ranking.results.iter().map(|r| (places[r.index], r.logit.into())).collect())
            };
        let all: Vec<usize> = (0..self.found.len()).collect();
        let whole = logits(&all, LongDocuments::Truncate)?;
        let (mut windows, mut times) = (Vec::new(), Vec::new());
        let mut left = all;
        let start = Instant::now();
        for &count in recall {
            let wanted = self.candidates("hybrid", count);
            let (now, later) = left.into_iter().partition(|place| wanted.contains(place));
            left = later;
            windows.extend(logits(&now, LongDocuments::Windows)?);
            times.push(start.elapsed());
        }
        windows.extend(logits(&left, LongDocuments::Windows)?);
        for (place, logit) in whole {
            self.found[place].whole = logit;
        }
        for (place, logit) in windows {
            self.found[place].stages.rerank = Some(logit);
        }
        self.times = times;
        Ok(())
    }

    /// The places of the first stage's best.
    fn candidates(&self, first: &str, count: usize) -> Vec<usize> {
        let list = |rank: fn(&Found) -> Option<usize>| -> Vec<usize> {
            let ranks = self.found.iter().enumerate();
            let mut ranked: Vec<(usize, usize)> =
                ranks.filter_map(|(place, found)| Some((rank(found)?, place))).collect();
            ranked.sort_unstable();
            ranked.into_iter().map(|(_, place)| place).take(count).collect()
        };
        let (text, vector) = (list(|found| found.text_rank), list(|found| found.vector_rank));
        match first {
            "text" => text,
            "vector" => vector,
            _ => {
                let fused = reciprocal_rank_fusion(&[text, vector], RRF_K);
                fused.into_iter().map(|(place, _)| place).take(count).collect()
            }
        }
    }

    /// nDCG@10 of the candidates in the order of the second stage.
    fn ndcg(&self, first: &str, count: usize, second: &str) -> Result<f64, CliError> {
        let mut places = self.candidates(first, count);
        let by = |score: &dyn Fn(&Found) -> f64, places: &mut Vec<usize>| {
            places.sort_by(|&a, &b| score(&self.found[b]).total_cmp(&score(&self.found[a])));
        };
        match second {
            "whole" => by(&|found| found.whole, &mut places),
            "windows" => by(&|found| found.stages.rerank.unwrap_or(f64::MIN), &mut places),
            "fused" => {
                let stages: Vec<StageScores> =
                    places.iter().map(|&place| self.found[place].stages).collect();
                let order = fuse(&stages, &FusionWeights::default())?;
                places = order.into_iter().map(|(i, _)| places[i]).collect();
            }
            _ => {}
        }
        let order: Vec<&str> = places.into_iter().map(|place| self.found[place].id).collect();
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
            writeln!(text, "{}", columns.join(" ")).expect("writing to a string");
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
