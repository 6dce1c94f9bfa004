//! The files of a site's search. Their names hold hashes, which are made right.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use arbitrary::Arbitrary;
use crossrank::site::{
    BuildOptions, Page, SearchOptions, SiteFiles, SiteIndex, SiteVectors, SortKey, TokenVectors,
};
use crossrank::{Embedder, EmbedderOptions, ErrorKind};
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec;
use sha2::{Digest, Sha256};

use super::decode;
use super::model::files;

#[derive(Arbitrary, Debug)]
struct Changed {
    site: bool,
    files: Vec<(u8, Vec<Edit>)>,
    manifest: Vec<Edit>,
    query: String,
    limit: u8,
    logits: Vec<(u16, f32)>,
    filter: u8,
    failed: u8,
}

#[derive(Arbitrary, Debug)]
enum Edit {
    Byte(u16, u8),
    Insert(u16, Vec<u8>),
    Remove(u16, u8),
    /// A number that takes several bytes.
    Number(u16, u32),
    Cut(u16),
    All(Vec<u8>),
}

/// What is before a manifest's content, the content, and that of the files by the hashes that the manifest holds.
struct Site {
    magic: [u8; 8],
    manifest: Vec<u8>,
    files: BTreeMap<[u8; 5], (String, Vec<u8>)>,
}

pub fn run(data: &[u8]) {
    let Some(changed) = decode::<Changed>(data) else { return };
    let site = &sites()[usize::from(changed.site)];
    let mut manifest = site.manifest.clone();
    changed.manifest.iter().take(4).for_each(|edit| edit.apply(&mut manifest));
    let mut contents: Vec<_> =
        site.files.iter().map(|(hash, (_, content))| (*hash, content.clone())).collect();
    for (which, edits) in changed.files.iter().take(4) {
        let count = contents.len();
        let content = &mut contents[usize::from(*which) % count].1;
        edits.iter().take(4).for_each(|edit| edit.apply(content));
    }
    // A file of centroids holds the hashes of others, so that each is renamed in all.
    let mut files = BTreeMap::new();
    for i in 0..contents.len() {
        let (old, content) = contents[i].clone();
        let stored = compress_to_vec(&content, 1);
        let new = hash(&stored);
        replace(&mut manifest, old, new);
        contents.iter_mut().skip(i + 1).for_each(|(_, content)| replace(content, old, new));
        files.insert(new, stored);
    }
    let manifest = [&site.magic[..], &compress_to_vec(&manifest, 1)].concat();
    match SiteIndex::new(&manifest) {
        Ok(mut index) => search(&mut index, &files, &changed),
        Err(error) => {
            let is_changed = !changed.manifest.is_empty();
            assert!(is_changed, "the files of a build are refused: {error}");
            assert!(
                [ErrorKind::InvalidInput, ErrorKind::NeedsGeneral].contains(&error.kind()),
                "{error}"
            );
        }
    }
    // What is stored may be damaged too.
    let stored = &changed.manifest.iter().fold(manifest, |mut stored, edit| {
        edit.apply(&mut stored);
        stored
    });
    drop(SiteIndex::new(stored));
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let at = |at: &u16| usize::from(*at) % (length + 1);
        match self {
            Edit::Byte(place, byte) => {
                bytes.get_mut(at(place)).into_iter().for_each(|b| *b = *byte)
            }
            Edit::Insert(place, more) => {
                drop(bytes.splice(at(place)..at(place), more.iter().copied()))
            }
            Edit::Remove(place, count) => {
                let end = (at(place) + usize::from(*count)).min(length);
                bytes.drain(at(place)..end);
            }
            Edit::Number(place, number) => {
                let (mut encoded, mut rest) = (Vec::new(), *number);
                while rest >= 0x80 {
                    encoded.push(rest as u8 | 0x80);
                    rest >>= 7;
                }
                encoded.push(rest as u8);
                let end = (at(place) + 1).min(length);
                bytes.splice(at(place)..end, encoded);
            }
            Edit::Cut(place) => bytes.truncate(at(place)),
            Edit::All(content) => bytes.clone_from(content),
        }
    }
}

