//! The `crossrank` command: arguments in, tables or JSON out, exit code 2 and one line for an error.

#![deny(unsafe_code)]
// The types of wgpu are nested deeply, and a future that holds a model contains them.
#![recursion_limit = "256"]

mod device;
mod embed;
mod embedding;
mod eval;
#[cfg(feature = "search")]
mod index;
mod input;
mod jsonl;
mod model;
mod models;
mod passages;
mod prepare;
mod pull;
mod remote;
mod replace;
mod rerank;
#[cfg(feature = "search")]
mod search;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "search")]
mod store;

use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use crossrank::{FailoverReranker, LoadOptions, LongDocuments, ModelFiles};
use device::{DeviceArgs, Voice};

/// Search reranking: reads a query and passages, and puts the right ones first.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Rerank the passages of a file or of standard input
    Rerank(rerank::RerankArgs),
    /// Make or renew an index of text, Markdown and HTML files and of JSON lines
    #[cfg(feature = "search")]
    Index(index::IndexArgs),
    /// Search an index, and rerank what is found
    #[cfg(feature = "search")]
    Search(search::SearchArgs),
    /// Make vectors of the texts of a file or of standard input, a JSON line each
    Embed(embed::EmbedArgs),
    /// Measure ranking quality on an evaluation set in the BEIR layout
    Eval(eval::EvalArgs),
    /// List the models that are known by name
    Models(models::ModelsArgs),
    /// Download a model from the Hugging Face Hub, for --model NAME
    Pull(pull::PullArgs),
    /// Make one checked file of a model folder, for --model and for pages
    Prepare(prepare::PrepareArgs),
    /// Make such a file with int8 weights of a model in f32 or f16
    Quantize(prepare::QuantizeArgs),
    /// List what can compute, for --device
    #[cfg(feature = "gpu")]
    Devices(device::gpu::DevicesArgs),
    /// Answer HTTP requests in the formats of Cohere, Jina, Voyage, OpenAI and Text Embeddings Inference
    #[cfg(feature = "serve")]
    Serve(serve::ServeArgs),
}

#[derive(Args)]
struct ModelArgs {
    /// Model folder in the Hugging Face layout, prepared model, or name of a model that crossrank
    /// pull has downloaded: NAME[@REVISION][:GRAPH] [default: the bundled model]
    #[arg(long, value_name = "PATH|NAME")]
    model: Option<PathBuf>,
    /// Threads that share the documents [default: one a core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// The most tokens in a pair; longer documents are cut [default: the model's maximum]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_length: Option<i64>,
    #[command(flatten)]
    long: LongArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Args)]
struct LongArgs {
    /// What becomes of long documents: cut, or split into windows of which the best counts
    /// [default: cut where a maximum is given, else the model decides]
    #[arg(long, value_name = "HOW")]
    long_documents: Option<Long>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Long {
    Truncate,
    Windows,
}

impl LongArgs {
    fn chosen(&self) -> Option<LongDocuments> {
        self.long_documents.map(|long| match long {
            Long::Truncate => LongDocuments::Truncate,
            Long::Windows => LongDocuments::Windows,
        })
    }
}

impl ModelArgs {
    fn threads(&self) -> Result<Option<usize>, CliError> {
        self.threads.map(|n| at_least_one("--threads", n)).transpose()
    }

    fn load(&self) -> Result<FailoverReranker, CliError> {
        let files = match &self.model {
            Some(given) => model::read(given)?,
            None => ModelFiles::bundled_reranker()?,
        };
        let mut options = LoadOptions::default();
        options.threads = self.threads()?;
        options.max_length =
            self.max_length.map(|n| at_least_one("--max-length", n)).transpose()?;
        options.long_documents = self.long.chosen();
        self.device.load(&files, options, Voice::STDERR)
    }
}

/// Why a command failed: the code of an error kind, and a line that says what to do.
#[derive(Debug)]
struct CliError {
    code: &'static str,
    message: String,
}

impl CliError {
    fn new(code: &'static str, message: impl Into<String>) -> CliError {
        CliError { code, message: message.into() }
    }
}

impl From<crossrank::Error> for CliError {
    fn from(error: crossrank::Error) -> CliError {
        CliError::new(error.kind().code(), error.to_string())
    }
}

/// A failure of the system, where `what` says what it kept from being done.
fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> CliError {
    let what = what.into();
    move |error| CliError::new("io", format!("{what} ({error})"))
}

/// The threads of this machine.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

fn at_least_one(name: &str, value: i64) -> Result<usize, CliError> {
    usize::try_from(value).ok().filter(|&v| v > 0).ok_or_else(|| {
        CliError::new("invalid-argument", format!("{name} is {value} and must be at least 1"))
    })
}

fn main() -> ExitCode {
    // The library turns panics of its dependencies into errors; one line is then enough.
    std::panic::set_hook(Box::new(|_| ()));
    let outcome = std::panic::catch_unwind(run).unwrap_or_else(|_| {
        Err(CliError::new("internal", "crossrank met a bug of its own; please report the command"))
    });
    match outcome {
        Ok(output) => print(&output),
        Err(CliError { code, message }) => {
            eprintln!("crossrank: {code}: {message}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<String, CliError> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help) if !help.use_stderr() => return Ok(help.to_string()),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("{first}; see crossrank --help");
            return Err(CliError::new("invalid-argument", message));
        }
    };
    match cli.command {
        Command::Rerank(args) => rerank::run(&args),
        #[cfg(feature = "search")]
        Command::Index(args) => index::run(&args),
        #[cfg(feature = "search")]
        Command::Search(args) => search::run(&args),
        Command::Embed(args) => embed::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Pull(args) => pull::run(&args),
        Command::Prepare(args) => prepare::prepare(&args),
        Command::Quantize(args) => prepare::quantize(&args),
        #[cfg(feature = "gpu")]
        Command::Devices(args) => device::gpu::run(&args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&args),
    }
}

fn print(output: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader, `head` for one, has seen enough.
        Err(e) if e.kind() == IoErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("crossrank: io: cannot write the result ({e})");
            ExitCode::from(2)
        }
    }
}

/// A progress bar on standard error, which shows on a terminal only.
fn progress_bar(total: usize, unit: &str) -> indicatif::ProgressBar {
    let style = format!("{{bar:30}} {{pos}}/{{len}} {unit}, {{eta}} left");
    let style = indicatif::ProgressStyle::with_template(&style).expect("the template is ours");
    indicatif::ProgressBar::new(total as u64).with_style(style)
}
