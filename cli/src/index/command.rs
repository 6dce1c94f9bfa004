//! Walks the files, adds their documents to the index, and reports what was done.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use crossrank::index::{Added, FileWriter, IndexCounts, IndexWriter};
use indicatif::ProgressBar;

use super::documents::{self, Content, ReadOptions};
use super::files::{self, FileFormat, Roots, SourceFile, Vanished};
use crate::args::at_least_one;
use crate::diagnostics::Diagnostics;
use crate::embedding::EmbeddingArgs;
use crate::error::CliError;
use crate::output::{bytes_bar, line, message};
use crate::records::TEXT_FIELD;
use crate::units;

#[derive(Args)]
pub struct IndexArgs {
    /// The index file. It is created if there is none, else updated: files that did not change are
    /// skipped, and those that are gone are removed
    #[arg(short, long, value_name = "INDEX")]
    output: PathBuf,
    /// Make no vectors. This is faster, and the index can be searched by words only
    #[arg(long, conflicts_with = "embedding_model")]
    text_only: bool,
    #[command(flatten)]
    embedding: EmbeddingArgs,
    /// Number of threads that make vectors [default: one per core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Maximum size of a file that is read as a whole, in MB; JSON Lines, CSV and TSV files may have
    /// any size
    #[arg(long, value_name = "MB", default_value_t = 16, allow_negative_numbers = true)]
    max_file_mb: i64,
    /// Take the text of a record from this field or column [default: text]
    #[arg(long, value_name = "FIELD")]
    text_field: Option<String>,
    /// Also index scripts, style sheets, SVG images, minified files, data in JSON, Sphinx's copies of
    /// the sources of pages, and folders node_modules
    #[arg(long)]
    all_files: bool,
    /// Folders of text, Markdown, HTML and record files, or such files.
    ///
    /// Records are {_id or id, title, text}: JSON Lines, a JSON array, or CSV and TSV with names of
    /// columns. The index holds absolute paths without links, whatever the current folder is. A path
    /// that lies in another one is indexed once. What the index holds of a path that is gone is
    /// removed; a path that is neither there nor in the index is an error. Files of the index that are
    /// in none of the paths stay as they are.
    #[arg(value_name = "DIR|FILE", required = true)]
    sources: Vec<PathBuf>,
}

/// What a run did, in numbers of files.
#[derive(Default)]
struct Summary {
    indexed: usize,
    unchanged: usize,
    removed: usize,
    /// Whether any document is in the index.
    has_documents: bool,
}

