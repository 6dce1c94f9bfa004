//! Heads and bodies of HTTP requests on a socket of `crossrank serve`.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use crossrank::server::{Model, Options, Server};
use crossrank::{LoadOptions, ModelFiles, Reranker};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use super::connection::Timeouts;
use super::http::{App, handle};
use super::listen::{self, ConnectionLimits};
use super::scorer::Scorer;

const TIMEOUT: Duration = Duration::from_secs(5);

/// What a client sends before it closes its side.
pub fn run(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(handle).with_state(app().clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let data = data.to_vec();
        let client = std::thread::spawn(move || {
            let answer = exchange(address, &data);
            drop(stop);
            answer
        });
        let stopped = async { drop(stopped.await) };
        let timeouts = Timeouts { head: TIMEOUT, body: TIMEOUT, idle: TIMEOUT };
        let limits = ConnectionLimits { connections: 4, head: 8192, timeouts };
        listen::serve(listener, router, limits, TIMEOUT, stopped).await;
        client.join().unwrap()
    });
    let Some(rest) = answer.strip_prefix(b"HTTP/1.") else { return assert!(answer.is_empty()) };
    assert!(!rest.starts_with(b"1 500"), "{}", String::from_utf8_lossy(&answer));
}

/// What the server answers.
fn exchange(address: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(4 * TIMEOUT)).unwrap();
    // The server may close the connection before it has read everything.
    let _ = stream.write_all(data);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the server does not answer"),
        _ => answer,
    }
}

fn app() -> &'static Arc<App> {
    static APP: OnceLock<Arc<App>> = OnceLock::new();
    APP.get_or_init(|| {
        let mut load = LoadOptions::default();
        load.threads = Some(1);
        let model = root().join("tests/data/graphs/torchscript-14");
        let reranker = Reranker::from_files(&ModelFiles::read(model).unwrap(), load).unwrap();
        let mut options = Options::default();
        options.limits.body = 1 << 16;
        options.limits.documents = 20;
        let model = Model { name: "small".into(), reranker: reranker.into() };
        let server = Arc::new(Server::new(vec![model], options).unwrap());
        Arc::new(App {
            scorer: Scorer::new(server.clone(), 1),
            server,
            queue: Arc::new(Semaphore::new(4)),
            deadline: TIMEOUT,
            body_timeout: TIMEOUT,
        })
    })
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn inputs_that_were_kept() {
    crate::replay::replay(&root(), "http", run);
}
