//! A document as sections under headings, with the place in the file of every part.

use std::ops::Range;

use super::cut::tokens;

/// The most tokens of a title, so that a passage keeps its room.
const TITLE_TOKENS: usize = 32;

/// A stretch of text under one heading.
#[derive(Default)]
pub struct Section {
    /// The headings above it, outermost first.
    pub title: String,
    pub text: String,
    /// Where paragraphs end, as offsets in `text`.
    pub breaks: Vec<usize>,
    /// From which offset in `text` on which bytes of the file stand.
    sources: Vec<(usize, Range<usize>)>,
}

impl Section {
    pub fn new(title: &str) -> Section {
        Section { title: title.to_owned(), ..Section::default() }
    }

    /// Adds text that stands at these bytes of the file, as it is or in another spelling.
    pub fn push(&mut self, text: &str, range: Range<usize>) {
        if !text.is_empty() {
            self.sources.push((self.text.len(), range));
            self.text.push_str(text);
        }
    }

    /// Ends a paragraph.
    pub fn paragraph(&mut self) {
        let end = self.text.len();
        if end > 0 && self.breaks.last() != Some(&end) {
            let place = self.sources.last().map_or(0, |(_, range)| range.end);
            self.push("\n", place..place);
            self.breaks.push(self.text.len());
        }
    }

    /// The bytes of the file that hold a part of the text. They hold more than the part where the
    /// file spells it in another way, as with `&amp;`.
    pub fn source(&self, part: Range<usize>) -> Range<usize> {
        let at = |offset: usize, end: bool| {
            let after = self.sources.partition_point(|(at, _)| match end {
                true => *at < offset,
                false => *at <= offset,
            });
            let Some(&(at, ref range)) = self.sources.get(after.wrapping_sub(1)) else { return 0 };
            let length = self.sources.get(after).map_or(self.text.len(), |(next, _)| *next) - at;
            match (range.len() == length, end) {
                (true, _) => range.start + offset - at,
                (false, false) => range.start,
                (false, true) => range.end,
            }
        };
        at(part.start, false)..at(part.end, true)
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

struct Heading {
    level: u8,
    section: Section,
    /// A section below it has it in its title.
    used: bool,
}

/// Builds sections of a document's headings and texts, in their order.
#[derive(Default)]
pub struct Outline {
    sections: Vec<Section>,
    /// The headings above the text that comes, outermost first.
    above: Vec<Heading>,
    text: Section,
    heading: Option<Heading>,
}

impl Outline {
    pub fn push(&mut self, text: &str, range: Range<usize>) {
        let section = match &mut self.heading {
            Some(heading) => &mut heading.section,
            None => &mut self.text,
        };
        section.push(text, range);
    }

    pub fn paragraph(&mut self) {
        match &mut self.heading {
            Some(heading) => heading.section.paragraph(),
            None => self.text.paragraph(),
        }
    }

    /// Begins a heading; 1 is the highest but for a document's title, 0.
    pub fn start_heading(&mut self, level: u8) {
        self.end_heading();
        self.heading = Some(Heading { level, section: Section::default(), used: false });
    }

    /// Ends a heading, if there is one. A long one was never closed, and is text.
    pub fn end_heading(&mut self) {
        let Some(heading) = self.heading.take().filter(|h| !h.section.is_blank()) else { return };
        self.end_section();
        if tokens(&heading.section.text) > TITLE_TOKENS {
            self.text = heading.section;
            return self.paragraph();
        }
        self.leave(heading.level);
        self.above.push(heading);
    }

    pub fn finish(mut self) -> Vec<Section> {
        self.end_heading();
        self.end_section();
        self.leave(0);
        self.sections
    }

    fn end_section(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_blank() {
            self.sections.push(Section { title: self.title(), ..text });
            self.above.iter_mut().for_each(|heading| heading.used = true);
        }
    }

    /// Leaves the headings of a level and below it. One without any text is a section itself.
    fn leave(&mut self, level: u8) {
        while let Some(heading) = self.above.pop_if(|heading| heading.level >= level) {
            if !heading.used {
                self.text = heading.section;
                self.end_section();
            }
        }
    }

    /// The innermost headings that fit.
    fn title(&self) -> String {
        let mut title = String::new();
        for heading in self.above.iter().rev() {
            let words: Vec<&str> = heading.section.text.split_whitespace().collect();
            let longer = match title.is_empty() {
                true => words.join(" "),
                false => format!("{} > {title}", words.join(" ")),
            };
            if tokens(&longer) > TITLE_TOKENS {
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
    fn places_are_exact_where_the_spelling_is_the_files() {
        let file = "a &amp; b <b>bold</b> end";
        let mut section = Section::default();
        for (text, range) in [("a ", 0..2), ("&", 2..7), (" b ", 7..10), ("bold", 13..17)] {
            section.push(text, range);
        }
        section.push(" end", 21..25);
        section.paragraph();
        assert_eq!(section.text, "a & b bold end\n");
        let place = |part: &str| {
            let start = section.text.find(part).unwrap();
            &file[section.source(start..start + part.len())]
        };
        assert_eq!(place("b bold"), "b <b>bold");
        assert_eq!(place("& b"), "&amp; b");
        assert_eq!(place("ol"), "ol");
        assert_eq!(place("end"), "end");
        assert_eq!(section.source(0..section.text.len()), 0..25);
    }
}
