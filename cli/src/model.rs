//! The model that reranks: `--model` and the options that go with it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use crossrank::hub::{self, HubOptions};
use crossrank::{FailoverReranker, LoadOptions, LongDocuments, ModelFiles};

use crate::args::at_least_one;
use crate::device::{DeviceArgs, Reporter};
use crate::error::CliError;

#[derive(Args)]
pub struct ModelArgs {
    /// Model folder in the Hugging Face layout, also as DIR:GRAPH; graph (.onnx) in such a folder;
    /// prepared model; or name of a model that crossrank pull has downloaded:
    /// NAME[@REVISION][:GRAPH] [default: the bundled model]
    #[arg(long, value_name = "PATH|NAME")]
    model: Option<PathBuf>,
    /// Threads that share the documents [default: one per core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Maximum number of tokens in a pair; longer documents are truncated [default: the model's
    /// maximum]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_length: Option<i64>,
    #[command(flatten)]
    long_documents: LongDocumentsArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

impl ModelArgs {
    /// The value of `--threads`.
    pub fn threads(&self) -> Result<Option<usize>, CliError> {
        self.threads.map(|n| at_least_one("--threads", n)).transpose()
    }

    /// Loads the model onto the chosen device.
    pub fn load(&self) -> Result<FailoverReranker, CliError> {
        let files = match &self.model {
            Some(given) => read(given)?,
            None => ModelFiles::bundled_reranker()?,
        };
        let mut options = LoadOptions::default();
        options.threads = self.threads()?;
        options.max_length =
            self.max_length.map(|n| at_least_one("--max-length", n)).transpose()?;
        options.long_documents = self.long_documents.chosen();
        self.device.load(&files, options, Reporter::STDERR)
    }
}

#[derive(Args)]
pub struct LongDocumentsArgs {
    /// How to score long documents: truncated, or split into windows of which the best one counts
    /// [default: truncated if a maximum length is given, else the model decides]
    #[arg(long, value_name = "HOW")]
    long_documents: Option<LongDocumentsArg>,
}

#[derive(Clone, Copy, ValueEnum)]
enum LongDocumentsArg {
    Truncate,
    Windows,
}

impl LongDocumentsArgs {
    pub fn chosen(&self) -> Option<LongDocuments> {
        self.long_documents.map(|long_documents| match long_documents {
            LongDocumentsArg::Truncate => LongDocuments::Truncate,
            LongDocumentsArg::Windows => LongDocuments::Windows,
        })
    }
}

/// Reads a model folder, a graph in one, or a prepared model. If there is no such path, reads the downloaded model of
/// this name: `NAME[@REVISION][:GRAPH]`.
pub fn read(given: &Path) -> Result<ModelFiles, CliError> {
    let name = given.to_str().map(ModelName::parse).filter(|parsed| hub::is_name(parsed.name));
    let Some(ModelName { name, revision, graph }) = name.filter(|_| !is_path(given)) else {
        return Ok(ModelFiles::read(given)?);
    };
    let mut options = HubOptions::from_env();
    options.revision = revision.map_or(options.revision, str::to_owned);
    options.file = graph.map(str::to_owned);
    Ok(hub::read(name, &options)?)
}

/// Whether a file or a folder is named: it exists, or is `FOLDER:GRAPH` with a folder that exists, or
/// is the path of a graph.
fn is_path(given: &Path) -> bool {
    let text = given.to_string_lossy();
    match text.rsplit_once(':') {
        Some((folder, graph)) if graph.ends_with(".onnx") => Path::new(folder).is_dir(),
        _ => given.exists() || text.ends_with(".onnx"),
    }
}

struct ModelName<'a> {
    name: &'a str,
    revision: Option<&'a str>,
    graph: Option<&'a str>,
}

impl ModelName<'_> {
    fn parse(given: &str) -> ModelName<'_> {
        let split = |text, separator| match str::split_once(text, separator) {
            Some((before, after)) => (before, Some(after)),
            None => (text, None),
        };
        let (rest, graph) = split(given, ':');
        let (name, revision) = split(rest, '@');
        ModelName { name, revision, graph }
    }
}
