//! Computes a graph node by node.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};

use super::call::Call;
use super::constants::{decode, gather_rows};
use super::tensor::Tensor;
use super::{elementwise, products, quantization, reductions, shapes};
use crate::engine::onnx::proto::{self, Graph, Node};

/// The value of `output` for each run, which is given as inputs by name. The runs go through the graph
/// together, so that each constant is decoded once.
///
/// # Errors
/// An operator is not known here, or its inputs do not fit it.
pub(super) fn evaluate(
    model: &proto::Model,
    runs: Vec<Vec<(&str, Tensor)>>,
    output: &str,
) -> Result<Vec<Tensor>> {
    let graph = model.graph.as_ref().context("there is no graph")?;
    let onnx = model.opset_import.iter().find(|set| matches!(&set.domain[..], "" | "ai.onnx"));
    let opset = onnx.map_or(1, |set| set.version);
    let values = |run: Vec<(&'_ str, Tensor)>| {
        run.into_iter().map(|(name, tensor)| (name.to_owned(), Rc::new(tensor))).collect()
    };
    let runs = runs.into_iter().map(values).collect();
    let mut scope = Scope { opset, runs, constants: HashMap::new(), fixed: HashSet::new() };
    scope.run(graph, &[output])?;
    (0..scope.runs.len()).map(|run| Ok(Tensor::clone(&*scope.value(run, output)?))).collect()
}

/// The values that nodes may read.
struct Scope<'a> {
    opset: i64,
    /// The values of each run.
    runs: Vec<HashMap<String, Rc<Tensor>>>,
    constants: HashMap<&'a str, &'a proto::Tensor>,
    /// The values that are computed from constants alone, which all runs share.
    fixed: HashSet<&'a str>,
}

