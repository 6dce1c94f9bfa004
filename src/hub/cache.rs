//! The folder that clients of the hub share: blobs by their hashes, and snapshots of links to them.

use std::fs::{self, File as OpenFile};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind as IoErrorKind};
use std::path::{Path, PathBuf};

use super::client::File;
use crate::error::{Error, ErrorKind, Result};

/// A repository's part of the cache.
pub(super) struct Store {
    folder: PathBuf,
    locks: PathBuf,
}

impl Store {
    pub fn new(cache: &Path, repository: &str) -> Store {
        let name = format!("models--{}", repository.replace('/', "--"));
        Store { folder: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    /// The folder that shows a commit's files under their paths.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// A file by its content.
    pub fn blob(&self, file: &File) -> PathBuf {
        self.folder.join("blobs").join(&file.hash)
    }

    /// Where a file lies until it is whole.
    pub fn partial(&self, file: &File) -> PathBuf {
        self.folder.join("blobs").join(format!("{}.incomplete", file.hash))
    }

    /// The commit that a revision was when it was last asked for.
    pub fn commit(&self, revision: &str) -> Option<String> {
        let commit = fs::read_to_string(self.folder.join("refs").join(revision));
        let commit = commit.map_or_else(|_| revision.to_owned(), |text| text.trim().to_owned());
        self.snapshot(&commit).is_dir().then_some(commit)
    }

    /// Whether a file's content is there.
    pub fn has_blob(&self, file: &File) -> bool {
        is_whole(&self.blob(file), file)
    }

    /// Whether a file is there. Where there are no links, snapshots hold the files themselves.
    pub fn holds(&self, commit: &str, file: &File) -> bool {
        let shown = self.snapshot(commit).join(&file.path);
        is_whole(&shown, file) || self.has_blob(file)
    }

    /// Waits until nobody else downloads the file, as `huggingface_hub` does. The lock ends with
    /// the process, or where it is dropped. `None` where the system has no locks there.
    pub fn lock(&self, file: &File) -> Result<Option<OpenFile>> {
        let path = self.locks.join(format!("{}.lock", file.hash));
        make_folder(&self.locks)?;
        make_folder(&self.folder.join("blobs"))?;
        // Windows locks no file that is open for appending alone.
        let lock = OpenFile::options().create(true).read(true).append(true).open(&path);
        let lock = lock.map_err(cannot("open", &path))?;
        Ok(lock.lock().is_ok().then_some(lock))
    }

    /// Shows a file in a commit's snapshot.
    pub fn show(&self, commit: &str, file: &File) -> Result<()> {
        let pointer = self.snapshot(commit).join(&file.path);
        if is_whole(&pointer, file) {
            return Ok(());
        }
        make_folder(pointer.parent().expect("it is in the snapshot"))?;
        // A relative link lives on where the cache is moved.
        let up = "../".repeat(file.path.split('/').count() + 1);
        let target = format!("{up}blobs/{}", file.hash);
        put(&pointer, |new| {
            link(&target, new)
                .or_else(|_| fs::hard_link(self.blob(file), new))
                .or_else(|_| fs::copy(self.blob(file), new).map(drop))
        })
    }

    /// Notes which commit a revision is.
    pub fn refer(&self, revision: &str, commit: &str) -> Result<()> {
        if revision == commit {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        make_folder(path.parent().expect("it is in the folder refs"))?;
        put(&path, |new| fs::write(new, commit))
    }
}

/// The graphs that a folder in the Hugging Face layout holds, by their paths in it.
pub(super) fn graphs(folder: &Path) -> Vec<String> {
    let mut graphs = Vec::new();
    for prefix in ["onnx/", ""] {
        let entries = fs::read_dir(folder.join(prefix)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let names = names.filter(|name| name.ends_with(".onnx"));
        graphs.extend(names.map(|name| format!("{prefix}{name}")));
    }
    // A link may have lost what it leads to.
    graphs.retain(|graph| folder.join(graph).is_file());
    graphs
}

fn is_whole(path: &Path, file: &File) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == file.size)
}

/// Makes a file beside its place, and moves it there whole.
fn put(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let name = path.file_name().expect("a file has a name").to_string_lossy();
    // Of its own, because others may be making the same file.
    let number = RandomState::new().hash_one(&name);
    let new = path.with_file_name(format!("{name}.{number:016x}.incomplete"));
    make(&new).and_then(|()| fs::rename(&new, path)).map_err(|error| {
        // What failed is told; a file that stays is no more than that.
        drop(fs::remove_file(&new));
        cannot("write", path)(error)
    })
}

#[cfg(unix)]
fn link(target: &str, new: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, new)
}

#[cfg(windows)]
fn link(target: &str, new: &Path) -> io::Result<()> {
    // A link is not followed through the other kind of separator.
    std::os::windows::fs::symlink_file(target.replace('/', "\\"), new)
}

#[cfg(not(any(unix, windows)))]
fn link(_: &str, _: &Path) -> io::Result<()> {
    Err(IoErrorKind::Unsupported.into())
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(cannot("make the folder", path))
}

/// An error of the system, and what it kept from being done.
pub(super) fn cannot(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let what = format!("cannot {what} {}", path.display());
    move |error| {
        let advice = match error.kind() {
            IoErrorKind::PermissionDenied | IoErrorKind::ReadOnlyFilesystem => {
                "; name a folder that can be written with HF_HUB_CACHE"
            }
            _ => "",
        };
        Error::new(ErrorKind::Io, format!("{what} ({error}){advice}"))
    }
}
