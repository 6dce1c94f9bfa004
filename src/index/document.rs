//! A document to index, and its passages.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::chunk::{Passage, chunk, truncate_title};
use super::extract::Format;
use super::outline::Section;

/// A document to put into an index with [`FileWriter::add`](super::FileWriter::add).
#[derive(Clone, Debug)]
pub struct Document {
    id: Option<String>,
    line: usize,
    /// `None` for a record.
    format: Option<Format>,
    title: String,
    text: String,
}

/// The number that stands for records in a document's hash; see [`Format::number`].
const RECORD: u8 = 3;

impl Document {
    /// A file that is one document.
    ///
    /// The text is that of the whole file, so that [`Hit::start`](super::Hit::start) and
    /// [`Hit::end`](super::Hit::end) are bytes of the file. Titles come from its headings.
    pub fn from_file(format: Format, text: impl Into<String>) -> Document {
        let (format, title) = (Some(format), String::new());
        Document { id: None, line: 1, format, title, text: text.into() }
    }

    /// One of the documents of a file, such as a line of JSON. A search finds it at most once, by
    /// its best passage.
    ///
    /// Without an id, or with an empty one, it is known by its file and line. The title and the text
    /// are trimmed. `line` is the line of the file on which the document stands, from 1.
    pub fn from_record(id: Option<String>, title: &str, text: &str, line: usize) -> Document {
        let (title, text) = (title.trim().to_owned(), text.trim().to_owned());
        Document { id: id.filter(|id| !id.is_empty()), line, format: None, title, text }
    }

    /// The id of a record that has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The line of the file on which the document begins, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The bytes of the title and the text together.
    pub fn size(&self) -> usize {
        self.title.len() + self.text.len()
    }

    /// The SHA-256 of everything that the passages are made of.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // A file that gets another extension has other passages.
        hash.update([self.format.map_or(RECORD, Format::number)]);
        hash.update((self.title.len() as u64).to_le_bytes());
        hash.update(&self.title);
        hash.update(&self.text);
        hash.finalize().into()
    }

    /// What the index distinguishes the documents of a file by: nothing for a file that is one
    /// document, the id of a record behind a `=`, or behind a `#` the hash of one without an id.
    /// Records without an id may move to other lines.
    pub(super) fn name(&self, hash: &[u8; 32]) -> String {
        match (self.format, &self.id) {
            (Some(_), _) => String::new(),
            (None, Some(id)) => format!("={id}"),
            (None, None) => {
                let digits = hash.iter().map(|byte| format!("{byte:02x}"));
                ["#".to_owned()].into_iter().chain(digits).collect()
            }
        }
    }

    /// The passages, each with the number of lines between the document's first line and its own.
    pub(super) fn passages(&self) -> Vec<(Passage, usize)> {
        match self.format {
            Some(format) => self.with_lines(chunk(&format.sections(&self.text))),
            None => self.record_passages().into_iter().map(|passage| (passage, 0)).collect(),
        }
    }

    fn with_lines(&self, passages: Vec<Passage>) -> Vec<(Passage, usize)> {
        let (mut lines, mut counted) = (0, 0);
        let with_line = |passage: Passage| {
            let start = passage.range.start;
            let bytes = self.text.as_bytes();
            let count = |range: Range<usize>| bytes[range].iter().filter(|&&b| b == b'\n').count();
            // Passages are not always in the order of the source: footnotes come first.
            match start >= counted {
                true => lines += count(counted..start),
                false => lines -= count(start..counted),
            }
            counted = start;
            (passage, lines)
        };
        passages.into_iter().map(with_line).collect()
    }

    /// The passages of a record, whose source is its title, a space, and its text.
    fn record_passages(&self) -> Vec<Passage> {
        let offset = if self.title.is_empty() { 0 } else { self.title.len() + 1 };
        let mut section = Section::new(truncate_title(&self.title));
        section.push(&self.text, offset..offset + self.text.len());
        let passages = chunk(&[section]);
        if !passages.is_empty() || self.title.is_empty() {
            return passages;
        }
        // The title of a record without a text is the text to find.
        let mut section = Section::new("");
        section.push(&self.title, 0..self.title.len());
        chunk(&[section])
    }
}

/// The id in a [`Document::name`], if it holds one.
pub(super) fn id_of_name(name: &str) -> Option<String> {
    name.strip_prefix('=').map(str::to_owned)
}
