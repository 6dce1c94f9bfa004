//! Reads ONNX files, and takes the parameters out of a graph whose architecture is recognized.

mod contrib;
mod evaluator;
pub(super) mod external;
mod graph;
mod model;
mod numbers;
mod order;
mod patterns;
pub(super) mod proto;
mod quantization;

pub(super) use contrib::REWRITES;
#[cfg(feature = "general")]
pub(super) use graph::{Graph, OutputValue};
pub(super) use model::Onnx;
#[cfg(feature = "general")]
pub(super) use quantization::FloatConstant;
