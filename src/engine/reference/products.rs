//! Matrix products.

use anyhow::{Result, ensure};

use super::call::Call;
use super::quantization::{operand, quantized};
use super::tensor::{Tensor, broadcast, length_of, offsets};

pub(super) fn matmul(call: &Call) -> Result<Tensor> {
    product(call.input(0)?, call.input(1)?)
}

/// The product of integers without their zero points.
pub(super) fn matmul_integer(call: &Call) -> Result<Tensor> {
    product(&operand(call, 0, 2)?, &operand(call, 1, 3)?)
}

/// The product of quantized matrices, quantized.
pub(super) fn matmul_quantized(call: &Call) -> Result<Tensor> {
    let product = product(&operand(call, 0, 2)?, &operand(call, 3, 5)?)?;
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
            return Ok(x.clone());
        }
        let shape = vec![x.shape[1], x.shape[0]];
        let at = offsets(&shape, &[1, x.shape[1] as isize], 0)?;
        x.pick(shape, &at)
    };
    let y = product(&side(0, "transA")?, &side(1, "transB")?)?;
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
                let by = a[row * depth + k];
                let out = &mut out[row * columns..][..columns];
                out.iter_mut().zip(b).for_each(|(out, b)| *out += by * b);
            }
        }
    }
    let mut shape = batch;
    shape.extend((a.shape.len() > 1).then_some(rows));
    shape.extend((b.shape.len() > 1).then_some(columns));
    Tensor::floats(shape, out)
}
