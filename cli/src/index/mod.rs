//! `crossrank index`: files to an index for `crossrank search`.

mod cut;
mod documents;
mod extract;
mod files;
mod outline;
mod problems;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use crossrank::Embedder;
use indicatif::ProgressBar;

use super::embedding::EmbeddingArgs;
use super::store::{Change, Document, NewPassage, Store, VectorSpace, full_text};
use super::{CliError, at_least_one, progress_bar};
use documents::Source;
use files::Found;
use problems::Problems;

/// Passages in a transaction: what a killed run has to do again.
const BATCH: usize = 128;

#[derive(Args)]
pub struct IndexArgs {
    /// The index: made where there is none, else renewed; files that did not change are left alone
    #[arg(short, long, value_name = "INDEX")]
    output: PathBuf,
    /// Make no vectors: quick, for searches by words
    #[arg(long, conflicts_with = "embedding_model")]
    text_only: bool,
    #[command(flatten)]
    embedding: EmbeddingArgs,
    /// Threads that make vectors [default: one a core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// The largest file that is one document; JSON lines may be of any size
    #[arg(long, value_name = "MB", default_value_t = 16, allow_negative_numbers = true)]
    max_file_mb: i64,
    /// Folder of text, Markdown, HTML and JSON lines, or one such file; JSON lines are
    /// {_id, title, text}, as in BEIR
    #[arg(value_name = "DIR|FILE")]
    source: PathBuf,
}

/// What a run did.
#[derive(Default)]
struct Summary {
    indexed: usize,
    unchanged: usize,
    removed: usize,
}

/// What became of a file.
enum Outcome {
    Indexed,
    Unchanged,
    /// It cannot be read now, and may be later: what the index has of it stays.
    Unread,
    /// It is no text: what the index has of it goes.
    Unfit,
}

pub fn run(args: &IndexArgs) -> Result<String, CliError> {
    let most_bytes = (at_least_one("--max-file-mb", args.max_file_mb)? as u64) << 20;
    let start = Instant::now();
    let root = files::canonical(&args.source)?;
    let threads = args.threads.map(|n| at_least_one("--threads", n)).transpose()?;
    let embedder = match args.text_only {
        true => None,
        false => Some(args.embedding.load(threads)?),
    };
    let space = embedder.as_ref().map(VectorSpace::of);
    let mut store = Store::open_or_create(&args.output, space.as_ref())?;
    let mut problems = Problems::new();
    let tree = files::walk(&root, &files::canonical(&args.output)?, &mut problems)?;

    let known = store.files()?;
    let mut summary = Summary::default();
    let bytes: u64 = tree.files.iter().map(|file| file.size).sum();
    let bar = progress_bar((bytes / 1024) as usize, "kB");
    problems.above(&bar);
    let embedder = embedder.as_ref();
    let mut writer = Writer {
        store: &mut store,
        embedder,
        changes: Vec::new(),
        passages: 0,
        bar: &bar,
        bytes: 0,
    };
    let mut kept: HashSet<String> = HashSet::new();
    for file in &tree.files {
        let path = file.path.to_str().expect("other names are left out").to_owned();
        let unchanged = known.get(&path) == Some(&Some((file.size, file.modified)));
        let outcome = match unchanged && file.modified != 0 {
            true => Outcome::Unchanged,
            false => writer.index(file, &path, most_bytes, &mut problems)?,
        };
        writer.bytes += file.size;
        match outcome {
            Outcome::Indexed => summary.indexed += 1,
            Outcome::Unchanged => summary.unchanged += 1,
            Outcome::Unread => (),
            Outcome::Unfit => continue,
        }
        kept.insert(path);
    }
    let unread = |path: &Path| tree.unread.iter().any(|folder| path.starts_with(folder));
    for path in known.into_keys().filter(|path| !kept.contains(path)) {
        if Path::new(&path).starts_with(&root) && !unread(Path::new(&path)) {
            writer.push(Change::Remove { path }, 0)?;
            summary.removed += 1;
        }
    }
    writer.flush()?;
    bar.finish_and_clear();

    let [files, documents, passages] = store.counts()?;
    Ok(format!(
        "{} files indexed, {} unchanged, {} removed, {} problems, {:.1} s\n\
         {} holds {passages} passages of {documents} documents in {files} files\n",
        summary.indexed,
        summary.unchanged,
        summary.removed,
        problems.count,
        start.elapsed().as_secs_f64(),
        args.output.display(),
    ))
}

