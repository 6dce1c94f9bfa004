//! A parsed ONNX file.

#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use prost::Message;

use super::contrib::{self, Contrib};
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
pub(in crate::engine) struct Onnx {
    model: proto::Model,
    contrib: Contrib,
}

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
        let contrib = contrib::expand(&mut model)?;
        Graph::new(&model)?;
        Ok(Onnx { model, contrib })
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
        let encoder = patterns::encoder(Graph::new(&self.model)?, config)?;
        encoder.check_config(config).map_err(|e| anyhow!("{e}"))?;
        Ok(encoder)
    }

    /// A view of the graph.
    #[cfg(feature = "general")]
    pub fn graph(&self) -> Result<Graph<'_>> {
        Graph::new(&self.model)
    }

    /// The whole file.
    #[cfg(feature = "general")]
    pub fn proto(&self) -> &proto::Model {
        &self.model
    }

    /// The file with what ONNX Runtime's operators stand for, if it had some.
    #[cfg(feature = "general")]
    pub fn expanded_file(&self) -> Option<Bytes> {
        matches!(self.contrib, Contrib::Expanded).then(|| self.model.encode_to_vec().into())
    }

    /// An operator of the graph that only ONNX Runtime has, if there is one that is not known here.
    pub fn onnx_runtime_operator(&self) -> Option<&str> {
        match &self.contrib {
            Contrib::Unknown(operator) => Some(operator),
            _ => None,
        }
    }

    #[cfg(all(test, feature = "general"))]
    pub fn proto_mut(&mut self) -> &mut proto::Model {
        &mut self.model
    }

    fn nodes(&self) -> impl Iterator<Item = &proto::Node> {
        self.model.graph.iter().flat_map(|graph| &graph.node)
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
