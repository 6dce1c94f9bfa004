//! What `crossrank index` changes, in transactions: killed at any moment, an index holds whole
//! documents, each once.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, OptionalExtension, Transaction, TransactionBehavior};

use super::Store;
use crate::CliError;
use crate::search::words::spaced;

/// A file's size, and when it changed in nanoseconds since 1970.
pub type Stamp = (u64, i64);

/// A document to put into the index.
pub struct Document {
    /// Its `_id`; empty for a file that is one document.
    pub name: String,
    /// Of all that its passages are made of.
    pub hash: [u8; 32],
    /// The line of the file on which it begins, from 1.
    pub line: usize,
    pub passages: Vec<NewPassage>,
}

pub struct NewPassage {
    pub title: String,
    pub text: String,
    pub range: Range<usize>,
    /// Lines between the document's first and this.
    pub line: usize,
    /// Where the index has vectors.
    pub vector: Option<Vec<f32>>,
}

/// A step of indexing.
pub enum Change {
    /// Puts a document into a file's place, instead of the one of that name.
    Put { path: String, document: Document },
    /// The document is where it was, on another line.
    Move { path: String, name: String, line: usize },
    /// All documents of a file are in; others of it go.
    Complete { path: String, size: u64, modified: i64, names: HashSet<String> },
    /// The file is gone.
    Remove { path: String },
}

impl Store {
    /// Every file, and whether it stands there completely with this size and time.
    pub fn files(&self) -> Result<HashMap<String, Option<Stamp>>, CliError> {
        let read = || -> rusqlite::Result<_> {
            let mut files = self.database.prepare("SELECT path, size, modified FROM files")?;
            let rows = files.query_map([], |row| {
                let (size, modified): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
                Ok((row.get(0)?, size.map(|size| size as u64).zip(modified)))
            })?;
            rows.collect()
        };
        read().map_err(|e| self.failure(e))
    }

    /// The hash and the line of a document.
    pub fn document(&self, path: &str, name: &str) -> Result<Option<([u8; 32], usize)>, CliError> {
        let read = || {
            let mut statement = self.database.prepare_cached(
                "SELECT hash, line FROM documents
                 WHERE file = (SELECT id FROM files WHERE path = ?) AND name = ?",
            )?;
            let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get::<_, i64>(1)? as usize));
            statement.query_row((path, name), row).optional()
        };
        read().map_err(|e| self.failure(e))
    }

    /// Makes changes, all or none.
    pub fn apply(&mut self, changes: &[Change]) -> Result<(), CliError> {
        let vectors = self.space.is_some();
        let mut apply = || {
            let transaction =
                self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let writer = Writer { transaction: &transaction, vectors };
            for change in changes {
                writer.apply(change)?;
            }
            transaction.commit()
        };
        apply().map_err(|e| super::failure(&self.path, e))
    }

    /// The numbers of files, documents and passages.
    pub fn counts(&self) -> Result<[usize; 3], CliError> {
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            let row = self.database.query_row(&sql, [], |row| row.get::<_, i64>(0));
            row.map(|count| count as usize).map_err(|e| self.failure(e))
        };
        Ok([count("files")?, count("documents")?, count("passages")?])
    }
}

struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    vectors: bool,
}

impl Writer<'_> {
    fn apply(&self, change: &Change) -> rusqlite::Result<()> {
        match change {
            Change::Put { path, document } => self.put(self.file(path)?, document),
            Change::Move { path, name, line } => {
                let line_of = "UPDATE documents SET line = ? WHERE file = ? AND name = ?";
                self.run(line_of, &[&(*line as i64), &self.file(path)?, name])
            }
            Change::Complete { path, size, modified, names } => {
                let file = self.file(path)?;
                for (id, name) in self.documents(file)? {
                    if !names.contains(&name) {
                        self.remove(id)?;
                    }
                }
                let complete = "UPDATE files SET size = ?, modified = ? WHERE id = ?";
                self.run(complete, &[&(*size as i64), modified, &file])
            }
            Change::Remove { path } => {
                let file = self.file(path)?;
                for (id, _) in self.documents(file)? {
                    self.remove(id)?;
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

    /// The id of a file, which counts as incomplete from now on.
    fn file(&self, path: &str) -> rusqlite::Result<i64> {
        self.run(
            "INSERT INTO files(path) VALUES (?)
             ON CONFLICT(path) DO UPDATE SET size = NULL, modified = NULL",
            &[&path],
        )?;
        self.sql("SELECT id FROM files WHERE path = ?")?.query_row([path], |row| row.get(0))
    }

    fn documents(&self, file: i64) -> rusqlite::Result<Vec<(i64, String)>> {
        let mut documents = self.sql("SELECT id, name FROM documents WHERE file = ?")?;
        let rows = documents.query_map([file], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }

    fn put(&self, file: i64, document: &Document) -> rusqlite::Result<()> {
        let find = "SELECT id FROM documents WHERE file = ? AND name = ?";
        let old = self.sql(find)?.query_row((file, &document.name), |row| row.get(0)).optional()?;
        if let Some(id) = old {
            self.remove(id)?;
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

    fn put_passage(&self, document: i64, passage: &NewPassage) -> rusqlite::Result<()> {
        let NewPassage { title, text, range, line, vector } = passage;
        self.run(
            "INSERT INTO passages(document, title, text, first, behind, line)
             VALUES (?, ?, ?, ?, ?, ?)",
            &[&document, title, text, &(range.start as i64), &(range.end as i64), &(*line as i64)],
        )?;
        let id = self.transaction.last_insert_rowid();
        self.run(
            "INSERT INTO words(rowid, title, text) VALUES (?, ?, ?)",
            &[&id, &spaced(title), &spaced(text)],
        )?;
        match vector {
            Some(vector) => {
                let insert = "INSERT INTO vectors(passage, vector) VALUES (?, ?)";
                self.run(insert, &[&id, &super::vectors::stored(vector)])
            }
            None => Ok(()),
        }
    }

    fn remove(&self, document: i64) -> rusqlite::Result<()> {
        let mut tables = vec!["DELETE FROM words WHERE rowid = ?"];
        if self.vectors {
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
