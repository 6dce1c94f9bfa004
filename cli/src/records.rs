//! Reads files of records: JSON Lines, JSON arrays, CSV, TSV and notebooks.

use std::path::{Path, PathBuf};

use crossrank::MAX_TEXT_BYTES;
use serde::Deserialize;
use serde_json::{Deserializer, Map, Value, json};

use crate::content::{TextReader, unreadable};
use crate::error::CliError;
use crate::input::{bad_json, bad_line, jsonl, not_utf8, open, read_text};
use crate::output::{excerpt, message};

/// The records of a file, each with the line on which it begins, from 1. After an error of one
/// record, the next ones can still be read.
pub type Records = Box<dyn Iterator<Item = Result<(usize, Value), CliError>>>;

/// The field of a record's text, unless another one is given.
pub const TEXT_FIELD: &str = "text";

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

    /// Whether the whole file must be in memory.
    pub fn is_read_whole(self) -> bool {
        matches!(self, RecordFormat::Json | RecordFormat::Notebook)
    }

    /// Reads the records of a file. Those of CSV and TSV are objects of strings, and there must be a
    /// column `text_field`.
    pub fn read(self, path: &Path, text_field: &str) -> Result<Records, CliError> {
        match self {
            RecordFormat::JsonLines => Ok(Box::new(jsonl::<Value>(path)?)),
            RecordFormat::Json => {
                let mut values = JsonValues::new(path, read_text(path)?);
                Ok(Box::new(std::iter::from_fn(move || values.next().transpose())))
            }
            RecordFormat::Csv => table(path, open(path)?, None, text_field),
            RecordFormat::Tsv => table(path, open(path)?, Some(b'\t'), text_field),
            RecordFormat::Notebook => notebook(path, text_field),
        }
    }
}

/// What commands use of a record.
pub struct Record {
    /// The field `_id`, or else `id`: a string or a number.
    pub id: Option<String>,
    pub title: String,
    pub text: String,
}

impl Record {
    /// Takes the fields of a record, which may also be a text alone. The error says what is wrong.
    pub fn new(value: Value, text_field: &str) -> Result<Record, String> {
        let mut fields = match value {
            Value::String(text) => return Ok(Record { id: None, title: String::new(), text }),
            Value::Object(fields) => fields,
            other => return Err(no_text(&other, text_field)),
        };
        let id = match fields.remove("_id").or_else(|| fields.remove("id")) {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id),
            Some(Value::Number(id)) => Some(id.to_string()),
            Some(_) => return Err("the id is neither a string nor a number".into()),
        };
        let title = match fields.get("title") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(title)) => title.clone(),
            Some(_) => return Err("the title is not a string".into()),
        };
        match fields.remove(text_field) {
            Some(Value::String(text)) => Ok(Record { id, title, text }),
            _ => Err(no_text(&Value::Object(fields), text_field)),
        }
    }
}

/// The text of a record: the record itself if it is a string, else one of its fields.
pub fn text<'a>(record: &'a Value, field: &str) -> Result<&'a str, String> {
    let text = record.as_str().or_else(|| record.get(field)?.as_str());
    text.ok_or_else(|| no_text(record, field))
}

fn no_text(record: &Value, field: &str) -> String {
    match record {
        Value::Object(_) => format!("no text in field \"{field}\"; name it with --text-field"),
        Value::Array(_) => "an array; give an object or a string, or in a .json file one array of \
                            them"
            .into(),
        _ => "neither an object nor a string".into(),
    }
}

/// The start of a text that models read. A longer one is reported, and is no error: they read only
/// its beginning anyway.
pub fn readable<'a>(path: &Path, line: usize, text: &'a str) -> &'a str {
    if text.len() > MAX_TEXT_BYTES {
        message(format_args!(
            "{}:{line}: a text of {:.1} MB, of which the first {} MiB are read; split it",
            path.display(),
            text.len() as f64 / 1e6,
            MAX_TEXT_BYTES >> 20,
        ));
    }
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// Reads the elements of an array, or values that follow each other.
struct JsonValues {
    path: PathBuf,
    text: String,
    /// Where the next value begins, and the line of this place.
    start: usize,
    line: usize,
    is_array: bool,
}

impl JsonValues {
    fn new(path: &Path, text: String) -> JsonValues {
        let path = path.to_owned();
        let mut values = JsonValues { path, text, start: 0, line: 1, is_array: false };
        values.skip_space();
        values.is_array = values.skip('[');
        values
    }

