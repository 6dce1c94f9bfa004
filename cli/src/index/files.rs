//! Which files there are to index.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use walkdir::{DirEntry, WalkDir};

use super::problems::Problems;
use crate::{CliError, io};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Markdown,
    Html,
    Jsonl,
}

/// A file to index.
pub struct Found {
    pub path: PathBuf,
    pub kind: Kind,
    pub size: u64,
    /// When it changed, in nanoseconds since 1970; 0 where it is so fresh that it may change again
    /// within the clock's grain.
    pub modified: i64,
}

/// What there is under a folder, or the one file.
pub struct Tree {
    pub files: Vec<Found>,
    /// Folders that could not be read, and files that cannot be looked at: what the index has of
    /// them stays.
    pub unread: Vec<PathBuf>,
}

/// Finds the files under `root`, which is absolute and without links, in the order of their
/// names; hidden ones are left out, and the index itself.
pub fn walk(root: &Path, index: &Path, problems: &mut Problems) -> Result<Tree, CliError> {
    let mut tree = Tree { files: Vec::new(), unread: Vec::new() };
    let journal = PathBuf::from(format!("{}-journal", index.display()));
    let is_index = |path: &Path| path == index || path == journal;
    let mut entries = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(root).to_owned();
                problems.add(&path, reason(&error));
                tree.unread.push(path);
                continue;
            }
        };
        if entry.depth() > 0 && (is_hidden(&entry) || leads_back(&entry, root, problems)) {
            if entry.file_type().is_dir() {
                entries.skip_current_dir();
            }
            continue;
        }
        if entry.file_type().is_dir() || is_index(entry.path()) {
            continue;
        }
        match entry.metadata() {
            _ if entry.path().to_str().is_none() => {
                problems.add(entry.path(), "its name is not UTF-8; rename it");
            }
            Ok(metadata) if !metadata.is_file() => {
                problems.add(entry.path(), "not a file with content");
            }
            Ok(metadata) => tree.files.push(found(entry.into_path(), &metadata)),
            Err(error) => {
                problems.add(entry.path(), reason(&error));
                tree.unread.push(entry.into_path());
            }
        }
    }
    Ok(tree)
}

/// The absolute path without links.
pub fn canonical(path: &Path) -> Result<PathBuf, CliError> {
    path.canonicalize().map_err(io(format!("cannot read {}", path.display())))
}

fn found(path: PathBuf, metadata: &Metadata) -> Found {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let kind = match extension.to_ascii_lowercase().as_str() {
        "md" | "markdown" => Kind::Markdown,
        "html" | "htm" | "xhtml" => Kind::Html,
        "jsonl" | "ndjson" => Kind::Jsonl,
        _ => Kind::Text,
    };
    const GRAIN: Duration = Duration::from_secs(2);
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let settled = SystemTime::now().duration_since(modified).is_ok_and(|age| age > GRAIN);
    let nanoseconds = modified.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as i64);
    Found { kind, size: metadata.len(), modified: if settled { nanoseconds } else { 0 }, path }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether an entry is a link to what is indexed by its own name, or to a folder around it: links
/// in a circle, for one.
fn leads_back(entry: &DirEntry, root: &Path, problems: &mut Problems) -> bool {
    if !entry.path_is_symlink() {
        return false;
    }
    let Ok(target) = entry.path().canonicalize() else { return false };
    let back = target.starts_with(root) || root.starts_with(&target);
    if back {
        problems.add(entry.path(), format!("a link back to {}", target.display()));
    }
    back
}

fn reason(error: &walkdir::Error) -> String {
    match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => format!("a link back to {}", ancestor.display()),
        (None, Some(error)) => format!("cannot be read ({error})"),
        (None, None) => "cannot be read".into(),
    }
}
