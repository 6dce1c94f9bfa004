//! Searches a site with the files that are there, and says which others it needs.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::analysis::{Analyzer, is_supported};
use super::bytes::{FileHash, FileKind, decompress};
use super::excerpt::{MatchedTerms, excerpt};
use super::language::language_group;
use super::manifest::{
    Facets, Filter, Language, Lexicon, MAX_LEVEL, Manifest, PageHead, Terms, Texts, file_of,
};
use super::page::Section;
use super::query::{Query, QueryWord};
use super::search_options::{Fragment, SearchOptions, SearchResult, SearchResults, SortKey, Stage};
use super::token_vectors::{TokenVectors, text_vector};
use super::typo::is_one_typo;
use super::vectors::{Centroids, Group};
use crate::error::{Error, ErrorKind, Result};
use crate::fusion::{FusionWeights, StageScores, fuse};
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

/// The smallest number of sections of each stage that are ordered together.
const MIN_CANDIDATES: usize = 200;

/// The largest number of sections of one page among the results.
const MAX_OF_PAGE: usize = 3;

/// The number of groups of vectors that a search reads.
const PROBED_GROUPS: usize = 8;

/// The parts of the stages in the order of results.
const WEIGHTS: FusionWeights = FusionWeights { text: 0.5, vector: 0.3, rerank: 0.6 };

/// What the words of a section's page count beside those of the section.
const PAGE_WEIGHT: f32 = 0.4;

/// Words with fewer characters are not corrected.
const MIN_TYPO_CHARACTERS: usize = 4;

/// A site's search: the manifest, and the files that were added.
pub struct SiteIndex {
    manifest: Manifest,
    names: HashMap<String, (FileKind, FileHash)>,
    /// For each language, the number of the page of each section.
    pages: Vec<Vec<u32>>,
    files: HashMap<FileHash, File>,
    failed: HashSet<FileHash>,
}

enum File {
    Terms(Terms),
    Lexicon(Lexicon),
    Texts(Texts),
    Tokens(TokenVectors),
    Centroids(Centroids),
    Vectors(Group),
    Facets(Facets),
}

/// The files that a search would use and does not have.
#[derive(Default)]
struct Absent {
    needs: BTreeSet<(FileKind, FileHash)>,
    missing: BTreeSet<(FileKind, FileHash)>,
}

