//! What attention knows of the distances between tokens: rotations of queries and keys, and what is added to
//! scores.

use std::f64::consts::TAU;

use anyhow::{Context, Result, ensure};

use super::rules::{Added, Rules, both_orders};
use crate::engine::onnx::numbers::Numbers;
use crate::model::RelativePositions;

/// The number of tokens for which biases are evaluated, which is more than the usual windows. Most biases do
/// not grow beyond half of it.
const PROBE: usize = 260;

/// The same where a graph compares positions.
const LONG_PROBE: usize = 1000;

/// The maximum number of positions whose angles are read from tables.
const MAX_ANGLES: usize = 256;

/// Scores that are lowered by this or more count as masked. The usual numbers are far lower.
const MASKED: f64 = -9000.0;

impl<'a> Rules<'a> {
    /// What is added to scores, `[1, heads, queries, keys]`, if it depends on nothing but the attention mask
    /// and the distances between tokens.
    pub(super) fn added(&self, name: &'a str, factor: f32) -> Result<Added> {
        let key = (name, factor.to_bits());
        if let Some(known) = self.added.borrow().get(&key) {
            return Ok(known.clone());
        }
        let added = self.find_added(name, factor)?;
        self.added.borrow_mut().insert(key, added.clone());
        Ok(added)
    }

    fn find_added(&self, name: &'a str, factor: f32) -> Result<Added> {
        // A window that config.json does not name may be long.
        let long = self.window.is_none() && self.compares(name);
        let lengths = [long.then(|| self.max_length.clamp(2, LONG_PROBE)), Some(self.probe())];
        let found = lengths.into_iter().flatten().find_map(|length| {
            let ids: Vec<u32> = (0..length as u32).map(|i| i % 19).collect();
            let numbers = self.evaluator(&ids, &vec![0; length]).numbers(name)?;
            Some((numbers, length))
        });
        let Some((numbers, length)) = found else {
            ensure!(self.is_mask(name), "attention has a bias of an unknown kind");
            return Ok(Added::NOTHING);
        };
        self.distances(&numbers, length, factor.into())
    }

    /// The number of tokens for which biases are evaluated.
    pub(super) fn probe(&self) -> usize {
        let length = match self.window {
            // Enough to see where it ends.
            Some(window) => window / 2 + 2,
            None => PROBE,
        };
        length.min(self.max_length).max(2)
    }

    fn distances(&self, numbers: &Numbers, length: usize, factor: f64) -> Result<Added> {
        let mut shape = [1; 4];
        let rank = numbers.shape.len();
        ensure!(rank <= 4, "attention has a bias of {rank} axes");
        shape[4 - rank..].copy_from_slice(&numbers.shape);
        let [batch, heads, queries, keys] = shape;
        let fits = |size, full| size == 1 || size == full;
        ensure!(
            batch == 1 && fits(heads, self.heads) && fits(queries, length) && fits(keys, length),
            "attention has a bias of another shape than its scores"
        );
        let at = |head: usize, query: usize, key: usize| {
            let of = |index: usize, size: usize| if size == 1 { 0 } else { index };
            let row = of(head, heads) * queries + of(query, queries);
            numbers.values[row * keys + of(key, keys)] * factor
        };
        let is_masked = |query, key| at(0, query, key) <= MASKED;
        let seen = (0..length).take_while(|&key| !is_masked(0, key)).count();
        let window = (seen < length).then(|| seen.saturating_sub(1));
        let reach = window.unwrap_or(length - 1).min(length - 1);
        ensure!(seen > 0, "attention masks the first token");

        // By head and by the distance of a query from a key, from `-reach` on.
        let mut values = Vec::with_capacity(heads * (2 * reach + 1));
        for head in 0..heads {
            let before = (1..=reach).rev().map(|distance| at(head, 0, distance));
            values.extend(before.chain((0..=reach).map(|distance| at(head, distance, 0))));
        }
        for (head, query, key) in (0..heads)
            .flat_map(|h| (0..length).flat_map(move |q| (0..length).map(move |k| (h, q, k))))
        {
            let value = at(head, query, key);
            let expected = match query.abs_diff(key) <= reach {
                true => values[head * (2 * reach + 1) + reach + query - key],
                false => MASKED,
            };
            let same = value == expected || (value <= MASKED && expected <= MASKED);
            ensure!(same, "attention has a bias that does not depend on distances alone");
        }
        if values.iter().all(|&value| value == 0.0) {
            return Ok(Added { relative: RelativePositions::None, window });
        }
        ensure!(heads == self.heads && window.is_none(), "attention has a bias of an unknown kind");
        let relative = alibi(&values, reach)
            .or_else(|| bounded(&values, reach, length >= self.max_length))
            .context("attention has a bias that grows in an unknown way")?;
        Ok(Added { relative, window })
    }

