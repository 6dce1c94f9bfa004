//! Weights in the layout that the shaders read.

use crate::model::{Linear, Table};

/// Columns of a panel, see `linear.wgsl`.
pub(super) const PANEL: usize = 64;

/// Inputs of a panel that are in workgroup memory at one time.
const DEPTH: usize = 16;

/// The numbers of a matrix or a table, and the parameters of their columns.
pub(super) struct Packed {
    /// Each has four int8 numbers, or one float.
    pub words: Vec<u32>,
    pub int8: bool,
    /// For each four columns of a matrix: their scales, zero points and biases. For a table: all
    /// scales, then all zero points.
    pub columns: Vec<f32>,
}

/// A matrix as `[panels, inputs, 64]`, padded with zeros.
pub(super) fn linear(linear: &Linear) -> Packed {
    let Linear { inputs, outputs, ref weights, ref bias, .. } = *linear;
    let int8 = weights.int8(outputs);
    let (words, scales, zero_points) = match &int8 {
        Some(int8) => {
            let bytes = int8.signed(0..int8.bytes.len());
            let words = words_of(&panels(inputs, outputs, bytes.iter().copied()));
            // The shader divides the numbers by 128.
            let scales = spread(&int8.scales, outputs, |scale| 128.0 * scale);
            (words, scales, spread(&int8.zero_points, outputs, |zero_point| zero_point as f32))
        }
        None => {
            let floats = weights.to_f32(outputs).into_iter().map(f32::to_bits);
            (panels(inputs, outputs, floats), vec![1.0; outputs], vec![0.0; outputs])
        }
    };
    weights.release();
    let columns = (0..outputs.next_multiple_of(PANEL)).step_by(4).flat_map(|first| {
        [&scales, &zero_points, bias].map(|of: &Vec<f32>| {
            [0, 1, 2, 3].map(|i| of.get(first + i).copied().unwrap_or_default())
        })
    });
    Packed { words, int8: int8.is_some(), columns: columns.flatten().collect() }
}

/// A table as it is, row by row. [`row_scales`] gives the scales of rows.
pub(super) fn table(table: &Table, hidden: usize) -> Packed {
    let int8 = table.values.int8(hidden);
    let (words, columns) = match &int8 {
        Some(int8) => {
            let scales = match int8.by_row {
                true => vec![1.0; hidden],
                false => spread(&int8.scales, hidden, |scale| scale),
            };
            let zero_points = spread(&int8.zero_points, hidden, |zero_point| zero_point as f32);
            (words_of(&int8.signed(0..int8.bytes.len())), [scales, zero_points].concat())
        }
        None => {
            let floats = table.values.to_f32(hidden).into_iter().map(f32::to_bits);
            (floats.collect(), vec![0.0; 2 * hidden])
        }
    };
    table.values.release();
    Packed { words, int8: int8.is_some(), columns }
}

/// The scales of the rows of a table. One scale of 1 if the columns have scales, or the numbers are
/// floats.
pub(super) fn row_scales(table: &Table) -> Vec<f32> {
    match table.values.quantization() {
        Some((scales, _, true)) => scales.to_vec(),
        _ => vec![1.0],
    }
}

/// The number of columns that the results of a layer have in memory.
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

/// One number for each column, from one for all or one for each.
fn spread<T: Copy>(of: &[T], columns: usize, number: impl Fn(T) -> f32) -> Vec<f32> {
    (0..columns).map(|column| number(of[column % of.len()])).collect()
}

/// Four bytes in each word, the first one lowest.
fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|&four| u32::from_le_bytes(four)).collect()
}
