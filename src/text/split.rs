//! Splits texts into parts of a length that the models read well.

use std::ops::Range;

use super::tokens::{Unit, units};

/// The largest number of tokens in a passage with its title, as
/// [`estimate_tokens`](super::estimate_tokens) counts them.
///
/// The bundled cross-encoder was trained on pairs of at most 160 tokens, which include the query.
/// The bundled embedder reads at most 256.
pub const MAX_PASSAGE_TOKENS: usize = 126;

/// Splits a text into parts of about the same size and of at most `max_tokens` tokens each.
///
/// Parts end with paragraphs where possible, else with sentences, else with words. A single unit
/// that has more tokens is a part by itself.
pub fn split(text: &str, paragraphs: &[usize], max_tokens: usize) -> Vec<Range<usize>> {
    let units = units(text, paragraphs);
    let (mut parts, mut start) = (Vec::new(), 0);
    let mut left: usize = units.iter().map(|unit| unit.tokens).sum();
    while start < units.len() {
        let last = if left <= max_tokens {
            units.len() - 1
        } else {
            let target = left.div_ceil(left.div_ceil(max_tokens));
            start + last_unit(&units[start..], max_tokens, target)
        };
        parts.push(units[start].range.start..units[last].range.end);
        left -= units[start..=last].iter().map(|unit| unit.tokens).sum::<usize>();
        start = last + 1;
    }
    parts
}

/// The best unit to end a part with.
///
/// Of the units that give a part of at least half of `target` and at most `max_tokens` tokens, it is
/// the one with the best boundary, and among those the one nearest to `target`. `units` is not empty.
fn last_unit(units: &[Unit], max_tokens: usize, target: usize) -> usize {
    let mut size = 0;
    let sizes = units.iter().map(|unit| {
        size += unit.tokens;
        size
    });
    let fitting = sizes.take_while(|size| *size <= max_tokens).enumerate();
    let candidates = fitting.filter(|(_, size)| *size >= target / 2);
    let best = candidates
        .max_by_key(|&(i, size)| (units[i].boundary, std::cmp::Reverse(size.abs_diff(target))));
    best.map_or(0, |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::super::tokens::estimate_tokens;
    use super::*;

    fn parts<'a>(text: &'a str, paragraphs: &[usize], max_tokens: usize) -> Vec<&'a str> {
        split(text, paragraphs, max_tokens).into_iter().map(|part| &text[part]).collect()
    }

    #[test]
    fn no_text_is_lost_and_no_part_is_too_long() {
        let texts = [
            "One. Two two? Three three three! ".repeat(30),
            "x".repeat(1000),
            "向量数据库存储嵌入。它找到最近的邻居。".repeat(20),
            "naïve — café… 12345 a1b2c3 ".repeat(40),
            " \n\t ".into(),
            String::new(),
        ];
        for text in &texts {
            for max_tokens in [1, 7, 64, 128] {
                let parts = parts(text, &[], max_tokens);
                let squeeze = |t: &str| t.split_whitespace().collect::<String>();
                assert_eq!(squeeze(&parts.concat()), squeeze(text));
                let longest_unit = units(text, &[]).iter().map(|u| u.tokens).max().unwrap_or(0);
                for part in &parts {
                    assert!(
                        estimate_tokens(part) <= max_tokens.max(longest_unit),
                        "{part} of {max_tokens}"
                    );
                }
            }
        }
    }

    #[test]
    fn parts_have_similar_sizes_and_end_with_sentences() {
        let text = "The river was cold and the boat was old. ".repeat(13);
        let parts = parts(&text, &[], 100);
        assert_eq!(parts.len(), 2);
        assert!(parts.iter().all(|part| part.starts_with("The") && part.ends_with("old.")));
        assert!(parts[0].len().abs_diff(parts[1].len()) < 50);
    }

    #[test]
    fn a_part_ends_with_a_paragraph_rather_than_a_sentence() {
        let text = "One two three. Four five.\nSix seven. Eight nine ten eleven.";
        let paragraph = text.find('\n').unwrap() + 1;
        let parts = parts(text, &[paragraph], 13);
        assert_eq!(parts, ["One two three. Four five.", "Six seven. Eight nine ten eleven."]);
    }
}