fn search(index: &mut SiteIndex, files: &BTreeMap<[u8; 5], Vec<u8>>, changed: &Changed) {
    let mut options = SearchOptions::default();
    options.limit = changed.limit.into();
    options.vectors = true;
    options.logits =
        changed.logits.iter().take(20).map(|&(id, logit)| (id.into(), logit)).collect();
    if changed.filter & 1 == 1 {
        options.filters.insert("kind".into(), vec!["guide".into(), "other".into()]);
    }
    if changed.filter & 2 == 2 {
        options.sort = Some(SortKey { name: "date".into(), descending: changed.filter & 4 == 4 });
    }
    for query in ["stripes of a zebra", "zebr", "strpies", "Löwe", &changed.query] {
        // Each round adds a file, or says that there is none.
        for round in 0.. {
            let found = index.search(query, &options);
            assert!(found.results.len() <= options.limit);
            assert!(found.results.iter().all(|result| !result.score.is_nan()));
            let Some(name) = found.needs.first() else { break };
            assert!(round < 100, "{name} is needed again and again");
            let hash = name.split(['-', '.']).nth(1).unwrap();
            let hash =
                std::array::from_fn(|i| u8::from_str_radix(&hash[2 * i..2 * i + 2], 16).unwrap());
            let stored = files.get(&hash).filter(|_| hash[0] % 8 != changed.failed);
            let added = stored.is_some_and(|stored| match index.add(name, stored) {
                Ok(()) => true,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                    false
                }
            });
            if !added {
                index.fail(name).expect("the index asked for it");
            }
        }
    }
}

fn hash(stored: &[u8]) -> [u8; 5] {
    *Sha256::digest(stored).first_chunk().unwrap()
}

fn replace(content: &mut [u8], old: [u8; 5], new: [u8; 5]) {
    if let Some(at) = content.windows(5).position(|window| window == old) {
        content[at..at + 5].copy_from_slice(&new);
    }
}

/// A site without vectors, and one with some.
fn sites() -> &'static [Site; 2] {
    static SITES: OnceLock<[Site; 2]> = OnceLock::new();
    SITES.get_or_init(|| {
        let embedder =
            Embedder::from_files(&files("embedders/bert"), EmbedderOptions::default()).unwrap();
        let vectors = TokenVectors::distill(&embedder, 8, "").unwrap();
        [None, Some(&vectors)].map(|vectors| {
            let mut options = BuildOptions::default();
            options.vectors = vectors.map(SiteVectors::Tokens);
            let built = SiteFiles::build(pages(), &options).unwrap();
            let (magic, manifest) = built.manifest.split_first_chunk().unwrap();
            let manifest = decompress_to_vec(manifest).unwrap();
            let mut files = BTreeMap::new();
            for (name, stored) in built.files {
                files.insert(hash(&stored), (name, decompress_to_vec(&stored).unwrap()));
            }
            Site { magic: *magic, manifest, files }
        })
    })
}

fn pages() -> Vec<Page> {
    let page = |i: usize| {
        let (language, topic) =
            [("en", "A zebra has stripes"), ("de", "Ein Löwe hat eine Mähne")][i % 2];
        let html = format!(
            "<html lang={language}><title>Page {i}</title><main><p data-crossrank-filter='kind:guide'>\
             <time data-pagefind-sort='date' data-pagefind-meta='date'>2024-01-{i:02}</time>\
             <h1 id=a>Page {i}</h1><p>{topic}.<h2 id=b>More {topic}</h2><p>{}</main>",
            "Words about it. ".repeat(i)
        );
        Page::parse(&format!("{i}.html"), html.as_bytes())
    };
    (0..8).filter_map(page).collect()
}
