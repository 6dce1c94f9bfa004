//! Quantized numbers, held as floats.

use std::ops::RangeInclusive;

use anyhow::{Context, Result, bail, ensure};

use super::call::Call;
use super::tensor::Tensor;
use crate::engine::onnx::proto::DataType;

/// `saturate(round(x / scale) + zero_point)`.
pub(super) fn quantize(call: &Call) -> Result<Tensor> {
    let (x, scale) = (call.input(0)?, call.input(1)?);
    let at = parameters(call, x, scale)?;
    let scales = scale.as_floats();
    let floats = x.as_floats();
    let divided = floats.iter().zip(&at).map(|(x, &i)| x / scales[i]);
    quantized(call, 2, &Tensor::floats(x.shape.clone(), divided.collect())?)
}

/// `(x - zero_point) * scale`.
pub(super) fn dequantize(call: &Call) -> Result<Tensor> {
    let (x, scale) = (call.input(0)?, call.input(1)?);
    let at = parameters(call, x, scale)?;
    let (floats, scales) = (x.as_floats(), scale.as_floats());
    let zeros = zero_points(call, 2, scales.len())?;
    let floats = floats.iter().zip(&at).map(|(x, &i)| (x - zeros[i]) * scales[i]);
    Tensor::floats(x.shape.clone(), floats.collect())
}

/// `x`, its scale and its zero point for the 8 bits that hold its numbers and 0. The result is not
/// rounded, as the engine does not round it.
pub(super) fn dynamic_quantize(call: &Call) -> Result<Vec<Tensor>> {
    let x = call.input(0)?;
    let floats = x.as_floats();
    let low = floats.iter().copied().fold(0.0, f32::min);
    let high = floats.iter().copied().fold(0.0, f32::max);
    let scale = if high > low { (high - low) / 255.0 } else { 1.0 };
    let zero_point = (-low / scale).clamp(0.0, 255.0).round_ties_even();
    let quantized = floats.iter().map(|x| x / scale + zero_point).collect();
    Ok(vec![
        Tensor::floats(x.shape.clone(), quantized)?,
        Tensor::floats(vec![], vec![scale])?,
        Tensor::floats(vec![], vec![zero_point])?,
    ])
}

/// Numbers that were divided by their scale, as integers of the type of the zero point, which is the
/// input at `index`.
pub(super) fn quantized(call: &Call, index: usize, x: &Tensor) -> Result<Tensor> {
    let zeros = call.optional(index).map(|zeros| zeros.as_floats().into_owned());
    let at = match call.input(1) {
        Ok(scale) if index == 2 => parameters(call, x, scale)?,
        _ => vec![0; x.len()],
    };
    let zeros = zeros.unwrap_or_else(|| vec![0.0]);
    let zero = |i: usize| if zeros.len() == 1 { Some(zeros[0]) } else { zeros.get(i).copied() };
    let range = range(call, index)?;
    let round = |(x, &i): (&f32, &usize)| {
        Some((x.round_ties_even() + zero(i)?).clamp(*range.start(), *range.end()))
    };
    let floats = x.as_floats().iter().zip(&at).map(round).collect::<Option<_>>();
    Tensor::floats(x.shape.clone(), floats.context("it has too few zero points")?)
}

/// A factor of a product, without its zero point, which is the input at `zero_point`. Several zero
/// points are those of the columns.
pub(super) fn operand(call: &Call, index: usize, zero_point: usize) -> Result<Tensor> {
    let x = call.input(index)?;
    let zeros = match call.optional(zero_point) {
        Some(zeros) => zeros.as_floats().into_owned(),
        None => return Ok(x.clone()),
    };
    let columns = x.shape.last().copied().unwrap_or(1);
    ensure!([1, columns].contains(&zeros.len()), "its zero points do not fit its matrix");
    let floats = x.as_floats();
    let floats = floats.iter().enumerate().map(|(i, x)| x - zeros[i % zeros.len()]);
    Tensor::floats(x.shape.clone(), floats.collect())
}

/// Which scale each number has: the only one, that of its index on an axis, or that of its block.
fn parameters(call: &Call, x: &Tensor, scale: &Tensor) -> Result<Vec<usize>> {
    if scale.len() == 1 {
        return Ok(vec![0; x.len()]);
    }
    let axis = x.axis(call.int("axis", 1))?;
    let block = usize::try_from(call.int("block_size", 0))?;
    let (_, length, inner) = x.around(axis);
    if block == 0 {
        ensure!(scale.len() == length, "it has not one scale for each index of axis {axis}");
        return Ok((0..x.len()).map(|i| i / inner % length).collect());
    }
    let blocks = length.div_ceil(block);
    let mut shape = x.shape.clone();
    shape[axis] = blocks;
    ensure!(scale.shape == shape, "it has not one scale for each block of axis {axis}");
    let place = |i: usize| {
        let (outer, at, rest) = (i / inner / length, i / inner % length, i % inner);
        (outer * blocks + at / block) * inner + rest
    };
    Ok((0..x.len()).map(place).collect())
}

fn zero_points(call: &Call, index: usize, count: usize) -> Result<Vec<f32>> {
    let Some(zeros) = call.optional(index) else { return Ok(vec![0.0; count]) };
    ensure!(zeros.len() == count, "it has not one zero point for each scale");
    Ok(zeros.as_floats().into_owned())
}

/// The numbers of the type of the zero point at `index`.
fn range(call: &Call, index: usize) -> Result<RangeInclusive<f32>> {
    let declared = Some(call.int("output_dtype", 0) as i32).filter(|&data_type| data_type != 0);
    let given = call.types.get(index).copied().flatten();
    let data_type = given.or(declared).unwrap_or(DataType::Uint8 as i32);
    Ok(match DataType::try_from(data_type) {
        Ok(DataType::Uint8) => 0.0..=255.0,
        Ok(DataType::Int8) => -128.0..=127.0,
        Ok(DataType::Uint16) => 0.0..=65_535.0,
        Ok(DataType::Int16) => -32_768.0..=32_767.0,
        Ok(DataType::Uint4) => 0.0..=15.0,
        Ok(DataType::Int4) => -8.0..=7.0,
        _ => bail!("it rounds to ONNX's type {data_type}"),
    })
}
