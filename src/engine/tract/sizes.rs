//! Passes integers through floats where tract would take them for sizes, before it reads the graph.
//!
//! RoBERTa numbers positions by a cumulative sum, and tract cannot add up sizes. DeBERTa gathers by
//! the distances between positions, and tract does not know the values of sizes there. Floats count
//! exactly up to 2^24.

use std::collections::HashMap;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto};

/// Puts casts before the indices of every `GatherElements`.
pub(super) fn indices(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else { return };
    for mut node in std::mem::take(&mut graph.node) {
        let (inputs, outputs) = (&mut node.input[..], &node.output[..]);
        if let ("GatherElements", [_, indices], [output]) = (&*node.op_type, inputs, outputs) {
            let [floats, integers] = ["floats", "integers"].map(|part| format!("{output}.{part}"));
            let given = std::mem::replace(indices, integers.clone());
            graph.node.push(cast(given, floats.clone(), DataType::Float as i64));
            graph.node.push(cast(floats, integers, DataType::Int64 as i64));
        }
        graph.node.push(node);
    }
}

/// Puts a cast before and after every `CumSum` of a value that was cast to integers.
pub(super) fn sums(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else { return };
    let casts = graph.node.iter().filter(|node| node.op_type == "Cast");
    let types: HashMap<String, i64> = casts
        .filter_map(|node| {
            let to = node.attribute.iter().find(|attribute| attribute.name == "to")?;
            Some((node.output.first()?.clone(), to.i))
        })
        .collect();
    let integers = [DataType::Int32 as i64, DataType::Int64 as i64];
    for mut node in std::mem::take(&mut graph.node) {
        let summed = (node.op_type == "CumSum").then(|| types.get(node.input.first()?)).flatten();
        let (Some(&data_type), [output]) =
            (summed.filter(|t| integers.contains(t)), &node.output[..])
        else {
            graph.node.push(node);
            continue;
        };
        let (output, floats) = (output.clone(), format!("{output}.floats"));
        let sum = format!("{output}.sum");
        graph.node.push(cast(node.input[0].clone(), floats.clone(), DataType::Float as i64));
        node.input[0] = floats;
        node.output[0] = sum.clone();
        graph.node.push(node);
        graph.node.push(cast(sum, output, data_type));
    }
}

fn cast(input: String, output: String, to: i64) -> NodeProto {
    let r#type = AttributeType::Int as i32;
    let to = AttributeProto { name: "to".into(), r#type, i: to, ..Default::default() };
    NodeProto {
        name: output.clone(),
        input: vec![input],
        output: vec![output],
        op_type: "Cast".into(),
        attribute: vec![to],
        ..Default::default()
    }
}
