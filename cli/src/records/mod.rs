//! Reads files of records: JSON Lines, JSON arrays, CSV, TSV and notebooks.

mod format;
mod json;
mod notebook;
mod record;
mod table;

pub use format::RecordFormat;
pub use record::{Record, TEXT_FIELD, readable, text};
