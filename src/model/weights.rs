//! The numbers of a matrix, read where they are stored.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use half::f16;

use super::mmap;

/// Numbers of a matrix, row-major. Their bytes may be those of a mapped file.
#[derive(Clone)]
pub(crate) enum Weights {
    Float(Floats),
    Int8(Int8),
    QuantizeOnRead(QuantizeOnRead),
}

/// Floats, little-endian, wherever they lie.
#[derive(Clone)]
pub(crate) struct Floats {
    bytes: Bytes,
    /// They are of 16 bits, not of 32.
    half: bool,
    /// The matrix is stored transposed, in rows of so many numbers.
    transposed: Option<usize>,
}

/// `scale * (value - zero_point)`.
#[derive(Clone)]
pub(crate) struct Int8 {
    pub bytes: Bytes,
    /// The bytes are unsigned. They are recentred by 128 where they are read, and zero points are
    /// those of recentred values.
    pub unsigned: bool,
    /// One, or one a column, or, where they are `by_row`, one a row.
    pub scales: Vec<f32>,
    /// One, or one a column.
    pub zero_points: Vec<i32>,
    pub by_row: bool,
}

/// Floats that become int8 where they are read: the nearest `scale * value`.
#[derive(Clone)]
pub(crate) struct QuantizeOnRead {
    floats: Floats,
    /// One a column, or, where they are `by_row`, one a row.
    scales: Vec<f32>,
    by_row: bool,
    limit: i8,
}

/// What share of a matrix is in memory at a time where it is read piece by piece.
const PIECE: usize = 1 << 20;

impl Floats {
    pub fn f32(bytes: Bytes) -> Floats {
        Floats { bytes, half: false, transposed: None }
    }

    pub fn f16(bytes: Bytes) -> Floats {
        Floats { bytes, half: true, transposed: None }
    }

    /// The transposed matrix of one of `columns`.
    pub fn transposed(self, columns: usize) -> Floats {
        let transposed = self.transposed.is_none().then_some(columns);
        Floats { transposed, ..self }
    }

    fn len(&self) -> usize {
        self.bytes.len() / if self.half { 2 } else { 4 }
    }

    fn extend(&self, range: Range<usize>, out: &mut Vec<f32>) {
        fn add<const N: usize>(
            bytes: &[u8],
            transposed: Option<usize>,
            range: Range<usize>,
            number: impl Fn([u8; N]) -> f32,
            out: &mut Vec<f32>,
        ) {
            let stored = bytes.as_chunks().0;
            match transposed {
                None => out.extend(stored[range].iter().map(|&bytes| number(bytes))),
                Some(rows) => {
                    let columns = stored.len() / rows;
                    let place = |i: usize| i % columns * rows + i / columns;
                    out.extend(range.map(|i| number(stored[place(i)])));
                }
            }
        }
        match self.half {
            false => add(&self.bytes, self.transposed, range, f32::from_le_bytes, out),
            true => {
                let number = |bytes| f16::from_le_bytes(bytes).to_f32();
                add(&self.bytes, self.transposed, range, number, out);
            }
        }
    }
}

impl From<Vec<f32>> for Floats {
    fn from(numbers: Vec<f32>) -> Floats {
        Floats::f32(to_bytes(&numbers).into())
    }
}

/// Numbers as bytes, little-endian.
pub(crate) fn to_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A stored byte as the signed number that it stands for: unsigned ones are recentred by 128.
pub(crate) fn signed(byte: u8, unsigned: bool) -> i8 {
    (byte ^ if unsigned { 0x80 } else { 0 }) as i8
}

impl Int8 {
    /// Its bytes as signed ones, without a copy where they are.
    pub fn signed(&self, range: Range<usize>) -> Bytes {
        match self.unsigned {
            false => self.bytes.slice(range),
            true => self.bytes[range].iter().map(|&byte| signed(byte, true) as u8).collect(),
        }
    }
}

impl QuantizeOnRead {
    /// Rounds to `-limit..=limit` by the largest number of each column, or of each row. `None`
    /// where there are numbers that are not finite.
    pub fn new(floats: Floats, columns: usize, by_row: bool, limit: i8) -> Option<QuantizeOnRead> {
        let rows = floats.len() / columns.max(1);
        let mut largest = vec![0.0_f32; if by_row { rows } else { columns }];
        let mut numbers = Vec::new();
        for row in 0..rows {
            if row % (PIECE / columns.max(1)).max(1) == 0 {
                mmap::release(&floats.bytes);
            }
            numbers.clear();
            floats.extend(row * columns..(row + 1) * columns, &mut numbers);
            for (column, number) in numbers.iter().enumerate() {
                let largest = &mut largest[if by_row { row } else { column }];
                *largest = largest.max(number.abs());
                if !number.is_finite() {
                    return None;
                }
            }
        }
        mmap::release(&floats.bytes);
        let scales = largest.into_iter().map(|largest| largest / f32::from(limit)).collect();
        Some(QuantizeOnRead { floats, scales, by_row, limit })
    }

    /// The values of a row.
    fn extend_row(&self, row: usize, width: usize, numbers: &mut Vec<f32>, out: &mut Vec<u8>) {
        numbers.clear();
        self.floats.extend(row * width..(row + 1) * width, numbers);
        out.extend(numbers.iter().enumerate().map(|(column, number)| {
            let scale = self.scales[if self.by_row { row } else { column }];
            // A scale is 0 where all of its numbers are; of the smallest floats it is not exact.
            let quotient = if scale > 0.0 { number / scale } else { 0.0 };
            let limit = f32::from(self.limit);
            quotient.round_ties_even().clamp(-limit, limit) as i8 as u8
        }));
    }

