//! Operators that move numbers, and those that make shapes and ranges.

use anyhow::{Context, Result, bail, ensure};

use super::call::Call;
use super::tensor::{Numbers, Tensor, broadcast, index, length_of, offsets, strides};

/// A size of 0 keeps the old one unless `allowzero` is set, and -1 is what the others leave.
pub(super) fn reshape(call: &Call) -> Result<Tensor> {
    let (x, sizes) = (call.input(0)?, call.input(1)?.as_integers());
    let keeps = call.int("allowzero", 0) == 0;
    let mut shape = Vec::new();
    for (axis, &size) in sizes.iter().enumerate() {
        shape.push(match size {
            0 if keeps => *x.shape.get(axis).context("a size of 0 has no axis")?,
            -1 => 1,
            size => usize::try_from(size)?,
        });
    }
    if let Some(open) = sizes.iter().position(|&size| size == -1) {
        shape[open] = x.len().checked_div(length_of(&shape)?).context("a size is open")?;
    }
    x.reshaped(shape)
}

pub(super) fn flatten(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let axis = call.int("axis", 1);
    let axis = if axis == x.shape.len() as i64 { axis as usize } else { x.axis(axis)? };
    let (rows, columns) = x.shape.split_at(axis);
    x.reshaped(vec![rows.iter().product(), columns.iter().product()])
}

pub(super) fn squeeze(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let axes = match call.integers("axes", 1) {
        Some(axes) => axes.into_iter().map(|axis| x.axis(axis)).collect::<Result<Vec<_>>>()?,
        None => (0..x.shape.len()).filter(|&axis| x.shape[axis] == 1).collect(),
    };
    ensure!(axes.iter().all(|&axis| x.shape[axis] == 1), "an axis is not of size 1");
    let kept = x.shape.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
    x.reshaped(kept.map(|(_, &size)| size).collect())
}

pub(super) fn unsqueeze(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let axes = call.integers("axes", 1).context("it has no axes")?;
    let rank = x.shape.len() + axes.len();
    let axes = axes.into_iter().map(|axis| index(axis, rank)).collect::<Result<Vec<_>>>()?;
    let mut sizes = x.shape.iter().copied();
    let size = |axis| if axes.contains(&axis) { Some(1) } else { sizes.next() };
    let shape = (0..rank).map(size).collect::<Option<_>>();
    x.reshaped(shape.context("an axis is given twice")?)
}

pub(super) fn transpose(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let order = match call.attribute("perm") {
        Some(order) => order.ints.iter().map(|&axis| x.axis(axis)).collect::<Result<Vec<_>>>()?,
        None => (0..x.shape.len()).rev().collect(),
    };
    let strides = x.strides();
    let shape: Vec<usize> = order.iter().map(|&axis| x.shape[axis]).collect();
    let steps: Vec<isize> = order.iter().map(|&axis| strides[axis]).collect();
    x.pick(shape.clone(), &offsets(&shape, &steps, 0)?)
}

pub(super) fn expand(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let shape = broadcast(&x.shape, &sizes(call.input(1)?)?)?;
    let at = x.broadcast_offsets(&shape)?;
    x.pick(shape, &at)
}

pub(super) fn tile(call: &Call) -> Result<Tensor> {
    let (x, repeats) = (call.input(0)?, sizes(call.input(1)?)?);
    ensure!(repeats.len() == x.shape.len(), "it has not one number of repeats for each axis");
    // Each axis becomes two: which copy, and where in it.
    let pairs = repeats.iter().zip(&x.shape).flat_map(|(&n, &size)| [n, size]);
    let steps = x.strides().into_iter().flat_map(|step| [0, step]);
    let at = offsets(&pairs.collect::<Vec<_>>(), &steps.collect::<Vec<_>>(), 0)?;
    let shape = x.shape.iter().zip(&repeats).map(|(size, n)| size * n).collect();
    x.pick(shape, &at)
}

