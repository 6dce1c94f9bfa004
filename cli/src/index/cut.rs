//! Sections to passages, each as long as the models read well.

use std::ops::Range;

use super::outline::Section;
use crate::search::words::is_unspaced;

/// The most tokens of a passage with its title, as [`tokens`] estimates them. The bundled
/// cross-encoder was trained on pairs of at most 160 tokens, of which the query has some; the
/// embedder reads at most 256.
const PASSAGE_TOKENS: usize = 126;

/// The most tokens of a title that each passage carries.
const TITLE_TOKENS: usize = PASSAGE_TOKENS / 2;

/// A part of a document.
pub struct Passage {
    /// The headings above it, or the document's title.
    pub title: String,
    /// With every run of white space as one space.
    pub text: String,
    /// Its bytes in the file; in JSON lines, in the document's text.
    pub range: Range<usize>,
}

pub fn passages(sections: &[Section]) -> Vec<Passage> {
    let passages = sections.iter().flat_map(|section| {
        let most = PASSAGE_TOKENS - tokens(&section.title).min(TITLE_TOKENS);
        cut(&section.text, &section.breaks, most).into_iter().map(|part| Passage {
            title: section.title.clone(),
            text: section.text[part.clone()].split_whitespace().collect::<Vec<_>>().join(" "),
            range: section.source(part),
        })
    });
    passages.collect()
}

/// As much of a title as passages carry.
pub fn title(title: &str) -> &str {
    cut(title, &[], TITLE_TOKENS).first().map_or("", |first| &title[..first.end])
}

/// An estimate of the tokens that a WordPiece vocabulary makes of a text, rather too many: one for
/// five letters of a word, for two of a word with digits, and for each other character.
pub fn tokens(text: &str) -> usize {
    units(text, &[]).iter().map(|unit| unit.tokens).sum()
}

/// How well a text can be cut behind a unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Inside,
    Word,
    Sentence,
    Paragraph,
}

/// A word, or a part of one that is long or written without spaces.
struct Unit {
    range: Range<usize>,
    tokens: usize,
    edge: Edge,
}

const MAX_UNIT: usize = 40;

fn units(text: &str, breaks: &[usize]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut start = None;
    for (i, c) in text.char_indices() {
        let end = i + c.len_utf8();
        if c.is_whitespace() {
            continue;
        }
        let begin = *start.get_or_insert(i);
        let next = text[end..].chars().next();
        let spaced = next.is_none_or(char::is_whitespace);
        if !(spaced || is_unspaced(c) || end - begin >= MAX_UNIT) {
            continue;
        }
        start = None;
        let word = &text[begin..end];
        let ends_sentence = word
            .trim_end_matches(['"', '\'', ')', ']', '”', '’'])
            .ends_with(['.', '!', '?', '。', '！', '？']);
        let edge = match (spaced, ends_sentence) {
            (true, true) => Edge::Sentence,
            _ if "。！？".contains(c) => Edge::Sentence,
            (true, false) => Edge::Word,
            (false, _) => Edge::Inside,
        };
        units.push(Unit { range: begin..end, tokens: word_tokens(word), edge });
    }
    for &paragraph in breaks {
        let before = units.partition_point(|unit| unit.range.end <= paragraph);
        if let Some(last) = before.checked_sub(1) {
            units[last].edge = Edge::Paragraph;
        }
    }
    units
}

fn word_tokens(word: &str) -> usize {
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let others = word.chars().filter(|c| !c.is_ascii_alphanumeric()).count();
    let a_token = if digits > 0 { 2 } else { 5 };
    (letters + digits).div_ceil(a_token) + others
}

/// Cuts a text into parts of at most `most` tokens and of about one size, at the ends of
/// paragraphs rather than of sentences, and there rather than between words.
fn cut(text: &str, breaks: &[usize], most: usize) -> Vec<Range<usize>> {
    let units = units(text, breaks);
    let (mut parts, mut first) = (Vec::new(), 0);
    let mut left: usize = units.iter().map(|unit| unit.tokens).sum();
    while first < units.len() {
        let last = if left <= most {
            units.len() - 1
        } else {
            last_unit(&units[first..], most, left.div_ceil(left.div_ceil(most))) + first
        };
        parts.push(units[first].range.start..units[last].range.end);
        left -= units[first..=last].iter().map(|unit| unit.tokens).sum::<usize>();
        first = last + 1;
    }
    parts
}

