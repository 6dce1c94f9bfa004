//! Tensors of the reference, and the arithmetic of shapes and indices.

use std::borrow::Cow;

use anyhow::{Context, Result, bail, ensure};

/// The maximum number of elements of a tensor. Those of a short text have far fewer.
const MAX_NUMBERS: usize = 1 << 28;

/// A tensor, row-major.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub shape: Vec<usize>,
    pub numbers: Numbers,
}

/// Floats of any width, and integers of up to 16 bits, are held as `f32`. Wider integers and booleans,
/// which are 0 and 1, are held as `i64`.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    Float(Vec<f32>),
    Integer(Vec<i64>),
}

impl Numbers {
    pub fn into_floats(self) -> Vec<f32> {
        match self {
            Numbers::Float(floats) => floats,
            Numbers::Integer(integers) => integers.into_iter().map(|i| i as f32).collect(),
        }
    }
}

impl Tensor {
    pub fn new(shape: Vec<usize>, numbers: Numbers) -> Result<Tensor> {
        let length = match &numbers {
            Numbers::Float(floats) => floats.len(),
            Numbers::Integer(integers) => integers.len(),
        };
        ensure!(length_of(&shape)? == length, "{length} numbers do not fill the shape {shape:?}");
        Ok(Tensor { shape, numbers })
    }

    pub fn floats(shape: Vec<usize>, floats: Vec<f32>) -> Result<Tensor> {
        Tensor::new(shape, Numbers::Float(floats))
    }

    pub fn integers(shape: Vec<usize>, integers: Vec<i64>) -> Result<Tensor> {
        Tensor::new(shape, Numbers::Integer(integers))
    }

    /// A tensor of one axis.
    pub fn row(integers: Vec<i64>) -> Result<Tensor> {
        Tensor::integers(vec![integers.len()], integers)
    }

    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_float(&self) -> bool {
        matches!(self.numbers, Numbers::Float(_))
    }

    pub fn as_floats(&self) -> Cow<'_, [f32]> {
        match &self.numbers {
            Numbers::Float(floats) => Cow::Borrowed(floats),
            Numbers::Integer(integers) => integers.iter().map(|&i| i as f32).collect(),
        }
    }

    pub fn as_integers(&self) -> Cow<'_, [i64]> {
        match &self.numbers {
            Numbers::Float(floats) => floats.iter().map(|&x| x as i64).collect(),
            Numbers::Integer(integers) => Cow::Borrowed(integers),
        }
    }

    /// The only number.
    pub fn integer(&self) -> Result<i64> {
        match self.as_integers()[..] {
            [integer] => Ok(integer),
            _ => bail!("{:?} is not the shape of one number", self.shape),
        }
    }

    /// An axis that may count from the end.
    pub fn axis(&self, axis: i64) -> Result<usize> {
        index(axis, self.shape.len())
    }

    /// The products of the sizes before an axis, on it and after it.
    pub fn around(&self, axis: usize) -> (usize, usize, usize) {
        let product = |sizes: &[usize]| sizes.iter().product();
        (product(&self.shape[..axis]), self.shape[axis], product(&self.shape[axis + 1..]))
    }

    /// A tensor of the numbers at `offsets`.
    pub fn pick(&self, shape: Vec<usize>, offsets: &[usize]) -> Result<Tensor> {
        fn at<T: Copy>(numbers: &[T], offsets: &[usize]) -> Option<Vec<T>> {
            offsets.iter().map(|&offset| numbers.get(offset).copied()).collect()
        }
        let picked = match &self.numbers {
            Numbers::Float(floats) => at(floats, offsets).map(Numbers::Float),
            Numbers::Integer(integers) => at(integers, offsets).map(Numbers::Integer),
        };
        Tensor::new(shape, picked.context("an index is outside its tensor")?)
    }

    /// The same numbers in another shape.
    pub fn reshaped(&self, shape: Vec<usize>) -> Result<Tensor> {
        Tensor::new(shape, self.numbers.clone())
    }

    /// The step of each axis between neighbours.
    pub fn strides(&self) -> Vec<isize> {
        strides(&self.shape)
    }

    /// The offset of the number for each index of a shape that this one is broadcast to.
    pub fn broadcast_offsets(&self, shape: &[usize]) -> Result<Vec<usize>> {
        let missing = shape.len().checked_sub(self.shape.len()).context("a shape is too long")?;
        let mut steps = vec![0; missing];
        for ((&size, step), &wanted) in self.shape.iter().zip(self.strides()).zip(&shape[missing..])
        {
            ensure!(size == wanted || size == 1, "{:?} is not broadcast to {shape:?}", self.shape);
            steps.push(if size == 1 { 0 } else { step });
        }
        offsets(shape, &steps, 0)
    }
}

/// The number of elements of a shape.
pub(super) fn length_of(shape: &[usize]) -> Result<usize> {
    let length = shape.iter().try_fold(1usize, |length, &size| length.checked_mul(size));
    length.filter(|&length| length <= MAX_NUMBERS).context("a value is too large")
}

/// A row-major step for each axis.
pub(super) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}

/// The offset for each index of `shape`, if a step along an axis is `steps[axis]`.
pub(super) fn offsets(shape: &[usize], steps: &[isize], start: isize) -> Result<Vec<usize>> {
    length_of(shape)?;
    let mut offsets = vec![start];
    for (&size, &step) in shape.iter().zip(steps) {
        let along = |&offset: &isize| (0..size as isize).map(move |i| offset + i * step);
        offsets = offsets.iter().flat_map(along).collect();
    }
    let offsets = offsets.into_iter().map(|offset| usize::try_from(offset).ok()).collect();
    Option::<Vec<usize>>::context(offsets, "an index is outside its tensor")
}

/// The shape that two shapes are broadcast to.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis])
    };
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (a, b) if a == b || b == 1 => Ok(a),
            (1, b) => Ok(b),
            _ => bail!("{a:?} and {b:?} do not fit each other"),
        })
        .collect()
}

/// An axis or an index that may count from the end.
pub(super) fn index(at: i64, length: usize) -> Result<usize> {
    let from_start = if at < 0 { at.saturating_add(length as i64) } else { at };
    let index = usize::try_from(from_start).ok().filter(|&at| at < length);
    index.with_context(|| format!("{at} is not one of {length} places"))
}
