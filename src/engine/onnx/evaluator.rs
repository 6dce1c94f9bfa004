//! The numbers that a graph computes for a sequence from nothing but its length, ids and token types:
//! shapes, positions, masks, biases of distances.
//!
//! Exporters compute them in many ways. The rules do not match each of them, but evaluate what numbers come
//! out for a given sequence. The rules also evaluate how a graph splits and arranges the result of a linear
//! layer, by giving its elements known numbers. The operators are those of ONNX (opset 10 to 20) that exports
//! of encoders use for this. Booleans are 0 and 1.

use std::collections::HashMap;
use std::rc::Rc;

use super::graph::{Constant, Graph, attribute};
use super::numbers::{MAX_NUMBERS, Numbers, broadcast, concat, filled, offset, row};
use super::proto::{DataType, Node};
use super::quantization::FloatConstant;

/// The maximum number of elements in all values together.
const MAX_TOTAL_NUMBERS: usize = 16 * MAX_NUMBERS;
/// The maximum number of elements of a constant: tables of angles for 65,536 positions.
const MAX_CONSTANT: usize = 8 * MAX_NUMBERS;
/// The longest chain of operators.
const MAX_DEPTH: usize = 64;

/// `Some` if a constant is not too large.
fn fits(shape: &[usize]) -> Option<()> {
    (shape.iter().product::<usize>() <= MAX_CONSTANT).then_some(())
}

fn widened(floats: Vec<f32>) -> Vec<f64> {
    floats.into_iter().map(f64::from).collect()
}

/// Evaluates a graph for one sequence.
pub(super) struct Evaluator<'g, 'a> {
    graph: &'g Graph<'a>,
    known: HashMap<&'a str, Rc<Numbers>>,
    /// The number of tokens of the sequence.
    tokens: usize,
    /// The count of all numbers in `known`.
    total: usize,
}

