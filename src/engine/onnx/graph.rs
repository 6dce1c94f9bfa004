//! A view of an ONNX graph, for rules that match it from the outputs backwards.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use half::f16;

use super::proto::{self, Attribute, DataType, Node, Tensor};
use super::quantization::{FloatConstant, Parameters};
#[cfg(feature = "general")]
use crate::model::Output;
use crate::model::{Config, Floats};

/// Operators that may change the shape or the type of a tensor, but not its numbers or their order.
const SAME_NUMBERS: [&str; 8] =
    ["Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"];

/// The nodes of a graph by the names of their outputs, and its constants by name.
pub(in crate::engine) struct Graph<'a> {
    graph: &'a proto::Graph,
    producers: HashMap<&'a str, &'a Node>,
    constants: HashMap<&'a str, &'a Tensor>,
}

/// The value of a graph that is the output of the model.
#[cfg(feature = "general")]
pub(in crate::engine) struct OutputValue<'a> {
    pub name: &'a str,
    /// Whether it is a probability where the model has a logit.
    pub is_probability: bool,
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

    /// The only output, or the first one with a name that the output of a model usually has.
    pub fn output(&self, config: &Config) -> Result<&'a str> {
        let names: Vec<&str> = self.graph.output.iter().map(|output| &*output.name).collect();
        let usual = config.output.names();
        let name = match names[..] {
            [] => bail!("it has no output"),
            [name] => Some(name),
            _ => names.iter().copied().find(|name| usual.contains(name)),
        };
        Ok(name.ok_or_else(|| config.wrong_output(&names.join(", ")))?)
    }

    /// The value whose sigmoid a value is, or the value itself.
    pub fn before_sigmoid(&self, name: &'a str) -> &'a str {
        match self.inputs_of(self.same_numbers(name), "Sigmoid") {
            Some([logit]) => logit,
            _ => name,
        }
    }

    /// Where the graph gives what the configured model computes.
    #[cfg(feature = "general")]
    pub fn output_value(&self, config: &Config) -> Result<OutputValue<'a>> {
        let name = self.output(config)?;
        if let Output::Embedding(_) = config.output {
            return Ok(OutputValue { name, is_probability: false });
        }
        let name = self.before_sigmoid(name);
        // What is taken of probabilities, or rounded, is a probability.
        let mut source = self.same_numbers(name);
        while let Some(node) = self.producer(source)
            && let "Gather" | "Slice" | "Split" | "QuantizeLinear" | "DequantizeLinear" =
                node.op_type.as_str()
            && let Some(input) = node.input.first()
        {
            source = self.same_numbers(input);
        }
        let node = self.producer(source);
        let is_probability = node.is_some_and(|n| matches!(&n.op_type[..], "Sigmoid" | "Softmax"));
        Ok(OutputValue { name, is_probability })
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

    /// A constant in the shape in which the graph holds it.
    pub fn stored(&self, name: &str) -> Option<Constant<'a>> {
        Constant::new(self.constants.get(name)?)
    }

    /// A constant that the graph holds as integers, through operators that leave its numbers as they
    /// are.
    pub fn dequantized(&self, name: &'a str) -> Option<FloatConstant> {
        let node = self.dequantizer(self.same_numbers(name))?;
        let constant = |name: &'a str| self.constant(name)?.numbers();
        constant(node.input.first()?)?.dequantized(&parameters(node, constant)?)
    }

    /// The floats of a constant, or of one that is quantized, dequantized or both, in the shape that the
    /// graph gives them.
    #[cfg(feature = "general")]
    pub fn float_constant(&self, name: &str) -> Option<FloatConstant> {
        let constant = |name: &str| Constant::new(self.constants.get(name)?)?.numbers();
        let stored = |name: &str| {
            constant(name).or_else(|| {
                let node = self.producer(name).filter(|node| node.op_type == "QuantizeLinear")?;
                let x = constant(node.input.first()?)?;
                let declared = attribute(node, "output_dtype").map(|a| a.i);
                let integers = self.integers(node.input.get(2), declared)?;
                x.quantized(&parameters(node, constant)?, integers)
            })
        };
        stored(name).or_else(|| {
            let node = self.dequantizer(name)?;
            stored(node.input.first()?)?.dequantized(&parameters(node, constant)?)
        })
    }

    /// The least and the largest integer of the type of a zero point, or of the type that a node
    /// declares with its attribute `output_dtype`. `None` if they are not integers.
    #[cfg(feature = "general")]
    pub fn integers(
        &self,
        zero_point: Option<&String>,
        declared: Option<i64>,
    ) -> Option<(f32, f32)> {
        let given = zero_point.and_then(|name| self.constants.get(name.as_str()));
        let declared =
            declared.filter(|&data_type| data_type != 0).map(|data_type| data_type as i32);
        let data_type = given.map(|tensor| tensor.data_type).or(declared);
        DataType::try_from(data_type.unwrap_or(DataType::Uint8 as i32)).ok()?.integers()
    }

    /// Whether a constant is of 16-bit floats.
    #[cfg(feature = "general")]
    pub fn is_half(&self, name: &str) -> bool {
        let half = DataType::Float16 as i32;
        self.constants.get(name).is_some_and(|tensor| tensor.data_type == half)
    }

    fn dequantizer(&self, name: &str) -> Option<&'a Node> {
        self.producer(name).filter(|node| node.op_type == "DequantizeLinear")
    }

    /// Whether a value is a constant, of floats or of integers that are dequantized.
    pub fn is_constant(&self, name: &'a str) -> bool {
        let is = |name| self.constants.contains_key(self.same_numbers(name));
        let dequantizer = self.dequantizer(self.same_numbers(name));
        is(name) || dequantizer.and_then(|n| n.input.first()).is_some_and(|x| is(x))
    }

    /// The numbers of a constant as f32.
    pub fn floats(&self, name: &'a str) -> Option<Vec<f32>> {
        match self.constant(name) {
            Some(constant) => constant.floats(),
            None => Some(self.dequantized(name)?.floats),
        }
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
        self.all(name, |name, node| node.is_some() || accept(name))
    }

    /// Whether `accept` holds for any node that a value is computed by, without those of which only the
    /// shape is read.
    pub fn any_producer(&self, name: &'a str, accept: impl Fn(&'a Node) -> bool) -> bool {
        !self.all(name, |_, node| !node.is_some_and(&accept))
    }

    /// Whether `accept` holds for a value and all that it is computed from, each with its node.
    fn all(&self, name: &'a str, accept: impl Fn(&'a str, Option<&'a Node>) -> bool) -> bool {
        let mut open = vec![name];
        let mut seen = HashSet::new();
        while let Some(name) = open.pop() {
            if name.is_empty() || !seen.insert(name) {
                continue;
            }
            let node = self.producer(name);
            if !accept(name, node) {
                return false;
            }
            let read = node.filter(|node| node.op_type != "Shape").map(|node| &node.input);
            open.extend(read.into_iter().flatten().map(String::as_str));
        }
        true
    }
}

