//! Reads the pages, makes the files, and reports what was done.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{fs, thread};

use clap::Args;
use crossrank::site::{BuildOptions, Page, SiteFiles, SiteVectors, TokenVectors};
use crossrank::{Embedder, EmbedderOptions, ErrorKind, ModelFiles};

use super::cache::PageCache;
use super::output::Output;
use super::page_files::PageFilesArgs;
use super::pages::{self, PageFile};
use crate::args::{at_least_one, cores};
use crate::diagnostics::Diagnostics;
use crate::error::{CliError, io};
use crate::model;
use crate::output::{bytes_bar, line};
use crate::units;

#[derive(Args)]
pub struct SiteArgs {
    /// The folder for the files of the search [default: DIR/crossrank]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The language of pages that have no lang attribute, such as en [default: that of most pages]
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Maximum size of a page, in MB. Larger ones are left out
    #[arg(long, value_name = "MB", default_value_t = 16, allow_negative_numbers = true)]
    max_page_mb: i64,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Search by meaning with these vectors, which crossrank distill made [default: those of the bundled model,
    /// for pages in English]
    #[arg(long, value_name = "FILE", conflicts_with = "text_only")]
    vectors: Option<PathBuf>,
    /// Search by meaning with the vectors of this embedder, which a reader's browser loads to search: a folder, a
    /// prepared model, or the name of a model that crossrank pull has downloaded [default: the bundled model, for
    /// pages in English]
    #[arg(long, value_name = "PATH|NAME", num_args = 0..=1, require_equals = true, conflicts_with_all = ["vectors", "text_only"])]
    embedder: Option<Option<PathBuf>>,
    /// Search by words only
    #[arg(long)]
    text_only: bool,
    /// Read all pages, even those that have not changed since the last run
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    page_files: PageFilesArgs,
    /// The folder with the pages of the site, as the host will serve it.
    ///
    /// Of each page, the elements with data-crossrank-body are read, else main or article, else body.
    /// Attributes whose names begin with data-pagefind- mean the same as those with data-crossrank-.
    #[arg(value_name = "DIR")]
    site: PathBuf,
}

pub fn run(args: &SiteArgs) -> Result<String, CliError> {
    let start = Instant::now();
    let max_bytes = (at_least_one("--max-page-mb", args.max_page_mb)? as u64) << 20;
    let threads = args.threads.map(|n| at_least_one("--threads", n)).transpose()?;
    let threads = threads.unwrap_or_else(cores);
    let what = || format!("cannot read {}", args.site.display());
    let folder = args.site.canonicalize().map_err(io(what()))?;
    if !folder.is_dir() {
        let message =
            format!("{} is not a folder; name the folder of the site", args.site.display());
        return Err(CliError::new("invalid-argument", message));
    }
    let output = match &args.output {
        Some(output) => Output::open(output)?,
        None => Output::open(&folder.join("crossrank"))?,
    };
    let mut diagnostics = Diagnostics::new();
    let files = pages::find(&folder, output.folder(), &mut diagnostics);
    let mut cache = PageCache::open(&folder);
    let (pages, unchanged) =
        read(&files, &mut cache, args.no_cache, max_bytes, threads, &mut diagnostics);
    let read = pages.iter().filter(|page| page.is_some()).count();
    if read == 0 {
        let message = format!(
            "no pages were found in {}: {} HTML files, {} problems; name the folder with the built site",
            args.site.display(),
            files.len(),
            diagnostics.count
        );
        return Err(CliError::new("invalid-input", message));
    }
    let entries =
        files.iter().zip(&pages).filter_map(|(file, page)| Some((file, page.as_ref()?.as_ref())));
    if let Err(error) = cache.write(entries) {
        crate::output::warning(format_args!("{}; the next run reads all pages", error.message));
    }
    let embedder = args.load_embedder(threads)?;
    let tokens = if embedder.is_none() { args.load_vectors()? } else { None };
    let mut options = BuildOptions::default();
    options.vectors = match &embedder {
        Some(SiteEmbedder { embedder, language, .. }) => {
            Some(SiteVectors::Embedder { embedder, language })
        }
        None => tokens.as_ref().map(SiteVectors::Tokens),
    };
    options.root = way(output.folder(), &folder).unwrap_or_default();
    options.language = args.language.clone();
    options.has_reranker = args.page_files.has_reranker();
    options.threads = threads;
    let site = SiteFiles::build(pages.into_iter().flatten().flatten().collect(), &options)?;
    let bytes = output.write(&site)?;
    let embedder = embedder.as_ref().map(|embedder| &embedder.prepared[..]);
    args.page_files.write(output.folder(), site.needs_languages, embedder)?;
    let left_out = read - site.pages;
    let mut report = line(&format!(
        "{} pages read, {unchanged} unchanged, {left_out} left out, {} problems, {}",
        read - unchanged,
        diagnostics.count,
        units::time(start.elapsed()),
    ));
    report += &line(&format!(
        "{} holds {} sections of {} pages in {} files, {}",
        args.output.as_deref().unwrap_or(&args.site.join("crossrank")).display(),
        site.sections,
        site.pages,
        site.files.len() + 1,
        units::size(bytes),
    ));
    Ok(report)
}

/// An embedder, the file from which pages load the same one, and the language of the pages that it is for.
struct SiteEmbedder {
    embedder: Embedder,
    prepared: Vec<u8>,
    language: &'static str,
}

impl SiteArgs {
    fn load_embedder(&self, threads: usize) -> Result<Option<SiteEmbedder>, CliError> {
        let Some(given) = &self.embedder else { return Ok(None) };
        let (files, language) = match given {
            Some(given) => (model::read(given)?, ""),
            None => (ModelFiles::bundled_embedder()?, "en"),
        };
        let prepared = files.prepare()?;
        let mut options = EmbedderOptions::default();
        options.threads = Some(threads);
        // Its fingerprint is that of the file from which it is loaded.
        let files = ModelFiles::from_prepared(prepared.clone())?;
        let embedder = Embedder::from_owned_files(files, options)?;
        Ok(Some(SiteEmbedder { embedder, prepared, language }))
    }