    fn next(&mut self) -> Result<Option<(usize, Value)>, CliError> {
        self.skip_space();
        if self.is_array && self.skip(']') {
            self.is_array = false;
            self.skip_space();
            if self.start < self.text.len() {
                return Err(self.end("text after the array; remove it"));
            }
        }
        if self.start == self.text.len() {
            return match self.is_array {
                true => Err(self.end("the array has no end; the file is not complete")),
                false => Ok(None),
            };
        }
        let mut stream = Deserializer::from_str(&self.text[self.start..]).into_iter::<Value>();
        let value = stream.next().expect("there is text that is not white space");
        let end = self.start + stream.byte_offset();
        let line = self.line;
        let value = match value {
            Ok(value) => value,
            Err(error) => {
                self.stop();
                return Err(bad_json(&self.path, self.line, &error));
            }
        };
        self.move_to(end);
        self.skip_space();
        if self.is_array && !self.skip(',') && !self.text[self.start..].starts_with(']') {
            return Err(self.end("no comma between two values of the array"));
        }
        Ok(Some((line, value)))
    }

    fn move_to(&mut self, end: usize) {
        self.line += self.text[self.start..end].matches('\n').count();
        self.start = end;
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.start..];
        self.move_to(self.text.len() - rest.trim_start().len());
    }

    fn skip(&mut self, character: char) -> bool {
        let is_next = self.text[self.start..].starts_with(character);
        self.start += usize::from(is_next);
        is_next
    }

    /// Ends the values with an error.
    fn end(&mut self, problem: &str) -> CliError {
        self.stop();
        bad_line(&self.path, self.line, problem)
    }

    fn stop(&mut self) {
        self.text.truncate(self.start);
        self.is_array = false;
    }
}

fn table(
    path: &Path,
    mut reader: TextReader,
    separator: Option<u8>,
    text_field: &str,
) -> Result<Records, CliError> {
    let separator = match separator {
        Some(separator) => separator,
        None => {
            let start = reader.fill_buf().map_err(|e| unreadable(path, e))?;
            let line = start.split(|&b| b == b'\n').next().unwrap_or_default();
            if line.contains(&b';') && !line.contains(&b',') { b';' } else { b',' }
        }
    };
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(separator).quoting(separator != b'\t');
    let mut reader = builder.from_reader(reader);
    let columns = reader.headers().map_err(|e| bad_row(path, 1, &e))?.clone();
    if !columns.is_empty() && !columns.iter().any(|column| column == text_field) {
        let names: Vec<&str> = columns.iter().collect();
        let problem = format!(
            "no column \"{text_field}\"; name one with --text-field: {}",
            excerpt(&names.join(", "))
        );
        return Err(bad_line(path, 1, problem));
    }
    let path = path.to_owned();
    let mut row = csv::StringRecord::new();
    Ok(Box::new(std::iter::from_fn(move || {
        match reader.read_record(&mut row) {
            Ok(false) => return None,
            Ok(true) => (),
            Err(error) => return Some(Err(bad_row(&path, reader.position().line(), &error))),
        }
        let line = row.position().map_or(0, |position| position.line() as usize);
        let fields = columns.iter().zip(&row);
        let fields: Map<String, Value> =
            fields.map(|(name, value)| (name.to_owned(), value.into())).collect();
        Some(Ok((line, Value::Object(fields))))
    })))
}

fn bad_row(path: &Path, line: u64, error: &csv::Error) -> CliError {
    let place = |position: &Option<csv::Position>| {
        position.as_ref().map_or(line, csv::Position::line) as usize
    };
    match error.kind() {
        csv::ErrorKind::Io(error) => {
            CliError::new("io", format!("{}: cannot be read ({error})", path.display()))
        }
        csv::ErrorKind::Utf8 { pos, .. } => not_utf8(path, place(pos)),
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let problem =
                format_args!("{len} values, and the first line names {expected_len} columns");
            bad_line(path, place(pos), problem)
        }
        _ => bad_line(path, line as usize, error),
    }
}

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

fn notebook(path: &Path, text_field: &str) -> Result<Records, CliError> {
    let text = read_text(path)?;
    let Notebook { cells } = serde_json::from_str(&text).map_err(|e| bad_json(path, 1, &e))?;
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
