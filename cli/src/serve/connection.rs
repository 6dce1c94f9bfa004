//! One connection. Its client must send a request's head, and read the answer, in time.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may take.
#[derive(Clone, Copy)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// From the end of the head to the end of the body.
    pub body: Duration,
    /// Until the next request begins, and until the client reads more of an answer.
    pub idle: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// No byte of a request has come.
    Idle,
    /// A part of a head has come.
    Head,
    /// The head is complete, and the answer is not. The request's own deadlines hold.
    Answer,
}

/// How far a connection is with a request.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<State>>);

struct State {
    phase: Phase,
    since: Instant,
    /// The reader, if it waits without a limit of time.
    waiting: Option<Waker>,
}

impl Progress {
    fn new() -> Progress {
        let (phase, since) = (Phase::Idle, Instant::now());
        Progress(Arc::new(Mutex::new(State { phase, since, waiting: None })))
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.state();
        (state.phase, state.since) = (phase, Instant::now());
        // Its time begins now.
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head is complete. The connection is idle when the value is dropped.
    pub fn answering(&self) -> Answering {
        self.enter(Phase::Answer);
        Answering(self.clone())
    }
}

pub struct Answering(Progress);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

/// A stream that fails with [`io::ErrorKind::TimedOut`] when its client takes too long.
pub struct Connection {
    stream: TcpStream,
    timeouts: Timeouts,
    progress: Progress,
    reading: Timer,
    writing: Timer,
    /// Since when the client has read nothing of what is to be written.
    blocked: Option<Instant>,
}

impl Connection {
    pub fn new(stream: TcpStream, timeouts: Timeouts) -> Connection {
        let (reading, writing) = (Timer::new(), Timer::new());
        Connection { stream, timeouts, progress: Progress::new(), reading, writing, blocked: None }
    }

    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn wrote<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.blocked = None;
            let mut state = self.progress.state();
            if state.phase == Phase::Idle {
                state.since = Instant::now();
            }
            drop(state);
            return result;
        }
        let since = *self.blocked.get_or_insert_with(Instant::now);
        self.writing.poll(context, since + self.timeouts.idle)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(context, buffer);
        let mut state = this.progress.state();
        if result.is_ready() {
            if state.phase == Phase::Idle && buffer.filled().len() > before {
                (state.phase, state.since) = (Phase::Head, Instant::now());
            }
            return result;
        }
        match state.phase {
            Phase::Idle => this.reading.poll(context, state.since + this.timeouts.idle),
            Phase::Head => this.reading.poll(context, state.since + this.timeouts.head),
            Phase::Answer => {
                state.waiting = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.wrote(context, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.wrote(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

struct Timer(Pin<Box<Sleep>>);

impl Timer {
    fn new() -> Timer {
        Timer(Box::pin(sleep_until(Instant::now())))
    }

    fn poll<T>(&mut self, context: &mut Context<'_>, end: Instant) -> Poll<io::Result<T>> {
        if self.0.deadline() != end {
            self.0.as_mut().reset(end);
        }
        self.0.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// The body of an answer, which ends the phase when it is sent or given up.
pub struct AnswerBody {
    body: axum::body::Body,
    _answering: Answering,
}

impl AnswerBody {
    pub fn new(body: axum::body::Body, answering: Answering) -> AnswerBody {
        AnswerBody { body, _answering: answering }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
