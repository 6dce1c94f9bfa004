//! Makes the files of a site's search from its pages.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::analysis::{Analyzer, needs_stemmers};
use super::bytes::{FileHash, FileKind, compress};
use super::cluster::cluster;
use super::facets::ranks;
use super::language::language_group;
use super::manifest::{
    Facets, Filter, FilterValue, Heads, Language, Lexicon, MAX_LEVEL, Manifest, PAGES_OF_HEADS,
    PageHead, Posting, Terms, Texts,
};
use super::page::{Page, Section};
use super::parallel::parallel;
use super::token_vectors::TokenVectors;
use super::vectors::{Centroids, Group, PassageVector};
use crate::embedder::Embedder;
use crate::error::Result;

/// BM25's usual parameters.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// What a word in a section's own heading, in a heading above it, and in the page's title or keywords
/// counts, where one in its text counts 1.
const HEADING_WEIGHT: f32 = 3.0;
const TITLE_WEIGHT: f32 = 1.0;

/// The number of words below which a shorter section does not count as more to the point.
const MIN_LENGTH: f32 = 12.0;

/// The largest number of sections that the files name for a term. Of a term with more, they name those
/// about which it says most. It bounds what a query with frequent words fetches.
const MAX_POSTINGS: usize = 8192;

/// The size of files before compression. Terms compress to two thirds, texts to one third.
const TERMS_BYTES: usize = 16 << 10;
const TEXTS_BYTES: usize = 24 << 10;

const TOKENS_BYTES: usize = 8 << 10;

/// The number of terms in a lexicon, and in each of its files.
const LEXICON_TERMS: usize = 24_000;
const TERMS_OF_LEXICON_FILE: usize = 1024;

/// How to make the files.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BuildOptions<'a> {
    /// The way from the folder of the files to the folder of the pages, such as `../`.
    pub root: String,
    /// The language of pages that name none. By default it is that of most pages.
    pub language: Option<String>,
    /// What makes vectors for searches by meaning. Without it, a site is searched by words only.
    pub vectors: Option<SiteVectors<'a>>,
    /// Whether a reranker lies in `models/`, beside the files.
    pub has_reranker: bool,
    /// The number of threads.
    pub threads: usize,
}

impl Default for BuildOptions<'_> {
    fn default() -> Self {
        BuildOptions {
            root: "../".into(),
            language: None,
            vectors: None,
            has_reranker: false,
            threads: 1,
        }
    }
}

/// What makes the vectors of passages.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum SiteVectors<'a> {
    /// The vectors of their tokens. Pages fetch those of the words of a query.
    Tokens(&'a TokenVectors),
    /// An embedder. Pages need the same one for queries.
    Embedder {
        /// The embedder, which computes with its own threads.
        embedder: &'a Embedder,
        /// The language of the pages that it is for; empty for all.
        language: &'a str,
    },
}

impl fmt::Debug for SiteVectors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("SiteVectors")
            .field("dimensions", &self.dimensions())
            .finish_non_exhaustive()
    }
}

impl SiteVectors<'_> {
    fn suits(&self, language: &str) -> bool {
        match self {
            SiteVectors::Tokens(tokens) => tokens.suits(language),
            SiteVectors::Embedder { language: own, .. } => own.is_empty() || *own == language,
        }
    }

    fn dimensions(&self) -> usize {
        match self {
            SiteVectors::Tokens(tokens) => tokens.dimensions(),
            SiteVectors::Embedder { embedder, .. } => embedder.dimensions(),
        }
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        match self {
            SiteVectors::Tokens(tokens) => {
                Ok(texts.iter().map(|text| tokens.embed(text)).collect())
            }
            SiteVectors::Embedder { embedder, .. } => embedder.embed(texts),
        }
    }
}

/// Names with values.
type Pairs = Vec<(String, String)>;

/// The files of a site's search.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SiteFiles {
    /// The content of [`MANIFEST_NAME`](super::MANIFEST_NAME), which names the others.
    pub manifest: Vec<u8>,
    /// The other files by their names.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The number of pages that a search can find.
    pub pages: usize,
    /// The number of sections.
    pub sections: usize,
    /// Whether pages need `crossrank-site-languages.wasm`, because some are in another language than English
    /// that has a stemmer.
    pub needs_languages: bool,
}

