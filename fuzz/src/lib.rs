//! What is fuzzed: for each target a function of bytes, which panics where a promise of the library does not
//! hold.
//!
//! The programs in `fuzz/targets` give these functions to libFuzzer. `tests/fuzz` compiles this file once more,
//! for stable Rust, and gives them the inputs in `fuzz/corpus`. Everything here goes through the public
//! interface of the library.

pub mod cache;
pub mod config;
pub mod graph;
pub mod index;
mod json;
mod model;
pub mod prepared;
mod protobuf;
pub mod replay;
pub mod server;
pub mod site;
pub mod text;
pub mod tokenizer;

use std::path::PathBuf;

use arbitrary::{Arbitrary, Unstructured};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("tests/data").is_dir()).unwrap().to_owned()
}

/// The bytes of an input as a structured value; `None` if there are too few.
fn decode<'a, T: Arbitrary<'a>>(data: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(data)).ok()
}