    /// `x * cos + turned(x) * sin` as `x` and the frequencies of the angles, where the second half of each
    /// head is turned into the first one, with the sign changed, and the first half into the second.
    pub(super) fn rotary(&self, name: &'a str, dim: usize) -> Option<(&'a str, Vec<f32>)> {
        let ways = both_orders(self.graph.pair_of(self.same(name), "Add")?);
        ways.into_iter().find_map(|pair| {
            // `x` is the name of the value in the shape in which it is turned.
            let [(x, cosines), (turned, sines)] = pair.map(|name| self.with_angles(name));
            let (cosines, sines) = (cosines?, sines?);
            let frequencies = self
                .computed_frequencies([cosines, sines], dim)
                .or_else(|| self.frequencies_of_tables([cosines, sines], dim))?;
            self.is_turned(turned, x, dim).then_some((x, frequencies))
        })
    }

    /// A product with a value that depends on positions alone, as the other factor and that value.
    fn with_angles(&self, product: &'a str) -> (&'a str, Option<&'a str>) {
        let pair = self.graph.pair_of(self.same(product), "Mul");
        let of_positions = |name| self.graph.all_sources(name, |source| self.is_known(source));
        let mut ways = pair.into_iter().flat_map(both_orders);
        match ways.find(|[x, of_angles]| of_positions(of_angles) && !of_positions(x)) {
            Some([x, of_angles]) => (x, Some(of_angles)),
            None => (product, None),
        }
    }

    /// Whether a value is a constant or an input of which positions are made.
    fn is_known(&self, source: &'a str) -> bool {
        ["attention_mask", "position_ids"].contains(&source)
            || self.graph.constant(source).is_some()
    }

