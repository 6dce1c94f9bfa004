//! Splits texts into paragraphs, for `--split paragraph`.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A paragraph of a text.
#[derive(Debug, PartialEq)]
pub struct Paragraph<'a> {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The headings above it, `Guide > Set up`, or nothing.
    pub title: String,
    pub text: &'a str,
}

/// The runs of lines between blank lines.
pub fn paragraphs(text: &str) -> Vec<Paragraph<'_>> {
    let (mut ranges, mut start, mut offset) = (Vec::new(), None, 0);
    for line in text.split_inclusive('\n') {
        match line.trim().is_empty() {
            true => ranges.extend(start.take().map(|start| start..offset)),
            false => start = start.or(Some(offset)),
        }
        offset += line.len();
    }
    ranges.extend(start.map(|start| start..offset));
    with_lines(text, ranges.into_iter().map(|range| (range, String::new())).collect())
}

/// The paragraphs, items of lists, tables and other blocks of Markdown, with the headings above them.
/// A heading is a paragraph if nothing stands below it.
pub fn markdown(text: &str) -> Vec<Paragraph<'_>> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut blocks = Blocks::default();
    let mut depth = 0;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            // The items of a list that is in nothing else are blocks.
            Event::Start(Tag::List(_)) | Event::End(TagEnd::List(_)) if depth == 0 => (),
            Event::Start(tag) => {
                match tag {
                    Tag::Heading { level, .. } if depth == 0 => blocks.open(level as usize, range),
                    _ if depth == 0 => blocks.add(range),
                    _ => (),
                }
                depth += 1;
            }
            Event::End(_) => depth -= 1,
            Event::Text(part) | Event::Code(part) => blocks.extend_heading(&part, &range),
            Event::SoftBreak | Event::HardBreak => blocks.extend_heading(" ", &range),
            _ => (),
        }
    }
    blocks.close(0);
    // Footnotes may be given in another order than that of the text.
    blocks.found.sort_by_key(|(range, _)| range.start);
    with_lines(text, blocks.found)
}

/// The blocks of a Markdown text.
#[derive(Default)]
struct Blocks {
    found: Vec<(Range<usize>, String)>,
    /// The headings above the current place, the highest first.
    headings: Vec<Heading>,
}

struct Heading {
    level: usize,
    text: String,
    range: Range<usize>,
    /// Whether anything stands below it.
    is_used: bool,
}

impl Blocks {
    fn open(&mut self, level: usize, range: Range<usize>) {
        self.close(level);
        self.headings.iter_mut().for_each(|heading| heading.is_used = true);
        self.headings.push(Heading { level, text: String::new(), range, is_used: false });
    }

    /// Ends the sections of headings of this level and below.
    fn close(&mut self, level: usize) {
        while self.headings.last().is_some_and(|heading| heading.level >= level) {
            if let Some(heading) = self.headings.pop()
                && !heading.is_used
            {
                self.found.push((heading.range, self.title()));
            }
        }
    }

    fn add(&mut self, range: Range<usize>) {
        self.headings.iter_mut().for_each(|heading| heading.is_used = true);
        self.found.push((range, self.title()));
    }

    fn extend_heading(&mut self, text: &str, range: &Range<usize>) {
        if let Some(heading) = self.headings.last_mut()
            && heading.range.contains(&range.start)
        {
            heading.text += text;
        }
    }

    fn title(&self) -> String {
        let titles = self.headings.iter().map(|heading| heading.text.trim());
        titles.filter(|title| !title.is_empty()).collect::<Vec<_>>().join(" > ")
    }
}

/// Trims the paragraphs, leaves empty ones out, and finds their lines.
fn with_lines(text: &str, ranges: Vec<(Range<usize>, String)>) -> Vec<Paragraph<'_>> {
    let (mut line, mut counted) = (1, 0);
    let paragraph = |(range, title): (Range<usize>, String)| {
        let start = range.end - text[range.clone()].trim_start().len();
        let part = text[range].trim();
        line += text[counted..start].matches('\n').count();
        counted = start;
        (!part.is_empty()).then_some(Paragraph { line, title, text: part })
    };
    ranges.into_iter().filter_map(paragraph).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows<'a>(paragraphs: &'a [Paragraph]) -> Vec<(usize, &'a str, &'a str)> {
        paragraphs.iter().map(|p| (p.line, p.title.as_str(), p.text)).collect()
    }

    #[test]
    fn blank_lines_separate_paragraphs() {
        let text = "\n one\r\ntwo\r\n \t\r\n\r\nthree\n\nfour";
        let expected = [(2, "", "one\r\ntwo"), (6, "", "three"), (8, "", "four")];
        assert_eq!(rows(&paragraphs(text)), expected);
        assert_eq!(paragraphs(" \n\n"), []);
        assert_eq!(paragraphs(""), []);
    }

    #[test]
    fn markdown_has_blocks_below_headings() {
        let text = "---\nkey: 1\n---\nBefore.\n\n# The *guide* to `x`\n\nOne\ntwo.\n\nSet up\n------\n\
            - a\n\n  more of a\n- b\n  - c\n\n| h |\n|---|\n| d |\n\n```sh\n# no heading\n\nls\n```\n\
            > quoted\n>\n> too\n\n***\n\n## Empty\n### Emptier\n\n# Last [^1]\n\n[^1]: note\n\n[x]: http://y\n";
        let expected = [
            (1, "", "---\nkey: 1\n---"),
            (4, "", "Before."),
            (8, "The guide to x", "One\ntwo."),
            (13, "The guide to x > Set up", "- a\n\n  more of a"),
            (16, "The guide to x > Set up", "- b\n  - c"),
            (19, "The guide to x > Set up", "| h |\n|---|\n| d |"),
            (23, "The guide to x > Set up", "```sh\n# no heading\n\nls\n```"),
            (28, "The guide to x > Set up", "> quoted\n>\n> too"),
            (35, "The guide to x > Empty", "### Emptier"),
            (39, "Last", "[^1]: note"),
        ];
        assert_eq!(rows(&markdown(text)), expected);
        assert_eq!(rows(&markdown("# A\n## B\n# C")), [(2, "A", "## B"), (3, "", "# C")]);
        assert_eq!(markdown(""), []);
        assert_eq!(markdown("[x]: http://y\n"), []);
    }
}
