//! Reads files of passages.

use std::path::Path;

use serde_json::Value;

use crate::error::CliError;
use crate::input;
use crate::records::{self, RecordFormat};

/// A passage of a file.
pub struct Passage {
    /// What the model reads.
    pub text: String,
    /// Whether the text is only the beginning of the passage.
    pub truncated: bool,
    /// The whole line or record, to print with the result.
    pub document: Value,
}

impl Passage {
    fn new(file: &Path, line: usize, mut text: String, document: Value) -> Passage {
        let (size, read) = (text.len(), records::readable(file, line, &text).len());
        text.truncate(read);
        Passage { text, truncated: read < size, document }
    }
}

impl AsRef<str> for Passage {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Reads passages: the records of a file whose extension names such a format, otherwise one from each
/// line. `text_field` is the field of the text, `text` by default; if it is given, any other file
/// holds JSON.
pub fn read(file: &Path, text_field: Option<&str>) -> Result<Vec<Passage>, CliError> {
    let format = RecordFormat::of_path(file);
    let Some(format) = format.or(text_field.map(|_| RecordFormat::Json)) else {
        let text = input::read_text(file)?;
        let passage = |(number, line): (usize, &str)| {
            Passage::new(file, number, line.to_owned(), Value::from(line))
        };
        return Ok(input::lines(&text).map(passage).collect());
    };
    let field = text_field.unwrap_or(records::TEXT_FIELD);
    let passage = |record: Result<(usize, Value), CliError>| {
        let (line, document) = record?;
        let text = records::text(&document, field).map_err(|e| input::bad_line(file, line, e))?;
        Ok(Passage::new(file, line, text.to_owned(), document))
    };
    format.read(file, field)?.map(passage).collect()
}
