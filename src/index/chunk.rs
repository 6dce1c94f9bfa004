//! Splits sections into passages.

use std::ops::Range;

use super::outline::Section;
use crate::text::{MAX_PASSAGE_TOKENS, estimate_tokens, split};

/// The largest number of tokens of a title that each passage repeats.
const MAX_TITLE_TOKENS: usize = MAX_PASSAGE_TOKENS / 2;

/// A part of a document.
pub struct Passage {
    /// The headings above it, or the document's title.
    pub title: String,
    /// Its text, in which each run of white space is one space.
    pub text: String,
    /// Its bytes in the document's source.
    pub range: Range<usize>,
}

/// What the models read of a passage.
pub fn model_text(title: &str, text: &str) -> String {
    format!("{title} {text}").trim().to_owned()
}

/// Splits sections into passages. No passage spans two sections.
pub fn chunk(sections: &[Section]) -> Vec<Passage> {
    let passages = sections.iter().flat_map(|section| {
        let max_tokens = MAX_PASSAGE_TOKENS - estimate_tokens(&section.title).min(MAX_TITLE_TOKENS);
        split(&section.text, &section.paragraphs, max_tokens).into_iter().map(|part| Passage {
            title: section.title.clone(),
            text: section.text[part.clone()].split_whitespace().collect::<Vec<_>>().join(" "),
            range: section.source(part),
        })
    });
    passages.collect()
}

/// The start of a title that passages repeat.
pub fn truncate_title(title: &str) -> &str {
    split(title, &[], MAX_TITLE_TOKENS).first().map_or("", |part| &title[..part.end])
}