    /// The frequencies of the angles of which the graph computes cosines and sines.
    fn computed_frequencies(&self, values: [&'a str; 2], dim: usize) -> Option<Vec<f32>> {
        let angles = |value, function| {
            let (value, scale) = self.untransposed(value);
            let angles = self.graph.inputs_of(value, function)?.first()?;
            (scale == 1.0).then(|| self.same(angles))
        };
        let [cosines, sines] = [angles(values[0], "Cos")?, angles(values[1], "Sin")?];
        let frequencies = self.frequencies(cosines, dim)?;
        let same = cosines == sines || self.frequencies(sines, dim)? == frequencies;
        same.then_some(frequencies)
    }

    /// The frequencies of angles whose cosines and sines are tables in the graph.
    fn frequencies_of_tables(&self, values: [&'a str; 2], dim: usize) -> Option<Vec<f32>> {
        let values = values.map(|value| self.same(value));
        if let Some(known) = self.frequencies.borrow().get(&values) {
            return known.clone();
        }
        let found = self.read_angles(values, dim);
        self.frequencies.borrow_mut().insert(values, found.clone());
        found
    }

    fn read_angles(&self, values: [&'a str; 2], dim: usize) -> Option<Vec<f32>> {
        let length = self.max_length.clamp(2, MAX_ANGLES);
        let ids = vec![0; length];
        let mut evaluator = self.evaluator(&ids, &ids);
        let [cosines, sines] = values.map(|value| evaluator.numbers(value));
        let (cosines, sines) = (cosines?, sines?);
        if [&cosines, &sines].iter().any(|table| table.values.len() != length * dim) {
            return None;
        }
        let angle = |position: usize, i: usize| {
            let at = position * dim + i;
            sines.values[at].atan2(cosines.values[at])
        };
        let frequencies = (0..dim).map(|i| {
            // Later positions give more digits, once it is known how often the angle has come around.
            let (mut frequency, mut position) = (angle(1, i), 1);
            while 2 * position < length {
                position *= 2;
                let rest = angle(position, i) - position as f64 * frequency;
                frequency += (rest - (rest / TAU).round() * TAU) / position as f64;
            }
            frequency
        });
        let mut frequencies: Vec<f64> = frequencies.collect();
        let fits = (0..length * dim).all(|at| {
            let (sin, cos) = ((at / dim) as f64 * frequencies[at % dim]).sin_cos();
            (sin - sines.values[at]).abs() < 1e-4 && (cos - cosines.values[at]).abs() < 1e-4
        });
        let again = frequencies.split_off(dim / 2);
        let twice = frequencies.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-6);
        let frequencies = frequencies.into_iter().map(|frequency| frequency as f32).collect();
        (fits && twice && dim.is_multiple_of(2)).then_some(frequencies)
    }

    /// The frequencies of angles, which are the products of positions and frequencies, twice side by side.
    fn frequencies(&self, angles: &'a str, dim: usize) -> Option<Vec<f32>> {
        let [once, again] = self.graph.inputs_of(angles, "Concat")? else { return None };
        if once != again {
            return None;
        }
        let mut product = self.same(once);
        while let Some(inputs) = self.graph.inputs_of(product, "Transpose") {
            product = self.same(inputs.first()?);
        }
        let pairs = ["MatMul", "Mul", "Einsum"];
        let pair = pairs.into_iter().find_map(|op_type| self.graph.pair_of(product, op_type))?;
        both_orders(pair).into_iter().find_map(|[positions, frequencies]| {
            let frequencies = self.graph.floats(frequencies)?;
            let ids = [0; 5];
            let positions = self.evaluator(&ids, &ids).numbers(positions)?;
            let counted = positions.values.iter().copied().eq((0..ids.len()).map(|i| i as f64));
            (counted && 2 * frequencies.len() == dim).then_some(frequencies)
        })
    }

    fn is_turned(&self, turned: &'a str, x: &'a str, dim: usize) -> bool {
        let width = self.heads * dim;
        let mut evaluator = self.evaluator(&[0], &[0]);
        // Counted from one, so that each sign shows.
        let values = (1..=width).map(|index| index as f64).collect();
        let shape = vec![1, self.heads, 1, dim];
        evaluator.set(x, Numbers { shape, values, is_float: true });
        let Some(found) = evaluator.numbers(turned) else { return false };
        let expected = (0..width).map(|index| match index % dim < dim / 2 {
            true => -((index + dim / 2 + 1) as f64),
            false => (index - dim / 2 + 1) as f64,
        });
        found.values.iter().copied().eq(expected)
    }
}

/// The slopes of a bias that is a multiple of the distance in each head.
fn alibi(values: &[f64], reach: usize) -> Option<RelativePositions> {
    let slopes: Vec<f64> = values
        .chunks(2 * reach + 1)
        .map(|row| -row.get(reach + 1).copied().unwrap_or(0.0))
        .collect();
    let linear = values.chunks(2 * reach + 1).zip(&slopes).all(|(row, slope)| {
        row.iter().enumerate().all(|(i, value)| {
            let expected = -slope * i.abs_diff(reach) as f64;
            (value - expected).abs() <= 1e-6 * expected.abs()
        })
    });
    let slopes = slopes.into_iter().map(|slope| slope as f32).collect();
    linear.then_some(RelativePositions::Alibi { slopes })
}

/// A bias that stays the same from some distance on, or whose last distance is that of the longest sequence.
fn bounded(values: &[f64], reach: usize, is_whole: bool) -> Option<RelativePositions> {
    let rows = || values.chunks(2 * reach + 1);
    let same_from = |distance: usize| {
        rows().all(|row| {
            (distance..=reach).all(|d| {
                row[reach - d] == row[reach - distance] && row[reach + d] == row[reach + distance]
            })
        })
    };
    let last = (0..=reach).find(|&distance| same_from(distance))?;
    // It could change beyond the distances that were evaluated.
    if !is_whole && 2 * last > reach + 1 {
        return None;
    }
    let values = rows().flat_map(|row| &row[reach - last..=reach + last]).map(|&v| v as f32);
    Some(RelativePositions::Bias { reach: last, values: values.collect() })
}