impl SiteFiles {
    /// Makes the files. The same pages give the same bytes, in whatever order they are, and with any
    /// number of threads.
    ///
    /// # Errors
    /// As [`Embedder::embed`], if an embedder makes the vectors.
    pub fn build(mut pages: Vec<Page>, options: &BuildOptions) -> Result<SiteFiles> {
        if pages.iter().any(|page| page.is_marked) {
            pages.retain(|page| page.is_marked);
        }
        pages.retain(|page| !page.sections.is_empty());
        let usual = usual_language(&pages, options);
        let mut by_language: BTreeMap<String, Vec<Page>> = BTreeMap::new();
        for page in pages {
            let language = match language_group(&page.language) {
                group if group.is_empty() => usual.clone(),
                group => group,
            };
            by_language.entry(language).or_default().push(page);
        }
        let mut site = SiteFiles::default();
        let mut manifest = Manifest {
            root: options.root.clone(),
            has_reranker: options.has_reranker,
            ..Manifest::default()
        };
        let mut facets = Vec::new();
        for (tag, mut pages) in by_language {
            pages.sort_by(|a, b| a.url.cmp(&b.url));
            pages.dedup_by(|a, b| a.url == b.url);
            site.pages += pages.len();
            site.needs_languages |= needs_stemmers(&tag);
            let mut language = site.add_terms(tag, &pages, options.threads);
            if let Some(vectors) = options.vectors.filter(|vectors| vectors.suits(&language.tag)) {
                language.centroids = site.add_vectors(&pages, vectors, options.threads)?;
            }
            site.sections += language.sections;
            manifest.languages.push(language);
            manifest.texts.extend(site.add_texts(&pages, options.threads));
            facets.extend(pages.into_iter().map(|page| (page.filters, page.sorts)));
        }
        (manifest.filters, manifest.facets) = site.add_facets(facets);
        if let Some(vectors) = options.vectors
            && manifest.languages.iter().any(|language| language.centroids.is_some())
        {
            manifest.dimensions = vectors.dimensions();
            match vectors {
                SiteVectors::Tokens(tokens) => {
                    let (firsts, contents): (Vec<String>, Vec<Vec<u8>>) =
                        tokens.shards(TOKENS_BYTES).into_iter().unzip();
                    let hashes = site.add_all(FileKind::Tokens, contents, options.threads);
                    manifest.tokens = firsts.into_iter().zip(hashes).collect();
                }
                SiteVectors::Embedder { embedder, .. } => {
                    manifest.embedder = embedder.fingerprint().to_owned();
                }
            }
        }
        site.manifest = manifest.encode();
        Ok(site)
    }

    fn add(&mut self, kind: FileKind, stored: Vec<u8>) -> FileHash {
        let hash = FileHash::of(&stored);
        self.files.insert(kind.file_name(hash), stored);
        hash
    }

    fn add_all(&mut self, kind: FileKind, contents: Vec<Vec<u8>>, threads: usize) -> Vec<FileHash> {
        let stored = parallel(threads, contents, |content| compress(&content));
        stored.into_iter().map(|stored| self.add(kind, stored)).collect()
    }

