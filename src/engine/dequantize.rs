//! Turns quantized matrix products into f32 ones, before tract reads the graph.
//!
//! tract's own int8 product is some forty times slower than its f32 one. The rewrite keeps the
//! integer weights' values and drops the rounding of activations: with `x` for the quantized
//! activation, 1 for its scale and `weight - zero_point` in f32 for the weight, the operators
//! around the product compute what they did before.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

/// Rewrites every `DynamicQuantizeLinear` and `MatMulInteger` of the graph
/// (ONNX operator definitions, opset 10 and 11).
pub(super) fn products(model: &mut ModelProto) -> TractResult<()> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let weights: HashMap<String, usize> =
        graph.initializer.iter().enumerate().map(|(i, t)| (t.name.clone(), i)).collect();

    let mut nodes = std::mem::take(&mut graph.node);
    for node in &mut nodes {
        match node.op_type.as_str() {
            "DynamicQuantizeLinear" => pass_activation_through(node, graph)?,
            "MatMulInteger" => multiply_in_f32(node, graph, &weights)?,
            _ => {}
        }
    }
    graph.node = nodes;
    Ok(())
}

/// `y, scale, zero_point = DynamicQuantizeLinear(x)` becomes `y = x` and `scale = 1`. The zero
/// point has no reader left.
fn pass_activation_through(node: &mut NodeProto, graph: &mut GraphProto) -> TractResult<()> {
    let [_, scale, _] = node.output.as_slice() else {
        bail!("node {} lacks an output", node.name);
    };
    graph.initializer.push(f32_tensor(scale.clone(), vec![], &[1.0]));
    node.op_type = "Identity".into();
    node.output.truncate(1);
    Ok(())
}

/// `MatMulInteger(x, w, x_zero, w_zero)` becomes `MatMul(x, w - w_zero)`.
fn multiply_in_f32(
    node: &mut NodeProto,
    graph: &mut GraphProto,
    weights: &HashMap<String, usize>,
) -> TractResult<()> {
    let constant = |index: usize| -> TractResult<Option<&TensorProto>> {
        match node.input.get(index).filter(|name| !name.is_empty()) {
            None => Ok(None),
            Some(name) => match weights.get(name) {
                Some(&i) => Ok(Some(&graph.initializer[i])),
                None => bail!("node {}: input {name} is not a constant", node.name),
            },
        }
    };
    let weight = constant(1)?.context("a MatMulInteger has no weight")?;
    let [rows, columns] = weight.dims[..] else {
        bail!("node {}: its weight is not a matrix", node.name);
    };
    let zero_points = match constant(3)? {
        Some(tensor) => integers(tensor)?,
        None => vec![0],
    };
    if zero_points.len() != 1 && zero_points.len() != columns as usize {
        bail!("node {}: its zero points do not fit its weight", node.name);
    }
    let values: Vec<f32> = integers(weight)?
        .into_iter()
        .enumerate()
        .map(|(i, value)| (value - zero_points[i % zero_points.len()]) as f32)
        .collect();
    let name = format!("{}.weight_f32", node.output[0]);
    let tensor = f32_tensor(name.clone(), vec![rows, columns], &values);
    graph.initializer.push(tensor);
    node.op_type = "MatMul".into();
    node.input.truncate(1);
    node.input.push(name);
    Ok(())
}

/// The values of an int8 or uint8 tensor, which is stored as bytes or as one int32 a value.
fn integers(tensor: &TensorProto) -> TractResult<Vec<i32>> {
    let signed = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Int8) => true,
        Ok(DataType::Uint8) => false,
        _ => bail!("tensor {} is neither int8 nor uint8", tensor.name),
    };
    let values: Vec<i32> = match tensor.raw_data.as_slice() {
        [] => tensor.int32_data.clone(),
        bytes if signed => bytes.iter().map(|&b| i32::from(b as i8)).collect(),
        bytes => bytes.iter().map(|&b| i32::from(b)).collect(),
    };
    let size: i64 = tensor.dims.iter().product();
    if values.len() as i64 != size {
        bail!("tensor {} holds {} values of {size}", tensor.name, values.len());
    }
    Ok(values)
}

fn f32_tensor(name: String, dims: Vec<i64>, values: &[f32]) -> TensorProto {
    TensorProto {
        name,
        dims,
        data_type: DataType::Float as i32,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Default::default()
    }
}
