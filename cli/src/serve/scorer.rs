//! Threads that compute the sequences of all requests: pairs to score and texts to embed.
//!
//! Requests wait in one queue. A thread takes a batch from its front. Where the first request has
//! too few tokens for a batch, the next ones fill it, so that requests that arrive together are
//! computed together. After each turn a long request goes to the back of the queue, so that short
//! ones do not wait for its end. A sequence's output does not depend on its batch, so none of this
//! changes a score.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crossrank::server::{ApiError, ApiErrorKind, LoadedModel, Server};
use crossrank::{BATCH_TOKENS, Encoding};
use tokio::sync::oneshot;

/// Tokens of a request that are computed before another request has its turn.
const TURN_TOKENS: usize = 16 * BATCH_TOKENS;

/// The threads. Dropping it ends them.
pub struct Scorer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    server: Arc<Server>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<QueuedRequest>,
    closed: bool,
}

/// A request with sequences that no thread has taken.
struct QueuedRequest {
    request: Arc<ActiveRequest>,
    /// The numbers of its sequences, longest first.
    order: Vec<usize>,
    taken: usize,
    tokens_this_turn: usize,
}

/// A request whose outputs somebody waits for.
struct ActiveRequest {
    model: LoadedModel,
    lists: Vec<Arc<[Encoding]>>,
    /// For each sequence its list and its index there.
    sequences: Vec<(usize, usize)>,
    progress: Mutex<Progress>,
}

struct Progress {
    outputs: Vec<f32>,
    /// The number of sequences that are not computed.
    left: usize,
    /// Taken when the outcome is known, or when nobody waits for it.
    reply: Option<oneshot::Sender<Result<Vec<f32>, ApiError>>>,
}

impl ActiveRequest {
    fn encoding(&self, sequence: usize) -> &Encoding {
        let (list, index) = self.sequences[sequence];
        &self.lists[list][index]
    }
}

/// Sequences of one model: for each the request and the number of the sequence.
type Batch = Vec<(Arc<ActiveRequest>, usize)>;

impl Scorer {
    pub fn new(server: Arc<Server>, threads: usize) -> Scorer {
        let (queue, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { queue, changed, server });
        let start = |_| {
            let shared = shared.clone();
            std::thread::spawn(move || {
                while let Some(batch) = shared.next_batch() {
                    shared.compute(batch);
                }
            })
        };
        let threads = (0..threads).map(start).collect();
        Scorer { shared, threads }
    }

    /// Computes the outputs of a request's sequences, one list after another. Dropping the future
    /// takes the sequences that are left out of the queue.
    pub async fn compute(
        &self,
        model: &LoadedModel,
        lists: &[Arc<[Encoding]>],
    ) -> Result<Vec<f32>, ApiError> {
        let lists = lists.to_vec();
        let numbered = lists.iter().enumerate();
        let sequences: Vec<(usize, usize)> = numbered
            .flat_map(|(list, encodings)| (0..encodings.len()).map(move |index| (list, index)))
            .collect();
        if sequences.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, outcome) = oneshot::channel();
        let outputs = vec![0.0; sequences.len() * model.width()];
        let progress = Progress { outputs, left: sequences.len(), reply: Some(reply) };
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        let progress = Mutex::new(progress);
        let request = ActiveRequest { model: model.clone(), lists, sequences, progress };
        order.sort_by_key(|&sequence| std::cmp::Reverse(request.encoding(sequence).ids.len()));
        let request = Arc::new(request);
        let _guard = RemoveOnDrop { shared: &self.shared, request: &request };
        let queued =
            QueuedRequest { request: request.clone(), order, taken: 0, tokens_this_turn: 0 };
        lock(&self.shared.queue).waiting.push_back(queued);
        self.shared.changed.notify_all();
        let ended =
            |_| Err(ApiError::new(ApiErrorKind::Internal, "the scoring threads have ended"));
        outcome.await.unwrap_or_else(ended)
    }
}

impl Drop for Scorer {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Takes a request out of the queue when nobody waits for it.
struct RemoveOnDrop<'a> {
    shared: &'a Shared,
    request: &'a Arc<ActiveRequest>,
}

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        self.shared.remove(self.request);
        lock(&self.request.progress).reply = None;
    }
}

impl Shared {
    /// Waits for a batch. `None` after the queue is closed.
    fn next_batch(&self) -> Option<Batch> {
        let mut queue = lock(&self.queue);
        loop {
            let batch = queue.take_batch();
            if !batch.is_empty() {
                return Some(batch);
            }
            if queue.closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn compute(&self, batch: Batch) {
        match outputs(&batch) {
            Ok(outputs) => {
                let requests = batch.chunk_by(|(a, _), (b, _)| Arc::ptr_eq(a, b)).count();
                self.server.metrics().computed(batch.len(), requests);
                let width = outputs.len() / batch.len();
                for ((request, sequence), output) in batch.iter().zip(outputs.chunks(width)) {
                    let mut progress = lock(&request.progress);
                    progress.outputs[sequence * width..][..width].copy_from_slice(output);
                    progress.left -= 1;
                    if progress.left == 0 {
                        let outputs = std::mem::take(&mut progress.outputs);
                        progress.send(Ok(outputs));
                    }
                }
            }
            // A sequence that fails must not fail the other requests of its batch.
            Err(_) if batch.len() > 1 => {
                for sequence in batch {
                    self.compute(vec![sequence]);
                }
            }
            Err(error) => {
                let (request, _) = &batch[0];
                self.remove(request);
                lock(&request.progress).send(Err(error.into()));
            }
        }
    }

    fn remove(&self, request: &Arc<ActiveRequest>) {
        lock(&self.queue).waiting.retain(|queued| !Arc::ptr_eq(&queued.request, request));
    }
}

impl Queue {
    /// The next batch: sequences of one model that fit into a batch, or one sequence that is longer.
    fn take_batch(&mut self) -> Batch {
        let mut batch = Batch::new();
        let mut room = 0;
        while let Some(front) = self.waiting.front_mut() {
            let sequence = front.order[front.taken];
            let model = &front.request.model;
            let tokens = front.request.encoding(sequence).ids.len();
            match batch.first() {
                None => room = model.batch_tokens(),
                Some((first, _)) if tokens > room || !first.model.is_same(model) => break,
                Some(_) => (),
            }
            batch.push((front.request.clone(), sequence));
            room = room.saturating_sub(tokens);
            front.taken += 1;
            front.tokens_this_turn += tokens;
            if front.taken == front.order.len() {
                self.waiting.pop_front();
            } else if front.tokens_this_turn >= TURN_TOKENS {
                front.tokens_this_turn = 0;
                self.waiting.rotate_left(1);
            }
        }
        batch
    }
}

impl Progress {
    /// Sends the outcome once. Nobody may wait for it any more.
    fn send(&mut self, outcome: Result<Vec<f32>, ApiError>) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(outcome);
        }
    }
}

fn outputs(batch: &Batch) -> crossrank::Result<Vec<f32>> {
    let encodings: Vec<&Encoding> =
        batch.iter().map(|(request, sequence)| request.encoding(*sequence)).collect();
    batch[0].0.model.run(&encodings)
}

/// Locks also after a panic: every critical section leaves its data consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