impl<'g, 'a> Evaluator<'g, 'a> {
    /// For a sequence with these token ids, token types and positions.
    pub fn new(graph: &'g Graph<'a>, [ids, type_ids, positions]: [&[u32]; 3]) -> Evaluator<'g, 'a> {
        let input = |numbers: &[u32]| {
            let values = numbers.iter().map(|&number| number.into()).collect();
            Rc::new(Numbers { shape: vec![1, numbers.len()], values, is_float: false })
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
        Evaluator { graph, known, tokens: ids.len(), total: 0 }
    }

    /// Sets what a value is.
    pub fn set(&mut self, name: &'a str, numbers: Numbers) {
        self.known.insert(name, Rc::new(numbers));
    }

    /// The integers of a value. `None` if it is not of integers, or if an operator is not one that is
    /// known here.
    pub fn evaluate(&mut self, name: &'a str) -> Option<Vec<i64>> {
        let numbers = self.numbers(name)?;
        (!numbers.is_float).then(|| numbers.integers())
    }

    /// A value. `None` if an operator is not one that is known here.
    pub fn numbers(&mut self, name: &'a str) -> Option<Rc<Numbers>> {
        self.tensor(name, MAX_DEPTH)
    }

    fn tensor(&mut self, name: &'a str, depth: usize) -> Option<Rc<Numbers>> {
        if let Some(known) = self.known.get(name) {
            return Some(known.clone());
        }
        let tensor = match self.graph.producer(name) {
            Some(node) if node.op_type == "DequantizeLinear" => {
                let stored = self.graph.stored(node.input.first()?)?;
                fits(&stored.shape)?;
                let FloatConstant { shape, floats } = self.graph.dequantized(name)?;
                Numbers { shape, values: widened(floats), is_float: true }
            }
            Some(node) => self.compute(node, name, depth.checked_sub(1)?)?,
            None => {
                let constant = self.graph.stored(name)?;
                fits(&constant.shape)?;
                let (is_float, values) = (constant.is_float(), widened(constant.floats()?));
                Numbers { shape: constant.shape, values, is_float }
            }
        };
        let length = tensor.values.len();
        self.total += length;
        let is_whole = tensor.shape.iter().product::<usize>() == length;
        let fits = is_whole && self.total <= MAX_TOTAL_NUMBERS;
        let tensor = fits.then(|| Rc::new(tensor))?;
        self.known.insert(name, tensor.clone());
        Some(tensor)
    }

    /// The shape of a value that is known here, or of states.
    fn shape(&mut self, name: &'a str, depth: usize) -> Option<Vec<usize>> {
        if let Some(known) = self.known.get(name) {
            return Some(known.shape.clone());
        }
        let depth = depth.checked_sub(1)?;
        let Some(node) = self.graph.producer(name) else {
            return self.graph.stored(name).map(|constant| constant.shape);
        };
        match (node.op_type.as_str(), &node.input[..]) {
            // The width of states is that of their norm.
            ("LayerNormalization", [x, gamma, ..]) => {
                let mut shape = self.shape(x, depth).unwrap_or_else(|| vec![1, self.tokens, 0]);
                *shape.last_mut()? = *self.shape(gamma, depth)?.first()?;
                Some(shape)
            }
            (
                "DequantizeLinear" | "DynamicQuantizeLinear" | "Gelu" | "Erf" | "Tanh" | "Sqrt",
                [x, ..],
            ) => self.shape(x, depth),
            ("Cast" | "Identity" | "Dropout", [x, ..]) => self.shape(x, depth),
            ("Add" | "Mul" | "Sub" | "Div" | "Pow", [a, b]) => {
                let is_vector = self.graph.is_constant(a)
                    && self.shape(a, depth).is_some_and(|shape| shape.len() < 2);
                self.shape(if is_vector { b } else { a }, depth)
            }
            ("MatMul" | "MatMulInteger", [x, weight, ..]) => {
                let [_, columns] = self.shape(weight, depth)?[..] else { return None };
                let mut shape = self.shape(x, depth)?;
                *shape.last_mut()? = columns;
                Some(shape)
            }
            ("Transpose", [x]) if attribute(node, "perm").is_some() => {
                let (shape, axes) = (self.shape(x, depth)?, &attribute(node, "perm")?.ints);
                axes.iter().map(|&axis| shape.get(usize::try_from(axis).ok()?).copied()).collect()
            }
            ("Reshape", [x, sizes]) => {
                let length: usize = self.shape(x, depth)?.iter().product();
                let sizes = self.tensor(sizes, depth)?.integers();
                // As many elements as there are, of which nothing but the shape is read.
                let elements = filled(&row([length as f64]), 0.0, true)?;
                elements.reshape(&sizes, true).map(|tensor| tensor.shape)
            }
            ("Gather", [table, rows])
                if self.graph.is_constant(table)
                    && attribute(node, "axis").is_none_or(|axis| axis.i == 0) =>
            {
                let (rows, table) = (self.tensor(rows, depth)?, self.shape(table, depth)?);
                Some([&rows.shape[..], table.get(1..)?].concat())
            }
            _ => Some(self.tensor(name, depth)?.shape.clone()),
        }
    }

    /// The output of a node that is called `name`.
    fn compute(&mut self, node: &'a Node, name: &str, depth: usize) -> Option<Numbers> {
        let int = |name, default| attribute(node, name).map_or(default, |a| a.i);
        if node.op_type == "Shape" {
            let shape = self.shape(node.input.first()?, depth)?;
            let at = |name, default| offset(int(name, default), shape.len());
            let part = shape.get(at("start", 0)..at("end", i64::MAX))?;
            return Some(row(part.iter().map(|&size| size as f64)));
        }
        if node.op_type == "If" {
            let condition = *self.tensor(node.input.first()?, depth)?.values.first()?;
            let branch = if condition != 0.0 { "then_branch" } else { "else_branch" };
            let branch = attribute(node, branch)?.g.as_deref()?;
            // A branch that passes on a value from outside.
            let mut name = branch.output.first()?.name.as_str();
            while let Some(node) = branch.node.iter().find(|node| node.output[..] == [name]) {
                name = node.input.first().filter(|_| node.op_type == "Identity")?;
            }
            return Some(self.tensor(name, depth)?.as_ref().clone());
        }
        let inputs = node.input.iter().filter(|name| !name.is_empty());
        let inputs: Vec<_> = inputs.map(|name| self.tensor(name, depth)).collect::<Option<_>>()?;
        let inputs: Vec<&Numbers> = inputs.iter().map(Rc::as_ref).collect();
        // The axes of an operator are an attribute in old opsets, and an input in new ones.
        let axes = |input: usize| match attribute(node, "axes") {
            Some(axes) => Some(axes.ints.clone()),
            None => inputs.get(input).map(|tensor| tensor.integers()),
        };
        let compare = |pair: [&Numbers; 2], holds: fn(f64, f64) -> bool| {
            let numbers = broadcast(pair, |[a, b]| f64::from(u8::from(holds(a, b))));
            numbers.map(|numbers| Numbers { is_float: false, ..numbers })
        };
        match (node.op_type.as_str(), &inputs[..]) {
            ("Identity" | "Dropout", [x, ..]) => Some(Numbers::clone(x)),
            ("Cast", [x]) => {
                let to = int("to", 0);
                let is_float = [DataType::Float, DataType::Float16, DataType::Double]
                    .iter()
                    .any(|&float| to == float as i64);
                let is_bool = to == DataType::Bool as i64;
                let cast = |v: f64| match (is_bool, is_float) {
                    (true, _) => f64::from(u8::from(v != 0.0)),
                    (_, true) => v,
                    _ => v.trunc(),
                };
                Some(Numbers { is_float, ..x.map(cast) })
            }
            ("Not", [x]) => Some(x.map(|v| f64::from(u8::from(v == 0.0)))),
            ("Neg", [x]) => Some(x.map(|v| -v)),
            ("Abs", [x]) => Some(x.map(f64::abs)),
            ("Sign", [x]) => Some(x.map(|v| if v == 0.0 { 0.0 } else { v.signum() })),
            ("Ceil", [x]) => Some(x.map(f64::ceil)),
            ("Floor", [x]) => Some(x.map(f64::floor)),
            ("Log", [x]) => Some(x.map(f64::ln)),
            ("Sqrt", [x]) => Some(x.map(f64::sqrt)),
            ("Add", [a, b]) => broadcast([a, b], |[a, b]| a + b),
            ("Sub", [a, b]) => broadcast([a, b], |[a, b]| a - b),
            ("Mul", [a, b]) => broadcast([a, b], |[a, b]| a * b),
            ("Div", [a, b]) if a.is_float || b.is_float => broadcast([a, b], |[a, b]| a / b),
            ("Div", [a, b]) => {
                broadcast([a, b], |[a, b]| if b == 0.0 { 0.0 } else { (a / b).trunc() })
            }
            ("Clip", [x, low, high]) => {
                broadcast([x, low, high], |[x, low, high]| x.max(low).min(high))
            }
            ("Min", [a, b]) => broadcast([a, b], |[a, b]| a.min(b)),
            ("Max", [a, b]) => broadcast([a, b], |[a, b]| a.max(b)),
            ("And", [a, b]) => compare([a, b], |a, b| a != 0.0 && b != 0.0),
            ("Or", [a, b]) => compare([a, b], |a, b| a != 0.0 || b != 0.0),
            ("Equal", [a, b]) => compare([a, b], |a, b| a == b),
            ("Less", [a, b]) => compare([a, b], |a, b| a < b),
            ("LessOrEqual", [a, b]) => compare([a, b], |a, b| a <= b),
            ("Greater", [a, b]) => compare([a, b], |a, b| a > b),
            ("GreaterOrEqual", [a, b]) => compare([a, b], |a, b| a >= b),
            ("Where", [which, a, b]) => {
                let numbers =
                    broadcast([which, a, b], |[which, a, b]| if which != 0.0 { a } else { b });
                numbers.map(|numbers| Numbers { is_float: a.is_float, ..numbers })
            }
            ("Expand", [x, shape]) => broadcast([x, &filled(shape, 0.0, false)?], |[x, _]| x),
            ("ConstantOfShape", [shape]) => {
                let value = match attribute(node, "value").and_then(|a| a.t.as_ref()) {
                    Some(value) => {
                        let constant = Constant::new(value)?;
                        (f64::from(*constant.floats()?.first()?), constant.is_float())
                    }
                    None => (0.0, true),
                };
                filled(shape, value.0, value.1)
            }
            ("Range", [start, limit, step]) => match [start, limit, step].map(|t| &t.values[..]) {
                [&[start], &[limit], &[1.0]] if limit - start <= MAX_NUMBERS as f64 => {
                    let values = (start as i64..limit as i64).map(|number| number as f64);
                    Some(Numbers { is_float: inputs[0].is_float, ..row(values) })
                }
                _ => None,
            },
            ("Unsqueeze", [x, ..]) => x.unsqueeze(&axes(1)?),
            ("Squeeze", [x, ..]) => x.squeeze(axes(1).as_deref()),
            ("Reshape", [x, shape]) => x.reshape(&shape.integers(), int("allowzero", 0) != 0),
            ("Flatten", [x]) => {
                let axis = offset(int("axis", 1), x.shape.len());
                let rows: usize = x.shape[..axis].iter().product();
                x.reshape(&[rows as i64, -1], true)
            }
            ("Transpose", [x]) => match attribute(node, "perm") {
                Some(axes) => x.transpose(&axes.ints),
                None => x.transpose(&(0..x.shape.len() as i64).rev().collect::<Vec<_>>()),
            },
            ("Concat", tensors) => concat(tensors, int("axis", 0)),
            ("Gather", [x, indices]) => x.gather(indices, int("axis", 0)),
            ("GatherElements", [x, indices]) => x.gather_elements(indices, int("axis", 0)),
            ("GatherND", [x, indices]) if int("batch_dims", 0) == 0 => x.gather_nd(indices),
            ("ReduceSum", [x, ..]) => match axes(1)?[..] {
                [axis] => x.sum(axis, int("keepdims", 1) != 0),
                _ => None,
            },
            ("Split", [x, ..]) => {
                let which = node.output.iter().position(|output| output == name)?;
                let axis = int("axis", 0);
                let lengths = match (attribute(node, "split"), inputs.get(1)) {
                    (Some(lengths), _) => lengths.ints.clone(),
                    (None, Some(lengths)) => lengths.integers(),
                    (None, None) => {
                        let length = x.shape.get(offset(axis, x.shape.len()))?;
                        vec![length.div_ceil(node.output.len()) as i64; node.output.len()]
                    }
                };
                let start: i64 = lengths.get(..which)?.iter().sum();
                x.slice(axis, start, start.checked_add(*lengths.get(which)?)?)
            }
            ("Slice", [x, starts, ends, rest @ ..]) => {
                let (starts, ends) = (starts.integers(), ends.integers());
                let axes = rest.first().map(|axes| axes.integers());
                let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
                let one_by_one =
                    rest.get(1).is_none_or(|steps| steps.values.iter().all(|&s| s == 1.0));
                let whole = one_by_one && starts.len() == ends.len();
                let ranges = axes.into_iter().zip(starts.into_iter().zip(ends));
                whole.then(|| {
                    ranges.into_iter().try_fold(Numbers::clone(x), |x, (axis, (start, end))| {
                        x.slice(axis, start, end)
                    })
                })?
            }
            ("CumSum", [x, axis]) if int("exclusive", 0) == 0 && int("reverse", 0) == 0 => {
                x.cumulative_sum(*axis.integers().first()?)
            }
            _ => None,
        }
    }
}
