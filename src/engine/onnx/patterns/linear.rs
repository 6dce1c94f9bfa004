//! Linear layers: products with constant matrices, in f32 or in int8, and their biases.

use super::rules::{Rules, both_orders};
use crate::engine::onnx::graph::attribute;
use crate::engine::onnx::proto::Node;
use crate::engine::onnx::quantization::FloatConstant;
use crate::model::{Activation, Floats, Int8, Linear, Weights, signed};

impl<'a> Rules<'a> {
    /// The input of a linear layer, and the layer: a product in any of the forms of `product`, and a
    /// bias.
    pub(super) fn linear(&self, name: &'a str) -> Option<(&'a str, Linear)> {
        let name = self.same(name);
        if let Some(node) = self.graph.producer(name).filter(|n| n.op_type == "Gemm") {
            return self.gemm(node);
        }
        if let Some((product, bias)) = self.with_floats(name, "Add") {
            let (x, matrix) = self.product(self.same(product))?;
            return Some((x, matrix.with_bias(bias)?));
        }
        let (x, matrix) = self.product(name)?;
        let bias = vec![0.0; matrix.columns];
        Some((x, matrix.with_bias(bias)?))
    }

    fn gemm(&self, node: &'a Node) -> Option<(&'a str, Linear)> {
        let [x, weight, bias @ ..] = node.input.as_slice() else { return None };
        let float = |name| attribute(node, name).map_or(1.0, |a| a.f);
        let flag = |name| attribute(node, name).is_some_and(|a| a.i != 0);
        if float("alpha") != 1.0 || float("beta") != 1.0 || flag("transA") {
            return None;
        }
        let matrix = self.matrix(weight)?;
        let matrix = if flag("transB") { matrix.transposed() } else { matrix };
        let bias = match bias.first().filter(|name| !name.is_empty()) {
            Some(bias) => self.graph.floats(bias)?,
            None => vec![0.0; matrix.columns],
        };
        Some((self.same(x), matrix.with_bias(bias)?))
    }

    /// `x w` as `x` and `w`, in f32 or in int8.
    fn product(&self, name: &'a str) -> Option<(&'a str, Matrix)> {
        if let Some([x, weight]) = self.graph.pair_of(name, "MatMul") {
            return Some((self.same(x), self.matrix(weight)?));
        }
        both_orders(self.graph.pair_of(name, "Mul")?)
            .into_iter()
            .find_map(|[product, scales]| self.int8_product(self.same(product), self.same(scales)))
    }

    /// `matmul_integer(q, w, q_zero, w_zero) * (q_scale * w_scale)` as `x` and `w`, where
    /// `q, q_scale, q_zero = dynamic_quantize(x)`.
    fn int8_product(&self, product: &'a str, scales: &'a str) -> Option<(&'a str, Matrix)> {
        let inputs = self.graph.inputs_of(product, "MatMulInteger")?;
        let (quantized, weight) = (inputs.first()?, inputs.get(1)?);
        let activation = self.dynamic_quantize(quantized)?;
        if inputs.get(2) != activation.output.get(2) {
            return None;
        }
        let scales = both_orders(self.graph.pair_of(scales, "Mul")?);
        let [_, scale] = scales.into_iter().find(|[of_x, _]| Some(*of_x) == second(activation))?;
        let matrix = self.int8_matrix(weight, scale, inputs.get(3))?;
        Some((self.same(&activation.input[0]), matrix))
    }

    /// The node that quantizes activations.
    pub(super) fn dynamic_quantize(&self, quantized: &'a str) -> Option<&'a Node> {
        let node = self.graph.producer(self.same(quantized))?;
        (node.op_type == "DynamicQuantizeLinear" && !node.input.is_empty()).then_some(node)
    }

    /// A constant matrix of floats: as it is, transposed, or dequantized.
    pub(super) fn matrix(&self, name: &'a str) -> Option<Matrix> {
        match self.graph.inputs_of(name, "Transpose") {
            Some(inputs) => Some(self.upright_matrix(&inputs[0])?.transposed()),
            None => self.upright_matrix(name),
        }
    }

    fn upright_matrix(&self, name: &'a str) -> Option<Matrix> {
        if let Some(FloatConstant { shape, floats }) = self.graph.dequantized(name) {
            let [rows, columns] = sides(&shape)?;
            return Some(Matrix { rows, columns, values: Weights::Float(floats.into()) });
        }
        let constant = self.graph.constant(name).filter(|constant| constant.is_float())?;
        let [rows, columns] = sides(&constant.shape)?;
        Some(Matrix { rows, columns, values: Weights::Float(constant.matrix()?) })
    }

    /// A constant int8 or uint8 matrix. It has a scale and a zero point for each column, or one for
    /// all.
    pub(super) fn int8_matrix(
        &self,
        values: &'a str,
        scale: &'a str,
        zero_point: Option<&'a String>,
    ) -> Option<Matrix> {
        let constant = self.graph.constant(values)?;
        let (unsigned, bytes) = constant.bytes()?;
        let [rows, columns] = sides(&constant.shape)?;
        let zero_points = match zero_point.filter(|name| !name.is_empty()) {
            Some(name) => {
                let (unsigned, zero_points) = self.graph.constant(name)?.bytes()?;
                zero_points.iter().map(|&zero| signed(zero, unsigned).into()).collect()
            }
            None => vec![signed(0, unsigned).into()],
        };
        let scales = self.graph.floats(scale)?;
        let int8 = Int8 { bytes, unsigned, scales, zero_points, by_row: false };
        let values = Weights::Int8(int8);
        values.fit(rows, columns).then_some(Matrix { rows, columns, values })
    }
}

/// A constant matrix, `[rows, columns]`.
pub(super) struct Matrix {
    pub rows: usize,
    columns: usize,
    pub values: Weights,
}

impl Matrix {
    fn with_bias(self, bias: Vec<f32>) -> Option<Linear> {
        let Matrix { rows, columns, values } = self;
        let fits = bias.len() == columns && values.fit(rows, columns);
        let activation = Activation::None;
        fits.then_some(Linear { inputs: rows, outputs: columns, weights: values, bias, activation })
    }

    fn transposed(self) -> Matrix {
        let Matrix { rows, columns, values } = self;
        let floats = match values {
            Weights::Float(floats) => floats,
            int8 => Floats::from(int8.to_f32(columns)),
        };
        let values = Weights::Float(floats.transposed(columns));
        Matrix { rows: columns, columns: rows, values }
    }
}

/// The sides of a matrix that has elements. Without any, one side could be of any length.
fn sides(shape: &[usize]) -> Option<[usize; 2]> {
    <[usize; 2]>::try_from(shape).ok().filter(|sides| !sides.contains(&0))
}

/// The second output of a node.
fn second(node: &Node) -> Option<&str> {
    node.output.get(1).map(String::as_str)
}
