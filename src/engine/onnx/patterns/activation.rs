//! Activations: one operator, or their arithmetic.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use super::rules::{Rules, both_orders};
use crate::engine::onnx::graph::attribute;
use crate::model::Activation;

impl<'a> Rules<'a> {
    /// Splits `activation(x)` into `x` and the activation; [`Activation::None`] if it is unknown.
    pub(super) fn activation(&self, name: &'a str) -> (&'a str, Activation) {
        let name = self.same(name);
        let known = [("Relu", Activation::Relu), ("Tanh", Activation::Tanh)];
        let operator = known.into_iter().find_map(|(op_type, activation)| {
            let inputs = self.graph.inputs_of(name, op_type)?;
            Some((self.same(inputs.first()?), activation))
        });
        operator
            .or_else(|| self.gelu_operator(name))
            .or_else(|| self.gelu_arithmetic(name))
            .unwrap_or((name, Activation::None))
    }

    /// [`Rules::activation`] of one factor of a gated block, where `x * sigmoid(x)` is known too.
    pub(super) fn gate_activation(&self, name: &'a str) -> Option<(&'a str, Activation)> {
        let (x, activation) = self.activation(name);
        if activation != Activation::None {
            return Some((x, activation));
        }
        both_orders(self.graph.pair_of(x, "Mul")?).into_iter().find_map(|[x, sigmoid]| {
            let inputs = self.graph.inputs_of(self.same(sigmoid), "Sigmoid")?;
            let x = self.same(x);
            (self.same(inputs.first()?) == x).then_some((x, Activation::Silu))
        })
    }

    fn gelu_operator(&self, name: &'a str) -> Option<(&'a str, Activation)> {
        let node = self.graph.producer(name).filter(|n| n.op_type == "Gelu")?;
        let activation = match attribute(node, "approximate").map_or(&b"none"[..], |a| &a.s) {
            b"none" => Activation::Gelu,
            b"tanh" => Activation::GeluTanh,
            _ => return None,
        };
        Some((self.same(node.input.first()?), activation))
    }

    /// `x * 0.5 * (1 + sigmoid(x))` in any order, where `sigmoid` is the error function or its
    /// approximation by tanh.
    fn gelu_arithmetic(&self, name: &'a str) -> Option<(&'a str, Activation)> {
        let (factors, half) = self.product_of(name);
        let [a, b] = factors[..] else { return None };
        if !close(half, 0.5) {
            return None;
        }
        both_orders([a, b]).into_iter().find_map(|[x, sigmoid]| {
            let x = self.same(x);
            let one_more = both_orders(self.graph.pair_of(self.same(sigmoid), "Add")?);
            let [sigmoid, _] =
                one_more.into_iter().find(|[_, one]| self.scalar(one) == Some(1.0))?;
            let is = |op_type, within: fn(&Self, &'a str, &'a str) -> bool| {
                let inputs = self.graph.inputs_of(self.same(sigmoid), op_type)?;
                within(self, inputs.first()?, x).then_some(())
            };
            let erf = || is("Erf", Self::is_over_root_2).map(|()| Activation::Gelu);
            let tanh = || is("Tanh", Self::is_cubic).map(|()| Activation::GeluTanh);
            Some((x, erf().or_else(tanh)?))
        })
    }

    /// Whether a value is `x / sqrt(2)`.
    fn is_over_root_2(&self, name: &'a str, x: &'a str) -> bool {
        let (inner, by) = self.scaled(name);
        inner == x && close(by, FRAC_1_SQRT_2)
    }

    /// Whether a value is `sqrt(2 / pi) * (x + 0.044715 * x^3)`.
    fn is_cubic(&self, name: &'a str, x: &'a str) -> bool {
        let (sum, by) = self.scaled(name);
        let Some(terms) = self.graph.pair_of(sum, "Add") else { return false };
        let is = |[linear, cubic]: [&'a str; 2]| {
            let (factors, by) = self.product_of(cubic);
            self.same(linear) == x && factors == [x; 3] && close(by, 0.044_715)
        };
        close(by, (2.0 / PI).sqrt()) && both_orders(terms).into_iter().any(is)
    }

    /// The factors of a product that are not scalars, and the product of those that are. A product in int8,
    /// which is multiplied by its scales, is one factor.
    fn product_of(&self, name: &'a str) -> (Vec<&'a str>, f32) {
        let (mut factors, mut scale) = (vec![name], 1.0);
        // In a GELU, a factor is inside at most three products.
        for _ in 0..3 {
            factors = factors
                .into_iter()
                .flat_map(|name| {
                    let (name, by) = self.scaled(name);
                    scale *= by;
                    let is_int8 = |of: &&'a str| {
                        self.graph.inputs_of(self.same(of), "MatMulInteger").is_some()
                    };
                    let pair = self.graph.pair_of(name, "Mul");
                    let pair = pair.filter(|pair| !pair.iter().any(is_int8));
                    match (pair, self.graph.pair_of(name, "Pow")) {
                        (Some(pair), _) => pair.to_vec(),
                        (_, Some([x, power])) if self.scalar(power) == Some(3.0) => vec![x; 3],
                        _ => vec![name],
                    }
                })
                .collect();
        }
        (factors.into_iter().map(|name| self.same(name)).collect(), scale)
    }
}

fn close(value: f32, to: f32) -> bool {
    (value - to).abs() < 1e-4
}
