//! The APIs whose requests and responses the server understands, one file each.

mod batch;
mod cohere;
mod jina;
mod openai;
mod search;
mod tei;
mod voyage;

pub use batch::Batch;
pub use cohere::{CohereErrors, CohereV1, CohereV2};
pub use jina::Jina;
pub use openai::OpenAi;
pub use search::Search;
pub use tei::{Tei, info};
pub use voyage::Voyage;
