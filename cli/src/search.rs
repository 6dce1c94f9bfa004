//! `crossrank search`: searches an index, and reranks the hits.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use crossrank::fusion::{FusionWeights, StageScores, fuse};
use crossrank::index::{Hit, SearchMode, SearchOptions, Searcher, Stage};
use crossrank::{Ranking, RerankOptions};
use serde::Serialize;

use crate::args::at_least_one;
use crate::embedding::EmbeddingArgs;
use crate::error::CliError;
use crate::model::ModelArgs;
use crate::output::{Part, Text, excerpt, json, message, one_line};
use crate::suggest::neighbour;
use crate::units;

#[derive(Args)]
pub struct SearchArgs {
    /// How to find candidates [default: hybrid, or text if the index has no vectors]
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    /// Number of candidates to find and to rerank
    #[arg(long, value_name = "N", default_value_t = 100, allow_negative_numbers = true)]
    recall: i64,
    /// Number of results to print
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    top_k: i64,
    /// Keep the order and the scores with which the candidates were found
    #[arg(long)]
    no_rerank: bool,
    /// Order by the weighted sum of the normalized scores of words, vectors and the cross-encoder.
    /// Without WEIGHTS, they are text=0.2,vector=0.5,rerank=0.3
    #[arg(long, value_name = "WEIGHTS", num_args = 0..=1, require_equals = true)]
    fuse: Option<Option<FusionWeights>>,
    /// Print a JSON array of {path, id, line, start, end, title, passage, score, firstStageScore,
    /// textScore, vectorScore, rerankScore}: id is that of a record; start and end are bytes of the
    /// file's text in UTF-8, or of a record's title and text
    #[arg(long)]
    json: bool,
    /// Print the time of each stage on standard error
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    embedding: EmbeddingArgs,
    /// An index file that crossrank index made
    #[arg(value_name = "INDEX")]
    index: PathBuf,
    /// What to look for
    #[arg(value_name = "QUERY", allow_hyphen_values = true)]
    query: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeArg {
    /// By the words of the query (BM25)
    Text,
    /// By the meaning of the query (the cosine of vectors)
    Vector,
    /// By both (reciprocal rank fusion)
    Hybrid,
}

impl From<ModeArg> for SearchMode {
    fn from(mode: ModeArg) -> SearchMode {
        match mode {
            ModeArg::Text => SearchMode::Text,
            ModeArg::Vector => SearchMode::Vector,
            ModeArg::Hybrid => SearchMode::Hybrid,
        }
    }
}

/// A result as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SearchResult<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    line: usize,
    start: usize,
    end: usize,
    title: &'a str,
    passage: &'a str,
    /// The score that orders the results: the fused score with `--fuse`, else the cross-encoder's,
    /// or the first stage's with `--no-rerank`.
    score: f64,
    first_stage_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rerank_score: Option<f32>,
}

impl SearchResult<'_> {
    fn new(hit: &Hit, score: f64, rerank_score: Option<f32>) -> SearchResult<'_> {
        SearchResult {
            path: &hit.path,
            id: hit.id.as_deref(),
            line: hit.line,
            start: hit.start,
            end: hit.end,
            title: &hit.title,
            passage: &hit.passage,
            score,
            first_stage_score: hit.score,
            text_score: hit.stages.text,
            vector_score: hit.stages.vector,
            rerank_score,
        }
    }
}

pub fn run(args: &SearchArgs) -> Result<Text, CliError> {
    let recall = at_least_one("--recall", args.recall)?;
    let top_k = at_least_one("--top-k", args.top_k)?;
    let threads = args.model.threads()?;
    let searcher = args.time("open the index, load the embedding model", || open(args, threads))?;
    let on_stage = |stage, time| args.print_time(stage_name(stage), time);
    let mut options = SearchOptions::default();
    options.mode = args.mode.map(SearchMode::from);
    options.limit = recall;
    options.on_stage = Some(&on_stage);
    let hits = searcher.search(&args.query, &options)?;
    let ranking = match args.no_rerank {
        true => None,
        false => Some(rerank(args, &hits)?),
    };
    let weights = args.fuse.map(Option::unwrap_or_default);
    let order = order(&hits, ranking.as_ref(), weights)?;
    let rerank_scores: HashMap<usize, f32> =
        ranking.iter().flat_map(|ranking| &ranking.results).map(|r| (r.index, r.score)).collect();
    let results: Vec<SearchResult> = order
        .into_iter()
        .take(top_k)
        .map(|(i, score)| SearchResult::new(&hits[i], score, rerank_scores.get(&i).copied()))
        .collect();
    Ok(if args.json { json(&results).into() } else { table(&results) })
}

