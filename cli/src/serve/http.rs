//! One request on a socket: its body, its slot in the queue, its deadline and its line in the log.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use crossrank::server::{ApiError, ApiErrorKind, Request, Response, Server};
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::scorer::Scorer;

pub struct App {
    pub server: Arc<Server>,
    pub scorer: Scorer,
    /// A permit for each request that waits or is being scored.
    pub queue: Arc<Semaphore>,
    pub deadline: Duration,
    pub body_timeout: Duration,
}

pub async fn handle(
    State(app): State<Arc<App>>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let header = |name: &str| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.to_owned(), value.to_owned()))
    };
    let head = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: Request::HEADERS.into_iter().filter_map(header).collect(),
        id: request_id(&parts.headers),
        body: Vec::new(),
    };
    let mut log = RequestLog { app: &app, head: &head, started: Instant::now(), answered: false };
    let response = app.respond(&head, body, &parts.headers).await;
    log.answer(&response);
    to_http(response, &head.id)
}

impl App {
    async fn respond(&self, head: &Request, body: Body, headers: &HeaderMap) -> Response {
        let admitted = match self.server.admit(head) {
            Ok(()) if !self.server.needs_model(head) => {
                discard(body, headers).await;
                return self.server.respond(head.clone());
            }
            // This comes before the body is read, so that a refusal costs no memory.
            Ok(()) if self.queue.available_permits() == 0 => {
                discard(body, headers).await;
                return self.overloaded(head);
            }
            Ok(()) => read_body(body, headers, self.server.limits().body, self.body_timeout)
                .await
                .map_err(|error| self.server.refuse(head, error)),
            Err(refused) => {
                discard(body, headers).await;
                Err(refused)
            }
        };
        let request = match admitted {
            Ok(body) => Request { body, ..head.clone() },
            Err(refused) => return refused,
        };
        let Ok(permit) = self.queue.clone().try_acquire_owned() else {
            return self.overloaded(head);
        };
        match timeout(self.deadline, self.compute(request, permit)).await {
            Ok(Some(response)) => response,
            Ok(None) => {
                let message = "this is a bug in the server; please report the request";
                self.server.refuse(head, ApiError::new(ApiErrorKind::Internal, message))
            }
            Err(_) => {
                let message = format!(
                    "the answer was not ready within {} s; send fewer documents or try again",
                    self.deadline.as_secs_f64()
                );
                self.server.refuse(head, ApiError::new(ApiErrorKind::Deadline, message))
            }
        }
    }

    fn overloaded(&self, head: &Request) -> Response {
        let message = "the server has too many requests; try again in a moment";
        self.server.refuse(head, ApiError::new(ApiErrorKind::Overloaded, message))
    }

    /// Parses and tokenizes on a thread that may block, and computes on the scoring threads.
    /// Dropping the future stops both. `None` after a panic.
    async fn compute(&self, request: Request, permit: OwnedSemaphorePermit) -> Option<Response> {
        let slot = Arc::new(QueueSlot::new(self.server.clone(), permit));
        let cancelled = CancelOnDrop::default();
        let mut request = Arc::new(request);
        loop {
            let (server, to_prepare) = (self.server.clone(), request.clone());
            let (cancelled, slot) = (cancelled.0.clone(), slot.clone());
            let prepare = move || {
                let _slot = slot;
                server.prepare(&to_prepare, &|| cancelled.load(Ordering::Relaxed))
            };
            let prepared = match tokio::task::spawn_blocking(prepare).await.ok()? {
                Ok(prepared) => prepared,
                Err(response) => return Some(response),
            };
            if !prepared.may_retry() {
                request = Arc::default();
            }
            let outputs = self.scorer.compute(prepared.model(), prepared.sequences()).await;
            if !prepared.must_retry(&outputs) {
                return Some(prepared.answer(outputs));
            }
        }
    }
}

/// A slot in the queue. The metrics count it while it exists.
struct QueueSlot {
    server: Arc<Server>,
    _permit: OwnedSemaphorePermit,
}

