//! Builds the sections of a page from its headings, anchors and texts, which are given in order.

use super::page::Section;
use crate::text::{MAX_PASSAGE_TOKENS, estimate_tokens, split};

/// The largest number of characters of a heading. The rest of a longer one is left out.
const MAX_HEADING_CHARACTERS: usize = 160;

/// The largest number of tokens of titles that the models read before a passage.
const MAX_TITLE_TOKENS: usize = 40;

/// The largest number of passages of a section. A longer one is several, with the same anchor: what a result
/// fetches must be small.
const MAX_PASSAGES: usize = 8;

/// The level of the first terms of a list of definitions. Headings have the levels 1 to 6.
pub const DEFINITION_LEVEL: u8 = 7;

/// What counts as a section's usual weight.
const USUAL_WEIGHT: u8 = 10;

#[derive(Default)]
struct Heading {
    level: u8,
    text: String,
    anchor: String,
    /// Whether a section names it.
    used: bool,
}

/// A text with the offsets at which its paragraphs end.
#[derive(Default)]
struct Text {
    text: String,
    paragraphs: Vec<usize>,
}

struct Draft {
    anchor: String,
    headings: Vec<String>,
    text: Text,
    weight: u8,
}

pub struct SectionBuilder {
    drafts: Vec<Draft>,
    /// The headings above the current text, outermost first.
    above: Vec<Heading>,
    /// The heading that is still open.
    open: Option<Heading>,
    text: Text,
    /// The last anchor, until there is text behind it.
    anchor: Option<String>,
    weight: u8,
}

impl Default for SectionBuilder {
    fn default() -> SectionBuilder {
        SectionBuilder {
            drafts: Vec::new(),
            above: Vec::new(),
            open: None,
            text: Text::default(),
            anchor: None,
            weight: USUAL_WEIGHT,
        }
    }
}

impl Text {
    /// Adds text. Each run of white space is one space.
    fn push(&mut self, text: &str) {
        for c in text.chars() {
            match c.is_whitespace() {
                false => self.text.push(c),
                true if self.text.ends_with([' ', '\n']) || self.text.is_empty() => (),
                true => self.text.push(' '),
            }
        }
    }

    fn end_paragraph(&mut self) {
        self.text.truncate(self.text.trim_end().len());
        let end = self.text.len();
        if end > 0 && self.paragraphs.last() != Some(&(end + 1)) {
            self.text.push('\n');
            self.paragraphs.push(end + 1);
        } else if end > 0 {
            self.text.push('\n');
        }
    }

    fn append(&mut self, other: Text) {
        self.end_paragraph();
        let offset = self.text.len();
        self.text.push_str(&other.text);
        self.paragraphs.extend(other.paragraphs.iter().map(|end| end + offset));
    }
}

impl SectionBuilder {
    /// Adds text to the open heading, or to the current section.
    pub fn push(&mut self, text: &str) {
        match &mut self.open {
            Some(heading) => heading.text.push_str(text),
            None => {
                if !text.trim().is_empty() {
                    self.anchor = None;
                }
                self.text.push(text);
            }
        }
    }

    pub fn end_paragraph(&mut self) {
        match &mut self.open {
            Some(heading) => heading.text.push(' '),
            None => self.text.end_paragraph(),
        }
    }

    /// An anchor at this place. It is that of the open heading if this has none, else that of a heading
    /// that follows at once.
    pub fn anchor(&mut self, anchor: &str) {
        match &mut self.open {
            Some(heading) if heading.anchor.is_empty() => heading.anchor = anchor.to_owned(),
            Some(_) => (),
            None => self.anchor = Some(anchor.to_owned()),
        }
    }

    /// An anchor that a link beside the open heading names.
    pub fn anchor_of_heading(&mut self, anchor: &str) {
        if self.open.is_some() {
            self.anchor(anchor);
        }
    }

