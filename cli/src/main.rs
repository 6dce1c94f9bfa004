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
#[cfg(any(feature = "search", feature = "site"))]
mod diagnostics;
#[cfg(feature = "site")]
mod distill;
mod doctor;
mod embed;
mod embedding;
mod error;
mod eval;
mod examples;
#[cfg(test)]
#[path = "../../fuzz/src/command/jsonl.rs"]
mod fuzz;
#[cfg(feature = "search")]
mod index;
mod input;
mod jsonl;
mod manual;
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
#[cfg(test)]
#[path = "../../fuzz/src/replay.rs"]
mod replay;
mod rerank;
#[cfg(any(feature = "mcp", feature = "serve"))]
mod routes;
#[cfg(feature = "search")]
mod search;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "site")]
mod site;
mod split;
mod suggest;
mod trim;
mod units;
#[cfg(any(feature = "gpu", feature = "site"))]
mod user_cache;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use error::CliError;
use output::{Color, Text};

/// Search reranking where the search is: a quantized cross-encoder, natively and in WebAssembly
#[derive(Parser)]
#[command(name = "crossrank", version)]
struct Cli {
    /// When to colour output for people. JSON has no colours
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t = Color::Auto,
        display_order = 1000
    )]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Rerank the passages of a file or of standard input
    #[command(after_help = examples::RERANK)]
    Rerank(rerank::RerankArgs),
    /// Create or update an index of text, Markdown, HTML and record files
    #[cfg(feature = "search")]
    #[command(after_help = examples::INDEX)]
    Index(index::IndexArgs),
    /// Search an index, and rerank the passages found
    #[cfg(feature = "search")]
    #[command(after_help = examples::SEARCH)]
    Search(search::SearchArgs),
    /// Make the search of a static site from its HTML pages, as files for any static host
    #[cfg(feature = "site")]
    #[command(after_help = examples::SITE)]
    Site(site::SiteArgs),
    /// Make static vectors of an embedding model: one of each token, for crossrank site
    #[cfg(feature = "site")]
    #[command(after_help = examples::DISTILL)]
    Distill(distill::DistillArgs),
    /// Make vectors of the texts of a file or of standard input, one JSON line for each
    #[command(after_help = examples::EMBED)]
    Embed(embed::EmbedArgs),
    /// Measure ranking quality on an evaluation set in the BEIR layout
    #[command(after_help = examples::EVAL)]
    Eval(eval::EvalArgs),
    /// List the models that are known by name
    #[command(after_help = examples::MODELS)]
    Models(models::ModelsArgs),
    /// Download a model from the Hugging Face Hub, for --model NAME
    #[command(after_help = examples::PULL)]
    Pull(pull::PullArgs),
    /// Turn a model folder into one checked file, for --model and for web pages
    #[command(after_help = examples::PREPARE)]
    Prepare(prepare::PrepareArgs),
    /// Turn a model in f32 or f16 into one checked file with int8 weights
    #[command(after_help = examples::QUANTIZE)]
    Quantize(prepare::QuantizeArgs),
    /// Drop the tokens of a model that texts of some languages never have, and write one checked file
    #[command(after_help = examples::TRIM)]
    Trim(trim::TrimArgs),
    /// List the CPU and the GPUs that --device can use
    #[cfg(feature = "gpu")]
    #[command(after_help = examples::DEVICES)]
    Devices(device::gpu::DevicesArgs),
    /// Answer HTTP requests in the formats of Cohere, Jina, Voyage, OpenAI and Text Embeddings Inference
    #[cfg(feature = "serve")]
    #[command(after_help = examples::SERVE)]
    Serve(serve::ServeArgs),
    /// Offer reranking and search to agents, as tools of the Model Context Protocol on standard
    /// input and output
    #[cfg(feature = "mcp")]
    #[command(after_help = examples::MCP)]
    Mcp(mcp::McpArgs),
    /// Report on this machine, the settings and the models, for bug reports; without network, and
    /// without keys, tokens and passwords
    #[command(after_help = examples::DOCTOR)]
    Doctor(doctor::DoctorArgs),
    /// Print a script that completes commands and options in a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(manual::CompletionsArgs),
    /// Write manual pages for man, or one page of Markdown
    #[command(after_help = examples::MAN)]
    Man(manual::ManArgs),
}

