//! The model that reranks: `--model` and the options that go with it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use crossrank::hub::{self, HubOptions, ModelName};
use crossrank::{FailoverReranker, LoadOptions, LongDocuments, ModelFiles};

use crate::args::at_least_one;
use crate::device::{DeviceArgs, Reporter};
use crate::error::CliError;
use crate::suggest;

#[derive(Args)]
pub struct ModelArgs {
    /// The model: a folder in the Hugging Face layout, also as DIR:GRAPH; a graph (.onnx) or weights
    /// (.safetensors) in such a folder; a prepared model; or the name of a model that crossrank pull has downloaded, as
    /// NAME[@REVISION][:GRAPH] [default: the bundled model]
    #[arg(long, value_name = "PATH|NAME")]
    model: Option<PathBuf>,
    /// Maximum number of tokens in a pair; longer documents are truncated [default: the model's
    /// maximum]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_length: Option<i64>,
    #[command(flatten)]
    scoring: ScoringArgs,
}

impl ModelArgs {
    /// The value of `--threads`.
    pub fn threads(&self) -> Result<Option<usize>, CliError> {
        self.scoring.threads()
    }

    /// Loads the model onto the chosen device.
    pub fn load(&self) -> Result<FailoverReranker, CliError> {
        let files = match &self.model {
            Some(given) => read(given)?,
            None => ModelFiles::bundled_reranker()?,
        };
        let mut options = LoadOptions::default();
        options.max_length =
            self.max_length.map(|n| at_least_one("--max-length", n)).transpose()?;
        self.scoring.load(&files, options, Reporter::STDERR)
    }
}

/// How models score, in every command that scores.
#[derive(Args)]
pub struct ScoringArgs {
    /// Number of threads that compute [default: one per core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// How to score long documents [default: truncate if a maximum length is given, else what the
    /// model's files say]
    #[arg(long, value_enum, value_name = "HOW")]
    long_documents: Option<LongDocumentsArg>,
    /// Compute with the floats of weights in safetensors [default: they are quantized to int8 when the
    /// model is loaded]
    #[arg(long)]
    keep_floats: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum LongDocumentsArg {
    /// By their beginning, as far as it fits into the model
    Truncate,
    /// In windows that overlap, of which the best one counts
    Windows,
}

impl ScoringArgs {
    /// The value of `--threads`.
    pub fn threads(&self) -> Result<Option<usize>, CliError> {
        self.threads.map(|n| at_least_one("--threads", n)).transpose()
    }

    /// Loads a model onto the chosen device.
    pub fn load(
        &self,
        files: &ModelFiles,
        mut options: LoadOptions,
        reporter: Reporter,
    ) -> Result<FailoverReranker, CliError> {
        options.threads = self.threads()?;
        options.keep_floats = self.keep_floats;
        options.long_documents = self.long_documents.map(|how| match how {
            LongDocumentsArg::Truncate => LongDocuments::Truncate,
            LongDocumentsArg::Windows => LongDocuments::Windows,
        });
        self.device.load(files, options, reporter)
    }
}

/// Reads a model folder, a graph in one, or a prepared model. If there is no such path, reads the
/// downloaded model of this name: `NAME[@REVISION][:GRAPH]`.
pub fn read(given: &Path) -> Result<ModelFiles, CliError> {
    let model = ModelName::parse(given);
    let files = match &model {
        Some(model) => hub::read(model.name, &model.options(HubOptions::from_env())),
        None => ModelFiles::read(given),
    };
    files.map_err(|error| {
        let is_there = match &model {
            Some(model) => hub::find(model.name).is_some(),
            None => {
                given.exists()
                    || given.extension().is_some_and(|end| end == "onnx" || end == "safetensors")
            }
        };
        let name = model.map(|model| model.name).or(given.to_str());
        let similar = || suggest::neighbour(given).or_else(|| suggest::model(name?));
        CliError::from(error).did_you_mean(if is_there { None } else { similar() })
    })
}
