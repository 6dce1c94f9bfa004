//! Token ids and logits against Hugging Face tokenizers and ONNX Runtime (`data/golden.json`).

use crate::common::{int8_files, reranker, scored_pairs, truncate};
use crossrank::{LoadOptions, Reranker};

#[test]
fn token_ids_equal_hugging_face() {
    let golden = crate::common::golden();
    assert_eq!(golden.pairs.len(), 64);
    let mut truncated = 0;
    for pair in golden.pairs {
        let encoding = crate::common::reranker().encode(&pair.query, &pair.passage).unwrap();
        assert_eq!(encoding.ids, pair.input_ids, "ids of pair {}", pair.id);
        assert_eq!(encoding.type_ids, pair.token_type_ids, "token types of pair {}", pair.id);
        if encoding.document_truncated || encoding.query_truncated {
            assert_eq!(encoding.ids.len(), 512, "pair {}", pair.id);
            truncated += 1;
        }
    }
    assert!(truncated >= 5, "the file contains pairs that are too long, and {truncated} were cut");
}

#[test]
fn logits_are_as_close_to_fp32_as_onnx_runtimes_int8() {
    let int8 = Reranker::from_files(&int8_files(), LoadOptions::default()).unwrap();
    let scored = scored_pairs();
    let golden: Vec<_> = scored.iter().map(|(_, pair)| pair).collect();
    let pairs: Vec<_> = golden.iter().map(|p| (&p.query, &p.passage)).collect();

    let differences = |logits: &mut dyn Iterator<Item = f32>| -> (f32, f32) {
        let errors = logits.zip(&golden).map(|(logit, pair)| (logit - pair.logit_fp32).abs());
        let errors: Vec<f32> = errors.collect();
        let mean = errors.iter().sum::<f32>() / errors.len() as f32;
        (mean, errors.into_iter().fold(0.0, f32::max))
    };
    let ours = |reranker: &Reranker| {
        let scores = reranker.score_with(&pairs, &truncate()).unwrap();
        differences(&mut scores.iter().map(|s| s.logit))
    };
    let (int8, bundled) = (ours(&int8), ours(reranker()));
    let onnx_runtime = differences(&mut golden.iter().map(|p| p.logit_int8_onnxruntime));
    println!("|logit - fp32 logit|, mean and maximum");
    println!("crossrank int8    {:.3} {:.3}", int8.0, int8.1);
    println!("crossrank bundled {:.3} {:.3}", bundled.0, bundled.1);
    println!("ONNX Runtime int8 {:.3} {:.3}", onnx_runtime.0, onnx_runtime.1);
    assert!(int8.0 <= onnx_runtime.0 && int8.1 <= onnx_runtime.1);
    // Its weights have four bits.
    assert!(bundled.0 <= 0.3 && bundled.1 <= 1.5);
}

/// Tables, code, menus, punctuation and other languages (`data/odd.json`) are no answers.
#[test]
fn odd_documents_come_after_relevant_ones() {
    #[derive(serde::Deserialize)]
    struct Odd {
        queries: Vec<Query>,
        documents: Vec<String>,
    }
    #[derive(serde::Deserialize)]
    struct Query {
        query: String,
        relevant: String,
    }
    let text = std::fs::read_to_string(crate::common::root().join("tests/data/odd.json")).unwrap();
    let odd: Odd = serde_json::from_str(&text).unwrap();
    assert_eq!((odd.queries.len(), odd.documents.len()), (10, 40));
    let mut highest = 0.0f32;
    for Query { query, relevant } in &odd.queries {
        let score = |document| reranker().score(&[(query, document)]).unwrap()[0].score;
        let relevant = score(relevant);
        for document in &odd.documents {
            let score = score(document);
            assert!(score <= 0.2 && score < relevant, "{query}, {document}: {score}, {relevant}");
            highest = highest.max(score);
        }
        println!("{relevant:.3} {query}");
    }
    println!("{highest:.3} is the highest score of an odd document");
}
