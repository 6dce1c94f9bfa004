//! Operators that combine the numbers along axes.

use anyhow::{Context, Result, bail, ensure};

use super::call::Call;
use super::tensor::{Tensor, offsets, strides};

/// `ReduceMean` and its like. `None` if the operator is not one.
pub(super) fn reduce(call: &Call) -> Result<Option<Tensor>> {
    let combine: fn(&[f64]) -> f64 = match call.node.op_type.as_str() {
        "ReduceMean" => |x| x.iter().sum::<f64>() / x.len() as f64,
        "ReduceSum" => |x| x.iter().sum(),
        "ReduceMax" => |x| x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "ReduceMin" => |x| x.iter().copied().fold(f64::INFINITY, f64::min),
        "ReduceProd" => |x| x.iter().product(),
        "ReduceL2" => |x| x.iter().map(|x| x * x).sum::<f64>().sqrt(),
        "ReduceSumSquare" => |x| x.iter().map(|x| x * x).sum(),
        _ => return Ok(None),
    };
    let x = call.input(0)?;
    let axes = call.integers("axes", 1).filter(|axes| !axes.is_empty());
    let axes = match axes {
        Some(axes) => axes.into_iter().map(|axis| x.axis(axis)).collect::<Result<Vec<_>>>()?,
        None if call.int("noop_with_empty_axes", 0) != 0 => return Ok(Some(x.clone())),
        None => (0..x.shape.len()).collect(),
    };
    let steps = strides(&x.shape);
    let part = |reduced: bool| -> (Vec<usize>, Vec<isize>) {
        let axes = (0..x.shape.len()).filter(|axis| axes.contains(axis) == reduced);
        axes.map(|axis| (x.shape[axis], steps[axis])).unzip()
    };
    let ((kept, kept_steps), (gone, gone_steps)) = (part(false), part(true));
    let within = offsets(&gone, &gone_steps, 0)?;
    let numbers = x.as_floats();
    let mut values = vec![0.0; within.len()];
    let combined: Vec<f32> = offsets(&kept, &kept_steps, 0)?
        .into_iter()
        .map(|start| {
            let from = within.iter().map(|offset| f64::from(numbers[start + offset]));
            values.iter_mut().zip(from).for_each(|(value, number)| *value = number);
            combine(&values) as f32
        })
        .collect();
    let shape = match call.int("keepdims", 1) {
        0 => kept,
        _ => {
            let size = |(axis, &size): (usize, &usize)| if axes.contains(&axis) { 1 } else { size };
            x.shape.iter().enumerate().map(size).collect()
        }
    };
    if x.is_float() {
        return Tensor::floats(shape, combined).map(Some);
    }
    Tensor::integers(shape, combined.into_iter().map(|x| x as i64).collect()).map(Some)
}

/// Before opset 13, the axis and all after it are one.
pub(super) fn softmax(call: &Call) -> Result<Tensor> {
    let old = call.opset < 13;
    let x = call.input(0)?;
    let axis = x.axis(call.int("axis", if old { 1 } else { -1 }))?;
    let (outer, mut length, mut inner) = x.around(axis);
    if old {
        (length, inner) = (length * inner, 1);
    }
    let numbers = x.as_floats();
    let mut out = vec![0.0; numbers.len()];
    let logarithm = call.node.op_type == "LogSoftmax";
    for i in 0..outer * inner {
        let at = |k: usize| (i / inner * length + k) * inner + i % inner;
        let largest = (0..length).map(|k| numbers[at(k)]).fold(f32::NEG_INFINITY, f32::max);
        let power = |k: usize| f64::from(numbers[at(k)] - largest).exp();
        let sum: f64 = (0..length).map(power).sum();
        for k in 0..length {
            out[at(k)] = match logarithm {
                true => (f64::from(numbers[at(k)] - largest) - sum.ln()) as f32,
                false => (power(k) / sum) as f32,
            };
        }
    }
    Tensor::floats(x.shape.clone(), out)
}

/// Normalizes over the axes from one on. `RMSNormalization` does not subtract the mean.
pub(super) fn normalize(call: &Call) -> Result<Tensor> {
    ensure!(call.node.output.len() == 1, "it gives more than the normalized numbers");
    let (x, scale) = (call.input(0)?, call.input(1)?);
    let axis = x.axis(call.int("axis", -1))?;
    let length: usize = x.shape[axis..].iter().product();
    let epsilon = f64::from(call.float("epsilon", 1e-5));
    let of_row = |tensor: &Tensor| -> Result<Vec<f32>> {
        let at = tensor.broadcast_offsets(&x.shape[axis..])?;
        let numbers = tensor.as_floats();
        Ok(at.into_iter().map(|i| numbers[i]).collect())
    };
    let scale = of_row(scale)?;
    let bias = call.optional(2).map_or_else(|| Ok(vec![0.0; length]), of_row)?;
    let centres = call.node.op_type == "LayerNormalization";
    let mut out = Vec::with_capacity(x.len());
    for row in x.as_floats().chunks_exact(length.max(1)) {
        let mean_of = |f: &dyn Fn(f64) -> f64| {
            row.iter().map(|&x| f(x.into())).sum::<f64>() / row.len() as f64
        };
        let mean = if centres { mean_of(&|x| x) } else { 0.0 };
        let deviation = (mean_of(&|x| (x - mean) * (x - mean)) + epsilon).sqrt();
        out.extend(
            row.iter().zip(scale.iter().zip(&bias)).map(|(&x, (scale, bias))| {
                ((f64::from(x) - mean) / deviation) as f32 * scale + bias
            }),
        );
    }
    Tensor::floats(x.shape.clone(), out)
}

pub(super) fn cumulative_sum(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    if call.int("exclusive", 0) != 0 || call.int("reverse", 0) != 0 {
        bail!("it sums in another order");
    }
    let (_, length, inner) = x.around(x.axis(call.input(1)?.integer()?)?);
    let mut sums: Vec<f64> = x.as_floats().iter().map(|&x| x.into()).collect();
    for i in inner..sums.len() {
        if i / inner % length != 0 {
            sums[i] += sums[i - inner];
        }
    }
    if x.is_float() {
        return Tensor::floats(x.shape.clone(), sums.into_iter().map(|x| x as f32).collect());
    }
    Tensor::integers(x.shape.clone(), sums.into_iter().map(|x| x as i64).collect())
}

/// The index of the largest number along an axis, or of the smallest.
pub(super) fn best_index(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let axis = x.axis(call.int("axis", 0))?;
    ensure!(call.int("select_last_index", 0) == 0, "it selects the last index");
    let sign = if call.node.op_type == "ArgMin" { -1.0 } else { 1.0 };
    let (outer, length, inner) = x.around(axis);
    let numbers = x.as_floats();
    let best = |i: usize| {
        let value = |k: usize| sign * numbers[(i / inner * length + k) * inner + i % inner];
        (0..length).reduce(|best, k| if value(k) > value(best) { k } else { best })
    };
    let best = (0..outer * inner).map(|i| best(i).map(|k| k as i64)).collect::<Option<_>>();
    let mut shape = x.shape.clone();
    match call.int("keepdims", 1) {
        0 => drop(shape.remove(axis)),
        _ => shape[axis] = 1,
    }
    Tensor::integers(shape, best.context("its axis is empty")?)
}
