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

use std::collections::{HashMap, HashSet};

use half::f16;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::round::ROUND;
use crate::engine::onnx::{FloatConstant, Graph};

/// Replaces quantized and dequantized constants of the main graph by floats. tract does not know all
/// types of the integers.
pub(super) fn fold_constants(model: &mut ModelProto, constants: &Graph) -> TractResult<()> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let nodes = std::mem::take(&mut graph.node);
    let mut rewriter = Rewriter::new(constants, graph);
    for node in nodes {
        let quantizes = matches!(&node.op_type[..], "QuantizeLinear" | "DequantizeLinear");
        if !quantizes || !rewriter.is_replaced(&node)? {
            rewriter.graph.node.push(node);
        }
    }
    rewriter.remove_replaced();
    Ok(())
}

/// Rewrites every quantized operator of the main graph, whose constants are in `constants`.
pub(super) fn in_floats(model: &mut ModelProto, constants: &Graph) -> TractResult<()> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let nodes = std::mem::take(&mut graph.node);
    let mut rewriter = Rewriter::new(constants, graph);
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
    /// The zero points of quantized values, which are also in the graph without them, under the names
    /// that `centred` gives.
    zero_points: HashMap<String, f32>,
}

/// A scale or a zero point.
enum Parameter {
    /// One number, or one for each column.
    Known(Vec<f32>),
    /// The number is computed in the graph.
    Computed(String),
}

impl<'g, 'a> Rewriter<'g, 'a> {
    fn new(constants: &'g Graph<'a>, graph: &'g mut GraphProto) -> Rewriter<'g, 'a> {
        Rewriter {
            constants,
            graph,
            exact: HashSet::new(),
            replaced: HashSet::new(),
            zero_points: HashMap::new(),
        }
    }

    fn dynamic_quantize(&mut self, node: &NodeProto) -> TractResult<()> {
        let [x, scale, zero_point] = node.output.as_slice() else { bail!("an output is missing") };
        self.identity(input(node, 0)?.clone(), x);
        let one = float_tensor(scale.clone(), vec![], &[1.0], DataType::Float as i32);
        self.graph.initializer.push(one);
        self.exact.insert(zero_point.clone());
        Ok(())
    }

    /// `clamp(round(x / scale) + zero_point)`.
    fn quantize(&mut self, node: &NodeProto) -> TractResult<()> {
        let Parameter::Known(scales) = self.parameter(node, input(node, 1)?)? else {
            bail!("its scale is not a constant");
        };
        self.round(input(node, 0)?.clone(), &scales, node, node.input.get(2))
    }

    /// Puts the result of a node in its place, if its inputs are constants.
    fn is_replaced(&mut self, node: &NodeProto) -> TractResult<bool> {
        let output = output(node)?;
        let Some(FloatConstant { shape, floats }) = self.constants.float_constant(output) else {
            return Ok(false);
        };
        let dims = shape.iter().map(|&size| size as i64).collect();
        let float = self.float_type(input(node, 1)?);
        self.graph.initializer.push(float_tensor(output.clone(), dims, &floats, float));
        self.replaced.extend(node.input.iter().cloned());
        Ok(true)
    }

    /// `(x - zero_point) * scale`.
    fn dequantize(&mut self, node: &NodeProto) -> TractResult<()> {
        let (values, scale, output) = (input(node, 0)?, input(node, 1)?, output(node)?);
        let float = self.float_type(scale);
        let scale = self.parameter(node, scale)?;
        let zeros = self.zero_point(node, node.input.get(2))?;
        let zero = match &zeros {
            None => Some(0.0),
            Some(Parameter::Known(zeros)) if zeros.len() == 1 => Some(zeros[0]),
            Some(_) => None,
        };
        let x = match (self.zero_points.get(values), zeros) {
            (Some(&of_values), _) if zero == Some(of_values) => centred(values),
            (_, zeros) => {
                let x = self.cast(values.clone(), output, float);
                match zeros {
                    Some(zeros) => self.apply("Sub", x, &zeros, output, float),
                    None => x,
                }
            }
        };
        let x = self.apply("Mul", x, &scale, output, float);
        self.identity(x, output);
        Ok(())
    }

    fn multiply_integers(&mut self, node: &NodeProto) -> TractResult<()> {
        let a = self.operand(node, 0, 2)?;
        let b = self.operand(node, 1, 3)?;
        self.graph.node.push(new_node("MatMul", vec![a, b], output(node)?.clone()));
        Ok(())
    }

    fn multiply_quantized(&mut self, node: &NodeProto) -> TractResult<()> {
        let (output, float) = (output(node)?, DataType::Float as i32);
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
        self.round(x, &[1.0], node, node.input.get(7))
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
        let output = format!("{}.operand_{index}", output(node)?);
        let Some(FloatConstant { shape, mut floats }) = self.constants.float_constant(name) else {
            let x = self.cast(name.clone(), &output, float);
            return Ok(match self.zero_point(node, zero_point)? {
                Some(zeros) => self.apply("Sub", x, &zeros, &output, float),
                None => x,
            });
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

    /// Adds the output of a node: the nearest integer to `x / scale`, ties to even, plus the zero point,
    /// within the range of its type.
    fn round(
        &mut self,
        x: String,
        scales: &[f32],
        node: &NodeProto,
        zero_point: Option<&String>,
    ) -> TractResult<()> {
        let output = output(node)?;
        let zero = match self.zero_point(node, zero_point)? {
            None => 0.0,
            Some(Parameter::Known(zeros)) if zeros.len() == 1 => zeros[0],
            Some(_) => bail!("its zero point is not one constant"),
        };
        let [scale] = scales else { bail!("it has a scale for each column of a computed value") };
        let (low, high) = self
            .constants
            .integers(zero_point, attribute(node, "output_dtype").map(|a| a.i))
            .context("it does not round to integers")?;
        let mut rounded = new_node(ROUND, vec![x], centred(output));
        let settings = [("scale", *scale), ("low", low - zero), ("high", high - zero)];
        rounded.attribute.extend(settings.map(|(name, f)| {
            let r#type = AttributeType::Float as i32;
            AttributeProto { name: name.into(), r#type, f, ..Default::default() }
        }));
        self.graph.node.push(rounded);
        // Most often only `dequantize` reads the value, and what is added here is not computed.
        let float = self.float_type(input(node, 1)?);
        let x = match zero {
            0.0 => centred(output),
            zero => {
                self.apply("Add", centred(output), &Parameter::Known(vec![zero]), output, float)
            }
        };
        self.identity(x, output);
        self.zero_points.insert(output.clone(), zero);
        Ok(())
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
        let int = |name, default| attribute(node, name).map_or(default, |a| a.i);
        let (axis, block) = (int("axis", 1), int("block_size", 0));
        let of_columns = node.op_type.contains("MatMul") || (axis == -1 && block == 0);
        ensure!(
            floats.len() == 1 || of_columns,
            "it has a scale for each index of axis {axis} of a computed value, which is not supported"
        );
        Ok(Parameter::Known(floats))
    }

    /// The type of the floats that a quantized value stands for.
    fn float_type(&self, scale: &str) -> i32 {
        let is_half = self.constants.is_half(scale);
        (if is_half { DataType::Float16 } else { DataType::Float }) as i32
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

/// The name of a quantized value without its zero point.
fn centred(name: &str) -> String {
    format!("{name}.centred")
}

fn input(node: &NodeProto, index: usize) -> TractResult<&String> {
    node.input.get(index).context("an input is missing")
}

fn output(node: &NodeProto) -> TractResult<&String> {
    node.output.first().context("it has no output")
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