fn main() -> ExitCode {
    // The library turns panics of its dependencies into errors, for which one line is enough.
    std::panic::set_hook(Box::new(|_| ()));
    let outcome = std::panic::catch_unwind(run).unwrap_or_else(|_| {
        Err(CliError::new("internal", "crossrank has a bug; please report the command"))
    });
    match outcome.and_then(|text| output::print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<Text, CliError> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help) if !help.use_stderr() => return Ok(help.to_string().into()),
        Err(error) => return Err(usage_error(&error)),
    };
    cli.color.apply();
    Ok(match cli.command {
        Command::Rerank(args) => rerank::run(&args)?,
        #[cfg(feature = "search")]
        Command::Index(args) => index::run(&args)?.into(),
        #[cfg(feature = "search")]
        Command::Search(args) => search::run(&args)?,
        #[cfg(feature = "site")]
        Command::Site(args) => site::run(&args)?.into(),
        #[cfg(feature = "site")]
        Command::Distill(args) => distill::run(&args)?.into(),
        Command::Embed(args) => embed::run(&args)?.into(),
        Command::Eval(args) => eval::run(&args)?.into(),
        Command::Models(args) => models::run(&args)?.into(),
        Command::Pull(args) => pull::run(&args)?.into(),
        Command::Prepare(args) => prepare::prepare(&args)?.into(),
        Command::Quantize(args) => prepare::quantize(&args)?.into(),
        Command::Trim(args) => trim::run(&args)?.into(),
        #[cfg(feature = "gpu")]
        Command::Devices(args) => device::gpu::run(&args)?.into(),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&args)?.into(),
        #[cfg(feature = "mcp")]
        Command::Mcp(args) => mcp::run(&args)?.into(),
        Command::Doctor(args) => doctor::run(&args)?.into(),
        Command::Completions(args) => manual::completions(&args, Cli::command())?.into(),
        Command::Man(args) => manual::man(&args, Cli::command())?.into(),
    })
}

/// The error for arguments that clap refuses: its message with values and suggestions, on one line.
fn usage_error(error: &clap::Error) -> CliError {
    let command = Cli::command();
    let named = std::env::args_os()
        .skip(1)
        .find_map(|name| Some(command.find_subcommand(name)?.get_name().to_owned()));
    let help = ["crossrank".to_owned()].into_iter().chain(named).collect::<Vec<_>>().join(" ");
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command is given".to_owned(),
        _ => {
            let text = error.to_string();
            let is_said = |part: &&str| {
                !part.starts_with("Usage:") && !part.starts_with("For more information")
            };
            let parts = text.trim_start_matches("error: ").split("\n\n").filter(is_said);
            let line = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
            parts.map(line).collect::<Vec<_>>().join("; ")
        }
    };
    CliError::new("invalid-argument", format!("{what}; see {help} --help"))
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    /// Splits a line as a shell does that meets double quotes, pipes and redirections.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (i, part) in line.split('"').enumerate() {
            match i % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    }

    #[test]
    fn every_command_has_examples_that_its_parser_accepts() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let examples = command.get_after_help().expect(name).to_string();
            let lines: Vec<&str> = examples.strip_prefix("Examples:\n").unwrap().lines().collect();
            assert!(lines.iter().any(|line| line.contains(&format!("crossrank {name}"))), "{name}");
            for line in lines {
                let line = line.strip_prefix("  ").unwrap();
                let call = line.split(['|', '>']).find(|call| call.trim().starts_with("crossrank"));
                if let Err(error) = Cli::try_parse_from(words(call.expect(line))) {
                    panic!("{line}: {error}");
                }
            }
        }
    }

    /// `CROSSRANK_COMMAND_LINES` names a JSON file with a list of arguments for each command line. The
    /// answer to each goes into the file `CROSSRANK_ANSWERS`: an error, or null.
    #[test]
    #[ignore = "tests/docs/shell.mjs runs it on the command lines of the documentation"]
    fn command_lines_of_the_documentation() {
        let path = |name| env::var(name).expect(name);
        let lines = fs::read(path("CROSSRANK_COMMAND_LINES")).unwrap();
        let lines: Vec<Vec<String>> = serde_json::from_slice(&lines).unwrap();
        let error = |line| {
            let error = Cli::try_parse_from(line).err()?;
            error.use_stderr().then(|| error.to_string())
        };
        let answers: Vec<Option<String>> = lines.into_iter().map(error).collect();
        let file = path("CROSSRANK_ANSWERS");
        fs::write(file, serde_json::to_string(&answers).unwrap()).unwrap();
    }
}
