//! A view of an ONNX graph for rules that match it from the outputs backwards.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use tract_onnx::data_resolver;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::tensor::load_tensor;
use tract_onnx::tract_hir::internal::*;

/// Operators that change a tensor's shape or type and leave its numbers in their order.
const SAME_NUMBERS: [&str; 8] =
    ["Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"];

/// The graph's nodes by what they give, and its constants by name.
pub(super) struct Graph<'a> {
    graph: &'a GraphProto,
    producers: HashMap<&'a str, &'a NodeProto>,
    constants: HashMap<&'a str, &'a TensorProto>,
}

impl<'a> Graph<'a> {
    /// Fails where a node stands before one that it reads, which ONNX forbids: the rules rely on
    /// there being no cycle.
    pub fn new(model: &'a ModelProto) -> TractResult<Graph<'a>> {
        let graph = model.graph.as_ref().context("it has no graph")?;
        let mut constants: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut producers = HashMap::new();
        let inputs: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
        for node in &graph.node {
            for name in node.input.iter().map(String::as_str).filter(|name| !name.is_empty()) {
                let known = constants.contains_key(name)
                    || producers.contains_key(name)
                    || inputs.contains(name);
                ensure!(known, "node {} reads {name} before it is computed", node.name);
            }
            let value = attribute(node, "value").and_then(|a| a.t.as_ref());
            match (node.op_type.as_str(), value) {
                ("Constant", Some(tensor)) => {
                    constants.extend(node.output.first().map(|name| (name.as_str(), tensor)));
                }
                _ => producers.extend(node.output.iter().map(|name| (name.as_str(), node))),
            }
        }
        Ok(Graph { graph, producers, constants })
    }

    /// The name of the only output.
    pub fn output(&self) -> TractResult<&'a str> {
        match self.graph.output.as_slice() {
            [output] => Ok(&output.name),
            outputs => bail!("it has {} outputs, not one", outputs.len()),
        }
    }

    /// The names of the inputs, without constants, which ONNX IR 3 lists among them.
    #[cfg(feature = "general")]
    pub fn inputs(&self) -> impl Iterator<Item = &'a str> {
        let names = self.graph.input.iter().map(|input| input.name.as_str());
        names.filter(|name| !self.constants.contains_key(name))
    }

    /// The node that gives a value.
    pub fn producer(&self, name: &str) -> Option<&'a NodeProto> {
        self.producers.get(name).copied()
    }

    /// The inputs of the node that gives a value, where it is an `op_type`.
    pub fn inputs_of(&self, name: &str, op_type: &str) -> Option<&'a [String]> {
        let node = self.producer(name).filter(|node| node.op_type == op_type)?;
        Some(&node.input)
    }

    /// The two inputs of the binary operator that gives a value.
    pub fn pair_of(&self, name: &str, op_type: &str) -> Option<[&'a str; 2]> {
        match self.inputs_of(name, op_type)? {
            [a, b] => Some([a, b]),
            _ => None,
        }
    }

    /// Follows a value back through operators that leave its numbers as they are.
    pub fn same_numbers(&self, name: &'a str) -> &'a str {
        let mut name = name;
        while let Some(node) = self.producer(name) {
            if !SAME_NUMBERS.contains(&node.op_type.as_str()) || node.input.is_empty() {
                break;
            }
            name = &node.input[0];
        }
        name
    }

    /// A constant, through operators that leave its numbers as they are.
    pub fn constant(&self, name: &'a str) -> Option<Tensor> {
        let tensor = self.constants.get(self.same_numbers(name))?;
        read(tensor).ok()
    }

    /// Whether a value is a constant.
    pub fn is_constant(&self, name: &'a str) -> bool {
        self.constants.contains_key(self.same_numbers(name))
    }

    /// A constant of bytes: its shape, whether they are signed, and the bytes. They are not copied,
    /// because a table of words is most of a model.
    pub fn bytes(&self, name: &'a str) -> Option<(Vec<usize>, bool, Cow<'a, [u8]>)> {
        let tensor: &'a TensorProto = self.constants.get(self.same_numbers(name))?;
        let signed = match DataType::try_from(tensor.data_type).ok()? {
            DataType::Int8 => true,
            DataType::Uint8 => false,
            _ => return None,
        };
        let bytes = match tensor.raw_data.as_slice() {
            // ONNX's other form for small numbers.
            [] => tensor.int32_data.iter().map(|&number| number as u8).collect(),
            bytes => Cow::Borrowed(bytes),
        };
        let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&n| n.try_into().ok()).collect();
        let shape = shape?;
        let length = shape.iter().try_fold(1usize, |length, &n| length.checked_mul(n));
        (length == Some(bytes.len())).then_some((shape, signed, bytes))
    }

    /// A constant's numbers as f32.
    pub fn floats(&self, name: &'a str) -> Option<Vec<f32>> {
        let tensor = self.constant(name)?;
        let floats = tensor.cast_to::<f32>().ok()?;
        Some(floats.try_as_plain_ram().ok()?.as_slice::<f32>().ok()?.to_vec())
    }

    /// A constant of one number.
    pub fn scalar(&self, name: &'a str) -> Option<f32> {
        match self.floats(name)?[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    /// Whether `accept` holds for every input and constant that a value is computed from. What is
    /// read for its shape alone does not count.
    pub fn all_sources(&self, name: &'a str, accept: impl Fn(&'a str) -> bool) -> bool {
        let mut open = vec![name];
        let mut seen = HashSet::new();
        while let Some(name) = open.pop() {
            if name.is_empty() || !seen.insert(name) {
                continue;
            }
            match self.producer(name) {
                Some(node) if node.op_type == "Shape" => {}
                Some(node) => open.extend(node.input.iter().map(String::as_str)),
                None if accept(name) => {}
                None => return false,
            }
        }
        true
    }
}

/// The values of a constant. Those in files beside the model are refused.
pub(super) fn read(tensor: &TensorProto) -> TractResult<Tensor> {
    load_tensor(&*data_resolver::default(), tensor, None)
}

/// An attribute of a node.
pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// The first operator of a graph that only ONNX Runtime knows, where there is one.
pub(super) fn operator_of_onnx_runtime(model: &ModelProto) -> Option<&str> {
    let mut nodes = model.graph.iter().flat_map(|graph| &graph.node);
    let node = nodes.find(|node| node.domain.starts_with("com.microsoft"))?;
    Some(&node.op_type)
}
