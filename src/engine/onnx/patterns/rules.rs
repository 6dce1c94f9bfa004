//! Helpers for all rules, which look through operators that leave the numbers of a value as they are,
//! or multiply them by a constant.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::onnx::evaluator::Evaluator;
use crate::engine::onnx::graph::Graph;
use crate::engine::onnx::proto::Node;
use crate::model::{Disentangled, PositionScheme, RelativePositions};

/// What is added to scores.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Added {
    pub relative: RelativePositions,
    pub window: Option<usize>,
}

impl Added {
    pub const NOTHING: Added = Added { relative: RelativePositions::None, window: None };
}

/// What was found out before.
pub(super) type Known<K, V> = RefCell<HashMap<K, V>>;

/// The rules, on one graph.
pub(super) struct Rules<'a> {
    pub graph: Graph<'a>,
    pub heads: usize,
    /// The width of a token's state, from the first norm that is found.
    pub hidden: Cell<usize>,
    /// What is added to scores, by its name and factor. Layers share it.
    pub added: Known<(&'a str, u32), Added>,
    /// The frequencies of tables of angles, by their names. Layers share them.
    pub frequencies: Known<[&'a str; 2], Option<Vec<f32>>>,
    /// The embeddings of distances that a layer has, and the name of their table. All layers share them.
    pub distances: RefCell<Option<(&'a str, Arc<Disentangled>)>>,
    /// The number of tokens that local attention sees, if config.json names it.
    pub window: Option<usize>,
    /// The maximum number of tokens in a sequence, if nothing but config.json limits it.
    pub max_length: usize,
    /// How the positions are numbered that the graph is given, if they are an input.
    pub given_positions: PositionScheme,
}

impl<'a> Rules<'a> {
    /// Evaluates numbers of the graph for one sequence.
    pub fn evaluator(&self, ids: &[u32], type_ids: &[u32]) -> Evaluator<'_, 'a> {
        let positions = self.given_positions.rows(ids);
        Evaluator::new(&self.graph, [ids, type_ids, &positions])
    }

    /// A value before it is multiplied or divided by scalars, and the product of those.
    pub fn scaled(&self, name: &'a str) -> (&'a str, f32) {
        let (mut name, mut factor) = (self.same(name), 1.0);
        loop {
            let multiplied = self.graph.pair_of(name, "Mul").and_then(|pair| {
                let ways = both_orders(pair).into_iter();
                ways.filter_map(|[x, by]| Some((x, self.scalar(by)?))).next()
            });
            let divided = || {
                let [x, by] = self.graph.pair_of(name, "Div")?;
                Some((x, 1.0 / self.scalar(by)?))
            };
            let Some((x, by)) = multiplied.or_else(divided) else { return (name, factor) };
            (name, factor) = (self.same(x), factor * by);
        }
    }

    /// A scalar: a constant, or computed in the graph from the width of a head.
    pub fn scalar(&self, name: &'a str) -> Option<f32> {
        self.scalar_within(name, 8)
    }

    /// [`Rules::scalar`] through at most `depth` operators. Each product of products doubles the work.
    fn scalar_within(&self, name: &'a str, depth: usize) -> Option<f32> {
        let depth = depth.checked_sub(1)?;
        let name = self.same(name);
        if self.graph.is_constant(name) {
            return self.graph.scalar(name);
        }
        let node = self.graph.producer(name)?;
        let input = |i: usize| node.input.get(i).map(String::as_str);
        let scalar = |i: usize| self.scalar_within(input(i)?, depth);
        match node.op_type.as_str() {
            "Sqrt" => Some(scalar(0)?.sqrt()),
            "Mul" => Some(scalar(0)? * scalar(1)?),
            "Pow" => Some(scalar(0)?.powf(scalar(1)?)),
            "Div" => Some(scalar(0)? / scalar(1)?),
            // The last size of the queries, whose shape is [batch, heads, length, width].
            "Gather" | "Slice" if matches!(self.graph.scalar(input(1)?), Some(-1.0 | 3.0)) => {
                let queries = self.graph.inputs_of(input(0)?, "Shape")?.first()?;
                let multiplies =
                    |node: &Node| ["MatMul", "MatMulInteger", "Gemm"].contains(&&*node.op_type);
                let are_states = self.graph.any_producer(queries, multiplies);
                are_states.then(|| (self.hidden.get() / self.heads) as f32)
            }
            _ => None,
        }
    }

    /// The input of a binary operator, and the numbers of its constant.
    pub fn with_floats(&self, name: &'a str, op_type: &str) -> Option<(&'a str, Vec<f32>)> {
        let ways = both_orders(self.graph.pair_of(self.same(name), op_type)?);
        ways.into_iter().find_map(|[x, constant]| Some((x, self.graph.floats(constant)?)))
    }

    /// A value before operators that leave its numbers as they are.
    pub fn same(&self, name: &'a str) -> &'a str {
        self.graph.same_numbers(name)
    }
}

/// The operands of a commutative operator in both orders.
pub(super) fn both_orders([a, b]: [&str; 2]) -> [[&str; 2]; 2] {
    [[a, b], [b, a]]
}
