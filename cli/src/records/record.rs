//! The fields of a record.

use std::path::Path;

use crossrank::MAX_TEXT_BYTES;
use serde_json::Value;

use crate::error::CliError;
use crate::output::{excerpt, message};
use crate::units;

/// The records of a file, each with the line on which it begins, from 1. After an error of one
/// record, the next ones can still be read.
pub type Records = Box<dyn Iterator<Item = Result<(usize, Value), CliError>>>;

/// The field of a record's text, unless another one is given.
pub const TEXT_FIELD: &str = "text";

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
        Value::Object(fields) => {
            let texts = fields.iter().filter(|(_, value)| value.is_string());
            let names: Vec<&str> = texts.map(|(name, _)| name.as_str()).collect();
            match names.is_empty() {
                true => format!("no text in field \"{field}\", nor in another field"),
                false => format!("no text in field \"{field}\"; {}", name_one(&names)),
            }
        }
        Value::Array(_) => "an array; give an object or a string, or in a .json file one array of \
                            them"
            .into(),
        _ => "neither an object nor a string".into(),
    }
}

/// What to do where the text is not in the field or column that was meant.
pub fn name_one(fields: &[&str]) -> String {
    format!("name one with --text-field: {}", excerpt(&fields.join(", ")))
}

/// The start of a text that models read. A longer one is reported, and is no error: they read only
/// its beginning anyway.
pub fn readable<'a>(path: &Path, line: usize, text: &'a str) -> &'a str {
    if text.len() > MAX_TEXT_BYTES {
        message(format_args!(
            "{}:{line}: a text of {}, of which the first {} are read; split it",
            path.display(),
            units::size(text.len() as u64),
            units::size(MAX_TEXT_BYTES as u64),
        ));
    }
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}
