//! A loopback server that imitates rerank services step by step. The steps are described in
//! `tests/data/remote/failures.json`. In addition, `{"numbers": true}` scores each document, which must
//! be a number, by that number, and `"bytes"` makes an answer so long by spaces.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

#[derive(Clone)]
pub struct Request {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

pub struct Stub {
    pub url: String,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Stub {
    /// Starts the server on a thread that ends with the test program.
    pub fn start(steps: Vec<Value>) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = log.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (steps, log) = (steps.clone(), shared.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &steps, &log));
            }
        });
        Stub { url, log }
    }

    /// The requests so far.
    pub fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, steps: &[Value], log: &Mutex<Vec<Request>>) {
    let Some(request) = parse_request(&stream) else { return };
    let body = request.body.clone();
    let step = {
        let mut log = log.lock().unwrap();
        log.push(request);
        &steps[log.len().min(steps.len()) - 1]
    };
    // The client may hang up at any time.
    let _ = answer(step, &body, &mut stream);
}

fn parse_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> =
        headers.map(|(n, v)| (n.to_lowercase(), v.trim().to_owned())).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { path, headers, body: serde_json::from_slice(&body).unwrap() })
}

fn answer(step: &Value, question: &Value, stream: &mut TcpStream) -> std::io::Result<()> {
    if step["hang"] == true {
        std::thread::sleep(Duration::from_secs(30));
        return Ok(());
    }
    match step["cut"].as_str() {
        Some("head") => return Ok(()),
        Some(_) => return write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{{\"res"),
        None => {}
    }
    let mut body = match &step["text"] {
        Value::String(text) => text.clone(),
        _ if step["numbers"] == true => numbers(question).to_string(),
        _ => step["body"].to_string(),
    };
    let bytes = step["bytes"].as_u64().unwrap_or(0) as usize;
    body.extend(std::iter::repeat_n(' ', bytes.saturating_sub(body.len())));
    write!(stream, "HTTP/1.1 {} Status\r\n", step["status"].as_u64().unwrap_or(200))?;
    if let Some(seconds) = step["retryAfterDate"].as_u64() {
        let date = SystemTime::now() + Duration::from_secs(seconds);
        write!(stream, "retry-after: {}\r\n", httpdate::fmt_http_date(date))?;
    }
    for (name, value) in step["headers"].as_object().into_iter().flatten() {
        write!(stream, "{name}: {}\r\n", value.as_str().unwrap())?;
    }
    write!(stream, "connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn numbers(question: &Value) -> Value {
    let tei = question["texts"].is_array();
    let (texts, field) = if tei { ("texts", "score") } else { ("documents", "relevance_score") };
    let texts = question[texts].as_array().unwrap().iter().map(|t| t.as_str().unwrap());
    let number = |(index, text): (usize, &str)| json!({ "index": index, field: text.parse::<f64>().unwrap() });
    let list: Vec<Value> = texts.enumerate().map(number).collect();
    if tei { list.into() } else { json!({ "results": list }) }
}
