//! The cache that clients of the hub share: blobs by their hashes, and snapshots with links to them.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind as IoErrorKind};
use std::path::{Path, PathBuf};

use super::client::RemoteFile;
use crate::error::{Error, ErrorKind, Result};

/// The part of the cache for one repository.
pub(super) struct RepositoryCache {
    folder: PathBuf,
    locks: PathBuf,
}

impl RepositoryCache {
    pub fn new(cache: &Path, repository: &str) -> RepositoryCache {
        let name = format!("models--{}", repository.replace('/', "--"));
        RepositoryCache { folder: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    /// The folder with the files of a commit under their paths.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// The place of a file's content.
    pub fn blob(&self, file: &RemoteFile) -> PathBuf {
        self.folder.join("blobs").join(&file.hash)
    }

    /// The place of a file's content until it is complete.
    pub fn partial(&self, file: &RemoteFile) -> PathBuf {
        self.folder.join("blobs").join(format!("{}.incomplete", file.hash))
    }

    /// The commit of a revision when it was last downloaded.
    pub fn commit(&self, revision: &str) -> Option<String> {
        let commit = fs::read_to_string(self.folder.join("refs").join(revision));
        let commit = commit.map_or_else(|_| revision.to_owned(), |text| text.trim().to_owned());
        self.snapshot(&commit).is_dir().then_some(commit)
    }

    /// Whether the content of a file is complete.
    pub fn has_blob(&self, file: &RemoteFile) -> bool {
        is_complete(&self.blob(file), file)
    }

    /// Whether a file is in the cache. On systems without links, snapshots hold the files themselves.
    pub fn contains(&self, commit: &str, file: &RemoteFile) -> bool {
        let in_snapshot = self.snapshot(commit).join(&file.path);
        is_complete(&in_snapshot, file) || self.has_blob(file)
    }

    /// The content of a small file that is in the cache.
    pub fn read(&self, commit: &str, file: &RemoteFile) -> Result<Vec<u8>> {
        let in_snapshot = self.snapshot(commit).join(&file.path);
        let path = if is_complete(&in_snapshot, file) { in_snapshot } else { self.blob(file) };
        fs::read(&path).map_err(io_error("read", &path))
    }

    /// Waits until no other process downloads the file, with the same lock as `huggingface_hub`. The
    /// lock ends when it is dropped or the process ends. `None` if the file system has no locks.
    pub fn lock(&self, file: &RemoteFile) -> Result<Option<File>> {
        let path = self.locks.join(format!("{}.lock", file.hash));
        make_folder(&self.locks)?;
        make_folder(&self.folder.join("blobs"))?;
        // Windows does not lock a file that is open only for appending.
        let lock = File::options().create(true).read(true).append(true).open(&path);
        let lock = lock.map_err(io_error("open", &path))?;
        Ok(lock.lock().is_ok().then_some(lock))
    }

    /// Adds a file to the snapshot of a commit.
    pub fn add_to_snapshot(&self, commit: &str, file: &RemoteFile) -> Result<()> {
        let pointer = self.snapshot(commit).join(&file.path);
        if is_complete(&pointer, file) {
            return Ok(());
        }
        make_folder(pointer.parent().expect("the snapshot is its parent"))?;
        // A relative link stays valid if the cache is moved.
        let up = "../".repeat(file.path.split('/').count() + 1);
        let target = format!("{up}blobs/{}", file.hash);
        write_atomically(&pointer, |new| {
            link(&target, new)
                .or_else(|_| fs::hard_link(self.blob(file), new))
                .or_else(|_| fs::copy(self.blob(file), new).map(drop))
        })
    }

    /// Records the commit of a revision.
    pub fn set_revision(&self, revision: &str, commit: &str) -> Result<()> {
        if revision == commit {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        make_folder(path.parent().expect("the folder refs is its parent"))?;
        write_atomically(&path, |new| fs::write(new, commit))
    }
}

fn is_complete(path: &Path, file: &RemoteFile) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == file.size)
}

/// Writes a temporary file beside `path` with `make`, and renames it to `path`.
fn write_atomically(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let name = path.file_name().expect("a file has a name").to_string_lossy();
    // A random name, because another process may be writing the same file.
    let number = RandomState::new().hash_one(&name);
    let new = path.with_file_name(format!("{name}.{number:016x}.incomplete"));
    make(&new).and_then(|()| fs::rename(&new, path)).map_err(|error| {
        // The first error is the one to report. A temporary file that stays does no harm.
        drop(fs::remove_file(&new));
        io_error("write", path)(error)
    })
}

#[cfg(unix)]
fn link(target: &str, new: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, new)
}

#[cfg(windows)]
fn link(target: &str, new: &Path) -> io::Result<()> {
    // Windows does not follow a link whose target has the other separator.
    std::os::windows::fs::symlink_file(target.replace('/', "\\"), new)
}

#[cfg(not(any(unix, windows)))]
fn link(_: &str, _: &Path) -> io::Result<()> {
    Err(IoErrorKind::Unsupported.into())
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(io_error("create the folder", path))
}

/// Turns an error of the system into an error of the crate. `what` is the verb of what failed.
pub(super) fn io_error(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let what = format!("cannot {what} {}", path.display());
    move |error| {
        let advice = match error.kind() {
            IoErrorKind::PermissionDenied | IoErrorKind::ReadOnlyFilesystem => {
                "; set HF_HUB_CACHE to a folder that can be written"
            }
            _ => "",
        };
        let message = format!("{what} ({error}){advice}");
        Error::new(ErrorKind::Io, message).with_source(error)
    }
}
