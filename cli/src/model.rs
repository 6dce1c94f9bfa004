//! The model that reranks: `--model` and the options that go with it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use crossrank::hub::{self, HubOptions, ModelName};
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
    Ok(match ModelName::parse(given) {
        Some(model) => hub::read(model.name, &model.options(HubOptions::from_env()))?,
        None => ModelFiles::read(given)?,
    })
}
