//! Rerankers on a GPU, and on the CPU when the GPU fails, with an adapter that `tests/gpu.sh`
//! installs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::gpu::{Adapter, Precision, block_on};
use crate::{
    DeviceBenchmark, Error, ErrorKind, FailoverReranker, LoadOptions, ModelFiles, RerankOptions,
    Reranker, ScoreCache,
};

const QUERY: &str = "what keeps bread fresh";
const DOCUMENTS: [&str; 4] = [
    "A cloth bag keeps the crust dry.",
    "Trains leave every hour.",
    "Bread stays soft for a day in a tin.",
    "The harbour froze over in January.",
];

fn adapter() -> Adapter {
    block_on(Adapter::fastest()).expect("there is an adapter; tests/gpu.sh installs some")
}

fn on_gpu(options: &LoadOptions) -> Reranker {
    let (files, adapter) = (ModelFiles::bundled_reranker().unwrap(), adapter());
    block_on(Reranker::on_gpu(&files, options.clone(), &adapter, Precision::Best)).unwrap()
}

fn on_cpu(options: &LoadOptions) -> Reranker {
    Reranker::from_files(&ModelFiles::bundled_reranker().unwrap(), options.clone()).unwrap()
}

fn with_cache() -> (Arc<ScoreCache>, LoadOptions) {
    let cache = Arc::new(ScoreCache::new(1 << 20));
    (cache.clone(), LoadOptions { cache: Some(cache), ..LoadOptions::default() })
}

/// The logits in the order given.
fn logits(reranker: &Reranker, documents: &[&str]) -> crate::Result<Vec<f32>> {
    let mut results = reranker.rerank(QUERY, documents, documents.len())?.results;
    results.sort_by_key(|result| result.index);
    Ok(results.iter().map(|result| result.logit).collect())
}

/// Both devices, and the count of the reports.
fn devices(options: &LoadOptions) -> (FailoverReranker, Arc<AtomicUsize>) {
    let reports = Arc::new(AtomicUsize::new(0));
    let count = reports.clone();
    let report = move |error: &Error| {
        assert_eq!(error.kind(), ErrorKind::GpuFailed);
        count.fetch_add(1, Ordering::Relaxed);
    };
    (FailoverReranker::new(on_cpu(options), on_gpu(options), report), reports)
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn a_reranker_scores_on_the_gpu() {
    let (cache, options) = with_cache();
    let (cpu, gpu) = (on_cpu(&options), on_gpu(&options));
    assert!(gpu.kernel().unwrap().starts_with("gpu-f"));
    let (expected, scored) = (logits(&cpu, &DOCUMENTS).unwrap(), logits(&gpu, &DOCUMENTS).unwrap());
    for (a, b) in expected.iter().zip(&scored) {
        assert!((a - b).abs() < 0.3, "{a} and {b}");
    }
    assert_ne!(expected, scored, "the CPU rounds activations");
    // Neither takes scores of the other from the cache.
    assert_eq!((cache.stats().hits, cache.stats().entries), (0, 2 * DOCUMENTS.len()));
    assert_eq!(logits(&gpu, &DOCUMENTS).unwrap(), scored);
    assert_eq!(logits(&cpu, &DOCUMENTS).unwrap(), expected);
    assert_eq!(cache.stats().hits, 2 * DOCUMENTS.len() as u64);

    let list = vec![(QUERY.to_owned(), DOCUMENTS.map(str::to_owned).to_vec())];
    let mut scoring = gpu.start(list, &RerankOptions::default()).unwrap();
    let mut stepped = Vec::new();
    while !scoring.is_done() {
        stepped.extend(block_on(scoring.step_on_gpu(&gpu)).unwrap());
    }
    stepped.sort_by_key(|(position, _)| *position);
    assert_eq!(stepped.iter().map(|(_, score)| score.logit).collect::<Vec<_>>(), scored);
}

/// The device is lost while a list is scored. The cache has some documents of the list already.
#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn a_call_that_loses_its_gpu_is_made_by_the_cpu() {
    let (_, options) = with_cache();
    let (devices, reports) = devices(&options);
    let expected = logits(&on_cpu(&LoadOptions::default()), &DOCUMENTS).unwrap();
    assert_ne!(devices.call(|on| logits(on, &DOCUMENTS[..2])).unwrap(), expected[..2]);
    let begun = AtomicUsize::new(0);
    let scored = devices.call(|on| {
        if begun.fetch_add(1, Ordering::Relaxed) == 0 {
            on.gpu().unwrap().lose();
        }
        logits(on, &DOCUMENTS)
    });
    assert_eq!(scored.unwrap(), expected);
    assert_eq!(begun.load(Ordering::Relaxed), 2);
    assert_eq!(devices.call(|on| logits(on, &DOCUMENTS)).unwrap(), expected);
    assert!(devices.current().gpu().is_none());
    assert_eq!(reports.load(Ordering::Relaxed), 1);
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn software_is_measured_to_be_slower() {
    let options = LoadOptions::default();
    let benchmark = DeviceBenchmark::of(2, &on_cpu(&options), &on_gpu(&options)).unwrap();
    println!("{benchmark}");
    assert!(benchmark.difference > 0.0 && benchmark.difference < 0.3, "{benchmark}");
    assert!(!adapter().software || !benchmark.is_for_gpu(), "{benchmark}");
}

#[cfg(feature = "server")]
#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn a_server_answers_by_the_cpu_when_it_loses_its_gpu() {
    use crate::server::{Model, Options, Request, Server};

    let (_, options) = with_cache();
    let (devices, reports) = devices(&options);
    let serve = |reranker: FailoverReranker| {
        Server::new(vec![Model { name: "m".into(), reranker }], Options::default()).unwrap()
    };
    let body = serde_json::json!({ "query": QUERY, "documents": DOCUMENTS });
    let request = Request {
        method: "POST".into(),
        path: "/v1/rerank".into(),
        headers: Vec::new(),
        id: "x".into(),
        body: serde_json::to_vec(&body).unwrap(),
    };
    let expected = serve(on_cpu(&LoadOptions::default()).into()).respond(request.clone());
    let gpu = devices.current().clone();
    let server = serve(devices);
    let by_gpu = server.respond(request.clone());
    assert_eq!(by_gpu.status, 200);
    assert_ne!(by_gpu.body, expected.body);

    // Its texts are tokenized for the GPU already when that is lost.
    let Ok(prepared) = server.prepare(&request, &|| false) else { panic!("it is for a model") };
    gpu.gpu().unwrap().lose();
    let other = serde_json::json!({ "query": QUERY, "documents": ["not in the cache"] });
    let uncached = Request { body: serde_json::to_vec(&other).unwrap(), ..request.clone() };
    assert_eq!(server.respond(uncached).status, 200);
    let failed = Err(Error::new(ErrorKind::GpuFailed, "lost").into());
    assert!(prepared.must_retry(&failed));
    assert_eq!(server.respond(request).body, expected.body);
    assert_eq!(reports.load(Ordering::Relaxed), 1);
}
