//! What was read of pages, so that those that did not change are not read again.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use crossrank::site::Page;

use super::pages::PageFile;
use crate::error::{CliError, io};
use crate::replace::replace;
use crate::user_cache;

/// The pages by their addresses, each with the size and the time of its file.
pub struct PageCache {
    path: Option<PathBuf>,
    pages: HashMap<String, CachedPage>,
}

struct CachedPage {
    size: u64,
    modified: u64,
    /// `None` for a page that is not to be found.
    page: Option<Page>,
}

/// The first bytes of the file. What pages are read into may change with each version.
const HEAD: &str = concat!("crossrank site pages 1 ", env!("CARGO_PKG_VERSION"), "\n");

impl PageCache {
    /// The cache for a folder of pages. It is empty if there is none or it is damaged.
    pub fn open(folder: &Path) -> PageCache {
        let mut hasher = DefaultHasher::new();
        folder.hash(&mut hasher);
        let name = format!("{:016x}.pages", hasher.finish());
        let path = user_cache::folder().map(|cache| cache.join("site").join(name));
        let stored = path.as_ref().and_then(|path| fs::read(path).ok()).unwrap_or_default();
        PageCache { path, pages: decode(&stored).unwrap_or_default() }
    }

    /// What was read of a page, if the file did not change since.
    pub fn take(&mut self, file: &PageFile) -> Option<Option<Page>> {
        let there = self.pages.get(&file.url)?;
        let is_same =
            file.modified != 0 && (there.size, there.modified) == (file.size, file.modified);
        if is_same { self.pages.remove(&file.url).map(|there| there.page) } else { None }
    }

    /// Replaces the cache. Pages whose files may still change are left out.
    pub fn write<'p>(
        &self,
        pages: impl Iterator<Item = (&'p PageFile, Option<&'p Page>)>,
    ) -> Result<(), CliError> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut content = HEAD.as_bytes().to_vec();
        for (file, page) in pages.filter(|(file, _)| file.modified != 0) {
            let page = page.map(Page::to_bytes).unwrap_or_default();
            content.extend(file.size.to_le_bytes());
            content.extend(file.modified.to_le_bytes());
            for part in [file.url.as_bytes(), &page] {
                content.extend((part.len() as u64).to_le_bytes());
                content.extend(part);
            }
        }
        let what = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io(what()))?;
        }
        replace(path, |_, mut file| file.write_all(&content).map_err(io(what())))
    }
}

fn decode(stored: &[u8]) -> Option<HashMap<String, CachedPage>> {
    let mut rest = stored.strip_prefix(HEAD.as_bytes())?;
    let mut pages = HashMap::new();
    while !rest.is_empty() {
        let size = number(&mut rest)?;
        let modified = number(&mut rest)?;
        let url = String::from_utf8(part(&mut rest)?.to_vec()).ok()?;
        let page = match part(&mut rest)? {
            [] => None,
            page => Some(Page::from_bytes(page)?),
        };
        pages.insert(url, CachedPage { size, modified, page });
    }
    Some(pages)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_le_bytes(*number))
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(rest)?).ok()?;
    let (part, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(part)
}
