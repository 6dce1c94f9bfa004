//! The integers that a graph computes for a sequence before any float: shapes, positions, token
//! types.
//!
//! Exporters compute the positions of tokens in many ways. The rules do not match each of them, but
//! evaluate what numbers come out for given token ids. The operators are those of ONNX (opset 10 to
//! 20) that exports of encoders use for this. Booleans are 0 and 1.

use std::collections::HashMap;
use std::rc::Rc;

use super::graph::{Constant, Graph, attribute};
use super::proto::{DataType, Node};

/// The most numbers in a value. A sequence has far fewer.
const MAX_NUMBERS: usize = 1 << 20;
/// The most numbers in all values together.
const MAX_TOTAL_NUMBERS: usize = 16 * MAX_NUMBERS;
/// The most axes of a value.
const MAX_AXES: usize = 8;
/// The longest chain of operators.
const MAX_DEPTH: usize = 64;

/// Evaluates a graph for one sequence.
pub(super) struct IntegerEvaluator<'g, 'a> {
    graph: &'g Graph<'a>,
    known: HashMap<&'a str, Rc<Tensor>>,
    /// The count of all numbers in `known`.
    total: usize,
}

#[derive(Clone)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<i64>,
}

impl<'g, 'a> IntegerEvaluator<'g, 'a> {
    /// For a sequence with these token ids and token types.
    pub fn new(graph: &'g Graph<'a>, ids: &[i64], type_ids: &[i64]) -> IntegerEvaluator<'g, 'a> {
        let row = |values: Vec<i64>| Rc::new(Tensor { shape: vec![1, values.len()], values });
        let known = [
            ("input_ids", row(ids.to_vec())),
            ("attention_mask", row(vec![1; ids.len()])),
            ("token_type_ids", row(type_ids.to_vec())),
        ];
        IntegerEvaluator { graph, known: known.into(), total: 0 }
    }

    /// The numbers of a value. `None` if they are not integers, or if an operator is not one that is
    /// known here.
    pub fn evaluate(&mut self, name: &'a str) -> Option<Vec<i64>> {
        Some(self.tensor(name, MAX_DEPTH)?.values.clone())
    }

    fn tensor(&mut self, name: &'a str, depth: usize) -> Option<Rc<Tensor>> {
        if let Some(known) = self.known.get(name) {
            return Some(known.clone());
        }
        let tensor = match self.graph.producer(name) {
            Some(node) => self.compute(node, depth.checked_sub(1)?)?,
            None => {
                let constant = self.graph.constant(name).filter(|constant| !constant.is_float())?;
                length_of(&constant.shape)?;
                let values = constant.floats()?.into_iter().map(|number| number as i64).collect();
                Tensor { shape: constant.shape, values }
            }
        };
        let length = length_of(&tensor.shape)?;
        self.total += length;
        let fits = length == tensor.values.len() && self.total <= MAX_TOTAL_NUMBERS;
        let tensor = fits.then(|| Rc::new(tensor))?;
        self.known.insert(name, tensor.clone());
        Some(tensor)
    }

    /// The shape of integers, or of the embeddings that they select.
    fn shape(&mut self, name: &'a str, depth: usize) -> Option<Vec<usize>> {
        let node = self.graph.producer(name);
        match node.map(|node| (node.op_type.as_str(), &node.input[..])) {
            Some(("DequantizeLinear", [x, ..])) => self.shape(x, depth.checked_sub(1)?),
            Some(("Gather", [table, rows])) => {
                let table = self.graph.constant(table).filter(|table| table.shape.len() == 2);
                match (table, attribute(node?, "axis").map_or(0, |axis| axis.i)) {
                    (Some(table), 0) => {
                        let rows = self.tensor(rows, depth.checked_sub(1)?)?;
                        Some([&rows.shape[..], &table.shape[1..]].concat())
                    }
                    _ => Some(self.tensor(name, depth)?.shape.clone()),
                }
            }
            _ => Some(self.tensor(name, depth)?.shape.clone()),
        }
    }

