//! Finds the files to index.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossrank::index::{FileStamp, Format};
use walkdir::{DirEntry, WalkDir};

use crate::diagnostics::Diagnostics;
use crate::error::{self, CliError};
use crate::records::RecordFormat;
use crate::suggest::neighbour;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// The file is one document.
    Document(Format),
    /// Each record is a document.
    Records(RecordFormat),
}

/// Extensions of files that hold no text for readers: scripts, style sheets and what tools make of
/// them, lists of versions and of names, images, fonts, sounds and films.
const NO_DOCUMENT: [&str; 38] = [
    "js", "mjs", "cjs", "css", "scss", "less", "map", "wasm", "lock", "inv", "svg", "png", "jpg",
    "jpeg", "gif", "webp", "avif", "bmp", "ico", "tif", "tiff", "woff", "woff2", "ttf", "otf",
    "eot", "mp3", "ogg", "wav", "flac", "mp4", "webm", "mov", "avi", "pyc", "so", "dll", "exe",
];

/// Sphinx's copies of the texts from which it made the pages.
const PAGE_SOURCES: &str = "_sources";

/// The folder of the packages that a project depends on.
const DEPENDENCIES: &str = "node_modules";

/// A file to index.
pub struct SourceFile {
    pub path: PathBuf,
    pub format: FileFormat,
    /// The time of the last change is 0 if the file is so new that it may change again within the
    /// resolution of the clock.
    pub stamp: FileStamp,
}

/// The folders and files that a run indexes, by their absolute paths without links.
pub struct Roots {
    /// Those that exist, in the order in which they were named, each once.
    pub present: Vec<PathBuf>,
    /// Those that do not exist.
    pub vanished: Vec<Vanished>,
}

/// A folder or file that does not exist.
pub struct Vanished {
    /// As it was named.
    pub given: PathBuf,
    /// The path under which the index holds it.
    former: PathBuf,
}

impl Roots {
    /// Finds the paths. Whether the index knows a vanished one is not checked.
    pub fn find(paths: &[PathBuf]) -> Result<Roots, CliError> {
        let mut roots = Roots { present: Vec::new(), vanished: Vec::new() };
        for path in paths {
            match path.canonicalize() {
                Ok(found) if roots.present.contains(&found) => (),
                Ok(found) => roots.present.push(found),
                Err(error) if is_missing(&error) => {
                    let (given, former) = (path.clone(), former_place(path));
                    roots.vanished.push(Vanished { given, former });
                }
                Err(error) => return Err(unreadable(path, error)),
            }
        }
        Ok(roots)
    }

    /// Whether a file is one of these, or is in one of these folders.
    pub fn contain(&self, path: &Path) -> bool {
        let vanished = self.vanished.iter().map(|vanished| &vanished.former);
        self.present.iter().chain(vanished).any(|root| path.starts_with(root))
    }

    /// Fails for a vanished path of which the index holds nothing.
    pub fn check_vanished<'a>(
        &self,
        known: impl Iterator<Item = &'a String> + Clone,
    ) -> Result<(), CliError> {
        let is_known = |vanished: &&Vanished| {
            known.clone().any(|path| Path::new(path).starts_with(&vanished.former))
        };
        match self.vanished.iter().find(|vanished| !is_known(vanished)) {
            Some(Vanished { given, .. }) => canonical(given).map(drop),
            None => Ok(()),
        }
    }
}

impl Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vanished = self.vanished.iter().map(|vanished| &vanished.given);
        let all = self.present.iter().chain(vanished);
        f.write_str(&all.map(|root| root.display().to_string()).collect::<Vec<_>>().join(", "))
    }
}

/// The files under the roots.
#[derive(Default)]
pub struct SourceTree {
    pub files: Vec<SourceFile>,
    /// Folders and files that could not be read. What the index holds of them stays.
    pub unreadable: Vec<PathBuf>,
    /// The kinds of what was left out because it holds no text for readers.
    pub left_out: LeftOut,
}

/// How many files of which kind were left out, and folders of dependencies.
#[derive(Default)]
pub struct LeftOut(BTreeMap<String, usize>);

