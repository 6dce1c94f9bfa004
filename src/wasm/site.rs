//! The reader of a site's search for JavaScript, in a build of its own, without models.
//!
//! This module converts arguments and results, and decides nothing.

use wasm_bindgen::prelude::*;

use super::convert::{to_js, to_js_error};
use super::panic;
use crate::site;

/// A site's search: the manifest, and the files that were added.
#[wasm_bindgen]
pub struct SiteIndex(site::SiteIndex);

#[wasm_bindgen]
impl SiteIndex {
    /// Opens a manifest.
    #[wasm_bindgen(constructor)]
    pub fn new(manifest: &[u8]) -> Result<SiteIndex, JsValue> {
        panic::record_panics();
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

    /// Whether a reranker lies in `reranker/`, beside the files.
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

    /// Searches with the files that are there. `options` is that of
    /// [`site::SearchOptions`].
    pub fn search(&self, query: &str, options: JsValue) -> Result<JsValue, JsValue> {
        let options = serde_wasm_bindgen::from_value(options)?;
        to_js(Ok(self.0.search(query, &options)))
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
