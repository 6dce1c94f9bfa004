//! Extracts the sections of a document from plain text, Markdown or HTML.

use std::ops::Range;
use std::path::Path;

use html5gum::{DefaultEmitter, Token, Tokenizer};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::outline::{Outline, Section};
use crate::text::{Flow, flow_of, is_mark};

/// The format of a document that is a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Plain text, with blank lines between paragraphs.
    Text,
    /// CommonMark with GitHub's tables, footnotes, task lists and strikethrough, and with front
    /// matter.
    Markdown,
    /// HTML. Tags need not be balanced.
    Html,
}

impl Format {
    /// The format that the extension of a path names, in any case: `md` and `markdown`, or `html`,
    /// `htm` and `xhtml`. Any other path, and one without an extension, is [`Format::Text`].
    pub fn of_path(path: &Path) -> Format {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Format::Markdown,
            "html" | "htm" | "xhtml" => Format::Html,
            _ => Format::Text,
        }
    }

    /// The number that stands for the format in a document's hash, and so in index files.
    pub(super) fn number(self) -> u8 {
        match self {
            Format::Text => 0,
            Format::Markdown => 1,
            Format::Html => 2,
        }
    }

    /// The sections of a document.
    pub(super) fn sections(self, source: &str) -> Vec<Section> {
        match self {
            Format::Text => text(source),
            Format::Markdown => markdown(source),
            Format::Html => html(source),
        }
    }
}

fn text(source: &str) -> Vec<Section> {
    let mut outline = Outline::default();
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let end = start + line.len();
        match line.trim().is_empty() {
            true => outline.end_paragraph(),
            false => outline.push(line, start..end),
        }
        start = end;
    }
    outline.finish()
}

fn markdown(source: &str) -> Vec<Section> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut outline = Outline::default();
    for (event, range) in Parser::new_ext(source, options).into_offset_iter() {
        match event {
            Event::Text(text) => outline.push(&text, range),
            Event::Code(text) => {
                // The range leaves the backticks out, so that it is exact.
                let start = range.start + source[range.clone()].find(&*text).unwrap_or(0);
                let exact = source[start..].starts_with(&*text);
                outline.push(&text, if exact { start..start + text.len() } else { range });
            }
            Event::SoftBreak | Event::HardBreak => outline.push("\n", range),
            Event::Start(Tag::Heading { level, .. }) => outline.start_heading(heading_level(level)),
            Event::End(TagEnd::Heading(_)) => outline.end_heading(),
            Event::Start(Tag::HtmlBlock) => {
                outline.end_paragraph();
                push_html(&mut outline, &source[range.clone()], range.start);
                outline.end_paragraph();
            }
            Event::End(TagEnd::TableCell) => outline.push(" ", range.end..range.end),
            Event::Start(
                Tag::Emphasis
                | Tag::Strong
                | Tag::Strikethrough
                | Tag::Link { .. }
                | Tag::Image { .. }
                | Tag::TableCell,
            )
            | Event::End(
                TagEnd::Emphasis
                | TagEnd::Strong
                | TagEnd::Strikethrough
                | TagEnd::Link
                | TagEnd::Image,
            ) => (),
            Event::Start(_) | Event::End(_) | Event::Rule => outline.end_paragraph(),
            // Inline tags, and marks without words.
            _ => (),
        }
    }
    outline.finish()
}

