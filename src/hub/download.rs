//! Downloads a file, from where an earlier download ended, and checks its hash.

use std::fs::{self, File};
use std::io::{self, ErrorKind as IoErrorKind, Read, Seek, Write};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::cache::{RepositoryCache, io_error};
use super::client::{Client, RemoteFile, header};
use crate::error::{Error, ErrorKind, Result};
use crate::model::hexadecimal;
use crate::retry::RequestError;

/// The bytes that are read, hashed and written at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// The download of a file that is not in the cache.
pub(super) struct Download<'a> {
    pub client: &'a Client,
    pub cache: &'a RepositoryCache,
    pub file: &'a RemoteFile,
    pub url: &'a str,
    /// Called with the number of the file's bytes so far.
    pub report: &'a dyn Fn(u64),
}

impl Download<'_> {
    /// Puts the file into the cache when it is complete and its hash is right.
    pub fn run(&self) -> Result<()> {
        let lock = self.cache.lock(self.file)?;
        let blob = self.cache.blob(self.file);
        if self.cache.has_blob(self.file) {
            // Another process held the lock and has downloaded the file.
            return Ok(());
        }
        let path = self.cache.partial(self.file);
        let mut partial = Partial::open(&path, self.file)?;
        let resumed = partial.length > 0;
        self.complete(&mut partial)?;
        // The error may be in what an earlier download left.
        if resumed && !partial.is_valid() {
            partial.restart()?;
            self.complete(&mut partial)?;
        }
        // Without a lock, another process may have written to the file.
        let is_valid_on_disk = lock.is_some() || Partial::open(&path, self.file)?.is_valid();
        if !(partial.is_valid() && is_valid_on_disk) {
            drop(partial);
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
            let message = format!(
                "{} sends another file than the hub lists (its hash is not {}); try again, or \
                 choose another hub",
                self.url, self.file.hash
            );
            return Err(Error::new(ErrorKind::RemoteInvalidAnswer, message));
        }
        // Without this, a power failure could leave an incomplete file under its final name.
        partial.file.sync_all().map_err(io_error("write", &path))?;
        fs::rename(&path, &blob).map_err(io_error("write", &blob))
    }

    /// Downloads the missing bytes, with a new request after each transient failure.
    fn complete(&self, partial: &mut Partial) -> Result<()> {
        (self.report)(partial.length);
        let (mut retry, mut longest) = (0, partial.length);
        while partial.length < self.file.size {
            let Err(error) = self.resume(partial) else { continue };
            if partial.length > longest {
                (retry, longest) = (0, partial.length);
            }
            self.client.wait(error, retry).map_err(|error| self.with_kept_bytes(error))?;
            retry += 1;
        }
        Ok(())
    }

    /// Makes one request, and reads as much as it brings.
    fn resume(&self, partial: &mut Partial) -> Result<(), RequestError> {
        let mut response = self.client.get(self.url, partial.length)?;
        let from = format!("bytes {}-", partial.length);
        let range = header(&response, "content-range");
        if response.status() != 206 || range.is_none_or(|range| !range.starts_with(&from)) {
            let is_whole_file = response.status() == 200;
            partial.restart()?;
            if !is_whole_file {
                return Err(RequestError::transient(format!(
                    "{} does not support ranges",
                    self.url
                )));
            }
        }
        let mut reader = response.body_mut().as_reader();
        let mut buffer = vec![0; BUFFER_BYTES];
        while partial.length < self.file.size {
            let rest = self.file.size - partial.length;
            let limit = BUFFER_BYTES.min(usize::try_from(rest).unwrap_or(BUFFER_BYTES));
            match reader.read(&mut buffer[..limit]) {
                Ok(0) => return Err(RequestError::transient(format!("{} ended early", self.url))),
                Ok(read) => partial.write(&buffer[..read]).map_err(|e| self.write_error(e))?,
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(self.client.broken(&error)),
            }
            (self.report)(partial.length);
        }
        Ok(())
    }

    fn write_error(&self, error: io::Error) -> Error {
        let advice = match error.kind() {
            IoErrorKind::StorageFull | IoErrorKind::QuotaExceeded | IoErrorKind::FileTooLarge => {
                "; make room, or set HF_HUB_CACHE to another folder"
            }
            _ => "",
        };
        let error = io_error("write", &self.cache.partial(self.file))(error);
        let message = format!("{error}{advice}");
        self.with_kept_bytes(Error::new(error.kind(), message).with_source(error))
    }

    /// Adds to an error how much of the file the cache keeps.
    fn with_kept_bytes(&self, error: Error) -> Error {
        let kept = fs::metadata(self.cache.partial(self.file)).map_or(0, |found| found.len());
        if kept == 0 {
            return error;
        }
        let [kept, size] = [kept, self.file.size].map(|bytes| bytes as f64 / 1e6);
        let message =
            format!("{error}; {kept:.1} of {size:.1} MB are kept, and the next try resumes there");
        Error::new(error.kind(), message).with_source(error)
    }
}

/// The start of a file, as far as it is downloaded.
struct Partial<'a> {
    file: File,
    path: &'a Path,
    expected: &'a RemoteFile,
    length: u64,
    /// The hash of the bytes so far.
    hasher: Hasher,
}

impl<'a> Partial<'a> {
    /// Opens what an earlier download left.
    fn open(path: &'a Path, expected: &'a RemoteFile) -> Result<Partial<'a>> {
        let file = File::options().create(true).read(true).write(true).truncate(false).open(path);
        let file = file.map_err(io_error("open", path))?;
        let hasher = Hasher::of(expected);
        let mut partial = Partial { file, path, expected, length: 0, hasher };
        let mut buffer = vec![0; BUFFER_BYTES];
        while partial.length <= expected.size {
            match partial.file.read(&mut buffer) {
                Ok(0) => return Ok(partial),
                Ok(read) => partial.count(&buffer[..read]),
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(io_error("read", path)(error)),
            }
        }
        partial.restart()?;
        Ok(partial)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.count(bytes);
        Ok(())
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }

    fn restart(&mut self) -> Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(io_error("write", self.path))?;
        (self.length, self.hasher) = (0, Hasher::of(self.expected));
        Ok(())
    }

    fn is_valid(&self) -> bool {
        self.length == self.expected.size && self.hasher.hash() == self.expected.hash
    }
}

/// Computes the hash that the hub lists for a file.
enum Hasher {
    Sha256(Sha256),
    /// For a file in git itself: the SHA-1 of `blob`, its length and its content.
    Git(Sha1),
}

impl Hasher {
    fn of(file: &RemoteFile) -> Hasher {
        if file.hash.len() == 64 {
            return Hasher::Sha256(Sha256::new());
        }
        Hasher::Git(Sha1::new_with_prefix(format!("blob {}\0", file.size)))
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Git(hasher) => hasher.update(bytes),
        }
    }

    fn hash(&self) -> String {
        match self {
            Hasher::Sha256(hasher) => hexadecimal(&hasher.clone().finalize()),
            Hasher::Git(hasher) => hexadecimal(&hasher.clone().finalize()),
        }
    }
}
