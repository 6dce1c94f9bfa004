//! Rewrites ONNX Runtime's own operators, of the domain `com.microsoft`, into the operators of ONNX that
//! they stand for.
//!
//! ONNX Runtime's optimizer and its quantizers put them into the files `model_O2.onnx` to `model_O4.onnx`,
//! `model_q4.onnx`, `model_bnb4.onnx` and the like. What they compute is in `docs/ContribOperators.md` of
//! ONNX Runtime. Everything that comes after reads nothing but ONNX.

mod attention;
mod expansion;
mod nodes;
mod weights;

use anyhow::Result;

use super::graph::Graph;
use super::proto::{Model, Node};
use expansion::Expansion;

/// Adds the nodes that an operator stands for. `None` if it has an input or a setting that is not known
/// here.
type Expand = fn(&mut Expansion) -> Option<()>;

/// The operators by their names.
const OPERATORS: [(&str, Expand); 18] = [
    ("Attention", attention::attention),
    ("BiasGelu", nodes::gelu),
    ("BiasSoftmax", nodes::bias_softmax),
    ("DynamicQuantizeMatMul", nodes::dynamic_quantize_matmul),
    ("EmbedLayerNormalization", nodes::embed_layer_normalization),
    ("FastGelu", nodes::fast_gelu),
    ("FusedGemm", nodes::fused_gemm),
    ("FusedMatMul", nodes::fused_matmul),
    ("GatherBlockQuantized", weights::gather_block_quantized),
    ("Gelu", nodes::gelu),
    ("MatMulBnb4", weights::matmul_bnb4),
    ("MatMulIntegerToFloat", nodes::matmul_integer_to_float),
    ("MatMulNBits", weights::matmul_nbits),
    ("MultiHeadAttention", attention::multi_head_attention),
    ("QAttention", attention::quantized_attention),
    ("QEmbedLayerNormalization", nodes::quantized_embed_layer_normalization),
    ("QuickGelu", nodes::quick_gelu),
    ("SkipLayerNormalization", nodes::skip_layer_normalization),
];

/// Whether this build rewrites operators. The small WebAssembly files leave that to the general one, to stay
/// small.
pub(in crate::engine) const REWRITES: bool =
    cfg!(any(feature = "general", not(target_arch = "wasm32")));

/// What became of ONNX Runtime's operators in a graph.
pub(super) enum Contrib {
    /// It has none.
    Absent,
    Expanded,
    /// They were left, because one of them is not known here.
    Unknown(String),
}

/// Rewrites all of ONNX Runtime's operators in a graph, or none of them.
pub(super) fn expand(model: &mut Model) -> Result<Contrib> {
    let Some(old) = &model.graph else { return Ok(Contrib::Absent) };
    let Some(first) = old.node.iter().find(|node| is_contrib(node)) else {
        return Ok(Contrib::Absent);
    };
    if !REWRITES {
        return Ok(Contrib::Unknown(first.op_type.clone()));
    }
    let graph = Graph::new(model)?;
    let (mut nodes, mut constants) = (Vec::new(), Vec::new());
    for node in &old.node {
        if !is_contrib(node) {
            nodes.push(node.clone());
            continue;
        }
        let mut expansion = Expansion::new(node, &graph, &mut nodes, &mut constants);
        let known = OPERATORS.iter().find(|(name, _)| *name == node.op_type);
        if known.and_then(|(_, expand)| expand(&mut expansion)).is_none() {
            return Ok(Contrib::Unknown(node.op_type.clone()));
        }
    }
    if let Some(graph) = &mut model.graph {
        graph.node = nodes;
        graph.initializer.extend(constants);
    }
    Ok(Contrib::Expanded)
}

/// Whether an operator is ONNX Runtime's own.
fn is_contrib(node: &Node) -> bool {
    // ONNX Runtime had these for more types before ONNX did. They are the same.
    node.domain.starts_with("com.microsoft")
        && !matches!(&node.op_type[..], "QuantizeLinear" | "DequantizeLinear")
}
