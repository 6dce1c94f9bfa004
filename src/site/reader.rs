//! Searches a site with the files that are there, and says which others it needs.

use std::collections::{HashMap, HashSet};

use super::analysis::{Analyzer, is_supported};
use super::bytes::{FileHash, FileKind};
use super::excerpt::{MatchedTerms, excerpt};
use super::facets::Chosen;
use super::language::language_group;
use super::manifest::{Filter, Language, Manifest, PAGES_OF_HEADS, PageHead, file_of};
use super::order::sorted;
use super::page::Section;
use super::query::Query;
use super::search_options::{Fragment, SearchOptions, SearchResult, SearchResults, Stage};
use super::store::{Absent, File, Store};
use super::term_search::TermSearch;
use super::token_vectors::text_vector;
use super::vectors::Group;
use crate::error::{Error, ErrorKind, Result};
use crate::fusion::{FusionWeights, StageScores, fuse_valid};

/// The smallest number of sections of each stage that are ordered together.
const MIN_CANDIDATES: usize = 200;

/// The largest number of sections of one page among the results.
const MAX_OF_PAGE: usize = 3;

/// The number of groups of vectors that a search reads.
const PROBED_GROUPS: usize = 8;

/// The parts of the stages in the order of results.
const WEIGHTS: FusionWeights = FusionWeights { text: 0.5, vector: 0.3, rerank: 0.6 };

