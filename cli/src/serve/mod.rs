//! `crossrank serve`: the library's routes on a socket.

mod http;
#[cfg(feature = "search")]
mod index;
mod listen;
mod scorer;

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use clap::{Args, ValueEnum};
#[cfg(feature = "search")]
use crossrank::index::Searcher;
use crossrank::server::{EmbeddingModel, Limits, Model, Options, Server, Tokens};
use crossrank::{Embedder, EmbedderOptions, LoadOptions, ModelFiles, ScoreCache};
use tokio::sync::Semaphore;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::args::{at_least_one, cores};
use crate::device::{DeviceArgs, Reporter};
use crate::error::{CliError, io};
use crate::model::LongDocumentsArgs;
use crate::{input, model};
use http::App;
use scorer::Scorer;

#[derive(Args)]
pub struct ServeArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Model folder in the Hugging Face layout, prepared model, or name of a model that crossrank
    /// pull has downloaded; several may be named, and the first is the one for requests without a
    /// model name [default: the bundled model]
    #[arg(long, value_name = "[NAME=]PATH|NAME")]
    model: Vec<String>,
    /// Likewise a model for embeddings, or `bundled` [default: the bundled one, unless --model is
    /// named]
    #[arg(long, value_name = "[NAME=]PATH|NAME")]
    embedder: Vec<String>,
    #[command(flatten)]
    long: LongDocumentsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// A file that crossrank index made, for POST /search
    #[cfg(feature = "search")]
    #[arg(long, value_name = "INDEX")]
    index: Option<PathBuf>,
    #[cfg(feature = "search")]
    #[command(flatten)]
    embedding: crate::embedding::EmbeddingArgs,
    /// Another name of a model
    #[arg(long, value_name = "ALIAS=NAME")]
    alias: Vec<String>,
    /// File with one bearer token a line; requests must carry one of them
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Listen beyond loopback without a token
    #[arg(long)]
    allow_anonymous: bool,
    /// Web pages of this origin may call; * is every page
    #[arg(long, value_name = "ORIGIN")]
    cors_origin: Vec<String>,
    /// Threads that score [default: one a core]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Memory for scores of earlier requests; 0 computes every score
    #[arg(long, value_name = "MB", default_value_t = 64)]
    cache_mb: usize,
    /// Requests that may wait or be scored at one time; more get 429
    #[arg(long, value_name = "N", default_value_t = 64, allow_negative_numbers = true)]
    queue: i64,
    /// Connections at one time; more wait
    #[arg(long, value_name = "N", default_value_t = 4096, allow_negative_numbers = true)]
    connections: i64,
    /// Seconds that a request may take
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, allow_negative_numbers = true)]
    deadline: Duration,
    /// Seconds that a request's head, and then its body, may take to arrive
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, allow_negative_numbers = true)]
    read_timeout: Duration,
    /// The largest body
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body)]
    max_body: usize,
    /// The most documents in a request
    #[arg(long, value_name = "N", default_value_t = Limits::default().documents)]
    max_documents: usize,
    /// The most windows of a document, where a request does not say [default: 32]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_windows: Option<i64>,
    /// The most tokens in a request, with the query counted once a document; where documents in
    /// windows are over it, they are cut
    #[arg(long, value_name = "N", default_value_t = Limits::default().tokens)]
    max_tokens: usize,
    /// Form of the log, on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

pub fn run(args: &ServeArgs) -> Result<String, CliError> {
    let queue = at_least_one("--queue", args.queue)?;
    let connections = at_least_one("--connections", args.connections)?;
    let threads = match args.threads {
        Some(threads) => at_least_one("--threads", threads)?,
        None => cores(),
    };
    let tokens = read_tokens(args.token_file.as_deref())?;
    let address = address(args, &tokens)?;
    let cors = cors(&args.cors_origin)?;
    log(args.log_format);

    let cache = (args.cache_mb > 0).then(|| Arc::new(ScoreCache::new(args.cache_mb << 20)));
    let models = load_models(args, threads, &cache)?;
    let mut options = Options::default();
    options.limits.body = args.max_body;
    options.limits.documents = args.max_documents;
    options.limits.tokens = args.max_tokens;
    options.max_windows = args.max_windows.map(|n| at_least_one("--max-windows", n)).transpose()?;
    options.embedders = load_embedders(args)?;
    options.tokens = tokens;
    options.aliases = args.alias.iter().map(|a| alias(a)).collect::<Result<_, _>>()?;
    options.cache = cache;
    #[cfg(feature = "search")]
    if let Some(index) = &args.index {
        let mut searcher = Searcher::open(index)?;
        if searcher.has_vectors() {
            searcher = searcher.with_embedder(args.embedding.load(Some(threads))?)?;
        }
        options.index = Some(Arc::new(index::SearchIndex(searcher)));
    }
    (options.queue, options.threads) = (queue, threads);
    let server = Arc::new(Server::new(models, options)?);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(threads)
        .build()
        .map_err(io("cannot start"))?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(io(format!("cannot listen on {address}")))?;
        let address = listener.local_addr().map_err(io("the listener has no address"))?;
        // Whoever started the server waits for this line, and may stop it as soon as it is there.
        let stop = listen::stop_signal().map_err(io("cannot wait for signals"))?;
        let mut stdout = std::io::stdout();
        let said = writeln!(stdout, "crossrank serves http://{address}");
        said.and_then(|()| stdout.flush()).map_err(io("cannot write the address"))?;
        tracing::info!(%address, threads, queue, "listening");

        let app = App {
            scorer: Scorer::new(server.clone(), threads),
            server,
            queue: Arc::new(Semaphore::new(queue)),
            deadline: args.deadline,
            read_timeout: args.read_timeout,
        };
        let mut router = Router::new().fallback(http::handle).with_state(Arc::new(app));
        if let Some(cors) = cors {
            router = router.layer(cors);
        }
        let grace = args.read_timeout + args.deadline;
        listen::serve(listener, router, connections, args.read_timeout, grace, stop).await;
        Ok::<(), CliError>(())
    })?;
    Ok(String::new())
}