/// What became of a file.
enum Outcome {
    Indexed {
        has_documents: bool,
    },
    Unchanged,
    /// The file cannot be read now. What the index holds of it stays.
    Unreadable,
    /// The file is not text. What the index holds of it is removed.
    Unfit,
    /// The file is text of a kind that is not for readers. What the index holds of it is removed.
    LeftOut(&'static str),
}

pub fn run(args: &IndexArgs) -> Result<String, CliError> {
    let options = ReadOptions {
        max_bytes: (at_least_one("--max-file-mb", args.max_file_mb)? as u64) << 20,
        text_field: args.text_field.as_deref().unwrap_or(TEXT_FIELD),
        all_files: args.all_files,
    };
    let start = Instant::now();
    let roots = Roots::find(&args.sources)?;
    if !args.output.exists() {
        roots.check_vanished([].iter())?;
    }
    let threads = args.threads.map(|n| at_least_one("--threads", n)).transpose()?;
    let embedder = match args.text_only {
        true => None,
        false => Some(args.embedding.load(threads)?),
    };
    let mut writer = IndexWriter::open(&args.output, embedder.as_ref())?;
    let known = writer.files()?;
    roots.check_vanished(known.keys())?;
    for Vanished { given, .. } in &roots.vanished {
        message(format_args!("{} is gone, and removed from the index", given.display()));
    }
    let mut diagnostics = Diagnostics::new();
    let index = files::canonical(&args.output)?;
    let mut tree = files::walk(&roots, &index, args.all_files, &mut diagnostics);

    let mut summary = Summary::default();
    let total: u64 = tree.files.iter().map(|file| file.stamp.size).sum();
    let mut progress = Progress { bar: bytes_bar(total), bytes: 0 };
    diagnostics.print_above(&progress.bar);
    let mut kept: HashSet<String> = HashSet::new();
    for file in &tree.files {
        let path = file.path.to_str().expect("files with other names are left out").to_owned();
        // With another field, the same records are other documents.
        let may_differ = args.text_field.is_some() && matches!(file.format, FileFormat::Records(_));
        let is_unchanged =
            file.stamp.modified != 0 && known.get(&path) == Some(&Some(file.stamp)) && !may_differ;
        let outcome = match is_unchanged {
            true => Outcome::Unchanged,
            false => add_file(writer.file(&path), file, &options, &progress, &mut diagnostics)?,
        };
        progress.bytes += file.stamp.size;
        match outcome {
            Outcome::Indexed { has_documents } => {
                summary.indexed += 1;
                summary.has_documents |= has_documents;
            }
            Outcome::Unchanged => {
                summary.unchanged += 1;
                summary.has_documents = true;
            }
            Outcome::Unreadable => (),
            Outcome::Unfit => continue,
            Outcome::LeftOut(kind) => {
                tree.left_out.add(kind);
                continue;
            }
        }
        kept.insert(path);
    }
    let is_unreadable = |path: &Path| tree.unreadable.iter().any(|part| path.starts_with(part));
    for path in known.into_keys().filter(|path| !kept.contains(path)) {
        if roots.contain(Path::new(&path)) && !is_unreadable(Path::new(&path)) {
            writer.remove(path)?;
            summary.removed += 1;
        }
    }
    writer.commit()?;
    progress.bar.finish_and_clear();

    let left_out = match tree.left_out.is_empty() {
        true => String::new(),
        false => format!("left out: {}; --all-files indexes them", tree.left_out),
    };
    if !summary.has_documents && (diagnostics.count > 0 || !left_out.is_empty()) {
        let more = if left_out.is_empty() { String::new() } else { format!(", {left_out}") };
        let message =
            format!("nothing could be indexed of {roots}: {} problems{more}", diagnostics.count);
        return Err(CliError::new("invalid-input", message));
    }
    let IndexCounts { files, documents, passages } = writer.counts()?;
    let mut report = line(&format!(
        "{} files indexed, {} unchanged, {} removed, {} problems, {}",
        summary.indexed,
        summary.unchanged,
        summary.removed,
        diagnostics.count,
        units::time(start.elapsed()),
    ));
    if !left_out.is_empty() {
        report += &line(&left_out);
    }
    let output = args.output.display();
    report += &line(&format!(
        "{output} holds {passages} passages of {documents} documents in {files} files"
    ));
    Ok(report)
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
    options: &ReadOptions,
    progress: &Progress,
    diagnostics: &mut Diagnostics,
) -> Result<Outcome, CliError> {
    let path = file.path.display();
    let documents = match documents::read(file, options) {
        Ok(Content::Documents(documents)) => documents,
        Ok(Content::NoDocument(kind)) => return Ok(Outcome::LeftOut(kind)),
        Err(error) => {
            diagnostics.report(&error.message);
            diagnostics.end_file(&file.path);
            let is_unreadable = error.code == "io";
            return Ok(if is_unreadable { Outcome::Unreadable } else { Outcome::Unfit });
        }
    };
    let (mut bytes, mut has_documents, mut stamp) = (0, false, file.stamp);
    for document in documents {
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                diagnostics.report(&error.message);
                // The next run reads the file again, perhaps with other options.
                stamp.modified = 0;
                if error.code == "io" {
                    diagnostics.end_file(&file.path);
                    return Ok(Outcome::Unreadable);
                }
                continue;
            }
        };
        bytes += document.size() as u64;
        progress.bar.set_position(progress.bytes + bytes.min(file.stamp.size));
        let line = document.line();
        match writer.add(&document)? {
            Added::Duplicate => match document.id() {
                Some(id) => diagnostics.report(format_args!(
                    "{path}:{line}: an earlier document already has the id {id}"
                )),
                None => diagnostics.report(format_args!("{path}:{line}: equal to an earlier one")),
            },
            Added::Indexed(0) => diagnostics.report(format_args!("{path}:{line}: no text")),
            Added::Unchanged | Added::Indexed(_) => has_documents = true,
        }
    }
    diagnostics.end_file(&file.path);
    writer.finish(stamp)?;
    Ok(Outcome::Indexed { has_documents })
}
