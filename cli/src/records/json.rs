//! The elements of a JSON array, or values that follow each other.

use std::path::{Path, PathBuf};

use serde_json::{Deserializer, Value};

use super::record::Records;
use crate::error::CliError;
use crate::input::{bad_json, bad_line};

/// The elements of an array, or the values of a text.
pub fn json_values(path: &Path, text: String) -> Records {
    let mut values = JsonValues::new(path, text);
    Box::new(std::iter::from_fn(move || values.next().transpose()))
}

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
