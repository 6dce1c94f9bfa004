//! The manifest, and what is in the other files. `docs/reference/site-files.md` describes them.

use super::bytes::{Damaged, Decoded, Decoder, FileHash, FileKind, decompress};
#[cfg(not(target_arch = "wasm32"))]
use super::bytes::{Encoder, compress};
use super::page::Section;
use serde::Serialize;

/// The first bytes of a manifest, and the version of all files.
const MAGIC: &[u8; 8] = b"CRSITE\x00\x03";

/// The largest numbers of sections and of elements of a vector. A search has arrays of both sizes, and a
/// manifest of a few bytes could ask for any.
const MAX_SECTIONS: usize = 1 << 24;
const MAX_DIMENSIONS: usize = 1 << 16;

/// The names of a site's files, and where what lies in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The way from the folder with the files to that with the pages.
    pub root: String,
    /// Whether a reranker lies in `models/`, beside the files.
    pub has_reranker: bool,
    /// The fingerprint of the embedder that made the vectors; empty if none did.
    pub embedder: String,
    pub languages: Vec<Language>,
    /// The files with texts, each with the number of its sections.
    pub texts: Vec<(usize, FileHash)>,
    /// The filters of pages.
    pub filters: Vec<Filter>,
    /// The file with the pages of filters and sort keys.
    pub facets: Option<FileHash>,
    /// The number of elements of vectors; 0 if there are none.
    pub dimensions: usize,
    /// The files with the vectors of tokens, each with its first token, ascending. None if an embedder made
    /// the vectors.
    pub tokens: Vec<(String, FileHash)>,
}

/// A filter of pages, such as the version that a page is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Filter {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<FilterValue>,
}

/// A value of a filter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FilterValue {
    /// The value.
    pub value: String,
    /// The number of its pages.
    pub count: usize,
}

/// The search of the pages in one language. Its sections have adjacent numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Language {
    pub tag: String,
    /// The number of sections.
    pub sections: usize,
    /// The numbers of sections of the pages.
    pub pages: Vec<usize>,
    /// The files with the heads of pages, [`PAGES_OF_HEADS`] in each.
    pub heads: Vec<FileHash>,
    /// The files with terms, each with its first term, ascending.
    pub terms: Vec<(String, FileHash)>,
    /// The files with frequent terms, for words with a typo, each with its first term, ascending.
    pub lexicon: Vec<(String, FileHash)>,
    /// The same terms, each from its end to its beginning.
    pub reversed_lexicon: Vec<(String, FileHash)>,
    /// The file with the groups of vectors.
    pub centroids: Option<FileHash>,
}

