//! Rewrites quantized operators into operators on floats, before tract reads the graph.
//!
//! A quantized value becomes floats that hold the same integers, so rounding is what the operators'
//! definitions say (ONNX opset 10 to 25). tract's own operators are not used for two reasons. Its int8
//! product is about forty times slower than its f32 product. And whatever it takes for an operation on
//! single numbers between `DequantizeLinear` and `QuantizeLinear`, Softmax among it, becomes a table of
//! 256 numbers.
//!
//! `DynamicQuantizeLinear` does not round: its result is `x` itself, with a scale of 1 and a zero point
//! of 0. The engine's own kernels quantize activations more finely than the operator, too.

use std::collections::HashSet;

use half::f16;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use crate::engine::onnx::{FloatConstant, Graph};

/// Rewrites every quantized operator of the main graph, whose constants are in `constants`.
pub(super) fn in_floats(model: &mut ModelProto, constants: &Graph) -> TractResult<()> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let nodes = std::mem::take(&mut graph.node);
    let mut rewriter =
        Rewriter { constants, graph, exact: HashSet::new(), replaced: HashSet::new() };
    for node in nodes {
        let rewritten = match node.op_type.as_str() {
            "DynamicQuantizeLinear" => rewriter.dynamic_quantize(&node),
            "QuantizeLinear" => rewriter.quantize(&node),
            "DequantizeLinear" => rewriter.dequantize(&node),
            "MatMulInteger" => rewriter.multiply_integers(&node),
            "QLinearMatMul" => rewriter.multiply_quantized(&node),
            _ => {
                rewriter.graph.node.push(node);
                continue;
            }
        };
        rewritten.with_context(|| format!("{} {}", node.op_type, node.name))?;
    }
    rewriter.remove_replaced();
    Ok(())
}

struct Rewriter<'g, 'a> {
    constants: &'g Graph<'a>,
    graph: &'g mut GraphProto,
    /// The zero points of values that were not rounded, which are 0.
    exact: HashSet<String>,
    /// The constants that nodes read in integers before they were rewritten.
    replaced: HashSet<String>,
}

/// A scale or a zero point.
enum Parameter {
    /// One number, or one for each column.
    Known(Vec<f32>),
    /// The number is computed in the graph.
    Computed(String),
}

impl Rewriter<'_, '_> {
    fn dynamic_quantize(&mut self, node: &NodeProto) -> TractResult<()> {
        let [_, scale, zero_point] = node.output.as_slice() else { bail!("an output is missing") };
        self.identity(input(node, 0)?.clone(), &node.output[0]);
        let one = float_tensor(scale.clone(), vec![], &[1.0], DataType::Float as i32);
        self.graph.initializer.push(one);
        self.exact.insert(zero_point.clone());
        Ok(())
    }

    /// `clip(round(x / scale) + zero_point)`.
    fn quantize(&mut self, node: &NodeProto) -> TractResult<()> {
        let (scale, output) = (input(node, 1)?, &node.output[0]);
        let float = self.float_type(scale);
        let x = self.cast(input(node, 0)?.clone(), output, float);
        let scale = self.parameter(node, scale)?;
        let x = self.apply("Div", x, &scale, output, float);
        let x = self.round(x, node, node.input.get(2), float)?;
        self.identity(x, output);
        Ok(())
    }

    /// `(x - zero_point) * scale`.
    fn dequantize(&mut self, node: &NodeProto) -> TractResult<()> {
        let (values, scale, output) = (input(node, 0)?, input(node, 1)?, &node.output[0]);
        let float = self.float_type(scale);
        if self.constants.is_constant(output) {
            let FloatConstant { shape, floats } = self
                .constants
                .float_constant(output)
                .context("its scales or zero points do not fit its constant")?;
            let dims = shape.iter().map(|&size| size as i64).collect();
            self.graph.initializer.push(float_tensor(output.clone(), dims, &floats, float));
            self.replaced.insert(values.clone());
            return Ok(());
        }
        let scale = self.parameter(node, scale)?;
        let x = self.cast(values.clone(), output, float);
        let x = self.less_zero_point(x, node, node.input.get(2), output, float)?;
        let x = self.apply("Mul", x, &scale, output, float);
        self.identity(x, output);
        Ok(())
    }

