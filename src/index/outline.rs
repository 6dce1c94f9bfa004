//! A document as sections under headings. Each part knows its place in the source.

use std::ops::Range;

use crate::text::estimate_tokens;

/// The largest number of tokens in the headings above a section, so that its passages have room for
/// their text.
const MAX_HEADING_TOKENS: usize = 32;

/// The text under one heading.
#[derive(Default)]
pub struct Section {
    /// The headings above it, outermost first.
    pub title: String,
    pub text: String,
    /// The offsets in `text` at which paragraphs end.
    pub paragraphs: Vec<usize>,
    /// Offsets in `text`, ascending, each with the bytes of the source for the text from there on.
    sources: Vec<(usize, Range<usize>)>,
}

impl Section {
    /// A section under a title, without text.
    pub fn new(title: &str) -> Section {
        Section { title: title.to_owned(), ..Section::default() }
    }

    /// Adds text found at `range` of the source, where it may be spelled differently.
    pub fn push(&mut self, text: &str, range: Range<usize>) {
        if !text.is_empty() {
            self.sources.push((self.text.len(), range));
            self.text.push_str(text);
        }
    }

    /// Ends a paragraph.
    pub fn end_paragraph(&mut self) {
        let end = self.text.len();
        if end > 0 && self.paragraphs.last() != Some(&end) {
            let offset = self.sources.last().map_or(0, |(_, range)| range.end);
            self.push("\n", offset..offset);
            self.paragraphs.push(self.text.len());
        }
    }

    /// The bytes of the source for a part of the text. If the source spells the part in another way,
    /// such as `&amp;`, they may include more than the part.
    pub fn source(&self, part: Range<usize>) -> Range<usize> {
        let locate = |offset: usize, is_end: bool| {
            let after = self.sources.partition_point(|(start, _)| match is_end {
                true => *start < offset,
                false => *start <= offset,
            });
            let Some(&(start, ref range)) = self.sources.get(after.wrapping_sub(1)) else {
                return 0;
            };
            let length = self.sources.get(after).map_or(self.text.len(), |(next, _)| *next) - start;
            match (range.len() == length, is_end) {
                (true, _) => range.start + offset - start,
                (false, false) => range.start,
                (false, true) => range.end,
            }
        };
        locate(part.start, false)..locate(part.end, true)
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

struct Heading {
    level: u8,
    section: Section,
    /// Whether a section below it names it in its title.
    used: bool,
}

/// Builds the sections of a document from its headings and texts, which are given in order.
#[derive(Default)]
pub struct Outline {
    sections: Vec<Section>,
    /// The headings above the current text, outermost first.
    above: Vec<Heading>,
    /// The text since the last heading.
    text: Section,
    /// The heading that is still open.
    heading: Option<Heading>,
}

impl Outline {
    /// Adds text to the current heading or section, as [`Section::push`] does.
    pub fn push(&mut self, text: &str, range: Range<usize>) {
        self.current().push(text, range);
    }

    /// Ends a paragraph of the current heading or section.
    pub fn end_paragraph(&mut self) {
        self.current().end_paragraph();
    }

    fn current(&mut self) -> &mut Section {
        match &mut self.heading {
            Some(heading) => &mut heading.section,
            None => &mut self.text,
        }
    }

    /// Begins a heading of a level: 0 for the document's title, 1 for the highest heading.
    pub fn start_heading(&mut self, level: u8) {
        self.end_heading();
        self.heading = Some(Heading { level, section: Section::default(), used: false });
    }

    /// Ends the current heading, if there is one. A heading that is too long was never closed in the
    /// source, and counts as text.
    pub fn end_heading(&mut self) {
        let Some(heading) = self.heading.take().filter(|h| !h.section.is_blank()) else { return };
        self.end_section();
        if estimate_tokens(&heading.section.text) > MAX_HEADING_TOKENS {
            self.text = heading.section;
            return self.end_paragraph();
        }
        self.close_headings(heading.level);
        self.above.push(heading);
    }

    /// The sections of the whole document.
    pub fn finish(mut self) -> Vec<Section> {
        self.end_heading();
        self.end_section();
        self.close_headings(0);
        self.sections
    }

    fn end_section(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_blank() {
            self.sections.push(Section { title: self.title(), ..text });
            self.above.iter_mut().for_each(|heading| heading.used = true);
        }
    }

    /// Closes the headings of a level and of the levels below it. A heading that no section names
    /// becomes a section itself.
    fn close_headings(&mut self, level: u8) {
        while let Some(heading) = self.above.pop_if(|heading| heading.level >= level) {
            if !heading.used {
                self.text = heading.section;
                self.end_section();
            }
        }
    }

    /// The innermost headings that fit into [`MAX_HEADING_TOKENS`], outermost first.
    fn title(&self) -> String {
        let mut title = String::new();
        for heading in self.above.iter().rev() {
            let words: Vec<&str> = heading.section.text.split_whitespace().collect();
            let longer = match title.is_empty() {
                true => words.join(" "),
                false => format!("{} > {title}", words.join(" ")),
            };
            if estimate_tokens(&longer) > MAX_HEADING_TOKENS {
                break;
            }
            title = longer;
        }
        title
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_the_headings_above_them() {
        let mut outline = Outline::default();
        let heading = |outline: &mut Outline, level, text: &str| {
            outline.start_heading(level);
            outline.push(text, 0..text.len());
            outline.end_heading();
        };
        outline.push("before", 0..6);
        heading(&mut outline, 1, "Guide");
        heading(&mut outline, 2, "Set up");
        outline.push("Run it.", 0..7);
        heading(&mut outline, 2, "To do");
        heading(&mut outline, 1, "End");
        heading(&mut outline, 1, &"never closed ".repeat(40));
        let sections = outline.finish();
        let titles: Vec<&str> = sections.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(titles, ["", "Guide > Set up", "Guide", "End"]);
        let texts: Vec<&str> = sections.iter().map(|s| s.text.trim()).collect();
        assert_eq!(&texts[..3], ["before", "Run it.", "To do"]);
        assert!(texts[3].starts_with("never closed"));
    }

    #[test]
    fn ranges_are_exact_for_text_that_the_source_spells_alike() {
        let file = "a &amp; b <b>bold</b> end";
        let mut section = Section::default();
        for (text, range) in [("a ", 0..2), ("&", 2..7), (" b ", 7..10), ("bold", 13..17)] {
            section.push(text, range);
        }
        section.push(" end", 21..25);
        section.end_paragraph();
        assert_eq!(section.text, "a & b bold end\n");
        let source = |part: &str| {
            let start = section.text.find(part).unwrap();
            &file[section.source(start..start + part.len())]
        };
        assert_eq!(source("b bold"), "b <b>bold");
        assert_eq!(source("& b"), "&amp; b");
        assert_eq!(source("ol"), "ol");
        assert_eq!(source("end"), "end");
        assert_eq!(section.source(0..section.text.len()), 0..25);
    }
}