/// Starts, ends, axes and steps, which are inputs since opset 10.
pub(super) fn slice(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let starts = call.integers("starts", 1).context("it has no starts")?;
    let ends = call.integers("ends", 2).context("it has no ends")?;
    let axes = call.integers("axes", 3).unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.integers("steps", 4).unwrap_or_else(|| vec![1; starts.len()]);
    ensure!(
        [ends.len(), axes.len(), steps.len()] == [starts.len(); 3],
        "it has not one start, end and step for each axis"
    );
    let (mut shape, mut strides, mut first) = (x.shape.clone(), x.strides(), 0);
    for (((&start, &end), axis), &step) in starts.iter().zip(&ends).zip(axes).zip(&steps) {
        let axis = x.axis(axis)?;
        let length = x.shape[axis] as i64;
        let from_start = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        let (start, end) = (from_start(start), from_start(end));
        let (start, count) = match step {
            1.. => {
                let (start, end) = (start.clamp(0, length), end.clamp(0, length));
                (start, (end - start).max(0).div_ceil_by(step))
            }
            0 => bail!("its step is 0"),
            _ => {
                let (start, end) = (start.clamp(-1, length - 1), end.clamp(-1, length - 1));
                (start, (start - end).max(0).div_ceil_by(step.saturating_neg()))
            }
        };
        shape[axis] = usize::try_from(count)?;
        if count > 0 {
            first += start as isize * strides[axis];
        }
        // A step beyond the axis is not taken twice.
        strides[axis] = strides[axis].saturating_mul(step.clamp(-length, length) as isize);
    }
    x.pick(shape.clone(), &offsets(&shape, &strides, first)?)
}

trait DivCeil {
    fn div_ceil_by(self, by: i64) -> i64;
}

impl DivCeil for i64 {
    /// The quotient of two positive numbers, rounded up.
    fn div_ceil_by(self, by: i64) -> i64 {
        self / by + i64::from(self % by != 0)
    }
}

pub(super) fn concat(call: &Call) -> Result<Tensor> {
    let first = call.input(0)?;
    let axis = first.axis(call.int("axis", 0))?;
    let parts = (0..call.inputs.len()).map(|i| call.input(i)).collect::<Result<Vec<_>>>()?;
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    for part in &parts {
        let other_axes = |shape: &[usize]| [&shape[..axis], &shape[axis + 1..]].concat();
        ensure!(
            part.shape.len() == shape.len() && other_axes(&part.shape) == other_axes(&shape),
            "its parts do not fit each other"
        );
        shape[axis] += part.shape[axis];
    }
    let (outer, ..) = first.around(axis);
    // The parts one after another are one tensor, of which each block is picked in its place.
    let float = parts.iter().any(|part| part.is_float());
    let numbers = match float {
        true => Numbers::Float(parts.iter().flat_map(|p| p.as_floats().into_owned()).collect()),
        false => {
            Numbers::Integer(parts.iter().flat_map(|p| p.as_integers().into_owned()).collect())
        }
    };
    let mut at = Vec::new();
    for row in 0..outer {
        let mut start = 0;
        for part in &parts {
            let block = part.len() / outer;
            at.extend(start + row * block..start + (row + 1) * block);
            start += part.len();
        }
    }
    let length = parts.iter().map(|part| part.len()).sum();
    Tensor::new(vec![length], numbers)?.pick(shape, &at)
}

/// Parts of equal size, or of the sizes that are given.
pub(super) fn split(call: &Call) -> Result<Vec<Tensor>> {
    let x = call.input(0)?;
    let axis = x.axis(call.int("axis", 0))?;
    let (outer, length, inner) = x.around(axis);
    let sizes = match call.integers("split", 1) {
        Some(sizes) => sizes.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>()?,
        None => {
            let each = length.div_ceil(call.node.output.len().max(1));
            let starts = (0..call.node.output.len()).map(|part| part * each);
            starts.map(|start| each.min(length.saturating_sub(start))).collect()
        }
    };
    let mut start = 0;
    let mut parts = Vec::new();
    for size in sizes {
        ensure!(size <= length, "a part is larger than the whole");
        let mut shape = x.shape.clone();
        shape[axis] = size;
        let row =
            |row: usize| (row * length + start) * inner..(row * length + start + size) * inner;
        parts.push(x.pick(shape, &(0..outer).flat_map(row).collect::<Vec<_>>())?);
        start += size;
    }
    ensure!(start == length, "its parts are not the whole");
    Ok(parts)
}

