//! How long a check takes, compared with loading the graph.

use std::collections::HashMap;

use crate::engine::onnx::proto::{Graph, Model, Node};

/// The largest part of the time of loading that a check may take.
const PART: f64 = 0.1;

/// Nanoseconds of one core, of which only the ratio counts. tract reads, analyses and rewrites each node
/// several times.
const LOAD_NODE: f64 = 120_000.0;
/// A constant is read and copied, and packed if it is a matrix.
const LOAD_NUMBER: f64 = 5.0;
const CHECK_NODE: f64 = 5_000.0;
/// A weight is decoded, and multiplied once for each token.
const CHECK_WEIGHT: f64 = 0.5;
const CHECK_PRODUCT: f64 = 0.1;

/// Whether a check with this number of tokens takes less than a tenth of the time of loading. This is
/// estimated from the sizes of the graph, so that it is the same on every machine and in every run.
pub(super) fn is_quick(model: &Model, tokens: usize) -> bool {
    let Some(graph) = &model.graph else { return false };
    let (nodes, numbers, weights) = work(graph);
    let load = nodes * LOAD_NODE + numbers * LOAD_NUMBER;
    let check = nodes * CHECK_NODE + weights * (CHECK_WEIGHT + CHECK_PRODUCT * tokens as f64);
    check < load * PART
}

/// The counts of nodes, of numbers in constants, and of numbers in the matrices of products.
fn work(graph: &Graph) -> (f64, f64, f64) {
    let mut constants: HashMap<&str, f64> = HashMap::new();
    let mut producers: HashMap<&str, &Node> = HashMap::new();
    let length = |dims: &[i64]| dims.iter().map(|&size| size as f64).product();
    for tensor in &graph.initializer {
        constants.insert(&tensor.name, length(&tensor.dims));
    }
    for node in &graph.node {
        producers.extend(node.output.iter().map(|name| (name.as_str(), node)));
        let value = node.attribute.iter().find_map(|attribute| attribute.t.as_ref());
        if let (Some(value), Some(name)) = (value, node.output.first()) {
            constants.insert(name, length(&value.dims));
        }
    }
    let is_product = |node: &&Node| node.op_type.contains("MatMul") || node.op_type == "Gemm";
    let factors = graph.node.iter().filter(is_product).flat_map(|node| &node.input);
    let weights = factors.filter_map(|name| {
        // A matrix may be transposed, dequantized or cast first.
        let mut name = name.as_str();
        for _ in 0..4 {
            if let Some(length) = constants.get(name) {
                return Some(length);
            }
            let node = producers.get(name)?;
            let same = ["Transpose", "DequantizeLinear", "Cast", "Identity"];
            name = node.input.first().filter(|_| same.contains(&node.op_type.as_str()))?;
        }
        None
    });
    (graph.node.len() as f64, constants.values().sum(), weights.sum())
}
