//! Finds the pages of a site.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use walkdir::WalkDir;

use crate::diagnostics::Diagnostics;

/// A page to read.
pub struct PageFile {
    pub path: PathBuf,
    /// Its address, relative to the site's folder.
    pub url: String,
    pub size: u64,
    /// The time of its last change in nanoseconds; 0 if it is so new that it may change again within the
    /// resolution of the clock.
    pub modified: u64,
}

/// The pages in a folder, by their addresses. Links are not followed: what lies outside the folder must
/// not become public, and what lies in it is found without them.
pub fn find(folder: &Path, output: &Path, diagnostics: &mut Diagnostics) -> Vec<PageFile> {
    let mut pages = Vec::new();
    let mut entries = WalkDir::new(folder).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                let reason = error.io_error().map(ToString::to_string).unwrap_or_default();
                diagnostics.report_path(&path, format_args!("cannot be read ({reason})"));
                continue;
            }
        };
        let name = entry.file_name().as_encoded_bytes();
        let is_inside = entry.depth() > 0;
        if entry.file_type().is_dir() {
            if is_inside && (name.starts_with(b".") || entry.path() == output) {
                entries.skip_current_dir();
            }
            continue;
        }
        if !is_page(entry.path()) {
            continue;
        }
        if entry.path_is_symlink() {
            diagnostics.report_path(entry.path(), "a link, which is not followed; copy the page");
            continue;
        }
        let url = entry.path().strip_prefix(folder).ok().and_then(url_of);
        match (url, entry.metadata()) {
            (None, _) => {
                diagnostics.report_path(entry.path(), "its name is not UTF-8; rename it");
            }
            (_, Err(error)) => {
                diagnostics.report_path(entry.path(), format_args!("cannot be read ({error})"));
            }
            (Some(url), Ok(metadata)) if metadata.is_file() => {
                let (size, modified) = (metadata.len(), modified(&metadata));
                pages.push(PageFile { path: entry.into_path(), url, size, modified });
            }
            _ => diagnostics.report_path(entry.path(), "not a file with content"),
        }
    }
    pages
}

fn is_page(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ["html", "htm", "xhtml"].iter().any(|page| extension.eq_ignore_ascii_case(page))
}

/// The address of a page: its path, in which characters that an address cannot hold are escaped. That of
/// an `index.html` is its folder.
fn url_of(path: &Path) -> Option<String> {
    let parts = path.iter().map(|part| part.to_str()).collect::<Option<Vec<_>>>()?;
    let path = match parts.split_last()? {
        (&"index.html", folders) => folders.iter().map(|folder| format!("{folder}/")).collect(),
        _ => parts.join("/"),
    };
    let mut url = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => url.push(byte.into()),
            b'-' | b'.' | b'_' | b'~' | b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*'
            | b'+' | b',' | b';' | b'=' | b'@' => url.push(byte.into()),
            _ => url += &format!("%{byte:02X}"),
        }
    }
    Some(url)
}

fn modified(metadata: &Metadata) -> u64 {
    /// File systems keep times with a resolution of up to two seconds.
    const CLOCK_RESOLUTION: Duration = Duration::from_secs(2);
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let age = SystemTime::now().duration_since(modified);
    match age.is_ok_and(|age| age > CLOCK_RESOLUTION) {
        true => modified.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64),
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped() {
        for (path, url) in [
            ("a/b.html", "a/b.html"),
            ("index.html", ""),
            ("a/index.html", "a/"),
            ("a b/50%#?.html", "a%20b/50%25%23%3F.html"),
            ("x:y.html", "x%3Ay.html"),
            ("é.html", "%C3%A9.html"),
        ] {
            assert_eq!(url_of(Path::new(path)).as_deref(), Some(url));
        }
    }
}
