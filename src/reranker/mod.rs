//! Reranks lists with a cross-encoder: look up, tokenize, plan, score, rank.

mod incremental;
mod load;
mod options;
mod pending;
mod pipeline;
mod ranking;
mod schedule;

pub use incremental::IncrementalScoring;
pub use options::{LoadOptions, LongDocuments, RerankOptions};
pub use pending::Pending;
pub use pipeline::Reranker;
pub use ranking::{RankedDocument, Ranking, ScoredList};
#[cfg(all(feature = "remote", not(target_arch = "wasm32")))]
pub(crate) use schedule::check_request;
