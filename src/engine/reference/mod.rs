//! A reference for graphs on general operators: each operator by itself, as ONNX defines it
//! (<https://onnx.ai/onnx/operators/>), in plain f32.
//!
//! It shares no code with what runs the graph. It is written for clarity, and only short texts are
//! computed with it.

mod call;
mod check;
mod constants;
mod elementwise;
mod evaluator;
mod products;
mod quantization;
mod reductions;
mod shapes;
mod tensor;
mod work;

#[cfg(test)]
pub(super) use check::outputs;
pub(super) use check::{Numbers, Rows, Verdict, check};
