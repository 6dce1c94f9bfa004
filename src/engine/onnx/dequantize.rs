//! Constants that a graph holds as integers behind `DequantizeLinear`, as the floats that the operator
//! gives for them (ONNX operator definitions, opset 10 to 25).

use super::graph::{Constant, attribute};
use super::proto::Node;

/// A constant of floats, row-major.
pub(in crate::engine) struct FloatConstant {
    pub shape: Vec<usize>,
    pub floats: Vec<f32>,
}

/// `(values - zero_point) * scale`, with one scale and one zero point, with one for each index of an
/// axis, or with one for each block of an axis. `constant` gives the constant of a name.
pub(super) fn dequantize<'a>(
    node: &'a Node,
    constant: impl Fn(&'a str) -> Option<Constant<'a>>,
) -> Option<FloatConstant> {
    let [values, scale] = node.input.first_chunk()?;
    let (values, scales) = (constant(values)?, constant(scale)?.floats()?);
    let zero_points = match node.input.get(2).filter(|name| !name.is_empty()) {
        Some(name) => constant(name)?.floats()?,
        None => vec![0.0; scales.len()],
    };
    let (mut floats, shape) = (values.floats()?, values.shape);
    if floats.is_empty() {
        return None;
    }
    let int = |name, default| attribute(node, name).map_or(default, |a| a.i);
    if let ([scale], [zero_point]) = (&scales[..], &zero_points[..]) {
        floats.iter_mut().for_each(|x| *x = (*x - zero_point) * scale);
        return Some(FloatConstant { shape, floats });
    }
    let axis = int("axis", 1);
    let axis = usize::try_from(if axis < 0 { axis + shape.len() as i64 } else { axis }).ok()?;
    let length = *shape.get(axis)?;
    // Without blocks, each index of the axis has its own scale, and the other axes share it.
    let block = usize::try_from(int("block_size", 0)).ok()?;
    let inner: usize = shape[axis + 1..].iter().product();
    let (each, shared) = if block == 0 { (1, inner) } else { (block, 1) };
    let parts = length.div_ceil(each);
    let outer = if block == 0 { 1 } else { shape[..axis].iter().product() };
    let per_part = inner / shared;
    let count = outer * parts * per_part;
    if scales.len() != count || zero_points.len() != count {
        return None;
    }
    for (i, x) in floats.iter_mut().enumerate() {
        let (rest, column) = (i / inner, i % inner / shared);
        let (row, at) =
            if block == 0 { (0, rest % length) } else { (rest / length, rest % length) };
        let part = (row * parts + at / each) * per_part + column;
        *x = (*x - zero_points[part]) * scales[part];
    }
    Some(FloatConstant { shape, floats })
}
