//! Rewrites floats of 16 bits into floats of 32, before tract reads the graph.
//!
//! Some rewrites of tract compute in f32 whatever the graph says, and types then do not fit. Processors
//! without instructions for f16 gain nothing by it. No number is changed, and sums are more exact.

use half::{bf16, f16};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto, TypeProto, type_proto};

/// Rewrites the constants, the casts and the types of a graph and of its branches.
pub(super) fn to_floats(model: &mut ModelProto) {
    if let Some(graph) = &mut model.graph {
        rewrite(graph);
    }
}

fn rewrite(graph: &mut GraphProto) {
    graph.initializer.iter_mut().for_each(widen);
    let values = graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info);
    for data_type in values.filter_map(|value| element_type(value.r#type.as_mut()?)) {
        if is_half(*data_type) {
            *data_type = DataType::Float as i32;
        }
    }
    for node in &mut graph.node {
        for attribute in &mut node.attribute {
            attribute.t.iter_mut().for_each(widen);
            attribute.g.iter_mut().for_each(rewrite);
            let is_type = node.op_type == "Cast" && attribute.name == "to";
            if is_type && i32::try_from(attribute.i).is_ok_and(is_half) {
                attribute.i = DataType::Float as i64;
            }
        }
    }
}

fn element_type(of: &mut TypeProto) -> Option<&mut i32> {
    let type_proto::Value::TensorType(tensor) = of.value.as_mut()?;
    Some(&mut tensor.elem_type)
}

fn is_half(data_type: i32) -> bool {
    data_type == DataType::Float16 as i32 || data_type == DataType::Bfloat16 as i32
}

/// Rewrites a constant. Its bits are in `raw_data`, or in the numbers of `int32_data`.
fn widen(tensor: &mut TensorProto) {
    if !is_half(tensor.data_type) {
        return;
    }
    let float: fn(u16) -> f32 = match tensor.data_type == DataType::Float16 as i32 {
        true => |bits| f16::from_bits(bits).to_f32(),
        false => |bits| bf16::from_bits(bits).to_f32(),
    };
    let raw = tensor.raw_data.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes));
    let numbers = tensor.int32_data.iter().map(|&bits| bits as u16);
    tensor.raw_data = raw.chain(numbers).flat_map(|bits| float(bits).to_le_bytes()).collect();
    tensor.int32_data.clear();
    tensor.data_type = DataType::Float as i32;
}
