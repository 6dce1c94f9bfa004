//! The numbers of a matrix, read where they are stored.

use bytes::Bytes;
use half::f16;

/// Numbers of a matrix, as they are stored, row-major. Bytes may be those of a mapped file.
#[derive(Clone)]
pub(crate) enum Values {
    Float(Floats),
    /// `scale * (value - zero_point)`; scales and zero points are one, or one a column.
    /// Zero points are those of values that are recentred, see [`signed`].
    Int8 {
        values: Bytes,
        unsigned: bool,
        scales: Vec<f32>,
        zero_points: Vec<i32>,
    },
}

/// Floats, little-endian, wherever they lie.
#[derive(Clone)]
pub(crate) struct Floats {
    bytes: Bytes,
    /// They are of 16 bits, not of 32.
    half: bool,
}

impl Floats {
    pub fn f32(bytes: Bytes) -> Floats {
        Floats { bytes, half: false }
    }

    pub fn f16(bytes: Bytes) -> Floats {
        Floats { bytes, half: true }
    }

    fn len(&self) -> usize {
        self.bytes.len() / if self.half { 2 } else { 4 }
    }

    fn extend(&self, range: std::ops::Range<usize>, out: &mut Vec<f32>) {
        let Floats { bytes, half } = self;
        match half {
            false => {
                let numbers = bytes.as_chunks().0[range].iter();
                out.extend(numbers.map(|&number| f32::from_le_bytes(number)));
            }
            true => {
                let numbers = bytes.as_chunks().0[range].iter();
                out.extend(numbers.map(|&number| f16::from_le_bytes(number).to_f32()));
            }
        }
    }
}

impl From<Vec<f32>> for Floats {
    fn from(numbers: Vec<f32>) -> Floats {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Floats::f32(bytes.into())
    }
}

/// A stored byte as the signed number that it stands for: unsigned ones are recentred by 128.
pub(crate) fn signed(byte: u8, unsigned: bool) -> i8 {
    (byte ^ if unsigned { 0x80 } else { 0 }) as i8
}

impl Values {
    /// Whether these are the numbers of a matrix of `rows` and `columns`.
    pub fn fit(&self, rows: usize, columns: usize) -> bool {
        let one_or_each = |length: usize| length == 1 || length == columns;
        let elements = rows.checked_mul(columns);
        match self {
            Values::Float(floats) => Some(floats.len()) == elements,
            Values::Int8 { values, scales, zero_points, .. } => {
                Some(values.len()) == elements
                    && one_or_each(scales.len())
                    && one_or_each(zero_points.len())
                    && zero_points.iter().all(|z| (-128..128).contains(z))
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Values::Float(floats) => floats.len(),
            Values::Int8 { values, .. } => values.len(),
        }
    }

    /// Their bytes, as they are stored.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Values::Float(floats) => &floats.bytes,
            Values::Int8 { values, .. } => values,
        }
    }

    /// The numbers themselves.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.len());
        self.extend_row(0, self.len(), &mut out);
        out
    }

    /// Adds the `width` numbers of a row.
    pub fn extend_row(&self, row: usize, width: usize, out: &mut Vec<f32>) {
        let row = row * width..(row + 1) * width;
        match self {
            Values::Float(floats) => floats.extend(row, out),
            Values::Int8 { values, unsigned, scales, zero_points } => {
                let dequantize = |value: u8, scale: f32, zero_point: i32| {
                    scale * (i32::from(signed(value, *unsigned)) - zero_point) as f32
                };
                if let ([scale], [zero_point]) = (&scales[..], &zero_points[..]) {
                    out.extend(values[row].iter().map(|&v| dequantize(v, *scale, *zero_point)));
                } else {
                    out.extend(row.map(|i| {
                        let scale = scales[column(i, scales.len())];
                        dequantize(values[i], scale, zero_points[column(i, zero_points.len())])
                    }));
                }
            }
        }
    }

    /// Matrices of as many rows side by side, each given with its columns.
    pub fn beside(rows: usize, parts: &[(&Values, usize)]) -> Values {
        let all_int8 = parts.iter().all(|(values, _)| matches!(values, Values::Int8 { .. }));
        if !all_int8 {
            let parts: Vec<Vec<f32>> = parts.iter().map(|(values, _)| values.to_f32()).collect();
            let parts: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
            return Values::Float(join_rows(rows, &parts).into());
        }
        let (mut joined, mut scales, mut zero_points) = (Vec::new(), Vec::new(), Vec::new());
        for &(part, columns) in parts {
            let Values::Int8 { values, unsigned, scales: s, zero_points: z } = part else {
                unreachable!("all parts are int8");
            };
            joined.push(recentred(values, *unsigned));
            scales.extend((0..columns).map(|c| s[column(c, s.len())]));
            zero_points.extend((0..columns).map(|c| z[column(c, z.len())]));
        }
        let joined: Vec<&[u8]> = joined.iter().map(|bytes| &bytes[..]).collect();
        let values = join_rows(rows, &joined).into();
        Values::Int8 { values, unsigned: false, scales, zero_points }
    }
}

/// Stored bytes as signed ones, without a copy where they are.
pub(crate) fn recentred(values: &Bytes, unsigned: bool) -> Bytes {
    match unsigned {
        false => values.clone(),
        true => values.iter().map(|&byte| signed(byte, true) as u8).collect(),
    }
}

/// The column of element `index`, for parameters of `length`: one, or one a column.
fn column(index: usize, length: usize) -> usize {
    index % length
}

/// Matrices of the same number of rows, side by side.
fn join_rows<T: Copy>(rows: usize, matrices: &[&[T]]) -> Vec<T> {
    let length = matrices.iter().map(|m| m.len()).sum();
    let mut joined = Vec::with_capacity(length);
    for row in 0..rows {
        for matrix in matrices {
            let columns = matrix.len() / rows;
            joined.extend_from_slice(&matrix[row * columns..][..columns]);
        }
    }
    joined
}
