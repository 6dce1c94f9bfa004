//! Models by their names: downloads from the Hugging Face Hub, and the cache that all its clients
//! share.
//!
//! [`pull`] asks the hub, and is all that connects; [`read`] and [`cached`] look at what is there.
//! The cache is laid out as <https://huggingface.co/docs/hub/local-cache> says, so that Python's
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

use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelFiles;

use cache::Store;
use client::Client;
use download::Download;

pub use options::{HubOptions, Progress};
pub use registry::{Engine, Graph, Model, Quality, Task, find, models};

/// A model in the cache.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The repository that it is of.
    pub repository: String,
    /// The repository's commit.
    pub commit: String,
    /// The folder that holds its files.
    pub folder: PathBuf,
    /// Where the graph lies in the folder.
    pub graph: String,
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

/// Downloads what a model needs, but for what the cache has already.
///
/// `name` is a model's of [`models`], or a repository's. Of each graph in ONNX that the repository
/// holds, one is taken: [`HubOptions::file`], or the first of those that [`Model::graphs`] names, or
/// the first in the order of [`ModelFiles::read`]; with it come its external data, the tokenizer
/// and the configuration. Every file is checked against the hash that the hub lists. What a
/// broken or killed download has left is gone on with by the next one.
///
/// # Errors
/// [`ErrorKind::RemoteUnavailable`] where the hub cannot be reached or stays busy, and a later call
/// goes on; [`ErrorKind::RemoteRefused`] where there is no such model, or it needs a token;
/// [`ErrorKind::RemoteInvalidAnswer`] where a file is not the one that the hub lists;
/// [`ErrorKind::UnsupportedModel`] where the repository holds no graph that can run;
/// [`ErrorKind::Io`] where the cache cannot be written; [`ErrorKind::InvalidArgument`] for a name
/// that is none or of a bundled model; [`ErrorKind::ModelNotInstalled`] where
/// [`HubOptions::offline`] keeps it from asking.
pub fn pull(name: &str, options: &HubOptions) -> Result<Snapshot> {
    let source = Source::of(name)?;
    if source.model.is_some_and(|model| model.bundled) {
        let message = format!("{name} is a part of this library; there is nothing to download");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    options.check()?;
    if options.offline {
        return cached(name, options)?.ok_or_else(|| {
            let message = format!(
                "{name} is not in the cache ({}), and HF_HUB_OFFLINE keeps it from being \
                 downloaded; unset that variable",
                options.cache.display()
            );
            Error::new(ErrorKind::ModelNotInstalled, message)
        });
    }
    let client = Client::new(options)?;
    let listing = client.list(&source.repository, &options.revision)?;
    let chosen = choice::files(&listing.files, &source, options.file.as_deref())?;
    let store = Store::new(&options.cache, &source.repository);
    let missing: Vec<_> =
        chosen.iter().filter(|file| !store.holds(&listing.commit, file)).copied().collect();
    let total = missing.iter().fold(0, |total: u64, file| total.saturating_add(file.size));
    let mut before = 0u64;
    for file in missing {
        let url = client.address(&source.repository, &listing.commit, &file.path);
        let report = |loaded: u64| {
            if let Some(progress) = options.progress {
                progress(Progress {
                    file: &file.path,
                    loaded: loaded.saturating_add(before),
                    total,
                });
            }
        };
        Download { client: &client, store: &store, file, url: &url, report: &report }.run()?;
        before = before.saturating_add(file.size);
    }
    // The graph is the last of them: where it is in the snapshot, so are the others.
    for file in chosen.iter().rev() {
        store.show(&listing.commit, file)?;
    }
    store.refer(&options.revision, &listing.commit)?;
    Ok(Snapshot {
        folder: store.snapshot(&listing.commit),
        repository: source.repository,
        commit: listing.commit,
        graph: chosen[0].path.clone(),
    })
}

/// Finds a model in the cache, where it was put by [`pull`] or by another client of the hub.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for a name that is none.
pub fn cached(name: &str, options: &HubOptions) -> Result<Option<Snapshot>> {
    let source = Source::of(name)?;
    options.check()?;
    let store = Store::new(&options.cache, &source.repository);
    let Some(commit) = store.commit(&options.revision) else { return Ok(None) };
    let folder = store.snapshot(&commit);
    let graphs = cache::graphs(&folder);
    let found = match &options.file {
        Some(file) => graphs.iter().find(|graph| *graph == file).cloned(),
        None => choice::graph(&graphs, source.model)
            // Whoever put another one there, and no more, meant it.
            .or_else(|| graphs.first().filter(|_| graphs.len() == 1).cloned()),
    };
    let complete = |_: &String| choice::REQUIRED.iter().all(|name| folder.join(name).is_file());
    Ok(found.filter(complete).map(|graph| Snapshot {
        repository: source.repository,
        commit,
        folder,
        graph,
    }))
}

/// Reads a model by its name: a bundled one, or one in the cache. It connects to nothing.
///
/// # Errors
/// [`ErrorKind::ModelNotInstalled`] where the model is not in the cache, and as [`cached`] and
/// [`ModelFiles::read`].
pub fn read(name: &str, options: &HubOptions) -> Result<ModelFiles> {
    if let Some(model) = find(name).filter(|model| model.bundled) {
        if options.revision != "main" || options.file.is_some() {
            let message = format!("{name} is a part of this library, without revisions and files");
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
            "{name} is no file or folder, nor in the cache of models ({}); run `crossrank pull \
             {name}{revision}{file}` to download it",
            options.cache.display()
        );
        return Err(Error::new(ErrorKind::ModelNotInstalled, message));
    };
    snapshot.read()
}

/// Whether a text can be the name of a model: it is that of a known one, or has the form of a
/// repository's with an owner.
pub fn is_name(text: &str) -> bool {
    find(text).is_some() || (text.contains('/') && is_repository(text))
}

/// Whether the hub takes a text for a repository: its rules for names, see
/// `huggingface_hub.utils.validate_repo_id`.
fn is_repository(text: &str) -> bool {
    let good = |part: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let end = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        part.bytes().all(inner) && end(part.bytes().next()) && end(part.bytes().last())
    };
    let parts: Vec<&str> = text.split('/').collect();
    let clean = !text.contains("--") && !text.contains("..");
    parts.len() <= 2 && clean && text.len() <= 96 && parts.iter().all(|part| good(part))
}

/// Where a model's files are.
struct Source {
    model: Option<&'static Model>,
    repository: String,
}

impl Source {
    fn of(name: &str) -> Result<Source> {
        let model = find(name);
        let repository = model.and_then(|model| model.repository.as_deref()).unwrap_or(name);
        if !is_repository(repository) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "{name} is no model's name; give one like BAAI/bge-reranker-base, or one that \
                     `crossrank models` lists"
                ),
            ));
        }
        Ok(Source { model, repository: repository.to_owned() })
    }
}