impl SiteIndex {
    /// Opens a manifest.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidInput`] if it is not one, or is one of another version.
    /// - [`ErrorKind::NeedsGeneral`] if this build lacks the stemmer of a language.
    pub fn new(manifest: &[u8]) -> Result<SiteIndex> {
        let manifest = Manifest::decode(manifest).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "the file is not the manifest of a site's search, or is one of another version of \
                 crossrank; build the search again with this version",
            )
        })?;
        if let Some(language) = manifest.languages.iter().find(|l| !is_supported(&l.tag)) {
            let message = format!(
                "the site has pages in the language {}, which this WebAssembly cannot read; load \
                 crossrank-site-languages.wasm",
                language.tag
            );
            return Err(Error::new(ErrorKind::NeedsGeneral, message));
        }
        let names =
            manifest.files().map(|(kind, hash)| (kind.file_name(hash), (kind, hash))).collect();
        let pages_of = |language: &Language| {
            let pages = (0..).zip(&language.pages);
            pages.flat_map(|(page, &sections)| std::iter::repeat_n(page, sections)).collect()
        };
        let pages = manifest.languages.iter().map(pages_of).collect();
        Ok(SiteIndex { manifest, names, pages, files: HashMap::new(), failed: HashSet::new() })
    }

    /// The way from the folder with the files to that with the pages, such as `../`.
    pub fn root(&self) -> &str {
        &self.manifest.root
    }

    /// Whether it can search by meaning.
    pub fn has_vectors(&self) -> bool {
        self.manifest.languages.iter().any(|language| language.centroids.is_some())
    }

    /// Whether a reranker lies in `reranker/`, beside the files.
    pub fn has_reranker(&self) -> bool {
        self.manifest.has_reranker
    }

    /// The tags of the languages of the site's pages.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.manifest.languages.iter().map(|language| language.tag.as_str())
    }

    /// The filters of the site's pages.
    pub fn filters(&self) -> &[Filter] {
        &self.manifest.filters
    }

    /// Adds a file that [`SearchResults::needs`] named.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] for a name that the manifest does not hold.
    /// - [`ErrorKind::InvalidInput`] for other bytes than those that the manifest names.
    pub fn add(&mut self, name: &str, stored: &[u8]) -> Result<()> {
        let (kind, hash) = self.find(name)?;
        let changed = || {
            let message = format!(
                "{name} has another content than the manifest says; the site was built again, or the \
                 file is damaged: load the manifest again"
            );
            Error::new(ErrorKind::InvalidInput, message)
        };
        if FileHash::of(stored) != hash {
            return Err(changed());
        }
        let content = decompress(stored).map_err(|_| changed())?;
        let file = match kind {
            FileKind::Terms => Terms::decode(content).map(File::Terms),
            FileKind::Lexicon => Lexicon::decode(&content).map(File::Lexicon),
            FileKind::Texts => Texts::decode(&content).map(File::Texts),
            FileKind::Tokens => TokenVectors::decode(&content).map(File::Tokens),
            FileKind::Centroids => Centroids::decode(&content).map(File::Centroids),
            FileKind::Vectors => Group::decode(&content).map(File::Vectors),
            FileKind::Facets => Facets::decode(&content).map(File::Facets),
        };
        if let Ok(File::Centroids(centroids)) = &file {
            let named = |&hash| (FileKind::Vectors.file_name(hash), (FileKind::Vectors, hash));
            self.names.extend(centroids.files.iter().map(named));
        }
        self.files.insert(hash, file.map_err(|_| changed())?);
        self.failed.remove(&hash);
        Ok(())
    }

    /// Says that the host does not have a file. Searches do without it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a name that the manifest does not hold.
    pub fn fail(&mut self, name: &str) -> Result<()> {
        let (_, hash) = self.find(name)?;
        self.failed.insert(hash);
        Ok(())
    }

    fn find(&self, name: &str) -> Result<(FileKind, FileHash)> {
        self.names.get(name).copied().ok_or_else(|| {
            let message = format!("the site has no file {name}; load the manifest again");
            Error::new(ErrorKind::InvalidArgument, message)
        })
    }

    fn file(&self, kind: FileKind, hash: FileHash, absent: &mut Absent) -> Option<&File> {
        let file = self.files.get(&hash);
        if file.is_none() {
            match self.failed.contains(&hash) {
                true => absent.missing.insert((kind, hash)),
                false => absent.needs.insert((kind, hash)),
            };
        }
        file
    }

    fn terms(&self, hash: FileHash, absent: &mut Absent) -> Option<&Terms> {
        match self.file(FileKind::Terms, hash, absent) {
            Some(File::Terms(terms)) => Some(terms),
            _ => None,
        }
    }

    /// Searches with the files that are there. An empty query, and one without words, finds nothing.
    pub fn search(&self, query: &str, options: &SearchOptions) -> SearchResults {
        let mut absent = Absent::default();
        let mut answer = SearchResults {
            stage: Stage::Terms,
            needs: Vec::new(),
            missing: Vec::new(),
            total: 0,
            results: Vec::new(),
        };
        if let Some(index) = self.language(options.language.as_deref()) {
            let (before, from) = self.manifest.languages.split_at(index);
            let search = LanguageSearch {
                index: self,
                language: &from[0],
                pages: &self.pages[index],
                first_page: before.iter().map(|language| language.pages.len()).sum::<usize>()
                    as u32,
                first_section: before.iter().map(|language| language.sections).sum::<usize>()
                    as u32,
                options,
            };
            search.run(query, &mut absent, &mut answer);
        }
        let names = |files: &BTreeSet<(FileKind, FileHash)>| {
            files.iter().map(|(kind, hash)| kind.file_name(*hash)).collect()
        };
        answer.needs = names(&absent.needs);
        answer.missing = names(&absent.missing);
        answer
    }

    /// The index of the language to search in.
    fn language(&self, wanted: Option<&str>) -> Option<usize> {
        let languages = &self.manifest.languages;
        let group = wanted.map(language_group);
        let named = languages.iter().position(|language| Some(&language.tag) == group.as_ref());
        // Of several with the most sections, the first.
        let largest = (0..languages.len()).rev().max_by_key(|&i| languages[i].sections);
        named.or(largest)
    }

    /// The texts of a section, and those of its page.
    fn section(&self, id: u32, absent: &mut Absent) -> Option<(&PageHead, &Section)> {
        let mut before = 0;
        let (start, hash) = self.manifest.texts.iter().find_map(|&(sections, hash)| {
            let start = before;
            before += sections;
            (before > id as usize).then_some((start, hash))
        })?;
        let Some(File::Texts(texts)) = self.file(FileKind::Texts, hash, absent) else {
            return None;
        };
        let (page, section) = texts.sections.get(id as usize - start)?;
        Some((&texts.pages[*page], section))
    }
}

