//! The formats of records.

use std::path::Path;

use serde_json::Value;

use super::json::json_values;
use super::notebook::cells;
use super::record::Records;
use super::table::rows;
use crate::error::CliError;
use crate::input::{jsonl, open, read_text};

/// How a file holds records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFormat {
    /// A JSON value on each line.
    JsonLines,
    /// A JSON array, one value, or several values one after another.
    Json,
    /// Values with commas between them; semicolons if the first line has no comma. The first line
    /// names the columns, and quotes may enclose a value.
    Csv,
    /// Values with tabs between them, without quotes. The first line names the columns.
    Tsv,
    /// A Jupyter notebook: the text and the code of its cells, without what the code printed.
    Notebook,
}

impl RecordFormat {
    /// The format that the extension of a path names, if it is one of records.
    pub fn of_path(path: &Path) -> Option<RecordFormat> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "jsonl" | "ndjson" => RecordFormat::JsonLines,
            "json" => RecordFormat::Json,
            "csv" => RecordFormat::Csv,
            "tsv" | "tab" => RecordFormat::Tsv,
            "ipynb" => RecordFormat::Notebook,
            _ => return None,
        })
    }

    /// Reads the records of a file. Those of CSV and TSV are objects of strings, and there must be a
    /// column `text_field`.
    pub fn read(self, path: &Path, text_field: &str) -> Result<Records, CliError> {
        match self {
            RecordFormat::JsonLines => Ok(Box::new(jsonl::<Value>(path)?)),
            RecordFormat::Json => Ok(json_values(path, read_text(path)?)),
            RecordFormat::Csv => rows(path, open(path)?, None, text_field),
            RecordFormat::Tsv => rows(path, open(path)?, Some(b'\t'), text_field),
            RecordFormat::Notebook => cells(path, &read_text(path)?, text_field),
        }
    }
}