/// Opens an index. The error for one that does not exist names one that was probably meant.
pub fn open_index(path: &Path) -> Result<Searcher, CliError> {
    Searcher::open(path).map_err(|error| {
        let hint = if path.exists() { None } else { neighbour(path) };
        CliError::from(error).did_you_mean(hint)
    })
}

/// Opens the index, and loads its embedding model if the search needs one.
fn open(args: &SearchArgs, threads: Option<usize>) -> Result<Searcher, CliError> {
    let searcher = open_index(&args.index)?;
    match args.mode {
        None | Some(ModeArg::Vector | ModeArg::Hybrid) if searcher.has_vectors() => {
            Ok(searcher.with_embedder(args.embedding.load(threads)?)?)
        }
        _ => Ok(searcher),
    }
}

impl SearchArgs {
    /// Runs a stage, and prints its time with `--verbose`.
    fn time<T>(
        &self,
        stage: &str,
        run: impl FnOnce() -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let start = Instant::now();
        let result = run()?;
        self.print_time(stage, start.elapsed());
        Ok(result)
    }

    fn print_time(&self, stage: &str, time: Duration) {
        if self.verbose {
            message(format_args!("{stage}: {}", units::time(time)));
        }
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::EmbedQuery => "embed the query",
        Stage::SearchText => "search by words",
        Stage::SearchVectors => "search by vector",
        Stage::ReadPassages => "read the passages",
        _ => "search",
    }
}

fn rerank(args: &SearchArgs, hits: &[Hit]) -> Result<Ranking, CliError> {
    let reranker = args.time("load the cross-encoder", || args.model.load())?;
    let options = RerankOptions::default();
    let ranking = args.time(&format!("rerank {} passages", hits.len()), || {
        Ok(reranker.call(|model| model.rerank_with(&args.query, hits, &options))?)
    })?;
    if ranking.query_truncated {
        message("the query was truncated to fit the model; shorten it");
    }
    Ok(ranking)
}

/// The indices of the hits with the scores that order them, best first.
fn order(
    hits: &[Hit],
    ranking: Option<&Ranking>,
    weights: Option<FusionWeights>,
) -> Result<Vec<(usize, f64)>, CliError> {
    Ok(match (weights, ranking) {
        (Some(weights), ranking) => {
            let mut stages: Vec<StageScores> = hits.iter().map(|hit| hit.stages).collect();
            for result in ranking.iter().flat_map(|ranking| &ranking.results) {
                stages[result.index].rerank = Some(result.logit.into());
            }
            fuse(&stages, &weights)?
        }
        (None, Some(ranking)) => {
            ranking.results.iter().map(|result| (result.index, result.score.into())).collect()
        }
        (None, None) => hits.iter().map(|hit| hit.score).enumerate().collect(),
    })
}

fn table(results: &[SearchResult]) -> Text {
    if results.is_empty() {
        return String::from("nothing found\n").into();
    }
    let folder = std::env::current_dir().unwrap_or_default();
    let places: Vec<String> = results.iter().map(|result| place(result, &folder)).collect();
    const PLACE: &str = "place";
    let widths = places.iter().map(|place| place.chars().count());
    let width = widths.fold(PLACE.len(), usize::max);
    let mut text = Text::default();
    text.push(Part::Heading, format!("rank   score  {PLACE:<width$}  passage\n"));
    for ((rank, result), place) in (1..).zip(results).zip(places) {
        let passage = match result.title {
            "" => result.passage.to_owned(),
            title => format!("{title}: {}", result.passage),
        };
        text.push(Part::Rank, format!("{rank:>4}"));
        text.push(Part::Score, format!("  {:>6.4}", result.score));
        text.push(Part::Path, format!("  {place:<width$}"));
        text.push(Part::Plain, format!("  {}\n", excerpt(&passage)));
    }
    text
}

/// The id of a record, or the file and the line. A path in the current folder is relative to it.
fn place(result: &SearchResult, folder: &Path) -> String {
    let place = match result.id {
        Some(id) => id.to_owned(),
        None => {
            let path = Path::new(result.path);
            let path = path.strip_prefix(folder).unwrap_or(path);
            format!("{}:{}", path.display(), result.line)
        }
    };
    one_line(&place).into_owned()
}