/// The best sections of many, best first, of equal ones the first.
fn best(mut scores: Vec<(u32, f32)>, limit: usize) -> Vec<(u32, f32)> {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if limit < scores.len() {
        scores.select_nth_unstable_by(limit, order);
        scores.truncate(limit);
    }
    scores.sort_unstable_by(order);
    scores
}

struct LanguageSearch<'a> {
    index: &'a SiteIndex,
    language: &'a Language,
    /// The number of the page of each section among those of the language.
    pages: &'a [u32],
    /// The numbers of the language's first page and of its first section.
    first_page: u32,
    first_section: u32,
    options: &'a SearchOptions,
}

/// The pages that filters choose, and the sort keys.
struct Chosen<'a> {
    /// Ascending; all if there are none.
    pages: Option<Vec<u32>>,
    facets: Option<&'a Facets>,
}

impl Chosen<'_> {
    fn allows(&self, page: u32) -> bool {
        self.pages.as_ref().is_none_or(|pages| pages.binary_search(&page).is_ok())
    }

    /// The sections in the order of a sort key: by number if both values are numbers.
    fn sort(
        &self,
        key: &SortKey,
        mut sections: Vec<(u32, f32)>,
        page: impl Fn(u32) -> u32,
    ) -> Vec<(u32, f32)> {
        let keys = self.facets.into_iter().flat_map(|facets| &facets.sorts);
        let values: HashMap<u32, &str> = keys
            .filter(|(name, _)| *name == key.name)
            .flat_map(|(_, values)| values.iter().map(|(page, value)| (*page, value.as_str())))
            .collect();
        let number = |value: &str| value.parse::<f64>().ok().filter(|number| number.is_finite());
        let compare = |a: &str, b: &str| match (number(a), number(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => a.cmp(b),
        };
        sections.sort_by(|a, b| {
            let by_key = match (values.get(&page(a.0)), values.get(&page(b.0))) {
                (Some(x), Some(y)) if key.descending => compare(y, x),
                (Some(x), Some(y)) => compare(x, y),
                (x, y) => y.is_some().cmp(&x.is_some()),
            };
            by_key.then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0))
        });
        sections
    }
}

/// A section that a search found by its meaning.
struct Similar {
    section: u32,
    /// The number of the nearest passage.
    passage: u32,
    cosine: f32,
}

/// A term that stands for a word of the query.
struct Alternative<'a> {
    term: String,
    count: u32,
    weight: f32,
    file: &'a Terms,
}

impl<'a> LanguageSearch<'a> {
    /// Searches, and writes what is found into the answer.
    fn run(&self, text: &str, absent: &mut Absent, answer: &mut SearchResults) {
        let options = self.options;
        let analyzer = Analyzer::new(&self.language.tag);
        let query = Query::parse(text, &analyzer);
        let mut matched = MatchedTerms::new();
        let mut by_terms = self.scores(&query, &mut matched, absent);
        // Until all terms are there, the order means nothing, and texts would be fetched in vain.
        if !absent.needs.is_empty() {
            return;
        }
        let Some(facets) = self.facets(absent) else { return };
        let allowed = |section: u32| match &facets {
            Some(facets) => facets.allows(self.page(section)),
            None => true,
        };
        by_terms.retain(|(section, _)| allowed(*section));
        answer.total = by_terms.len();
        if let (Some(key), Some(facets)) = (&options.sort, &facets) {
            let sorted = facets.sort(key, by_terms, |section| self.page(section));
            return self.present(sorted, (&analyzer, &matched), &HashMap::new(), absent, answer);
        }
        let candidates = options.limit.max(MIN_CANDIDATES);
        let by_terms = best(by_terms, candidates);
        let similar = match options.vectors {
            true => self.similar(text, candidates, allowed, absent),
            false => Vec::new(),
        };
        let own = |&(id, logit): &(u32, f32)| Some((id.checked_sub(self.first_section)?, logit));
        let logits = options.logits.iter().filter_map(own);
        let logits: HashMap<u32, f32> = logits.collect();
        answer.stage = match (logits.is_empty(), similar.is_empty()) {
            (false, _) => Stage::Reranked,
            (true, false) => Stage::Vectors,
            (true, true) => Stage::Terms,
        };
        let passages: HashMap<u32, u32> = similar.iter().map(|s| (s.section, s.passage)).collect();
        let fused = fuse_stages(by_terms, similar, &logits);
        self.present(fused, (&analyzer, &matched), &passages, absent, answer);
    }

