//! Disentangled attention: products of queries and of keys with embeddings of distances (He et al. 2021,
//! arXiv:2006.03654), as DeBERTa-v2 has it.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::rules::Rules;
use crate::model::{Disentangled, Linear, RelativePositions};

/// The three products whose sum are the scores.
pub(super) struct OfDistances<'a> {
    /// That of queries and keys, and its factor.
    pub content: &'a str,
    pub factor: f32,
    /// Those of queries and of keys with embeddings.
    of_queries: Gathered<'a>,
    of_keys: Gathered<'a>,
}

/// A product with embeddings, of which one is chosen for each pair of a query and a key.
struct Gathered<'a> {
    product: &'a str,
    index: &'a str,
    factor: f32,
}

/// The maximum number of distances in each direction.
const MAX_DISTANCES: usize = 1000;

/// The number of tokens whose distances are compared between layers.
const FEW_TOKENS: usize = 48;

/// Whether two layers are the same, apart from a quantization of the weights of one of them: half a step of
/// 7 bits.
fn is_same(a: &Linear, b: &Linear) -> bool {
    let [a_weights, b_weights] = [a, b].map(|linear| linear.weights.to_f32(linear.outputs));
    let largest = a_weights.iter().fold(0.0, |largest: f32, weight| largest.max(weight.abs()));
    let is_near = |(a, b): (&f32, &f32)| (a - b).abs() <= largest / 120.0;
    a.bias == b.bias
        && a_weights.len() == b_weights.len()
        && a_weights.iter().zip(&b_weights).all(is_near)
}