impl<'a> Scope<'a> {
    /// Computes the nodes that `outputs` depend on. A value is dropped after its last use.
    fn run(&mut self, graph: &'a Graph, outputs: &[&str]) -> Result<()> {
        for tensor in &graph.initializer {
            self.constants.insert(&tensor.name, tensor);
        }
        let nodes = needed(graph, outputs)?;
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for name in nodes.iter().flat_map(|node| reads(node)).chain(outputs.iter().copied()) {
            *uses.entry(name).or_default() += 1;
        }
        for node in nodes {
            if let ("Constant", Some(value)) = (node.op_type.as_str(), tensor_attribute(node)) {
                self.constants.extend(node.output.first().map(|name| (name.as_str(), value)));
                continue;
            }
            self.compute(node).with_context(|| format!("{} {}", node.op_type, node.name))?;
            for name in reads(node) {
                let left = uses.entry(name).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.runs.iter_mut().for_each(|values| drop(values.remove(name)));
                }
            }
        }
        Ok(())
    }

    /// Computes a product with a constant matrix in all runs.
    fn multiply(&mut self, node: &'a Node, matrix: &'a proto::Tensor) -> Result<()> {
        let zero_points = match node.input.get(3).filter(|name| !name.is_empty()) {
            Some(name) => self.value(0, name)?.as_floats().into_owned(),
            None => Vec::new(),
        };
        let call = |run: usize| -> Result<Call> {
            let inputs = node.input.iter().enumerate().map(|(i, name)| match i {
                0 | 2 if !name.is_empty() => self.value(run, name).map(Some),
                _ => Ok(None),
            });
            let inputs = inputs.collect::<Result<_>>()?;
            Ok(Call { node, inputs, types: Vec::new(), opset: self.opset })
        };
        let calls = (0..self.runs.len()).map(call).collect::<Result<Vec<_>>>()?;
        let factors = calls.iter().map(|call| quantization::operand(call, 0, 2));
        let factors = factors.collect::<Result<Vec<_>>>()?;
        let products = products::matmul_constant(&factors, matrix, &zero_points)?;
        for (values, product) in self.runs.iter_mut().zip(products) {
            values.extend(node.output.first().map(|name| (name.clone(), Rc::new(product))));
        }
        Ok(())
    }

    /// Computes a node in all runs.
    fn compute(&mut self, node: &'a Node) -> Result<()> {
        let is_onnx = matches!(&node.domain[..], "" | "ai.onnx")
            || matches!(&node.op_type[..], "QuantizeLinear" | "DequantizeLinear");
        ensure!(is_onnx, "it is not ONNX's");
        let constant = |name: &String| self.constants.get(name.as_str()).copied();
        if let ("MatMul" | "MatMulInteger", [_, matrix, ..]) = (&node.op_type[..], &node.input[..])
            && let Some(matrix) = constant(matrix).filter(|matrix| matrix.dims.len() == 2)
        {
            return self.multiply(node, matrix);
        }
        let types = node.input.iter().map(|name| Some(constant(name)?.data_type)).collect();
        // Of a large table, only the rows that are read are decoded.
        let table = match (node.op_type.as_str(), &node.input[..]) {
            ("Gather", [table, _]) if node.attribute.iter().all(|axis| axis.i == 0) => {
                constant(table)
            }
            _ => None,
        };
        let decoded = |name| match (constant(name), table) {
            (Some(constant), None) => decode(constant).map(Rc::new).map(Some),
            _ => Ok(None),
        };
        let decoded = node.input.iter().map(decoded).collect::<Result<Vec<_>>>()?;
        let is_fixed = |name| self.constants.contains_key(name) || self.fixed.contains(name);
        let fixed = reads(node).into_iter().all(is_fixed);
        let mut call = Call { node, inputs: Vec::new(), types, opset: self.opset };
        let mut results: Vec<Vec<Rc<Tensor>>> = Vec::new();
        for run in 0..self.runs.len() {
            if let (true, Some(first)) = (fixed, results.first()) {
                results.push(first.clone());
                continue;
            }
            let computed = if node.op_type == "If" {
                self.branch(run, node)?
            } else if let Some(table) = table {
                vec![gather_rows(table, &*self.value(run, &node.input[1])?)?]
            } else {
                let inputs = node.input.iter().zip(&decoded).map(|(name, decoded)| {
                    match (name.is_empty(), decoded) {
                        (true, _) => Ok(None),
                        (_, Some(constant)) => Ok(Some(constant.clone())),
                        _ => self.value(run, name).map(Some),
                    }
                });
                call.inputs = inputs.collect::<Result<_>>()?;
                apply(&call)?
            };
            results.push(computed.into_iter().map(Rc::new).collect());
        }
        for (values, results) in self.runs.iter_mut().zip(results) {
            values.extend(node.output.iter().cloned().zip(results));
        }
        if fixed {
            self.fixed.extend(node.output.iter().map(String::as_str));
        }
        Ok(())
    }

    fn value(&self, run: usize, name: &str) -> Result<Rc<Tensor>> {
        match (self.runs[run].get(name), self.constants.get(name)) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(constant)) => Ok(Rc::new(decode(constant)?)),
            (None, None) => bail!("nothing gives {name}"),
        }
    }

    /// The outputs of the branch that an `If` takes.
    fn branch(&self, run: usize, node: &'a Node) -> Result<Vec<Tensor>> {
        let condition = self.value(run, node.input.first().context("it has no condition")?)?;
        let name = if condition.integer()? != 0 { "then_branch" } else { "else_branch" };
        let branch = node.attribute.iter().find(|attribute| attribute.name == name);
        let branch = branch.and_then(|attribute| attribute.g.as_deref()).context("no branch")?;
        let outputs: Vec<&str> = branch.output.iter().map(|output| output.name.as_str()).collect();
        let mut scope = Scope {
            opset: self.opset,
            runs: vec![self.runs[run].clone()],
            constants: self.constants.clone(),
            fixed: HashSet::new(),
        };
        scope.run(branch, &outputs)?;
        outputs.into_iter().map(|name| Ok(Tensor::clone(&*scope.value(0, name)?))).collect()
    }
}

