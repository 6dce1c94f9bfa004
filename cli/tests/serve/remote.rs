//! The library's client of rerank services, against this server.

use std::time::Duration;

use crossrank::{Api, Remote, RemoteOptions};

use crate::common::reranker;
use crate::served::Served;

#[test]
fn a_served_model_scores_like_the_same_one_here() {
    let server = Served::start(&[]);
    let documents: Vec<String> =
        (0..40).map(|i| format!("{} {i}", ["bananas", "vector database"][i % 2])).collect();
    let expected = reranker().rerank("vector database", &documents, 99).unwrap();
    for (name, path) in [("cohere", ""), ("jina", "/jina"), ("voyage", "/voyage"), ("tei", "")] {
        let url = format!("http://{}{path}", server.address);
        let mut options = RemoteOptions::new(&url, name.parse::<Api>().unwrap());
        options.model = Some("minilm-l6-en".into());
        options.timeout = Duration::from_secs(30);
        let ranking = Remote::new(options).unwrap().rerank("vector database", &documents, 99);
        for (result, expected) in ranking.unwrap().results.iter().zip(&expected.results) {
            assert_eq!(result.index, expected.index, "{name}");
            assert_eq!(result.score, expected.score, "{name}");
            assert!((result.logit - expected.logit).abs() < 1e-3, "{name}");
            assert!(name != "tei" || result.logit == expected.logit);
        }
    }
}
