//! Reads ONNX files: takes an encoder's parameters out of a graph whose architecture has rules.

pub(super) mod external;
mod graph;
mod integer_evaluator;
mod patterns;
mod proto;

#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeSet;

use anyhow::{Result, anyhow, ensure};
use bytes::Bytes;
use prost::Message;

use crate::model::{Config, Encoder};
use graph::Graph;

/// A parsed file. Its constants lie in the file's own bytes, or in those of the files beside it.
pub(super) struct Onnx(proto::Model);

impl Onnx {
    /// The graph in a file, with constants that may lie in others.
    pub fn parse(file: Bytes, external: &external::Files) -> Result<Onnx> {
        let mut model = proto::Model::decode(file)?;
        external::resolve(&mut model, external)?;
        Ok(Onnx(model))
    }

    /// The names of the files beside a graph that its constants lie in.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn external_names(file: Bytes) -> Result<BTreeSet<String>> {
        external::names(&proto::Model::decode(file)?)
    }

    /// The encoder in the graph, or why it is none that has rules.
    pub fn recognize(&self, config: &Config) -> Result<Encoder> {
        ensure!(!config.is_decoder, "config.json says that it is a decoder");
        let encoder = patterns::encoder(Graph::new(&self.0)?, config)?;
        encoder.check_config(config).map_err(|e| anyhow!("{e}"))?;
        Ok(encoder)
    }

    /// The names of the graph's inputs, without constants, which ONNX IR 3 lists among them; and
    /// which of its outputs is the model's.
    #[cfg(feature = "general")]
    pub fn ends(&self, config: &Config) -> Result<(Vec<&str>, usize)> {
        let graph = Graph::new(&self.0)?;
        let (_, output) = graph.output(config.output.names())?;
        Ok((graph.inputs().collect(), output))
    }

    /// The first operator of the graph that only ONNX Runtime knows, where there is one.
    pub fn operator_of_onnx_runtime(&self) -> Option<&str> {
        let mut nodes = self.0.graph.iter().flat_map(|graph| &graph.node);
        let node = nodes.find(|node| node.domain.starts_with("com.microsoft"))?;
        Some(&node.op_type)
    }
}