    fn compute(&mut self, node: &'a Node, depth: usize) -> Option<Tensor> {
        let int = |name, default| attribute(node, name).map_or(default, |a| a.i);
        if node.op_type == "Shape" {
            let shape = self.shape(node.input.first()?, depth)?;
            let at = |name, default| offset(int(name, default), shape.len());
            let part = shape.get(at("start", 0)..at("end", i64::MAX))?;
            return Some(row(part.iter().map(|&size| size as i64).collect()));
        }
        let inputs = node.input.iter().filter(|name| !name.is_empty());
        let inputs: Vec<_> = inputs.map(|name| self.tensor(name, depth)).collect::<Option<_>>()?;
        let inputs: Vec<&Tensor> = inputs.iter().map(Rc::as_ref).collect();
        // The axes of an operator are an attribute in old opsets, and an input in new ones.
        let axes = |input: usize| match attribute(node, "axes") {
            Some(axes) => Some(axes.ints.clone()),
            None => inputs.get(input).map(|tensor| tensor.values.clone()),
        };
        match (node.op_type.as_str(), &inputs[..]) {
            ("Identity", [x]) => Some(Tensor::clone(x)),
            ("Cast", [x]) => {
                let is_bool = int("to", 0) == DataType::Bool as i64;
                let cast = |v: i64| if is_bool { i64::from(v != 0) } else { v };
                Some(Tensor {
                    values: x.values.iter().map(|&v| cast(v)).collect(),
                    ..Tensor::clone(x)
                })
            }
            ("Not", [x]) => {
                let values = x.values.iter().map(|&v| i64::from(v == 0)).collect();
                Some(Tensor { values, ..Tensor::clone(x) })
            }
            ("Add", [a, b]) => broadcast([a, b], |[a, b]| a.wrapping_add(b)),
            ("Sub", [a, b]) => broadcast([a, b], |[a, b]| a.wrapping_sub(b)),
            ("Mul", [a, b]) => broadcast([a, b], |[a, b]| a.wrapping_mul(b)),
            ("Equal", [a, b]) => broadcast([a, b], |[a, b]| i64::from(a == b)),
            ("Where", [which, a, b]) => {
                broadcast([which, a, b], |[which, a, b]| if which != 0 { a } else { b })
            }
            ("Expand", [x, shape]) => broadcast([x, &filled(shape, 0)?], |[x, _]| x),
            ("ConstantOfShape", [shape]) => {
                let value = match attribute(node, "value").and_then(|a| a.t.as_ref()) {
                    Some(value) => *Constant::new(value)?.floats()?.first()?,
                    None => 0.0,
                };
                filled(shape, value as i64)
            }
            ("Range", [start, limit, step]) => match [start, limit, step].map(|t| &t.values[..]) {
                [&[start], &[limit], &[1]] if limit.checked_sub(start)? <= MAX_NUMBERS as i64 => {
                    Some(row((start..limit).collect()))
                }
                _ => None,
            },
            ("Unsqueeze", [x, ..]) => x.unsqueeze(&axes(1)?),
            ("Squeeze", [x, ..]) => x.squeeze(axes(1).as_deref()),
            ("Reshape", [x, shape]) if int("allowzero", 0) == 0 => x.reshape(&shape.values),
            ("Concat", tensors) => concat(tensors, int("axis", 0)),
            ("Gather", [x, indices]) => x.gather(indices, int("axis", 0)),
            ("GatherElements", [x, indices]) => x.gather_elements(indices, int("axis", 0)),
            ("Slice", [x, starts, ends, rest @ ..]) => {
                let axes = rest.first().map(|axes| axes.values.clone());
                let axes = axes.unwrap_or_else(|| (0..starts.values.len() as i64).collect());
                let one_by_one =
                    rest.get(1).is_none_or(|steps| steps.values.iter().all(|&s| s == 1));
                let whole = one_by_one && starts.values.len() == ends.values.len();
                let ranges = axes.into_iter().zip(starts.values.iter().zip(&ends.values));
                whole.then(|| {
                    ranges.into_iter().try_fold(Tensor::clone(x), |x, (axis, (&start, &end))| {
                        x.slice(axis, start, end)
                    })
                })?
            }
            ("CumSum", [x, axis]) if int("exclusive", 0) == 0 && int("reverse", 0) == 0 => {
                x.cumulative_sum(*axis.values.first()?)
            }
            _ => None,
        }
    }
}

/// A tensor of one axis.
fn row(values: Vec<i64>) -> Tensor {
    Tensor { shape: vec![values.len()], values }
}

/// The count of numbers in a tensor. `None` if it is too large.
fn length_of(shape: &[usize]) -> Option<usize> {
    let length = shape.iter().try_fold(1usize, |length, &n| length.checked_mul(n))?;
    // A size may exceed the product, if another one is 0.
    let largest = shape.iter().copied().fold(length, usize::max);
    (shape.len() <= MAX_AXES && largest <= MAX_NUMBERS).then_some(length)
}

/// A tensor of `shape` that is filled with one number.
fn filled(shape: &Tensor, value: i64) -> Option<Tensor> {
    let shape: Option<Vec<usize>> = shape.values.iter().map(|&n| n.try_into().ok()).collect();
    let shape = shape?;
    let length = length_of(&shape)?;
    Some(Tensor { values: vec![value; length], shape })
}

/// An offset that may count from the end, as one within `0..=length`.
fn offset(at: i64, length: usize) -> usize {
    let length = length as i64;
    (if at < 0 { at.saturating_add(length) } else { at }).clamp(0, length) as usize
}

/// An axis or an index that may count from the end.
fn index(at: i64, length: usize) -> Option<usize> {
    let from_start = if at < 0 { at.checked_add(length as i64)? } else { at };
    usize::try_from(from_start).ok().filter(|&at| at < length)
}

