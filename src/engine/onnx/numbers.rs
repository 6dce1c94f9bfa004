//! Small tensors, and the operators that shapes, positions and masks are computed with.
//!
//! An operator gives `None` if its inputs do not fit it, or if the result would be too large.

/// The maximum number of elements in a value. A sequence has far fewer.
pub(super) const MAX_NUMBERS: usize = 1 << 20;
/// The maximum number of axes of a value.
const MAX_AXES: usize = 8;

/// A tensor of integers or of floats.
#[derive(Clone)]
pub(super) struct Numbers {
    pub shape: Vec<usize>,
    /// Row-major. Floats are rounded to 32 bits.
    pub values: Vec<f64>,
    pub is_float: bool,
}

/// A tensor of one axis.
pub(super) fn row(values: impl IntoIterator<Item = f64>) -> Numbers {
    let values: Vec<f64> = values.into_iter().collect();
    Numbers { shape: vec![values.len()], values, is_float: false }
}

/// The count of numbers in a tensor. `None` if it is too large.
pub(super) fn length_of(shape: &[usize]) -> Option<usize> {
    let length = shape.iter().try_fold(1usize, |length, &n| length.checked_mul(n))?;
    // A size may exceed the product, if another one is 0.
    let largest = shape.iter().copied().fold(length, usize::max);
    (shape.len() <= MAX_AXES && largest <= MAX_NUMBERS).then_some(length)
}

/// A tensor of `shape` that is filled with one number.
pub(super) fn filled(shape: &Numbers, value: f64, is_float: bool) -> Option<Numbers> {
    let sizes = shape.integers().into_iter();
    let shape = sizes.map(|n| n.try_into().ok()).collect::<Option<Vec<usize>>>()?;
    let length = length_of(&shape)?;
    Some(Numbers { values: vec![value; length], shape, is_float })
}

/// An offset that may count from the end, as one within `0..=length`.
pub(super) fn offset(at: i64, length: usize) -> usize {
    let length = length as i64;
    (if at < 0 { at.saturating_add(length) } else { at }).clamp(0, length) as usize
}

/// An axis or an index that may count from the end.
fn index(at: i64, length: usize) -> Option<usize> {
    let from_start = if at < 0 { at.checked_add(length as i64)? } else { at };
    usize::try_from(from_start).ok().filter(|&at| at < length)
}

/// `f` of the numbers at each index. An axis of size 1, or a missing one, repeats its number.
pub(super) fn broadcast<const N: usize>(
    parts: [&Numbers; N],
    f: impl Fn([f64; N]) -> f64,
) -> Option<Numbers> {
    let is_float = parts.iter().any(|part| part.is_float);
    let rank = parts.iter().map(|part| part.shape.len()).max()?;
    let size = |part: &Numbers, axis: usize| {
        (axis + part.shape.len()).checked_sub(rank).map_or(1, |axis| part.shape[axis])
    };
    let shape: Option<Vec<usize>> = (0..rank)
        .map(|axis| {
            let sizes = parts.map(|part| size(part, axis));
            let size = sizes.into_iter().find(|&size| size != 1).unwrap_or(1);
            sizes.iter().all(|&other| other == size || other == 1).then_some(size)
        })
        .collect();
    let shape = shape?;
    let length = length_of(&shape)?;
    let round = |number: f64| if is_float { f64::from(number as f32) } else { number };
    let is_plain = |part: &&Numbers| part.shape == shape || part.values.len() == 1;
    if parts.iter().all(is_plain) {
        let at =
            |part: &Numbers, index| part.values[if part.values.len() == 1 { 0 } else { index }];
        let values = (0..length).map(|index| round(f(parts.map(|part| at(part, index))))).collect();
        return Some(Numbers { shape, values, is_float });
    }
    let value = |mut index: usize| {
        let (mut offsets, mut strides) = ([0; N], [1; N]);
        for axis in (0..rank).rev() {
            let along = index % shape[axis];
            index /= shape[axis];
            for (part, (offset, stride)) in parts.iter().zip(offsets.iter_mut().zip(&mut strides)) {
                let size = size(part, axis);
                *offset += *stride * if size == 1 { 0 } else { along };
                *stride *= size;
            }
        }
        round(f(std::array::from_fn(|i| parts[i].values[offsets[i]])))
    };
    Some(Numbers { values: (0..length).map(value).collect(), shape, is_float })
}