fn apply(call: &Call) -> Result<Vec<Tensor>> {
    let result = match call.node.op_type.as_str() {
        "DynamicQuantizeLinear" => return quantization::dynamic_quantize(call),
        "Split" => return shapes::split(call),
        "Identity" | "Dropout" => Ok(call.input(0)?.clone()),
        "Cast" => elementwise::cast(call),
        "Constant" => constant(call.node),
        "Where" => elementwise::choose(call),
        "Clip" => elementwise::clip(call),
        "Reshape" => shapes::reshape(call),
        "Flatten" => shapes::flatten(call),
        "Squeeze" => shapes::squeeze(call),
        "Unsqueeze" => shapes::unsqueeze(call),
        "Transpose" => shapes::transpose(call),
        "Expand" => shapes::expand(call),
        "Tile" => shapes::tile(call),
        "Slice" => shapes::slice(call),
        "Concat" => shapes::concat(call),
        "Shape" => shapes::shape(call),
        "Range" => shapes::range(call),
        "ConstantOfShape" => {
            shapes::filled(call, tensor_attribute(call.node).map(decode).transpose()?)
        }
        "Trilu" => shapes::triangle(call),
        "Gather" => shapes::gather(call),
        "GatherElements" => shapes::gather_elements(call),
        "GatherND" => shapes::gather_nd(call),
        "ScatterND" => shapes::scatter_nd(call),
        "ScatterElements" => shapes::scatter_elements(call),
        "MatMul" => products::matmul(call),
        "Gemm" => products::gemm(call),
        "MatMulInteger" => products::matmul_integer(call),
        "QLinearMatMul" => products::matmul_quantized(call),
        "QuantizeLinear" => quantization::quantize(call),
        "DequantizeLinear" => quantization::dequantize(call),
        "Softmax" | "LogSoftmax" => reductions::softmax(call),
        "LayerNormalization" | "RMSNormalization" => reductions::normalize(call),
        "CumSum" => reductions::cumulative_sum(call),
        "ArgMax" | "ArgMin" => reductions::best_index(call),
        _ => match elementwise::unary(call)? {
            Some(result) => Ok(result),
            None => match elementwise::binary(call)? {
                Some(result) => Ok(result),
                None => reductions::reduce(call)?.context("it is not known"),
            },
        },
    };
    Ok(vec![result?])
}

/// A constant that is not a tensor.
fn constant(node: &Node) -> Result<Tensor> {
    let value = node.attribute.first().context("it has no value")?;
    match value.name.as_str() {
        "value_float" => Tensor::floats(vec![], vec![value.f]),
        "value_floats" => Tensor::floats(vec![value.floats.len()], value.floats.clone()),
        "value_int" => Tensor::integers(vec![], vec![value.i]),
        "value_ints" => Tensor::row(value.ints.clone()),
        other => bail!("it has a {other}"),
    }
}

/// The nodes that `outputs` depend on, each after those that it reads.
fn needed<'a>(graph: &'a Graph, outputs: &[&str]) -> Result<Vec<&'a Node>> {
    let mut producers = HashMap::new();
    for node in &graph.node {
        producers.extend(node.output.iter().map(|name| (name.as_str(), node)));
    }
    // A node is opened when it is first met, and closed after all that it reads.
    let (mut opened, mut closed) = (HashSet::new(), HashSet::new());
    let mut ordered = Vec::new();
    let mut open: Vec<&Node> =
        outputs.iter().filter_map(|name| producers.get(name)).copied().collect();
    while let Some(&node) = open.last() {
        let is_new = opened.insert(std::ptr::from_ref(node));
        let missing = reads(node).into_iter().filter_map(|name| producers.get(name).copied());
        let missing = missing.filter(|other| !closed.contains(&std::ptr::from_ref(*other)));
        let missing: Vec<&Node> = missing.collect();
        if missing.is_empty() {
            open.pop();
            if closed.insert(std::ptr::from_ref(node)) {
                ordered.push(node);
            }
        } else {
            ensure!(is_new, "{} {} depends on itself", node.op_type, node.name);
            open.extend(missing);
        }
    }
    Ok(ordered)
}

/// The names that a node reads, also within its branches.
fn reads(node: &Node) -> Vec<&str> {
    let own = node.input.iter().map(String::as_str).filter(|name| !name.is_empty());
    let branches = node.attribute.iter().filter_map(|attribute| attribute.g.as_deref());
    let within = branches.flat_map(|branch| {
        let nodes = branch.node.iter().flat_map(reads);
        nodes.chain(branch.output.iter().map(|output| output.name.as_str()))
    });
    own.chain(within).collect()
}

fn tensor_attribute(node: &Node) -> Option<&proto::Tensor> {
    node.attribute.iter().find(|attribute| attribute.name == "value")?.t.as_ref()
}
