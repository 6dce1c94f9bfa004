//! Models by name: downloads from the Hugging Face Hub, and the cache that all its clients share.
//!
//! Only [`pull`] connects to the hub. [`read`] and [`cached`] use the files in the cache. The cache
//! has the layout of <https://huggingface.co/docs/hub/local-cache>, so that Python's
//! `huggingface_hub` and this library find each other's files.
//!
//! ```no_run
//! # fn main() -> crossrank::Result<()> {
//! use crossrank::{LoadOptions, Reranker, hub};
//!
//! let files = hub::pull("BAAI/bge-reranker-v2-m3", &hub::HubOptions::from_env())?.read()?;
//! let reranker = Reranker::from_files(&files, LoadOptions::default())?;
//! # Ok(())
//! # }
//! ```

mod cache;
mod choice;
mod client;
mod download;
mod options;
mod registry;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelFiles;
use crate::model::checkpoint::check_config;
use crate::model_dir::{WEIGHTS, graphs, weights_and_modules};

use cache::RepositoryCache;
use choice::CONFIG;
use client::{Client, RemoteFile};
use download::Download;
use source::Source;

pub use options::{HubOptions, Progress};
pub use registry::{Engine, Graph, Model, Quality, Task, find, models};
pub use source::{ModelName, is_name};

/// A model in the cache.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The name of the repository.
    pub repository: String,
    /// The commit of the repository.
    pub commit: String,
    /// The folder with the files.
    pub folder: PathBuf,
    /// The path in the folder of the graph, or of weights in safetensors (`model.safetensors`, or the index of
    /// several files).
    pub graph: String,
    /// The size of the graph or the weights, with the files that hold a part of them.
    pub bytes: u64,
}

impl Snapshot {
    /// Reads the model's files.
    ///
    /// # Errors
    /// As [`ModelFiles::read`].
    pub fn read(&self) -> Result<ModelFiles> {
        ModelFiles::read_folder(&self.folder, &self.graph)
    }
}

