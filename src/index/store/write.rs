//! Changes an index in transactions. If the process is killed at any moment, the index still holds
//! whole documents, and each of them once.

use std::collections::{HashMap, HashSet};

use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, OptionalExtension, Transaction, TransactionBehavior};

use super::database::Store;
use super::vectors::to_blob;
use crate::error::Result;
use crate::index::analysis::index_text;
use crate::index::chunk::Passage;

/// What tells whether a file has changed since it was indexed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStamp {
    /// The size in bytes.
    pub size: u64,
    /// The time of the last change, in nanoseconds since 1970.
    pub modified: i64,
}

/// A document with its passages, as the index stores it.
pub struct IndexedDocument {
    /// Its name, which is unique in its file.
    pub name: String,
    /// The hash of everything that the passages are made of.
    pub hash: [u8; 32],
    /// The line of the file on which it begins, from 1.
    pub line: usize,
    pub passages: Vec<IndexedPassage>,
}

/// A passage, as the index stores it.
pub struct IndexedPassage {
    pub passage: Passage,
    /// The number of lines between the document's first line and the passage's.
    pub line: usize,
    /// `None` if the index has no vectors.
    pub vector: Option<Vec<f32>>,
}

/// A change of an index.
pub enum Change {
    /// Puts a document of a file into the index, in place of the one with the same name.
    Put { path: String, document: IndexedDocument },
    /// Sets the line of a document that is otherwise unchanged.
    SetLine { path: String, name: String, line: usize },
    /// Marks a file as complete with the documents `names`, and removes its other documents.
    Complete { path: String, stamp: FileStamp, names: HashSet<String> },
    /// Removes a file.
    Remove { path: String },
}

impl Store {
    /// All files by path, each with the stamp that it had when it was indexed completely.
    pub fn files(&self) -> Result<HashMap<String, Option<FileStamp>>> {
        let read = || -> rusqlite::Result<_> {
            let mut files = self.database.prepare("SELECT path, size, modified FROM files")?;
            let rows = files.query_map([], |row| {
                let (size, modified): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
                let stamp = |(size, modified)| FileStamp { size: size as u64, modified };
                Ok((row.get(0)?, size.zip(modified).map(stamp)))
            })?;
            rows.collect()
        };
        read().map_err(|e| self.error(e))
    }

    /// The hash and the line of a document, or `None` if it is not in the index.
    pub fn document(&self, path: &str, name: &str) -> Result<Option<([u8; 32], usize)>> {
        let read = || {
            let mut statement = self.database.prepare_cached(
                "SELECT hash, line FROM documents
                 WHERE file = (SELECT id FROM files WHERE path = ?) AND name = ?",
            )?;
            let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get::<_, i64>(1)? as usize));
            statement.query_row((path, name), row).optional()
        };
        read().map_err(|e| self.error(e))
    }

    /// Makes all the changes in one transaction, or none of them.
    pub fn apply(&mut self, changes: &[Change]) -> Result<()> {
        let has_vectors = self.space().is_some();
        let mut apply = || {
            let transaction =
                self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let writer = Writer { transaction: &transaction, has_vectors };
            for change in changes {
                writer.apply(change)?;
            }
            transaction.commit()
        };
        apply().map_err(|e| self.error(e))
    }

    /// The numbers of files, documents and passages.
    pub fn counts(&self) -> Result<[usize; 3]> {
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            let row = self.database.query_row(&sql, [], |row| row.get::<_, i64>(0));
            row.map(|count| count as usize).map_err(|e| self.error(e))
        };
        Ok([count("files")?, count("documents")?, count("passages")?])
    }
}

struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    has_vectors: bool,
}