    fn add_terms(&mut self, tag: String, pages: &[Page], threads: usize) -> Language {
        let (sections, postings) = postings(&tag, pages, threads);
        let mut terms: Vec<(&str, &Postings)> =
            postings.iter().map(|(term, postings)| (term.as_str(), postings)).collect();
        terms.sort_unstable_by_key(|(term, _)| *term);

        let mut shards: Vec<&[(&str, &Postings)]> = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (i, (term, postings)) in terms.iter().enumerate() {
            let size = term.len() + 3 * postings.kept.len();
            if i > start && bytes + size > TERMS_BYTES {
                shards.push(&terms[start..i]);
                (start, bytes) = (i, 0);
            }
            bytes += size;
        }
        if start < terms.len() {
            shards.push(&terms[start..]);
        }
        let encode = |shard: &&[(&str, &Postings)]| {
            Terms::encode(shard.iter().map(|(term, p)| (*term, p.count, &p.kept[..])))
        };
        let contents = shards.iter().map(encode).collect();
        let hashes = self.add_all(FileKind::Terms, contents, threads);
        let firsts = shards.iter().map(|shard| shard[0].0.to_owned());
        let terms_files = firsts.zip(hashes).collect();

        let is_word = |term: &str| {
            term.chars().nth(3).is_some() && term.len() <= 32 && term.contains(char::is_alphabetic)
        };
        let mut frequent: Vec<(String, u32)> = terms
            .iter()
            .filter(|(term, postings)| postings.count > 1 && is_word(term))
            .map(|(term, postings)| ((*term).to_owned(), postings.count as u32))
            .collect();
        frequent.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        frequent.truncate(LEXICON_TERMS);
        let reversed = |(term, count): &(String, u32)| (term.chars().rev().collect(), *count);
        let reversed_lexicon = frequent.iter().map(reversed).collect();
        let reversed_lexicon = self.add_lexicon(reversed_lexicon, threads);
        let lexicon = self.add_lexicon(frequent, threads);
        let heads = pages.chunks(PAGES_OF_HEADS).map(|pages| {
            let heads = pages.iter().map(|page| (page.url.clone(), page.title.clone()));
            Heads(heads.collect()).encode()
        });
        let heads = self.add_all(FileKind::Heads, heads.collect(), threads);
        Language {
            tag,
            heads,
            sections,
            pages: pages.iter().map(|page| page.sections.len()).collect(),
            terms: terms_files,
            lexicon,
            reversed_lexicon,
            centroids: None,
        }
    }

    fn add_lexicon(
        &mut self,
        mut terms: Vec<(String, u32)>,
        threads: usize,
    ) -> Vec<(String, FileHash)> {
        terms.sort();
        let firsts = terms.chunks(TERMS_OF_LEXICON_FILE).map(|terms| terms[0].0.clone());
        let firsts: Vec<String> = firsts.collect();
        let files = terms.chunks(TERMS_OF_LEXICON_FILE);
        let contents = files.map(|terms| Lexicon(terms.to_vec()).encode()).collect();
        let hashes = self.add_all(FileKind::Lexicon, contents, threads);
        firsts.into_iter().zip(hashes).collect()
    }

    /// Adds the vectors of passages. Returns the file with their groups.
    fn add_vectors(
        &mut self,
        pages: &[Page],
        from: SiteVectors,
        threads: usize,
    ) -> Result<Option<FileHash>> {
        // The numbers of passages of the sections of some pages, and their vectors.
        let embed = |pages: &[Page]| {
            let (mut counts, mut texts) = (Vec::new(), Vec::new());
            for page in pages {
                for section in &page.sections {
                    let before = texts.len();
                    texts.extend(section.model_texts(&page.title));
                    counts.push(texts.len() - before);
                }
            }
            Ok((counts, from.embed(&texts)?))
        };
        let embedder_threads = match from {
            SiteVectors::Tokens(_) => threads,
            SiteVectors::Embedder { .. } => 1,
        };
        let embedded = parallel(embedder_threads, pages.chunks(64).collect(), embed);
        let (mut places, mut vectors, mut section) = (Vec::new(), Vec::new(), 0);
        for chunk in embedded {
            let (counts, of_chunk) = chunk?;
            let mut of_chunk = of_chunk.into_iter();
            for count in counts {
                for (passage, vector) in (0..).zip(of_chunk.by_ref().take(count)) {
                    if vector.iter().any(|&x| x != 0.0) {
                        places.push((section, passage));
                        vectors.push(vector);
                    }
                }
                section += 1;
            }
        }
        let (centers, groups_of) = cluster(&vectors, threads);
        let mut groups: Vec<Vec<PassageVector>> = Vec::new();
        groups.resize_with(centers.len(), Vec::new);
        for (((section, passage), mut vector), group) in
            places.into_iter().zip(vectors).zip(groups_of)
        {
            vector.iter_mut().zip(centers.get(group)).for_each(|(x, center)| *x -= center);
            groups[group].push(PassageVector::new(section, passage, &vector));
        }
        let encode = |group| Group(group).encode(from.dimensions());
        let contents = parallel(threads, groups, encode);
        let hashes = self.add_all(FileKind::Vectors, contents, threads);
        let is_empty = hashes.is_empty();
        let centroids = compress(&Centroids::encode(&centers, &hashes));
        Ok((!is_empty).then(|| self.add(FileKind::Centroids, centroids)))
    }

