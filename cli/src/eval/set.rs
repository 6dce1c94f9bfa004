//! Reads an evaluation set in the BEIR layout (Thakur et al. 2021, arXiv:2104.08663).

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::error::CliError;
use crate::input;
use crate::records::{Record, RecordFormat, TEXT_FIELD, readable};

/// An evaluation set.
pub struct Set {
    /// Texts by id. A document's text is its title, a space, and its text.
    pub corpus: HashMap<String, String>,
    /// Every query that has a relevant document.
    pub topics: Vec<Topic>,
}

/// A query with its first-stage list and the grades of its judged documents.
pub struct Topic {
    pub query: String,
    /// Document ids with the scores of the first stage, best first.
    pub candidates: Vec<(String, f64)>,
    /// Grades by document id.
    pub grades: HashMap<String, u32>,
}

impl Set {
    /// Reads `corpus.jsonl`, `queries.jsonl`, `qrels.tsv` and the first stage's `run`.
    pub fn read(dir: &Path, run: &Path) -> Result<Set, CliError> {
        let set = Set {
            corpus: read_records(&dir.join("corpus.jsonl"))?,
            topics: read_topics(dir, run)?,
        };
        let named = set.topics.iter().flat_map(|topic| &topic.candidates);
        match named.map(|(id, _)| id).find(|&id| !set.corpus.contains_key(id)) {
            Some(id) => {
                let message = format!("document {id} of the run is not in corpus.jsonl");
                Err(CliError::new("invalid-input", message))
            }
            None => Ok(set),
        }
    }
}

fn read_records(path: &Path) -> Result<HashMap<String, String>, CliError> {
    let record = |record: Result<(usize, Value), CliError>| {
        let (line, value) = record?;
        let bad = |problem: String| input::bad_line(path, line, problem);
        let Record { id, title, text } = Record::new(value, TEXT_FIELD).map_err(bad)?;
        let id = id.ok_or_else(|| bad("no _id".into()))?;
        let text = format!("{title} {text}");
        Ok((id, readable(path, line, text.trim()).to_owned()))
    };
    RecordFormat::JsonLines.read(path, TEXT_FIELD)?.map(record).collect()
}

/// A line of the first stage's run.
struct Entry {
    rank: u64,
    document: String,
    score: f64,
}

/// Reads every query that has a relevant document, with its candidates in the order of their ranks.
/// A query without candidates is kept, and its quality is 0.
fn read_topics(dir: &Path, run: &Path) -> Result<Vec<Topic>, CliError> {
    let mut grades: HashMap<String, HashMap<String, u32>> = HashMap::new();
    read_tsv(&dir.join("qrels.tsv"), true, |[query, document, grade]| {
        // Some sets have negative grades for "harmful" or "not judged".
        let grade: i64 = grade.parse().map_err(|_| "the grade is not a whole number")?;
        let grade = u32::try_from(grade).unwrap_or(0);
        grades.entry(query.to_owned()).or_default().insert(document.to_owned(), grade);
        Ok(())
    })?;
    let mut lists: HashMap<String, Vec<Entry>> = HashMap::new();
    read_tsv(&dir.join(run), false, |[query, document, rank, score]| {
        let rank = rank.parse().map_err(|_| "the rank is not a whole number")?;
        let score = score.parse().map_err(|_| "the score is not a number")?;
        lists.entry(query.to_owned()).or_default().push(Entry {
            rank,
            document: document.to_owned(),
            score,
        });
        Ok(())
    })?;

    let queries = read_records(&dir.join("queries.jsonl"))?;
    let mut topics: Vec<(String, Topic)> = grades
        .into_iter()
        .filter(|(_, grades)| grades.values().any(|&grade| grade > 0))
        .filter_map(|(id, grades)| {
            let query = queries.get(&id)?.clone();
            let mut list = lists.remove(&id).unwrap_or_default();
            list.sort_by_key(|entry| entry.rank);
            let candidates = list.into_iter().map(|entry| (entry.document, entry.score)).collect();
            Some((id, Topic { query, candidates, grades }))
        })
        .collect();
    // A fixed order, because a sum of floats depends on the order of its terms.
    topics.sort_by(|(a, _), (b, _)| a.cmp(b));
    if topics.is_empty() {
        let message = format!("{} has no query with a relevant document", dir.display());
        return Err(CliError::new("invalid-input", message));
    }
    Ok(topics.into_iter().map(|(_, topic)| topic).collect())
}

/// Reads a file of columns that are separated by tabs, and calls `row` with the first `N` columns of
/// each line. `header`: the first line is skipped.
fn read_tsv<const N: usize>(
    path: &Path,
    header: bool,
    mut row: impl FnMut([&str; N]) -> Result<(), &'static str>,
) -> Result<(), CliError> {
    let text = input::read_text(path)?;
    for (number, line) in input::lines(&text).skip(header.into()) {
        let columns: Vec<&str> = line.split('\t').collect();
        let columns = columns.first_chunk::<N>().ok_or("too few columns; separate them by tabs");
        columns.and_then(|columns| row(*columns)).map_err(|e| input::bad_line(path, number, e))?;
    }
    Ok(())
}
