//! Reads ONNX files, and takes the parameters out of a graph whose architecture is recognized.

pub(super) mod external;
mod graph;
mod integer_evaluator;
mod integer_tensor;
mod model;
mod order;
mod patterns;
mod proto;

pub(super) use model::Onnx;