    /// Adds the filters and sort keys of pages, which are given in the order of their numbers.
    fn add_facets(&mut self, pages: Vec<(Pairs, Pairs)>) -> (Vec<Filter>, Option<FileHash>) {
        let mut filters: BTreeMap<String, BTreeMap<String, Vec<u32>>> = BTreeMap::new();
        let mut sorts: BTreeMap<String, Vec<(u32, String)>> = BTreeMap::new();
        for (page, (of_filters, of_sorts)) in (0..).zip(pages) {
            for (name, value) in of_filters {
                filters.entry(name).or_default().entry(value).or_default().push(page);
            }
            for (name, value) in of_sorts {
                sorts.entry(name).or_default().push((page, value));
            }
        }
        if filters.is_empty() && sorts.is_empty() {
            return (Vec::new(), None);
        }
        let named = filters.iter().map(|(name, values)| Filter {
            name: name.clone(),
            values: values
                .iter()
                .map(|(value, pages)| FilterValue { value: value.clone(), count: pages.len() })
                .collect(),
        });
        let named = named.collect();
        let filters = filters.into_values().map(|values| values.into_values().collect()).collect();
        let sorts = sorts.into_iter().map(|(name, values)| (name, ranks(&values))).collect();
        let facets = Facets { filters, sorts };
        (named, Some(self.add(FileKind::Facets, compress(&facets.encode()))))
    }

    fn add_texts(&mut self, pages: &[Page], threads: usize) -> Vec<(usize, FileHash)> {
        let mut shards: Vec<Texts> = Vec::new();
        let (mut shard, mut bytes) = (Texts::default(), 0);
        for page in pages {
            let mut is_new = true;
            for section in &page.sections {
                if bytes > TEXTS_BYTES {
                    shards.push(std::mem::take(&mut shard));
                    (is_new, bytes) = (true, 0);
                }
                if std::mem::take(&mut is_new) {
                    shard.pages.push(PageHead {
                        url: page.url.clone(),
                        title: page.title.clone(),
                        meta: page.meta.clone(),
                    });
                }
                bytes += section.passages.iter().map(String::len).sum::<usize>()
                    + section.headings.iter().map(String::len).sum::<usize>();
                shard.sections.push((shard.pages.len() - 1, section.clone()));
            }
        }
        if !shard.sections.is_empty() {
            shards.push(shard);
        }
        let counts: Vec<usize> = shards.iter().map(|shard| shard.sections.len()).collect();
        let contents = parallel(threads, shards, |shard| shard.encode());
        let hashes = self.add_all(FileKind::Texts, contents, threads);
        counts.into_iter().zip(hashes).collect()
    }
}

