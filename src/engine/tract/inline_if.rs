//! Replaces an `If` by the branch that is taken, before tract reads the graph.
//!
//! Exporters that trace scripted functions, such as those of DeBERTa, leave conditions in the graph
//! that hold for every text or for none. tract requires both branches to give the same shape, which
//! they need not.

use std::collections::HashMap;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};
use tract_onnx::tract_hir::internal::*;

/// Replaces each `If` of the main graph whose condition has a known `value`, by the name of the
/// condition.
pub(super) fn resolve(
    model: &mut ModelProto,
    value: impl Fn(&str) -> TractResult<Option<bool>>,
) -> TractResult<()> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    for mut node in std::mem::take(&mut graph.node) {
        let condition = match (node.op_type.as_str(), node.input.first()) {
            ("If", Some(condition)) => value(condition)?,
            _ => None,
        };
        let Some(condition) = condition else {
            graph.node.push(node);
            continue;
        };
        let name = if condition { "then_branch" } else { "else_branch" };
        let branch = node.attribute.iter_mut().find(|attribute| attribute.name == name);
        let branch = branch.and_then(|attribute| attribute.g.take());
        insert(branch.context("an If lacks a branch")?, &node.output, graph)?;
    }
    Ok(())
}

/// Adds the nodes of a branch. Its values get names that no other branch has.
fn insert(branch: GraphProto, outputs: &[String], graph: &mut GraphProto) -> TractResult<()> {
    let prefix = outputs.first().context("an If has no output")?;
    let own = branch.node.iter().flat_map(|node| &node.output);
    let own = own.chain(branch.initializer.iter().map(|tensor| &tensor.name));
    let names: HashMap<String, String> =
        own.map(|name| (name.clone(), format!("{prefix}.{name}"))).collect();
    let rename = |name: &mut String| {
        if let Some(renamed) = names.get(name) {
            name.clone_from(renamed);
        }
    };
    for mut node in branch.node {
        node.input.iter_mut().chain(&mut node.output).for_each(rename);
        graph.node.push(node);
    }
    for mut tensor in branch.initializer {
        rename(&mut tensor.name);
        graph.initializer.push(tensor);
    }
    ensure!(branch.output.len() == outputs.len(), "the branches of an If give too few values");
    for (mut given, output) in branch.output.into_iter().zip(outputs) {
        rename(&mut given.name);
        graph.node.push(NodeProto {
            input: vec![given.name],
            output: vec![output.clone()],
            op_type: "Identity".into(),
            ..Default::default()
        });
    }
    Ok(())
}