impl Manifest {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.text(&self.root);
        encoder.number(self.has_reranker.into());
        encoder.text(&self.embedder);
        encoder.number(self.languages.len());
        for language in &self.languages {
            encoder.text(&language.tag);
            encoder.number(language.sections);
            encoder.number(language.pages.len());
            language.pages.iter().for_each(|sections| encoder.number(*sections));
            encoder.number(language.heads.len());
            language.heads.iter().for_each(|hash| encoder.bytes(&hash.0));
            encode_sorted(&mut encoder, &language.terms);
            encode_sorted(&mut encoder, &language.lexicon);
            encode_sorted(&mut encoder, &language.reversed_lexicon);
            encode_optional(&mut encoder, language.centroids);
        }
        encoder.number(self.texts.len());
        self.texts.iter().for_each(|(sections, _)| encoder.number(*sections));
        self.texts.iter().for_each(|(_, hash)| encoder.bytes(&hash.0));
        encoder.number(self.filters.len());
        for Filter { name, values } in &self.filters {
            encoder.text(name);
            encoder.number(values.len());
            for FilterValue { value, count } in values {
                encoder.text(value);
                encoder.number(*count);
            }
        }
        encode_optional(&mut encoder, self.facets);
        encoder.number(self.dimensions);
        encode_sorted(&mut encoder, &self.tokens);
        [MAGIC, &compress(&encoder.0)[..]].concat()
    }

    /// Reads a manifest. `None` for what is not one, or is one of another version.
    pub fn decode(stored: &[u8]) -> Option<Manifest> {
        let content = decompress(stored.strip_prefix(MAGIC)?).ok()?;
        Manifest::decode_content(&content).ok()
    }

    fn decode_content(content: &[u8]) -> Decoded<Manifest> {
        let mut decoder = Decoder(content);
        let mut manifest = Manifest {
            root: decoder.text()?,
            has_reranker: decoder.number()? != 0,
            embedder: decoder.text()?,
            ..Manifest::default()
        };
        for _ in 0..decoder.count()? {
            let language = Language {
                tag: decoder.text()?,
                sections: decoder.number()?,
                pages: (0..decoder.count()?).map(|_| decoder.number()).collect::<Decoded<_>>()?,
                heads: (0..decoder.count()?)
                    .map(|_| FileHash::decode(&mut decoder))
                    .collect::<Decoded<_>>()?,
                terms: decode_sorted(&mut decoder)?,
                lexicon: decode_sorted(&mut decoder)?,
                reversed_lexicon: decode_sorted(&mut decoder)?,
                centroids: decode_optional(&mut decoder)?,
            };
            let in_pages = language.pages.iter().try_fold(0usize, |sum, n| sum.checked_add(*n));
            if in_pages != Some(language.sections) {
                return Err(Damaged);
            }
            manifest.languages.push(language);
        }
        let counts =
            (0..decoder.count()?).map(|_| decoder.number()).collect::<Decoded<Vec<_>>>()?;
        for sections in counts {
            manifest.texts.push((sections, FileHash::decode(&mut decoder)?));
        }
        for _ in 0..decoder.count()? {
            let (name, count) = (decoder.text()?, decoder.count()?);
            let value = |_| Ok(FilterValue { value: decoder.text()?, count: decoder.number()? });
            let values = (0..count).map(value);
            let values = values.collect::<Decoded<_>>()?;
            manifest.filters.push(Filter { name, values });
        }
        manifest.facets = decode_optional(&mut decoder)?;
        manifest.dimensions = decoder.number()?;
        if manifest.dimensions > MAX_DIMENSIONS {
            return Err(Damaged);
        }
        manifest.tokens = decode_sorted(&mut decoder)?;
        decoder.end()?;
        let in_texts = manifest.texts.iter().try_fold(0usize, |sum, text| sum.checked_add(text.0));
        let in_languages =
            manifest.languages.iter().try_fold(0usize, |sum, l| sum.checked_add(l.sections));
        match in_texts {
            Some(sections) if in_texts == in_languages && sections <= MAX_SECTIONS => Ok(manifest),
            _ => Err(Damaged),
        }
    }

    /// All files but those that others name: the groups of vectors.
    pub fn files(&self) -> impl Iterator<Item = (FileKind, FileHash)> {
        let languages = self.languages.iter().flat_map(|language| {
            let terms = language.terms.iter().map(|(_, hash)| (FileKind::Terms, *hash));
            let lexicons = language.lexicon.iter().chain(&language.reversed_lexicon);
            terms
                .chain(language.heads.iter().map(|hash| (FileKind::Heads, *hash)))
                .chain(lexicons.map(|(_, hash)| (FileKind::Lexicon, *hash)))
                .chain(language.centroids.map(|hash| (FileKind::Centroids, hash)))
        });
        let texts = self.texts.iter().map(|(_, hash)| (FileKind::Texts, *hash));
        let tokens = self.tokens.iter().map(|(_, hash)| (FileKind::Tokens, *hash));
        let facets = self.facets.map(|hash| (FileKind::Facets, hash));
        languages.chain(texts).chain(facets).chain(tokens)
    }
}

/// Appends files that are found by the first text of each, ascending.
#[cfg(not(target_arch = "wasm32"))]
fn encode_sorted(encoder: &mut Encoder, files: &[(String, FileHash)]) {
    encoder.number(files.len());
    let mut before = "";
    for (first, hash) in files {
        encoder.text_after(before, first);
        encoder.bytes(&hash.0);
        before = first;
    }
}

