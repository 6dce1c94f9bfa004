//! Reads files of passages.

use std::path::Path;

use serde_json::Value;

use crate::error::CliError;
use crate::input;

/// The passage of a line.
pub struct Passage {
    /// What the model reads.
    pub text: String,
    /// The whole line, to print with the result.
    pub document: Value,
}

impl AsRef<str> for Passage {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Reads passages, one per line, or JSON Lines with the passage in a field. A .jsonl file has it in
/// `text`, unless another field is given.
pub fn read(file: &Path, text_field: Option<&str>) -> Result<Vec<Passage>, CliError> {
    let is_jsonl = |path: &Path| path.extension().is_some_and(|e| e == "jsonl" || e == "ndjson");
    let field = match text_field {
        Some(field) => field,
        None if is_jsonl(file) => "text",
        None => {
            let text = input::read_text(file)?;
            let passage = |(_, line): (usize, &str)| Passage {
                text: line.to_owned(),
                document: Value::from(line),
            };
            return Ok(input::lines(&text).map(passage).collect());
        }
    };
    input::read_jsonl::<Value>(file)?
        .into_iter()
        .map(|(line, document)| match document.get(field).and_then(Value::as_str) {
            Some(text) => Ok(Passage { text: text.to_owned(), document }),
            None => Err(input::bad_line(
                file,
                line,
                format_args!("no text in field \"{field}\"; name it with --text-field"),
            )),
        })
        .collect()
}
