//! A parsed ONNX file.

#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use prost::Message;

use super::external;
use super::graph::Graph;
use super::order;
use super::patterns;
use super::proto;
use crate::engine::guard::{UNREADABLE_GRAPH, guarded};
use crate::error::{Error, ErrorKind, Result as CrateResult};
use crate::mistake::mistake;
use crate::model::{Config, Encoder, ModelFiles};

/// A parsed file. Its constants share the bytes of the file, or of the files beside it.
pub(in crate::engine) struct Onnx(proto::Model);

impl Onnx {
    /// Parses the graph of a model.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`].
    pub fn read(files: &ModelFiles) -> CrateResult<Onnx> {
        guarded(UNREADABLE_GRAPH, || Onnx::parse(files.onnx.clone(), &files.external))
    }

    /// Parses a file whose constants may lie in others.
    fn parse(file: Bytes, external: &external::Files) -> Result<Onnx> {
        let mut model = decode(file)?;
        external::resolve(&mut model, external)?;
        if let Some(graph) = &mut model.graph {
            order::sort(graph)?;
        }
        Graph::new(&model)?;
        Ok(Onnx(model))
    }

    /// The names of the files beside a graph that its constants lie in.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn external_names(file: Bytes) -> Result<BTreeSet<String>> {
        external::names(&decode(file)?)
    }

    /// The encoder in the graph, or why it is not one that the patterns recognize.
    pub fn recognize(&self, config: &Config) -> Result<Encoder> {
        ensure!(!config.is_decoder, "config.json says that it is a decoder");
        let rounds = |node: &&proto::Node| node.op_type.starts_with("Q");
        if let Some(node) = self.nodes().find(rounds) {
            bail!("it rounds values with {}, as static quantization does", node.op_type);
        }
        let encoder = patterns::encoder(Graph::new(&self.0)?, config)?;
        encoder.check_config(config).map_err(|e| anyhow!("{e}"))?;
        Ok(encoder)
    }

    /// A view of the graph.
    #[cfg(feature = "general")]
    pub fn graph(&self) -> Result<Graph<'_>> {
        Graph::new(&self.0)
    }

    /// The whole file.
    #[cfg(feature = "general")]
    pub fn proto(&self) -> &proto::Model {
        &self.0
    }

    /// The first operator of the graph that only ONNX Runtime has, if there is one.
    pub fn onnx_runtime_operator(&self) -> Option<&str> {
        // ONNX Runtime had these for more types before ONNX did. They are the same.
        let is_own = |node: &&proto::Node| {
            node.domain.starts_with("com.microsoft")
                && !matches!(&node.op_type[..], "QuantizeLinear" | "DequantizeLinear")
        };
        Some(&self.nodes().find(is_own)?.op_type)
    }

    #[cfg(all(test, feature = "general"))]
    pub fn proto_mut(&mut self) -> &mut proto::Model {
        &mut self.0
    }

    fn nodes(&self) -> impl Iterator<Item = &proto::Node> {
        self.0.graph.iter().flat_map(|graph| &graph.node)
    }
}

fn decode(file: Bytes) -> Result<proto::Model> {
    if let Some(mistake) = mistake(&file) {
        let message = format!("the file of the ONNX graph {mistake}");
        return Err(Error::new(ErrorKind::InvalidModel, message).into());
    }
    let decoded = proto::Model::decode(file).ok().filter(|model| model.graph.is_some());
    decoded.context("it is damaged, cut short or not ONNX; download or export it again")
}