/// The unit that ends a part best: of those from half of `goal` tokens to `most`, the one with the
/// best edge, and of these the nearest to `goal`. There is at least one unit.
fn last_unit(units: &[Unit], most: usize, goal: usize) -> usize {
    let mut size = 0;
    let sizes = units.iter().map(|unit| {
        size += unit.tokens;
        size
    });
    let fitting = sizes.take_while(|size| *size <= most).enumerate();
    let good = fitting.filter(|(_, size)| *size >= goal / 2);
    let best =
        good.max_by_key(|&(i, size)| (units[i].edge, std::cmp::Reverse(size.abs_diff(goal))));
    best.map_or(0, |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(text: &'a str, breaks: &[usize], most: usize) -> Vec<&'a str> {
        cut(text, breaks, most).into_iter().map(|part| &text[part]).collect()
    }

    #[test]
    fn nothing_is_lost_nor_too_long() {
        let texts = [
            "One. Two two? Three three three! ".repeat(30),
            "x".repeat(1000),
            "向量数据库存储嵌入。它找到最近的邻居。".repeat(20),
            "naïve — café… 12345 a1b2c3 ".repeat(40),
            " \n\t ".into(),
            String::new(),
        ];
        for text in &texts {
            for most in [1, 7, 64, 128] {
                let parts = parts(text, &[], most);
                let squeeze = |t: &str| t.split_whitespace().collect::<String>();
                assert_eq!(squeeze(&parts.concat()), squeeze(text));
                let longest_unit = units(text, &[]).iter().map(|u| u.tokens).max().unwrap_or(0);
                for part in &parts {
                    assert!(tokens(part) <= most.max(longest_unit), "{} of {most}", tokens(part));
                }
            }
        }
    }

    #[test]
    fn parts_are_of_one_size_and_end_where_sentences_do() {
        let text = "The river was cold and the boat was old. ".repeat(13);
        let parts = parts(&text, &[], 100);
        assert_eq!(parts.len(), 2);
        assert!(parts.iter().all(|part| part.starts_with("The") && part.ends_with("old.")));
        assert!(parts[0].len().abs_diff(parts[1].len()) < 50);
    }

    #[test]
    fn the_end_of_a_paragraph_is_better() {
        let text = "One two three. Four five.\nSix seven. Eight nine ten eleven.";
        let paragraph = text.find('\n').unwrap() + 1;
        let parts = parts(text, &[paragraph], 13);
        assert_eq!(parts, ["One two three. Four five.", "Six seven. Eight nine ten eleven."]);
    }

    /// Against the bundled model's own tokenizer.
    #[test]
    fn the_estimate_is_near_the_tokens_and_rarely_below_them() {
        let Ok(reranker) = crossrank::Reranker::bundled() else { return };
        let real = |text: &str| reranker.encode("", text).unwrap().ids.len() - 3;
        let text = include_str!("../../../README.md");
        let (estimate, real_tokens) =
            (text.lines().map(tokens).sum::<usize>(), text.lines().map(real).sum::<usize>());
        let ratio = estimate as f64 / real_tokens as f64;
        assert!((1.0..1.4).contains(&ratio), "{estimate} for {real_tokens}");
        // What a passage of words that no vocabulary has is, beside the 254 that the embedder reads.
        for worst in ["electroencephalographically ", "A7f9Qz2Lx0Kd8Wm3 ", "Ж", "漢", "?!#%"] {
            let passage = &parts(&worst.repeat(200), &[], PASSAGE_TOKENS)[0].to_owned();
            assert!(real(passage) <= 254, "{} tokens of {worst}", real(passage));
        }
    }
}
