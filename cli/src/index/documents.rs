//! Files to documents, one at a time.

use std::fs;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::cut::{self, Passage};
use super::extract;
use super::files::{Found, Kind};
use super::outline::Section;
use crate::{CliError, input};

/// A document before it is cut.
pub struct Source {
    /// Its `_id`; empty for a file that is one document.
    pub name: String,
    pub hash: [u8; 32],
    /// The line of the file on which it begins, from 1.
    pub line: usize,
    kind: Kind,
    title: String,
    text: String,
}

/// A passage, and the number of lines between the document's first and the passage's.
pub type Placed = (Passage, usize);

impl Source {
    fn new(kind: Kind, (name, title, text): (String, String, String), line: usize) -> Source {
        // The kind is part of it: a file that gets another extension has other passages.
        let mut hash = Sha256::new();
        hash.update([kind as u8]);
        hash.update((title.len() as u64).to_le_bytes());
        hash.update(&title);
        hash.update(&text);
        Source { name, hash: hash.finalize().into(), line, kind, title, text }
    }

    /// Bytes that it is made of.
    pub fn size(&self) -> u64 {
        (self.title.len() + self.text.len()) as u64
    }

    pub fn passages(&self) -> Vec<Placed> {
        let sections = match self.kind {
            Kind::Text => extract::text(&self.text),
            Kind::Markdown => extract::markdown(&self.text),
            Kind::Html => extract::html(&self.text),
            Kind::Jsonl => return self.record(),
        };
        let (mut lines, mut counted) = (0, 0);
        let place = |passage: Passage| {
            // Footnotes can stand before the text that came first.
            let start = passage.range.start;
            let bytes = self.text.as_bytes();
            let count = |range: Range<usize>| bytes[range].iter().filter(|&&b| b == b'\n').count();
            match start >= counted {
                true => lines += count(counted..start),
                false => lines -= count(start..counted),
            }
            counted = start;
            (passage, lines)
        };
        cut::passages(&sections).into_iter().map(place).collect()
    }

    /// The passages of a line of JSON: places are those in title, space, text.
    fn record(&self) -> Vec<Placed> {
        let offset = if self.title.is_empty() { 0 } else { self.title.len() + 1 };
        let mut section = Section::new(cut::title(&self.title));
        section.push(&self.text, offset..offset + self.text.len());
        let mut passages = cut::passages(&[section]);
        if passages.is_empty() && !self.title.is_empty() {
            // A title without a text is what there is to find.
            let mut section = Section::new("");
            section.push(&self.title, 0..self.title.len());
            passages = cut::passages(&[section]);
        }
        passages.into_iter().map(|passage| (passage, 0)).collect()
    }
}

/// The documents of a file, or what is wrong with it or with a line of it.
pub fn read(
    file: &Found,
    most_bytes: u64,
) -> Result<Box<dyn Iterator<Item = Result<Source, CliError>> + '_>, CliError> {
    if file.size == 0 {
        return Err(bad(file, "empty"));
    }
    if file.kind == Kind::Jsonl {
        let records = input::jsonl::<input::Record>(&file.path)?;
        return Ok(Box::new(records.map(|record| {
            let (line, record) = record?;
            if record.id.is_empty() {
                return Err(input::bad_line(&file.path, line, "_id is empty"));
            }
            let parts = (record.id, record.title.trim().into(), record.text.trim().into());
            Ok(Source::new(Kind::Jsonl, parts, line))
        })));
    }
    if file.size > most_bytes {
        let what = format!("larger than {} MB; split it, or raise --max-file-mb", most_bytes >> 20);
        return Err(bad(file, &what));
    }
    let text = text(file)?;
    if text.trim().is_empty() {
        return Err(bad(file, "empty"));
    }
    let parts = (String::new(), String::new(), text);
    Ok(Box::new(std::iter::once(Ok(Source::new(file.kind, parts, 1)))))
}

/// A file's text, each byte in its place: a byte order mark becomes spaces.
fn text(file: &Found) -> Result<String, CliError> {
    let mut bytes = fs::read(&file.path).map_err(|e| {
        CliError::new("io", format!("{}: cannot be read ({e})", file.path.display()))
    })?;
    if bytes.contains(&0) {
        return Err(bad(file, "binary"));
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes[..3].fill(b' ');
    }
    String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
        input::bad_line(&file.path, line, "not UTF-8; convert the file, with iconv for one")
    })
}

fn bad(file: &Found, what: &str) -> CliError {
    CliError::new("invalid-input", format!("{}: {what}", file.path.display()))
}
