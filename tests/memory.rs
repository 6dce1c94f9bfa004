//! The memory of a call, in addition to the model: a measured peak of the heap. It is a test binary of
//! its own, because it replaces the allocator.

mod common;

use common::bundled_files;
use crossrank::{LoadOptions, Reranker};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

#[test]
fn a_hundred_long_documents_need_little_memory() {
    let mut options = LoadOptions::default();
    options.threads = Some(1);
    let reranker = Reranker::from_files(&bundled_files(), options).unwrap();
    let query = "who keeps the river clean";
    let documents: Vec<String> =
        (0..100).map(|i| format!("{i} the river runs past the mill ").repeat(80)).collect();
    assert_eq!(reranker.encode(query, &documents[0]).unwrap().ids.len(), 512);

    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let ranking = reranker.rerank(query, &documents, 100).unwrap();
    let peak = HEAP.peak_usage() - before;
    assert_eq!(ranking.results.len(), 100);
    eprintln!("peak of {:.1} MiB in addition to the model", peak as f64 / MIB as f64);
    assert!(peak <= 40 * MIB, "{peak} bytes");
}
