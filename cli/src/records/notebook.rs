//! Jupyter notebooks.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::record::Records;
use crate::error::CliError;
use crate::input::bad_json;

#[derive(Deserialize)]
struct Notebook {
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    cell_type: String,
    source: Source,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a source that is a string or an array of strings")]
enum Source {
    Text(String),
    Lines(Vec<String>),
}

/// The cells of a notebook that are not empty.
pub fn cells(path: &Path, text: &str, text_field: &str) -> Result<Records, CliError> {
    let Notebook { cells } = serde_json::from_str(text).map_err(|e| bad_json(path, 1, &e))?;
    // A string of JSON cannot hold this key with its quotes, so each place is that of a cell.
    let places: Vec<usize> = text.match_indices("\"cell_type\"").map(|(i, _)| i).collect();
    let (mut records, mut line, mut counted) = (Vec::new(), 1, 0);
    for (cell, place) in cells.into_iter().zip(places) {
        line += text[counted..place].matches('\n').count();
        counted = place;
        let source = match cell.source {
            Source::Text(text) => text,
            Source::Lines(lines) => lines.concat(),
        };
        if !source.trim().is_empty() {
            records.push(Ok((line, json!({ "cell_type": cell.cell_type, text_field: source }))));
        }
    }
    Ok(Box::new(records.into_iter()))
}