/// `f` of the numbers at each index. An axis of size 1, or a missing one, repeats its number.
fn broadcast<const N: usize>(parts: [&Tensor; N], f: impl Fn([i64; N]) -> i64) -> Option<Tensor> {
    let rank = parts.iter().map(|part| part.shape.len()).max()?;
    let size = |part: &Tensor, axis: usize| {
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
        f(std::array::from_fn(|i| parts[i].values[offsets[i]]))
    };
    Some(Tensor { values: (0..length).map(value).collect(), shape })
}

fn concat(tensors: &[&Tensor], axis: i64) -> Option<Tensor> {
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
    Some(Tensor { values: values.copied().collect(), shape })
}

impl Tensor {
    /// The products of the sizes before an axis, on it and after it.
    fn around(&self, axis: usize) -> (usize, usize, usize) {
        let product = |sizes: &[usize]| sizes.iter().product();
        (product(&self.shape[..axis]), self.shape[axis], product(&self.shape[axis + 1..]))
    }

    /// The parts of an axis at `indices`. In the result, `sizes` takes the place of the axis.
    fn take(&self, axis: usize, indices: &[usize], sizes: &[usize]) -> Option<Tensor> {
        let shape = [&self.shape[..axis], sizes, &self.shape[axis + 1..]].concat();
        length_of(&shape)?;
        let (outer, length, inner) = self.around(axis);
        let mut values = Vec::new();
        for i in 0..outer {
            for &index in indices {
                values.extend(&self.values[(i * length + index) * inner..][..inner]);
            }
        }
        Some(Tensor { shape, values })
    }

    fn gather(&self, indices: &Tensor, axis: i64) -> Option<Tensor> {
        let axis = index(axis, self.shape.len())?;
        let rows = indices.values.iter().map(|&at| index(at, self.shape[axis]));
        self.take(axis, &rows.collect::<Option<Vec<_>>>()?, &indices.shape)
    }

    /// `GatherElements` of `[rows, columns]` along the columns. Exports look up token types like this.
    fn gather_elements(&self, indices: &Tensor, axis: i64) -> Option<Tensor> {
        let (&[rows, columns], &[wanted, each]) = (&self.shape[..], &indices.shape[..]) else {
            return None;
        };
        if index(axis, 2)? != 1 || wanted > rows {
            return None;
        }
        let value =
            |(i, &at): (usize, &i64)| Some(self.values[i / each * columns + index(at, columns)?]);
        let values = indices.values.iter().enumerate().map(value).collect::<Option<_>>()?;
        Some(Tensor { shape: indices.shape.clone(), values })
    }

    fn slice(&self, axis: i64, start: i64, end: i64) -> Option<Tensor> {
        let axis = index(axis, self.shape.len())?;
        let length = self.shape[axis];
        let rows: Vec<usize> = (offset(start, length)..offset(end, length)).collect();
        self.take(axis, &rows, &[rows.len()])
    }

    fn cumulative_sum(&self, axis: i64) -> Option<Tensor> {
        let (_, length, inner) = self.around(index(axis, self.shape.len())?);
        let mut values = self.values.clone();
        for i in inner..values.len() {
            if i / inner % length != 0 {
                values[i] = values[i].wrapping_add(values[i - inner]);
            }
        }
        Some(Tensor { values, ..self.clone() })
    }

    fn unsqueeze(&self, axes: &[i64]) -> Option<Tensor> {
        let rank = self.shape.len() + axes.len();
        if rank > MAX_AXES {
            return None;
        }
        let axes: Vec<usize> = axes.iter().map(|&axis| index(axis, rank)).collect::<Option<_>>()?;
        let mut sizes = self.shape.iter();
        let shape = (0..rank)
            .map(|axis| if axes.contains(&axis) { Some(1) } else { sizes.next().copied() });
        Some(Tensor { shape: shape.collect::<Option<_>>()?, values: self.values.clone() })
    }

    fn squeeze(&self, axes: Option<&[i64]>) -> Option<Tensor> {
        let rank = self.shape.len();
        let axes = axes.map(|axes| axes.iter().map(|&axis| index(axis, rank)).collect());
        let axes: Option<Vec<usize>> = axes.unwrap_or_else(|| Some((0..rank).collect()));
        let axes = axes?;
        let kept = |&(axis, &size): &(usize, &usize)| size != 1 || !axes.contains(&axis);
        let shape = self.shape.iter().enumerate().filter(kept).map(|(_, &size)| size).collect();
        Some(Tensor { shape, values: self.values.clone() })
    }

    /// A size of 0 keeps the old one, and -1 is what the others leave.
    fn reshape(&self, sizes: &[i64]) -> Option<Tensor> {
        if sizes.len() > MAX_AXES {
            return None;
        }
        let mut shape = Vec::new();
        for (axis, &size) in sizes.iter().enumerate() {
            shape.push(match size {
                0 => *self.shape.get(axis)?,
                -1 => 1,
                size => size.try_into().ok()?,
            });
        }
        let others = shape.iter().try_fold(1usize, |length, &n: &usize| length.checked_mul(n))?;
        if let Some(open) = sizes.iter().position(|&size| size == -1) {
            shape[open] = self.values.len().checked_div(others)?;
        }
        Some(Tensor { shape, values: self.values.clone() })
    }
}
