//! CSV and TSV.

use std::cell::Cell;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::record::{Records, name_one};
use crate::content::{TextReader, unreadable};
use crate::error::CliError;
use crate::input::{bad_line, not_utf8};

/// The rows of a table as objects. The first line names the columns, of which one must be
/// `text_field`. `separator`: `None` for commas, or semicolons if the first line has no comma.
pub fn rows(
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
    let end = Rc::new(Cell::new(0));
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(separator).quoting(separator != b'\t');
    let mut reader = builder.from_reader(ObservedEnd { reader, last: end.clone() });
    let columns = reader.headers().map_err(|e| bad_row(path, 1, &e))?.clone();
    if !columns.is_empty() && !columns.iter().any(|column| column == text_field) {
        let names: Vec<&str> = columns.iter().collect();
        let problem = format!("no column \"{text_field}\"; {}", name_one(&names));
        return Err(bad_line(path, 1, problem));
    }
    let path = path.to_owned();
    let mut row = csv::StringRecord::new();
    Ok(Box::new(std::iter::from_fn(move || {
        let last_line = row.position().map_or(1, |position| position.line() as usize);
        let has_line_break = row.iter().next_back().is_some_and(|value| value.contains('\n'));
        match reader.read_record(&mut row) {
            // The closing quote of such a value is the last character of the file.
            Ok(false) if has_line_break && end.get() != b'"' => {
                end.set(b'"');
                let problem =
                    "a quote is not closed, and the rest of the file was read as one value";
                return Some(Err(bad_line(&path, last_line, problem)));
            }
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

/// A reader that remembers the last byte that is not white space.
struct ObservedEnd {
    reader: TextReader,
    last: Rc<Cell<u8>>,
}

impl Read for ObservedEnd {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        if let Some(&last) = buffer[..count].trim_ascii_end().last() {
            self.last.set(last);
        }
        Ok(count)
    }
}

fn bad_row(path: &Path, line: u64, error: &csv::Error) -> CliError {
    let place = |position: &Option<csv::Position>| {
        position.as_ref().map_or(line, csv::Position::line) as usize
    };
    match error.kind() {
        csv::ErrorKind::Io(error) => unreadable(path, error),
        csv::ErrorKind::Utf8 { pos, .. } => not_utf8(path, place(pos)),
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let problem =
                format_args!("{len} values, and the first line names {expected_len} columns");
            bad_line(path, place(pos), problem)
        }
        _ => bad_line(path, line as usize, error),
    }
}