impl LeftOut {
    /// Counts a file of a kind, or a folder.
    pub fn add(&mut self, kind: impl Into<String>) {
        *self.0.entry(kind.into()).or_default() += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for LeftOut {
    /// The kinds, the most frequent ones first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<(&String, &usize)> = self.0.iter().collect();
        kinds.sort_by_key(|&(_, count)| Reverse(count));
        let kinds = kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
        f.write_str(&kinds.collect::<Vec<_>>().join(", "))
    }
}

/// Finds the files under each root in the order of their names, without hidden files, without the
/// index itself, and unless `all_files` without folders of dependencies and without files whose name
/// says that they hold no text for readers. A root that lies in another one is read once, as one that was named. `index` is an
/// absolute path without links.
pub fn walk(
    roots: &Roots,
    index: &Path,
    all_files: bool,
    diagnostics: &mut Diagnostics,
) -> SourceTree {
    let mut tree = SourceTree::default();
    for root in &roots.present {
        tree.walk(root, roots, index, all_files, diagnostics);
    }
    tree
}

impl SourceTree {
    fn walk(
        &mut self,
        root: &Path,
        roots: &Roots,
        index: &Path,
        all_files: bool,
        diagnostics: &mut Diagnostics,
    ) {
        let journal = PathBuf::from(format!("{}-journal", index.display()));
        let is_index = |path: &Path| path == index || path == journal;
        let mut entries = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(root).to_owned();
                    diagnostics.report_path(&path, reason(&error));
                    self.unreadable.push(path);
                    continue;
                }
            };
            let is_other_root = roots.present.iter().any(|other| other == entry.path());
            if entry.depth() > 0
                && (is_hidden(&entry)
                    || is_other_root
                    || leads_back(&entry, root, roots, diagnostics))
            {
                if entry.file_type().is_dir() {
                    entries.skip_current_dir();
                }
                continue;
            }
            if entry.file_type().is_dir() || is_index(entry.path()) {
                if entry.depth() > 0 && entry.file_name() == DEPENDENCIES && !all_files {
                    self.left_out.add(format!("folder {DEPENDENCIES}"));
                    entries.skip_current_dir();
                }
                continue;
            }
            let kind = if all_files { None } else { kind_without_document(&entry, root) };
            match entry.metadata() {
                _ if kind.is_some() => self.left_out.add(kind.unwrap_or_default()),
                _ if entry.path().to_str().is_none() => {
                    diagnostics.report_path(entry.path(), "its name is not UTF-8; rename it");
                }
                Ok(metadata) if !metadata.is_file() => {
                    diagnostics.report_path(entry.path(), "not a file with content");
                }
                Ok(metadata) => self.files.push(source_file(entry.into_path(), &metadata)),
                Err(error) => {
                    diagnostics.report_path(entry.path(), reason(&error));
                    self.unreadable.push(entry.into_path());
                }
            }
        }
    }
}

/// The absolute path of a file, without links.
pub fn canonical(path: &Path) -> Result<PathBuf, CliError> {
    path.canonicalize().map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: io::Error) -> CliError {
    let hint = if is_missing(&error) { neighbour(path) } else { None };
    error::io(format!("cannot read {}", path.display()))(error).did_you_mean(hint)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The absolute path that a file or folder had, without links as far as its folders exist.
fn former_place(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let exists =
        |folder: &Path| Some(folder.canonicalize().ok()?.join(path.strip_prefix(folder).ok()?));
    path.ancestors().find_map(exists).unwrap_or_else(|| path.clone())
}

/// The kind of a file that its name says to hold no text for readers. A file that is named to the
/// command is always read.
fn kind_without_document(entry: &DirEntry, root: &Path) -> Option<String> {
    let inside = entry.path().strip_prefix(root).ok()?;
    let folder = inside.parent()?;
    if folder.iter().any(|name| name == PAGE_SOURCES) {
        return Some(format!("in {PAGE_SOURCES}"));
    }
    let extension = inside.extension()?.to_str()?.to_ascii_lowercase();
    NO_DOCUMENT.contains(&extension.as_str()).then(|| format!(".{extension}"))
}

fn source_file(path: PathBuf, metadata: &Metadata) -> SourceFile {
    /// File systems keep times with a resolution of up to two seconds.
    const CLOCK_RESOLUTION: Duration = Duration::from_secs(2);
    let format = match RecordFormat::of_path(&path) {
        Some(format) => FileFormat::Records(format),
        None => FileFormat::Document(Format::of_path(&path)),
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

/// Whether an entry is a link to a file or folder under one of the roots, which is indexed by its own
/// name, or to a folder around `root`.
fn leads_back(entry: &DirEntry, root: &Path, roots: &Roots, diagnostics: &mut Diagnostics) -> bool {
    if !entry.path_is_symlink() {
        return false;
    }
    let Ok(target) = entry.path().canonicalize() else { return false };
    let back = roots.contain(&target) || root.starts_with(&target);
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
