//! The command's arguments.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use clap::{Args, ValueEnum};
use crossrank::server::{Limits, Tokens};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::args::{at_least_one, cores};
use crate::device::DeviceArgs;
use crate::error::{CliError, io};
use crate::input;
use crate::model::LongDocumentsArgs;

#[derive(Args)]
pub struct ServeArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Model folder in the Hugging Face layout, prepared model, or name of a model that crossrank
    /// pull has downloaded; may be given several times, and requests without a model name get the
    /// first [default: the bundled model]
    #[arg(long, value_name = "[NAME=]PATH|NAME")]
    pub model: Vec<String>,
    /// The same for an embedding model, or `bundled` [default: the bundled one, unless --model is
    /// given]
    #[arg(long, value_name = "[NAME=]PATH|NAME")]
    pub embedder: Vec<String>,
    #[command(flatten)]
    pub long: LongDocumentsArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// File that crossrank index made, for POST /search
    #[cfg(feature = "search")]
    #[arg(long, value_name = "INDEX")]
    pub index: Option<PathBuf>,
    #[cfg(feature = "search")]
    #[command(flatten)]
    pub embedding: crate::embedding::EmbeddingArgs,
    /// Another name of a model
    #[arg(long, value_name = "ALIAS=NAME")]
    alias: Vec<String>,
    /// Take an unknown model name as the first model, for programs that always send the name of a
    /// hosted one
    #[arg(long)]
    pub accept_any_model: bool,
    /// Path such as /rerankers below which the routes answer too, for a proxy that does not remove
    /// it
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    pub path_prefix: String,
    /// File with one token on each line; requests must carry one of them, as a bearer token or in
    /// the header x-api-key or api-key
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Listen on an address other than loopback without a token
    #[arg(long)]
    allow_anonymous: bool,
    /// Origin of web pages that may send requests; * allows every page
    #[arg(long, value_name = "ORIGIN")]
    cors_origin: Vec<String>,
    /// Threads that score [default: one per core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Memory for the scores of earlier requests; 0 computes every score
    #[arg(long, value_name = "MB", default_value_t = 64)]
    pub cache_mb: usize,
    /// Requests that may wait or be scored at one time; others get 429
    #[arg(long, value_name = "N", default_value_t = 64, allow_negative_numbers = true)]
    queue: i64,
    /// Connections at one time; others wait
    #[arg(long, value_name = "N", default_value_t = 4096, allow_negative_numbers = true)]
    connections: i64,
    /// Seconds that a request may take
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, allow_negative_numbers = true)]
    pub deadline: Duration,
    /// Seconds in which the head of a request, and then its body, must arrive
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, allow_negative_numbers = true)]
    pub read_timeout: Duration,
    /// Largest body of a request
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body)]
    pub max_body: usize,
    /// Largest number of documents in a request
    #[arg(long, value_name = "N", default_value_t = Limits::default().documents)]
    pub max_documents: usize,
    /// Largest number of texts to embed in a request
    #[arg(long, value_name = "N", default_value_t = Limits::default().texts)]
    pub max_texts: usize,
    /// Largest number of windows of a document, for requests that give none [default: 32]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_windows: Option<i64>,
    /// Largest number of tokens in a request, with the query counted once for each document;
    /// documents in windows are cut where the windows have more
    #[arg(long, value_name = "N", default_value_t = Limits::default().tokens)]
    pub max_tokens: usize,
    /// Format of the log, which goes to standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl ServeArgs {
    pub fn queue(&self) -> Result<usize, CliError> {
        at_least_one("--queue", self.queue)
    }

    pub fn connections(&self) -> Result<usize, CliError> {
        at_least_one("--connections", self.connections)
    }

    pub fn threads(&self) -> Result<usize, CliError> {
        self.threads.map_or(Ok(cores()), |threads| at_least_one("--threads", threads))
    }

    pub fn max_windows(&self) -> Result<Option<usize>, CliError> {
        self.max_windows.map(|n| at_least_one("--max-windows", n)).transpose()
    }

    pub fn tokens(&self) -> Result<Tokens, CliError> {
        let Some(file) = self.token_file.as_deref() else { return Ok(Tokens::default()) };
        let tokens = Tokens::parse(&input::read_text(file)?);
        if tokens.is_empty() {
            let message = format!("{} holds no token; write one on each line", file.display());
            return Err(CliError::new("invalid-input", message));
        }
        Ok(tokens)
    }

    /// The address. An address that other machines reach needs a token.
    pub fn address(&self, tokens: &Tokens) -> Result<SocketAddr, CliError> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (host, self.port).to_socket_addrs();
        let mut addresses = addresses.map_err(io(format!("--host {host} is not an address")))?;
        let address = addresses.next().ok_or_else(|| {
            CliError::new("invalid-argument", format!("--host {host} has no address"))
        })?;
        if !address.ip().is_loopback() && tokens.is_empty() && !self.allow_anonymous {
            return Err(CliError::new(
                "invalid-argument",
                format!(
                    "other machines can reach {}, and no token is set; give a --token-file, or \
                     say --allow-anonymous",
                    address.ip()
                ),
            ));
        }
        Ok(address)
    }

    /// `(alias, name)`
    pub fn aliases(&self) -> Result<Vec<(String, String)>, CliError> {
        let alias = |text: &String| {
            let (alias, name) = text.split_once('=').ok_or_else(|| {
                let message = format!("--alias {text} does not have the form ALIAS=NAME");
                CliError::new("invalid-argument", message)
            })?;
            Ok((alias.to_owned(), name.to_owned()))
        };
        self.alias.iter().map(alias).collect()
    }

    /// Lets pages of the given origins send requests. Without this layer, browsers refuse every
    /// page of another origin.
    pub fn cors(&self) -> Result<Option<CorsLayer>, CliError> {
        let origins = &self.cors_origin;
        if origins.is_empty() {
            return Ok(None);
        }
        let origin = if origins.iter().any(|origin| origin == "*") {
            AllowOrigin::any()
        } else {
            let values = origins.iter().map(HeaderValue::try_from).collect::<Result<Vec<_>, _>>();
            AllowOrigin::list(values.map_err(|_| {
                let message = "--cors-origin must be like https://example.org, or *";
                CliError::new("invalid-argument", message)
            })?)
        };
        let layer = CorsLayer::new()
            .allow_origin(origin)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([HeaderName::from_static("x-request-id"), header::RETRY_AFTER]);
        Ok(Some(layer))
    }
}

/// The parts of `NAME=PATH`. A path without a name gets the name of its file or folder, and a model
/// of the hub the name that was given.
pub fn name_and_path(given: &str) -> (String, &Path) {
    if let Some((name, path)) = given.split_once('=') {
        return (name.to_owned(), Path::new(path));
    }
    let path = Path::new(given);
    let name = match path.canonicalize() {
        Ok(whole) => whole.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        Err(_) => given.to_owned(),
    };
    (name, path)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| *s > 0.0);
    let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    duration.ok_or_else(|| "give a number of seconds above 0".into())
}
