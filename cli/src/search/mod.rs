//! `crossrank search`: what an index holds on a query, reranked.

mod first_stage;
pub mod words;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use crossrank::fusion::{FusionWeights, StageScores, fuse};
use crossrank::{Ranking, RerankOptions};
use serde::Serialize;

use super::embedding::EmbeddingArgs;
use super::rerank::excerpt;
use super::{CliError, ModelArgs, at_least_one};
pub use first_stage::{Candidate, FirstStage};

#[derive(Args)]
pub struct SearchArgs {
    /// What finds the candidates [default: hybrid, or text where the index has words only]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Candidates to rerank
    #[arg(long, value_name = "N", default_value_t = 100, allow_negative_numbers = true)]
    recall: i64,
    /// Results to print
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    top_k: i64,
    /// Keep the order, and the scores, in which the candidates were found
    #[arg(long)]
    no_rerank: bool,
    /// Order by the sum of the spread scores of words, vectors and cross-encoder, with these weights
    /// [default weights: text=0.2,vector=0.5,rerank=0.3]
    #[arg(long, value_name = "WEIGHTS", num_args = 0..=1, require_equals = true)]
    fuse: Option<Option<FusionWeights>>,
    /// Print a JSON array of {path, id, line, start, end, title, passage, score, firstStageScore, textScore, vectorScore, rerankScore};
    /// id is the _id of JSON lines, and start and end are bytes of the file, or of title and text
    #[arg(long)]
    json: bool,
    /// Print the time of each stage on standard error
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    embedding: EmbeddingArgs,
    /// A file that crossrank index made
    #[arg(value_name = "INDEX")]
    index: PathBuf,
    /// What to look for
    #[arg(value_name = "QUERY", allow_hyphen_values = true)]
    query: String,
}

/// What finds the candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The words of the query, by BM25
    Text,
    /// The meaning of the query, by the cosine of vectors
    Vector,
    /// Both, by reciprocal rank fusion
    Hybrid,
}

/// A result as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    #[serde(flatten)]
    candidate: &'a Candidate,
    /// The cross-encoder's, the fused one where that was asked for, or the first stage's where
    /// there was no reranking.
    score: f64,
    first_stage_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rerank_score: Option<f32>,
}

pub fn run(args: &SearchArgs) -> Result<String, CliError> {
    let recall = at_least_one("--recall", args.recall)?;
    let top_k = at_least_one("--top-k", args.top_k)?;
    let mut watch = Stopwatch::start(args.verbose);
    let threads = args.model.threads()?;
    let load = || match args.mode {
        Some(Mode::Text) => Ok(None),
        _ => args.embedding.load(threads).map(Some),
    };
    let first_stage = FirstStage::open(&args.index, load)?;
    watch.lap("open the index, load the embedding model");
    let candidates = first_stage.candidates(&args.query, args.mode, recall, &mut watch)?;
    let ranking = match args.no_rerank {
        true => None,
        false => Some(rerank(args, &candidates, &mut watch)?),
    };
    let weights = args.fuse.map(Option::unwrap_or_default);
    let order = order(&candidates, ranking.as_ref(), weights)?;
    let rerank_scores: HashMap<usize, f32> =
        ranking.iter().flat_map(|ranking| &ranking.results).map(|r| (r.index, r.score)).collect();
    let found = order.into_iter().take(top_k).map(|(place, score)| Found {
        candidate: &candidates[place],
        score,
        first_stage_score: candidates[place].score,
        text_score: candidates[place].stages.text,
        vector_score: candidates[place].stages.vector,
        rerank_score: rerank_scores.get(&place).copied(),
    });
    let found: Vec<Found> = found.collect();
    if args.json {
        let json = serde_json::to_string_pretty(&found).expect("strings and numbers");
        return Ok(json + "\n");
    }
    Ok(table(&found))
}

fn rerank(
    args: &SearchArgs,
    candidates: &[Candidate],
    watch: &mut Stopwatch,
) -> Result<Ranking, CliError> {
    let reranker = args.model.load()?;
    watch.lap("load the cross-encoder");
    let options = RerankOptions::default();
    let ranking = reranker.call(|on| on.rerank_with(&args.query, candidates, &options))?;
    watch.lap(&format!("rerank {} passages", candidates.len()));
    if ranking.query_truncated {
        eprintln!("crossrank: the query was cut to fit the model; shorten it");
    }
    Ok(ranking)
}

/// The places of the candidates with their scores, best first.
fn order(
    candidates: &[Candidate],
    ranking: Option<&Ranking>,
    weights: Option<FusionWeights>,
) -> Result<Vec<(usize, f64)>, CliError> {
    Ok(match (weights, ranking) {
        (Some(weights), ranking) => {
            let mut stages: Vec<StageScores> = candidates.iter().map(|c| c.stages).collect();
            for result in ranking.iter().flat_map(|ranking| &ranking.results) {
                stages[result.index].rerank = Some(result.logit.into());
            }
            fuse(&stages, &weights)?
        }
        (None, Some(ranking)) => {
            ranking.results.iter().map(|result| (result.index, result.score.into())).collect()
        }
        (None, None) => candidates.iter().map(|candidate| candidate.score).enumerate().collect(),
    })
}

fn table(found: &[Found]) -> String {
    if found.is_empty() {
        return "nothing found\n".into();
    }
    let here = std::env::current_dir().unwrap_or_default();
    let places: Vec<String> = found.iter().map(|found| place(found.candidate, &here)).collect();
    const PLACE: &str = "place";
    let widths = places.iter().map(|place| place.chars().count());
    let width = widths.fold(PLACE.len(), usize::max);
    let mut text = format!("rank   score  {PLACE:<width$}  passage\n");
    for ((rank, found), place) in (1..).zip(found).zip(places) {
        let Candidate { title, passage, .. } = found.candidate;
        let passage = match title.as_str() {
            "" => passage.clone(),
            title => format!("{title}: {passage}"),
        };
        let passage = excerpt(&passage);
        writeln!(text, "{rank:>4}  {:>6.4}  {place:<width$}  {passage}", found.score)
            .expect("writing to a string");
    }
    text
}

/// The document's `_id`, or the file and the line, from the current folder on where it is there.
fn place(candidate: &Candidate, here: &Path) -> String {
    match &candidate.id {
        Some(id) => id.clone(),
        None => {
            let path = Path::new(&candidate.path);
            let path = path.strip_prefix(here).unwrap_or(path);
            format!("{}:{}", path.display(), candidate.line)
        }
    }
}

/// The times of stages, on standard error as they end. A clone is for stages at the same time.
#[derive(Clone)]
pub struct Stopwatch {
    last: Instant,
    prints: bool,
}

impl Stopwatch {
    pub fn start(prints: bool) -> Stopwatch {
        Stopwatch { last: Instant::now(), prints }
    }

    pub fn lap(&mut self, stage: &str) {
        if self.prints {
            eprintln!("crossrank: {stage}: {:.1} ms", self.last.elapsed().as_secs_f64() * 1e3);
        }
        self.last = Instant::now();
    }
    /// Goes on from where the later of both is.
    pub fn wait_for(&mut self, other: &Stopwatch) {
        self.last = self.last.max(other.last);
    }
}