fn decode_sorted(decoder: &mut Decoder) -> Decoded<Vec<(String, FileHash)>> {
    let mut files: Vec<(String, FileHash)> = Vec::new();
    for _ in 0..decoder.count()? {
        let first = decoder.text_after(files.last().map_or("", |(first, _)| first))?;
        files.push((first, FileHash::decode(decoder)?));
    }
    Ok(files)
}

/// The files among sorted ones that may hold texts with a beginning.
pub fn files_with_prefix<'f>(
    files: &'f [(String, FileHash)],
    prefix: &str,
) -> &'f [(String, FileHash)] {
    let start = files.partition_point(|(first, _)| first.as_str() <= prefix).saturating_sub(1);
    let more = files.iter().skip(start + 1).take_while(|(first, _)| first.starts_with(prefix));
    &files[start..files.len().min(start + 1 + more.count())]
}

/// The file among sorted ones that holds a text if any does.
pub fn file_of(files: &[(String, FileHash)], text: &str) -> Option<FileHash> {
    let after = files.partition_point(|(first, _)| first.as_str() <= text);
    Some(files[after.checked_sub(1)?].1)
}

#[cfg(not(target_arch = "wasm32"))]
fn encode_optional(encoder: &mut Encoder, hash: Option<FileHash>) {
    encoder.number(hash.is_some().into());
    hash.into_iter().for_each(|hash| encoder.bytes(&hash.0));
}

fn decode_optional(decoder: &mut Decoder) -> Decoded<Option<FileHash>> {
    Ok(match decoder.number()? {
        0 => None,
        _ => Some(FileHash::decode(decoder)?),
    })
}

/// A section that holds a term, and how much the term says about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posting {
    /// The number of the section among those of its language.
    pub section: u32,
    /// The part of BM25 that depends on the section, from 1 to [`MAX_LEVEL`].
    pub level: u8,
}

pub const MAX_LEVEL: u8 = 63;

/// The content of a file with terms.
pub struct Terms {
    content: Vec<u8>,
    /// The terms, ascending, each with the number of its sections, and where its postings begin.
    entries: Vec<(String, u32, usize)>,
}

impl Terms {
    /// The content of a file with these terms, ascending. The second number is that of all sections with
    /// the term, of which the file may hold only some.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn encode<'a>(
        terms: impl Iterator<Item = (&'a str, usize, &'a [Posting])> + Clone,
    ) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.number(terms.clone().count());
        let mut before = "";
        for (term, count, postings) in terms.clone() {
            encoder.text_after(before, term);
            encoder.number(count);
            encoder.number(postings.len());
            before = term;
        }
        for (_, _, postings) in terms {
            let mut next = 0;
            for posting in postings {
                encoder.number((posting.section - next) as usize);
                next = posting.section + 1;
            }
            postings.iter().for_each(|posting| encoder.bytes(&[posting.level]));
        }
        encoder.0
    }

    pub fn decode(content: Vec<u8>) -> Decoded<Terms> {
        let mut decoder = Decoder(&content);
        let (mut entries, mut stored) = (Vec::new(), Vec::new());
        for _ in 0..decoder.count()? {
            let before = entries.last().map_or("", |(term, _, _): &(String, u32, usize)| term);
            let term = decoder.text_after(before)?;
            entries.push((term, decoder.number()? as u32, 0));
            stored.push(decoder.count()?);
        }
        for (entry, count) in entries.iter_mut().zip(stored) {
            entry.2 = content.len() - decoder.0.len();
            for _ in 0..count {
                decoder.number()?;
            }
            decoder.bytes(count)?;
        }
        decoder.end()?;
        Ok(Terms { content, entries })
    }

    /// The terms with a beginning, each with the number of its sections.
    pub fn with_prefix<'t>(&'t self, prefix: &'t str) -> impl Iterator<Item = (&'t str, u32)> {
        let start = self.entries.partition_point(|(term, _, _)| term.as_str() < prefix);
        let entries = self.entries[start..].iter();
        entries
            .take_while(move |(term, _, _)| term.starts_with(prefix))
            .map(|(term, count, _)| (term.as_str(), *count))
    }

    /// The number of sections with a term.
    pub fn count(&self, term: &str) -> Option<u32> {
        self.find(term).map(|index| self.entries[index].1)
    }

    fn find(&self, term: &str) -> Option<usize> {
        self.entries.binary_search_by(|(there, _, _)| there.as_str().cmp(term)).ok()
    }

    pub fn postings(&self, term: &str) -> Vec<Posting> {
        let Some(index) = self.find(term) else { return Vec::new() };
        let start = self.entries[index].2;
        let end = self.entries.get(index + 1).map_or(self.content.len(), |entry| entry.2);
        let bytes = &self.content[start..end];
        let mut decoder = Decoder(bytes);
        let (mut postings, mut next) = (Vec::new(), 0u32);
        // Each section takes one byte of level behind all of them.
        while postings.len() < decoder.0.len() {
            let Ok(step) = decoder.number() else { break };
            let section = next.wrapping_add(step as u32);
            next = section.wrapping_add(1);
            postings.push(Posting { section, level: 0 });
        }
        for (posting, &level) in postings.iter_mut().zip(decoder.0) {
            posting.level = level;
        }
        postings
    }
}

