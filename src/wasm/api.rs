//! JavaScript's view of the library.
//!
//! It converts arguments and results and decides nothing. Texts arrive well-formed and of the
//! right type, because the TypeScript side has looked at what a conversion would hide (lone
//! surrogates, a `topK` that is not a whole number); everything else is checked by the core.

mod embedder;
#[cfg(feature = "gpu")]
mod gpu;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::files::Files;
use super::panic;
use crate::{
    CacheKey, Error, LoadOptions, LongDocuments, RerankOptions, Reranker, Score, ScoreCache,
};

/// A loaded model in this WebAssembly instance, or on a GPU.
#[wasm_bindgen(js_name = Model)]
pub struct Model {
    reranker: Reranker,
    cache: Arc<ScoreCache>,
}

/// The cache of a model, where it is to have one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CacheOptions {
    bytes: usize,
    fingerprint: Option<String>,
}

/// How to score; what is left out has the core's defaults.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ScoreOptions {
    long_documents: Option<Long>,
    max_windows: Option<usize>,
    max_length: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Long {
    Truncate,
    Windows,
}

/// What is to be known of a model.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    kernel: Option<&'a str>,
    #[cfg(feature = "gpu")]
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu: Option<gpu::Info<'a>>,
    warning: Option<&'a str>,
    max_length: usize,
    cache: CacheInfo,
}

#[derive(Serialize)]
struct CacheInfo {
    hits: u64,
    misses: u64,
    entries: usize,
    bytes: usize,
}

#[wasm_bindgen(js_class = Model)]
impl Model {
    /// Loads a model. `checked`: whether the hash of a prepared one has been compared, which
    /// browsers do far sooner than WebAssembly.
    #[wasm_bindgen(constructor)]
    pub fn new(files: Files, cache: JsValue, checked: bool) -> Result<Model, JsValue> {
        panic::keep();
        let files = files.into_model(checked).map_err(to_js_error)?;
        let (cache, load) = load_options(cache)?;
        let reranker = Reranker::from_owned_files(files, load).map_err(to_js_error)?;
        Ok(Model { reranker, cache })
    }

    /// Begins to score `documents[i]` for `queries[i]`.
    pub fn start(
        &self,
        queries: Vec<String>,
        documents: JsValue,
        options: JsValue,
    ) -> Result<Scoring, JsValue> {
        let documents: Vec<Vec<String>> = serde_wasm_bindgen::from_value(documents)?;
        let options: ScoreOptions = serde_wasm_bindgen::from_value(options)?;
        let lists = queries.into_iter().zip(documents).collect();
        self.reranker.start(lists, &options.to_core()).map(Scoring).map_err(to_js_error)
    }

    /// The token ids that the model sees for a query and a document.
    pub fn encode(&self, query: &str, document: &str) -> Result<JsValue, JsValue> {
        to_js(self.reranker.encode(query, document))
    }

    /// The keys of documents in the cache, one after another; none without a cache.
    #[wasm_bindgen(js_name = cacheKeys)]
    pub fn cache_keys(
        &self,
        query: &str,
        documents: Vec<String>,
        options: JsValue,
    ) -> Result<Vec<u8>, JsValue> {
        let options: ScoreOptions = serde_wasm_bindgen::from_value(options)?;
        Ok(self.reranker.cache_keys(query, &documents, &options.to_core()).concat())
    }

    /// The scores of keys, or undefined for those that are not known.
    pub fn recall(&self, keys: &[u8]) -> Result<JsValue, JsValue> {
        to_js(Ok(self.cache.get(keys_of(keys))))
    }

    /// Keeps scores.
    pub fn remember(&self, keys: &[u8], scores: JsValue) -> Result<(), JsValue> {
        let scores: Vec<Score> = serde_wasm_bindgen::from_value(scores)?;
        self.cache.insert(keys_of(keys).iter().copied().zip(scores));
        Ok(())
    }

    /// All scores of the cache, for `restore`.
    pub fn save(&self) -> Vec<u8> {
        self.cache.save()
    }

    /// Adds the scores that `save` gave.
    pub fn restore(&self, saved: &[u8]) {
        self.cache.restore(saved);
    }

    /// What computes, and what the cache did.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let stats = self.cache.stats();
        to_js(Ok(Info {
            kernel: self.reranker.kernel(),
            #[cfg(feature = "gpu")]
            gpu: self.reranker.gpu().map(|gpu| gpu::Info::of(gpu.adapter())),
            warning: self.reranker.warning(),
            max_length: self.reranker.max_length(),
            cache: CacheInfo {
                hits: stats.hits,
                misses: stats.misses,
                entries: stats.entries,
                bytes: stats.bytes,
            },
        }))
    }
}

/// Lists that are being scored.
#[wasm_bindgen(js_name = Scoring)]
pub struct Scoring(crate::IncrementalScoring);

#[wasm_bindgen(js_class = Scoring)]
impl Scoring {
    /// Does a piece of the work: an array of `[position, score]`, mostly empty.
    pub fn step(&mut self, model: &Model) -> Result<JsValue, JsValue> {
        to_js(self.0.step(&model.reranker))
    }

    /// Every document has been scored, or `step` failed.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.0.is_done()
    }

    /// The document that could not be scored, where `step` failed on a single one.
    #[wasm_bindgen(getter)]
    pub fn position(&self) -> Option<usize> {
        self.0.position()
    }
}

/// The cache of a model, and how to load it.
fn load_options(cache: JsValue) -> Result<(Arc<ScoreCache>, LoadOptions), JsValue> {
    let options: Option<CacheOptions> = serde_wasm_bindgen::from_value(cache)?;
    let cache = Arc::new(ScoreCache::new(options.as_ref().map_or(0, |options| options.bytes)));
    let mut load = LoadOptions::default();
    if let Some(options) = options {
        load.cache = Some(cache.clone());
        load.fingerprint = options.fingerprint;
    }
    Ok((cache, load))
}

impl ScoreOptions {
    fn to_core(&self) -> RerankOptions<'static> {
        let long_documents = self.long_documents.as_ref().map(|long| match long {
            Long::Truncate => LongDocuments::Truncate,
            Long::Windows => LongDocuments::Windows,
        });
        let ScoreOptions { max_windows, max_length, .. } = *self;
        RerankOptions { long_documents, max_windows, max_length, ..RerankOptions::default() }
    }
}

fn keys_of(bytes: &[u8]) -> &[CacheKey] {
    bytes.as_chunks().0
}

fn to_js<T: Serialize>(result: Result<T, Error>) -> Result<JsValue, JsValue> {
    let value = result.map_err(to_js_error)?;
    Ok(serde_wasm_bindgen::to_value(&value)?)
}

/// A plain `{ code, message }`, by which the TypeScript side tells an error that the core reports
/// from a crash of the instance.
fn to_js_error(error: Error) -> JsValue {
    #[derive(Serialize)]
    struct Report {
        code: &'static str,
        message: String,
    }
    let report = Report { code: error.kind().code(), message: error.to_string() };
    serde_wasm_bindgen::to_value(&report).unwrap_or(JsValue::UNDEFINED)
}
