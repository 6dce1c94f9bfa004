//! How long a check takes, compared with loading the graph.

use std::collections::HashMap;

use crate::engine::onnx::proto::{DataType, Graph, Model, Node, Tensor};

/// The largest part of the time of loading that a check may take.
const PART: f64 = 0.1;

/// Nanoseconds of one core, of which only the ratio counts. tract reads, analyses and rewrites each node
/// several times.
const LOAD_NODE: f64 = 120_000.0;
/// A constant is read and copied, and packed if it is a matrix.
const LOAD_NUMBER: f64 = 5.0;
const CHECK_NODE: f64 = 5_000.0;
/// A weight is decoded, which takes longer if it is no float, and multiplied once for each token.
const CHECK_FLOAT: f64 = 0.9;
const CHECK_QUANTIZED: f64 = 4.5;
const CHECK_PRODUCT: f64 = 0.1;

/// Whether a check with this number of tokens takes less than a tenth of the time of loading. This is
/// estimated from the sizes of the graph, so that it is the same on every machine and in every run.
pub(super) fn is_quick(model: &Model, tokens: usize) -> bool {
    let Some(graph) = &model.graph else { return false };
    let Work { nodes, numbers, floats, quantized } = Work::of(graph);
    let load = nodes * LOAD_NODE + numbers * LOAD_NUMBER;
    let decode = floats * CHECK_FLOAT + quantized * CHECK_QUANTIZED;
    let check = nodes * CHECK_NODE + decode + (floats + quantized) * CHECK_PRODUCT * tokens as f64;
    check < load * PART
}

/// The sizes of a graph.
#[derive(Default)]
struct Work {
    nodes: f64,
    /// The numbers of all constants.
    numbers: f64,
    /// Those of the matrices in products that are stored as floats.
    floats: f64,
    /// Those of the other matrices in products.
    quantized: f64,
}

impl Work {
    fn of(graph: &Graph) -> Work {
        let mut constants: HashMap<&str, &Tensor> = HashMap::new();
        let mut producers: HashMap<&str, &Node> = HashMap::new();
        constants.extend(graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)));
        for node in &graph.node {
            producers.extend(node.output.iter().map(|name| (name.as_str(), node)));
            let value = node.attribute.iter().find_map(|attribute| attribute.t.as_ref());
            constants.extend(node.output.first().map(String::as_str).zip(value));
        }
        let length = |tensor: &Tensor| tensor.dims.iter().map(|&size| size as f64).product::<f64>();
        let numbers = constants.values().map(|tensor| length(tensor)).sum();
        let mut work = Work { nodes: graph.node.len() as f64, numbers, ..Work::default() };
        let is_product = |node: &&Node| node.op_type.contains("MatMul") || node.op_type == "Gemm";
        for name in graph.node.iter().filter(is_product).flat_map(|node| &node.input) {
            // A matrix may be transposed, dequantized or cast first.
            let mut name = Some(name.as_str());
            for _ in 0..4 {
                let matrix = name.and_then(|name| constants.get(name));
                if let Some(matrix) = matrix {
                    match matrix.data_type == DataType::Float as i32 {
                        true => work.floats += length(matrix),
                        false => work.quantized += length(matrix),
                    }
                    break;
                }
                let same = ["Transpose", "DequantizeLinear", "Cast", "Identity"];
                let node = name.and_then(|name| producers.get(name));
                let node = node.filter(|node| same.contains(&node.op_type.as_str()));
                name = node.and_then(|node| node.input.first()).map(String::as_str);
            }
        }
        work
    }
}
