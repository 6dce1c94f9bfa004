//! The files of a site's search that a reader has.

use std::collections::{HashMap, HashSet};

use super::bytes::{FileHash, FileKind, decompress};
use super::manifest::{Facets, Heads, Lexicon, Manifest, Terms, Texts};
use super::token_vectors::TokenVectors;
use super::vectors::{Centroids, Group};
use crate::error::{Error, ErrorKind, Result};

/// The files that were added, by their hashes, and the names of all that may be.
pub(super) struct Store {
    names: HashMap<String, (FileKind, FileHash)>,
    files: HashMap<FileHash, File>,
    failed: HashSet<FileHash>,
}

pub(super) enum File {
    Terms(Terms),
    Lexicon(Lexicon),
    Heads(Heads),
    Texts(Texts),
    Tokens(TokenVectors),
    Centroids(Centroids),
    Vectors(Group),
    Facets(Facets),
}

/// The files that a search would use and does not have.
#[derive(Default)]
pub(super) struct Absent {
    pub needs: HashSet<(FileKind, FileHash)>,
    pub missing: HashSet<(FileKind, FileHash)>,
}

impl Store {
    pub fn new(manifest: &Manifest) -> Store {
        let named = |(kind, hash): (FileKind, FileHash)| (kind.file_name(hash), (kind, hash));
        let names = manifest.files().map(named).collect();
        Store { names, files: HashMap::new(), failed: HashSet::new() }
    }

    /// Adds a file: see [`super::SiteIndex::add`].
    pub fn add(&mut self, name: &str, stored: &[u8]) -> Result<()> {
        let (kind, hash) = self.find(name)?;
        let changed = || {
            let message = format!(
                "{name} has another content than the manifest says; the site was built again, or the \
                 file is damaged: load the manifest again"
            );
            Error::new(ErrorKind::InvalidInput, message)
        };
        if FileHash::of(stored) != hash {
            return Err(changed());
        }
        let content = decompress(stored).map_err(|_| changed())?;
        let file = match kind {
            FileKind::Terms => Terms::decode(content).map(File::Terms),
            FileKind::Lexicon => Lexicon::decode(&content).map(File::Lexicon),
            FileKind::Heads => Heads::decode(&content).map(File::Heads),
            FileKind::Texts => Texts::decode(&content).map(File::Texts),
            FileKind::Tokens => TokenVectors::decode(&content).map(File::Tokens),
            FileKind::Centroids => Centroids::decode(&content).map(File::Centroids),
            FileKind::Vectors => Group::decode(&content).map(File::Vectors),
            FileKind::Facets => Facets::decode(&content).map(File::Facets),
        };
        if let Ok(File::Centroids(centroids)) = &file {
            let named = |&hash| (FileKind::Vectors.file_name(hash), (FileKind::Vectors, hash));
            self.names.extend(centroids.files.iter().map(named));
        }
        self.files.insert(hash, file.map_err(|_| changed())?);
        self.failed.remove(&hash);
        Ok(())
    }

    /// Says that the host does not have a file: see [`super::SiteIndex::fail`].
    pub fn fail(&mut self, name: &str) -> Result<()> {
        let (_, hash) = self.find(name)?;
        self.failed.insert(hash);
        Ok(())
    }

    fn find(&self, name: &str) -> Result<(FileKind, FileHash)> {
        self.names.get(name).copied().ok_or_else(|| {
            let message = format!("the site has no file {name}; load the manifest again");
            Error::new(ErrorKind::InvalidArgument, message)
        })
    }

    /// A file that is there. Otherwise, `absent` gets it.
    pub fn file(&self, kind: FileKind, hash: FileHash, absent: &mut Absent) -> Option<&File> {
        let file = self.files.get(&hash);
        if file.is_none() {
            match self.failed.contains(&hash) {
                true => absent.missing.insert((kind, hash)),
                false => absent.needs.insert((kind, hash)),
            };
        }
        file
    }

    /// Whether a file is neither there nor known to be missing on the host.
    pub fn lacks(&self, hash: FileHash) -> bool {
        !self.files.contains_key(&hash) && !self.failed.contains(&hash)
    }

    /// The heads of pages, if they are there.
    pub fn heads(&self, hash: FileHash) -> Option<&Heads> {
        match self.files.get(&hash) {
            Some(File::Heads(heads)) => Some(heads),
            _ => None,
        }
    }

    pub fn terms(&self, hash: FileHash, absent: &mut Absent) -> Option<&Terms> {
        match self.file(FileKind::Terms, hash, absent) {
            Some(File::Terms(terms)) => Some(terms),
            _ => None,
        }
    }
}
