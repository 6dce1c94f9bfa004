//! Layer normalization: the operator, or its arithmetic.

use super::rules::{Rules, both_orders};
use crate::engine::onnx::graph::attribute;
use crate::model::Norm;

impl<'a> Rules<'a> {
    /// The input and the parameters of a layer norm.
    pub(super) fn norm(&self, name: &'a str) -> Option<(&'a str, Norm)> {
        let mut name = self.same(name);
        if let Some(pair) = self.graph.pair_of(name, "Mul")
            && let Some([x, _]) = both_orders(pair).into_iter().find(|[_, mask]| self.is_mask(mask))
        {
            // The attention mask, which is 1 for each token.
            name = self.same(x);
        }
        if let Some(node) = self.graph.producer(name).filter(|n| n.op_type == "LayerNormalization")
        {
            let [x, gamma, beta @ ..] = node.input.as_slice() else { return None };
            let eps = attribute(node, "epsilon").map_or(1e-5, |eps| eps.f);
            let gamma = self.graph.floats(gamma)?;
            let beta = match beta.first().filter(|name| !name.is_empty()) {
                Some(beta) => self.graph.floats(beta)?,
                None => vec![0.0; gamma.len()],
            };
            let last = matches!(attribute(node, "axis").map_or(-1, |axis| axis.i), -1 | 2);
            return last.then_some((self.same(x), Norm { gamma, beta, eps }));
        }
        let (scaled, beta) = match self.with_floats(name, "Add") {
            Some((scaled, beta)) => (scaled, Some(beta)),
            None => (name, None),
        };
        let (normalized, gamma) = self.with_floats(scaled, "Mul")?;
        let beta = beta.unwrap_or_else(|| vec![0.0; gamma.len()]);
        let [centred, deviation] = self.graph.pair_of(normalized, "Div")?;
        let x = self.centred(centred)?;
        let [variance] = self.graph.inputs_of(deviation, "Sqrt")? else { return None };
        let (variance, eps) = self.with_floats(variance, "Add")?;
        let square = self.mean_of(variance)?;
        let of = match (self.graph.pair_of(square, "Pow"), self.graph.pair_of(square, "Mul")) {
            (Some([base, two]), _) if self.scalar(two) == Some(2.0) => base,
            (_, Some([a, b])) if a == b => a,
            _ => return None,
        };
        let [eps] = eps[..] else { return None };
        (self.centred(of)? == x).then_some((x, Norm { gamma, beta, eps }))
    }

    /// `x - mean(x)` as `x`.
    fn centred(&self, name: &'a str) -> Option<&'a str> {
        let [x, mean] = self.graph.pair_of(self.same(name), "Sub")?;
        (self.same(self.mean_of(mean)?) == self.same(x)).then(|| self.same(x))
    }

    /// The mean over the last axis.
    fn mean_of(&self, name: &'a str) -> Option<&'a str> {
        let node = self.graph.producer(name).filter(|n| n.op_type == "ReduceMean")?;
        let axes = match (attribute(node, "axes"), node.input.get(1)) {
            (Some(axes), _) => axes.ints.first().map(|&axis| axis as f32),
            (None, Some(axes)) => self.graph.scalar(axes),
            (None, None) => None,
        };
        matches!(axes, Some(-1.0 | 2.0)).then(|| self.same(&node.input[0]))
    }
}
