//! Reads files of passages.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::error::CliError;
use crate::input;
use crate::output::message;
use crate::records::{self, RecordFormat};
use crate::split::{self, Paragraph};

#[derive(Args)]
pub struct PassageArgs {
    /// Take the text of a record from this field or column; files whose extension names no format of
    /// records are then read as JSON [default: text]
    #[arg(long, value_name = "FIELD")]
    text_field: Option<String>,
    /// What a passage of a text is [default: line]
    #[arg(long, value_enum, value_name = "HOW", conflicts_with = "text_field")]
    split: Option<Split>,
    /// A text, or records: .jsonl, .ndjson, .json (an array), .csv, .tsv, .ipynb; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
}

/// What a passage of a text is.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Split {
    /// A line that is not blank
    Line,
    /// The lines between two blank lines; in Markdown, a paragraph, an item of a list, a table or a
    /// block of code, which is read with the headings above it
    Paragraph,
}

/// A passage of a file.
pub struct Passage {
    /// What the model reads.
    pub text: String,
    /// The number of bytes at the start of the text that are not of the document: headings above it.
    pub heading_bytes: usize,
    /// Whether the text is only the beginning of the passage.
    pub truncated: bool,
    /// The line on which the passage begins, from 1.
    pub line: usize,
    /// The headings above a paragraph of Markdown.
    pub title: String,
    /// The whole line, paragraph or record, to print with the result.
    pub document: Value,
}

impl Passage {
    fn new(file: &Path, line: usize, title: String, text: &str, document: Value) -> Passage {
        let (mut text, heading_bytes) = match title.is_empty() {
            true => (text.to_owned(), 0),
            false => (format!("{title} {text}"), title.len() + 1),
        };
        let (size, read) = (text.len(), records::readable(file, line, &text).len());
        text.truncate(read);
        let heading_bytes = heading_bytes.min(read);
        Passage { text, heading_bytes, truncated: read < size, line, title, document }
    }
}

impl Passage {
    /// The text without the headings above it.
    pub fn own_text(&self) -> &str {
        &self.text[self.heading_bytes..]
    }
}

impl AsRef<str> for Passage {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Extensions of text in which a line is a part of a sentence or of a program.
const NOT_OF_LINES: [&str; 44] = [
    "adoc", "bash", "c", "cc", "clj", "cpp", "cs", "css", "dart", "ex", "go", "h", "hpp", "hs",
    "htm", "html", "java", "jl", "js", "jsx", "kt", "lua", "md", "markdown", "mdx", "mjs", "ml",
    "org", "php", "pl", "ps1", "py", "r", "rb", "rs", "rst", "scala", "sh", "sql", "swift", "tex",
    "ts", "tsx", "vue",
];

impl PassageArgs {
    /// A file without further options.
    pub fn of_file(file: PathBuf) -> PassageArgs {
        PassageArgs { text_field: None, split: None, file }
    }

    /// Whether passages have numbers of lines that people look for.
    pub fn has_lines(&self) -> bool {
        self.split.is_some()
    }

    /// Reads the passages: the records of a file whose extension names such a format, otherwise
    /// the parts of a text. If a text field is given, any other file holds JSON.
    pub fn read(&self) -> Result<Vec<Passage>, CliError> {
        let file = &self.file;
        let format = RecordFormat::of_path(file);
        let format = format.or(self.text_field.as_ref().map(|_| RecordFormat::Json));
        match format {
            None => self.read_text(),
            Some(_) if self.split.is_some() => {
                let message = format!(
                    "{} holds records, and each of them is a passage; leave --split out",
                    file.display()
                );
                Err(CliError::new("invalid-argument", message))
            }
            Some(format) => self.read_records(format),
        }
    }

    fn read_records(&self, format: RecordFormat) -> Result<Vec<Passage>, CliError> {
        let file = &self.file;
        let field = self.text_field.as_deref().unwrap_or(records::TEXT_FIELD);
        let passage = |record: Result<(usize, Value), CliError>| {
            let (line, document) = record?;
            let text = records::text(&document, field).map(str::to_owned);
            let text = text.map_err(|e| input::bad_line(file, line, e))?;
            Ok(Passage::new(file, line, String::new(), &text, document))
        };
        format.read(file, field)?.map(passage).collect()
    }

    fn read_text(&self) -> Result<Vec<Passage>, CliError> {
        let file = &self.file;
        let text = input::read_text(file)?;
        let extension = file.extension().and_then(|extension| extension.to_str());
        let extension = extension.unwrap_or_default().to_ascii_lowercase();
        let extension = extension.as_str();
        if self.split.is_none() && NOT_OF_LINES.contains(&extension) {
            message(format_args!(
                "{}: each line is a passage; with --split paragraph, each paragraph is one",
                file.display()
            ));
        }
        let parts = match self.split.unwrap_or(Split::Line) {
            Split::Line => {
                let lines = input::lines(&text);
                let part = |(line, text)| Paragraph { line, title: String::new(), text };
                lines.map(part).collect()
            }
            Split::Paragraph if ["md", "markdown", "mdx"].contains(&extension) => {
                split::markdown(&text)
            }
            Split::Paragraph => split::paragraphs(&text),
        };
        let passage = |Paragraph { line, title, text }: Paragraph| {
            Passage::new(file, line, title, text, Value::from(text))
        };
        Ok(parts.into_iter().map(passage).collect())
    }
}
