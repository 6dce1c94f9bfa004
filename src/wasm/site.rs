//! The reader of a site's search for JavaScript, in a build of its own, without models.
//!
//! This module converts arguments and results, and decides nothing. Options are read field by field: what serde
//! reads takes up a tenth of the file.

use js_sys::{Array, JsString, Object};
use wasm_bindgen::prelude::*;

use super::convert::{to_js, to_js_error};
use super::panic;
use crate::site;
use crate::text::set_normalize;

#[wasm_bindgen]
extern "C" {
    /// The options of a search: see [`site::SearchOptions`].
    pub type Options;
    #[wasm_bindgen(method, getter)]
    fn limit(options: &Options) -> Option<usize>;
    #[wasm_bindgen(method, getter)]
    fn language(options: &Options) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn filters(options: &Options) -> Option<Object>;
    #[wasm_bindgen(method, getter)]
    fn sort(options: &Options) -> Option<Sort>;
    #[wasm_bindgen(method, getter)]
    fn vectors(options: &Options) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    fn vector(options: &Options) -> Option<Vec<f32>>;
    #[wasm_bindgen(method, getter)]
    fn logits(options: &Options) -> Option<Array>;

    /// A sort key: see [`site::SortKey`].
    pub type Sort;
    #[wasm_bindgen(method, getter)]
    fn name(sort: &Sort) -> String;
    #[wasm_bindgen(method, getter)]
    fn descending(sort: &Sort) -> Option<bool>;
}

impl Options {
    fn read(&self) -> site::SearchOptions {
        let default = site::SearchOptions::default();
        let texts =
            |list: &JsValue| Array::from(list).iter().filter_map(|v| v.as_string()).collect();
        let entries = self.filters().map(|filters| Object::entries(&filters)).unwrap_or_default();
        let pair = |pair: JsValue| {
            let pair = Array::from(&pair);
            (pair.get(0), pair.get(1))
        };
        let logits = self.logits().unwrap_or_default();
        let logit =
            |(id, logit): (JsValue, JsValue)| Some((id.as_f64()? as u32, logit.as_f64()? as f32));
        site::SearchOptions {
            limit: self.limit().unwrap_or(default.limit),
            language: self.language(),
            filters: entries
                .iter()
                .map(pair)
                .filter_map(|(name, values)| Some((name.as_string()?, texts(&values))))
                .collect(),
            sort: self.sort().map(|sort| site::SortKey {
                name: sort.name(),
                descending: sort.descending().unwrap_or_default(),
            }),
            vectors: self.vectors().unwrap_or_default(),
            vector: self.vector(),
            logits: logits.iter().map(pair).filter_map(logit).collect(),
        }
    }
}

/// A site's search: the manifest, and the files that were added.
#[wasm_bindgen]
pub struct SiteIndex(site::SiteIndex);

#[wasm_bindgen]
impl SiteIndex {
    /// Opens a manifest.
    #[wasm_bindgen(constructor)]
    pub fn new(manifest: &[u8]) -> Result<SiteIndex, JsValue> {
        panic::record_panics();
        set_normalize(|text, form| JsString::from(text).normalize(form).into());
        site::SiteIndex::new(manifest).map(SiteIndex).map_err(to_js_error)
    }

    /// The way from the folder with the files to that with the pages.
    #[wasm_bindgen(getter)]
    pub fn root(&self) -> String {
        self.0.root().to_owned()
    }

    /// Whether it can search by meaning.
    #[wasm_bindgen(getter = hasVectors)]
    pub fn has_vectors(&self) -> bool {
        self.0.has_vectors()
    }

    /// The fingerprint of the embedder that made the site's vectors, if one did.
    #[wasm_bindgen(getter)]
    pub fn embedder(&self) -> Option<String> {
        self.0.embedder().map(str::to_owned)
    }

    /// Whether a reranker lies in `models/`, beside the files.
    #[wasm_bindgen(getter = hasReranker)]
    pub fn has_reranker(&self) -> bool {
        self.0.has_reranker()
    }

    /// The tags of the languages of the site's pages.
    #[wasm_bindgen(getter)]
    pub fn languages(&self) -> Vec<String> {
        self.0.languages().map(str::to_owned).collect()
    }

    /// The filters of the site's pages: `[{ name, values: [{ value, count }] }]`.
    pub fn filters(&self) -> Result<JsValue, JsValue> {
        to_js(Ok(self.0.filters()))
    }

    /// The names of files with which later searches say sooner what they found.
    pub fn useful(&self, language: Option<String>) -> Vec<String> {
        self.0.useful(language.as_deref())
    }

    /// Searches with the files that are there.
    pub fn search(&self, query: &str, options: &Options) -> Result<JsValue, JsValue> {
        to_js(Ok(self.0.search(query, &options.read())))
    }

    /// Adds a file that a search needs.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), JsValue> {
        self.0.add(name, bytes).map_err(to_js_error)
    }

    /// Says that the host does not have a file.
    pub fn fail(&mut self, name: &str) -> Result<(), JsValue> {
        self.0.fail(name).map_err(to_js_error)
    }
}
