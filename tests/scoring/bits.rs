//! The logit of a pair has the same bits alone, in any batch, in any order, with any number of threads,
//! and on every platform.

use std::collections::BTreeMap;

use crate::common::{
    Random, bundled_files, golden, graph, graph_cases, int8_files, reranker, root, scored_pairs,
    truncate,
};
use crossrank::{LoadOptions, ModelFiles, Reranker};

/// `data/logit-bits.json` contains the logits of the golden pairs by the bundled model, and
/// `data/int8-logit-bits.json` those by its int8 graph. The JavaScript tests compare Node.js and browsers
/// with the same files. Only a change of the model or of the arithmetic may change them:
/// `CROSSRANK_UPDATE=1 cargo test --release --test scoring bits` writes them.
#[test]
fn golden_pairs_have_golden_bits() {
    if let Ok(kernels) = std::env::var("CROSSRANK_EXPECT_KERNELS") {
        assert_eq!(reranker().kernel(), kernels.split(' ').next_back(), "the fastest one computes");
    }
    let int8 = Reranker::from_files(&int8_files(), LoadOptions::default()).unwrap();
    let scored = scored_pairs();
    let pairs: Vec<_> = scored.iter().map(|(_, p)| (&p.query, &p.passage)).collect();
    for (reranker, file) in [(reranker(), "logit-bits.json"), (&int8, "int8-logit-bits.json")] {
        let scores = reranker.score_with(&pairs, &truncate()).unwrap();
        let bits: Vec<u32> = scores.iter().map(|score| score.logit.to_bits()).collect();
        let path = root().join("tests/data").join(file);
        if std::env::var_os("CROSSRANK_UPDATE").is_some() {
            assert_eq!(bits.len(), golden().pairs.len(), "the file holds the bits of every pair");
            std::fs::write(&path, serde_json::to_string(&bits).unwrap() + "\n").unwrap();
        }
        let all: Vec<u32> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(all.len(), golden().pairs.len());
        assert_eq!(bits, scored.iter().map(|&(at, _)| all[at]).collect::<Vec<_>>(), "{file}");
    }
}

/// Models of `tests/data/graphs` with parts that the bundled one lacks.
const ARCHITECTURES: [&str; 8] = [
    "deberta-v2-int8-tensor",
    "deberta-v2-two-layers",
    "jina-bert-int8",
    "modernbert-cls",
    "modernbert-int8-tensor",
    "modernbert-sdpa",
    "mpnet",
    "new-int8",
];

/// `data/architecture-bits.json` contains the logits of their pairs, with which the JavaScript tests
/// compare too. `CROSSRANK_UPDATE=1` writes it.
#[test]
fn golden_pairs_of_each_architecture_have_golden_bits() {
    let mut found = BTreeMap::new();
    for name in ARCHITECTURES {
        let files = ModelFiles::read(graph(name)).unwrap();
        let cases = graph_cases(name);
        let pairs: Vec<_> = cases.iter().map(|case| (&case.query, &case.document)).collect();
        let bits = [1, 3].map(|threads| -> Vec<u32> {
            let mut options = LoadOptions::default();
            options.threads = Some(threads);
            let reranker = Reranker::from_files(&files, options).unwrap();
            assert_eq!(reranker.warning(), None, "{name}");
            let score = |pairs: &[_]| reranker.score_with(pairs, &truncate()).unwrap();
            let scores = score(&pairs);
            let alone = pairs.iter().flat_map(|pair| score(&[*pair]));
            assert_eq!(scores, alone.collect::<Vec<_>>(), "{name}");
            scores.iter().map(|score| score.logit.to_bits()).collect()
        });
        assert_eq!(bits[0], bits[1], "{name}");
        found.insert(name.to_owned(), bits[0].clone());
    }
    let path = root().join("tests/data/architecture-bits.json");
    if std::env::var_os("CROSSRANK_UPDATE").is_some() {
        std::fs::write(&path, serde_json::to_string(&found).unwrap() + "\n").unwrap();
    }
    let golden: BTreeMap<String, Vec<u32>> =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(found, golden);
}

#[test]
fn random_batches_change_no_bit() {
    const WORDS: [&str; 12] = [
        "vector",
        "database",
        "stores",
        "the",
        "nearest",
        "neighbours",
        "of",
        "bananas",
        "query",
        "Paris",
        "index",
        "?",
    ];
    let mut random = Random(20_241_122);
    let documents: Vec<String> = (0..60)
        .map(|_| {
            let length = random.below(30);
            let words: Vec<&str> = (0..length).map(|_| WORDS[random.below(WORDS.len())]).collect();
            words.join(" ")
        })
        .collect();
    let query = "what is a vector database";
    let logit = |document: &String| reranker().score(&[(query, document)]).unwrap()[0].logit;
    let alone: Vec<u32> = documents.iter().map(|document| logit(document).to_bits()).collect();

    let rerankers = [1, 2, 3].map(|threads| {
        let mut options = LoadOptions::default();
        options.threads = Some(threads);
        Reranker::from_files(&bundled_files(), options).unwrap()
    });
    for batch in 0..2000 {
        let size = 1 + random.below(6);
        let members: Vec<usize> = (0..size).map(|_| random.below(documents.len())).collect();
        let pairs: Vec<_> = members.iter().map(|&i| (query, &documents[i])).collect();
        let scores = rerankers[batch % rerankers.len()].score(&pairs).unwrap();
        for (score, &member) in scores.iter().zip(&members) {
            assert_eq!(score.logit.to_bits(), alone[member], "batch {batch}: {members:?}");
        }
    }
}

/// The text fills several batches for several threads.
#[test]
fn long_lists_change_no_bit() {
    let golden = golden();
    let pairs: Vec<_> = golden.pairs.iter().rev().map(|p| (&p.query, &p.passage)).collect();
    let forwards = reranker().score(&pairs).unwrap();
    let mut backwards = pairs.clone();
    backwards.reverse();
    let mut options = LoadOptions::default();
    options.threads = Some(3);
    let threaded = Reranker::from_files(&bundled_files(), options).unwrap();
    let mut scores = threaded.score(&backwards).unwrap();
    scores.reverse();
    assert_eq!(forwards, scores);
}
