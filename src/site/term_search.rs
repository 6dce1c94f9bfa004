//! Searches the sections of a language by the words of a query.

use std::collections::HashMap;

use super::bytes::{FileHash, FileKind};
use super::excerpt::MatchedTerms;
use super::manifest::{Language, Lexicon, MAX_LEVEL, Terms, file_of, files_with_prefix};
use super::order::sorted;
use super::query::{Query, QueryWord};
use super::store::{Absent, File, Store};
use super::typo::{is_one_typo, kept_ends};
use crate::text::has_bigrams;

/// The largest number of terms that stand for a beginning of a word, and for a word with a typo.
const MAX_EXPANSIONS: usize = 24;
const MAX_CORRECTIONS: usize = 3;

/// The largest number of files that are searched for the ends of a word.
const MAX_PREFIX_FILES: usize = 2;

/// What a term counts that is not the word of the query: one that begins with it, a correction of it, or
/// a part of it as an identifier.
const PREFIX_WEIGHT: f32 = 0.7;
const TYPO_WEIGHT: f32 = 0.7;
const PART_WEIGHT: f32 = 0.4;

/// What the words of a section's page count beside those of the section.
const PAGE_WEIGHT: f32 = 0.4;

/// Words with fewer characters are not corrected.
const MIN_TYPO_CHARACTERS: usize = 4;

pub(super) struct TermSearch<'a> {
    pub store: &'a Store,
    pub language: &'a Language,
    /// The number of the page of each section among those of the language.
    pub pages: &'a [u32],
}

/// A term that stands for a word of the query.
#[derive(Clone)]
struct Alternative<'a> {
    term: String,
    count: u32,
    weight: f32,
    file: &'a Terms,
}

impl<'a> TermSearch<'a> {
    /// The sections with at least one word of the query, and their scores.
    pub fn scores(
        &self,
        query: &Query,
        matched: &mut MatchedTerms,
        absent: &mut Absent,
    ) -> Vec<(u32, f32)> {
        let sections = self.language.sections;
        let mut all: Vec<Vec<Alternative>> = Vec::new();
        for word in &query.words {
            all.extend(self.alternatives(word, absent));
        }
        if !absent.needs.is_empty() {
            return Vec::new();
        }
        let pages = self.pages;
        let mut sums = vec![0f32; sections];
        let mut of_word = vec![0f32; sections];
        // For each page the sums of what its best section says about each word.
        let mut page_sums = vec![0f32; self.language.pages.len()];
        let mut best_of_page: HashMap<u32, f32> = HashMap::new();
        for (index, alternatives) in all.iter().enumerate() {
            let mut touched: Vec<u32> = Vec::new();
            let count = alternatives.iter().map(|a| a.count).max().unwrap_or(0);
            for Alternative { term, weight, file, .. } in alternatives {
                let worth = weight * idf(sections, count);
                let there = matched.entry(term.clone()).or_insert((index, worth));
                there.1 = there.1.max(worth);
                for posting in file.postings(term) {
                    let Some(score) = of_word.get_mut(posting.section as usize) else { continue };
                    if *score == 0.0 {
                        touched.push(posting.section);
                    }
                    *score = score.max(worth * f32::from(posting.level) / f32::from(MAX_LEVEL));
                }
            }
            for section in touched {
                let score = std::mem::take(&mut of_word[section as usize]);
                sums[section as usize] += score;
                let best = best_of_page.entry(pages[section as usize]).or_default();
                *best = best.max(score);
            }
            for (page, score) in best_of_page.drain() {
                page_sums[page as usize] += score;
            }
        }
        let scores = (0..).zip(sums).zip(pages).filter(|((_, score), _)| *score > 0.0);
        let with_page = |((section, score), &page): ((u32, f32), &u32)| {
            (section, score + PAGE_WEIGHT * page_sums[page as usize])
        };
        scores.map(with_page).collect()
    }

