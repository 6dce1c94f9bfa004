//! The integers that a graph computes for a sequence before any float: shapes, positions, token
//! types.
//!
//! Exporters compute the positions of tokens in many ways. The rules do not match each of them, but
//! evaluate what numbers come out for given token ids. The operators are those of ONNX (opset 10 to
//! 20) that exports of encoders use for this. Booleans are 0 and 1.

use std::collections::HashMap;
use std::rc::Rc;

use super::graph::{Constant, Graph, attribute};
use super::integer_tensor::{
    IntegerTensor, MAX_NUMBERS, broadcast, concat, filled, length_of, offset, row,
};
use super::proto::{DataType, Node};

/// The maximum number of elements in all values together.
const MAX_TOTAL_NUMBERS: usize = 16 * MAX_NUMBERS;
/// The longest chain of operators.
const MAX_DEPTH: usize = 64;

/// Evaluates a graph for one sequence.
pub(super) struct IntegerEvaluator<'g, 'a> {
    graph: &'g Graph<'a>,
    known: HashMap<&'a str, Rc<IntegerTensor>>,
    /// The count of all numbers in `known`.
    total: usize,
}

impl<'g, 'a> IntegerEvaluator<'g, 'a> {
    /// For a sequence with these token ids, token types and positions.
    pub fn new(
        graph: &'g Graph<'a>,
        [ids, type_ids, positions]: [&[u32]; 3],
    ) -> IntegerEvaluator<'g, 'a> {
        let input = |numbers: &[u32]| {
            let values = numbers.iter().map(|&number| number.into()).collect();
            Rc::new(IntegerTensor { shape: vec![1, numbers.len()], values })
        };
        let known = [
            ("input_ids", input(ids)),
            ("attention_mask", input(&vec![1; ids.len()])),
            ("token_type_ids", input(type_ids)),
            ("position_ids", input(positions)),
        ];
        // Other values may have these names too.
        let is_input = |name: &str| graph.inputs().any(|input| input == name);
        let known = known.into_iter().filter(|(name, _)| is_input(name)).collect();
        IntegerEvaluator { graph, known, total: 0 }
    }

    /// The numbers of a value. `None` if they are not integers, or if an operator is not one that is
    /// known here.
    pub fn evaluate(&mut self, name: &'a str) -> Option<Vec<i64>> {
        Some(self.tensor(name, MAX_DEPTH)?.values.clone())
    }

    fn tensor(&mut self, name: &'a str, depth: usize) -> Option<Rc<IntegerTensor>> {
        if let Some(known) = self.known.get(name) {
            return Some(known.clone());
        }
        let tensor = match self.graph.producer(name) {
            Some(node) => self.compute(node, depth.checked_sub(1)?)?,
            None => {
                let constant = self.graph.constant(name).filter(|constant| !constant.is_float())?;
                length_of(&constant.shape)?;
                let values = constant.floats()?.into_iter().map(|number| number as i64).collect();
                IntegerTensor { shape: constant.shape, values }
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

    fn compute(&mut self, node: &'a Node, depth: usize) -> Option<IntegerTensor> {
        let int = |name, default| attribute(node, name).map_or(default, |a| a.i);
        if node.op_type == "Shape" {
            let shape = self.shape(node.input.first()?, depth)?;
            let at = |name, default| offset(int(name, default), shape.len());
            let part = shape.get(at("start", 0)..at("end", i64::MAX))?;
            return Some(row(part.iter().map(|&size| size as i64).collect()));
        }
        let inputs = node.input.iter().filter(|name| !name.is_empty());
        let inputs: Vec<_> = inputs.map(|name| self.tensor(name, depth)).collect::<Option<_>>()?;
        let inputs: Vec<&IntegerTensor> = inputs.iter().map(Rc::as_ref).collect();
        // The axes of an operator are an attribute in old opsets, and an input in new ones.
        let axes = |input: usize| match attribute(node, "axes") {
            Some(axes) => Some(axes.ints.clone()),
            None => inputs.get(input).map(|tensor| tensor.values.clone()),
        };
        match (node.op_type.as_str(), &inputs[..]) {
            ("Identity", [x]) => Some(IntegerTensor::clone(x)),
            ("Cast", [x]) => {
                let is_bool = int("to", 0) == DataType::Bool as i64;
                let cast = |v: i64| if is_bool { i64::from(v != 0) } else { v };
                Some(IntegerTensor {
                    values: x.values.iter().map(|&v| cast(v)).collect(),
                    ..IntegerTensor::clone(x)
                })
            }
            ("Not", [x]) => {
                let values = x.values.iter().map(|&v| i64::from(v == 0)).collect();
                Some(IntegerTensor { values, ..IntegerTensor::clone(x) })
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
                    ranges
                        .into_iter()
                        .try_fold(IntegerTensor::clone(x), |x, (axis, (&start, &end))| {
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
