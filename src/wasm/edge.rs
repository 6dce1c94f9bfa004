//! The server's routes for JavaScript, in builds for handlers of fetch requests.
//!
//! This module converts requests and responses, and decides nothing.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use super::files::Files;
use super::panic;
use crate::server::{Model, Options, Request, Response, Server, Tokens};
use crate::{LoadOptions, Reranker};

/// The routes of one loaded model.
#[wasm_bindgen]
pub struct Routes(Server);

#[wasm_bindgen]
impl Routes {
    /// Loads the model. `tokens` holds one bearer token on each line.
    #[wasm_bindgen(constructor)]
    pub fn new(
        files: Files,
        name: String,
        tokens: &str,
        path_prefix: String,
        accept_any_model: bool,
    ) -> Result<Routes, JsError> {
        panic::record_panics();
        let model = files.into_model(false)?;
        let reranker = Reranker::from_owned_files(model, LoadOptions::default())?;
        // There is one thread, which scores one request at a time.
        let options = Options {
            tokens: Tokens::parse(tokens),
            path_prefix,
            accept_any_model,
            queue: 1,
            threads: 1,
            ..Options::default()
        };
        Ok(Routes(Server::new(vec![Model { name, reranker: reranker.into() }], options)?))
    }

    /// The largest body of a request, in bytes. A larger one is refused.
    #[wasm_bindgen(getter, js_name = maxBody)]
    pub fn max_body(&self) -> usize {
        self.0.limits().body
    }

    /// The response to a request that is refused before its body is read, otherwise `undefined`.
    /// `headers` are names and values in turn.
    pub fn refusal(
        &self,
        method: String,
        path: String,
        headers: Vec<String>,
        id: String,
    ) -> Option<Array> {
        let request = Request { method, path, headers: pairs(headers), id, body: Vec::new() };
        self.0.admit(&request).err().map(to_js)
    }

    /// The response to a request.
    pub fn respond(
        &self,
        method: String,
        path: String,
        headers: Vec<String>,
        id: String,
        body: Vec<u8>,
    ) -> Array {
        to_js(self.0.respond(Request { method, path, headers: pairs(headers), id, body }))
    }
}

/// Whether a client's own id may become the request's id.
#[wasm_bindgen(js_name = isPlainId)]
pub fn is_plain_id(id: &str) -> bool {
    Request::is_plain_id(id)
}

fn pairs(headers: Vec<String>) -> Vec<(String, String)> {
    headers.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// `[status, [[name, value], ...], body]`.
fn to_js(response: Response) -> Array {
    let header = |(name, value): (&str, String)| Array::of2(&name.into(), &value.into());
    let headers: Array = response.headers.into_iter().map(header).collect();
    Array::of3(&response.status.into(), &headers, &Uint8Array::from(&response.body[..]))
}
