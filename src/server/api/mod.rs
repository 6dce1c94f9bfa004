//! The APIs whose requests and responses the server understands, one file each.

mod batch;
mod cohere;
mod infinity;
mod jina;
pub mod models;
mod openai;
mod root;
mod search;
mod tei;
mod voyage;
mod weaviate;

pub use batch::Batch;
pub use cohere::{CohereErrors, CohereV1, CohereV2};
pub use infinity::Infinity;
pub use jina::Jina;
pub use openai::OpenAi;
pub use root::Root;
pub use search::Search;
pub use tei::{Tei, info};
pub use voyage::Voyage;
