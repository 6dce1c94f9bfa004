//! What a search asks of the index.

use std::collections::HashSet;

use rusqlite::OptionalExtension;

use super::Store;
use crate::CliError;
use crate::search::words::any_word;

/// How much more a word counts in the title than in the text.
const TITLE_WEIGHT: f64 = 1.0;

/// A passage that a stage found, with that stage's score; more is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    pub passage: i64,
    /// Its document, where that has an `_id`: results name it once.
    pub document: Option<i64>,
    pub score: f64,
}

/// A passage with its place.
#[derive(Clone, Debug)]
pub struct Passage {
    pub path: String,
    /// The document's `_id`; empty for a file that is one document.
    pub id: String,
    pub title: String,
    pub text: String,
    /// Bytes of the file; in JSON lines, of the document's text.
    pub start: usize,
    pub end: usize,
    /// From 1.
    pub line: usize,
}

/// What the models read of a passage.
pub fn full_text(title: &str, text: &str) -> String {
    format!("{title} {text}").trim().to_owned()
}

impl Store {
    /// The best passages by BM25, at most one of a document with an `_id`.
    pub fn by_words(&self, query: &str, most: usize) -> Result<Vec<Ranked>, CliError> {
        let Some(query) = any_word(query) else { return Ok(Vec::new()) };
        let best = |count: usize| {
            let mut statement = self.database.prepare_cached(
                "SELECT best.id, document, name, score FROM
                     (SELECT rowid AS id, -bm25(words, ?, 1.0) AS score FROM words
                      WHERE words MATCH ? ORDER BY score DESC LIMIT ?) AS best
                     JOIN passages ON passages.id = best.id
                     JOIN documents ON documents.id = document
                 ORDER BY score DESC, best.id",
            )?;
            statement.query_map((TITLE_WEIGHT, &query, count as i64), ranked)?.collect()
        };
        distinct(most, best).map_err(|e| self.failure(e))
    }

    /// A passage, unless another process has removed it.
    pub fn passage(&self, id: i64) -> Result<Option<Passage>, CliError> {
        let read = || {
            let mut statement = self.database.prepare_cached(
                "SELECT path, name, title, text, first, behind, documents.line + passages.line
                 FROM passages
                     JOIN documents ON documents.id = document
                     JOIN files ON files.id = file
                 WHERE passages.id = ?",
            )?;
            let number = |row: &rusqlite::Row, i| row.get::<_, i64>(i).map(|n| n as usize);
            let passage = |row: &rusqlite::Row| {
                Ok(Passage {
                    path: row.get(0)?,
                    id: row.get(1)?,
                    title: row.get(2)?,
                    text: row.get(3)?,
                    start: number(row, 4)?,
                    end: number(row, 5)?,
                    line: number(row, 6)?,
                })
            };
            statement.query_row([id], passage).optional()
        };
        read().map_err(|e| self.failure(e))
    }
}

/// From a row of passage, document, the document's name and score.
pub(super) fn ranked(row: &rusqlite::Row) -> rusqlite::Result<Ranked> {
    let named = !row.get_ref(2)?.as_str()?.is_empty();
    let document = if named { Some(row.get(1)?) } else { None };
    Ok(Ranked { passage: row.get(0)?, document, score: row.get(3)? })
}

/// The first `most` passages without those of a document that came before. `best` gives so many
/// passages; documents with many good ones make it give more.
fn distinct(
    most: usize,
    best: impl Fn(usize) -> rusqlite::Result<Vec<Ranked>>,
) -> rusqlite::Result<Vec<Ranked>> {
    // A second look costs more than twice the passages.
    let mut count = most.saturating_mul(2);
    loop {
        let mut passages = best(count)?;
        let all = passages.len() < count;
        let mut seen = HashSet::new();
        passages.retain(|passage| passage.document.is_none_or(|id| seen.insert(id)));
        if all || passages.len() >= most {
            passages.truncate(most);
            return Ok(passages);
        }
        count = count.saturating_mul(4);
    }
}
