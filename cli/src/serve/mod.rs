//! `crossrank serve`: the library's routes on a socket.

mod args;
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
    let (queue, connections) = (args.queue()?, args.connections()?);
    let threads = args.routes.threads()?;
    let tokens = args.tokens()?;
    let address = args.address(&tokens)?;
    let cors = args.cors()?;
    start_log(args.log_format);
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
        LogFormat::Text => log.with_ansi(has_colored_messages()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    // The panic's own text is left out, because it may quote a document.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|l| format!("{}:{}", l.file(), l.line()));
        tracing::error!(place, "a panic was caught");
    }));
}