    fn load_vectors(&self) -> Result<Option<TokenVectors>, CliError> {
        match &self.vectors {
            _ if self.text_only => Ok(None),
            Some(path) => {
                let bytes =
                    fs::read(path).map_err(io(format!("cannot read {}", path.display())))?;
                Ok(Some(TokenVectors::from_bytes(&bytes)?))
            }
            None => match TokenVectors::bundled() {
                // A build without the bundled models searches by words.
                Err(error) if error.kind() == ErrorKind::ModelNotInstalled => Ok(None),
                bundled => Ok(Some(bundled?)),
            },
        }
    }
}

/// What was read of each file: nothing of one that cannot be read, and no page of one that is not to be
/// found. The number is that of unchanged ones.
fn read(
    files: &[PageFile],
    cache: &mut PageCache,
    no_cache: bool,
    max_bytes: u64,
    threads: usize,
    diagnostics: &mut Diagnostics,
) -> (Vec<Option<Option<Page>>>, usize) {
    let mut pages: Vec<Option<Option<Page>>> =
        files.iter().map(|file| cache.take(file).filter(|_| !no_cache)).collect();
    let to_read: Vec<usize> = (0..files.len()).filter(|&i| pages[i].is_none()).collect();
    let unchanged = files.len() - to_read.len();
    let bar = bytes_bar(to_read.iter().map(|&i| files[i].size).sum());
    diagnostics.print_above(&bar);
    let next = AtomicUsize::new(0);
    let done = Mutex::new((&mut pages, diagnostics));
    let work = || {
        while let Some(&i) = to_read.get(next.fetch_add(1, Ordering::Relaxed)) {
            let page = read_page(&files[i], max_bytes);
            let mut done = done.lock().expect("no thread panics with the lock");
            match page {
                Ok(page) => {
                    if page.as_ref().is_some_and(|page| page.is_truncated) {
                        let problem = "its elements are nested too deeply; read up to there";
                        done.1.report_path(&files[i].path, problem);
                    }
                    done.0[i] = Some(page);
                }
                Err(problem) => done.1.report_path(&files[i].path, problem),
            }
            drop(done);
            bar.inc(files[i].size);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    (pages, unchanged)
}

fn read_page(file: &PageFile, max_bytes: u64) -> Result<Option<Page>, String> {
    if file.size > max_bytes {
        let size = units::size(file.size);
        return Err(format!("left out, because it has {size}; raise --max-page-mb to read it"));
    }
    let html = fs::read(&file.path).map_err(|error| format!("cannot be read ({error})"))?;
    Ok(Page::parse(&file.url, &html))
}

/// The way from the output to the pages, if it lies in their folder.
fn way(output: &Path, folder: &Path) -> Option<String> {
    let inside = output.strip_prefix(folder).ok()?;
    Some("../".repeat(inside.iter().count()))
}

#[cfg(test)]
mod tests {
    use temp_dir::TempDir;

    use super::*;

    #[test]
    fn pages_that_vanish_while_it_runs_are_reported_and_the_rest_is_read() {
        let site = TempDir::new().unwrap();
        for name in ["a.html", "b.html", "c.html"] {
            fs::write(site.path().join(name), format!("<main>zebra {name}")).unwrap();
        }
        let mut diagnostics = Diagnostics::new();
        let files = pages::find(site.path(), &site.path().join("crossrank"), &mut diagnostics);
        fs::remove_file(site.path().join("b.html")).unwrap();
        let mut cache = PageCache::open(site.path());
        let (pages, unchanged) = read(&files, &mut cache, true, u64::MAX, 2, &mut diagnostics);
        let urls = pages.iter().flatten().flatten().map(|page| page.url.as_str());
        assert_eq!(urls.collect::<Vec<_>>(), ["a.html", "c.html"]);
        assert_eq!((pages.len(), unchanged, diagnostics.count), (3, 0, 1));
    }
}