pub(super) fn shape(call: &Call) -> Result<Tensor> {
    let shape = &call.input(0)?.shape;
    let offset = |at: i64| {
        let length = shape.len() as i64;
        (if at < 0 { at.saturating_add(length) } else { at }).clamp(0, length) as usize
    };
    let (start, end) = (offset(call.int("start", 0)), offset(call.int("end", i64::MAX)));
    let part = shape.get(start..end).unwrap_or_default();
    Tensor::row(part.iter().map(|&size| size as i64).collect())
}

pub(super) fn range(call: &Call) -> Result<Tensor> {
    let (start, limit, step) = (call.input(0)?, call.input(1)?, call.input(2)?);
    if start.is_float() || limit.is_float() || step.is_float() {
        let number = |x: &Tensor| x.as_floats().first().copied().context("it has an empty limit");
        let (start, limit, step) = (number(start)?, number(limit)?, number(step)?);
        let length = ((limit - start) / step).ceil().max(0.0) as usize;
        length_of(&[length])?;
        return Tensor::floats(
            vec![length],
            (0..length).map(|i| start + i as f32 * step).collect(),
        );
    }
    let (start, limit, step) = (start.integer()?, limit.integer()?, step.integer()?);
    let length = match step {
        0 => bail!("its step is 0"),
        1.. => limit.saturating_sub(start).max(0).div_ceil_by(step),
        _ => start.saturating_sub(limit).max(0).div_ceil_by(step.saturating_neg()),
    };
    length_of(&[usize::try_from(length)?])?;
    Tensor::row((0..length).map(|i| start + i * step).collect())
}

pub(super) fn filled(call: &Call, value: Option<Tensor>) -> Result<Tensor> {
    let shape = sizes(call.input(0)?)?;
    let value = value.map_or_else(|| Tensor::floats(vec![1], vec![0.0]), Ok)?;
    let length = length_of(&shape)?;
    value.pick(shape, &vec![0; length])
}

/// The numbers on one side of a diagonal; the others become 0.
pub(super) fn triangle(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let [.., rows, columns] = x.shape[..] else { bail!("it has no rows") };
    let diagonal = call.optional(1).map_or(Ok(0), Tensor::integer)?;
    let upper = call.int("upper", 1) != 0;
    let kept = |i: usize| {
        let (row, column) = ((i / columns % rows) as i64, (i % columns) as i64);
        let over = column - row - diagonal;
        if upper { over >= 0 } else { over <= 0 }
    };
    let numbers = match &x.numbers {
        Numbers::Float(x) => Numbers::Float(
            x.iter().enumerate().map(|(i, &x)| if kept(i) { x } else { 0.0 }).collect(),
        ),
        Numbers::Integer(x) => Numbers::Integer(
            x.iter().enumerate().map(|(i, &x)| if kept(i) { x } else { 0 }).collect(),
        ),
    };
    Tensor::new(x.shape.clone(), numbers)
}

/// The parts of an axis at indices, which take the place of the axis.
pub(super) fn gather(call: &Call) -> Result<Tensor> {
    let (x, at) = (call.input(0)?, call.input(1)?);
    let axis = x.axis(call.int("axis", 0))?;
    let (outer, length, inner) = x.around(axis);
    let shape = [&x.shape[..axis], &at.shape, &x.shape[axis + 1..]].concat();
    let rows = at.as_integers().iter().map(|&i| index(i, length)).collect::<Result<Vec<_>>>()?;
    let row = |i| rows.iter().map(move |&row| (i * length + row) * inner);
    let starts: Vec<usize> = (0..outer).flat_map(row).collect();
    x.pick(shape, &starts.into_iter().flat_map(|s| s..s + inner).collect::<Vec<_>>())
}

/// The number of the same index, except on one axis.
pub(super) fn gather_elements(call: &Call) -> Result<Tensor> {
    let (x, at) = (call.input(0)?, call.input(1)?);
    x.pick(at.shape.clone(), &element_places(call, x, at)?)
}

/// The parts at the indices in the last axis.
pub(super) fn gather_nd(call: &Call) -> Result<Tensor> {
    let (x, at) = (call.input(0)?, call.input(1)?);
    let batch = usize::try_from(call.int("batch_dims", 0))?;
    let parts = Parts::new(x, at, batch)?;
    let shape = [&at.shape[..at.shape.len() - 1], &x.shape[batch + parts.depth..]].concat();
    let starts = parts.starts(x, at)?;
    x.pick(shape, &starts.into_iter().flat_map(|s| s..s + parts.length).collect::<Vec<_>>())
}

