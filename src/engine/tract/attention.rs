//! Rewrites the operator Attention of opset 23 into the operators that it stands for, before tract
//! reads the graph.

use std::collections::HashMap;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

/// Rewrites every `Attention` of queries, keys and values with the axes `[batch, heads, length, width]`
/// and at most a mask. Others stay as they are.
pub(super) fn to_parts(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else { return };
    let nodes = std::mem::take(&mut graph.node);
    let producers: HashMap<&str, &NodeProto> = nodes
        .iter()
        .flat_map(|node| node.output.iter().map(move |name| (name.as_str(), node)))
        .collect();
    let has_mask = |node: &NodeProto| match node.input.get(3).filter(|name| !name.is_empty()) {
        None => Mask::None,
        Some(mask) if is_boolean(mask, &producers, MAX_DEPTH) => Mask::Kept(mask.clone()),
        Some(mask) => Mask::Added(mask.clone()),
    };
    let masks: Vec<Option<Mask>> =
        nodes.iter().map(|node| is_plain(node).then(|| has_mask(node))).collect();
    for (node, mask) in nodes.into_iter().zip(masks) {
        match mask {
            Some(mask) => expand(&node, mask, graph),
            None => graph.node.push(node),
        }
    }
}

/// The mask of an attention.
enum Mask {
    None,
    /// Numbers that are added to the scores.
    Added(String),
    /// Whether each score is kept.
    Kept(String),
}

/// Whether a node is an `Attention` that [`expand`] knows.
fn is_plain(node: &NodeProto) -> bool {
    let zero = |name: &str| {
        let mut found = node.attribute.iter().filter(|attribute| attribute.name == name);
        found.all(|attribute| attribute.i == 0 && attribute.f == 0.0)
    };
    node.op_type == "Attention"
        && node.domain.is_empty()
        && node.input.len() >= 3
        && node.input.iter().skip(4).all(String::is_empty)
        && node.output.first().is_some_and(|name| !name.is_empty())
        && node.output.iter().skip(1).all(String::is_empty)
        && ["is_causal", "softcap", "q_num_heads", "kv_num_heads"].into_iter().all(zero)
}

/// How many operators back the type of a mask is looked for.
const MAX_DEPTH: usize = 16;

/// Whether a value consists of booleans, as far as its operators show.
fn is_boolean(name: &str, producers: &HashMap<&str, &NodeProto>, depth: usize) -> bool {
    let (Some(node), Some(depth)) = (producers.get(name), depth.checked_sub(1)) else {
        return false;
    };
    let of =
        |input: usize| node.input.get(input).is_some_and(|name| is_boolean(name, producers, depth));
    match node.op_type.as_str() {
        "Cast" => {
            let to = node.attribute.iter().find(|attribute| attribute.name == "to");
            to.is_some_and(|to| to.i == DataType::Bool as i64)
        }
        "And" | "Or" | "Not" | "Xor" | "Equal" | "Less" | "Greater" | "LessOrEqual"
        | "GreaterOrEqual" => true,
        "Where" => of(1),
        "Expand" | "Reshape" | "Squeeze" | "Unsqueeze" | "Slice" | "Transpose" | "Identity"
        | "Gather" | "GatherND" | "Concat" => of(0),
        _ => false,
    }
}

/// Adds the nodes of `softmax(mask(scale q k)) v`.
fn expand(node: &NodeProto, mask: Mask, graph: &mut GraphProto) {
    let output = node.output[0].clone();
    let [query, key, value] = [0, 1, 2].map(|input: usize| node.input[input].clone());
    let mut add =
        |op_type: &str, part: &str, input: Vec<String>, attribute: Vec<AttributeProto>| {
            let output = vec![format!("{output}{part}")];
            let name = output[0].clone();
            graph.node.push(NodeProto {
                name: name.clone(),
                input,
                output,
                op_type: op_type.into(),
                attribute,
                ..Default::default()
            });
            name
        };
    let axes = AttributeProto {
        name: "perm".into(),
        r#type: AttributeType::Ints as i32,
        ints: vec![0, 1, 3, 2],
        ..Default::default()
    };
    let key = add("Transpose", ".key", vec![key], vec![axes]);
    let mut scores = add("MatMul", ".product", vec![query.clone(), key], vec![]);
    let given = node.attribute.iter().find(|attribute| attribute.name == "scale");
    let (operator, by) = match given {
        Some(scale) => ("Mul", add("Constant", ".scale", vec![], vec![number(scale.f)])),
        None => {
            let shape = add("Shape", ".shape", vec![query], vec![integer("start", -1)]);
            let to_float = vec![integer("to", DataType::Float as i64)];
            let width = add("Cast", ".width", vec![shape], to_float);
            ("Div", add("Sqrt", ".root", vec![width], vec![]))
        }
    };
    scores = add(operator, ".scores", vec![scores, by], vec![]);
    scores = match mask {
        Mask::None => scores,
        Mask::Added(mask) => add("Add", ".masked", vec![scores, mask], vec![]),
        Mask::Kept(mask) => {
            let low = add("Constant", ".low", vec![], vec![number(f32::MIN)]);
            add("Where", ".masked", vec![mask, scores, low], vec![])
        }
    };
    let weights = add("Softmax", ".weights", vec![scores], vec![integer("axis", -1)]);
    add("MatMul", "", vec![weights, value], vec![]);
}

fn integer(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i, ..Default::default() }
}

/// The value of a constant of one number.
fn number(value: f32) -> AttributeProto {
    let tensor = TensorProto {
        data_type: DataType::Float as i32,
        raw_data: value.to_le_bytes().to_vec(),
        ..Default::default()
    };
    AttributeProto {
        name: "value".into(),
        r#type: AttributeType::Tensor as i32,
        t: Some(tensor),
        ..Default::default()
    }
}
