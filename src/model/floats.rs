//! The floats of a matrix, read where they are stored.

use std::ops::Range;

use bytes::Bytes;
use half::{bf16, f16};

use super::mmap;

/// The numbers of a matrix that are in memory at a time while it is read in pieces.
pub(super) const PIECE: usize = 1 << 20;

/// Stored floats, little-endian.
#[derive(Clone)]
pub(crate) struct Floats {
    bytes: Bytes,
    format: Format,
    /// If the matrix is stored transposed, the length of its stored rows.
    transposed: Option<usize>,
}

/// How a float is stored.
#[derive(Clone, Copy)]
#[cfg_attr(not(checkpoints), allow(dead_code, reason = "graphs hold no bf16"))]
enum Format {
    F32,
    F16,
    Bf16,
}

impl Floats {
    pub fn f32(bytes: Bytes) -> Floats {
        Floats { bytes, format: Format::F32, transposed: None }
    }

    pub fn f16(bytes: Bytes) -> Floats {
        Floats { bytes, format: Format::F16, transposed: None }
    }

    #[cfg(checkpoints)]
    pub fn bf16(bytes: Bytes) -> Floats {
        Floats { bytes, format: Format::Bf16, transposed: None }
    }

    /// The transpose of a matrix of `columns`.
    pub fn transposed(self, columns: usize) -> Floats {
        let transposed = self.transposed.is_none().then_some(columns);
        Floats { transposed, ..self }
    }

    /// The numbers at the indices of `range`, as they are stored.
    #[cfg(checkpoints)]
    pub(super) fn slice(&self, range: Range<usize>) -> Floats {
        let size = self.format.bytes();
        Floats { bytes: self.bytes.slice(range.start * size..range.end * size), ..self.clone() }
    }

    /// If this is a transposed matrix, the matrix that is stored, and the length of its rows.
    pub(super) fn stored(&self) -> Option<(Floats, usize)> {
        Some((Floats { transposed: None, ..self.clone() }, self.transposed?))
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.format.bytes()
    }

    /// Appends the numbers at the indices of `range`.
    pub(super) fn extend(&self, range: Range<usize>, out: &mut Vec<f32>) {
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
                    let stored_index = |i: usize| i % columns * rows + i / columns;
                    out.extend(range.map(|i| number(stored[stored_index(i)])));
                }
            }
        }
        let (bytes, transposed) = (&self.bytes, self.transposed);
        match self.format {
            Format::F32 => add(bytes, transposed, range, f32::from_le_bytes, out),
            Format::F16 => {
                add(bytes, transposed, range, |bytes| f16::from_le_bytes(bytes).to_f32(), out);
            }
            Format::Bf16 => {
                add(bytes, transposed, range, |bytes| bf16::from_le_bytes(bytes).to_f32(), out);
            }
        }
    }

    /// Releases the memory behind the bytes. They are read again when they are needed.
    pub(super) fn release(&self) {
        mmap::release(&self.bytes);
    }
}

impl Format {
    fn bytes(self) -> usize {
        match self {
            Format::F32 => 4,
            Format::F16 | Format::Bf16 => 2,
        }
    }
}

impl From<Vec<f32>> for Floats {
    fn from(numbers: Vec<f32>) -> Floats {
        Floats::f32(to_bytes(&numbers).into())
    }
}

/// Floats as bytes, little-endian.
pub(super) fn to_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
