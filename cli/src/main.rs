//! The `crossrank` command. It prints tables or JSON; an error is one line and the exit code 2.

#![deny(unsafe_code)]
// Output passes through the module of that name, which escapes control characters.
#![deny(clippy::print_stderr, clippy::print_stdout)]
#![allow(
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "the comments of arguments are their help texts"
)]
// The types of wgpu are nested deeply, and a future that holds a model contains them.
#![recursion_limit = "256"]

mod args;
mod content;
mod device;
mod embed;
mod embedding;
mod error;
mod eval;
#[cfg(feature = "search")]
mod index;
mod input;
mod jsonl;
#[cfg(feature = "mcp")]
mod mcp;
mod model;
mod models;
mod output;
mod passages;
mod prepare;
mod pull;
mod records;
mod remote;
mod replace;
mod rerank;
#[cfg(any(feature = "mcp", feature = "serve"))]
mod routes;
#[cfg(feature = "search")]
mod search;
#[cfg(feature = "serve")]
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CliError;

/// Search reranking where the search is: a quantized cross-encoder, natively and in WebAssembly
#[derive(Parser)]
#[command(name = "crossrank", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Rerank the passages of a file or of standard input
    Rerank(rerank::RerankArgs),
    /// Create or update an index of text, Markdown, HTML and record files
    #[cfg(feature = "search")]
    Index(index::IndexArgs),
    /// Search an index, and rerank the passages found
    #[cfg(feature = "search")]
    Search(search::SearchArgs),
    /// Make vectors of the texts of a file or of standard input, one JSON line for each
    Embed(embed::EmbedArgs),
    /// Measure ranking quality on an evaluation set in the BEIR layout
    Eval(eval::EvalArgs),
    /// List the models that are known by name
    Models(models::ModelsArgs),
    /// Download a model from the Hugging Face Hub, for --model NAME
    Pull(pull::PullArgs),
    /// Turn a model folder into one checked file, for --model and for web pages
    Prepare(prepare::PrepareArgs),
    /// Turn a model in f32 or f16 into one checked file with int8 weights
    Quantize(prepare::QuantizeArgs),
    /// List the CPU and the GPUs that --device can use
    #[cfg(feature = "gpu")]
    Devices(device::gpu::DevicesArgs),
    /// Answer HTTP requests in the formats of Cohere, Jina, Voyage, OpenAI and Text Embeddings Inference
    #[cfg(feature = "serve")]
    Serve(serve::ServeArgs),
    /// Offer reranking and search to agents, as tools of the Model Context Protocol on standard
    /// input and output
    #[cfg(feature = "mcp")]
    Mcp(mcp::McpArgs),
}

fn main() -> ExitCode {
    // The library turns panics of its dependencies into errors, for which one line is enough.
    std::panic::set_hook(Box::new(|_| ()));
    let outcome = std::panic::catch_unwind(run).unwrap_or_else(|_| {
        Err(CliError::new("internal", "crossrank has a bug; please report the command"))
    });
    match outcome.and_then(|text| output::print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError { code, message }) => {
            output::message(format_args!("{code}: {message}"));
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
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("{line}; see crossrank --help");
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
        #[cfg(feature = "mcp")]
        Command::Mcp(args) => mcp::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    /// `CROSSRANK_COMMAND_LINES` names a JSON file with a list of arguments for each command line. The
    /// answer to each goes into the file `CROSSRANK_ANSWERS`: an error, or null.
    #[test]
    #[ignore = "tests/docs/shell.mjs runs it on the command lines of the documentation"]
    fn command_lines_of_the_documentation() {
        let path = |name| std::env::var(name).expect(name);
        let lines = std::fs::read(path("CROSSRANK_COMMAND_LINES")).unwrap();
        let lines: Vec<Vec<String>> = serde_json::from_slice(&lines).unwrap();
        let error = |line| {
            let error = super::Cli::try_parse_from(line).err()?;
            error.use_stderr().then(|| error.to_string())
        };
        let answers: Vec<Option<String>> = lines.into_iter().map(error).collect();
        let file = path("CROSSRANK_ANSWERS");
        std::fs::write(file, serde_json::to_string(&answers).unwrap()).unwrap();
    }
}
