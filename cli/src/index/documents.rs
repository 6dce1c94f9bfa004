//! Reads the documents of a file, one at a time.

use std::fs;

use crossrank::index::{Document, Format};

use super::files::{FileFormat, SourceFile};
use crate::error::CliError;
use crate::input;

/// An iterator over the documents of a file, or the problems of its lines.
pub type Documents<'a> = Box<dyn Iterator<Item = Result<Document, CliError>> + 'a>;

/// Reads the documents of a file. A file that is one document may have `max_bytes` bytes.
pub fn read(file: &SourceFile, max_bytes: u64) -> Result<Documents<'_>, CliError> {
    if file.stamp.size == 0 {
        return Err(unfit(file, "empty"));
    }
    match file.format {
        FileFormat::JsonLines => read_records(file),
        FileFormat::Document(format) => {
            let document = read_document(file, format, max_bytes)?;
            Ok(Box::new(std::iter::once(Ok(document))))
        }
    }
}

fn read_records(file: &SourceFile) -> Result<Documents<'_>, CliError> {
    let records = input::jsonl::<input::Record>(&file.path)?;
    Ok(Box::new(records.map(|record| {
        let (line, record) = record?;
        let document = Document::from_record(record.id, &record.title, &record.text, line);
        document.map_err(|e| input::bad_line(&file.path, line, e))
    })))
}

fn read_document(file: &SourceFile, format: Format, max_bytes: u64) -> Result<Document, CliError> {
    if file.stamp.size > max_bytes {
        let megabytes = max_bytes >> 20;
        let problem = format!("larger than {megabytes} MB; split it, or raise --max-file-mb");
        return Err(unfit(file, &problem));
    }
    let text = read_text(file)?;
    if text.trim().is_empty() {
        return Err(unfit(file, "empty"));
    }
    Ok(Document::from_file(format, text))
}

/// The text of a file. A byte order mark becomes spaces, so that all bytes keep their offsets.
fn read_text(file: &SourceFile) -> Result<String, CliError> {
    let mut bytes = fs::read(&file.path).map_err(|e| {
        CliError::new("io", format!("{}: cannot be read ({e})", file.path.display()))
    })?;
    if bytes.contains(&0) {
        return Err(unfit(file, "binary"));
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes[..3].fill(b' ');
    }
    input::utf8(&file.path, bytes)
}

fn unfit(file: &SourceFile, problem: &str) -> CliError {
    CliError::new("invalid-input", format!("{}: {problem}", file.path.display()))
}
