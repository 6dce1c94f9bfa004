//! A matrix of floats that is quantized when it is read.

use std::ops::Range;

use super::floats::{Floats, PIECE};
use super::int8::Int8;

/// Stored floats that become int8 when they are read: the nearest `scale * value`.
#[derive(Clone)]
pub(crate) struct QuantizeOnRead {
    pub(super) floats: Floats,
    /// One scale for each column, or, if `by_row` is set, for each row.
    pub(super) scales: Vec<f32>,
    pub(super) by_row: bool,
    limit: i8,
}

impl QuantizeOnRead {
    /// Finds the scales that map the largest magnitude of each column, or of each row, to `limit`.
    /// `None` if a number is not finite.
    pub fn new(floats: Floats, columns: usize, by_row: bool, limit: i8) -> Option<QuantizeOnRead> {
        // The columns of a transposed matrix lie together as rows of the stored one.
        let (stored, width, of_rows) = match floats.stored() {
            Some((stored, width)) => (stored, width, !by_row),
            None => (floats.clone(), columns, by_row),
        };
        let rows = stored.len() / width.max(1);
        let mut largest = vec![0.0_f32; if of_rows { rows } else { width }];
        let mut numbers = Vec::new();
        for row in 0..rows {
            if row % (PIECE / width.max(1)).max(1) == 0 {
                stored.release();
            }
            numbers.clear();
            stored.extend(row * width..(row + 1) * width, &mut numbers);
            for (column, number) in numbers.iter().enumerate() {
                let largest = &mut largest[if of_rows { row } else { column }];
                *largest = largest.max(number.abs());
                if !number.is_finite() {
                    return None;
                }
            }
        }
        floats.release();
        let scales = largest.into_iter().map(|largest| largest / f32::from(limit)).collect();
        Some(QuantizeOnRead { floats, scales, by_row, limit })
    }

    /// The quantized rows of a matrix whose rows have `width` numbers.
    pub(super) fn int8(&self, rows: Range<usize>, width: usize) -> Int8 {
        if let Some((stored, length)) = self.floats.stored()
            && rows == (0..length)
            && !self.by_row
        {
            return self.int8_of_transposed(&stored, width, length);
        }
        let (mut numbers, mut bytes) = (Vec::new(), Vec::with_capacity(rows.len() * width));
        for row in rows.clone() {
            numbers.clear();
            self.floats.extend(row * width..(row + 1) * width, &mut numbers);
            bytes.extend(
                numbers
                    .iter()
                    .enumerate()
                    .map(|(column, &number)| self.quantize(number, self.scale(row, column)) as u8),
            );
        }
        let scales = if self.by_row { &self.scales[rows] } else { &self.scales[..] };
        Int8::symmetric(bytes, scales, self.by_row)
    }

    /// The whole matrix, whose columns are the rows of `stored`.
    fn int8_of_transposed(&self, stored: &Floats, columns: usize, rows: usize) -> Int8 {
        let (mut numbers, mut bytes) = (Vec::new(), vec![0; columns * rows]);
        for (column, &scale) in self.scales.iter().enumerate() {
            numbers.clear();
            stored.extend(column * rows..(column + 1) * rows, &mut numbers);
            for (row, &number) in numbers.iter().enumerate() {
                bytes[row * columns + column] = self.quantize(number, scale) as u8;
            }
        }
        Int8::symmetric(bytes, &self.scales, false)
    }

    /// Appends the `width` weights of a row, quantized, as floats.
    pub(super) fn extend_row(&self, row: usize, width: usize, out: &mut Vec<f32>) {
        let start = out.len();
        self.floats.extend(row * width..(row + 1) * width, out);
        for (column, number) in out[start..].iter_mut().enumerate() {
            let scale = self.scale(row, column);
            *number = scale * f32::from(self.quantize(*number, scale));
        }
    }

    fn scale(&self, row: usize, column: usize) -> f32 {
        self.scales[if self.by_row { row } else { column }]
    }

    fn quantize(&self, number: f32, scale: f32) -> i8 {
        // A scale is 0 if all its numbers are 0, and not exact if they are subnormal.
        let quotient = if scale > 0.0 { number / scale } else { 0.0 };
        let limit = f32::from(self.limit);
        quotient.round_ties_even().clamp(-limit, limit) as i8
    }
}
