//! The passage of a section that answers a query best, and the part of it that results show.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::analysis::Analyzer;
use super::order::sorted;
use super::search_options::Fragment;

/// The number of bytes of an excerpt, about.
const EXCERPT_BYTES: usize = 240;

/// The number of bytes before the first match of an excerpt, about.
const LEAD_BYTES: usize = 48;

/// The terms that a query found, each with what it is worth and the word of the query for which it
/// stands.
pub type MatchedTerms = HashMap<String, (usize, f32)>;

/// The words of a passage that a query names: their bytes and the words of the query.
struct Matches {
    found: Vec<(Range<usize>, usize)>,
    worth: f32,
}

fn matches(text: &str, analyzer: &Analyzer, terms: &MatchedTerms) -> Matches {
    let mut found = Vec::new();
    let mut best: HashMap<usize, f32> = HashMap::new();
    for word in analyzer.words(text) {
        let named = word.terms.iter().filter_map(|term| terms.get(term));
        if let Some(&(index, worth)) = named.max_by(|a, b| a.1.total_cmp(&b.1)) {
            let best = best.entry(index).or_default();
            *best = best.max(worth);
            found.push((word.range, index));
        }
    }
    let worths: Vec<f32> = best.into_values().collect();
    // Sums in one order, because each order rounds differently.
    Matches { found, worth: sorted(&worths, &f32::total_cmp).iter().sum() }
}

/// The index of the best passage by its words, and its excerpt. Of passages that are equally good, `similar`
/// is the best, if it is one of them.
pub fn excerpt(
    passages: &[String],
    analyzer: &Analyzer,
    terms: &MatchedTerms,
    similar: Option<usize>,
) -> (usize, Vec<Fragment>) {
    let mut best: Option<(usize, Matches)> = None;
    for (i, passage) in passages.iter().enumerate() {
        let found = matches(passage, analyzer, terms);
        let is_better = |(_, best): &(usize, Matches)| {
            found.worth > best.worth || found.worth == best.worth && similar == Some(i)
        };
        if best.as_ref().is_none_or(is_better) {
            best = Some((i, found));
        }
    }
    let Some((index, Matches { found, .. })) = best else { return (0, Vec::new()) };
    let text = &passages[index];
    (index, fragments(text, window(text, &found), &found))
}

/// The part of a text to show: that with the most different words of the query.
fn window(text: &str, found: &[(Range<usize>, usize)]) -> Range<usize> {
    if text.len() <= EXCERPT_BYTES + LEAD_BYTES {
        return 0..text.len();
    }
    let distinct = |start: usize| {
        let inside = found.iter().filter(|(range, _)| {
            range.start >= start && range.end <= start + EXCERPT_BYTES - LEAD_BYTES
        });
        inside.map(|(_, word)| *word).collect::<HashSet<_>>().len()
    };
    // Of equal ones the first.
    let starts = found.iter().map(|(range, _)| range.start).rev();
    let first = starts.max_by_key(|&start| distinct(start)).unwrap_or(0);
    let start = match first.checked_sub(LEAD_BYTES) {
        None | Some(0) => 0,
        Some(at) => word_start(text, at),
    };
    let start = start.min(word_start(text, text.len() - EXCERPT_BYTES));
    let end = match start + EXCERPT_BYTES {
        end if end >= text.len() => text.len(),
        end => word_end(text, end).max(start),
    };
    start..end
}

/// The start of the first word that begins after a byte; of a text without spaces, of the character.
fn word_start(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    match text[at..].find(' ') {
        Some(space) if space < LEAD_BYTES => at + space + 1,
        _ => at,
    }
}

/// The end of the last word that ends before a byte.
fn word_end(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    match text[..at].rfind(' ') {
        Some(space) if at - space < LEAD_BYTES => space,
        _ => at,
    }
}

fn fragments(text: &str, window: Range<usize>, found: &[(Range<usize>, usize)]) -> Vec<Fragment> {
    let mut fragments = Vec::new();
    let mut push = |text: &str, is_match| {
        if !text.is_empty() {
            fragments.push(Fragment { text: text.to_owned(), is_match });
        }
    };
    if window.start > 0 {
        push("… ", false);
    }
    let mut at = window.start;
    for (range, _) in found {
        if range.start >= at && range.end <= window.end {
            push(&text[at..range.start], false);
            push(&text[range.clone()], true);
            at = range.end;
        }
    }
    push(&text[at..window.end], false);
    if window.end < text.len() {
        push(" …", false);
    }
    fragments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt_of(passages: &[&str], query: &[&str]) -> (usize, Vec<(String, bool)>) {
        let terms =
            query.iter().enumerate().map(|(i, term)| (term.to_string(), (i, 1.0))).collect();
        let passages: Vec<String> = passages.iter().map(|p| p.to_string()).collect();
        let (index, fragments) = excerpt(&passages, &Analyzer::new("en"), &terms, None);
        (index, fragments.into_iter().map(|f| (f.text, f.is_match)).collect())
    }

    #[test]
    fn the_passage_with_most_words_is_shown_with_its_matches() {
        let (index, shown) = excerpt_of(&["a zebra", "zebras have stripes"], &["zebra", "stripe"]);
        let expected = [("zebras", true), (" have ", false), ("stripes", true)];
        assert_eq!(index, 1);
        assert_eq!(shown, expected.map(|(text, is)| (text.to_owned(), is)));
        assert_eq!(excerpt_of(&[], &["zebra"]), (0, Vec::new()));
    }

    #[test]
    fn long_texts_are_cut_between_words_or_characters() {
        let text = format!("{}a zebra with stripes{}", "lion ".repeat(100), " bear".repeat(100));
        let (_, shown) = excerpt_of(&[&text], &["zebra", "stripe"]);
        let whole: String = shown.iter().map(|(text, _)| text.as_str()).collect();
        assert!(whole.starts_with("… lion") && whole.ends_with("bear …"), "{whole}");
        assert!(whole.len() < 300 && whole.contains("zebra with stripes"), "{whole}");
        let text = "向量".repeat(300);
        let (_, shown) = excerpt_of(&[&text], &["nothing"]);
        assert!(shown[0].0.len() <= EXCERPT_BYTES + 4);
    }
}