    fn int8(&self, rows: Range<usize>, width: usize) -> Int8 {
        let (mut numbers, mut bytes) = (Vec::new(), Vec::with_capacity(rows.len() * width));
        for row in rows.clone() {
            self.extend_row(row, width, &mut numbers, &mut bytes);
        }
        let scales = if self.by_row { &self.scales[rows] } else { &self.scales[..] };
        Int8 {
            bytes: bytes.into(),
            unsigned: false,
            scales: scales.to_vec(),
            zero_points: vec![0],
            by_row: self.by_row,
        }
    }
}

impl Weights {
    /// Whether these are the numbers of a matrix of `rows` and `columns`.
    pub fn fit(&self, rows: usize, columns: usize) -> bool {
        let one_or = |length: usize, each: usize| length == 1 || length == each;
        let side = |by_row| if by_row { rows } else { columns };
        Some(self.len()) == rows.checked_mul(columns)
            && match self {
                Weights::Float(_) | Weights::QuantizeOnRead(_) => true,
                Weights::Int8(Int8 { scales, zero_points, by_row, .. }) => {
                    one_or(scales.len(), side(*by_row))
                        && one_or(zero_points.len(), columns)
                        && zero_points.iter().all(|z| (-128..128).contains(z))
                }
            }
    }

    /// Scales and zero points as they are stored, where the numbers are in int8.
    pub fn steps(&self) -> Option<(&[f32], &[i32], bool)> {
        match self {
            Weights::Float(_) => None,
            Weights::Int8(Int8 { scales, zero_points, by_row, .. }) => {
                Some((scales, zero_points, *by_row))
            }
            Weights::QuantizeOnRead(QuantizeOnRead { scales, by_row, .. }) => {
                Some((scales, &[0], *by_row))
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Weights::Float(floats) | Weights::QuantizeOnRead(QuantizeOnRead { floats, .. }) => {
                floats.len()
            }
            Weights::Int8(int8) => int8.bytes.len(),
        }
    }

    /// Lets go of the memory behind the bytes, which are read again where they are wanted.
    pub fn release(&self) {
        mmap::release(match self {
            Weights::Float(floats) | Weights::QuantizeOnRead(QuantizeOnRead { floats, .. }) => {
                &floats.bytes
            }
            Weights::Int8(int8) => &int8.bytes,
        });
    }

    /// The numbers of a matrix of `columns`.
    pub fn to_f32(&self, columns: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.len());
        for row in 0..self.len() / columns.max(1) {
            self.extend_row(row, columns, &mut out);
        }
        out
    }

    /// The numbers of a matrix of `columns` in int8, where they are.
    pub fn int8(&self, columns: usize) -> Option<Int8> {
        match self {
            Weights::Float(_) => None,
            Weights::Int8(int8) => Some(int8.clone()),
            Weights::QuantizeOnRead(rounded) => {
                Some(rounded.int8(0..self.len() / columns.max(1), columns))
            }
        }
    }

    /// Adds the `width` numbers of a row.
    pub fn extend_row(&self, row: usize, width: usize, out: &mut Vec<f32>) {
        let range = row * width..(row + 1) * width;
        let rounded;
        let (int8, range, row) = match self {
            Weights::Float(floats) => return floats.extend(range, out),
            Weights::Int8(int8) => (int8, range, row),
            Weights::QuantizeOnRead(of) => {
                rounded = of.int8(row..row + 1, width);
                (&rounded, 0..width, 0)
            }
        };
        let Int8 { bytes, unsigned, scales, zero_points, by_row } = int8;
        let scale_of_row = if *by_row { scales.get(row) } else { None };
        let scale = scale_of_row.or(scales.first().filter(|_| scales.len() == 1));
        let dequantize = |value: u8, scale: f32, zero_point: i32| {
            scale * (i32::from(signed(value, *unsigned)) - zero_point) as f32
        };
        if let (Some(scale), [zero_point]) = (scale, &zero_points[..]) {
            out.extend(bytes[range].iter().map(|&v| dequantize(v, *scale, *zero_point)));
        } else {
            out.extend(bytes[range].iter().enumerate().map(|(i, &v)| {
                let scale = scale.copied().unwrap_or_else(|| scales[column(i, scales.len())]);
                dequantize(v, scale, zero_points[column(i, zero_points.len())])
            }));
        }
    }

    /// Gives the bytes of a matrix of `columns` piece by piece: f32, or int8 as signed numbers.
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
                Weights::QuantizeOnRead(rounded) => each(&rounded.int8(of, columns).bytes)?,
            }
            self.release();
        }
        Ok(())
    }

    /// Matrices of as many rows side by side, each given with its columns.
    pub fn beside(rows: usize, parts: &[(&Weights, usize)]) -> Weights {
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
            let Int8 { scales: s, zero_points: z, .. } = part;
            scales.extend((0..columns).map(|c| s[column(c, s.len())]));
            zero_points.extend((0..columns).map(|c| z[column(c, z.len())]));
        }
        let joined: Vec<&[u8]> = joined.iter().map(|bytes| &bytes[..]).collect();
        let bytes = join_rows(rows, &joined).into();
        Weights::Int8(Int8 { bytes, unsigned: false, scales, zero_points, by_row: false })
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