/// A constant of the graph.
pub(in crate::engine) struct Constant<'a> {
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

    fn numbers(self) -> Option<FloatConstant> {
        Some(FloatConstant { floats: self.floats()?, shape: self.shape })
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
            DataType::Int16 if is_raw => numbers(raw, |b| i16::from_le_bytes(b).into()),
            DataType::Uint16 if is_raw => numbers(raw, |b| u16::from_le_bytes(b).into()),
            DataType::Int8 if is_raw => numbers(raw, |b| i8::from_le_bytes(b).into()),
            DataType::Uint8 | DataType::Bool if is_raw => numbers(raw, |[b]| b.into()),
            DataType::Int4 | DataType::Uint4 => {
                let stored = int32_data.iter().map(|&number| number as u8);
                let bytes: Vec<u8> = if is_raw { raw.to_vec() } else { stored.collect() };
                let halves = bytes.iter().flat_map(|&byte| [byte & 15, byte >> 4]);
                let number = |half: u8| match self.data_type {
                    DataType::Int4 if half > 7 => f32::from(half) - 16.0,
                    _ => half.into(),
                };
                halves.take(self.length).map(number).collect()
            }
            DataType::Int32
            | DataType::Int16
            | DataType::Uint16
            | DataType::Int8
            | DataType::Uint8
            | DataType::Bool => int32_data.iter().map(|&number| number as f32).collect(),
            DataType::Undefined => return None,
        };
        (floats.len() == self.length).then_some(floats)
    }
}

/// The scales and the zero points of `QuantizeLinear` or `DequantizeLinear`, if they are constants.
fn parameters<'a>(
    node: &'a Node,
    constant: impl Fn(&'a str) -> Option<FloatConstant>,
) -> Option<Parameters> {
    let zero_points = match node.input.get(2).filter(|name| !name.is_empty()) {
        Some(name) => Some(constant(name)?.floats),
        None => None,
    };
    let int = |name, default| attribute(node, name).map_or(default, |a| a.i);
    let scales = constant(node.input.get(1)?)?.floats;
    Some(Parameters { scales, zero_points, axis: int("axis", 1), block: int("block_size", 0) })
}

/// Numbers that lie one after another.
fn numbers<const BYTES: usize>(raw: &[u8], number: impl Fn([u8; BYTES]) -> f32) -> Vec<f32> {
    raw.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
}

/// An attribute of a node.
pub(super) fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a Attribute> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}
