//! The weights of a matrix, in any of the forms in which they are stored.

use std::io;

use super::floats::{Floats, PIECE, to_bytes};
use super::int8::Int8;
use super::mmap;
use super::packed::PackedInt8;
use super::quantize_on_read::QuantizeOnRead;

/// The weights of a matrix, row-major. Their bytes may be those of a mapped file.
#[derive(Clone)]
pub(crate) enum Weights {
    Float(Floats),
    Int8(Int8),
    /// In fewer bits than int8. They are unpacked when they are read.
    Packed(PackedInt8),
    QuantizeOnRead(QuantizeOnRead),
}

impl Weights {
    /// Whether these are the weights of a matrix of `rows` by `columns`.
    pub fn fit(&self, rows: usize, columns: usize) -> bool {
        let int8_fits = match self {
            Weights::Float(_) | Weights::QuantizeOnRead(_) => true,
            Weights::Int8(int8) => int8.fits(rows, columns),
            Weights::Packed(packed) => packed.columns == columns && packed.len().is_some(),
        };
        int8_fits && Some(self.len()) == rows.checked_mul(columns)
    }

    /// For weights in int8: the scales, the zero points, and whether the scales are those of rows.
    pub fn quantization(&self) -> Option<(&[f32], &[i32], bool)> {
        match self {
            Weights::Float(_) => None,
            Weights::Int8(Int8 { scales, zero_points, by_row, .. }) => {
                Some((scales, zero_points, *by_row))
            }
            Weights::Packed(PackedInt8 { scales, by_row, .. })
            | Weights::QuantizeOnRead(QuantizeOnRead { scales, by_row, .. }) => {
                Some((scales, &[0], *by_row))
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Weights::Float(floats) => floats.len(),
            Weights::QuantizeOnRead(quantized) => quantized.floats.len(),
            Weights::Int8(int8) => int8.bytes.len(),
            Weights::Packed(packed) => packed.len().unwrap_or(0),
        }
    }

    /// Releases the memory behind the bytes. They are read again when they are needed.
    pub fn release(&self) {
        match self {
            Weights::Float(floats) => floats.release(),
            Weights::QuantizeOnRead(quantized) => quantized.floats.release(),
            Weights::Int8(int8) => mmap::release(&int8.bytes),
            Weights::Packed(packed) => mmap::release(&packed.codes),
        }
    }

    /// The weights of a matrix of `columns`.
    pub fn to_f32(&self, columns: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.len());
        for row in 0..self.len() / columns.max(1) {
            self.extend_row(row, columns, &mut out);
        }
        out
    }

    /// The weights of a matrix of `columns` in int8, or `None` if they are floats.
    pub fn int8(&self, columns: usize) -> Option<Int8> {
        match self {
            Weights::Float(_) => None,
            Weights::Int8(int8) => Some(int8.clone()),
            Weights::Packed(packed) => Some(packed.int8(0..self.len() / columns.max(1))),
            Weights::QuantizeOnRead(quantized) => {
                Some(quantized.int8(0..self.len() / columns.max(1), columns))
            }
        }
    }

    /// Appends the `width` weights of a row.
    pub fn extend_row(&self, row: usize, width: usize, out: &mut Vec<f32>) {
        match self {
            Weights::Float(floats) => floats.extend(row * width..(row + 1) * width, out),
            Weights::Int8(int8) => int8.extend_row(row, width, out),
            Weights::Packed(packed) => packed.extend_row(row, out),
            Weights::QuantizeOnRead(quantized) => quantized.extend_row(row, width, out),
        }
    }

    /// Some rows of a matrix of `columns`, in the form in which they are stored.
    pub fn rows(&self, rows: &[u32], columns: usize) -> Weights {
        match self {
            Weights::Float(_) => {
                let mut numbers = Vec::with_capacity(rows.len() * columns);
                rows.iter().for_each(|&row| self.extend_row(row as usize, columns, &mut numbers));
                Weights::Float(numbers.into())
            }
            Weights::Int8(int8) => Weights::Int8(int8.rows(rows, columns)),
            Weights::Packed(packed) => Weights::Packed(packed.rows(rows)),
            Weights::QuantizeOnRead(quantized) => {
                let whole = quantized.int8(0..self.len() / columns.max(1), columns);
                Weights::Int8(whole.rows(rows, columns))
            }
        }
    }

    /// Calls `each` with the bytes of a matrix of `columns`, piece by piece: as f32, or as signed
    /// int8.
    pub fn pieces(
        &self,
        columns: usize,
        mut each: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let rows = self.len() / columns.max(1);
        let step = (PIECE / columns.max(1)).max(1);
        for first in (0..rows).step_by(step) {
            let of = first..rows.min(first + step);
            let range = of.start * columns..of.end * columns;
            match self {
                Weights::Float(floats) => {
                    let mut numbers = Vec::with_capacity(range.len());
                    floats.extend(range, &mut numbers);
                    each(&to_bytes(&numbers))?;
                }
                Weights::Int8(int8) => each(&int8.signed(range))?,
                Weights::Packed(packed) => each(&packed.int8(of).bytes)?,
                Weights::QuantizeOnRead(quantized) => each(&quantized.int8(of, columns).bytes)?,
            }
            self.release();
        }
        Ok(())
    }

    /// Some columns of a matrix that has `width` of them.
    pub fn columns(&self, width: usize, columns: &[usize]) -> Weights {
        fn take<T: Copy>(numbers: &[T], width: usize, columns: &[usize]) -> Vec<T> {
            let rows = numbers.chunks_exact(width);
            rows.flat_map(|row| columns.iter().map(|&column| row[column])).collect()
        }
        match self.int8(width) {
            Some(int8) => {
                let of_each = |column: &usize| int8.column_scale(*column);
                Weights::Int8(Int8 {
                    bytes: take(&int8.bytes, width, columns).into(),
                    scales: columns.iter().map(of_each).collect(),
                    zero_points: columns.iter().map(|&c| int8.column_zero_point(c)).collect(),
                    ..int8
                })
            }
            None => Weights::Float(take(&self.to_f32(width), width, columns).into()),
        }
    }

    /// Joins matrices of `rows` side by side. Each is given with the number of its columns.
    pub fn concat_columns(rows: usize, parts: &[(&Weights, usize)]) -> Weights {
        let int8: Option<Vec<Int8>> =
            parts.iter().map(|(part, columns)| part.int8(*columns)).collect();
        let Some(int8) = int8 else {
            let parts: Vec<_> = parts.iter().map(|(part, columns)| part.to_f32(*columns)).collect();
            let parts: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
            return Weights::Float(join_rows(rows, &parts).into());
        };
        let (mut joined, mut scales, mut zero_points) = (Vec::new(), Vec::new(), Vec::new());
        for (part, &(_, columns)) in int8.iter().zip(parts) {
            joined.push(part.signed(0..part.bytes.len()));
            scales.extend((0..columns).map(|c| part.column_scale(c)));
            zero_points.extend((0..columns).map(|c| part.column_zero_point(c)));
        }
        let joined: Vec<&[u8]> = joined.iter().map(|bytes| &bytes[..]).collect();
        let bytes = join_rows(rows, &joined).into();
        Weights::Int8(Int8 { bytes, unsigned: false, scales, zero_points, by_row: false })
    }
}

/// Joins matrices of the same number of rows side by side.
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