    fn multiply_integers(&mut self, node: &NodeProto) -> TractResult<()> {
        let a = self.operand(node, 0, 2)?;
        let b = self.operand(node, 1, 3)?;
        self.graph.node.push(new_node("MatMul", vec![a, b], node.output[0].clone()));
        Ok(())
    }

    fn multiply_quantized(&mut self, node: &NodeProto) -> TractResult<()> {
        let (output, float) = (&node.output[0], DataType::Float as i32);
        let a = self.operand(node, 0, 2)?;
        let b = self.operand(node, 3, 5)?;
        let product = format!("{output}.product");
        self.graph.node.push(new_node("MatMul", vec![a, b], product.clone()));
        let mut scales =
            [1, 4, 6].into_iter().map(|i| match self.parameter(node, input(node, i)?)? {
                Parameter::Known(scales) => Ok(scales),
                Parameter::Computed(_) => bail!("a scale is not a constant"),
            });
        let mut scale = || scales.next().context("a scale is missing")?;
        let (of_a, mut factors, of_y) = (scale()?, scale()?, scale()?);
        let ([of_a], [of_y]) = (&of_a[..], &of_y[..]) else { bail!("it has scales for rows") };
        factors.iter_mut().for_each(|of_b| *of_b = of_a * *of_b / of_y);
        let x = self.apply("Mul", product, &Parameter::Known(factors), output, float);
        let x = self.round(x, node, node.input.get(7), float)?;
        self.identity(x, output);
        Ok(())
    }

    /// An operand of a product, without its zero point.
    fn operand(
        &mut self,
        node: &NodeProto,
        index: usize,
        zero_point: usize,
    ) -> TractResult<String> {
        let (name, zero_point) = (input(node, index)?, node.input.get(zero_point));
        let float = DataType::Float as i32;
        let output = format!("{}.operand_{index}", node.output[0]);
        let Some(FloatConstant { shape, mut floats }) = self.constants.float_constant(name) else {
            let x = self.cast(name.clone(), &output, float);
            return self.less_zero_point(x, node, zero_point, &output, float);
        };
        if let Some(Parameter::Known(zeros)) = self.zero_point(node, zero_point)? {
            ensure!(
                !zeros.is_empty() && floats.len() % zeros.len() == 0,
                "its zero points do not fit its weight"
            );
            for (i, value) in floats.iter_mut().enumerate() {
                *value -= zeros[i % zeros.len()];
            }
        }
        let dims = shape.iter().map(|&size| size as i64).collect();
        self.graph.initializer.push(float_tensor(output.clone(), dims, &floats, float));
        self.replaced.insert(name.clone());
        Ok(output)
    }

    /// The nearest integer, ties to even, plus the zero point, within the range of the type.
    fn round(
        &mut self,
        x: String,
        node: &NodeProto,
        zero_point: Option<&String>,
        float: i32,
    ) -> TractResult<String> {
        let output = &node.output[0];
        let zeros = self.zero_point(node, zero_point)?;
        let given = zero_point.and_then(|name| self.constants.data_type(name));
        let declared = attribute(node, "output_dtype").map(|a| a.i as i32).filter(|&t| t != 0);
        let (low, high) = match given.or(declared).unwrap_or(DataType::Uint8 as i32) {
            2 => (0, 255),
            3 => (-128, 127),
            4 => (0, 65_535),
            5 => (-32_768, 32_767),
            21 => (0, 15),
            22 => (-8, 7),
            other => {
                bail!("it rounds to numbers of ONNX's type {other}, and integers are supported")
            }
        };
        let rounded = format!("{output}.rounded");
        self.graph.node.push(new_node("Round", vec![x], rounded.clone()));
        let mut x = rounded;
        if let Some(zeros) = zeros {
            x = self.apply("Add", x, &zeros, output, float);
        }
        for (operator, limit) in [("Max", low), ("Min", high)] {
            x = self.apply(operator, x, &Parameter::Known(vec![limit as f32]), output, float);
        }
        Ok(x)
    }

