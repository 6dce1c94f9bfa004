//! Puts the nodes of a graph into the order in which they can be computed.
//!
//! ONNX asks for this order. Converters to 16 bits leave casts at the end of the list, and ONNX Runtime
//! sorts, so such files are in use.

use std::collections::HashMap;

use anyhow::{Result, bail};

use super::proto::{Graph, Node};

/// Sorts the nodes, so that each comes after those that it reads.
///
/// # Errors
/// The nodes form a cycle.
pub(super) fn sort(graph: &mut Graph) -> Result<()> {
    let order = order(&graph.node)?;
    let mut nodes: Vec<Node> = std::mem::take(&mut graph.node);
    graph.node = order.into_iter().map(|index| std::mem::take(&mut nodes[index])).collect();
    Ok(())
}

/// The indices of the nodes in an order in which they can be computed.
fn order(nodes: &[Node]) -> Result<Vec<usize>> {
    let outputs = nodes.iter().enumerate().flat_map(|(index, node)| {
        node.output.iter().filter(|name| !name.is_empty()).map(move |name| (name.as_str(), index))
    });
    let producers: HashMap<&str, usize> = outputs.collect();
    let read = |node: &Node| -> Vec<usize> {
        node.input.iter().filter_map(|name| producers.get(name.as_str()).copied()).collect()
    };
    let mut readers = vec![Vec::new(); nodes.len()];
    let mut missing = vec![0; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for producer in read(node) {
            readers[producer].push(index);
            missing[index] += 1;
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).filter(|&index| missing[index] == 0).collect();
    let mut next = 0;
    while let Some(&index) = order.get(next) {
        next += 1;
        for &reader in &readers[index] {
            missing[reader] -= 1;
            if missing[reader] == 0 {
                order.push(reader);
            }
        }
    }
    let Some(mut stuck) = missing.iter().position(|&count| count > 0) else { return Ok(order) };
    // Each node that is stuck reads another one. After as many steps as there are nodes, the one that is
    // reached is in the cycle, and not only behind it.
    for _ in nodes {
        let before = read(&nodes[stuck]).into_iter().find(|&producer| missing[producer] > 0);
        stuck = before.unwrap_or(stuck);
    }
    bail!("its nodes form a cycle, and {} is in it", nodes[stuck].label());
}
