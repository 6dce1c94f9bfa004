//! A call of an operator: its attributes and its inputs.

use std::rc::Rc;

use anyhow::{Context, Result};

use super::tensor::Tensor;
use crate::engine::onnx::proto::{Attribute, Node};

/// A node with the values of its inputs.
pub(super) struct Call<'a> {
    pub node: &'a Node,
    /// `None` where an optional input is left out.
    pub inputs: Vec<Option<Rc<Tensor>>>,
    /// The type of each input that is a constant, as ONNX numbers the types.
    pub types: Vec<Option<i32>>,
    /// The version of ONNX's operators.
    pub opset: i64,
}

impl<'a> Call<'a> {
    pub fn input(&self, index: usize) -> Result<&Tensor> {
        self.optional(index).with_context(|| format!("input {index} is missing"))
    }

    pub fn optional(&self, index: usize) -> Option<&Tensor> {
        self.inputs.get(index)?.as_deref()
    }

    pub fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    /// A setting that is an attribute in old opsets and the input at `index` in new ones.
    pub fn integers(&self, name: &str, index: usize) -> Option<Vec<i64>> {
        let attribute = self.attribute(name).map(|attribute| attribute.ints.clone());
        attribute.or_else(|| Some(self.optional(index)?.as_integers().into_owned()))
    }
}
