//! Finds the files to index.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossrank::index::{FileStamp, Format};
use walkdir::{DirEntry, WalkDir};

use super::diagnostics::Diagnostics;
use crate::error::{CliError, io};

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// The file is one document.
    Document(Format),
    /// Each line is a document.
    JsonLines,
}

/// A file to index.
pub struct SourceFile {
    pub path: PathBuf,
    pub format: FileFormat,
    /// The time of the last change is 0 if the file is so new that it may change again within the
    /// resolution of the clock.
    pub stamp: FileStamp,
}

/// The files under a folder, or a single file.
pub struct SourceTree {
    pub files: Vec<SourceFile>,
    /// Folders and files that could not be read. What the index holds of them stays.
    pub unreadable: Vec<PathBuf>,
}

/// Finds the files under `root` in the order of their names, without hidden files and without the
/// index itself. `root` and `index` are absolute paths without links.
pub fn walk(root: &Path, index: &Path, diagnostics: &mut Diagnostics) -> SourceTree {
    let mut tree = SourceTree { files: Vec::new(), unreadable: Vec::new() };
    let journal = PathBuf::from(format!("{}-journal", index.display()));
    let is_index = |path: &Path| path == index || path == journal;
    let mut entries = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(root).to_owned();
                diagnostics.report_path(&path, reason(&error));
                tree.unreadable.push(path);
                continue;
            }
        };
        if entry.depth() > 0 && (is_hidden(&entry) || leads_back(&entry, root, diagnostics)) {
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
                diagnostics.report_path(entry.path(), "its name is not UTF-8; rename it");
            }
            Ok(metadata) if !metadata.is_file() => {
                diagnostics.report_path(entry.path(), "not a file with content");
            }
            Ok(metadata) => tree.files.push(source_file(entry.into_path(), &metadata)),
            Err(error) => {
                diagnostics.report_path(entry.path(), reason(&error));
                tree.unreadable.push(entry.into_path());
            }
        }
    }
    tree
}

/// The absolute path of a file, without links.
pub fn canonical(path: &Path) -> Result<PathBuf, CliError> {
    path.canonicalize().map_err(io(format!("cannot read {}", path.display())))
}

fn source_file(path: PathBuf, metadata: &Metadata) -> SourceFile {
    /// File systems keep times with a resolution of up to two seconds.
    const CLOCK_RESOLUTION: Duration = Duration::from_secs(2);
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let format = match extension.to_ascii_lowercase().as_str() {
        "jsonl" | "ndjson" => FileFormat::JsonLines,
        _ => FileFormat::Document(Format::of_path(&path)),
    };
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let age = SystemTime::now().duration_since(modified);
    let is_settled = age.is_ok_and(|age| age > CLOCK_RESOLUTION);
    let nanoseconds = modified.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as i64);
    let modified = if is_settled { nanoseconds } else { 0 };
    SourceFile { format, stamp: FileStamp { size: metadata.len(), modified }, path }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether an entry is a link to a file or folder under `root`, which is indexed by its own name, or
/// to a folder around `root`.
fn leads_back(entry: &DirEntry, root: &Path, diagnostics: &mut Diagnostics) -> bool {
    if !entry.path_is_symlink() {
        return false;
    }
    let Ok(target) = entry.path().canonicalize() else { return false };
    let back = target.starts_with(root) || root.starts_with(&target);
    if back {
        diagnostics.report_path(entry.path(), format!("a link back to {}", target.display()));
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
