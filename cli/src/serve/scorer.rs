//! Threads that read the pairs and texts of all requests; below, a text to embed is a pair too.
//!
//! Requests wait in one queue. A thread takes a batch of tokens from its front, and goes on with
//! the next request where the first has too few: requests that arrive together are scored
//! together. A long request makes way after each turn, so that short ones need not wait for its
//! end. A pair's output does not depend on its batch, so none of this changes a score.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crossrank::server::{ApiError, ApiErrorKind, LoadedModel, Server};
use crossrank::{BATCH_TOKENS, Encoding};
use tokio::sync::oneshot;

/// Tokens of a request that are scored before another gets its turn.
const TURN_TOKENS: usize = 16 * BATCH_TOKENS;

/// The scoring threads. They end with it.
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
    waiting: VecDeque<Waiting>,
    closed: bool,
}

/// A request of which pairs are left to take.
struct Waiting {
    work: Arc<Work>,
    /// The positions of its pairs, longest first.
    order: Vec<usize>,
    taken: usize,
    /// Tokens taken in this turn.
    turn: usize,
}

/// A request on the threads.
struct Work {
    reader: LoadedModel,
    lists: Vec<Arc<[Encoding]>>,
    /// List and place of each pair.
    pairs: Vec<(usize, usize)>,
    done: Mutex<Done>,
}

struct Done {
    outputs: Vec<f32>,
    left: usize,
    /// Taken when the outcome is known, or when nobody waits for it.
    reply: Option<oneshot::Sender<Result<Vec<f32>, ApiError>>>,
}

impl Work {
    fn encoding(&self, pair: usize) -> &Encoding {
        let (list, place) = self.pairs[pair];
        &self.lists[list][place]
    }
}

type Batch = Vec<(Arc<Work>, usize)>;

impl Scorer {
    pub fn new(server: Arc<Server>, threads: usize) -> Scorer {
        let (queue, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { queue, changed, server });
        let run = |_| {
            let shared = shared.clone();
            std::thread::spawn(move || {
                while let Some(batch) = shared.next_batch() {
                    shared.read(batch);
                }
            })
        };
        let threads = (0..threads).map(run).collect();
        Scorer { shared, threads }
    }

    /// The outputs of a request's pairs or texts, one list after another. Dropping the future
    /// takes what is left of the request out of the queue.
    pub async fn read(
        &self,
        reader: &LoadedModel,
        lists: &[Arc<[Encoding]>],
    ) -> Result<Vec<f32>, ApiError> {
        let lists = lists.to_vec();
        let places = |(list, encodings): (usize, &Arc<[Encoding]>)| {
            (0..encodings.len()).map(move |place| (list, place))
        };
        let pairs: Vec<(usize, usize)> = lists.iter().enumerate().flat_map(places).collect();
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, outcome) = oneshot::channel();
        let outputs = vec![0.0; pairs.len() * reader.width()];
        let done = Done { outputs, left: pairs.len(), reply: Some(reply) };
        let work = Work { reader: reader.clone(), lists, pairs, done: Mutex::new(done) };
        let mut order: Vec<usize> = (0..work.pairs.len()).collect();
        order.sort_by_key(|&pair| std::cmp::Reverse(work.encoding(pair).ids.len()));
        let work = Arc::new(work);
        let _guard = Guard { shared: &self.shared, work: &work };
        let waiting = Waiting { work: work.clone(), order, taken: 0, turn: 0 };
        lock(&self.shared.queue).waiting.push_back(waiting);
        self.shared.changed.notify_all();
        let gone = |_| Err(ApiError::new(ApiErrorKind::Internal, "the scoring threads have ended"));
        outcome.await.unwrap_or_else(gone)
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
struct Guard<'a> {
    shared: &'a Shared,
    work: &'a Arc<Work>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.shared.remove(self.work);
        lock(&self.work.done).reply = None;
    }
}

impl Shared {
    /// Waits for pairs. `None` when there will be no more.
    fn next_batch(&self) -> Option<Batch> {
        let mut queue = lock(&self.queue);
        loop {
            let batch = queue.take();
            if !batch.is_empty() {
                return Some(batch);
            }
            if queue.closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn read(&self, batch: Batch) {
        match outputs(&batch) {
            Ok(outputs) => {
                let same = |a: &(Arc<Work>, usize), b: &(Arc<Work>, usize)| Arc::ptr_eq(&a.0, &b.0);
                self.server.metrics().computed(batch.len(), batch.chunk_by(same).count());
                let width = outputs.len() / batch.len();
                for ((work, pair), output) in batch.iter().zip(outputs.chunks(width)) {
                    let mut done = lock(&work.done);
                    done.outputs[pair * width..][..width].copy_from_slice(output);
                    done.left -= 1;
                    if done.left == 0 {
                        let outputs = std::mem::take(&mut done.outputs);
                        send(&mut done, Ok(outputs));
                    }
                }
            }
            // One pair of a batch that cannot be scored must not fail the others' requests.
            Err(_) if batch.len() > 1 => {
                for pair in batch {
                    self.read(vec![pair]);
                }
            }
            Err(error) => {
                let (work, _) = &batch[0];
                self.remove(work);
                send(&mut lock(&work.done), Err(error.into()));
            }
        }
    }

    fn remove(&self, work: &Arc<Work>) {
        lock(&self.queue).waiting.retain(|waiting| !Arc::ptr_eq(&waiting.work, work));
    }
}

impl Queue {
    /// The next batch: pairs of one model with as many tokens as it takes at once, or one pair.
    fn take(&mut self) -> Batch {
        let mut batch = Batch::new();
        let mut room = 0;
        while let Some(front) = self.waiting.front_mut() {
            let pair = front.order[front.taken];
            let tokens = front.work.encoding(pair).ids.len();
            match batch.first() {
                None => room = front.work.reader.batch_tokens(),
                Some((first, _)) if tokens > room || !first.reader.is(&front.work.reader) => break,
                Some(_) => (),
            }
            batch.push((front.work.clone(), pair));
            room = room.saturating_sub(tokens);
            front.taken += 1;
            front.turn += tokens;
            if front.taken == front.order.len() {
                self.waiting.pop_front();
            } else if front.turn >= TURN_TOKENS {
                front.turn = 0;
                self.waiting.rotate_left(1);
            }
        }
        batch
    }
}

fn outputs(batch: &Batch) -> crossrank::Result<Vec<f32>> {
    let pairs: Vec<&Encoding> = batch.iter().map(|(work, pair)| work.encoding(*pair)).collect();
    batch[0].0.reader.read(&pairs)
}

/// Sends the outcome once. That nobody waits any more is no error.
fn send(done: &mut Done, outcome: Result<Vec<f32>, ApiError>) {
    if let Some(reply) = done.reply.take() {
        let _ = reply.send(outcome);
    }
}

/// What the locks protect is whole even after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