impl Writer<'_> {
    fn apply(&self, change: &Change) -> rusqlite::Result<()> {
        match change {
            Change::Put { path, document } => self.put(self.file(path)?, document),
            Change::SetLine { path, name, line } => {
                let set_line = "UPDATE documents SET line = ? WHERE file = ? AND name = ?";
                self.run(set_line, &[&(*line as i64), &self.file(path)?, name])
            }
            Change::Complete { path, stamp, names } => {
                let file = self.file(path)?;
                for (document, name) in self.documents(file)? {
                    if !names.contains(&name) {
                        self.remove(document)?;
                    }
                }
                let complete = "UPDATE files SET size = ?, modified = ? WHERE id = ?";
                self.run(complete, &[&(stamp.size as i64), &stamp.modified, &file])
            }
            Change::Remove { path } => {
                let file = self.file(path)?;
                for (document, _) in self.documents(file)? {
                    self.remove(document)?;
                }
                self.run("DELETE FROM files WHERE id = ?", &[&file])
            }
        }
    }

    fn sql(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.transaction.prepare_cached(sql)
    }

    fn run(&self, sql: &str, values: &[&dyn ToSql]) -> rusqlite::Result<()> {
        self.sql(sql)?.execute(values).map(drop)
    }

    /// The row id of a file, which is incomplete from now on.
    fn file(&self, path: &str) -> rusqlite::Result<i64> {
        self.run(
            "INSERT INTO files(path) VALUES (?)
             ON CONFLICT(path) DO UPDATE SET size = NULL, modified = NULL",
            &[&path],
        )?;
        self.sql("SELECT id FROM files WHERE path = ?")?.query_row([path], |row| row.get(0))
    }

    /// The row ids and the names of a file's documents.
    fn documents(&self, file: i64) -> rusqlite::Result<Vec<(i64, String)>> {
        let mut documents = self.sql("SELECT id, name FROM documents WHERE file = ?")?;
        let rows = documents.query_map([file], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }

    fn put(&self, file: i64, document: &IndexedDocument) -> rusqlite::Result<()> {
        let find = "SELECT id FROM documents WHERE file = ? AND name = ?";
        let old = self.sql(find)?.query_row((file, &document.name), |row| row.get(0)).optional()?;
        if let Some(document) = old {
            self.remove(document)?;
        }
        self.run(
            "INSERT INTO documents(file, name, hash, line) VALUES (?, ?, ?, ?)",
            &[&file, &document.name, &document.hash, &(document.line as i64)],
        )?;
        let id = self.transaction.last_insert_rowid();
        for passage in &document.passages {
            self.put_passage(id, passage)?;
        }
        Ok(())
    }

    fn put_passage(&self, document: i64, passage: &IndexedPassage) -> rusqlite::Result<()> {
        let IndexedPassage { passage: Passage { title, text, range }, line, vector } = passage;
        self.run(
            "INSERT INTO passages(document, title, text, first, behind, line)
             VALUES (?, ?, ?, ?, ?, ?)",
            &[&document, title, text, &(range.start as i64), &(range.end as i64), &(*line as i64)],
        )?;
        let id = self.transaction.last_insert_rowid();
        self.run(
            "INSERT INTO words(rowid, title, text) VALUES (?, ?, ?)",
            &[&id, &index_text(title), &index_text(text)],
        )?;
        match vector {
            Some(vector) => {
                let insert = "INSERT INTO vectors(passage, vector) VALUES (?, ?)";
                self.run(insert, &[&id, &to_blob(vector)])
            }
            None => Ok(()),
        }
    }

    fn remove(&self, document: i64) -> rusqlite::Result<()> {
        let mut tables = vec!["DELETE FROM words WHERE rowid = ?"];
        if self.has_vectors {
            tables.push("DELETE FROM vectors WHERE passage = ?");
        }
        tables.push("DELETE FROM passages WHERE id = ?");
        let passages: Vec<i64> = self
            .sql("SELECT id FROM passages WHERE document = ?")?
            .query_map([document], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for id in passages {
            for table in &tables {
                self.run(table, &[&id])?;
            }
        }
        self.run("DELETE FROM documents WHERE id = ?", &[&document])
    }
}