/// The address, unless it would let strangers in.
fn address(args: &ServeArgs, tokens: &Tokens) -> Result<SocketAddr, CliError> {
    let host = args.host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (host, args.port).to_socket_addrs();
    let addresses: Vec<SocketAddr> =
        addresses.map_err(io(format!("--host {host} is no address")))?.collect();
    let address = *addresses.first().ok_or_else(|| {
        CliError::new("invalid-argument", format!("--host {host} has no address"))
    })?;
    if !address.ip().is_loopback() && tokens.is_empty() && !args.allow_anonymous {
        return Err(CliError::new(
            "invalid-argument",
            format!(
                "{} is open to other machines, and no token is set; name a --token-file, or say \
                 --allow-anonymous",
                address.ip()
            ),
        ));
    }
    Ok(address)
}

fn read_tokens(file: Option<&Path>) -> Result<Tokens, CliError> {
    let Some(file) = file else { return Ok(Tokens::default()) };
    let tokens = Tokens::parse(&input::read_text(file)?);
    if tokens.is_empty() {
        let message = format!("{} holds no token; write one a line", file.display());
        return Err(CliError::new("invalid-input", message));
    }
    Ok(tokens)
}

fn load_models(
    args: &ServeArgs,
    threads: usize,
    cache: &Option<Arc<ScoreCache>>,
) -> Result<Vec<Model>, CliError> {
    let load = |name: String, files: ModelFiles| {
        let mut options = LoadOptions::default();
        options.threads = Some(threads);
        options.cache = cache.clone();
        options.long_documents = args.long.chosen();
        let reporter = Reporter {
            info: |text| tracing::info!("{text}"),
            warn: |text| tracing::warn!("{text}"),
        };
        let reranker = args.device.load(&files, options, reporter)?;
        tracing::info!(model = name, kernel = reranker.current().kernel(), "loaded");
        Ok(Model { name, reranker })
    };
    if args.model.is_empty() {
        return Ok(vec![load("minilm-l6-en".into(), ModelFiles::bundled_reranker()?)?]);
    }
    let models = args.model.iter().map(|given| {
        let (name, path) = named(given);
        load(name, model::read(path)?)
    });
    models.collect()
}

fn load_embedders(args: &ServeArgs) -> Result<Vec<EmbeddingModel>, CliError> {
    const BUNDLED: &str = "bundled";
    let bundled = [BUNDLED.to_owned()];
    let wanted = if args.embedder.is_empty() && args.model.is_empty() {
        &bundled[..]
    } else {
        &args.embedder
    };
    let load = |given: &String| {
        let (name, path) = named(given);
        let (name, files) = match given.as_str() {
            BUNDLED => ("all-minilm-l6-v2".to_owned(), ModelFiles::bundled_embedder()?),
            _ => (name, model::read(path)?),
        };
        let embedder = Embedder::from_files(&files, EmbedderOptions::default())?;
        let (warning, kernel) = (embedder.warning(), embedder.kernel());
        tracing::info!(model = name, kernel, warning, "loaded");
        Ok(EmbeddingModel { name, embedder })
    };
    wanted.iter().map(load).collect()
}

/// The parts of `NAME=PATH`. What is on the disk is called as it is there, a model of the hub as it
/// was named.
fn named(given: &str) -> (String, &Path) {
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

fn alias(text: &str) -> Result<(String, String), CliError> {
    let (alias, name) = text.split_once('=').ok_or_else(|| {
        let message = format!("--alias {text} is not of the form ALIAS=NAME");
        CliError::new("invalid-argument", message)
    })?;
    Ok((alias.to_owned(), name.to_owned()))
}

/// Lets pages of these origins call. Without one, browsers keep every page of another origin out.
fn cors(origins: &[String]) -> Result<Option<CorsLayer>, CliError> {
    if origins.is_empty() {
        return Ok(None);
    }
    let origin = if origins.iter().any(|o| o == "*") {
        AllowOrigin::any()
    } else {
        let values = origins.iter().map(HeaderValue::try_from);
        let values = values.collect::<Result<Vec<_>, _>>().map_err(|_| {
            CliError::new("invalid-argument", "--cors-origin is like https://example.org, or *")
        })?;
        AllowOrigin::list(values)
    };
    let layer = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([HeaderName::from_static("x-request-id"), header::RETRY_AFTER]);
    Ok(Some(layer))
}

fn log(format: LogFormat) {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    // Without the panic's own text, which may quote a document.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|l| format!("{}:{}", l.file(), l.line()));
        tracing::error!(place, "a panic was caught");
    }));
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| *s > 0.0);
    let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    duration.ok_or_else(|| "a number of seconds over 0".into())
}