/// The parts at the indices in the last axis, replaced by others.
pub(super) fn scatter_nd(call: &Call) -> Result<Tensor> {
    let (x, at, updates) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let reduction = call.attribute("reduction").map_or(&b"none"[..], |a| &a.s);
    ensure!(reduction == b"none", "it combines numbers");
    let parts = Parts::new(x, at, 0)?;
    let starts = parts.starts(x, at)?;
    ensure!(updates.len() == starts.len() * parts.length, "its updates do not fit its indices");
    let places = starts.into_iter().flat_map(|s| s..s + parts.length);
    replaced(x, places, updates)
}

/// The numbers at the same index, except on one axis, replaced by others.
pub(super) fn scatter_elements(call: &Call) -> Result<Tensor> {
    let (x, at, updates) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let reduction = call.attribute("reduction").map_or(&b"none"[..], |a| &a.s);
    ensure!(reduction == b"none", "it combines numbers");
    ensure!(at.shape == updates.shape, "its updates do not fit its indices");
    replaced(x, element_places(call, x, at)?.into_iter(), updates)
}

/// The places of the same index, except on one axis.
fn element_places(call: &Call, x: &Tensor, at: &Tensor) -> Result<Vec<usize>> {
    let axis = x.axis(call.int("axis", 0))?;
    ensure!(at.shape.len() == x.shape.len(), "its indices have other axes");
    let mut steps = x.strides();
    let step = std::mem::take(&mut steps[axis]) as usize;
    let indices = at.as_integers();
    let starts = offsets(&at.shape, &steps, 0)?.into_iter();
    let place = |(start, &i)| Ok(start + index(i, x.shape[axis])? * step);
    starts.zip(indices.iter()).map(place).collect()
}

fn replaced(x: &Tensor, places: impl Iterator<Item = usize>, by: &Tensor) -> Result<Tensor> {
    fn put<T: Copy>(
        numbers: &mut [T],
        places: impl Iterator<Item = usize>,
        by: &[T],
    ) -> Result<()> {
        for (place, &number) in places.zip(by) {
            *numbers.get_mut(place).context("an index is outside its tensor")? = number;
        }
        Ok(())
    }
    let mut x = x.clone();
    match &mut x.numbers {
        Numbers::Float(floats) => put(floats, places, &by.as_floats())?,
        Numbers::Integer(integers) => put(integers, places, &by.as_integers())?,
    }
    Ok(x)
}

/// What the indices of `GatherND` and `ScatterND` stand for.
struct Parts {
    batch: usize,
    /// The number of axes that an index names.
    depth: usize,
    /// The number of elements of a part.
    length: usize,
}

impl Parts {
    fn new(x: &Tensor, at: &Tensor, batch: usize) -> Result<Parts> {
        let depth = *at.shape.last().context("it has no indices")?;
        let rest = x.shape.get(batch + depth..).context("its indices are too long")?;
        Ok(Parts { batch, depth, length: rest.iter().product() })
    }

    fn starts(&self, x: &Tensor, at: &Tensor) -> Result<Vec<usize>> {
        let Parts { batch, depth, .. } = *self;
        let strides = strides(&x.shape);
        let batches: usize = x.shape[..batch].iter().product();
        let of_batch: usize = x.shape[batch..].iter().product();
        let at_integers = at.as_integers();
        let count = at_integers.len() / depth.max(1);
        let each = (count / batches.max(1)).max(1);
        let start = |(i, indices): (usize, &[i64])| {
            let mut start = i / each * of_batch;
            for (axis, &at) in indices.iter().enumerate() {
                let axis = batch + axis;
                start += index(at, x.shape[axis])? * strides[axis] as usize;
            }
            Ok(start)
        };
        at_integers.chunks_exact(depth.max(1)).enumerate().map(start).collect()
    }
}

/// Numbers that are sizes.
fn sizes(tensor: &Tensor) -> Result<Vec<usize>> {
    let sizes = tensor.as_integers();
    sizes.iter().map(|&size| usize::try_from(size).context("a size is negative")).collect()
}
