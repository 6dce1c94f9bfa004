//! Weights as the shaders read them.

use crate::model::{Linear, Table, Values, recentred};

/// Columns of a panel, see `linear.wgsl`.
pub(super) const PANEL: usize = 64;

/// Inputs of a panel that are in workgroup memory at a time.
const DEPTH: usize = 16;

/// Numbers, and what goes with their columns.
pub(super) struct Packed {
    /// Four int8 to a word, or a float a word.
    pub words: Vec<u32>,
    pub int8: bool,
    /// For each four columns of a matrix their scales, zero points and biases; of a table all
    /// scales, then all zero points.
    pub columns: Vec<f32>,
}

/// A matrix as `[panels, inputs, 64]`, filled up with zeros.
pub(super) fn linear(linear: &Linear) -> Packed {
    let Linear { inputs, outputs, ref weights, ref bias, .. } = *linear;
    let (words, int8, scales, zero_points) = match weights {
        Values::Int8 { values, unsigned, scales, zero_points } => {
            let bytes = panels(inputs, outputs, recentred(values, *unsigned).iter().copied());
            // The shader divides by 128.
            let scales = (0..outputs).map(|column| 128.0 * scales[column % scales.len()]);
            (words_of(&bytes), true, scales.collect(), spread(zero_points, outputs))
        }
        Values::Float(_) => {
            let floats = weights.to_f32().into_iter().map(f32::to_bits);
            let words = panels(inputs, outputs, floats);
            (words, false, vec![1.0; outputs], vec![0.0; outputs])
        }
    };
    let columns = (0..outputs.next_multiple_of(PANEL)).step_by(4).flat_map(|first| {
        [&scales, &zero_points, bias].map(|of: &Vec<f32>| {
            [0, 1, 2, 3].map(|i| of.get(first + i).copied().unwrap_or_default())
        })
    });
    Packed { words, int8, columns: columns.flatten().collect() }
}

/// A table as it is, row by row.
pub(super) fn table(table: &Table, hidden: usize) -> Packed {
    match &table.values {
        Values::Int8 { values, unsigned, scales, zero_points } => {
            let scales = (0..hidden).map(|column| scales[column % scales.len()]);
            let columns = scales.chain(spread(zero_points, hidden)).collect();
            Packed { words: words_of(&recentred(values, *unsigned)), int8: true, columns }
        }
        Values::Float(_) => {
            let words = table.values.to_f32().into_iter().map(f32::to_bits).collect();
            Packed { words, int8: false, columns: vec![0.0; 2 * hidden] }
        }
    }
}

/// The columns of a layer's results in memory.
pub(super) fn padded(outputs: usize) -> usize {
    outputs.next_multiple_of(4)
}

fn panels<T: Copy + Default>(
    inputs: usize,
    outputs: usize,
    values: impl Iterator<Item = T>,
) -> Vec<T> {
    let rows = inputs.next_multiple_of(DEPTH);
    let mut all = vec![T::default(); outputs.div_ceil(PANEL) * rows * PANEL];
    for (i, value) in values.enumerate() {
        let (input, column) = (i / outputs, i % outputs);
        all[(column / PANEL * rows + input) * PANEL + column % PANEL] = value;
    }
    all
}

/// One zero point for each column.
fn spread(zero_points: &[i32], columns: usize) -> Vec<f32> {
    (0..columns).map(|column| zero_points[column % zero_points.len()] as f32).collect()
}

/// Four bytes to a word, the first one lowest.
fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|&four| u32::from_le_bytes(four)).collect()
}
