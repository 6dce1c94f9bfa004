//! Rewrites int8 matrix products into f32 ones, before tract reads the graph.
//!
//! The int8 product of tract is about forty times slower than its f32 product. The rewrite keeps the
//! values of the integer weights and drops the rounding of activations. The quantized activation
//! becomes `x` itself, its scale becomes 1, and the weight becomes `weight - zero_point` in f32. Then
//! the operators around the product compute the same as before.

use std::collections::HashMap;

use tract_onnx::data_resolver;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::tensor::load_tensor;
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

/// `y, scale, zero_point = DynamicQuantizeLinear(x)` becomes `y = x` and `scale = 1`. No node reads
/// the zero point any more.
fn pass_activation_through(node: &mut NodeProto, graph: &mut GraphProto) -> TractResult<()> {
    let [_, scale, _] = node.output.as_slice() else {
        bail!("node {} lacks an output", node.name);
    };
    graph.initializer.push(f32_tensor(scale.clone(), vec![], &[1.0]));
    node.op_type = "Identity".into();
    node.output.truncate(1);
    Ok(())
}

/// `MatMulInteger(x, w, x_zero, w_zero)` becomes `MatMul(x, w - w_zero)`. A `w` that is not a
/// constant is the output of a `DynamicQuantizeLinear`, and so already in f32.
fn multiply_in_f32(
    node: &mut NodeProto,
    graph: &mut GraphProto,
    weights: &HashMap<String, usize>,
) -> TractResult<()> {
    let integers = |name: &String| -> TractResult<Option<Tensor>> {
        let Some(&index) = weights.get(name) else { return Ok(None) };
        let tensor = load_tensor(&*data_resolver::default(), &graph.initializer[index], None)?;
        Ok(Some(tensor.cast_to::<f32>()?.into_owned()))
    };
    let weight = node.input.get(1).context("a MatMulInteger has no weight")?.clone();
    if let Some(mut values) = integers(&weight)? {
        if let Some(zero_point) = node.input.get(3).filter(|name| !name.is_empty()) {
            let zero_point = integers(zero_point)?.context("a zero point is not a constant")?;
            let zero_points = zero_point.try_as_plain_ram()?;
            let zero_points = zero_points.as_slice::<f32>()?;
            let mut values = values.try_as_plain_ram_mut()?;
            let values = values.as_slice_mut::<f32>()?;
            ensure!(
                !zero_points.is_empty() && values.len() % zero_points.len() == 0,
                "node {}: its zero points do not fit its weight",
                node.name
            );
            for (i, value) in values.iter_mut().enumerate() {
                *value -= zero_points[i % zero_points.len()];
            }
        }
        let dims = values.shape().iter().map(|&dim| dim as i64).collect();
        let name =
            format!("{}.weight_f32", node.output.first().context("a MatMulInteger has no output")?);
        let values = values.try_as_plain_ram()?;
        graph.initializer.push(f32_tensor(name.clone(), dims, values.as_slice()?));
        node.input[1] = name;
    }
    node.op_type = "MatMul".into();
    node.input.truncate(2);
    Ok(())
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
