//! A view of an ONNX graph, for rules that match it from the outputs backwards.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use half::f16;

use super::proto::{self, Attribute, DataType, Node, Tensor};
use crate::model::{Config, Floats};

/// Operators that may change the shape or the type of a tensor, but not its numbers or their order.
const SAME_NUMBERS: [&str; 8] =
    ["Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"];

/// The nodes of a graph by the names of their outputs, and its constants by name.
pub(super) struct Graph<'a> {
    graph: &'a proto::Graph,
    producers: HashMap<&'a str, &'a Node>,
    constants: HashMap<&'a str, &'a Tensor>,
}

impl<'a> Graph<'a> {
    /// # Errors
    /// A node reads a value that nothing gives, or one that is computed after it, or two values have
    /// one name. ONNX forbids all of these, and the rules rely on there being no cycle.
    pub fn new(model: &'a proto::Model) -> Result<Graph<'a>> {
        let graph = model.graph.as_ref().context("it has no graph")?;
        let mut constants: HashMap<&str, &Tensor> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut producers = HashMap::new();
        let inputs: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
        for node in &graph.node {
            let is_known = |name: &str| {
                constants.contains_key(name)
                    || producers.contains_key(name)
                    || inputs.contains(name)
            };
            for name in node.input.iter().map(String::as_str).filter(|name| !name.is_empty()) {
                ensure!(is_known(name), "{} reads {name}, which nothing computes", node.label());
            }
            for name in node.output.iter().map(String::as_str).filter(|name| !name.is_empty()) {
                ensure!(!is_known(name), "{} computes {name} a second time", node.label());
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

    /// The name and the index of the only output, or of the first one with a name that the output of
    /// a model usually has.
    pub fn output(&self, config: &Config) -> Result<(&'a str, usize)> {
        let names: Vec<&str> = self.graph.output.iter().map(|output| &*output.name).collect();
        let usual = config.output.names();
        let position = match names.len() {
            0 => bail!("it has no output"),
            1 => Some(0),
            _ => names.iter().position(|name| usual.contains(name)),
        };
        let position = position.ok_or_else(|| config.wrong_output(&names.join(", ")))?;
        Ok((names[position], position))
    }

    /// The names of the inputs, without constants, which ONNX IR 3 lists among them.
    pub fn inputs(&self) -> impl Iterator<Item = &'a str> {
        let names = self.graph.input.iter().map(|input| input.name.as_str());
        names.filter(|name| !self.constants.contains_key(name))
    }

    /// The node that computes a value.
    pub fn producer(&self, name: &str) -> Option<&'a Node> {
        self.producers.get(name).copied()
    }

    /// The inputs of the node that computes a value, if it is an `op_type`.
    pub fn inputs_of(&self, name: &str, op_type: &str) -> Option<&'a [String]> {
        let node = self.producer(name).filter(|node| node.op_type == op_type)?;
        Some(&node.input)
    }

    /// The two inputs of the binary operator that computes a value.
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
    pub fn constant(&self, name: &'a str) -> Option<Constant<'a>> {
        Constant::new(self.constants.get(self.same_numbers(name))?)
    }

    /// Whether a value is a constant.
    pub fn is_constant(&self, name: &'a str) -> bool {
        self.constants.contains_key(self.same_numbers(name))
    }

    /// The numbers of a constant as f32.
    pub fn floats(&self, name: &'a str) -> Option<Vec<f32>> {
        self.constant(name)?.floats()
    }

    /// A constant of one number.
    pub fn scalar(&self, name: &'a str) -> Option<f32> {
        match self.floats(name)?[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    /// Whether `accept` holds for every input and constant that a value is computed from. A value of
    /// which only the shape is read does not count.
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

/// A constant of the graph.
pub(super) struct Constant<'a> {
    pub shape: Vec<usize>,
    length: usize,
    data_type: DataType,
    tensor: &'a Tensor,
}

impl<'a> Constant<'a> {
    /// `None` if encoders have no constants of its shape or type.
    pub fn new(tensor: &'a Tensor) -> Option<Constant<'a>> {
        let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&n| n.try_into().ok()).collect();
        let shape = shape?;
        let length = shape.iter().try_fold(1usize, |length, &n| length.checked_mul(n))?;
        let data_type = DataType::try_from(tensor.data_type).ok()?;
        Some(Constant { shape, length, data_type, tensor })
    }

    pub fn is_scalar(&self) -> bool {
        self.length == 1
    }

    pub fn is_float(&self) -> bool {
        matches!(self.data_type, DataType::Float | DataType::Float16 | DataType::Double)
    }

    /// The bytes of 8-bit integers, and whether those are unsigned. They are not copied, because the
    /// token embeddings are most of a model.
    pub fn bytes(&self) -> Option<(bool, Bytes)> {
        let unsigned = match self.data_type {
            DataType::Int8 => false,
            DataType::Uint8 => true,
            _ => return None,
        };
        let bytes = match &self.tensor.raw_data[..] {
            // ONNX's other form for small numbers.
            [] => self.tensor.int32_data.iter().map(|&number| number as u8).collect(),
            _ => self.tensor.raw_data.clone(),
        };
        (bytes.len() == self.length).then_some((unsigned, bytes))
    }

    /// The numbers of a matrix of floats, without a copy if they are f32 or f16 in the file.
    pub fn matrix(&self) -> Option<Floats> {
        let raw = &self.tensor.raw_data;
        match self.data_type {
            DataType::Float if raw.len() == self.length.saturating_mul(4) => {
                Some(Floats::f32(raw.clone()))
            }
            DataType::Float16 if raw.len() == self.length.saturating_mul(2) => {
                Some(Floats::f16(raw.clone()))
            }
            _ => self.floats().map(Floats::from),
        }
    }

    /// The numbers as f32, whatever type they are stored in.
    pub fn floats(&self) -> Option<Vec<f32>> {
        let Tensor { raw_data: raw, float_data, int32_data, int64_data, double_data, .. } =
            self.tensor;
        let is_raw = !raw.is_empty();
        let floats: Vec<f32> = match self.data_type {
            DataType::Float if is_raw => numbers(raw, f32::from_le_bytes),
            DataType::Float => float_data.clone(),
            DataType::Float16 if is_raw => numbers(raw, |b| f16::from_le_bytes(b).to_f32()),
            DataType::Float16 => {
                int32_data.iter().map(|&bits| f16::from_bits(bits as u16).to_f32()).collect()
            }
            DataType::Double if is_raw => numbers(raw, |b| f64::from_le_bytes(b) as f32),
            DataType::Double => double_data.iter().map(|&number| number as f32).collect(),
            DataType::Int64 if is_raw => numbers(raw, |b| i64::from_le_bytes(b) as f32),
            DataType::Int64 => int64_data.iter().map(|&number| number as f32).collect(),
            DataType::Int32 if is_raw => numbers(raw, |b| i32::from_le_bytes(b) as f32),
            DataType::Int8 if is_raw => numbers(raw, |b| i8::from_le_bytes(b).into()),
            DataType::Uint8 | DataType::Bool if is_raw => numbers(raw, |[b]| b.into()),
            DataType::Int32 | DataType::Int8 | DataType::Uint8 | DataType::Bool => {
                int32_data.iter().map(|&number| number as f32).collect()
            }
            DataType::Undefined => return None,
        };
        (floats.len() == self.length).then_some(floats)
    }
}

/// Numbers that lie one after another.
fn numbers<const BYTES: usize>(raw: &[u8], number: impl Fn([u8; BYTES]) -> f32) -> Vec<f32> {
    raw.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
}

/// An attribute of a node.
pub(super) fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a Attribute> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}
