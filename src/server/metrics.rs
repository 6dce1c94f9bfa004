//! Counters, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::cache::CacheStats;

/// Upper bounds of the histogram's buckets, in seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The counters of a server since its start.
#[derive(Default)]
pub struct Metrics {
    /// By route and status.
    requests: Mutex<BTreeMap<(&'static str, u16), Times>>,
    documents: AtomicU64,
    tokens: AtomicU64,
    computed: AtomicU64,
    batches: AtomicU64,
    shared_batches: AtomicU64,
    dropped: AtomicU64,
    queued: AtomicUsize,
}

#[derive(Clone, Copy, Default)]
struct Times {
    count: u64,
    seconds: f64,
    /// Not cumulative.
    buckets: [u64; BUCKETS.len()],
}

impl Metrics {
    /// Counts a response. `route` is the [`label`](super::Server::label) of its path.
    pub fn answered(&self, route: &'static str, status: u16, seconds: f64) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let times = requests.entry((route, status)).or_default();
        times.count += 1;
        times.seconds += seconds;
        if let Some(bucket) = BUCKETS.iter().position(|&bound| seconds <= bound) {
            times.buckets[bucket] += 1;
        }
    }

    /// Counts documents that have their scores or vectors, computed or from the cache.
    pub(super) fn answered_for(&self, documents: usize, tokens: usize) {
        self.documents.fetch_add(documents as u64, Relaxed);
        self.tokens.fetch_add(tokens as u64, Relaxed);
    }

    /// Counts a batch that a model computed, with its numbers of sequences and of requests. Whether
    /// the requests are answered does not matter.
    pub fn computed(&self, sequences: usize, requests: usize) {
        self.computed.fetch_add(sequences as u64, Relaxed);
        self.batches.fetch_add(1, Relaxed);
        self.shared_batches.fetch_add(u64::from(requests > 1), Relaxed);
    }

    /// Counts a request whose client went away before the answer.
    pub fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    /// Notes that a request waits or is being scored.
    pub fn enter_queue(&self) {
        self.queued.fetch_add(1, Relaxed);
    }

    /// Notes that a request has left the queue.
    pub fn leave_queue(&self) {
        self.queued.fetch_sub(1, Relaxed);
    }

    pub(super) fn text(&self, cache: Option<CacheStats>) -> String {
        let mut text = String::new();
        self.write_requests(&mut text);
        let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
            head(&mut text, name, kind, help);
            line(&mut text, format_args!("crossrank_{name} {value}"));
        };
        let counter = "counter";
        metric("documents_total", counter, "Documents in responses.", self.documents.load(Relaxed));
        metric("tokens_total", counter, "Tokens of these documents.", self.tokens.load(Relaxed));
        metric(
            "computed_total",
            counter,
            "Pairs and texts that a model computed.",
            self.computed.load(Relaxed),
        );
        metric(
            "batches_total",
            counter,
            "Batches that a model computed.",
            self.batches.load(Relaxed),
        );
        let help = "Batches with pairs or texts of several requests.";
        metric("shared_batches_total", counter, help, self.shared_batches.load(Relaxed));
        let help = "Requests whose client disconnected before the response.";
        metric("dropped_total", counter, help, self.dropped.load(Relaxed));
        let help = "Requests that wait or are being computed.";
        metric("queued_requests", "gauge", help, self.queued.load(Relaxed) as u64);
        if let Some(cache) = cache {
            metric("cache_hits_total", counter, "Scores found in the cache.", cache.hits);
            metric("cache_misses_total", counter, "Scores not found in the cache.", cache.misses);
            metric("cache_entries", "gauge", "Scores in the cache.", cache.entries as u64);
            metric("cache_bytes", "gauge", "Memory of the cache.", cache.bytes as u64);
        }
        text
    }

    fn write_requests(&self, text: &mut String) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        head(text, "requests_total", "counter", "Requests that got a response.");
        for ((route, status), times) in requests.iter() {
            let labels = format_args!("route=\"{route}\",status=\"{status}\"");
            line(text, format_args!("crossrank_requests_total{{{labels}}} {}", times.count));
        }
        let name = "request_seconds";
        head(text, name, "histogram", "Time from the head of a request to its response.");
        for ((route, status), times) in requests.iter() {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            let mut count = 0;
            for (bound, bucket) in BUCKETS.iter().zip(times.buckets) {
                count += bucket;
                let bucket = format_args!("crossrank_{name}_bucket{{{labels},le=\"{bound}\"}}");
                line(text, format_args!("{bucket} {count}"));
            }
            let (all, seconds) = (times.count, times.seconds);
            line(text, format_args!("crossrank_{name}_bucket{{{labels},le=\"+Inf\"}} {all}"));
            line(text, format_args!("crossrank_{name}_sum{{{labels}}} {seconds}"));
            line(text, format_args!("crossrank_{name}_count{{{labels}}} {all}"));
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    line(text, format_args!("# HELP crossrank_{name} {help}\n# TYPE crossrank_{name} {kind}"));
}

fn line(text: &mut String, line: std::fmt::Arguments) {
    writeln!(text, "{line}").expect("writing to a string");
}