/// Gathers changes, and makes those of many passages together.
struct Writer<'a> {
    store: &'a mut Store,
    /// Where the index has vectors.
    embedder: Option<&'a Embedder>,
    changes: Vec<Change>,
    passages: usize,
    bar: &'a ProgressBar,
    /// Of the files before this one.
    bytes: u64,
}

impl Writer<'_> {
    /// Puts a file's documents into the index, but for those that are there.
    fn index(
        &mut self,
        file: &Found,
        path: &str,
        most_bytes: u64,
        problems: &mut Problems,
    ) -> Result<Outcome, CliError> {
        let documents = match documents::read(file, most_bytes) {
            Ok(documents) => documents,
            Err(failure) => {
                problems.add_line(&failure.message);
                problems.end_file(&file.path);
                return Ok(if failure.code == "io" { Outcome::Unread } else { Outcome::Unfit });
            }
        };
        let mut names: HashSet<String> = HashSet::new();
        let mut read = 0;
        for document in documents {
            if let Ok(document) = &document {
                read += document.size();
                self.bar.set_position((self.bytes + read.min(file.size)) / 1024);
            }
            match document {
                Ok(document) if names.contains(&document.name) => {
                    problems.add_line(format_args!(
                        "{path}:{}: there is another document {} before",
                        document.line, document.name
                    ));
                }
                Ok(document) => {
                    names.insert(document.name.clone());
                    self.put(path, document, problems)?;
                }
                Err(failure) if failure.code == "io" => {
                    problems.add_line(&failure.message);
                    problems.end_file(&file.path);
                    return Ok(Outcome::Unread);
                }
                Err(failure) => problems.add_line(&failure.message),
            }
        }
        problems.end_file(&file.path);
        let (path, size, modified) = (path.to_owned(), file.size, file.modified);
        self.push(Change::Complete { path, size, modified, names }, 0)?;
        Ok(Outcome::Indexed)
    }

    fn put(&mut self, path: &str, source: Source, problems: &mut Problems) -> Result<(), CliError> {
        let (path, name, line) = (path.to_owned(), source.name.clone(), source.line);
        match self.store.document(&path, &name)? {
            Some((hash, old)) if hash == source.hash && old == line => Ok(()),
            Some((hash, _)) if hash == source.hash => {
                self.push(Change::Move { path, name, line }, 0)
            }
            _ => {
                let passages = source.passages().into_iter().map(|(passage, line)| NewPassage {
                    title: passage.title,
                    text: passage.text,
                    range: passage.range,
                    line,
                    vector: None,
                });
                let passages: Vec<NewPassage> = passages.collect();
                if passages.is_empty() {
                    problems.add_line(format_args!("{path}:{line}: no text"));
                }
                let count = passages.len();
                let document = Document { name, hash: source.hash, line, passages };
                self.push(Change::Put { path, document }, count)
            }
        }
    }

    fn push(&mut self, change: Change, passages: usize) -> Result<(), CliError> {
        self.changes.push(change);
        self.passages += passages;
        match self.passages >= BATCH || self.changes.len() >= 8 * BATCH {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), CliError> {
        if let Some(embedder) = self.embedder {
            let passages = self.changes.iter_mut().filter_map(|change| match change {
                Change::Put { document, .. } => Some(&mut document.passages),
                _ => None,
            });
            let mut passages: Vec<&mut NewPassage> = passages.flatten().collect();
            let texts: Vec<String> =
                passages.iter().map(|passage| full_text(&passage.title, &passage.text)).collect();
            for (passage, vector) in passages.iter_mut().zip(embedder.embed(&texts)?) {
                passage.vector = Some(vector);
            }
        }
        self.store.apply(&self.changes)?;
        self.changes.clear();
        self.passages = 0;
        Ok(())
    }
}