    /// Sets the weight of the words that follow, and returns that of those before.
    pub fn set_weight(&mut self, weight: u8) -> u8 {
        if weight != self.weight && self.open.is_none() {
            self.end_section();
        }
        std::mem::replace(&mut self.weight, weight)
    }

    /// Begins a heading of a level. Those of its level and of the levels below it end.
    pub fn start_heading(&mut self, level: u8) {
        let anchor = self.anchor.take();
        self.close(level);
        self.open =
            Some(Heading { level, anchor: anchor.unwrap_or_default(), ..Heading::default() });
    }

    /// Ends the open heading. Returns its level and its text, if it has any.
    pub fn end_heading(&mut self) -> Option<(u8, String)> {
        let mut heading = self.open.take()?;
        let words: Vec<&str> = heading.text.split_whitespace().collect();
        heading.text = words.join(" ");
        if let Some((end, _)) = heading.text.char_indices().nth(MAX_HEADING_CHARACTERS) {
            heading.text.truncate(end);
            heading.text.push('…');
        }
        if heading.text.is_empty() {
            self.anchor = Some(heading.anchor).filter(|anchor| !anchor.is_empty());
            return None;
        }
        let ended = (heading.level, heading.text.clone());
        self.above.push(heading);
        Some(ended)
    }

    /// Ends the headings of a level and of the levels below it. One without text of its own and without
    /// sections below it is a section, and a term without a definition is text of the section around it.
    pub fn close(&mut self, level: u8) {
        self.end_section();
        while let Some(heading) = self.above.pop_if(|heading| heading.level >= level) {
            if !heading.used && heading.level >= DEFINITION_LEVEL {
                self.text.push(&heading.text);
                self.push_draft();
            } else if !heading.used {
                self.above.push(heading);
                self.push_draft();
                self.above.pop();
            }
        }
    }

    fn end_section(&mut self) {
        if self.text.text.trim().is_empty() {
            self.text = Text::default();
        } else {
            self.push_draft();
        }
    }

    /// Makes a section of the current text. Text of one section in several places is joined.
    fn push_draft(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        text.text.truncate(text.text.trim_end().len());
        let anchor = self.above.iter().rev().map(|heading| &heading.anchor);
        let anchor =
            anchor.into_iter().find(|anchor| !anchor.is_empty()).cloned().unwrap_or_default();
        let headings: Vec<String> = self.above.iter().map(|h| h.text.clone()).collect();
        self.above.iter_mut().for_each(|heading| heading.used = true);
        let same = |draft: &&mut Draft| {
            draft.anchor == anchor && draft.headings == headings && draft.weight == self.weight
        };
        match self.drafts.iter_mut().rev().take(64).find(same) {
            Some(draft) => draft.text.append(text),
            None => self.drafts.push(Draft { anchor, headings, text, weight: self.weight }),
        }
    }

    /// The sections of the page with this title.
    pub fn finish(mut self, title: &str) -> Vec<Section> {
        self.end_heading();
        self.close(0);
        let sections = |draft: Draft| {
            let titles = estimate_tokens(title)
                + draft.headings.iter().map(|heading| estimate_tokens(heading)).sum::<usize>();
            let max_tokens = MAX_PASSAGE_TOKENS - titles.min(MAX_TITLE_TOKENS);
            let Text { text, paragraphs } = draft.text;
            let words = |part| -> String {
                let part: &str = &text[part];
                part.split_whitespace().collect::<Vec<_>>().join(" ")
            };
            let passages = split(&text, &paragraphs, max_tokens).into_iter().map(words);
            let passages: Vec<String> = passages.collect();
            let section = |passages: &[String]| Section {
                anchor: draft.anchor.clone(),
                headings: draft.headings.clone(),
                passages: passages.to_vec(),
                weight: draft.weight,
            };
            match passages.is_empty() {
                true => vec![section(&[])],
                false => passages.chunks(MAX_PASSAGES).map(section).collect(),
            }
        };
        self.drafts.into_iter().flat_map(sections).collect()
    }
}