/// The content of a file with frequent terms: each with the number of its sections.
pub struct Lexicon(pub Vec<(String, u32)>);

impl Lexicon {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.number(self.0.len());
        let mut before = "";
        for (term, count) in &self.0 {
            encoder.text_after(before, term);
            encoder.number(*count as usize);
            before = term;
        }
        encoder.0
    }

    pub fn decode(content: &[u8]) -> Decoded<Lexicon> {
        let mut decoder = Decoder(content);
        let mut terms: Vec<(String, u32)> = Vec::new();
        for _ in 0..decoder.count()? {
            let term = decoder.text_after(terms.last().map_or("", |(term, _)| term))?;
            terms.push((term, decoder.number()? as u32));
        }
        decoder.end()?;
        Ok(Lexicon(terms))
    }
}

/// The content of the file with the pages of filters and sort keys. Pages are numbered from 0 in the order of
/// languages and addresses.
#[derive(Debug, Default, PartialEq)]
pub struct Facets {
    /// For each filter and each of its values, in the order of the manifest, its pages, ascending.
    pub filters: Vec<Vec<Vec<u32>>>,
    /// The names of sort keys, with the ranks of the values of pages, ascending by page.
    pub sorts: Vec<(String, Vec<(u32, u32)>)>,
}

impl Facets {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.number(self.filters.len());
        for values in &self.filters {
            encoder.number(values.len());
            for pages in values {
                encoder.number(pages.len());
                let mut before = 0;
                for &page in pages {
                    encoder.number((page - before) as usize);
                    before = page;
                }
            }
        }
        encoder.number(self.sorts.len());
        for (name, values) in &self.sorts {
            encoder.text(name);
            encoder.number(values.len());
            let mut before = 0;
            for (page, rank) in values {
                encoder.number((page - before) as usize);
                encoder.number(*rank as usize);
                before = *page;
            }
        }
        encoder.0
    }

    pub fn decode(content: &[u8]) -> Decoded<Facets> {
        let mut decoder = Decoder(content);
        let mut facets = Facets::default();
        let next = |before: &mut u32, decoder: &mut Decoder| {
            let step = u32::try_from(decoder.number()?).map_err(|_| Damaged)?;
            *before = before.checked_add(step).ok_or(Damaged)?;
            Ok(*before)
        };
        for _ in 0..decoder.count()? {
            let mut values = Vec::new();
            for _ in 0..decoder.count()? {
                let mut before = 0;
                let pages = (0..decoder.count()?).map(|_| next(&mut before, &mut decoder));
                values.push(pages.collect::<Decoded<_>>()?);
            }
            facets.filters.push(values);
        }
        for _ in 0..decoder.count()? {
            let (name, mut before, mut values) = (decoder.text()?, 0, Vec::new());
            for _ in 0..decoder.count()? {
                values.push((next(&mut before, &mut decoder)?, decoder.number()? as u32));
            }
            facets.sorts.push((name, values));
        }
        decoder.end()?;
        Ok(facets)
    }
}