fn usual_language(pages: &[Page], options: &BuildOptions) -> String {
    if let Some(language) = &options.language {
        return language_group(language);
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for page in pages {
        *counts.entry(language_group(&page.language)).or_default() += 1;
    }
    counts.remove("");
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map_or("en".into(), |(language, _)| language)
}

/// The sections with a term.
#[derive(Default)]
struct Postings {
    /// The number of all of them.
    count: usize,
    /// Those that the files name, ascending.
    kept: Vec<Posting>,
}

/// The number of occurrences of each term of a section, weighted; terms are numbered by page range.
struct SectionTerms {
    length: f32,
    counts: Vec<(u32, f32)>,
}

/// A range of pages, analyzed.
#[derive(Default)]
struct Analyzed {
    terms: Vec<String>,
    sections: Vec<SectionTerms>,
}

/// The number of sections, and the postings of all terms.
fn postings(tag: &str, pages: &[Page], threads: usize) -> (usize, HashMap<String, Postings>) {
    // Ranges of a fixed size: the number of threads must not show in the result.
    let ranges: Vec<&[Page]> = pages.chunks(64).collect();
    let analyzed = parallel(threads, ranges, |pages| Analyzed::of(tag, pages));
    let lengths = analyzed.iter().flat_map(|range| &range.sections).map(|s| f64::from(s.length));
    let sections = lengths.clone().count();
    let average = (lengths.sum::<f64>() / sections.max(1) as f64).max(1.0) as f32;
    let mut all: HashMap<String, Postings> = HashMap::new();
    let mut first = 0u32;
    for range in analyzed {
        let mut lists: Vec<Vec<Posting>> = Vec::new();
        lists.resize_with(range.terms.len(), Vec::new);
        for section in &range.sections {
            let norm = K1 * (1.0 - B + B * section.length / average);
            for &(term, count) in &section.counts {
                // From 0 to 1: BM25 without its constant factor.
                let part = count / (count + norm);
                let level = (part * f32::from(MAX_LEVEL)).round().max(1.0) as u8;
                lists[term as usize].push(Posting { section: first, level });
            }
            first += 1;
        }
        for (term, list) in range.terms.into_iter().zip(lists) {
            all.entry(term).or_default().kept.extend(list);
        }
    }
    for postings in all.values_mut() {
        postings.count = postings.kept.len();
        if postings.count > MAX_POSTINGS {
            postings
                .kept
                .sort_by_key(|posting| (std::cmp::Reverse(posting.level), posting.section));
            postings.kept.truncate(MAX_POSTINGS);
            postings.kept.sort_by_key(|posting| posting.section);
        }
    }
    (sections, all)
}

impl Analyzed {
    fn of(tag: &str, pages: &[Page]) -> Analyzed {
        let mut counter = Counter { analyzer: Analyzer::new(tag), ..Counter::default() };
        let mut sections = Vec::new();
        for page in pages {
            for (i, section) in page.sections.iter().enumerate() {
                sections.push(counter.section(page, section, i == 0));
            }
        }
        Analyzed { terms: counter.terms, sections }
    }
}

/// Counts terms, and numbers them.
struct Counter {
    analyzer: Analyzer,
    numbers: HashMap<String, u32>,
    terms: Vec<String>,
}

impl Default for Counter {
    fn default() -> Counter {
        Counter { analyzer: Analyzer::new(""), numbers: HashMap::new(), terms: Vec::new() }
    }
}

impl Counter {
    fn section(&mut self, page: &Page, section: &Section, is_first: bool) -> SectionTerms {
        let mut counts: HashMap<u32, f32> = HashMap::new();
        let weight = f32::from(section.weight) / 10.0;
        let mut length = 0.0;
        for passage in &section.passages {
            length += self.count(passage, weight, &mut counts);
        }
        let (own, above) = match section.headings.split_last() {
            Some((own, above)) => (own.as_str(), above),
            None => (page.title.as_str(), &[][..]),
        };
        self.count(own, HEADING_WEIGHT, &mut counts);
        length = length.max(MIN_LENGTH);
        let is_title_above = own != page.title && !above.contains(&page.title);
        for heading in above.iter().chain(is_title_above.then_some(&page.title)) {
            self.count(heading, TITLE_WEIGHT, &mut counts);
        }
        if is_first {
            self.count(&page.keywords, TITLE_WEIGHT, &mut counts);
            self.count(&page.description, TITLE_WEIGHT, &mut counts);
        }
        let mut counts: Vec<(u32, f32)> = counts.into_iter().collect();
        counts.sort_unstable_by_key(|(term, _)| *term);
        SectionTerms { length, counts }
    }

    /// Adds the terms of a text to the counts, and returns the number of its words.
    fn count(&mut self, text: &str, weight: f32, counts: &mut HashMap<u32, f32>) -> f32 {
        let mut words = 0.0;
        for word in self.analyzer.words(text) {
            words += 1.0;
            for term in word.terms {
                let number = match self.numbers.get(&term) {
                    Some(&number) => number,
                    None => {
                        let number = self.terms.len() as u32;
                        self.terms.push(term.clone());
                        self.numbers.insert(term, number);
                        number
                    }
                };
                *counts.entry(number).or_default() += weight;
            }
        }
        words
    }
}
