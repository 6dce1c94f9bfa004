//! `crossrank serve`: the library's routes on a socket.

mod args;
mod http;
#[cfg(feature = "search")]
mod index;
mod listen;
mod load;
mod scorer;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use axum::Router;
use crossrank::ScoreCache;
#[cfg(feature = "search")]
use crossrank::index::Searcher;
use crossrank::server::{Options, Server};
use tokio::sync::Semaphore;

use crate::error::{CliError, io};
use args::LogFormat;
use http::App;
use scorer::Scorer;

pub use args::ServeArgs;

pub fn run(args: &ServeArgs) -> Result<String, CliError> {
    let (queue, connections) = (args.queue()?, args.connections()?);
    let threads = args.threads()?;
    let tokens = args.tokens()?;
    let address = args.address(&tokens)?;
    let cors = args.cors()?;
    start_log(args.log_format);

    let cache = (args.cache_mb > 0).then(|| Arc::new(ScoreCache::new(args.cache_mb << 20)));
    let models = load::models(args, threads, &cache)?;
    let mut options = Options::default();
    options.limits.body = args.max_body;
    options.limits.documents = args.max_documents;
    options.limits.texts = args.max_texts;
    options.limits.tokens = args.max_tokens;
    options.max_windows = args.max_windows()?;
    options.embedders = load::embedders(args)?;
    options.tokens = tokens;
    options.aliases = args.aliases()?;
    options.accept_any_model = args.accept_any_model;
    options.path_prefix = args.path_prefix.clone();
    options.cache = cache;
    #[cfg(feature = "search")]
    if let Some(index) = &args.index {
        let mut searcher = Searcher::open(index)?;
        if searcher.has_vectors() {
            searcher = searcher.with_embedder(args.embedding.load(Some(threads))?)?;
        }
        options.index = Some(Arc::new(index::FileIndex(searcher)));
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
        // A program that starts the server waits for the line below, and may stop the server as
        // soon as it has read the line.
        let stop = listen::stop_signal().map_err(io("cannot wait for signals"))?;
        let mut stdout = std::io::stdout();
        let written = writeln!(stdout, "crossrank serves http://{address}");
        written.and_then(|()| stdout.flush()).map_err(io("cannot write the address"))?;
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

fn start_log(format: LogFormat) {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    // The panic's own text is left out, because it may quote a document.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|l| format!("{}:{}", l.file(), l.line()));
        tracing::error!(place, "a panic was caught");
    }));
}