/// The number of pages in a file with heads.
pub const PAGES_OF_HEADS: usize = 1024;

/// The content of a file with heads of pages: their addresses and titles, which are what results show before
/// their texts are there.
#[derive(Debug, PartialEq)]
pub struct Heads(pub Vec<(String, String)>);

impl Heads {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.number(self.0.len());
        let mut before = "";
        for (url, title) in &self.0 {
            encoder.text_after(before, url);
            encoder.text(title);
            before = url;
        }
        encoder.0
    }

    pub fn decode(content: &[u8]) -> Decoded<Heads> {
        let mut decoder = Decoder(content);
        let mut pages: Vec<(String, String)> = Vec::new();
        for _ in 0..decoder.count()? {
            let url = decoder.text_after(pages.last().map_or("", |(url, _)| url))?;
            pages.push((url, decoder.text()?));
        }
        decoder.end()?;
        Ok(Heads(pages))
    }
}

/// What results show of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageHead {
    pub url: String,
    pub title: String,
    pub meta: Vec<(String, String)>,
}

/// The content of a file with texts: sections, each with the index of its page.
#[derive(Debug, Default, PartialEq)]
pub struct Texts {
    pub pages: Vec<PageHead>,
    pub sections: Vec<(usize, Section)>,
}

impl Texts {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.number(self.pages.len());
        for page in &self.pages {
            encoder.text(&page.url);
            encoder.text(&page.title);
            encoder.number(page.meta.len());
            for (name, value) in &page.meta {
                encoder.text(name);
                encoder.text(value);
            }
        }
        encoder.number(self.sections.len());
        for (page, section) in &self.sections {
            encoder.number(*page);
            section.encode(&mut encoder);
        }
        encoder.0
    }

    pub fn decode(content: &[u8]) -> Decoded<Texts> {
        let mut decoder = Decoder(content);
        let mut texts = Texts::default();
        for _ in 0..decoder.count()? {
            let mut page =
                PageHead { url: decoder.text()?, title: decoder.text()?, meta: Vec::new() };
            for _ in 0..decoder.count()? {
                page.meta.push((decoder.text()?, decoder.text()?));
            }
            texts.pages.push(page);
        }
        for _ in 0..decoder.count()? {
            let page = decoder.number()?;
            if page >= texts.pages.len() {
                return Err(Damaged);
            }
            texts.sections.push((page, Section::decode(&mut decoder)?));
        }
        decoder.end()?;
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(sections: usize, dimensions: usize) -> Manifest {
        let language =
            Language { tag: "en".into(), sections, pages: vec![sections], ..Language::default() };
        let texts = vec![(sections, FileHash([1; 5]))];
        Manifest { languages: vec![language], texts, dimensions, ..Manifest::default() }
    }

    #[test]
    fn a_manifest_of_a_few_bytes_asks_for_no_more_memory_than_a_large_site() {
        for (sections, dimensions, fits) in [
            (MAX_SECTIONS - 1, MAX_DIMENSIONS - 1, true),
            (MAX_SECTIONS, MAX_DIMENSIONS, true),
            (MAX_SECTIONS + 1, 0, false),
            (u32::MAX as usize, 0, false),
            (1, MAX_DIMENSIONS + 1, false),
            (1, usize::MAX, false),
        ] {
            let manifest = manifest(sections, dimensions);
            let read = Manifest::decode(&manifest.encode());
            assert_eq!(read, fits.then_some(manifest), "{sections} sections");
        }
    }
}
