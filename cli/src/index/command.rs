//! Walks the files, adds their documents to the index, and reports what was done.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use crossrank::index::{Added, FileWriter, IndexCounts, IndexWriter};
use indicatif::ProgressBar;

use super::diagnostics::Diagnostics;
use super::documents;
use super::files::{self, SourceFile};
use crate::args::at_least_one;
use crate::embedding::EmbeddingArgs;
use crate::error::CliError;
use crate::output::progress_bar;

#[derive(Args)]
pub struct IndexArgs {
    /// The index file: created if there is none, else updated; files that did not change are skipped
    #[arg(short, long, value_name = "INDEX")]
    output: PathBuf,
    /// Make no vectors: faster, for searches by words only
    #[arg(long, conflicts_with = "embedding_model")]
    text_only: bool,
    #[command(flatten)]
    embedding: EmbeddingArgs,
    /// Threads that make vectors [default: one per core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Maximum size of a file that is one document; JSON Lines files may have any size
    #[arg(long, value_name = "MB", default_value_t = 16, allow_negative_numbers = true)]
    max_file_mb: i64,
    /// Folder of text, Markdown, HTML and JSON Lines files, or one such file; JSON lines are
    /// {_id, title, text}, as in BEIR
    #[arg(value_name = "DIR|FILE")]
    source: PathBuf,
}

/// What a run did, in numbers of files.
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
    /// The file cannot be read now. What the index holds of it stays.
    Unreadable,
    /// The file is not text. What the index holds of it is removed.
    Unfit,
}

pub fn run(args: &IndexArgs) -> Result<String, CliError> {
    let max_bytes = (at_least_one("--max-file-mb", args.max_file_mb)? as u64) << 20;
    let start = Instant::now();
    let root = files::canonical(&args.source)?;
    let threads = args.threads.map(|n| at_least_one("--threads", n)).transpose()?;
    let embedder = match args.text_only {
        true => None,
        false => Some(args.embedding.load(threads)?),
    };
    let mut writer = IndexWriter::open(&args.output, embedder.as_ref())?;
    let mut diagnostics = Diagnostics::new();
    let tree = files::walk(&root, &files::canonical(&args.output)?, &mut diagnostics);

    let known = writer.files()?;
    let mut summary = Summary::default();
    let total: u64 = tree.files.iter().map(|file| file.stamp.size).sum();
    let mut progress = Progress { bar: progress_bar((total / 1024) as usize, "kB"), bytes: 0 };
    diagnostics.print_above(&progress.bar);
    let mut kept: HashSet<String> = HashSet::new();
    for file in &tree.files {
        let path = file.path.to_str().expect("files with other names are left out").to_owned();
        let is_unchanged = file.stamp.modified != 0 && known.get(&path) == Some(&Some(file.stamp));
        let outcome = match is_unchanged {
            true => Outcome::Unchanged,
            false => add_file(writer.file(&path), file, max_bytes, &progress, &mut diagnostics)?,
        };
        progress.bytes += file.stamp.size;
        match outcome {
            Outcome::Indexed => summary.indexed += 1,
            Outcome::Unchanged => summary.unchanged += 1,
            Outcome::Unreadable => (),
            Outcome::Unfit => continue,
        }
        kept.insert(path);
    }
    let is_unreadable = |path: &Path| tree.unreadable.iter().any(|part| path.starts_with(part));
    for path in known.into_keys().filter(|path| !kept.contains(path)) {
        if Path::new(&path).starts_with(&root) && !is_unreadable(Path::new(&path)) {
            writer.remove(path)?;
            summary.removed += 1;
        }
    }
    writer.commit()?;
    progress.bar.finish_and_clear();

    let IndexCounts { files, documents, passages } = writer.counts()?;
    Ok(format!(
        "{} files indexed, {} unchanged, {} removed, {} problems, {:.1} s\n\
         {} holds {passages} passages of {documents} documents in {files} files\n",
        summary.indexed,
        summary.unchanged,
        summary.removed,
        diagnostics.count,
        start.elapsed().as_secs_f64(),
        args.output.display(),
    ))
}

/// The progress of a run.
struct Progress {
    bar: ProgressBar,
    /// The bytes of the files before the current one.
    bytes: u64,
}

/// Adds the documents of a file to the index.
fn add_file(
    mut writer: FileWriter,
    file: &SourceFile,
    max_bytes: u64,
    progress: &Progress,
    diagnostics: &mut Diagnostics,
) -> Result<Outcome, CliError> {
    let path = file.path.display();
    let documents = match documents::read(file, max_bytes) {
        Ok(documents) => documents,
        Err(error) => {
            diagnostics.report(&error.message);
            diagnostics.end_file(&file.path);
            let is_unreadable = error.code == "io";
            return Ok(if is_unreadable { Outcome::Unreadable } else { Outcome::Unfit });
        }
    };
    let mut bytes = 0;
    for document in documents {
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                diagnostics.report(&error.message);
                if error.code == "io" {
                    diagnostics.end_file(&file.path);
                    return Ok(Outcome::Unreadable);
                }
                continue;
            }
        };
        bytes += document.size() as u64;
        progress.bar.set_position((progress.bytes + bytes.min(file.stamp.size)) / 1024);
        let (line, id) = (document.line(), document.id());
        match writer.add(&document)? {
            Added::Duplicate => diagnostics
                .report(format_args!("{path}:{line}: an earlier document already has the id {id}")),
            Added::Indexed(0) => diagnostics.report(format_args!("{path}:{line}: no text")),
            Added::Unchanged | Added::Indexed(_) => (),
        }
    }
    diagnostics.end_file(&file.path);
    writer.finish(file.stamp)?;
    Ok(Outcome::Indexed)
}
