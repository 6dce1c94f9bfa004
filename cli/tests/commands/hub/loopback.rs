//! A loopback server with the Hugging Face Hub's paths for one repository, and a second server for
//! file storage, to which the first redirects requests for large files, as the hub does.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A request to one of the two servers.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub range: Option<String>,
    pub token: Option<String>,
    /// Whether the request went to the file storage.
    pub store: bool,
}

/// What a server does instead of a correct response.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Responds with this status and an additional header.
    Status(u16, &'static str, &'static str),
    /// Closes the connection after this number of bytes of the body.
    Cut(usize),
    /// Sends nothing for a minute after this number of bytes of the body.
    Hang(usize),
    /// Waits a moment before the body.
    Slow,
    /// Sends the whole file, whatever range was requested.
    NoRanges,
    /// Sends zeros instead of the content.
    Wrong,
}

#[derive(Clone)]
struct Shared {
    repository: String,
    files: Arc<BTreeMap<String, Vec<u8>>>,
    store: String,
    log: Arc<Mutex<Vec<Asked>>>,
    faults: Arc<Mutex<VecDeque<(&'static str, Fault)>>>,
}

pub struct Hub {
    pub url: String,
    shared: Shared,
}

impl Hub {
    /// Serves a folder as a repository. The threads run until the test program ends.
    pub fn start(repository: &str, folder: &Path) -> Hub {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(open) = folders.pop() {
            for entry in std::fs::read_dir(open).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let inside = path.strip_prefix(folder).unwrap().to_str().unwrap();
                files.insert(inside.to_owned(), std::fs::read(&path).unwrap());
            }
        }
        Hub::of(repository, files)
    }

    pub fn of(repository: &str, files: BTreeMap<String, Vec<u8>>) -> Hub {
        let (hub, store) = (listen(), listen());
        let shared = Shared {
            repository: repository.to_owned(),
            files: Arc::new(files),
            store: address(&store),
            log: Arc::default(),
            faults: Arc::default(),
        };
        let url = address(&hub);
        for (listener, is_store) in [(hub, false), (store, true)] {
            let shared = shared.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let shared = shared.clone();
                    std::thread::spawn(move || shared.serve(stream.unwrap(), is_store));
                }
            });
        }
        Hub { url, shared }
    }

    /// Sets a fault for the next request whose path contains this. Faults of one path come in order.
    pub fn fault(&self, path: &'static str, fault: Fault) {
        self.shared.faults.lock().unwrap().push_back((path, fault));
    }

    /// Empties the log. Returns its requests whose path contains this.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let log = std::mem::take(&mut *self.shared.log.lock().unwrap());
        log.into_iter().filter(|asked| asked.path.contains(path)).collect()
    }

    pub fn file(&self, path: &str) -> &[u8] {
        &self.shared.files[path]
    }

    /// The name of a file's blob.
    pub fn hash(&self, path: &str) -> String {
        hash(path, self.file(path))
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream, store: bool) {
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let header = |name: &str| {
            let found = headers.iter().filter_map(|line| line.split_once(": "));
            let mut found = found.filter(|(n, _)| n.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.to_owned())
        };
        let (range, token) = (header("range"), header("authorization"));
        let asked = Asked { path: path.clone(), range, token, store };
        self.log.lock().unwrap().push(asked.clone());
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let at = faults.iter().position(|(of, _)| path.contains(of));
            at.and_then(|at| faults.remove(at)).map(|(_, fault)| fault)
        };
        // The client may close the connection at any time.
        let _ = self.answer(&asked, fault, &stream);
    }

    fn answer(
        &self,
        asked: &Asked,
        fault: Option<Fault>,
        stream: &TcpStream,
    ) -> std::io::Result<()> {
        if let Some(Fault::Status(status, name, value)) = fault {
            return reply(stream, &format!("{status} Fault"), &[(name, value)], b"no", None);
        }
        let path = asked.path.split('?').next().unwrap();
        if asked.store {
            let name = path.trim_start_matches("/store/");
            let file = self.files.iter().find(|(path, content)| hash(path, content) == name);
            return send(stream, asked, fault, file.unwrap().1);
        }
        let api = format!("/api/models/{}/revision/main", self.repository);
        let resolve = format!("/{}/resolve/{COMMIT}/", self.repository);
        if path == api {
            return send(stream, asked, fault, self.listing().to_string().as_bytes());
        }
        let file = path.strip_prefix(&resolve).and_then(|path| self.files.get_key_value(path));
        match file {
            Some((path, content)) if is_large(path) => {
                let hash = hash(path, content);
                let to = format!("{}/store/{hash}?signature=secret", self.store);
                let headers = [("location", &*to), ("x-linked-etag", &hash)];
                reply(stream, "302 Found", &headers, b"", None)
            }
            Some((_, content)) => send(stream, asked, fault, content),
            None => reply(stream, "404 Not Found", &[("x-error-code", "RepoNotFound")], b"", None),
        }
    }

    fn listing(&self) -> Value {
        let files = self.files.iter().map(|(path, content)| {
            let size = content.len();
            let sha1 = hexadecimal(&Sha1::digest(format!("pointer to {path}")));
            match is_large(path) {
                true => json!({ "rfilename": path, "size": size, "blobId": sha1,
                                "lfs": { "sha256": hash(path, content), "size": size } }),
                false => json!({ "rfilename": path, "size": size, "blobId": hash(path, content) }),
            }
        });
        let files: Vec<Value> = files.collect();
        json!({ "id": self.repository, "sha": COMMIT, "siblings": files })
    }
}

fn send(
    stream: &TcpStream,
    asked: &Asked,
    fault: Option<Fault>,
    content: &[u8],
) -> std::io::Result<()> {
    let wrong = vec![0; content.len()];
    let content = if matches!(fault, Some(Fault::Wrong)) { &wrong } else { content };
    let start = asked.range.as_deref().and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-'));
    let start: usize = start.map_or(0, |start| start.parse().unwrap());
    if start == 0 || matches!(fault, Some(Fault::NoRanges)) {
        return reply(stream, "200 OK", &[], content, fault);
    }
    let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
    reply(stream, "206 Partial", &[("content-range", &range)], &content[start..], fault)
}

fn reply(
    mut stream: &TcpStream,
    status: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    fault: Option<Fault>,
) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len())?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    match fault {
        Some(Fault::Cut(bytes)) => stream.write_all(&body[..bytes]),
        Some(Fault::Hang(bytes)) => {
            stream.write_all(&body[..bytes])?;
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        Some(Fault::Slow) => {
            std::thread::sleep(Duration::from_millis(300));
            stream.write_all(body)
        }
        _ => stream.write_all(body),
    }
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn address(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
}

/// As on the hub, weights are in the file storage and texts in git.
fn is_large(path: &str) -> bool {
    [".onnx", ".onnx_data", ".safetensors"].iter().any(|end| path.ends_with(end))
}

fn hash(path: &str, content: &[u8]) -> String {
    if is_large(path) {
        return hexadecimal(&Sha256::digest(content));
    }
    let prefix = format!("blob {}\0", content.len());
    hexadecimal(&Sha1::new_with_prefix(prefix).chain_update(content).finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
