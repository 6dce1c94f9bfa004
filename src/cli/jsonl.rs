//! `crossrank rerank --jsonl`: many queries, one a line, each with its own documents.
//!
//! One line is in memory at a time, and each result is written before the next line is read. The
//! lines that `--output` holds already are the record of what is done, so that a run that was
//! killed goes on where it ended.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind as IoErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use crossrank::{Backend, RankedDocument, Ranking};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Failure, input, io};

#[derive(Args)]
pub struct BulkArgs {
    /// Read queries with their documents from JSON lines, {id, query, documents: [text or
    /// {id, text}]}, and print a line for each, {id, results: [{index, id, score, logit,
    /// truncated}], queryTruncated}
    #[arg(long, conflicts_with_all = ["query", "text_field", "json"])]
    jsonl: bool,
    /// Write here; lines that are here already are not computed again
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    output: Option<PathBuf>,
}

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
#[serde(untagged, expecting = "expected documents that are strings or {\"id\", \"text\"}")]
enum Candidate {
    Text(String),
    Named { id: Id, text: String },
}

impl Candidate {
    fn text(&self) -> &str {
        let (Candidate::Text(text) | Candidate::Named { text, .. }) = self;
        text
    }

    fn id(&self) -> Option<&Id> {
        match self {
            Candidate::Text(_) => None,
            Candidate::Named { id, .. } => Some(id),
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

/// A line of an earlier run.
#[derive(Deserialize)]
struct DoneLine {
    id: Id,
    #[serde(rename = "results")]
    _results: IgnoredAny,
}

pub fn run(
    args: &BulkArgs,
    file: &Path,
    top_k: usize,
    load: impl FnOnce() -> Result<Box<dyn Backend>, Failure>,
) -> Result<String, Failure> {
    let mut jobs = input::jsonl::<Job>(file)?;
    let (mut out, name): (Box<dyn Write>, _) = match &args.output {
        Some(path) => (Box::new(resume(path, &mut jobs)?), path.display().to_string()),
        None => (Box::new(std::io::stdout()), "standard output".to_owned()),
    };
    let reranker = load()?;
    for job in jobs {
        let (line, job) = job?;
        let documents: Vec<&str> = job.documents.iter().map(Candidate::text).collect();
        let ranking = reranker.rerank(&job.query, &documents, top_k).map_err(|e| {
            let place = format!("{}:{line}: {e}", file.display());
            Failure::new(e.kind().code(), place)
        })?;
        match out.write_all(&result(&job, ranking)).and_then(|()| out.flush()) {
            Ok(()) => {}
            // The reader, `head` for one, has seen enough.
            Err(e) if e.kind() == IoErrorKind::BrokenPipe => break,
            Err(e) => return Err(io(format!("cannot write {name}"))(e)),
        }
    }
    Ok(String::new())
}

fn result(job: &Job, ranking: Ranking) -> Vec<u8> {
    let item = |result: RankedDocument| Item { id: job.documents[result.index].id(), result };
    let Ranking { results, query_truncated, .. } = ranking;
    let line =
        Line { id: &job.id, results: results.into_iter().map(item).collect(), query_truncated };
    let mut bytes = serde_json::to_vec(&line).expect("strings and numbers");
    bytes.push(b'\n');
    bytes
}

/// Opens an output at its end, past as many jobs as it has lines. A last line without its end was
/// torn when its run was killed, and goes.
fn resume(
    path: &Path,
    jobs: &mut impl Iterator<Item = Result<(usize, Job), Failure>>,
) -> Result<File, Failure> {
    let cannot = |what: &str| io(format!("cannot {what} {}", path.display()));
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(cannot("open"))?;
    // File systems without locks are left to the caller's care.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        let message = format!("another run writes {}; wait for its end", path.display());
        return Err(Failure::new("io", message));
    }
    let (mut reader, mut end, mut bytes) = (BufReader::new(file), 0, Vec::new());
    for number in 1.. {
        bytes.clear();
        reader.read_until(b'\n', &mut bytes).map_err(cannot("read"))?;
        if bytes.last() != Some(&b'\n') {
            break;
        }
        end += bytes.len() as u64;
        let wrong =
            |what| input::bad_line(path, number, format_args!("{what}; name another --output"));
        let done: DoneLine =
            serde_json::from_slice(&bytes).map_err(|_| wrong("not a result".to_owned()))?;
        let Some(job) = jobs.next().transpose()? else {
            return Err(wrong("the input has fewer lines".to_owned()));
        };
        let (line, Job { id, .. }) = job;
        if id != done.id {
            let what = format!("the id is {}, and {id} in line {line} of the input", done.id);
            return Err(wrong(what));
        }
    }
    let mut file = reader.into_inner();
    file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))).map_err(cannot("write"))?;
    Ok(file)
}
