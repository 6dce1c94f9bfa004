//! JavaScript's view of the reranker.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

#[cfg(feature = "gpu")]
use super::adapter::AdapterInfo;
use crate::wasm::convert::{to_js, to_js_error};
use crate::wasm::files::Files;
use crate::wasm::panic;
use crate::{CacheKey, LoadOptions, LongDocuments, RerankOptions, Reranker, Score, ScoreCache};

/// A loaded model in this WebAssembly instance, or on a GPU.
#[wasm_bindgen(js_name = Model)]
pub struct Model {
    pub(super) reranker: Reranker,
    pub(super) cache: Arc<ScoreCache>,
}

/// The cache of a model that is to have one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CacheOptions {
    bytes: usize,
    fingerprint: Option<String>,
}

/// How to score. What is left out has the defaults of the library.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ScoreOptions {
    long_documents: Option<LongDocumentsOption>,
    max_windows: Option<usize>,
    max_length: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum LongDocumentsOption {
    Truncate,
    Windows,
}

/// Facts about a loaded model.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    kernel: Option<&'a str>,
    #[cfg(feature = "gpu")]
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu: Option<AdapterInfo<'a>>,
    warning: Option<&'a str>,
    max_length: usize,
    revision: Option<&'a str>,
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
    /// Loads a model. `checked`: whether the hash of a prepared model has been compared. Browsers
    /// compute it much faster than WebAssembly.
    #[wasm_bindgen(constructor)]
    pub fn new(
        files: Files,
        cache: JsValue,
        checked: bool,
        keep_floats: bool,
    ) -> Result<Model, JsValue> {
        panic::record_panics();
        let files = files.into_model(checked).map_err(to_js_error)?;
        let (cache, mut load) = load_options(cache)?;
        load.keep_floats = keep_floats;
        let reranker = Reranker::from_owned_files(files, load).map_err(to_js_error)?;
        Ok(Model { reranker, cache })
    }

    /// Starts to score `documents[i]` for `queries[i]`.
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

    /// The keys of documents in the cache, one after another. Empty without a cache.
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

    /// The cached scores of keys. A key without a score gives undefined.
    pub fn recall(&self, keys: &[u8]) -> Result<JsValue, JsValue> {
        to_js(Ok(self.cache.get(keys_of(keys))))
    }

    /// Puts scores into the cache.
    pub fn remember(&self, keys: &[u8], scores: JsValue) -> Result<(), JsValue> {
        let scores: Vec<Score> = serde_wasm_bindgen::from_value(scores)?;
        self.cache.insert(keys_of(keys).iter().copied().zip(scores));
        Ok(())
    }

    /// All scores of the cache, for `restore`.
    pub fn save(&self) -> Vec<u8> {
        self.cache.save()
    }

    /// Adds scores that `save` returned.
    pub fn restore(&self, saved: &[u8]) {
        self.cache.restore(saved);
    }

    /// Facts about the model, and the statistics of the cache.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let stats = self.cache.stats();
        to_js(Ok(Info {
            kernel: self.reranker.kernel(),
            #[cfg(feature = "gpu")]
            gpu: self.reranker.gpu().map(|gpu| AdapterInfo::of(gpu.adapter())),
            warning: self.reranker.warning(),
            max_length: self.reranker.max_length(),
            revision: self.reranker.revision(),
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
pub struct Scoring(pub(super) crate::IncrementalScoring);

#[wasm_bindgen(js_class = Scoring)]
impl Scoring {
    /// Does a piece of the work, and returns an array of `[position, score]`, which is mostly empty.
    pub fn step(&mut self, model: &Model) -> Result<JsValue, JsValue> {
        to_js(self.0.step(&model.reranker))
    }

    /// Whether every document has been scored, or `step` has failed.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.0.is_done()
    }

    /// The position of the document that `step` failed on, if it was a single one.
    #[wasm_bindgen(getter)]
    pub fn position(&self) -> Option<usize> {
        self.0.position()
    }
}

/// The cache of a model, and how to load it.
pub(super) fn load_options(cache: JsValue) -> Result<(Arc<ScoreCache>, LoadOptions), JsValue> {
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
            LongDocumentsOption::Truncate => LongDocuments::Truncate,
            LongDocumentsOption::Windows => LongDocuments::Windows,
        });
        let ScoreOptions { max_windows, max_length, .. } = *self;
        RerankOptions { long_documents, max_windows, max_length, ..RerankOptions::default() }
    }
}

fn keys_of(bytes: &[u8]) -> &[CacheKey] {
    bytes.as_chunks().0
}
