//! The command's arguments.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use clap::{Args, ValueEnum};
use crossrank::server::{Limits, Tokens};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::args::at_least_one;
use crate::error::{CliError, io};
use crate::input;
use crate::routes::RoutesArgs;

use super::connection::Timeouts;
use super::listen::ConnectionLimits;

#[derive(Args)]
pub struct ServeArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8787)]
    port: u16,
    #[command(flatten)]
    pub routes: RoutesArgs,
    /// An embedding model, as for --model, or bundled for the bundled one. May be given several times
    /// [default: bundled, unless --model is given]
    #[arg(long, value_name = "[NAME=]PATH|NAME")]
    pub embedder: Vec<String>,
    /// A path, such as /rerankers, below which the routes answer too, for a proxy that does not
    /// remove it
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    pub path_prefix: String,
    /// File with one token on each line. Requests must carry one of them, as a bearer token or in the
    /// header x-api-key or api-key
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Listen on an address other than loopback without a token
    #[arg(long)]
    allow_anonymous: bool,
    /// Origin of web pages that may send requests, or * for all pages. May be given several times
    #[arg(long, value_name = "ORIGIN")]
    cors_origin: Vec<String>,
    /// Maximum number of requests that wait or are scored at one time; others get the status 429
    #[arg(long, value_name = "N", default_value_t = 64, allow_negative_numbers = true)]
    queue: i64,
    /// Maximum number of connections at one time; others are refused
    #[arg(long, value_name = "N", default_value_t = 1024, allow_negative_numbers = true)]
    connections: i64,
    /// Time that a request may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, allow_negative_numbers = true)]
    pub deadline: Duration,
    /// Time in which the head of a request must arrive, from its first byte, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, allow_negative_numbers = true)]
    head_timeout: Duration,
    /// Time in which the body of a request must arrive, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, allow_negative_numbers = true)]
    body_timeout: Duration,
    /// Time in which a connection without a request, or without a client that reads the answer, is
    /// ended, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, allow_negative_numbers = true)]
    idle_timeout: Duration,
    /// Size beyond which a request's head is refused, in bytes; at least 8192. It is compared
    /// between two reads, so that up to twice as many bytes may come
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10, value_parser = clap::value_parser!(u32).range(8192..))]
    max_head: u32,
    /// Maximum size of a request's body, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body)]
    pub max_body: usize,
    /// Maximum number of texts to embed in a request
    #[arg(long, value_name = "N", default_value_t = Limits::default().texts)]
    pub max_texts: usize,
    /// Format of the log, which goes to standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Text,
    /// A JSON object on each line
    Json,
}

impl ServeArgs {
    pub fn queue(&self) -> Result<usize, CliError> {
        at_least_one("--queue", self.queue)
    }

    pub fn connection_limits(&self) -> Result<ConnectionLimits, CliError> {
        Ok(ConnectionLimits {
            connections: at_least_one("--connections", self.connections)?,
            head: self.max_head as usize,
            timeouts: Timeouts {
                head: self.head_timeout,
                body: self.body_timeout,
                idle: self.idle_timeout,
            },
        })
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

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| *s > 0.0);
    let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    duration.ok_or_else(|| "give a number of seconds above 0".into())
}