impl<'a> Rules<'a> {
    /// A sum of three products, times a factor, as these.
    pub(super) fn products_of_distances(&self, name: &'a str, by: f32) -> Option<OfDistances<'a>> {
        let (mut content, mut of_queries, mut of_keys) = (None, None, None);
        let mut open = vec![(name, by)];
        let mut terms = 0;
        while let Some((name, by)) = open.pop() {
            terms += 1;
            if terms > 16 || self.scalar(name) == Some(0.0) {
                (terms <= 16).then_some(())?;
                continue;
            }
            let (name, factor) = self.scaled(name);
            let factor = factor * by;
            let gathered = |name| match self.graph.inputs_of(name, "GatherElements")? {
                [product, index] => {
                    Some(Gathered { product: self.same(product), index: self.same(index), factor })
                }
                _ => None,
            };
            let transposed = || {
                let inputs = self.graph.inputs_of(name, "Transpose")?;
                gathered(self.same(inputs.first()?))
            };
            if let Some(found) = gathered(name) {
                of_queries.replace(found).is_none().then_some(())?;
            } else if let Some(found) = transposed() {
                of_keys.replace(found).is_none().then_some(())?;
            } else if self.product_of_states(name).is_some() {
                content.replace((name, factor)).is_none().then_some(())?;
            } else {
                open.extend(self.graph.pair_of(name, "Add")?.map(|term| (term, factor)));
            }
        }
        let (content, factor) = content?;
        Some(OfDistances { content, factor, of_queries: of_queries?, of_keys: of_keys? })
    }

    /// The embeddings of distances of a layer whose queries and keys are given. The factor of all products is
    /// `scale`.
    pub(super) fn disentangled(
        &self,
        found: &OfDistances<'a>,
        [query, key]: [&(&'a str, Linear); 2],
        scale: f32,
    ) -> Result<RelativePositions> {
        let table = self.distances_of(&found.of_queries, [query, key], scale)?;
        let other = self.distances_of(&found.of_keys, [key, query], scale)?;
        ensure!(table == other, "queries and keys have different embeddings of distances");
        let length = self.max_length;
        ensure!(length <= MAX_DISTANCES, "it has distances of more than {MAX_DISTANCES} tokens");
        let indices = [found.of_queries.index, found.of_keys.index];
        let known = self.distances.borrow().clone().filter(|(known, _)| *known == table);
        // The rows of one layer are evaluated, and some of those of the others are compared with them.
        let length = if known.is_some() { length.min(FEW_TOKENS) } else { length };
        let rows = self.rows_by_distance(indices[0], length)?;
        // Those of keys are given by the position of the key first.
        let reversed = rows.iter().rev().eq(&self.rows_by_distance(indices[1], length)?);
        ensure!(reversed, "queries and keys are at different distances");
        let distances = match known {
            Some((_, distances)) => {
                let middle = distances.rows.len() / 2;
                let same = rows == distances.rows[middle + 1 - length..middle + length];
                ensure!(same, "layers have different distances");
                distances
            }
            None => Arc::new(Disentangled { embeddings: self.normalized(table)?, rows }),
        };
        *self.distances.borrow_mut() = Some((table, distances.clone()));
        Ok(RelativePositions::Disentangled(distances))
    }

    /// The embeddings that the states of the first layer are multiplied by. They must go through the second
    /// layer.
    fn distances_of(
        &self,
        found: &Gathered<'a>,
        [states, projection]: [&(&'a str, Linear); 2],
        scale: f32,
    ) -> Result<&'a str> {
        let [ours, theirs] =
            self.product_of_states(found.product).context("distances have no product")?;
        let (ours, by) = self.untransposed(ours);
        let (theirs, factor) = self.untransposed(theirs);
        let (input, linear) = self.part(ours).context("a product with distances has no states")?;
        ensure!(
            input == states.0 && is_same(&linear, &states.1),
            "distances are multiplied by other states than attention has"
        );
        let mut embeddings = theirs;
        while let Some(inputs) = self.graph.inputs_of(embeddings, "Tile") {
            embeddings = self.untransposed(inputs.first().context("a Tile has no input")?).0;
        }
        let (table, linear) = self.linear(embeddings).context("distances are not projected")?;
        ensure!(is_same(&linear, &projection.1), "distances have a projection of their own");
        let scale_of_distances = found.factor * by * factor;
        ensure!(
            (scale_of_distances - scale).abs() < 1e-3 * scale,
            "distances and states have different scales"
        );
        // Without the rows that no distance has.
        let mut table = self.same(table);
        if let Some([x, starts, ..]) = self.graph.inputs_of(table, "Slice") {
            ensure!(
                self.graph.scalar(starts) == Some(0.0),
                "distances do not begin with the first"
            );
            table = self.same(x);
        }
        Ok(table)
    }

    /// The row of each distance of the first position from the second one, from `1 - length` to `length - 1`.
    fn rows_by_distance(&self, index: &'a str, length: usize) -> Result<Vec<u32>> {
        let ids = vec![0; length];
        let numbers = self.evaluator(&ids, &ids).numbers(index);
        let numbers = numbers.context("distances are numbered by unknown operators")?;
        ensure!(
            numbers.values.len() == length * length,
            "distances have another shape than scores"
        );
        let at = |first: usize, second: usize| numbers.values[first * length + second];
        let before = (1..length).rev().map(|distance| at(0, distance));
        let rows: Vec<f64> = before.chain((0..length).map(|distance| at(distance, 0))).collect();
        let all = (0..length).flat_map(|first| (0..length).map(move |second| (first, second)));
        let same = all
            .into_iter()
            .all(|(first, second)| at(first, second) == rows[length - 1 + first - second]);
        ensure!(same, "distances are not those of positions");
        Ok(rows.into_iter().map(|row| row as u32).collect())
    }

    /// A table of embeddings, normalized if the graph does so.
    fn normalized(&self, name: &'a str) -> Result<Vec<f32>> {
        let (table, norm) = match self.norm(name) {
            Some((table, norm)) => (table, Some(norm)),
            None => (name, None),
        };
        let mut embeddings = self.graph.floats(table).context("distances have no table")?;
        if let Some(norm) = norm {
            norm.apply(&mut embeddings);
        }
        Ok(embeddings)
    }
}
