//! The nodes that take the place of one.

use bytes::Bytes;

use crate::engine::onnx::graph::{Constant, Graph, attribute};
use crate::engine::onnx::proto::{Attribute, AttributeType, DataType, Node, Tensor};

/// A node, and what is added to the graph in its place.
pub(super) struct Expansion<'a> {
    node: &'a Node,
    graph: &'a Graph<'a>,
    nodes: &'a mut Vec<Node>,
    constants: &'a mut Vec<Tensor>,
    /// The number of values that have been named.
    values: usize,
}

impl<'a> Expansion<'a> {
    pub fn new(
        node: &'a Node,
        graph: &'a Graph<'a>,
        nodes: &'a mut Vec<Node>,
        constants: &'a mut Vec<Tensor>,
    ) -> Expansion<'a> {
        Expansion { node, graph, nodes, constants, values: 0 }
    }

    /// The name of an input. `None` if it is left out.
    pub fn input(&self, index: usize) -> Option<&'a str> {
        self.node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// `Some` if all inputs from an index on are left out.
    pub fn no_inputs_from(&self, index: usize) -> Option<()> {
        self.node.input.iter().skip(index).all(String::is_empty).then_some(())
    }

    /// A constant among the inputs.
    pub fn constant(&self, index: usize) -> Option<Constant<'a>> {
        self.graph.constant(self.input(index)?)
    }

    /// The shape of a constant, by its name.
    pub fn shape_of_constant(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.graph.stored(name)?.shape)
    }

    /// The node that computes a value.
    pub fn producer(&self, name: &str) -> Option<&'a Node> {
        self.graph.producer(name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        attribute(self.node, name).map_or(default, |attribute| attribute.i)
    }

    /// An attribute that is a size.
    pub fn size(&self, name: &str, default: i64) -> Option<usize> {
        self.int(name, default).try_into().ok()
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        attribute(self.node, name).map_or(default, |attribute| attribute.f)
    }

    pub fn text(&self, name: &str) -> &'a [u8] {
        attribute(self.node, name).map_or(&[], |attribute| &attribute.s)
    }

    /// Adds a node. Returns the name of what it computes.
    pub fn add(&mut self, op_type: &str, inputs: &[&str]) -> String {
        self.add_with(op_type, inputs, Vec::new())
    }

    /// [`Expansion::add`] with attributes.
    pub fn add_with(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
    ) -> String {
        self.add_outputs(op_type, inputs, attributes, 1).swap_remove(0)
    }

    /// [`Expansion::add_with`] with several outputs.
    pub fn add_outputs(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        attribute: Vec<Attribute>,
        count: usize,
    ) -> Vec<String> {
        let output: Vec<String> = (0..count).map(|_| self.name()).collect();
        let input = inputs.iter().map(|&name| name.into()).collect();
        let name = output[0].clone();
        let op_type = op_type.into();
        self.nodes.push(Node {
            input,
            output: output.clone(),
            name,
            op_type,
            attribute,
            ..Node::default()
        });
        output
    }

    /// Says which value an output of the node is. Nothing, if nobody reads that output.
    pub fn give(&mut self, output: usize, value: &str) {
        let Some(output) = self.node.output.get(output).filter(|name| !name.is_empty()) else {
            return;
        };
        self.nodes.push(Node {
            input: vec![value.into()],
            output: vec![output.clone()],
            name: output.clone(),
            op_type: "Identity".into(),
            ..Node::default()
        });
    }

    /// `a + b` if there is a `b`, else `a`.
    pub fn plus(&mut self, a: String, b: Option<&str>) -> String {
        match b {
            Some(b) => self.add("Add", &[&a, b]),
            None => a,
        }
    }

    /// `x` times a number.
    pub fn times(&mut self, x: String, factor: f32) -> String {
        if factor == 1.0 {
            return x;
        }
        let factor = self.floats(&[], &[factor]);
        self.add("Mul", &[&x, &factor])
    }

    pub fn transpose(&mut self, x: &str, axes: &[i64]) -> String {
        self.add_with("Transpose", &[x], vec![ints("perm", axes)])
    }

    /// Adds a constant of floats.
    pub fn floats(&mut self, shape: &[usize], floats: &[f32]) -> String {
        let bytes = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensor(shape, DataType::Float, bytes)
    }

    /// Adds a constant of integers. The shape is that of one axis, or that of a scalar.
    pub fn integers(&mut self, shape: &[usize], integers: &[i64]) -> String {
        let bytes = integers.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensor(shape, DataType::Int64, bytes)
    }

    pub fn tensor(&mut self, shape: &[usize], data_type: DataType, raw_data: Bytes) -> String {
        let name = self.name();
        let dims = shape.iter().map(|&size| size as i64).collect();
        let data_type = data_type.into();
        let named = name.clone();
        self.constants.push(Tensor { name: named, dims, data_type, raw_data, ..Tensor::default() });
        name
    }

    /// A name that no other value has.
    fn name(&mut self) -> String {
        self.values += 1;
        let of = self.node.output.first().map_or("", String::as_str);
        format!("{of}.{}.{}", self.node.op_type, self.values)
    }
}

pub(super) fn int(name: &str, i: i64) -> Attribute {
    Attribute { i, ..named(name, AttributeType::Int) }
}

pub(super) fn ints(name: &str, ints: &[i64]) -> Attribute {
    Attribute { ints: ints.into(), ..named(name, AttributeType::Ints) }
}

pub(super) fn float(name: &str, f: f32) -> Attribute {
    Attribute { f, ..named(name, AttributeType::Float) }
}

pub(super) fn text(name: &str, s: &'static str) -> Attribute {
    Attribute { s: s.into(), ..named(name, AttributeType::String) }
}

fn named(name: &str, of: AttributeType) -> Attribute {
    Attribute { name: name.into(), r#type: of.into(), ..Attribute::default() }
}