pub(super) fn concat(tensors: &[&Numbers], axis: i64) -> Option<Numbers> {
    let first = tensors.first()?;
    let axis = index(axis, first.shape.len())?;
    let mut shape = first.shape.clone();
    shape[axis] = tensors.iter().map(|tensor| tensor.shape.get(axis)).sum::<Option<usize>>()?;
    length_of(&shape)?;
    let (outer, ..) = first.around(axis);
    let values = (0..outer).flat_map(|i| {
        tensors.iter().flat_map(move |tensor| {
            let block = tensor.values.len() / outer.max(1);
            &tensor.values[i * block..(i + 1) * block]
        })
    });
    Some(Numbers { values: values.copied().collect(), shape, is_float: first.is_float })
}

impl Numbers {
    /// The values as sizes, axes or indices.
    pub fn integers(&self) -> Vec<i64> {
        self.values.iter().map(|&value| value as i64).collect()
    }

    /// `f` of each number.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Numbers {
        let round = |number: f64| if self.is_float { f64::from(number as f32) } else { number };
        let values = self.values.iter().map(|&number| round(f(number))).collect();
        Numbers { values, ..self.clone() }
    }

    /// The same numbers in another shape.
    fn shaped(&self, shape: Vec<usize>) -> Numbers {
        Numbers { shape, ..self.clone() }
    }

    /// The products of the sizes before an axis, on it and after it.
    fn around(&self, axis: usize) -> (usize, usize, usize) {
        let product = |sizes: &[usize]| sizes.iter().product();
        (product(&self.shape[..axis]), self.shape[axis], product(&self.shape[axis + 1..]))
    }

    /// The parts of an axis at `indices`. In the result, `sizes` takes the place of the axis.
    fn take(&self, axis: usize, indices: &[usize], sizes: &[usize]) -> Option<Numbers> {
        let shape = [&self.shape[..axis], sizes, &self.shape[axis + 1..]].concat();
        length_of(&shape)?;
        let (outer, length, inner) = self.around(axis);
        let mut values = Vec::new();
        for i in 0..outer {
            for &index in indices {
                values.extend(&self.values[(i * length + index) * inner..][..inner]);
            }
        }
        Some(Numbers { shape, values, is_float: self.is_float })
    }

    pub fn gather(&self, indices: &Numbers, axis: i64) -> Option<Numbers> {
        let axis = index(axis, self.shape.len())?;
        let rows = indices.integers().into_iter().map(|at| index(at, self.shape[axis]));
        self.take(axis, &rows.collect::<Option<Vec<_>>>()?, &indices.shape)
    }

    /// `GatherElements` of `[rows, columns]` along the columns. Exports look up token types like this.
    pub fn gather_elements(&self, indices: &Numbers, axis: i64) -> Option<Numbers> {
        let (&[rows, columns], &[wanted, each]) = (&self.shape[..], &indices.shape[..]) else {
            return None;
        };
        if index(axis, 2)? != 1 || wanted > rows {
            return None;
        }
        let value =
            |(i, at): (usize, i64)| Some(self.values[i / each * columns + index(at, columns)?]);
        let at = indices.integers().into_iter().enumerate();
        let values = at.map(value).collect::<Option<_>>()?;
        Some(Numbers { shape: indices.shape.clone(), values, is_float: self.is_float })
    }

    /// `GatherND` without batch axes: `indices`, `[..., axes]`, name the first axes.
    pub fn gather_nd(&self, indices: &Numbers) -> Option<Numbers> {
        let (&axes, shape) = indices.shape.split_last()?;
        let (named, inner) = self.shape.split_at_checked(axes)?;
        let block: usize = inner.iter().product();
        let shape = [shape, inner].concat();
        length_of(&shape)?;
        let mut values = Vec::new();
        for at in indices.integers().chunks(axes.max(1)) {
            let start = at
                .iter()
                .zip(named)
                .try_fold(0, |start, (&at, &length)| Some(start * length + index(at, length)?))?;
            values.extend(&self.values[start * block..][..block]);
        }
        Some(Numbers { shape, values, is_float: self.is_float })
    }

    pub fn transpose(&self, axes: &[i64]) -> Option<Numbers> {
        let rank = self.shape.len();
        let axes = axes.iter().map(|&axis| index(axis, rank)).collect::<Option<Vec<_>>>()?;
        let all = (0..rank).all(|axis| axes.contains(&axis));
        let shape: Vec<usize> = axes.iter().map(|&axis| self.shape[axis]).collect();
        let stride = |axis: usize| self.shape[axis + 1..].iter().product::<usize>();
        let value = |mut index: usize| {
            let along = axes.iter().zip(&shape).rev().map(|(&axis, &length)| {
                let along = index % length;
                index /= length;
                along * stride(axis)
            });
            self.values[along.sum::<usize>()]
        };
        let values =
            (all && axes.len() == rank).then(|| (0..self.values.len()).map(value).collect());
        Some(Numbers { values: values?, shape, is_float: self.is_float })
    }

    /// The sums along an axis.
    pub fn sum(&self, axis: i64, keep: bool) -> Option<Numbers> {
        let at = index(axis, self.shape.len())?;
        let (outer, length, inner) = self.around(at);
        let value = |i: usize| -> f64 {
            let start = i / inner * length * inner + i % inner;
            (0..length).map(|along| self.values[start + along * inner]).sum()
        };
        let mut shape = self.shape.clone();
        if keep {
            shape[at] = 1;
        } else {
            shape.remove(at);
        }
        let values = (0..outer * inner).map(value).collect();
        Some(Numbers { shape, values, is_float: self.is_float })
    }

    pub fn slice(&self, axis: i64, start: i64, end: i64) -> Option<Numbers> {
        let axis = index(axis, self.shape.len())?;
        let length = self.shape[axis];
        let rows: Vec<usize> = (offset(start, length)..offset(end, length)).collect();
        self.take(axis, &rows, &[rows.len()])
    }

    pub fn cumulative_sum(&self, axis: i64) -> Option<Numbers> {
        let (_, length, inner) = self.around(index(axis, self.shape.len())?);
        let mut values = self.values.clone();
        for i in inner..values.len() {
            if i / inner % length != 0 {
                values[i] += values[i - inner];
            }
        }
        Some(Numbers { values, ..self.clone() })
    }

    pub fn unsqueeze(&self, axes: &[i64]) -> Option<Numbers> {
        let rank = self.shape.len() + axes.len();
        if rank > MAX_AXES {
            return None;
        }
        let axes: Vec<usize> = axes.iter().map(|&axis| index(axis, rank)).collect::<Option<_>>()?;
        let mut sizes = self.shape.iter();
        let shape = (0..rank)
            .map(|axis| if axes.contains(&axis) { Some(1) } else { sizes.next().copied() });
        Some(self.shaped(shape.collect::<Option<_>>()?))
    }

    pub fn squeeze(&self, axes: Option<&[i64]>) -> Option<Numbers> {
        let rank = self.shape.len();
        let axes = axes.map(|axes| axes.iter().map(|&axis| index(axis, rank)).collect());
        let axes: Option<Vec<usize>> = axes.unwrap_or_else(|| Some((0..rank).collect()));
        let axes = axes?;
        let kept = |&(axis, &size): &(usize, &usize)| size != 1 || !axes.contains(&axis);
        let kept = self.shape.iter().enumerate().filter(kept);
        Some(self.shaped(kept.map(|(_, &size)| size).collect()))
    }

    /// A size of -1 is what the others leave, and 0 keeps the old one, unless it is allowed.
    pub fn reshape(&self, sizes: &[i64], allow_zero: bool) -> Option<Numbers> {
        if sizes.len() > MAX_AXES {
            return None;
        }
        let mut shape = Vec::new();
        for (axis, &size) in sizes.iter().enumerate() {
            shape.push(match size {
                0 if !allow_zero => *self.shape.get(axis)?,
                -1 => 1,
                size => size.try_into().ok()?,
            });
        }
        let others = shape.iter().try_fold(1usize, |length, &n: &usize| length.checked_mul(n))?;
        if let Some(open) = sizes.iter().position(|&size| size == -1) {
            shape[open] = self.values.len().checked_div(others)?;
        }
        Some(self.shaped(shape))
    }
}
