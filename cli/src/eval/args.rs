//! The arguments of `crossrank eval`.

use std::path::PathBuf;

use clap::Args;

use crate::embedding::EmbeddingArgs;
use crate::model::ModelArgs;

#[derive(Args)]
pub struct EvalArgs {
    /// Folder with corpus.jsonl, queries.jsonl, qrels.tsv and the run of a first stage
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Rerank the first N documents of each list, and leave the others in their order [default: all]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub depth: Option<i64>,
    /// The run of the first stage, a file in DIR: query, document, rank and score, separated by tabs
    #[arg(long, value_name = "FILE", default_value = "bm25_top100.tsv")]
    pub run: PathBuf,
    /// The lowest grade that counts as relevant for MRR@10. TREC DL uses 2
    #[arg(long, value_name = "GRADE", default_value_t = 1)]
    pub relevant_grade: u32,
    /// Print JSON: {first_stage: {...}, reranked: {...}, seconds}
    #[arg(long)]
    pub json: bool,
    /// Measure a whole search: by words, by vectors and by both, each without reranking, with
    /// reranking, and fused
    #[arg(long, conflicts_with_all = ["depth", "relevant_grade"])]
    pub search: bool,
    /// With --search: look for vectors in each query's list of the run, not in the whole corpus
    #[arg(long, requires = "search")]
    pub lists_only: bool,
    /// With --search: numbers of candidates for the cross-encoder. The table of orders uses at most
    /// 100
    #[arg(long, value_name = "N,...", value_delimiter = ',', requires = "search",
          default_values_t = [10, 20, 50, 100])]
    pub recall: Vec<usize>,
    /// With --search: measure only every Nth query
    #[arg(long, value_name = "N", requires = "search", default_value_t = 1)]
    pub every: usize,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub embedding: EmbeddingArgs,
}
