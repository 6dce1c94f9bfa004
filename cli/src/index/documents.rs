//! Reads the documents of a file, one at a time.

use crossrank::index::{Document, Format};
use serde_json::Value;

use super::files::{FileFormat, SourceFile};
use crate::error::CliError;
use crate::input;
use crate::records::{Record, RecordFormat, text};

/// How to read files.
pub struct ReadOptions<'a> {
    /// The largest size of a file that is read as a whole.
    pub max_bytes: u64,
    /// The field or column of a record's text.
    pub text_field: &'a str,
    /// Whether every text is a document, whatever its kind.
    pub all_files: bool,
}

/// What a file holds.
pub enum Content<'a> {
    /// Documents, or the problems of their lines.
    Documents(Box<dyn Iterator<Item = Result<Document, CliError>> + 'a>),
    /// Text that is not for readers, with the name of its kind.
    NoDocument(&'static str),
}

impl<'a> Content<'a> {
    fn one(document: Document) -> Content<'a> {
        Content::Documents(Box::new(std::iter::once(Ok(document))))
    }
}

/// Reads the documents of a file.
pub fn read<'a>(
    file: &'a SourceFile,
    options: &'a ReadOptions<'a>,
) -> Result<Content<'a>, CliError> {
    if file.stamp.size == 0 {
        return Err(unfit(file, "empty"));
    }
    match file.format {
        FileFormat::Records(format) => {
            if matches!(format, RecordFormat::Json | RecordFormat::Notebook) {
                check_size(file, options, "write JSON Lines")?;
            }
            if format == RecordFormat::Json {
                return read_json(file, options);
            }
            let records = format.read(&file.path, options.text_field)?;
            Ok(documents(file, records, options))
        }
        FileFormat::Document(format) => {
            check_size(file, options, "split it")?;
            let text = read_text(file)?;
            match format {
                Format::Text if !options.all_files && is_minified(&text) => {
                    Ok(Content::NoDocument("minified"))
                }
                _ => Ok(Content::one(Document::from_file(format, text))),
            }
        }
    }
}

/// Reads the records of a JSON file. A file that is one object without a text holds settings or
/// other data of programs.
fn read_json<'a>(
    file: &'a SourceFile,
    options: &'a ReadOptions<'a>,
) -> Result<Content<'a>, CliError> {
    let mut records = RecordFormat::Json.read(&file.path, options.text_field)?;
    let start: Vec<_> = records.by_ref().take(2).collect();
    match &start[..] {
        [Ok((_, record @ Value::Object(_)))] if text(record, options.text_field).is_err() => {
            match options.all_files {
                true => Ok(Content::one(Document::from_file(Format::Text, read_text(file)?))),
                false => Ok(Content::NoDocument("of data in JSON")),
            }
        }
        _ => Ok(documents(file, start.into_iter().chain(records), options)),
    }
}

fn documents<'a>(
    file: &'a SourceFile,
    records: impl Iterator<Item = Result<(usize, Value), CliError>> + 'a,
    options: &'a ReadOptions<'a>,
) -> Content<'a> {
    Content::Documents(Box::new(records.map(|record| {
        let (line, record) = record?;
        let record = Record::new(record, options.text_field);
        let Record { id, title, text } =
            record.map_err(|problem| input::bad_line(&file.path, line, problem))?;
        Ok(Document::from_record(id, &title, &text, line))
    })))
}

/// The text of a file. A byte order mark becomes spaces, so that all bytes keep their offsets.
fn read_text(file: &SourceFile) -> Result<String, CliError> {
    let text = input::read_whole(&file.path)?;
    let text = match text.strip_prefix(input::BYTE_ORDER_MARK) {
        Some(rest) => format!("{:1$}{rest}", "", input::BYTE_ORDER_MARK.len()),
        None => text,
    };
    match text.trim().is_empty() {
        true => Err(unfit(file, "empty")),
        false => Ok(text),
    }
}

/// Whether a text consists mostly of long lines with few spaces, as tools write programs and data.
/// Scripts that put no spaces between words are not in ASCII.
fn is_minified(text: &str) -> bool {
    let is_dense = |line: &&str| {
        let count = |is: fn(&u8) -> bool| line.bytes().filter(is).count();
        let spaces = count(u8::is_ascii_whitespace);
        line.len() > 1000 && spaces * 12 < line.len() && count(u8::is_ascii) * 10 > line.len() * 9
    };
    let dense: usize = text.lines().filter(is_dense).map(str::len).sum();
    dense * 2 > text.len()
}

fn check_size(file: &SourceFile, options: &ReadOptions, instead: &str) -> Result<(), CliError> {
    let megabytes = options.max_bytes >> 20;
    match file.stamp.size > options.max_bytes {
        true => {
            let problem = format!("larger than {megabytes} MB; {instead}, or raise --max-file-mb");
            Err(unfit(file, &problem))
        }
        false => Ok(()),
    }
}

fn unfit(file: &SourceFile, problem: &str) -> CliError {
    CliError::new("invalid-input", format!("{}: {problem}", file.path.display()))
}
