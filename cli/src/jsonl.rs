//! `crossrank rerank --jsonl`: reranks many queries, one per line, each with its own documents.
//!
//! One line is in memory at a time, and each result is written before the next line is read. The
//! lines of the `--output` file record what is done, so that a run continues where an earlier one was
//! killed.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use clap::Args;
use crossrank::{Backend, RankedDocument, Ranking};
use serde::{Deserialize, Serialize};

use crate::error::{CliError, io};
use crate::input;
use crate::output::{is_read, json_line};
use crate::records::readable;

#[derive(Args)]
pub struct BulkArgs {
    /// Read queries with their documents from JSON Lines, {id, query, documents: [text or {text} or
    /// {id, text}]}, and print a line for each, {id, results: [{index, id, score, logit, truncated,
    /// span}], queryTruncated}; a result has a span if its document was split, see --json
    #[arg(long, conflicts_with_all = ["query", "text_field", "split", "json"])]
    jsonl: bool,
    /// Write to this file; lines that it already holds are not computed again, and must come from the
    /// same input, model and options
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    output: Option<PathBuf>,
}

/// A line of the input.
#[derive(Deserialize)]
struct Job {
    id: Id,
    query: String,
    documents: Vec<Candidate>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged, expecting = "expected an id that is a string or a number")]
enum Id {
    Text(String),
    Number(serde_json::Number),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Text(text) => write!(f, "\"{text}\""),
            Id::Number(number) => write!(f, "{number}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected documents that are strings or {\"text\"} or {\"id\", \"text\"}"
)]
enum Candidate {
    Text(String),
    Object { id: Option<Id>, text: String },
}

impl Candidate {
    fn text(&self) -> &str {
        let (Candidate::Text(text) | Candidate::Object { text, .. }) = self;
        text
    }

    fn id(&self) -> Option<&Id> {
        match self {
            Candidate::Text(_) => None,
            Candidate::Object { id, .. } => id.as_ref(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: &'a Id,
    results: Vec<Item<'a>>,
    query_truncated: bool,
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Id>,
    #[serde(flatten)]
    result: RankedDocument,
}

/// A line that an earlier run wrote.
#[derive(Deserialize)]
struct DoneLine {
    id: Id,
    results: Vec<DoneItem>,
}

#[derive(Deserialize)]
struct DoneItem {
    index: usize,
}

impl Job {
    fn result(&self, ranking: Ranking) -> Line<'_> {
        let Ranking { results, query_truncated, .. } = ranking;
        let item = |result: RankedDocument| Item { id: self.documents[result.index].id(), result };
        Line { id: &self.id, results: results.into_iter().map(item).collect(), query_truncated }
    }

    /// Why a line that an earlier run wrote cannot be the result of this job. `line` is the job's
    /// line of the input.
    fn mismatch(&self, done: &DoneLine, line: usize, top_k: usize) -> Option<String> {
        let (Job { id, documents, .. }, DoneLine { id: other, results }) = (self, done);
        if other != id {
            return Some(format!("the id is {other}, and {id} in line {line} of the input"));
        }
        if results.len() > top_k {
            return Some(format!("{} results, and --top-k is {top_k}", results.len()));
        }
        let count = documents.len();
        let index = results.iter().map(|result| result.index).find(|&index| index >= count)?;
        Some(format!("a result for document {index}, and line {line} of the input has {count}"))
    }

    /// Whether an incomplete line may be the start of this job's result.
    fn may_begin(&self, incomplete: &[u8]) -> bool {
        let id = json_line(&self.id);
        let start = format!("{{\"id\":{},\"results\":[", id.trim_end());
        start.bytes().zip(incomplete).all(|(expected, byte)| expected == *byte)
    }
}

pub fn run(
    args: &BulkArgs,
    file: &Path,
    top_k: usize,
    load: impl FnOnce() -> Result<Box<dyn Backend>, CliError>,
) -> Result<String, CliError> {
    let mut jobs = input::jsonl::<Job>(file)?.peekable();
    let (mut out, name): (Box<dyn Write>, _) = match &args.output {
        Some(path) => (Box::new(resume(path, &mut jobs, top_k)?), path.display().to_string()),
        None => (Box::new(std::io::stdout()), "standard output".to_owned()),
    };
    let reranker = load()?;
    for job in jobs {
        let (line, job) = job?;
        let texts = job.documents.iter().map(|document| readable(file, line, document.text()));
        let documents: Vec<&str> = texts.collect();
        let mut ranking = reranker.rerank(&job.query, &documents, top_k).map_err(|e| {
            CliError::new(e.kind().code(), format!("{}:{line}: {e}", file.display()))
        })?;
        for result in &mut ranking.results {
            let whole = job.documents[result.index].text();
            result.truncated |= documents[result.index].len() < whole.len();
        }
        let line = json_line(&job.result(ranking));
        let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
        if !is_read(written, &name)? {
            break;
        }
    }
    Ok(String::new())
}

/// Opens an output at its end, and skips as many jobs as it has lines.
///
/// A last line without a line break is incomplete because its run was killed, and is removed. Any
/// other line that is not a result of its job is an error, and the file stays as it is.
fn resume(
    path: &Path,
    jobs: &mut Peekable<impl Iterator<Item = Result<(usize, Job), CliError>>>,
    top_k: usize,
) -> Result<File, CliError> {
    let cannot = |what: &str| io(format!("cannot {what} {}", path.display()));
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(cannot("open"))?;
    if !file.metadata().map_err(cannot("open"))?.is_file() {
        let message = "--output must be a file, because a run that continues reads it; leave it out \
                       to write to standard output";
        return Err(CliError::new("invalid-argument", message));
    }
    // On a file system without locks, the caller must see to it that only one run writes.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        let message = format!("another run writes {}; wait until it ends", path.display());
        return Err(CliError::new("io", message));
    }
    let (mut reader, mut end, mut bytes) = (BufReader::new(file), 0, Vec::new());
    for number in 1.. {
        bytes.clear();
        reader.read_until(b'\n', &mut bytes).map_err(cannot("read"))?;
        if bytes.is_empty() {
            break;
        }
        let invalid =
            |what: &str| input::bad_line(path, number, format!("{what}; name another --output"));
        if bytes.last() != Some(&b'\n') {
            if jobs.peek().is_some_and(|job| job.is_err()) {
                jobs.next().transpose()?;
            }
            match jobs.peek() {
                Some(Ok((_, job))) if job.may_begin(&bytes) => break,
                _ => return Err(invalid("not a result")),
            }
        }
        end += bytes.len() as u64;
        let done: DoneLine = serde_json::from_slice(&bytes).map_err(|_| invalid("not a result"))?;
        let Some((line, job)) = jobs.next().transpose()? else {
            return Err(invalid("the input has fewer lines"));
        };
        if let Some(what) = job.mismatch(&done, line, top_k) {
            return Err(invalid(&what));
        }
    }
    let mut file = reader.into_inner();
    file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))).map_err(cannot("write"))?;
    Ok(file)
}
