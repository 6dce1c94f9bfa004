//! Constants of the graph, decoded when they are read.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use half::f16;

use super::tensor::{Numbers, Tensor, index, length_of};
use crate::engine::onnx::proto::{self, DataType};

pub(super) fn decode(tensor: &proto::Tensor) -> Result<Tensor> {
    let shape = shape(tensor)?;
    let length = length_of(&shape)?;
    Tensor::new(shape, numbers(tensor, 0..length)?)
}

/// `Gather` on the first axis of a constant.
pub(super) fn gather_rows(tensor: &proto::Tensor, rows: &Tensor) -> Result<Tensor> {
    let of_tensor = shape(tensor)?;
    let (&length, of_row) = of_tensor.split_first().context("it gathers from one number")?;
    let width = length_of(of_row)?;
    let (mut floats, mut integers) = (Vec::new(), Vec::new());
    for &row in rows.as_integers().iter() {
        let start = index(row, length)?.checked_mul(width).context("the table is too large")?;
        match numbers(tensor, start..start + width)? {
            Numbers::Float(row) => floats.extend(row),
            Numbers::Integer(row) => integers.extend(row),
        }
    }
    let shape = [&rows.shape[..], of_row].concat();
    match floats.is_empty() {
        true => Tensor::integers(shape, integers),
        false => Tensor::floats(shape, floats),
    }
}

pub(super) fn shape(tensor: &proto::Tensor) -> Result<Vec<usize>> {
    let sizes = tensor.dims.iter().map(|&size| usize::try_from(size));
    sizes.collect::<Result<_, _>>().context("a size is negative")
}

/// The numbers in a range of a constant.
pub(super) fn numbers(tensor: &proto::Tensor, range: Range<usize>) -> Result<Numbers> {
    let raw = &tensor.raw_data[..];
    let is_raw = !raw.is_empty();
    let data_type = DataType::try_from(tensor.data_type).ok();
    let data_type =
        data_type.with_context(|| format!("a constant is of ONNX's type {}", tensor.data_type))?;
    let count = range.len();
    let floats: Vec<f32> = match data_type {
        DataType::Int64 | DataType::Int32 | DataType::Bool => {
            let integers: Vec<i64> = match data_type {
                DataType::Int64 if is_raw => fixed(raw, range, i64::from_le_bytes),
                DataType::Int64 => part(&tensor.int64_data, range, |i| i),
                DataType::Int32 if is_raw => {
                    fixed(raw, range, |bytes| i32::from_le_bytes(bytes).into())
                }
                DataType::Bool if is_raw => fixed(raw, range, |[byte]| byte.into()),
                _ => part(&tensor.int32_data, range, i64::from),
            };
            ensure!(integers.len() == count, "constant {} is too short", tensor.name);
            return Ok(Numbers::Integer(integers));
        }
        DataType::Float if is_raw => fixed(raw, range, f32::from_le_bytes),
        DataType::Float => part(&tensor.float_data, range, |x| x),
        DataType::Double if is_raw => fixed(raw, range, |bytes| f64::from_le_bytes(bytes) as f32),
        DataType::Double => part(&tensor.double_data, range, |x| x as f32),
        DataType::Float16 if is_raw => {
            fixed(raw, range, |bytes| f16::from_le_bytes(bytes).to_f32())
        }
        DataType::Float16 => {
            part(&tensor.int32_data, range, |bits| f16::from_bits(bits as u16).to_f32())
        }
        DataType::Int8 if is_raw => fixed(raw, range, |bytes| i8::from_le_bytes(bytes).into()),
        DataType::Uint8 if is_raw => fixed(raw, range, |[byte]| byte.into()),
        DataType::Int16 if is_raw => fixed(raw, range, |bytes| i16::from_le_bytes(bytes).into()),
        DataType::Uint16 if is_raw => fixed(raw, range, |bytes| u16::from_le_bytes(bytes).into()),
        DataType::Int8 | DataType::Uint8 | DataType::Int16 | DataType::Uint16 => {
            part(&tensor.int32_data, range, |i| i as f32)
        }
        DataType::Int4 | DataType::Uint4 => {
            let half = |i: usize| {
                let byte = match is_raw {
                    true => raw.get(i / 2).copied()?,
                    false => *tensor.int32_data.get(i / 2)? as u8,
                };
                let half = if i.is_multiple_of(2) { byte & 15 } else { byte >> 4 };
                let wraps = data_type == DataType::Int4 && half > 7;
                Some(f32::from(half) - if wraps { 16.0 } else { 0.0 })
            };
            range.map_while(half).collect()
        }
        DataType::Undefined => bail!("a constant has no type"),
    };
    ensure!(floats.len() == count, "constant {} is too short", tensor.name);
    Ok(Numbers::Float(floats))
}

/// Numbers of a fixed width, as many of the range as there are.
fn fixed<const BYTES: usize, T>(
    raw: &[u8],
    range: Range<usize>,
    number: impl Fn([u8; BYTES]) -> T,
) -> Vec<T> {
    part(raw.as_chunks().0, range, number)
}

fn part<S: Copy, T>(stored: &[S], range: Range<usize>, number: impl Fn(S) -> T) -> Vec<T> {
    stored.get(range).unwrap_or_default().iter().map(|&stored| number(stored)).collect()
}
