//! One file: from where a broken download ended to its end, and whether it is the right one.

use std::fs::{self, File as OpenFile};
use std::io::{self, ErrorKind as IoErrorKind, Read, Seek, Write};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::cache::{Store, cannot};
use super::client::{Client, File, HubError, header};
use crate::error::{Error, ErrorKind, Result};
use crate::model::hexadecimal;

/// Bytes that are read, hashed and written at a time.
const PIECE: usize = 128 << 10;

/// A file that the cache lacks.
pub(super) struct Download<'a> {
    pub client: &'a Client,
    pub store: &'a Store,
    pub file: &'a File,
    pub url: &'a str,
    /// Told how many of the file's bytes are there.
    pub report: &'a dyn Fn(u64),
}

impl Download<'_> {
    /// Puts the file into the cache, whole and checked.
    pub fn run(&self) -> Result<()> {
        let lock = self.store.lock(self.file)?;
        let blob = self.store.blob(self.file);
        if self.store.has_blob(self.file) {
            // Another process had the lock, and has downloaded it.
            return Ok(());
        }
        let path = self.store.partial(self.file);
        let mut partial = Partial::open(&path, self.file)?;
        let resumed = partial.length > 0;
        self.complete(&mut partial)?;
        // What was left by an earlier download may be to blame.
        if resumed && !partial.is_right() {
            partial.restart()?;
            self.complete(&mut partial)?;
        }
        // Without a lock, another process may have written between.
        let is_whole = lock.is_some() || Partial::open(&path, self.file)?.is_right();
        if !(partial.is_right() && is_whole) {
            drop(partial);
            fs::remove_file(&path).map_err(cannot("remove", &path))?;
            let message = format!(
                "{} brings another file than the hub lists (its hash is not {}); try again, or \
                 choose another hub",
                self.url, self.file.hash
            );
            return Err(Error::new(ErrorKind::RemoteInvalidAnswer, message));
        }
        // A file that a power failure cut short would have its final name and length all the same.
        partial.open.sync_all().map_err(cannot("write", &path))?;
        fs::rename(&path, &blob).map_err(cannot("write", &blob))
    }

    /// Downloads what is missing, with a new request wherever one breaks.
    fn complete(&self, partial: &mut Partial) -> Result<()> {
        (self.report)(partial.length);
        let (mut retry, mut most) = (0, partial.length);
        while partial.length < self.file.size {
            let Err(failure) = self.go_on(partial) else { continue };
            if partial.length > most {
                (retry, most) = (0, partial.length);
            }
            self.client.wait(failure, retry).map_err(|error| self.with_what_is_kept(error))?;
            retry += 1;
        }
        Ok(())
    }

    fn go_on(&self, partial: &mut Partial) -> Result<(), HubError> {
        let mut response = self.client.get(self.url, partial.length)?;
        let from = format!("bytes {}-", partial.length);
        let range = header(&response, "content-range");
        if response.status() != 206 || range.is_none_or(|range| !range.starts_with(&from)) {
            let whole = response.status() == 200;
            partial.restart()?;
            if !whole {
                return Err(HubError::passing(format!("{} knows no ranges", self.url)));
            }
        }
        let mut reader = response.body_mut().as_reader();
        let mut piece = vec![0; PIECE];
        while partial.length < self.file.size {
            let rest = self.file.size - partial.length;
            let most = PIECE.min(usize::try_from(rest).unwrap_or(PIECE));
            match reader.read(&mut piece[..most]) {
                Ok(0) => return Err(HubError::passing(format!("{} is cut short", self.url))),
                Ok(read) => partial.push(&piece[..read]).map_err(|e| self.unwritten(e))?,
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(self.client.broken(&error)),
            }
            (self.report)(partial.length);
        }
        Ok(())
    }

    fn unwritten(&self, error: io::Error) -> Error {
        let advice = match error.kind() {
            IoErrorKind::StorageFull | IoErrorKind::QuotaExceeded | IoErrorKind::FileTooLarge => {
                "; make room, or name another folder with HF_HUB_CACHE"
            }
            _ => "",
        };
        let error = cannot("write", &self.store.partial(self.file))(error);
        self.with_what_is_kept(Error::new(error.kind(), format!("{error}{advice}")))
    }

    fn with_what_is_kept(&self, error: Error) -> Error {
        let kept = fs::metadata(self.store.partial(self.file)).map_or(0, |found| found.len());
        if kept == 0 {
            return error;
        }
        let [kept, size] = [kept, self.file.size].map(|bytes| bytes as f64 / 1e6);
        let message =
            format!("{error}; {kept:.1} of {size:.1} MB are kept, and the next try goes on");
        Error::new(error.kind(), message)
    }
}

/// The beginning of a file, as far as it has come.
struct Partial<'a> {
    open: OpenFile,
    path: &'a Path,
    file: &'a File,
    length: u64,
    hasher: Hasher,
}

impl<'a> Partial<'a> {
    /// Opens what an earlier download has left.
    fn open(path: &'a Path, file: &'a File) -> Result<Partial<'a>> {
        let open =
            OpenFile::options().create(true).read(true).write(true).truncate(false).open(path);
        let open = open.map_err(cannot("open", path))?;
        let mut partial = Partial { open, path, file, length: 0, hasher: Hasher::of(file) };
        let mut piece = vec![0; PIECE];
        while partial.length <= file.size {
            match partial.open.read(&mut piece) {
                Ok(0) => return Ok(partial),
                Ok(read) => partial.count(&piece[..read]),
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(cannot("read", path)(error)),
            }
        }
        partial.restart()?;
        Ok(partial)
    }

    fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        self.open.write_all(piece)?;
        self.count(piece);
        Ok(())
    }

    fn count(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        self.length += piece.len() as u64;
    }

    fn restart(&mut self) -> Result<()> {
        let emptied = self.open.set_len(0).and_then(|()| self.open.rewind());
        emptied.map_err(cannot("write", self.path))?;
        (self.length, self.hasher) = (0, Hasher::of(self.file));
        Ok(())
    }

    fn is_right(&self) -> bool {
        self.length == self.file.size && self.hasher.hash() == self.file.hash
    }
}

/// The hash that the hub knows a file by.
enum Hasher {
    Sha256(Sha256),
    /// Of a file in git itself: SHA-1 of `blob`, its length and its content.
    Git(Sha1),
}

impl Hasher {
    fn of(file: &File) -> Hasher {
        if file.hash.len() == 64 {
            return Hasher::Sha256(Sha256::new());
        }
        Hasher::Git(Sha1::new_with_prefix(format!("blob {}\0", file.size)))
    }

    fn update(&mut self, piece: &[u8]) {
        match self {
            Hasher::Sha256(hasher) => hasher.update(piece),
            Hasher::Git(hasher) => hasher.update(piece),
        }
    }

    fn hash(&self) -> String {
        match self {
            Hasher::Sha256(hasher) => hexadecimal(&hasher.clone().finalize()),
            Hasher::Git(hasher) => hexadecimal(&hasher.clone().finalize()),
        }
    }
}