    /// Writes the best sections, which are given in order, into the answer. `passages` holds the nearest passage
    /// in meaning of some.
    fn present(
        &self,
        sections: Vec<(u32, f32)>,
        (analyzer, matched): (&Analyzer, &MatchedTerms),
        passages: &HashMap<u32, u32>,
        absent: &mut Absent,
        answer: &mut SearchResults,
    ) {
        for (section, score) in self.few_of_each_page(sections).take(self.options.limit) {
            let id = self.first_section + section;
            let Some((page, found)) = self.index.section(id, absent) else { continue };
            let similar = passages.get(&section).map(|&passage| passage as usize);
            let (passage, excerpt) = excerpt(&found.passages, analyzer, matched, similar);
            answer.results.push(result(id, score, page, found, passage, excerpt));
        }
    }

    /// The number of a section's page among those of all languages.
    fn page(&self, section: u32) -> u32 {
        self.first_page + self.pages[section as usize]
    }

    /// The pages that the options choose, if they choose some. `None` if the file that says so is not there yet.
    fn facets(&self, absent: &mut Absent) -> Option<Option<Chosen<'a>>> {
        let options = self.options;
        let filters: Vec<_> =
            options.filters.iter().filter(|(_, values)| !values.is_empty()).collect();
        if filters.is_empty() && options.sort.is_none() {
            return Some(None);
        }
        // Without the file, no page can be said to have a value.
        let nothing = Some(Some(Chosen { pages: Some(Vec::new()), facets: None }));
        let Some(hash) = self.index.manifest.facets else { return nothing };
        let facets = match self.index.file(FileKind::Facets, hash, absent) {
            Some(File::Facets(facets)) => facets,
            _ if absent.missing.contains(&(FileKind::Facets, hash)) => return nothing,
            _ => return None,
        };
        let named = &self.index.manifest.filters;
        let mut pages: Option<Vec<u32>> = None;
        for (name, wanted) in filters {
            let mut some: Vec<u32> = Vec::new();
            for (filter, lists) in
                named.iter().zip(&facets.filters).filter(|(f, _)| f.name == *name)
            {
                let lists =
                    filter.values.iter().zip(lists).filter(|(of, _)| wanted.contains(&of.value));
                lists.for_each(|(_, list)| some.extend(list));
            }
            some.sort_unstable();
            if let Some(before) = &pages {
                some.retain(|page| before.binary_search(page).is_ok());
            }
            pages = Some(some);
        }
        Some(Some(Chosen { pages, facets: Some(facets) }))
    }

    /// The sections without those of a page of which enough are before them.
    fn few_of_each_page(&self, sections: Vec<(u32, f32)>) -> impl Iterator<Item = (u32, f32)> {
        let mut shown: HashMap<u32, usize> = HashMap::new();
        sections.into_iter().filter(move |(section, _)| {
            let shown = shown.entry(self.pages[*section as usize]).or_default();
            *shown += 1;
            *shown <= MAX_OF_PAGE
        })
    }

    /// The sections nearest in meaning, the nearest first.
    fn similar(
        &self,
        text: &str,
        limit: usize,
        allowed: impl Fn(u32) -> bool,
        absent: &mut Absent,
    ) -> Vec<Similar> {
        let manifest = &self.index.manifest;
        let Some(centroids) = self.language.centroids else { return Vec::new() };
        let query = text_vector(text, manifest.dimensions, |rest| {
            let hash = file_of(&manifest.tokens, rest)?;
            match self.index.file(FileKind::Tokens, hash, absent) {
                Some(File::Tokens(tokens)) => Some(tokens),
                _ => None,
            }
        });
        let centroids = self.index.file(FileKind::Centroids, centroids, absent);
        let Some(File::Centroids(centroids)) = centroids else { return Vec::new() };
        if !absent.needs.is_empty() {
            return Vec::new();
        }
        let sum: f32 = query.iter().sum();
        let mut found: HashMap<u32, Similar> = HashMap::new();
        for (hash, center) in centroids.nearest(&query, PROBED_GROUPS) {
            let group = self.index.file(FileKind::Vectors, hash, absent);
            let Some(File::Vectors(Group(vectors))) = group else { continue };
            let is_there =
                |section: u32| (section as usize) < self.language.sections && allowed(section);
            for vector in vectors.iter().filter(|vector| is_there(vector.section)) {
                let cosine = center + vector.dot(&query, sum);
                let (section, passage) = (vector.section, vector.passage);
                let there = found.entry(section).or_insert(Similar { section, passage, cosine });
                if cosine > there.cosine {
                    *there = Similar { section, passage, cosine };
                }
            }
        }
        if !absent.needs.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<Similar> = found.into_values().collect();
        found.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.section.cmp(&b.section)));
        found.truncate(limit);
        found
    }

    /// The sections with at least one word of the query, and their scores.
    fn scores(
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
        let files = self.files_with_prefix(prefix);
        let mut found = Vec::new();
        for &(_, hash) in self.language.terms[files].iter().take(MAX_PREFIX_FILES) {
            let Some(file) = self.index.terms(hash, absent) else { continue };
            found.extend(file.with_prefix(prefix).map(|(term, count)| Alternative {
                term: term.to_owned(),
                count,
                weight: PREFIX_WEIGHT,
                file,
            }));
        }
        found.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.term.cmp(&b.term)));
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
        if let Some(hash) = self.language.lexicon
            && let Some(File::Lexicon(Lexicon(terms))) =
                self.index.file(FileKind::Lexicon, hash, absent)
        {
            found.extend(terms.iter().filter(|(term, _)| is_near(term)).cloned());
        }
        if let Some(file) = self.file_of(stem, absent) {
            let near = file.with_prefix("").filter(|(term, _)| is_near(term));
            found.extend(near.map(|(term, count)| (term.to_owned(), count)));
        }
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        found.dedup();
        found.truncate(MAX_CORRECTIONS);
        found.iter().flat_map(|(term, _)| self.exact(term, TYPO_WEIGHT, absent)).collect()
    }

    /// The file that has a term, if any has.
    fn file_of(&self, term: &str, absent: &mut Absent) -> Option<&'a Terms> {
        self.index.terms(file_of(&self.language.terms, term)?, absent)
    }

    /// The files that may have terms with a beginning.
    fn files_with_prefix(&self, prefix: &str) -> Range<usize> {
        let files = &self.language.terms;
        let start = files.partition_point(|(first, _)| first.as_str() <= prefix).saturating_sub(1);
        let count = files[start..]
            .iter()
            .skip(1)
            .take_while(|(first, _)| first.starts_with(prefix))
            .count();
        start..(start + 1 + count).min(files.len())
    }
}

