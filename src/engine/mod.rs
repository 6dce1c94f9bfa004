//! Runs the model in an ONNX graph or a prepared file.
//!
//! A loaded model is a [`Plan`]. There are three kinds. If the graph is an encoder that
//! `onnx` recognizes, [`load`] runs it on the crate's own kernels (`fused`), and
//! `ModelFiles::load_on_gpu` on a GPU (`gpu`). Any other graph runs on the operators of tract
//! (`tract`), which is slower, and is compared with a simple computation (`reference`) when it is
//! loaded. A build without the feature `general` has no `tract` and refuses such a graph.

mod encoder;
mod fused;
#[cfg(feature = "gpu")]
mod gpu;
mod guard;
mod load;
mod onnx;
mod plan;
mod pool;
mod prepare;
#[cfg(feature = "general")]
mod reference;
#[cfg(test)]
mod tests;
#[cfg(feature = "general")]
mod tract;
mod workers;

pub(crate) use encoder::reranker_or_embedder;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use encoder::{Fitness, external_names, fitness};
pub(crate) use fused::{LayerByLayer, Product};
pub(crate) use load::load;
pub(crate) use plan::{Plan, Run, run};
pub(crate) use prepare::write_error;
pub(crate) use workers::Workers;
