//! `crossrank index`: files to an index for `crossrank search`.

mod cut;
mod documents;
mod extract;
mod files;
mod outline;
mod problems;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::store::{Change, Document, NewPassage, Store};
use super::{Failure, at_least_one, progress_bar};
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

pub fn run(args: &IndexArgs) -> Result<String, Failure> {
    let most_bytes = (at_least_one("--max-file-mb", args.max_file_mb)? as u64) << 20;
    let start = Instant::now();
    let root = files::canonical(&args.source)?;
    let mut store = Store::open_or_create(&args.output, None)?;
    let mut problems = Problems::new();
    let tree = files::walk(&root, &files::canonical(&args.output)?, &mut problems)?;

    let known: HashMap<String, Option<(u64, i64)>> = store.files()?.into_iter().collect();
    let mut summary = Summary::default();
    let kilobytes = |file: &Found| file.size.div_ceil(1024);
    let bar = progress_bar(tree.files.iter().map(kilobytes).sum::<u64>() as usize, "kB");
    problems.above(&bar);
    let mut writer = Writer { store: &mut store, changes: Vec::new(), passages: 0 };
    let mut kept: HashSet<String> = HashSet::new();
    for file in &tree.files {
        let path = file.path.to_str().expect("other names are left out").to_owned();
        let unchanged = known.get(&path) == Some(&Some((file.size, file.modified)));
        match unchanged && file.modified != 0 {
            true => summary.unchanged += 1,
            false => match writer.index(file, &path, most_bytes, &mut problems)? {
                true => summary.indexed += 1,
                false => continue,
            },
        }
        kept.insert(path);
        bar.inc(kilobytes(file));
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
    changes: Vec<Change>,
    passages: usize,
}

impl Writer<'_> {
    /// Puts a file's documents into the index, but for those that are there. `false`: it has none
    /// to put, and what the index holds of it goes.
    fn index(
        &mut self,
        file: &Found,
        path: &str,
        most_bytes: u64,
        problems: &mut Problems,
    ) -> Result<bool, Failure> {
        let documents = match documents::read(file, most_bytes) {
            Ok(documents) => documents,
            Err(failure) => {
                problems.add_line(&failure.message);
                problems.end_file(&file.path);
                // What cannot be read now may be read later.
                return Ok(failure.code == "io");
            }
        };
        let mut names: HashSet<String> = HashSet::new();
        for document in documents {
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
                    return Ok(true);
                }
                Err(failure) => problems.add_line(&failure.message),
            }
        }
        problems.end_file(&file.path);
        let (path, size, modified) = (path.to_owned(), file.size, file.modified);
        self.push(Change::Complete { path, size, modified, names }, 0)?;
        Ok(true)
    }

    fn put(&mut self, path: &str, source: Source, problems: &mut Problems) -> Result<(), Failure> {
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

    fn push(&mut self, change: Change, passages: usize) -> Result<(), Failure> {
        self.changes.push(change);
        self.passages += passages;
        match self.passages >= BATCH || self.changes.len() >= 8 * BATCH {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.store.apply(&self.changes)?;
        self.changes.clear();
        self.passages = 0;
        Ok(())
    }
}