/// One list of what words and meaning found, with the logits of those that were reranked, best first.
fn fuse_stages(
    by_terms: Vec<(u32, f32)>,
    similar: Vec<Similar>,
    logits: &HashMap<u32, f32>,
) -> Vec<(u32, f32)> {
    if similar.is_empty() && logits.is_empty() {
        return by_terms;
    }
    let mut sections: Vec<u32> = Vec::new();
    let mut stages: Vec<StageScores> = Vec::new();
    for (section, score) in by_terms {
        sections.push(section);
        let rerank = logits.get(&section).map(|&logit| logit.into());
        stages.push(StageScores { text: Some(score.into()), vector: None, rerank });
    }
    let places: HashMap<u32, usize> =
        (0..).zip(&sections).map(|(i, &section)| (section, i)).collect();
    for Similar { section, cosine, .. } in similar {
        let vector = Some(f64::from(cosine));
        match places.get(&section) {
            Some(&place) => stages[place].vector = vector,
            None => {
                sections.push(section);
                let rerank = logits.get(&section).map(|&logit| logit.into());
                stages.push(StageScores { text: None, vector, rerank });
            }
        }
    }
    let fused = fuse(&stages, &WEIGHTS).unwrap_or_default();
    fused.into_iter().map(|(i, score)| (sections[i], score as f32)).collect()
}

fn result(
    id: u32,
    score: f32,
    page: &PageHead,
    section: &Section,
    passage: usize,
    excerpt: Vec<Fragment>,
) -> SearchResult {
    let own = section.headings.last().filter(|own| **own != page.title);
    SearchResult {
        id,
        url: match section.anchor.as_str() {
            "" => page.url.clone(),
            anchor => format!("{}#{anchor}", page.url),
        },
        title: page.title.clone(),
        section: own.cloned().unwrap_or_default(),
        headings: section.headings.clone(),
        excerpt,
        passage: section.model_texts(&page.title).nth(passage).unwrap_or_default(),
        score,
        meta: page.meta.clone(),
    }
}

/// The part of BM25 that depends on the number of sections with a term.
fn idf(sections: usize, count: u32) -> f32 {
    let (sections, count) = (sections as f32, count as f32);
    (1.0 + (sections - count + 0.5).max(0.0) / (count + 0.5)).ln()
}
