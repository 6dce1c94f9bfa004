//! The public calls on the bundled model: order, truncation, batches, threads, bad arguments.

mod common;

use common::{bundled_files, reranker};
use crossrank::{ErrorKind, LoadOptions, MAX_TEXT_BYTES, Reranker};

const QUERY: &str = "what is a vector database";
const DOCUMENTS: [&str; 4] = [
    "Bananas are rich in potassium.",
    "A vector database stores embeddings and finds the nearest neighbours of a query vector.",
    "Relational databases keep rows in tables and answer SQL queries.",
    "",
];

#[test]
fn puts_the_answer_first() {
    let ranking = reranker().rerank(QUERY, &DOCUMENTS, 2).unwrap();
    assert_eq!(ranking.results.len(), 2);
    assert_eq!(ranking.results[0].index, 1);
    assert!(!ranking.query_truncated);
    for result in &ranking.results {
        assert!((0.0..=1.0).contains(&result.score));
        assert!(!result.truncated);
    }
}

#[test]
fn a_list_of_nothing_ranks_nothing() {
    assert!(reranker().rerank(QUERY, &[] as &[&str], 10).unwrap().results.is_empty());
    assert!(reranker().score(&[] as &[(&str, &str)]).unwrap().is_empty());
}

#[test]
fn top_k_beyond_the_list_gives_all() {
    let ranking = reranker().rerank(QUERY, &DOCUMENTS, usize::MAX).unwrap();
    let mut indices: Vec<usize> = ranking.results.iter().map(|r| r.index).collect();
    indices.sort();
    assert_eq!(indices, [0, 1, 2, 3]);
}

#[test]
fn equal_documents_keep_their_order() {
    let ranking = reranker().rerank(QUERY, &[DOCUMENTS[1]; 5], 5).unwrap();
    assert_eq!(ranking.results.iter().map(|r| r.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_score_does_not_depend_on_neighbours_or_threads() {
    let long = "A passage about databases and vectors. ".repeat(40);
    let mut documents: Vec<String> = DOCUMENTS.iter().map(|d| d.to_string()).collect();
    documents.push(long);
    let alone: Vec<u32> = documents
        .iter()
        .map(|d| reranker().score(&[(QUERY, d)]).unwrap()[0].logit.to_bits())
        .collect();
    for threads in [1, 2, 3] {
        let mut options = LoadOptions::default();
        options.threads = Some(threads);
        let reranker = Reranker::from_files(&bundled_files(), options).unwrap();
        for result in reranker.rerank(QUERY, &documents, 10).unwrap().results {
            assert_eq!(result.logit.to_bits(), alone[result.index], "{threads} threads");
        }
    }
}

#[test]
fn batches_of_queries_rank_like_single_ones() {
    let queries = [QUERY, "fruit with potassium"];
    let lists = vec![DOCUMENTS.to_vec(), DOCUMENTS[..2].to_vec()];
    let rankings = reranker().rerank_batch(&queries, &lists, 3).unwrap();
    for ((query, list), ranking) in queries.iter().zip(&lists).zip(&rankings) {
        assert_eq!(*ranking, reranker().rerank(query, list, 3).unwrap());
    }
    let error = reranker().rerank_batch(&queries, &lists[..1], 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn says_what_was_cut() {
    let long = "vector database ".repeat(600);
    let ranking = reranker().rerank(QUERY, &[long.as_str(), DOCUMENTS[1]], 2).unwrap();
    for result in &ranking.results {
        assert_eq!(result.truncated, result.index == 0);
    }
    assert!(!ranking.query_truncated);
    // longest_first takes from the longer side, here the query.
    assert!(reranker().rerank(&long, &["short"], 1).unwrap().query_truncated);
}

#[test]
fn max_length_cuts_earlier() {
    let mut options = LoadOptions::default();
    options.max_length = Some(16);
    let short = Reranker::from_files(&bundled_files(), options).unwrap();
    assert_eq!(short.max_length(), 16);
    let encoding = short.encode(QUERY, DOCUMENTS[1]).unwrap();
    assert_eq!(encoding.ids.len(), 16);
    assert!(encoding.document_truncated && !encoding.query_truncated);

    for wrong in [0, 3, 513] {
        let mut options = LoadOptions::default();
        options.max_length = Some(wrong);
        let error = Reranker::from_files(&bundled_files(), options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "max_length {wrong}");
    }
}

#[test]
fn bad_arguments_are_named() {
    let kind = |query: &str, documents: &[&str], top_k| {
        reranker().rerank(query, documents, top_k).unwrap_err().kind()
    };
    assert_eq!(kind("", &DOCUMENTS, 3), ErrorKind::InvalidArgument);
    assert_eq!(kind(" \n", &DOCUMENTS, 3), ErrorKind::InvalidArgument);
    assert_eq!(kind(QUERY, &DOCUMENTS, 0), ErrorKind::InvalidArgument);

    let huge = "x".repeat(MAX_TEXT_BYTES + 1);
    assert_eq!(kind(&huge, &DOCUMENTS, 3), ErrorKind::InputTooLarge);
    let error = reranker().rerank(QUERY, &["fine", &huge], 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InputTooLarge);
    assert!(error.to_string().contains("document 1"), "{error}");
}

#[test]
fn text_at_the_limit_is_ranked() {
    let longest = "word ".repeat(MAX_TEXT_BYTES / 5);
    assert!(reranker().rerank(QUERY, &[&longest], 1).unwrap().results[0].truncated);
    // What is cut off both must not be paired with each other.
    let ranking = reranker().rerank(&longest, &[&longest], 1).unwrap();
    assert!(ranking.query_truncated && ranking.results[0].truncated);
}
