//! Accepting connections, their timeouts, and shutting down.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::connection::{AnswerBody, Connection, Timeouts};

/// What a client may use.
#[derive(Clone, Copy)]
pub struct ConnectionLimits {
    /// The number of connections at one time.
    pub connections: usize,
    /// Bytes of a request's head, at least 8192.
    pub head: usize,
    pub timeouts: Timeouts,
}

/// Serves until `stop` completes. The requests that were accepted then have the time `grace` to end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    grace: Duration,
    stop: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut is_full = false;
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            // One line for each time that the server is full, not for each client.
            if !std::mem::replace(&mut is_full, true) {
                tracing::warn!(limit = limits.connections, "refusing connections");
            }
            let _ = refuse(stream);
            continue;
        };
        is_full = false;
        let _ = stream.set_nodelay(true);
        let stream = Connection::new(stream, limits.timeouts);
        let (progress, router) = (stream.progress(), TowerToHyperService::new(router.clone()));
        let service = service_fn(move |request| {
            let answering = progress.answering();
            let response = router.call(request);
            async {
                response.await.map(|answer| answer.map(|body| AnswerBody::new(body, answering)))
            }
        });
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(limits.head)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    tracing::info!("stopping after the accepted requests");
    let ended = timeout(grace, graceful.shutdown()).await;
    if ended.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

/// Answers before the request is read. A client that has sent much may see a reset instead.
fn refuse(stream: TcpStream) -> std::io::Result<()> {
    const ANSWER: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
        content-type: application/json\r\n\r\n\
        {\"error\":\"the server has too many open connections\"}";
    // What is not blocking writes and reads at once, or not at all.
    let mut stream = stream.into_std()?;
    stream.write_all(ANSWER.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    stream.read(&mut [0; 4096]).map(|_| ())
}

/// Completes at the first SIGINT or SIGTERM after this call.
#[cfg(unix)]
pub fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

#[cfg(not(unix))]
pub fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { tokio::signal::ctrl_c().await.unwrap_or(()) })
}