    /// The terms that stand for a word, and those for each of its parts.
    fn alternatives(&self, word: &QueryWord, absent: &mut Absent) -> Vec<Vec<Alternative<'a>>> {
        let parts = word.terms.iter().skip(1);
        let parts: Vec<Vec<Alternative>> = match word.folded.is_empty() {
            // Pairs of characters are all of the same worth.
            true => parts.map(|term| self.exact(term, 1.0, absent)).collect(),
            false => parts.map(|term| self.exact(term, PART_WEIGHT, absent)).collect(),
        };
        let Some(whole) = word.terms.first() else { return Vec::new() };
        let mut alternatives = self.exact(whole, 1.0, absent);
        let is_long_enough =
            word.folded.chars().nth(1).is_some() || word.folded.starts_with(has_bigrams);
        if word.is_prefix && is_long_enough {
            let mut longer = self.with_prefix(&word.folded, absent);
            longer.retain(|alternative| alternative.term != *whole);
            alternatives.extend(longer);
        }
        let is_unknown = alternatives.is_empty() && parts.iter().all(Vec::is_empty);
        if is_unknown && word.is_prefix {
            alternatives = self.shorter(&word.folded, absent);
        }
        if is_unknown && alternatives.is_empty() {
            alternatives = self.corrections(word, whole, absent);
        }
        std::iter::once(alternatives).chain(parts).collect()
    }

    fn exact(&self, term: &str, weight: f32, absent: &mut Absent) -> Vec<Alternative<'a>> {
        let Some(file) = self.file_of(term, absent) else { return Vec::new() };
        let count = file.count(term);
        let term = term.to_owned();
        count.map(|count| Alternative { term, count, weight, file }).into_iter().collect()
    }

    /// The terms that begin with a text, the most frequent ones.
    fn with_prefix(&self, prefix: &str, absent: &mut Absent) -> Vec<Alternative<'a>> {
        let files = files_with_prefix(&self.language.terms, prefix);
        let mut found = Vec::new();
        for &(_, hash) in files.iter().take(MAX_PREFIX_FILES) {
            let Some(file) = self.store.terms(hash, absent) else { continue };
            found.extend(file.with_prefix(prefix).map(|(term, count)| Alternative {
                term: term.to_owned(),
                count,
                weight: PREFIX_WEIGHT,
                file,
            }));
        }
        found = sorted(&found, &|a: &Alternative, b| {
            b.count.cmp(&a.count).then_with(|| a.term.cmp(&b.term))
        });
        found.truncate(MAX_EXPANSIONS);
        found
    }

    /// The longest term with which a word begins that nothing else stands for: the stem of what is being
    /// typed.
    fn shorter(&self, word: &str, absent: &mut Absent) -> Vec<Alternative<'a>> {
        let ends = word.char_indices().map(|(end, _)| end).skip(4).collect::<Vec<_>>();
        for &end in ends.iter().rev().take(4) {
            let found = self.exact(&word[..end], PREFIX_WEIGHT, absent);
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// The terms that differ from a word, or from its stem, by one typo: the most frequent ones.
    fn corrections(
        &self,
        word: &QueryWord,
        stem: &str,
        absent: &mut Absent,
    ) -> Vec<Alternative<'a>> {
        if word.folded.chars().count() < MIN_TYPO_CHARACTERS || !absent.needs.is_empty() {
            return Vec::new();
        }
        let is_near = |term: &str| is_one_typo(term, &word.folded) || is_one_typo(term, stem);
        let mut found: Vec<(String, u32)> = Vec::new();
        for form in [stem, &word.folded] {
            let Some((beginning, end)) = kept_ends(form) else { continue };
            let Language { lexicon, reversed_lexicon, .. } = self.language;
            let with_beginning = self.frequent_terms(lexicon, beginning, absent);
            found.extend(with_beginning.filter(|(term, _)| is_near(term)).cloned());
            let with_end = self.frequent_terms(reversed_lexicon, &reversed(end), absent);
            let with_end = with_end.map(|(term, count)| (reversed(term), *count));
            found.extend(with_end.filter(|(term, _)| is_near(term)));
        }
        if let Some(file) = self.file_of(stem, absent) {
            let near = file.with_prefix("").filter(|(term, _)| is_near(term));
            found.extend(near.map(|(term, count)| (term.to_owned(), count)));
        }
        found = sorted(&found, &|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        found.dedup();
        found.truncate(MAX_CORRECTIONS);
        found.iter().flat_map(|(term, _)| self.exact(term, TYPO_WEIGHT, absent)).collect()
    }

    /// The terms in those files of a lexicon that may have terms with a beginning.
    fn frequent_terms(
        &self,
        lexicon: &[(String, FileHash)],
        prefix: &str,
        absent: &mut Absent,
    ) -> impl Iterator<Item = &'a (String, u32)> + use<'a> {
        let files = files_with_prefix(lexicon, prefix).iter().filter_map(|&(_, hash)| {
            match self.store.file(FileKind::Lexicon, hash, absent) {
                Some(File::Lexicon(Lexicon(terms))) => Some(terms),
                _ => None,
            }
        });
        files.collect::<Vec<_>>().into_iter().flatten()
    }

    /// The file that has a term, if any has.
    fn file_of(&self, term: &str, absent: &mut Absent) -> Option<&'a Terms> {
        self.store.terms(file_of(&self.language.terms, term)?, absent)
    }
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// The part of BM25 that depends on the number of sections with a term.
fn idf(sections: usize, count: u32) -> f32 {
    let (sections, count) = (sections as f32, count as f32);
    (1.0 + (sections - count + 0.5).max(0.0) / (count + 0.5)).ln()
}
