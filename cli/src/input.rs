//! Reads text and JSON Lines. Errors name the file and the line.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::content::{TextReader, decode, not_text, unreadable};
use crate::error::CliError;
use crate::suggest::neighbour;
use crate::units;

/// What some programs put before a text in UTF-8.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Opens a text file, or standard input for `-`, to read it in UTF-8.
pub fn open(path: &Path) -> Result<TextReader, CliError> {
    decode(path, open_bytes(path)?)
}

fn open_bytes(path: &Path) -> Result<TextReader, CliError> {
    Ok(match path.as_os_str() == "-" {
        true => Box::new(BufReader::new(std::io::stdin())),
        false => Box::new(BufReader::new(File::open(path).map_err(|error| {
            let is_missing = error.kind() == ErrorKind::NotFound;
            unreadable(path, error).did_you_mean(is_missing.then(|| neighbour(path)).flatten())
        })?)),
    })
}

/// Reads a whole text, without its byte order mark.
pub fn read_text(path: &Path) -> Result<String, CliError> {
    let mut text = read_whole(path)?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(text)
}

/// Reads a whole text with its byte order mark, so that all bytes of UTF-8 keep their offsets.
pub fn read_whole(path: &Path) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(|e| unreadable(path, e))?;
    if bytes.contains(&0) {
        return Err(not_text(path, "binary"));
    }
    utf8(path, bytes)
}

/// The text of a file's bytes.
fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, CliError> {
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

/// The error for a line that is not UTF-8.
pub fn not_utf8(path: &Path, line: usize) -> CliError {
    let message =
        format!("{}:{line}: not UTF-8; convert the file, for example with iconv", path.display());
    CliError::new("invalid-text", message)
}

/// The error for a line that is not the JSON expected. It leaves out the line that `error` names,
/// which counts from the value's first one.
pub fn bad_json(path: &Path, line: usize, error: &serde_json::Error) -> CliError {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    let (column, line) = (error.column(), line + error.line().saturating_sub(1));
    bad_line(path, line, format_args!("not the JSON expected ({reason} at column {column})"))
}

/// Lines of more bytes, with their ends, are refused, which bounds the memory for any input.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// Reads JSON Lines lazily: one value for each line, with the number of the line. The lines after a
/// bad one can still be read. After an `io` error the iterator ends.
pub fn jsonl<T: DeserializeOwned>(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(usize, T), CliError>> + use<T>, CliError> {
    let reader = open_bytes(path)?;
    let mut lines = JsonLines { reader, is_decoded: false, path: path.to_owned(), line: 0 };
    Ok(std::iter::from_fn(move || lines.next().transpose()))
}

struct JsonLines {
    reader: TextReader,
    /// Whether the beginning was looked at, which waits for it where the input is a pipe.
    is_decoded: bool,
    path: PathBuf,
    line: usize,
}

impl JsonLines {
    fn next<T: DeserializeOwned>(&mut self) -> Result<Option<(usize, T)>, CliError> {
        if !self.is_decoded {
            let bytes = std::mem::replace(&mut self.reader, Box::new(std::io::empty()));
            self.is_decoded = true;
            self.reader = decode(&self.path, bytes)?;
        }
        loop {
            let mut bytes = Vec::new();
            let mut limited = self.reader.by_ref().take(MAX_LINE_BYTES + 1);
            limited.read_until(b'\n', &mut bytes).map_err(|e| unreadable(&self.path, e))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.line += 1;
            if bytes.len() as u64 > MAX_LINE_BYTES {
                if !bytes.ends_with(b"\n") {
                    self.reader.skip_until(b'\n').map_err(|e| unreadable(&self.path, e))?;
                }
                let limit = units::size(MAX_LINE_BYTES);
                let problem = format_args!("a line of more than {limit}; split it");
                return Err(bad_line(&self.path, self.line, problem));
            }
            let text = std::str::from_utf8(&bytes).map_err(|_| not_utf8(&self.path, self.line))?;
            let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
            if text.trim().is_empty() {
                continue;
            }
            let value = serde_json::from_str(text.trim_end());
            let value = value.map_err(|e| bad_json(&self.path, self.line, &e))?;
            return Ok(Some((self.line, value)));
        }
    }
}

/// Reads all values of [`jsonl`]; the first bad line is an error.
pub fn read_jsonl<T: DeserializeOwned>(path: &Path) -> Result<Vec<(usize, T)>, CliError> {
    jsonl(path)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_largest_size() {
        let folder = temp_dir::TempDir::new().unwrap();
        let path = folder.child("lines.jsonl");
        let limit = MAX_LINE_BYTES as usize;
        for (bytes, fits) in
            [(limit - 1, true), (limit, true), (limit + 1, false), (limit + 2, false)]
        {
            // With the quotes and the end of the line.
            let long = format!("\"{}\"\n1\n", "x".repeat(bytes - 3));
            std::fs::write(&path, long).unwrap();
            let lines: Vec<_> = jsonl::<serde::de::IgnoredAny>(&path).unwrap().collect();
            let numbers: Vec<_> =
                lines.iter().map(|line| line.as_ref().ok().map(|l| l.0)).collect();
            assert_eq!(numbers, [fits.then_some(1), Some(2)], "{bytes} bytes");
        }
    }
}
