//! Computes a graph node by node.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};

use super::call::Call;
use super::constants::{decode, gather_rows};
use super::tensor::Tensor;
use super::{elementwise, products, quantization, reductions, shapes};
use crate::engine::onnx::proto::{self, Graph, Node};

/// The value of `output` for inputs by name.
///
/// # Errors
/// An operator is not known here, or its inputs do not fit it.
pub(super) fn evaluate(
    model: &proto::Model,
    inputs: Vec<(&str, Tensor)>,
    output: &str,
) -> Result<Tensor> {
    let graph = model.graph.as_ref().context("there is no graph")?;
    let onnx = model.opset_import.iter().find(|set| matches!(&set.domain[..], "" | "ai.onnx"));
    let opset = onnx.map_or(1, |set| set.version);
    let values = inputs.into_iter().map(|(name, tensor)| (name, Rc::new(tensor))).collect();
    let mut scope = Scope { opset, values, constants: HashMap::new() };
    scope.run(graph, &[output])?;
    let value = scope.value(output)?;
    Ok(Rc::try_unwrap(value).unwrap_or_else(|shared| Tensor::clone(&shared)))
}

/// The values that nodes may read.
struct Scope<'a> {
    opset: i64,
    values: HashMap<&'a str, Rc<Tensor>>,
    constants: HashMap<&'a str, &'a proto::Tensor>,
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
            let named = || format!("{} {}", node.op_type, node.name);
            if let ("Constant", Some(value)) = (node.op_type.as_str(), tensor_attribute(node)) {
                let output = node.output.first().with_context(named)?;
                self.constants.insert(output, value);
                continue;
            }
            let results = self.compute(node).with_context(named)?;
            for (name, result) in node.output.iter().zip(results) {
                self.values.insert(name, Rc::new(result));
            }
            for name in reads(node) {
                let left = uses.entry(name).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.values.remove(name);
                }
            }
        }
        Ok(())
    }

    fn value(&self, name: &str) -> Result<Rc<Tensor>> {
        match (self.values.get(name), self.constants.get(name)) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(constant)) => Ok(Rc::new(decode(constant)?)),
            (None, None) => bail!("nothing gives {name}"),
        }
    }

    fn compute(&self, node: &'a Node) -> Result<Vec<Tensor>> {
        ensure!(matches!(&node.domain[..], "" | "ai.onnx"), "it is not ONNX's");
        if node.op_type == "If" {
            return self.branch(node);
        }
        // Of a large table, only the rows that are read are decoded.
        if let ("Gather", [table, rows]) = (node.op_type.as_str(), &node.input[..])
            && let Some(table) = self.constants.get(table.as_str())
            && node.attribute.iter().all(|attribute| attribute.i == 0)
        {
            return Ok(vec![gather_rows(table, &*self.value(rows)?)?]);
        }
        let of_constant = |name: &String| Some(self.constants.get(name.as_str())?.data_type);
        let input = |name: &String| match name.is_empty() {
            true => Ok(None),
            false => self.value(name).map(Some),
        };
        let call = Call {
            node,
            inputs: node.input.iter().map(input).collect::<Result<_>>()?,
            types: node.input.iter().map(of_constant).collect(),
            opset: self.opset,
        };
        apply(&call)
    }

    /// The outputs of the branch that an `If` takes.
    fn branch(&self, node: &'a Node) -> Result<Vec<Tensor>> {
        let condition = self.value(node.input.first().context("it has no condition")?)?;
        let name = if condition.integer()? != 0 { "then_branch" } else { "else_branch" };
        let branch = node.attribute.iter().find(|attribute| attribute.name == name);
        let branch = branch.and_then(|attribute| attribute.g.as_deref()).context("no branch")?;
        let outputs: Vec<&str> = branch.output.iter().map(|output| output.name.as_str()).collect();
        let (values, constants) = (self.values.clone(), self.constants.clone());
        let mut scope = Scope { opset: self.opset, values, constants };
        scope.run(branch, &outputs)?;
        outputs.into_iter().map(|name| Ok(Tensor::clone(&*scope.value(name)?))).collect()
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