fn heading_level(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

fn html(source: &str) -> Vec<Section> {
    let mut outline = Outline::default();
    push_html(&mut outline, source, 0);
    outline.finish()
}

/// Elements whose content is not text of the page.
const HIDDEN: [&[u8]; 5] = [b"script", b"style", b"iframe", b"noembed", b"noframes"];

/// Adds the text of HTML that begins at byte `base` of the source. The text counts even if its tags
/// are not balanced.
fn push_html(outline: &mut Outline, source: &str, base: usize) {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let (mut hidden, mut titled): (Option<Vec<u8>>, bool) = (None, false);
    let mut permalink: Option<Permalink> = None;
    for Ok(token) in Tokenizer::new_with_emitter(source, emitter) {
        let (name, start): (Vec<u8>, bool) = match token {
            Token::String(text) if hidden.is_none() => {
                let range: Range<usize> = base + text.span.start..base + text.span.end;
                let text = String::from_utf8_lossy(&text.value.0).into_owned();
                match &mut permalink {
                    Some(permalink) if is_mark(&text) => permalink.push((text, range)),
                    _ => {
                        keep(outline, permalink.take());
                        outline.push(&text, range);
                    }
                }
                continue;
            }
            Token::StartTag(tag) => {
                if *tag.name == *b"a" {
                    keep(outline, permalink.take());
                    let target = tag.attributes.get(b"href".as_slice());
                    let is_place = target.is_some_and(|target| target.value.contains(&b'#'));
                    permalink = is_place.then(Vec::new);
                }
                (tag.name.0, true)
            }
            Token::EndTag(tag) => {
                if *tag.name == *b"a" {
                    permalink = None;
                }
                (tag.name.0, false)
            }
            _ => continue,
        };
        let flow = flow_of(&name);
        if flow != Flow::Inline {
            keep(outline, permalink.take());
        }
        if hidden.as_ref() == Some(&name) && !start {
            hidden = None;
        } else if HIDDEN.contains(&&name[..]) && start {
            hidden = Some(name);
        } else if let [b'h', level @ b'1'..=b'6'] = name[..] {
            match start {
                true => outline.start_heading(level - b'0'),
                false => outline.end_heading(),
            }
        } else if name == b"title" && start && !titled {
            // Inline images have titles too. The first title is the page's.
            outline.start_heading(0);
            titled = true;
        } else if name == b"title" {
            outline.end_heading();
        } else if flow == Flow::WordBreak {
            outline.push(" ", base..base);
        } else if flow == Flow::Block {
            outline.end_paragraph();
        }
    }
    keep(outline, permalink);
}

/// The texts of a link to a place in a page, with their bytes, as long as they are only marks.
/// Generators of pages put such links, "¶" for one, beside headings.
type Permalink = Vec<(String, Range<usize>)>;

/// Adds the texts of a link that is no permalink.
fn keep(outline: &mut Outline, permalink: Option<Permalink>) {
    for (text, range) in permalink.into_iter().flatten() {
        outline.push(&text, range);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::chunk::chunk;

    /// The title and the text of each passage, and its part of the source.
    fn all(source: &str, sections: Vec<Section>) -> Vec<(String, String, String)> {
        let passages = chunk(&sections).into_iter();
        passages.map(|p| (p.title, p.text, source[p.range].to_owned())).collect()
    }

    fn rows(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        rows.iter().map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string())).collect()
    }

    #[test]
    fn plain_text() {
        let source = "\n First line\nsecond.\n\n\n  Next one. \n";
        assert_eq!(
            all(source, text(source)),
            rows(&[("", "First line second. Next one.", "First line\nsecond.\n\n\n  Next one.")])
        );
        assert!(text(" \n ").is_empty());
    }

    #[test]
    fn markdown_gives_headings_code_tables_and_html() {
        let source = "---\nkey: 1\n---\n# Guide\n\nRun `make` *now* &amp; [see](http://x).\n\n\
            ## Set up\n\n- one\n- two\n\n| a | b |\n|---|---|\n| c | d |\n\n\
            <div>raw <b>text</b></div>\n\n```sh\nls -l\n```\n## Empty\n";
        assert_eq!(
            all(source, markdown(source)),
            rows(&[
                ("", "key: 1", "key: 1"),
                ("Guide", "Run make now & see.", "Run `make` *now* &amp; [see](http://x)."),
                (
                    "Guide > Set up",
                    "one two a b c d raw text ls -l",
                    &source[source.find("one").unwrap()..source.find("\n```\n#").unwrap()]
                ),
                ("Guide", "Empty", "Empty"),
            ])
        );
    }

    #[test]
    fn html_gives_titles_and_no_scripts() {
        let source = "<!doctype html><title>Page</title><script>if (a < b) '<p>';</script>\
            <h1>Top <i>one</i></h1><p>It&#39;s f<b>in</b>e.<br>Yes.<style>p { }</style>\
            <svg><title>icon</title></svg><h2>Sub</h2><ul><li>x<li>y</ul>";
        assert_eq!(
            all(source, html(source)),
            rows(&[
                (
                    "Page > Top one",
                    "It's fine. Yes. icon",
                    "It&#39;s f<b>in</b>e.<br>Yes.<style>p { }</style><svg><title>icon"
                ),
                ("Page > Top one > Sub", "x y", "x<li>y"),
            ])
        );
    }

    #[test]
    fn links_to_headings_are_no_text() {
        for heading in [
            "Queues<a class=headerlink href='#queues' title='Permalink'>¶</a>",
            "<a class=anchor href='#queues'>§</a>Queues",
            "Queues <a href='/page/#queues'> # </a>",
            "Queues<a href='#queues'>\u{200b}</a>",
            "Queues<a href='#queues'><span aria-hidden=true>&#128279;</span></a>",
            "<a href='#queues'>Queues</a>",
        ] {
            let source = format!("<h1>{heading}</h1><p>text<p>end");
            let [(title, text, _)] = &all(&source, html(&source))[..] else { panic!("{heading}") };
            assert_eq!((title.as_str(), text.as_str()), ("Queues", "text end"), "{heading}");
        }
        let source = "a <a href='x.html'>*</a> <a href='#f'>f(</a>x<a href='#f'>)</a>, \
            <dt>g()<a href='#g'>¶</a></dt> <a href='#h'>-<p>h";
        assert_eq!(all(source, html(source))[0].1, "a * f(x, g() - h");
    }

    #[test]
    fn the_text_of_broken_html_is_kept() {
        for (source, expected) in [
            ("<p>one<p>two</div></b>three", "one two three"),
            ("<h1>never closed <p>text", "never closed text"),
            ("a < b & c &unknown; <", "a < b & c &unknown; <"),
            ("<p title=\"open>lost</p>", ""),
            ("before<script>var x", "before"),
            ("<!-- open <p>comment", ""),
        ] {
            let texts: Vec<String> =
                all(source, html(source)).into_iter().map(|(_, text, _)| text).collect();
            assert_eq!(texts.join(" "), expected, "{source}");
        }
    }
}