impl QueueSlot {
    fn new(server: Arc<Server>, permit: OwnedSemaphorePermit) -> QueueSlot {
        server.metrics().enter_queue();
        QueueSlot { server, _permit: permit }
    }
}

impl Drop for QueueSlot {
    fn drop(&mut self) {
        self.server.metrics().leave_queue();
    }
}

#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Counts and logs a request. Where the client goes away before the answer, the future is dropped,
/// and this with it. The log never contains texts.
struct RequestLog<'a> {
    app: &'a App,
    head: &'a Request,
    started: Instant,
    answered: bool,
}

impl RequestLog<'_> {
    fn answer(&mut self, response: &Response) {
        self.answered = true;
        let (head, seconds) = (self.head, self.started.elapsed().as_secs_f64());
        let route = self.app.server.label(&head.path);
        self.app.server.metrics().answered(route, response.status, seconds);
        tracing::info!(
            id = head.id,
            method = head.method,
            route,
            status = response.status,
            seconds,
            bytes = response.body.len(),
            "answered"
        );
    }
}

impl Drop for RequestLog<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.app.server.metrics().dropped();
            let seconds = self.started.elapsed().as_secs_f64();
            let route = self.app.server.label(&self.head.path);
            tracing::info!(id = self.head.id, route, seconds, "the client disconnected");
        }
    }
}

/// The client's own `x-request-id` where it is short and plain, otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sent = headers.get("x-request-id").and_then(|v| v.to_str().ok());
    let plain = sent.filter(|id| Request::is_plain_id(id));
    plain.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

/// Reads a body of at most `limit` bytes within `time`.
async fn read_body(
    mut body: Body,
    headers: &HeaderMap,
    limit: usize,
    time: Duration,
) -> Result<Vec<u8>, ApiError> {
    if body_length(headers).is_some_and(|length| length > limit as u64) {
        discard(body, headers).await;
        return Err(ApiError::body_too_large(limit));
    }
    let collected = timeout(time, collect(&mut body, limit)).await.unwrap_or_else(|_| {
        let message = format!("the body did not arrive within {} s", time.as_secs_f64());
        Err(ApiError::new(ApiErrorKind::BodyTimeout, message))
    });
    if collected.as_ref().is_err_and(|error| error.kind() == ApiErrorKind::BodyTooLarge) {
        discard(body, headers).await;
    }
    collected
}

async fn collect(body: &mut Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(frame) = frame(body).await {
        let Ok(frame) = frame else {
            return Err(ApiError::new(ApiErrorKind::BadRequest, "the body is incomplete"));
        };
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > limit {
            return Err(ApiError::body_too_large(limit));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn body_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the rest of a refused body, up to a limit. Many clients read the answer only after they
/// have sent everything, and a connection that is closed before looks like a fault to them.
async fn discard(mut body: Body, headers: &HeaderMap) {
    const MAX_BYTES: usize = 64 << 20;
    const MAX_TIME: Duration = Duration::from_secs(2);
    if headers.contains_key(header::EXPECT) {
        return; // the client asks before it sends the body
    }
    let all = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = frame(&mut body).await {
            bytes += frame.into_data().map_or(0, |data| data.len());
            if bytes > MAX_BYTES {
                break;
            }
        }
    };
    let _ = timeout(MAX_TIME, all).await;
}

async fn frame(
    body: &mut Body,
) -> Option<Result<hyper::body::Frame<hyper::body::Bytes>, axum::Error>> {
    poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

fn to_http(response: Response, id: &str) -> axum::response::Response {
    let mut http = axum::response::Response::new(Body::from(response.body));
    *http.status_mut() = StatusCode::from_u16(response.status).expect("the routes' own codes");
    for (name, value) in response.headers {
        http.headers_mut().insert(name, HeaderValue::try_from(value).expect("plain ASCII"));
    }
    http.headers_mut().insert("x-request-id", HeaderValue::try_from(id).expect("plain ASCII"));
    http
}
