//! A matrix of 8-bit numbers, as it is stored.

use std::ops::Range;

use bytes::Bytes;

/// A quantized matrix, row-major: a weight is `scale * (value - zero_point)`.
#[derive(Clone)]
pub(crate) struct Int8 {
    pub bytes: Bytes,
    /// Whether the bytes are unsigned. They are recentred by 128 when they are read, and the zero
    /// points are those of the recentred values.
    pub unsigned: bool,
    /// One scale, or one for each column, or, if `by_row` is set, one for each row.
    pub scales: Vec<f32>,
    /// One zero point, or one for each column.
    pub zero_points: Vec<i32>,
    pub by_row: bool,
}

impl Int8 {
    /// Signed weights with the zero point 0.
    pub(super) fn symmetric(bytes: Vec<u8>, scales: &[f32], by_row: bool) -> Int8 {
        let (bytes, scales) = (bytes.into(), scales.to_vec());
        Int8 { bytes, unsigned: false, scales, zero_points: vec![0], by_row }
    }

    /// Whether this is a matrix of `rows` by `columns`, apart from the number of its bytes.
    pub(super) fn fits(&self, rows: usize, columns: usize) -> bool {
        let one_or = |length: usize, each: usize| length == 1 || length == each;
        one_or(self.scales.len(), if self.by_row { rows } else { columns })
            && one_or(self.zero_points.len(), columns)
            && self.zero_points.iter().all(|z| (-128..128).contains(z))
    }

    /// Some rows of a matrix of `columns`.
    pub(super) fn rows(&self, rows: &[u32], columns: usize) -> Int8 {
        let bytes = gather(&self.bytes, rows, columns);
        let scales = match self.by_row && self.scales.len() > 1 {
            true => rows.iter().map(|&row| self.scales[row as usize]).collect(),
            false => self.scales.clone(),
        };
        Int8 { bytes, scales, zero_points: self.zero_points.clone(), ..*self }
    }

    /// The bytes at the indices of `range` as signed numbers, without a copy if they are stored so.
    pub fn signed(&self, range: Range<usize>) -> Bytes {
        match self.unsigned {
            false => self.bytes.slice(range),
            true => self.bytes[range].iter().map(|&byte| signed(byte, true) as u8).collect(),
        }
    }

    /// The scale of a column, in a matrix without scales of rows.
    pub(super) fn column_scale(&self, column: usize) -> f32 {
        of_column(&self.scales, column)
    }

    /// The zero point of a column.
    pub(super) fn column_zero_point(&self, column: usize) -> i32 {
        of_column(&self.zero_points, column)
    }

    /// Appends the `width` weights of a row.
    pub(super) fn extend_row(&self, row: usize, width: usize, out: &mut Vec<f32>) {
        let bytes = &self.bytes[row * width..(row + 1) * width];
        let scale_of_row = if self.by_row { self.scales.get(row) } else { None };
        let scale = scale_of_row.or(self.scales.first().filter(|_| self.scales.len() == 1));
        let dequantize = |value: u8, scale: f32, zero_point: i32| {
            scale * (i32::from(signed(value, self.unsigned)) - zero_point) as f32
        };
        if let (Some(scale), [zero_point]) = (scale, &self.zero_points[..]) {
            out.extend(bytes.iter().map(|&value| dequantize(value, *scale, *zero_point)));
        } else {
            out.extend(bytes.iter().enumerate().map(|(column, &value)| {
                let scale = scale.copied().unwrap_or_else(|| self.column_scale(column));
                dequantize(value, scale, self.column_zero_point(column))
            }));
        }
    }
}

/// Some of the equally long parts of `bytes`, one after another.
pub(super) fn gather(bytes: &[u8], parts: &[u32], length: usize) -> Bytes {
    parts.iter().flat_map(|&part| &bytes[part as usize * length..][..length]).copied().collect()
}

/// The parameter of a column, from one for all columns or one for each.
fn of_column<T: Copy>(parameters: &[T], column: usize) -> T {
    parameters[column % parameters.len()]
}

/// A stored byte as the signed number that it stands for. Unsigned bytes are recentred by 128.
pub(crate) fn signed(byte: u8, unsigned: bool) -> i8 {
    (byte ^ if unsigned { 0x80 } else { 0 }) as i8
}
