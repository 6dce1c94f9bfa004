//! Quantized numbers, held as floats.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use anyhow::{Result, bail, ensure};

use super::call::Call;
use super::tensor::Tensor;
use crate::engine::onnx::proto::DataType;

/// `saturate(round(x / scale) + zero_point)`.
pub(super) fn quantize(call: &Call) -> Result<Tensor> {
    let range = range(call, 2)?;
    with_parameters(call, |x, scale, zero_point| round(x / scale, zero_point, &range))
}

/// `(x - zero_point) * scale`.
pub(super) fn dequantize(call: &Call) -> Result<Tensor> {
    with_parameters(call, |x, scale, zero_point| (x - zero_point) * scale)
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
    let range = range(call, index)?;
    let zero_point = match call.optional(index).map(|zeros| zeros.as_floats().into_owned()) {
        None => 0.0,
        Some(zeros) => match zeros[..] {
            [zero_point] => zero_point,
            _ => bail!("it has several zero points"),
        },
    };
    let floats = x.as_floats().iter().map(|&x| round(x, zero_point, &range)).collect();
    Tensor::floats(x.shape.clone(), floats)
}

/// A NaN becomes the lowest number, as in ONNX Runtime.
fn round(x: f32, zero_point: f32, range: &RangeInclusive<f32>) -> f32 {
    (x.round_ties_even() + zero_point).max(*range.start()).min(*range.end())
}

/// A factor of a product, without its zero point, which is the input at `zero_point`. Several zero
/// points are those of the columns.
pub(super) fn operand<'c>(
    call: &'c Call,
    index: usize,
    zero_point: usize,
) -> Result<Cow<'c, Tensor>> {
    let x = call.input(index)?;
    let zeros = match call.optional(zero_point) {
        Some(zeros) if zeros.as_floats().iter().any(|&zero| zero != 0.0) => zeros.as_floats(),
        _ => return Ok(Cow::Borrowed(x)),
    };
    let columns = x.shape.last().copied().unwrap_or(1).max(1);
    ensure!([1, columns].contains(&zeros.len()), "its zero points do not fit its matrix");
    let floats = x.as_floats();
    let floats = match zeros[..] {
        [zero] => floats.iter().map(|x| x - zero).collect(),
        _ => {
            let rows = floats.chunks(columns);
            rows.flat_map(|row| row.iter().zip(&zeros[..]).map(|(x, zero)| x - zero)).collect()
        }
    };
    Tensor::floats(x.shape.clone(), floats).map(Cow::Owned)
}

/// Applies `f` to each number of the first input, its scale and its zero point: the only ones, those of
/// its index on an axis, or those of its block.
fn with_parameters(call: &Call, f: impl Fn(f32, f32, f32) -> f32) -> Result<Tensor> {
    let (x, scale) = (call.input(0)?, call.input(1)?);
    let scales = scale.as_floats();
    let zeros = match call.optional(2) {
        Some(zeros) => zeros.as_floats(),
        None => vec![0.0; scales.len()].into(),
    };
    ensure!(zeros.len() == scales.len(), "it has not one zero point for each scale");
    let numbers = x.as_floats();
    let mut out = Vec::with_capacity(numbers.len());
    // `place` says which parameters a run of numbers has.
    let mut apply = |run: usize, place: &dyn Fn(usize) -> usize| {
        for (i, run) in numbers.chunks(run.max(1)).enumerate() {
            let (scale, zero_point) = (scales[place(i)], zeros[place(i)]);
            out.extend(run.iter().map(|&x| f(x, scale, zero_point)));
        }
    };
    if scales.len() == 1 {
        apply(numbers.len(), &|_| 0);
        return Tensor::floats(x.shape.clone(), out);
    }
    let axis = x.axis(call.int("axis", 1))?;
    let (_, length, inner) = x.around(axis);
    match usize::try_from(call.int("block_size", 0))? {
        0 => {
            ensure!(scales.len() == length, "it has not one scale for each index of axis {axis}");
            if inner == 1 {
                let parameters = || scales.iter().zip(zeros.iter());
                let row = |row: &'_ [f32]| -> Vec<f32> {
                    row.iter().zip(parameters()).map(|(&x, (&s, &z))| f(x, s, z)).collect()
                };
                let floats = numbers.chunks(length.max(1)).flat_map(row).collect();
                return Tensor::floats(x.shape.clone(), floats);
            }
            apply(inner, &|i| i % length);
        }
        block => {
            let blocks = length.div_ceil(block);
            let mut shape = x.shape.clone();
            shape[axis] = blocks;
            ensure!(scale.shape == shape, "it has not one scale for each block of axis {axis}");
            apply(1, &|i| {
                let (outer, at) = (i / inner / length, i / inner % length);
                (outer * blocks + at / block) * inner + i % inner
            });
        }
    }
    Tensor::floats(x.shape.clone(), out)
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