/// A site's search: the manifest, and the files that were added.
pub struct SiteIndex {
    manifest: Manifest,
    /// For each language, the number of the page of each section.
    pages: Vec<Vec<u32>>,
    store: Store,
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
        let pages_of = |language: &Language| {
            let pages = (0..).zip(&language.pages);
            pages.flat_map(|(page, &sections)| std::iter::repeat_n(page, sections)).collect()
        };
        let pages = manifest.languages.iter().map(pages_of).collect();
        let store = Store::new(&manifest);
        Ok(SiteIndex { manifest, pages, store })
    }

    /// The way from the folder with the files to that with the pages, such as `../`.
    pub fn root(&self) -> &str {
        &self.manifest.root
    }

    /// Whether it can search by meaning.
    pub fn has_vectors(&self) -> bool {
        self.manifest.languages.iter().any(|language| language.centroids.is_some())
    }

    /// The fingerprint of the embedder that made the site's vectors, if one did: see [`SearchOptions::vector`].
    pub fn embedder(&self) -> Option<&str> {
        Some(self.manifest.embedder.as_str()).filter(|fingerprint| !fingerprint.is_empty())
    }

    /// Whether a reranker lies in `models/`, beside the files.
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
        self.store.add(name, stored)
    }

    /// Says that the host does not have a file. Searches do without it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a name that the manifest does not hold.
    pub fn fail(&mut self, name: &str) -> Result<()> {
        self.store.fail(name)
    }

    /// The names of files that no search needs, and with which later ones say sooner what they found: the titles of
    /// all pages in a language. About 12 bytes of them are of each page.
    pub fn useful(&self, language: Option<&str>) -> Vec<String> {
        let heads = self.language(language).map(|index| &self.manifest.languages[index].heads);
        let heads = heads.into_iter().flatten().filter(|hash| self.store.lacks(**hash));
        heads.map(|hash| FileKind::Heads.file_name(*hash)).collect()
    }

    /// Searches with the files that are there. An empty query, and one without words, finds nothing.
    pub fn search(&self, query: &str, options: &SearchOptions) -> SearchResults {
        let mut absent = Absent::default();
        let mut answer = SearchResults {
            stage: Stage::Terms,
            needs: Vec::new(),
            missing: Vec::new(),
            total: 0,
            is_partial: false,
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
        let names = |files: &HashSet<(FileKind, FileHash)>| {
            let files: Vec<(FileKind, FileHash)> = files.iter().copied().collect();
            let files = sorted(&files, &|a, b| a.cmp(b));
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
        let Some(File::Texts(texts)) = self.store.file(FileKind::Texts, hash, absent) else {
            return None;
        };
        let (page, section) = texts.sections.get(id as usize - start)?;
        Some((&texts.pages[*page], section))
    }
}

/// The best sections of many, best first, of equal ones the first.
fn best(scores: &[(u32, f32)], limit: usize) -> Vec<(u32, f32)> {
    // Most are worse than the worst of the best so far, so that few are sorted.
    let mut best: Vec<(u32, f32)> = Vec::new();
    let mut least = f32::NEG_INFINITY;
    let keep = |best: &[(u32, f32)]| {
        let mut kept = sorted(best, &|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        kept.truncate(limit);
        kept
    };
    for &(section, score) in scores {
        if score >= least {
            best.push((section, score));
        }
        if best.len() >= 4 * limit.max(1) {
            best = keep(&best);
            least = best.last().map_or(least, |(_, score)| *score);
        }
    }
    keep(&best)
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

/// A section that a search found by its meaning.
struct Similar {
    section: u32,
    /// The number of the nearest passage.
    passage: u32,
    cosine: f32,
}

impl LanguageSearch<'_> {
    /// Searches, and writes what is found into the answer.
    fn run(&self, text: &str, absent: &mut Absent, answer: &mut SearchResults) {
        let options = self.options;
        let analyzer = Analyzer::new(&self.language.tag);
        let query = Query::parse(text, &analyzer);
        let mut matched = MatchedTerms::new();
        let SiteIndex { manifest, store, .. } = self.index;
        let terms = TermSearch { store, language: self.language, pages: self.pages };
        let mut by_terms = terms.scores(&query, &mut matched, absent);
        // Until all terms are there, the order means nothing, and texts would be fetched in vain.
        if !absent.needs.is_empty() {
            return;
        }
        let Some(chosen) = Chosen::new(options, manifest, store, absent) else { return };
        let allowed = |section: u32| match &chosen {
            Some(chosen) => chosen.allows(self.page(section)),
            None => true,
        };
        by_terms.retain(|(section, _)| allowed(*section));
        answer.total = by_terms.len();
        if let (Some(key), Some(chosen)) = (&options.sort, &chosen) {
            let sorted = chosen.sort(key, &by_terms, |section| self.page(section));
            return self.present(sorted, (&analyzer, &matched), &HashMap::new(), absent, answer);
        }
        let candidates = options.limit.max(MIN_CANDIDATES);
        let by_terms = best(&by_terms, candidates);
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
        answer.is_partial = true;
        for (section, score) in self.few_of_each_page(sections).take(self.options.limit) {
            let id = self.first_section + section;
            if let Some((page, found)) = self.index.section(id, absent) {
                let similar = passages.get(&section).map(|&passage| passage as usize);
                let (passage, excerpt) = excerpt(&found.passages, analyzer, matched, similar);
                answer.results.push(result(id, score, page, found, passage, excerpt));
            } else if let Some((url, title)) = self.head(section) {
                let page = PageHead { url: url.clone(), title: title.clone(), meta: Vec::new() };
                answer.results.push(result(id, score, &page, &Section::default(), 0, Vec::new()));
            } else {
                answer.is_partial = false;
            }
        }
        answer.is_partial &= !absent.needs.is_empty() && !answer.results.is_empty();
    }

    /// The number of a section's page among those of all languages.
    fn page(&self, section: u32) -> u32 {
        self.first_page + self.pages[section as usize]
    }

    /// The address and the title of a section's page, if they are there.
    fn head(&self, section: u32) -> Option<&(String, String)> {
        let page = self.pages[section as usize] as usize;
        let heads = self.index.store.heads(*self.language.heads.get(page / PAGES_OF_HEADS)?)?;
        heads.0.get(page % PAGES_OF_HEADS)
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
        let query = match self.index.embedder() {
            Some(_) => match &self.options.vector {
                Some(vector) if vector.len() == manifest.dimensions => vector.clone(),
                _ => return Vec::new(),
            },
            None => text_vector(text, manifest.dimensions, |rest| {
                let hash = file_of(&manifest.tokens, rest)?;
                match self.index.store.file(FileKind::Tokens, hash, absent) {
                    Some(File::Tokens(tokens)) => Some(tokens),
                    _ => None,
                }
            }),
        };
        let centroids = self.index.store.file(FileKind::Centroids, centroids, absent);
        let Some(File::Centroids(centroids)) = centroids else { return Vec::new() };
        if !absent.needs.is_empty() {
            return Vec::new();
        }
        let sum: f32 = query.iter().sum();
        let mut found: HashMap<u32, Similar> = HashMap::new();
        for (hash, center) in centroids.nearest(&query, PROBED_GROUPS) {
            let group = self.index.store.file(FileKind::Vectors, hash, absent);
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
        let cosines: Vec<(u32, f32)> = found.values().map(|s| (s.section, s.cosine)).collect();
        best(&cosines, limit).iter().filter_map(|(section, _)| found.remove(section)).collect()
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
    let fused = fuse_valid(&stages, &WEIGHTS);
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
