//! The score cache and the options of a call: which documents are scored, and that neither changes a
//! score.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{bundled_files, int8_files, reranker};
use crossrank::{
    ErrorKind, LoadOptions, ModelFiles, RerankOptions, Reranker, ScoreCache, Truncation,
};

const QUERY: &str = "what is a vector database";
const DOCUMENTS: [&str; 4] = [
    "Bananas are rich in potassium.",
    "A vector database stores embeddings and finds the nearest neighbours of a query vector.",
    "Relational databases keep rows in tables and answer SQL queries.",
    "",
];

fn cached(files: &ModelFiles, cache: &Arc<ScoreCache>) -> Reranker {
    let mut options = LoadOptions::default();
    options.cache = Some(cache.clone());
    Reranker::from_files(files, options).unwrap()
}

/// The number of documents that a call would score.
fn cost(reranker: &Reranker, query: &str, documents: &[&str], options: &RerankOptions) -> usize {
    reranker.prepare(query, documents, options).unwrap().encodings().len()
}

#[test]
fn cached_scores_cost_nothing_and_have_the_same_bits() {
    let cache = Arc::new(ScoreCache::new(1 << 20));
    let cached = cached(&bundled_files(), &cache);
    let default = RerankOptions::default();
    let fresh = reranker().rerank(QUERY, &DOCUMENTS, 10).unwrap();
    assert_eq!(cached.rerank(QUERY, &DOCUMENTS, 10).unwrap(), fresh);
    assert_eq!((cache.stats().hits, cache.stats().misses), (0, 4));

    assert_eq!(cost(&cached, QUERY, &DOCUMENTS, &default), 0);
    assert_eq!(cached.rerank(QUERY, &DOCUMENTS, 10).unwrap(), fresh);
    assert_eq!(cached.rerank(QUERY, &DOCUMENTS, 2).unwrap().results, fresh.results[..2]);

    let mut more = DOCUMENTS.to_vec();
    more.insert(1, "Milvus is an open source vector database.");
    assert_eq!(cost(&cached, QUERY, &more, &default), 1);
    let ranking = cached.rerank(QUERY, &more, 10).unwrap();
    assert_eq!(ranking, reranker().rerank(QUERY, &more, 10).unwrap());
    assert_eq!(cost(&cached, "another query", &DOCUMENTS, &default), 4);

    let scored = |reranker: &Reranker| {
        let pending = reranker.prepare(QUERY, &more, &default).unwrap();
        let logits = reranker.score_pending(&pending, &|| false).unwrap();
        reranker.finish(pending, &logits).unwrap()
    };
    assert_eq!(
        scored(&cached),
        scored(reranker()),
        "token counts and truncation flags are kept, too"
    );
}

#[test]
fn other_models_and_other_options_do_not_share_scores() {
    let cache = Arc::new(ScoreCache::new(1 << 20));
    let mut files = int8_files();
    let one = cached(&files, &cache);
    one.rerank(QUERY, &DOCUMENTS, 10).unwrap();
    assert_eq!(cost(&cached(&files, &cache), QUERY, &DOCUMENTS, &RerankOptions::default()), 0);

    let mut options = RerankOptions::default();
    options.max_length = Some(16);
    assert_eq!(cost(&one, QUERY, &DOCUMENTS, &options), 4);
    options = RerankOptions::default();
    options.max_document_tokens = Some(3);
    assert_eq!(cost(&one, QUERY, &DOCUMENTS, &options), 4);
    options = RerankOptions::default();
    options.skip_cache = true;
    assert_eq!(cost(&one, QUERY, &DOCUMENTS, &options), 4);

    let mut tokenizer = files.tokenizer.to_vec();
    tokenizer.push(b'\n');
    files.tokenizer = tokenizer.into();
    let other = cached(&files, &cache);
    assert_eq!(cost(&other, QUERY, &DOCUMENTS, &RerankOptions::default()), 4);
}

#[test]
fn one_cache_distinguishes_maximum_lengths_of_a_model() {
    let cache = Arc::new(ScoreCache::new(1 << 20));
    let mut options = LoadOptions::default();
    (options.cache, options.max_length) = (Some(cache.clone()), Some(16));
    let short = Reranker::from_files(&bundled_files(), options).unwrap();
    let long = cached(&bundled_files(), &cache);
    assert!(short.rerank(QUERY, &DOCUMENTS, 1).unwrap().results[0].truncated);
    let ranking = long.rerank(QUERY, &DOCUMENTS, 4).unwrap();
    assert_eq!(ranking, reranker().rerank(QUERY, &DOCUMENTS, 4).unwrap());
}

/// Threads that share a cache too small for their lists evict each other's scores all the time.
#[test]
fn a_full_cache_changes_no_score() {
    let cache = Arc::new(ScoreCache::new(1000));
    let cached = cached(&bundled_files(), &cache);
    let documents: Vec<String> = (0..40).map(|i| format!("Passage {i} of databases.")).collect();
    let expected = reranker().rerank(QUERY, &documents, 40).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..3 {
                    assert_eq!(cached.rerank(QUERY, &documents, 40).unwrap(), expected);
                }
            });
        }
    });
    assert!(cache.stats().bytes <= 1000 && cache.stats().entries > 0, "{cache:?}");
}

#[test]
fn a_cancelled_call_ends_between_batches() {
    let documents: Vec<String> = (0..200).map(|i| format!("Document {i}. {QUERY}")).collect();
    let scored = AtomicUsize::new(0);
    let progress = |done| {
        scored.fetch_max(done, Ordering::Relaxed);
    };
    let cancelled = || scored.load(Ordering::Relaxed) > 0;
    let mut options = RerankOptions::default();
    options.progress = Some(&progress);
    options.cancelled = Some(&cancelled);
    let error = reranker().rerank_with(QUERY, &documents, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let scored = scored.load(Ordering::Relaxed);
    assert!((1..100).contains(&scored), "{scored} documents were scored");

    let always = || true;
    options.cancelled = Some(&always);
    let error = reranker().prepare(QUERY, &documents, &options).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(reranker().rerank(QUERY, &DOCUMENTS, 1).is_ok());
}

#[test]
fn texts_are_cut_as_requested() {
    let logit = |document: &str, options: &RerankOptions| {
        let ranking = reranker().rerank_with(QUERY, &[document], options)?;
        Ok::<_, crossrank::Error>((ranking.results[0].logit, ranking.results[0].truncated))
    };
    let plain = RerankOptions::default();
    let mut options = RerankOptions::default();
    options.max_document_tokens = Some(2);
    let (cut, truncated) = logit("vector database of bananas", &options).unwrap();
    assert!(truncated);
    assert_eq!(cut, logit("vector database", &plain).unwrap().0);

    options.truncation = Truncation::Left;
    let (cut, _) = logit("bananas in a vector database", &options).unwrap();
    assert_eq!(cut, logit("vector database", &plain).unwrap().0);

    let long = "vector ".repeat(600);
    let mut never = RerankOptions::default();
    never.truncation = Truncation::Never;
    let error = logit(&long, &never).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InputTooLarge);
    assert!(error.to_string().contains("document 0"), "{error}");
    assert!(!logit("vector", &never).unwrap().1);
    never.max_document_tokens = Some(5);
    assert!(logit(&long, &never).unwrap().1, "cutting by the limit of a document is not an error");

    for bad in [3, 513, 0] {
        let mut options = RerankOptions::default();
        options.max_length = Some(bad);
        assert_eq!(logit("a", &options).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    options.max_document_tokens = Some(0);
    assert_eq!(logit("a", &options).unwrap_err().kind(), ErrorKind::InvalidArgument);
}
