//! `crossrank serve`: the library's routes on a socket.

mod args;
mod connection;
#[cfg(test)]
#[path = "../../../fuzz/src/command/http.rs"]
mod fuzz;
mod http;
mod listen;
mod load;
mod scorer;

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use crossrank::server::{Model, Server};
use tokio::sync::Semaphore;

use crate::device::Reporter;
use crate::error::{CliError, io};
use crate::output::has_colored_messages;
use crate::units;
use args::LogFormat;
use http::App;
use scorer::Scorer;

pub use args::ServeArgs;

pub fn run(args: &ServeArgs) -> Result<String, CliError> {
    let (queue, limits) = (args.queue()?, args.connection_limits()?);
    let threads = args.routes.threads()?;
    let tokens = args.tokens()?;
    let address = args.address(&tokens)?;
    let cors = args.cors()?;
    start_log(args.log_format);
    #[cfg(unix)]
    allow_files(limits.connections as u64);
    let start = Instant::now();

    let reporter =
        Reporter { info: |text| tracing::info!("{text}"), warn: |text| tracing::warn!("{text}") };
    let (models, mut options) = args.routes.load(reporter)?;
    for Model { name, reranker } in &models {
        tracing::info!(model = name, kernel = reranker.current().kernel(), "loaded");
    }
    options.limits.body = args.max_body;
    options.limits.texts = args.max_texts;
    options.embedders = load::embedders(args)?;
    options.tokens = tokens;
    options.path_prefix = args.path_prefix.clone();
    options.queue = queue;
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
        let started_in = units::time(start.elapsed());
        tracing::info!(%address, threads, queue, started_in, "listening");

        let app = App {
            scorer: Scorer::new(server.clone(), threads),
            server,
            queue: Arc::new(Semaphore::new(queue)),
            deadline: args.deadline,
            body_timeout: limits.timeouts.body,
        };
        let mut router = Router::new().fallback(http::handle).with_state(Arc::new(app));
        if let Some(cors) = cors {
            router = router.layer(cors);
        }
        let grace = limits.timeouts.body + args.deadline;
        listen::serve(listener, router, limits, grace, stop).await;
        Ok::<(), CliError>(())
    })?;
    Ok(String::new())
}

/// Lets the process open enough files for so many connections, where the system allows it.
#[cfg(unix)]
fn allow_files(connections: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// For models, an index, the log and the downloads of other models.
    const OTHERS: u64 = 256;
    let found = getrlimit(Resource::Nofile);
    let wanted = connections.saturating_add(OTHERS);
    if found.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = found.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = Rlimit { current: Some(allowed), maximum: found.maximum };
    if setrlimit(Resource::Nofile, raised).is_err() || allowed < wanted {
        let limit = found.maximum;
        tracing::warn!(
            limit,
            wanted,
            "the system allows fewer open files than --connections needs"
        );
    }
}

fn start_log(format: LogFormat) {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(has_colored_messages()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    // The panic's own text is left out, because it may quote a document.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|l| format!("{}:{}", l.file(), l.line()));
        tracing::error!(place, "a panic was caught");
    }));
}
