//! The index file: an SQLite database with passages, an FTS5 index of their words, and their vectors.

mod database;
mod read;
mod vectors;
mod write;

pub use database::{Store, VectorSpace, wrong_model};
pub use read::Ranked;
pub use vectors::VectorScores;
pub use write::{Change, FileStamp, IndexedDocument, IndexedPassage};
