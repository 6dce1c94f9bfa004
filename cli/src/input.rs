//! Reads text and JSON Lines. Errors name the file and the line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::CliError;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A document or a query in the BEIR layout.
#[derive(Deserialize)]
pub struct Record {
    #[serde(rename = "_id")]
    pub id: String,
    #[serde(default)]
    pub title: String,
    pub text: String,
}

/// Opens a file, or standard input for `-`.
fn open(path: &Path) -> Result<Box<dyn Read>, CliError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = File::open(path).map_err(|e| unreadable(path, e))?;
    Ok(Box::new(file))
}

/// Reads a whole text, without its byte order mark.
pub fn read_text(path: &Path) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(|e| unreadable(path, e))?;
    let text = utf8(path, bytes)?;
    Ok(match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// The text of a file's bytes.
pub fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, CliError> {
    String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        not_utf8(path, 1 + before.iter().filter(|&&b| b == b'\n').count())
    })
}

/// The lines of a text that are not blank, with their numbers from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, line)| (i + 1, line)).filter(|(_, l)| !l.trim().is_empty())
}

/// The error for a bad line of a file.
pub fn bad_line(path: &Path, line: usize, problem: impl std::fmt::Display) -> CliError {
    CliError::new("invalid-input", format!("{}:{line}: {problem}", path.display()))
}

fn unreadable(path: &Path, error: std::io::Error) -> CliError {
    CliError::new("io", format!("cannot read {} ({error})", path.display()))
}

fn not_utf8(path: &Path, line: usize) -> CliError {
    let message =
        format!("{}:{line}: not UTF-8; convert the file, for example with iconv", path.display());
    CliError::new("invalid-text", message)
}

/// Lines of at least this many bytes are refused, which bounds the memory for any input.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// Reads JSON Lines lazily: one value for each line, with the number of the line. The lines after a
/// bad one can still be read. After an `io` error the iterator ends.
pub fn jsonl<T: DeserializeOwned>(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(usize, T), CliError>>, CliError> {
    let mut lines =
        JsonLines { reader: BufReader::new(open(path)?), path: path.to_owned(), line: 0 };
    Ok(std::iter::from_fn(move || lines.next().transpose()))
}

struct JsonLines {
    reader: BufReader<Box<dyn Read>>,
    path: PathBuf,
    line: usize,
}

impl JsonLines {
    fn next<T: DeserializeOwned>(&mut self) -> Result<Option<(usize, T)>, CliError> {
        loop {
            let mut bytes = Vec::new();
            let mut limited = self.reader.by_ref().take(MAX_LINE_BYTES);
            limited.read_until(b'\n', &mut bytes).map_err(|e| unreadable(&self.path, e))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.line += 1;
            if bytes.len() as u64 == MAX_LINE_BYTES {
                self.reader.skip_until(b'\n').map_err(|e| unreadable(&self.path, e))?;
                let problem = format_args!("a line of {MAX_LINE_BYTES} bytes or more; split it");
                return Err(bad_line(&self.path, self.line, problem));
            }
            let text = std::str::from_utf8(&bytes).map_err(|_| not_utf8(&self.path, self.line))?;
            let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
            if text.trim().is_empty() {
                continue;
            }
            let value = serde_json::from_str(text);
            let value = value.map_err(|e| {
                bad_line(&self.path, self.line, format_args!("not the JSON expected ({e})"))
            })?;
            return Ok(Some((self.line, value)));
        }
    }
}

/// Reads all values of [`jsonl`]; the first bad line is an error.
pub fn read_jsonl<T: DeserializeOwned>(path: &Path) -> Result<Vec<(usize, T)>, CliError> {
    jsonl(path)?.collect()
}
