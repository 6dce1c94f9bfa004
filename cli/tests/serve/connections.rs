//! Clients that are slow, that do not read, or that are too many.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::json;

use crate::served::{Answer, Served, TIMEOUT, answer, head};
use crate::tei;

/// Reads until the server ends the connection.
fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let kind = stream.read_to_end(&mut bytes).map_err(|error| error.kind());
    let timed_out = matches!(kind, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!timed_out, "the server did not end the connection");
    bytes
}

/// Sends a request on new connections until one is answered: the server may have ended a connection, or
/// may have refused it, before a busy machine has sent the request.
fn send_until_answered(server: &Served, request: &[u8]) -> TcpStream {
    let start = Instant::now();
    loop {
        let mut stream = server.connect();
        let mut begin = [0; 12];
        let sent = stream.write_all(request).and_then(|()| stream.read_exact(&mut begin));
        if sent.is_ok() && &begin == b"HTTP/1.1 200" {
            return stream;
        }
        assert!(start.elapsed() < TIMEOUT, "no request is answered");
    }
}

/// A connection that stays open after a request is answered.
fn kept(server: &Served) -> TcpStream {
    send_until_answered(server, b"GET /health HTTP/1.1\r\nhost: test\r\n\r\n")
}

#[test]
fn slow_bodies_are_refused() {
    let server = Served::start(&["--body-timeout", "0.5"]);
    let mut slow = server.connect();
    slow.write_all(&head("POST", "/v2/rerank", "", 100)).unwrap();
    slow.write_all(b"{").unwrap();
    let refused = answer(slow);
    assert_eq!(refused.status, 408, "{}", refused.body);
    assert!(refused.body.contains("0.5 s"), "{}", refused.body);
    assert!(refused.header("x-request-id").is_some());
    assert_eq!(server.post("/rerank", &tei(1, 2)).status, 200);
}

#[test]
fn slow_heads_end_the_connection() {
    let server = Served::start(&["--head-timeout", "0.5", "--idle-timeout", "600"]);
    for begun in [server.connect(), kept(&server)] {
        (&begun).write_all(b"POST /v2/rerank HTTP/1.1\r\nhost:").unwrap();
        read_to_end(&begun);
    }
    assert_eq!(server.post("/rerank", &tei(1, 2)).status, 200);
}

#[test]
fn idle_connections_are_ended() {
    let server = Served::start(&["--idle-timeout", "0.5", "--head-timeout", "600"]);
    for idle in [server.connect(), kept(&server)] {
        read_to_end(&idle);
    }
}

#[test]
fn a_request_may_take_longer_than_its_connection_may_be_idle() {
    let options =
        ["--idle-timeout", "0.1", "--deadline", "600", "--cache-mb", "0", "--threads", "1"];
    let server = Served::start(&options);
    let body = tei(1, 1000).to_string();
    let request = [&head("POST", "/rerank", "", body.len()), body.as_bytes()].concat();
    let rest = read_to_end(&send_until_answered(&server, &request));
    let rest = String::from_utf8(rest).unwrap();
    let results: serde_json::Value =
        serde_json::from_str(rest.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(results.as_array().unwrap().len(), 1000);
}

#[test]
fn clients_that_read_nothing_are_cut_off() {
    let server = Served::start(&["--idle-timeout", "0.5"]);
    let mut stream = server.connect();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    // The answers fill the buffers of both sides. Then the server reads no more requests either.
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: test\r\n\r\n".repeat(100);
    let ended = loop {
        if let Err(error) = stream.write_all(&request) {
            break error.kind();
        }
    };
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&ended), "{ended}");
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn connections_beyond_the_limit_are_refused() {
    let server = Served::start(&["--connections", "2"]);
    let mut open = vec![kept(&server), kept(&server)];
    // The client has sent nothing, so that nothing can be lost.
    let refused = answer(server.connect());
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.json()["error"].as_str().unwrap().contains("connections"));

    // Those that are open are served, and the place of one that ends is free again.
    open[0].write_all(&head("GET", "/health", "", 0)).unwrap();
    let rest = String::from_utf8(read_to_end(&open[0])).unwrap();
    assert!(rest.contains("HTTP/1.1 200"), "{rest}");
    open.push(kept(&server));
    drop(open);
    server.terminate();
    let (status, log) = server.wait();
    assert!(status.success());
    assert!(log.contains("refusing connections"), "{log}");
}

#[test]
fn ten_thousand_attempts_to_connect_leave_the_server_alive() {
    let server = Served::start(&["--connections", "20"]);
    let open = [kept(&server), kept(&server)];
    for round in 0..100 {
        let attempts: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
        for (i, mut stream) in attempts.iter().enumerate() {
            // Some begin a request, some end at once, and others wait for the end of the round.
            if i % 3 == round % 3 {
                let _ = stream.write_all(b"POST /rerank HTTP/1.1\r\n");
            }
        }
    }
    drop(open);
    kept(&server);
}

#[test]
fn heads_have_a_limit() {
    let server = Served::start(&[]);
    let with = |bytes: usize| {
        let long = format!("x-long: {}\r\n", "x".repeat(bytes));
        server.send("GET", "/health", &long, b"").status
    };
    // The server looks between two reads of up to this size.
    assert_eq!((with(60 << 10), with(128 << 10)), (200, 431));
    let small = Served::start(&["--max-head", "8192"]);
    let long = format!("x-long: {}\r\n", "x".repeat(16_384));
    assert_eq!(small.send("GET", "/health", &long, b"").status, 431);
}

/// A proxy's headers change nothing: no answer depends on the client's address, or on the scheme, host
/// or path that it asked the proxy for.
#[test]
fn headers_of_proxies_are_not_read() {
    let server = Served::start(&["--path-prefix", "/rerankers"]);
    let body = json!({ "query": "a", "texts": ["b", "c"] }).to_string();
    let forwarded = "x-forwarded-for: 10.0.0.1\r\nx-forwarded-proto: https\r\nx-forwarded-host: example.org\r\n\
                     x-forwarded-prefix: /other\r\nforwarded: for=10.0.0.1;proto=https\r\n";
    let bodies = |path: &str, body: &[u8]| {
        let method = if body.is_empty() { "GET" } else { "POST" };
        ["", forwarded].map(|headers| -> (u16, String) {
            let Answer { status, body, .. } = server.send(method, path, headers, body);
            (status, body)
        })
    };
    for (path, body) in [
        ("/rerank", body.as_bytes()),
        ("/rerankers/rerank", body.as_bytes()),
        ("/rerankers/openapi.json", b""),
        ("/rerankers/info", b""),
    ] {
        let [plain, proxied] = bodies(path, body);
        assert_eq!(plain.0, 200, "{path}: {}", plain.1);
        assert_eq!(plain, proxied, "{path}");
    }
    let [_, other] = bodies("/other/rerank", body.as_bytes());
    assert_eq!(other.0, 404);
}