    fn less_zero_point(
        &mut self,
        x: String,
        node: &NodeProto,
        zero_point: Option<&String>,
        prefix: &str,
        float: i32,
    ) -> TractResult<String> {
        Ok(match self.zero_point(node, zero_point)? {
            Some(zeros) => self.apply("Sub", x, &zeros, prefix, float),
            None => x,
        })
    }

    /// A zero point. `None` if it is 0.
    fn zero_point(
        &self,
        node: &NodeProto,
        name: Option<&String>,
    ) -> TractResult<Option<Parameter>> {
        let Some(name) = name.filter(|name| !name.is_empty() && !self.exact.contains(*name)) else {
            return Ok(None);
        };
        let zeros = self.parameter(node, name)?;
        let is_zero = matches!(&zeros, Parameter::Known(zeros) if zeros.iter().all(|&z| z == 0.0));
        Ok((!is_zero).then_some(zeros))
    }

    fn parameter(&self, node: &NodeProto, name: &str) -> TractResult<Parameter> {
        let Some(FloatConstant { floats, .. }) = self.constants.float_constant(name) else {
            return Ok(Parameter::Computed(name.into()));
        };
        let axis = attribute(node, "axis").map_or(1, |axis| axis.i);
        let of_columns = !node.op_type.ends_with("QuantizeLinear") || axis == -1;
        ensure!(
            floats.len() == 1 || of_columns,
            "it has a scale for each index of axis {axis} of a computed value, which is not supported"
        );
        Ok(Parameter::Known(floats))
    }

    /// The type of the floats that a quantized value stands for.
    fn float_type(&self, scale: &str) -> i32 {
        let half = DataType::Float16 as i32;
        if self.constants.data_type(scale) == Some(half) { half } else { DataType::Float as i32 }
    }

    /// Adds a binary operator, whose result gets a name that begins with `prefix`.
    fn apply(
        &mut self,
        operator: &str,
        x: String,
        by: &Parameter,
        prefix: &str,
        float: i32,
    ) -> String {
        let output = format!("{prefix}.{}", operator.to_lowercase());
        let by = match by {
            Parameter::Computed(name) => name.clone(),
            Parameter::Known(numbers) => {
                let (name, dims) = (
                    format!("{output}_by"),
                    match numbers.len() {
                        1 => vec![],
                        length => vec![length as i64],
                    },
                );
                self.graph.initializer.push(float_tensor(name.clone(), dims, numbers, float));
                name
            }
        };
        self.graph.node.push(new_node(operator, vec![x, by], output.clone()));
        output
    }

    fn cast(&mut self, x: String, prefix: &str, to: i32) -> String {
        let output = format!("{prefix}.floats");
        let mut node = new_node("Cast", vec![x], output.clone());
        let r#type = AttributeType::Int as i32;
        node.attribute.push(AttributeProto {
            name: "to".into(),
            r#type,
            i: to.into(),
            ..Default::default()
        });
        self.graph.node.push(node);
        output
    }

    fn identity(&mut self, x: String, output: &str) {
        self.graph.node.push(new_node("Identity", vec![x], output.into()));
    }

    /// Removes the constants that no node reads any more. tract does not know the types of some.
    fn remove_replaced(self) {
        let Rewriter { graph, mut replaced, .. } = self;
        for name in graph.node.iter().flat_map(|node| &node.input) {
            replaced.remove(name);
        }
        graph.initializer.retain(|tensor| !replaced.contains(&tensor.name));
        graph.input.retain(|input| !replaced.contains(&input.name));
    }
}

fn input(node: &NodeProto, index: usize) -> TractResult<&String> {
    node.input.get(index).context("an input is missing")
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn new_node(operator: &str, input: Vec<String>, output: String) -> NodeProto {
    NodeProto {
        name: output.clone(),
        input,
        output: vec![output],
        op_type: operator.into(),
        ..Default::default()
    }
}

fn float_tensor(name: String, dims: Vec<i64>, floats: &[f32], data_type: i32) -> TensorProto {
    let raw_data = match data_type == DataType::Float16 as i32 {
        true => floats.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
        false => floats.iter().flat_map(|x| x.to_le_bytes()).collect(),
    };
    TensorProto { name, dims, data_type, raw_data, ..Default::default() }
}
