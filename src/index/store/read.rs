//! Finds passages by words, and reads passages.

use std::collections::HashSet;

use rusqlite::OptionalExtension;

use super::database::Store;
use crate::error::Result;
use crate::index::analysis::match_any_word;
use crate::index::document::id_of_name;

/// How much more a word in the title counts than a word in the text.
const TITLE_WEIGHT: f64 = 1.0;

/// A passage that a search found, with its score there. A higher score is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    pub passage: i64,
    /// The passage's document if that is a record, which results name only once.
    pub record: Option<i64>,
    pub score: f64,
}

/// A passage as the index holds it, with its place.
#[derive(Clone, Debug)]
pub struct StoredPassage {
    pub path: String,
    /// The id of a record that has one.
    pub id: Option<String>,
    pub title: String,
    pub text: String,
    /// The bytes of the file, or for a record of its title, a space, and its text.
    pub start: usize,
    pub end: usize,
    /// The line of the file, from 1.
    pub line: usize,
}

impl Store {
    /// The best passages by BM25, best first: at most `limit`, and at most one of each record.
    pub fn search_text(&self, query: &str, limit: usize) -> Result<Vec<Ranked>> {
        let Some(query) = match_any_word(query) else { return Ok(Vec::new()) };
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
        distinct_records(limit, best).map_err(|e| self.error(e))
    }

    /// A passage, or `None` if another process has removed it.
    pub fn passage(&self, id: i64) -> Result<Option<StoredPassage>> {
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
                Ok(StoredPassage {
                    path: row.get(0)?,
                    id: id_of_name(row.get_ref(1)?.as_str()?),
                    title: row.get(2)?,
                    text: row.get(3)?,
                    start: number(row, 4)?,
                    end: number(row, 5)?,
                    line: number(row, 6)?,
                })
            };
            statement.query_row([id], passage).optional()
        };
        read().map_err(|e| self.error(e))
    }
}

/// Reads a row of passage id, document id, document name and score.
pub fn ranked(row: &rusqlite::Row) -> rusqlite::Result<Ranked> {
    let is_record = !row.get_ref(2)?.as_str()?.is_empty();
    let record = if is_record { Some(row.get(1)?) } else { None };
    Ok(Ranked { passage: row.get(0)?, record, score: row.get(3)? })
}

/// The first `limit` passages, of each record only the first. `best` gives the given number of
/// passages, and is called again for more if too many of them belong to the same records.
fn distinct_records(
    limit: usize,
    best: impl Fn(usize) -> rusqlite::Result<Vec<Ranked>>,
) -> rusqlite::Result<Vec<Ranked>> {
    // A second call costs more than twice the passages.
    let mut count = limit.saturating_mul(2);
    loop {
        let mut passages = best(count)?;
        let is_all = passages.len() < count;
        let mut seen = HashSet::new();
        passages.retain(|passage| passage.record.is_none_or(|id| seen.insert(id)));
        if is_all || passages.len() >= limit {
            passages.truncate(limit);
            return Ok(passages);
        }
        count = count.saturating_mul(4);
    }
}
