//! Matrix products.

use std::borrow::Cow;

use anyhow::{Result, bail, ensure};

use super::call::Call;
use super::constants::{numbers, shape};
use super::quantization::{operand, quantized};
use super::tensor::{Tensor, broadcast, length_of, offsets};
use crate::engine::onnx::proto;

pub(super) fn matmul(call: &Call) -> Result<Tensor> {
    product(call.input(0)?, call.input(1)?)
}

/// The products of several tensors with one constant matrix, whose rows are decoded one at a time.
/// `zero_points` are those of all its numbers, or of its columns; there may be none.
pub(super) fn matmul_constant(
    factors: &[Cow<'_, Tensor>],
    matrix: &proto::Tensor,
    zero_points: &[f32],
) -> Result<Vec<Tensor>> {
    let [depth, columns] = shape(matrix)?[..] else { bail!("it multiplies no matrix") };
    ensure!([0, 1, columns].contains(&zero_points.len()), "its zero points do not fit its matrix");
    let mut rows = Vec::new();
    for factor in factors {
        ensure!(factor.shape.last() == Some(&depth), "{:?} does not fit {depth}", factor.shape);
        rows.extend_from_slice(&factor.as_floats());
    }
    let count = rows.len() / depth.max(1);
    let mut out = vec![0.0_f32; length_of(&[count, columns])?];
    for k in 0..depth {
        let mut row = numbers(matrix, k * columns..(k + 1) * columns)?.into_floats();
        match zero_points {
            [] => {}
            [zero_point] => row.iter_mut().for_each(|x| *x -= zero_point),
            _ => row.iter_mut().zip(zero_points).for_each(|(x, zero_point)| *x -= zero_point),
        }
        for (i, out) in out.chunks_exact_mut(columns.max(1)).enumerate() {
            add_scaled(out, rows[i * depth + k], &row);
        }
    }
    let mut out = out.into_iter();
    let part = |factor: &Cow<'_, Tensor>| {
        let mut shape = factor.shape.clone();
        shape.pop();
        shape.push(columns);
        Tensor::floats(shape.clone(), out.by_ref().take(length_of(&shape)?).collect())
    };
    factors.iter().map(part).collect()
}

fn add_scaled(out: &mut [f32], by: f32, row: &[f32]) {
    out.iter_mut().zip(row).for_each(|(out, x)| *out += by * x);
}

/// The product of integers without their zero points.
pub(super) fn matmul_integer(call: &Call) -> Result<Tensor> {
    product(operand(call, 0, 2)?.as_ref(), operand(call, 1, 3)?.as_ref())
}

/// The product of quantized matrices, quantized.
pub(super) fn matmul_quantized(call: &Call) -> Result<Tensor> {
    let product = product(operand(call, 0, 2)?.as_ref(), operand(call, 3, 5)?.as_ref())?;
    let [a, b, y] = [1, 4, 6].map(|i| call.input(i).map(|scale| scale.as_floats().into_owned()));
    let (a, b, y) = (a?, b?, y?);
    let fits = |scales: &[f32], each| [1, each].contains(&scales.len());
    let columns = product.shape.last().copied().unwrap_or(1);
    ensure!(
        [a.len(), y.len()] == [1, 1] && fits(&b, columns),
        "its scales do not fit its matrices"
    );
    let scaled = product.as_floats();
    let scaled = scaled.iter().enumerate().map(|(i, x)| x * (a[0] * b[i % b.len()] / y[0]));
    quantized(call, 7, &Tensor::floats(product.shape.clone(), scaled.collect())?)
}

/// `alpha * a * b + beta * c`, where `a` and `b` may be transposed.
pub(super) fn gemm(call: &Call) -> Result<Tensor> {
    let side = |index, name| {
        let x = call.input(index)?;
        ensure!(x.shape.len() == 2, "it multiplies no matrices");
        if call.int(name, 0) == 0 {
            return Ok(Cow::Borrowed(x));
        }
        let shape = vec![x.shape[1], x.shape[0]];
        let at = offsets(&shape, &[1, x.shape[1] as isize], 0)?;
        x.pick(shape, &at).map(Cow::Owned)
    };
    let y = product(side(0, "transA")?.as_ref(), side(1, "transB")?.as_ref())?;
    let (alpha, beta) = (call.float("alpha", 1.0), call.float("beta", 1.0));
    let mut numbers: Vec<f32> = y.as_floats().iter().map(|y| alpha * y).collect();
    if let Some(c) = call.optional(2) {
        let at = c.broadcast_offsets(&y.shape)?;
        let c = c.as_floats();
        numbers.iter_mut().zip(at).for_each(|(y, i)| *y += beta * c[i]);
    }
    Tensor::floats(y.shape, numbers)
}

/// The products of the matrices in the last two axes.
fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ensure!(!a.shape.is_empty() && !b.shape.is_empty(), "it multiplies no matrices");
    // A row on the left and a column on the right are matrices without an axis.
    let (mut left, mut right) = (a.shape.clone(), b.shape.clone());
    if a.shape.len() == 1 {
        left.insert(0, 1);
    }
    if b.shape.len() == 1 {
        right.push(1);
    }
    let (batch_a, batch_b) = (left[..left.len() - 2].to_vec(), right[..right.len() - 2].to_vec());
    let (rows, depth, columns) =
        (left[left.len() - 2], left[left.len() - 1], right[right.len() - 1]);
    ensure!(right[right.len() - 2] == depth, "{:?} and {:?} do not fit", a.shape, b.shape);
    let batch = broadcast(&batch_a, &batch_b)?;
    let matrices = |shape: Vec<usize>| -> Result<Vec<usize>> {
        let length = shape.iter().product();
        Tensor::integers(shape, vec![0; length])?.broadcast_offsets(&batch)
    };
    let (of_a, of_b) = (matrices(batch_a)?, matrices(batch_b)?);
    let (numbers_a, numbers_b) = (a.as_floats(), b.as_floats());
    let mut out = vec![0.0_f32; length_of(&[of_a.len(), rows, columns])?];
    for (i, (a, b)) in of_a.into_iter().zip(of_b).enumerate() {
        let a = &numbers_a[a * rows * depth..][..rows * depth];
        let b = &numbers_b[b * depth * columns..][..depth * columns];
        let out = &mut out[i * rows * columns..][..rows * columns];
        for k in 0..depth {
            let b = &b[k * columns..][..columns];
            for row in 0..rows {
                add_scaled(&mut out[row * columns..][..columns], a[row * depth + k], b);
            }
        }
    }
    let mut shape = batch;
    shape.extend((a.shape.len() > 1).then_some(rows));
    shape.extend((b.shape.len() > 1).then_some(columns));
    Tensor::floats(shape, out)
}