/// Downloads the files of a model that are not in the cache yet.
///
/// `name` is the name of a model in [`models`], or of a repository. One ONNX graph of the repository
/// is downloaded: [`HubOptions::file`], or else the first one of [`Model::graphs`], or else the first
/// one in the order of [`ModelFiles::read`]. Where there is none, or the model's head consists of modules of
/// sentence-transformers, which graphs lack, weights in safetensors are. With them come the files that hold a part
/// of the weights, the tokenizer and the configuration. Each file is checked against the hash that the hub lists.
/// The next call resumes an interrupted download.
///
/// # Errors
/// - [`ErrorKind::RemoteUnavailable`] if the hub cannot be reached or stays busy. A later call
///   resumes the download.
/// - [`ErrorKind::RemoteRefused`] if there is no such model, or if it needs a token.
/// - [`ErrorKind::RemoteInvalidAnswer`] if a file is not the one that the hub lists.
/// - [`ErrorKind::UnsupportedModel`] if the repository has neither a graph nor weights that can run.
/// - [`ErrorKind::Io`] if the cache cannot be written.
/// - [`ErrorKind::InvalidArgument`] for an invalid name, and for the name of a bundled model.
/// - [`ErrorKind::ModelNotInstalled`] if [`HubOptions::offline`] forbids the download.
pub fn pull(name: &str, options: &HubOptions) -> Result<Snapshot> {
    let source = Source::of(name)?;
    if source.model.is_some_and(|model| model.bundled) {
        let message = format!("{name} is part of this library; there is nothing to download");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    options.check()?;
    if options.offline {
        return cached(name, options)?.ok_or_else(|| {
            let message = format!(
                "{name} is not in the cache ({}), and HF_HUB_OFFLINE forbids a download; unset that \
                 variable",
                options.cache.display()
            );
            Error::new(ErrorKind::ModelNotInstalled, message)
        });
    }
    let client = Client::new(options)?;
    let listing = client.list(&source.repository, &options.revision)?;
    let chosen = choice::files(&listing.files, &source, options.file.as_deref())?;
    let cache = RepositoryCache::new(&options.cache, &source.repository);
    let missing: Vec<_> =
        chosen.iter().filter(|file| !cache.contains(&listing.commit, file)).copied().collect();
    let total = missing.iter().fold(0, |total: u64, file| total.saturating_add(file.size));
    let mut before = 0u64;
    let is_part = |file: &RemoteFile| choice::is_part_of(&chosen[0].path, &file.path);
    let is_checkpoint = WEIGHTS.contains(&&*chosen[0].path);
    // Weights come last, because the other files tell whether a model of this kind runs.
    let (weights, others): (Vec<_>, Vec<_>) =
        missing.into_iter().partition(|file| is_checkpoint && is_part(file));
    for (i, file) in others.iter().chain(&weights).enumerate() {
        if i == others.len()
            && let Some(config) = chosen.iter().find(|file| file.path == CONFIG)
        {
            check_config(&cache.read(&listing.commit, config)?)?;
        }
        let url = client.url(&source.repository, &listing.commit, &file.path);
        let report = |loaded: u64| {
            if let Some(progress) = options.progress {
                progress(Progress {
                    file: &file.path,
                    loaded: loaded.saturating_add(before),
                    total,
                });
            }
        };
        Download { client: &client, cache: &cache, file, url: &url, report: &report }.run()?;
        before = before.saturating_add(file.size);
    }
    // The graph comes last, so that a snapshot with a graph is complete.
    for file in chosen.iter().rev() {
        cache.add_to_snapshot(&listing.commit, file)?;
    }
    cache.set_revision(&options.revision, &listing.commit)?;
    Ok(Snapshot {
        folder: cache.snapshot(&listing.commit),
        repository: source.repository,
        commit: listing.commit,
        graph: chosen[0].path.clone(),
        bytes: chosen.iter().filter(|file| is_part(file)).map(|file| file.size).sum(),
    })
}

/// Finds a model in the cache that [`pull`] or another client of the hub has downloaded. Does not
/// connect to the hub.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for an invalid name.
pub fn cached(name: &str, options: &HubOptions) -> Result<Option<Snapshot>> {
    let source = Source::of(name)?;
    options.check()?;
    let cache = RepositoryCache::new(&options.cache, &source.repository);
    let Some(commit) = cache.commit(&options.revision) else { return Ok(None) };
    let folder = cache.snapshot(&commit);
    let (graphs, paths) = (graphs(&folder), weights_and_modules(&folder));
    let paths: Vec<String> = graphs.iter().cloned().chain(paths).collect();
    let found = match &options.file {
        Some(file) => paths.iter().find(|path| *path == file).cloned(),
        None => choice::graph(&paths, source.model)
            // A single graph with another name must be the one that was wanted.
            .or_else(|| graphs.first().filter(|_| graphs.len() == 1).cloned()),
    };
    let is_complete = |_: &String| choice::REQUIRED.iter().all(|name| folder.join(name).is_file());
    Ok(found.filter(is_complete).map(|graph| Snapshot {
        repository: source.repository,
        commit,
        bytes: size_of_parts(&folder, &graph),
        folder,
        graph,
    }))
}

/// The size of a graph and of the files beside it that hold a part of its weights.
fn size_of_parts(folder: &Path, graph: &str) -> u64 {
    let beside = folder.join(graph);
    let entries = beside.parent().and_then(|parent| fs::read_dir(parent).ok());
    let prefix = graph.rfind('/').map_or("", |end| &graph[..=end]);
    let of_part = |entry: fs::DirEntry| {
        let path = format!("{prefix}{}", entry.file_name().to_str()?);
        choice::is_part_of(graph, &path).then(|| fs::metadata(entry.path()).ok())?
    };
    entries.into_iter().flatten().flatten().filter_map(of_part).map(|found| found.len()).sum()
}

/// Reads a model by name: a bundled one, or one in the cache. Does not connect to the hub.
///
/// # Errors
/// [`ErrorKind::ModelNotInstalled`] if the model is not in the cache, and those of [`cached`] and
/// [`ModelFiles::read`].
pub fn read(name: &str, options: &HubOptions) -> Result<ModelFiles> {
    if let Some(model) = find(name).filter(|model| model.bundled) {
        if options.revision != "main" || options.file.is_some() {
            let message = format!("{name} is part of this library; it has no revisions or files");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        return match model.task {
            Task::Rerank => ModelFiles::bundled_reranker(),
            Task::Embed => ModelFiles::bundled_embedder(),
        };
    }
    let Some(snapshot) = cached(name, options)? else {
        let revision = match options.revision.as_str() {
            "main" => String::new(),
            other => format!(" --revision {other}"),
        };
        let file = options.file.as_ref().map(|file| format!(" --file {file}")).unwrap_or_default();
        let message = format!(
            "{name} is not a file or folder, and not in the cache of models ({}); run `crossrank \
             pull {name}{revision}{file}` to download it",
            options.cache.display()
        );
        return Err(Error::new(ErrorKind::ModelNotInstalled, message));
    };
    snapshot.read()
}
