//! Puts documents into an index.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::chunk::model_text;
use super::document::Document;
use super::store::{Change, FileStamp, IndexedDocument, IndexedPassage, Store, VectorSpace};
use crate::embedder::Embedder;
use crate::error::Result;

/// The passages that are embedded and committed together. A process that is killed repeats at most
/// this much work.
const COMMIT_PASSAGES: usize = 128;

/// The changes without new passages that are committed together.
const COMMIT_CHANGES: usize = 8 * COMMIT_PASSAGES;

/// Writes an index: files, each with one document or with several.
///
/// Changes are committed in transactions of many passages. [`IndexWriter::commit`] commits the last
/// ones; changes that are not committed are lost. Other processes can search the index meanwhile.
pub struct IndexWriter<'a> {
    store: Store,
    /// `None` for an index without vectors.
    embedder: Option<&'a Embedder>,
    changes: Vec<Change>,
    /// The number of passages in `changes`.
    passages: usize,
}

/// How many files, documents and passages an index holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexCounts {
    /// Files.
    pub files: usize,
    /// Documents: one for a file, or one for each of its records.
    pub documents: usize,
    /// Passages.
    pub passages: usize,
}

/// What [`FileWriter::add`] did with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The document was in the index already, and is unchanged.
    Unchanged,
    /// The document is in the index with this number of passages; with 0 if it has no text.
    Indexed(usize),
    /// The file has another document with the same id, or neither has an id and they are equal; this
    /// one was left out.
    Duplicate,
}

impl<'a> IndexWriter<'a> {
    /// Opens an index, or creates it if there is no file at `path`.
    ///
    /// With an embedder the index holds a vector of each passage. An index keeps the model, or the
    /// lack of one, that it was created with.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] if the index was created with another model, or without one.
    /// - [`ErrorKind::InvalidInput`] for a file that is not an index, is damaged, or is an index of
    ///   another version.
    /// - [`ErrorKind::Io`] if the file cannot be opened, or another process keeps writing to it.
    ///
    /// [`ErrorKind::InvalidArgument`]: crate::ErrorKind::InvalidArgument
    /// [`ErrorKind::InvalidInput`]: crate::ErrorKind::InvalidInput
    /// [`ErrorKind::Io`]: crate::ErrorKind::Io
    pub fn open(path: impl AsRef<Path>, embedder: Option<&'a Embedder>) -> Result<IndexWriter<'a>> {
        let space = embedder.map(VectorSpace::of);
        let store = Store::open_or_create(path.as_ref(), space.as_ref())?;
        Ok(IndexWriter { store, embedder, changes: Vec::new(), passages: 0 })
    }

    /// All files of the index by path. A file whose writing was not finished has no stamp.
    ///
    /// # Errors
    /// As [`IndexWriter::open`].
    pub fn files(&self) -> Result<HashMap<String, Option<FileStamp>>> {
        self.store.files()
    }

    /// Begins to write the documents of a file. The path is any string that identifies the file.
    pub fn file(&mut self, path: impl Into<String>) -> FileWriter<'_, 'a> {
        FileWriter { writer: self, path: path.into(), names: HashSet::new() }
    }

    /// Removes a file with all its documents.
    ///
    /// # Errors
    /// As [`IndexWriter::commit`].
    pub fn remove(&mut self, path: impl Into<String>) -> Result<()> {
        self.push(Change::Remove { path: path.into() })
    }

    /// Commits all changes so far.
    ///
    /// # Errors
    /// As [`IndexWriter::open`] and [`Embedder::embed`]. The index then holds none of the changes
    /// since the last commit.
    pub fn commit(&mut self) -> Result<()> {
        if let Some(embedder) = self.embedder {
            self.embed_passages(embedder)?;
        }
        self.store.apply(&self.changes)?;
        self.changes.clear();
        self.passages = 0;
        Ok(())
    }

    /// Counts what the index holds, without changes that are not committed.
    ///
    /// # Errors
    /// As [`IndexWriter::open`].
    pub fn counts(&self) -> Result<IndexCounts> {
        let [files, documents, passages] = self.store.counts()?;
        Ok(IndexCounts { files, documents, passages })
    }

    fn embed_passages(&mut self, embedder: &Embedder) -> Result<()> {
        let passages = self.changes.iter_mut().filter_map(|change| match change {
            Change::Put { document, .. } => Some(&mut document.passages),
            _ => None,
        });
        let mut passages: Vec<&mut IndexedPassage> = passages.flatten().collect();
        let text = |indexed: &&mut IndexedPassage| {
            model_text(&indexed.passage.title, &indexed.passage.text)
        };
        let texts: Vec<String> = passages.iter().map(text).collect();
        for (passage, vector) in passages.iter_mut().zip(embedder.embed(&texts)?) {
            passage.vector = Some(vector);
        }
        Ok(())
    }

    fn push(&mut self, change: Change) -> Result<()> {
        if let Change::Put { document, .. } = &change {
            self.passages += document.passages.len();
        }
        self.changes.push(change);
        match self.passages >= COMMIT_PASSAGES || self.changes.len() >= COMMIT_CHANGES {
            true => self.commit(),
            false => Ok(()),
        }
    }
}

/// Writes the documents of one file; see [`IndexWriter::file`].
///
/// Without a call of [`FileWriter::finish`] the earlier documents of the file stay in the index, and
/// the file counts as incomplete.
pub struct FileWriter<'w, 'a> {
    writer: &'w mut IndexWriter<'a>,
    path: String,
    /// The names of the documents so far.
    names: HashSet<String>,
}

impl FileWriter<'_, '_> {
    /// Adds a document. It replaces the document that the file had with the same id, unless the two
    /// are equal.
    ///
    /// # Errors
    /// As [`IndexWriter::commit`].
    pub fn add(&mut self, document: &Document) -> Result<Added> {
        let (path, line) = (self.path.clone(), document.line());
        let hash = document.hash();
        let name = document.name(&hash);
        if !self.names.insert(name.clone()) {
            return Ok(Added::Duplicate);
        }
        match self.writer.store.document(&path, &name)? {
            Some((old, old_line)) if old == hash => {
                if old_line != line {
                    self.writer.push(Change::SetLine { path, name, line })?;
                }
                Ok(Added::Unchanged)
            }
            _ => {
                let passages: Vec<IndexedPassage> = document
                    .passages()
                    .into_iter()
                    .map(|(passage, line)| IndexedPassage { passage, line, vector: None })
                    .collect();
                let count = passages.len();
                let document = IndexedDocument { name, hash, line, passages };
                self.writer.push(Change::Put { path, document })?;
                Ok(Added::Indexed(count))
            }
        }
    }

    /// Ends the file: its documents that were not added again are removed, and
    /// [`IndexWriter::files`] gives it this stamp.
    ///
    /// # Errors
    /// As [`IndexWriter::commit`].
    pub fn finish(self, stamp: FileStamp) -> Result<()> {
        let FileWriter { writer, path, names } = self;
        writer.push(Change::Complete { path, stamp, names })
    }
}
