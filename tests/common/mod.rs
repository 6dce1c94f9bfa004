//! Helpers that several test binaries share.

#![allow(dead_code)] // each test binary uses a part

pub mod stub;

use std::path::PathBuf;
use std::sync::OnceLock;

use crossrank::{LongDocuments, ModelFiles, RerankOptions, Reranker};
use serde::Deserialize;

/// The root of the repository.
pub fn root() -> PathBuf {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).unwrap().to_owned()
}

/// The bundled model, loaded once for each test binary.
pub fn reranker() -> &'static Reranker {
    static RERANKER: OnceLock<Reranker> = OnceLock::new();
    RERANKER.get_or_init(|| Reranker::bundled().expect("the bundled model loads"))
}

/// Options that cut long documents, as other implementations do.
pub fn truncate() -> RerankOptions<'static> {
    let mut options = RerankOptions::default();
    options.long_documents = Some(LongDocuments::Truncate);
    options
}

pub fn bundled_files() -> ModelFiles {
    ModelFiles::bundled_reranker().expect("the source tree holds the model")
}

/// The bundled model as an int8 graph in the Hugging Face layout.
pub fn int8_files() -> ModelFiles {
    ModelFiles::read(root().join("benches/model/minilm-l6-en")).unwrap()
}

/// `tests/data/golden.json`: pairs with the results of Hugging Face tokenizers and ONNX Runtime.
#[derive(Deserialize)]
pub struct Golden {
    pub pairs: Vec<GoldenPair>,
}

#[derive(Deserialize)]
pub struct GoldenPair {
    pub id: usize,
    pub query: String,
    pub passage: String,
    pub input_ids: Vec<u32>,
    pub token_type_ids: Vec<u32>,
    pub logit_fp32: f32,
    pub logit_int8_onnxruntime: f32,
}

pub fn golden() -> Golden {
    let text = std::fs::read_to_string(root().join("tests/data/golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The golden pairs that are scored, with their places in the file: all, or those of at most
/// `CROSSRANK_GOLDEN_TOKENS` tokens, for machines as slow as an emulator.
pub fn scored_pairs() -> Vec<(usize, GoldenPair)> {
    let limit = std::env::var("CROSSRANK_GOLDEN_TOKENS").map(|limit| limit.parse().unwrap());
    let limit = limit.unwrap_or(usize::MAX);
    let pairs = golden().pairs.into_iter().enumerate();
    let pairs: Vec<_> = pairs.filter(|(_, pair)| pair.input_ids.len() <= limit).collect();
    assert!(pairs.len() >= 15, "only {} golden pairs have {limit} tokens or fewer", pairs.len());
    pairs
}

/// A folder of `tests/data/graphs`.
pub fn graph(name: &str) -> PathBuf {
    root().join("tests/data/graphs").join(name)
}

/// A pair in the `expected.json` of a graph, with the results of other implementations.
#[derive(Deserialize)]
pub struct GraphCase {
    pub query: String,
    pub document: String,
    pub input_ids: Vec<u32>,
    pub logits: GraphLogits,
}

/// The logits of the f32 model in torch, and of the graph in ONNX Runtime.
#[derive(Deserialize)]
pub struct GraphLogits {
    pub torch: f32,
    pub ort_none: f32,
}

pub fn graph_cases(name: &str) -> Vec<GraphCase> {
    #[derive(Deserialize)]
    struct Expected {
        cases: Vec<GraphCase>,
    }
    let text = std::fs::read(graph(name).join("expected.json")).unwrap();
    serde_json::from_slice::<Expected>(&text).unwrap().cases
}

/// The folder of evaluation sets, which are not in the repository. Without it, a test says that it was
/// skipped.
pub fn eval_dir(test: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("CROSSRANK_EVAL_DIR").map(PathBuf::from);
    if dir.is_none() {
        eprintln!("{test}: skipped, because CROSSRANK_EVAL_DIR names no folder of evaluation sets");
    }
    dir
}

/// A generator of reproducible numbers (Marsaglia's xorshift64, 2003).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
