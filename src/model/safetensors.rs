//! Files in the format safetensors (<https://huggingface.co/docs/safetensors>): those of other libraries, and
//! prepared models, whose header holds a version and a hash.
//!
//! All numbers are little-endian.
//!
//! | Bytes | Content |
//! |---|---|
//! | 8 | u64: the length N of the header |
//! | N | the header, in JSON, padded with spaces so that 8 + N is a multiple of 64 |
//! | the rest | the tensors, one after another without gaps |
//!
//! In a prepared model the header begins with `{"__metadata__":{"crossrank":"2","sha256":"`. Here 2 is the version of the
//! format, which is 3 if the file has parts that readers of version 2 do not know. What follows is the
//! SHA-256 (64 digits, lower case) of all bytes of the file after these digits. The header gives the `dtype`, `shape` and `data_offsets` of each tensor by its name. Offsets
//! count from the end of the header. Tensors of 4-byte numbers come before those of 1-byte numbers, so
//! that all numbers are aligned.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::floats::to_bytes;
use super::hash::{digest, hexadecimal};
use super::packed::PackedInt8;
use super::weights::Weights;
use crate::error::{Error, ErrorKind, Result};
use crate::mistake::mistake;

/// The beginning of the header in every version.
const START: &str = r#"{"__metadata__":{"crossrank":""#;
/// The versions that are read. The first is that of a plain BERT. All have the same length.
const VERSIONS: [&str; 2] = ["2", "3"];
/// The text between the version and the hash.
const BEFORE_HASH: &str = r#"","sha256":""#;
const HASH_DIGITS: usize = 64;
/// The offset of the hash in a file of this version.
const HASH: usize = 8 + START.len() + VERSIONS[0].len() + BEFORE_HASH.len();
/// The maximum length of a header in the format's own library.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// The offset of the tensors is a multiple of this.
const ALIGNMENT: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) enum DataType {
    F32,
    F16,
    #[serde(rename = "BF16")]
    Bf16,
    I32,
    I8,
    U8,
    /// A type that no model of this library has.
    #[default]
    #[serde(other)]
    Other,
}

impl DataType {
    fn bytes(self) -> usize {
        match self {
            DataType::F32 | DataType::I32 => 4,
            DataType::F16 | DataType::Bf16 => 2,
            DataType::I8 | DataType::U8 => 1,
            DataType::Other => 0,
        }
    }
}

/// A tensor in the header. The metadata, which is there too, is read as one without bytes.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Entry {
    dtype: DataType,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// Whether these are the bytes of weights in the format safetensors, also of a part of such a file, or of an
/// index of several, and not those of a prepared model.
pub(crate) fn is_checkpoint(file: &[u8]) -> bool {
    let length = file.first_chunk().map(|&length| u64::from_le_bytes(length));
    let is_header = length.is_some_and(|length| length <= MAX_HEADER_BYTES);
    let is_weights = file.get(8) == Some(&b'{') && is_header && !is_prepared(file);
    is_weights || file.first() == Some(&b'{')
}

/// Whether these are the bytes of a prepared model, of any version.
pub(crate) fn is_prepared(file: &[u8]) -> bool {
    file.get(8..).is_some_and(|header| header.starts_with(START.as_bytes()))
}

/// The SHA-256 in the header of a file of this version.
pub(super) fn hash_of(file: &[u8]) -> Option<&[u8]> {
    is_prepared(file).then(|| file.get(HASH..HASH + HASH_DIGITS)).flatten()
}

/// Compares the hash in the header with the content.
pub(super) fn check_hash(file: &[u8]) -> Result<()> {
    let hash = file.get(HASH + HASH_DIGITS..).map(digest).unwrap_or_default();
    match hash_of(file) == Some(hash.as_bytes()) {
        true => Ok(()),
        false => Err(damaged("its content has another SHA-256")),
    }
}

pub(super) fn damaged(reason: &str) -> Error {
    Error::new(
        ErrorKind::InvalidModel,
        format!("the prepared model is damaged ({reason}); copy or prepare it again"),
    )
}

/// Tensors to write into a file.
pub(super) struct Writer<'a> {
    version: &'static str,
    tensors: Vec<(String, DataType, Vec<usize>, Content<'a>)>,
}

/// The bytes of a tensor.
enum Content<'a> {
    Bytes(Bytes),
    /// A matrix and its number of columns.
    Matrix(&'a Weights, usize),
}

impl<'a> Writer<'a> {
    /// For a model that a reader of the first version knows, or another one.
    pub fn new(is_plain: bool) -> Writer<'a> {
        Writer { version: VERSIONS[usize::from(!is_plain)], tensors: Vec::new() }
    }

    /// Adds the tensors of a matrix: `NAME.weight`, in int8 `NAME.scale` and `NAME.zero_point`; or, in
    /// fewer bits, `NAME.codes` and its like.
    pub fn matrix(&mut self, name: &str, [rows, columns]: [usize; 2], weights: &'a Weights) {
        if let Weights::Packed(packed) = weights {
            return self.packed(name, rows, packed);
        }
        let (shape, weight) = (vec![rows, columns], format!("{name}.weight"));
        let content = Content::Matrix(weights, columns);
        let Some((scales, zero_points, by_row)) = weights.quantization() else {
            return self.tensors.push((weight, DataType::F32, shape, content));
        };
        self.tensors.push((weight, DataType::I8, shape, content));
        self.scales(name, scales, by_row);
        self.integers(format!("{name}.zero_point"), zero_points);
    }

    fn packed(&mut self, name: &str, rows: usize, packed: &'a PackedInt8) {
        let PackedInt8 { columns, bits, codes, steps, offsets, scales, by_row } = packed;
        let mut part = |part, dtype, bytes: &Bytes| {
            let shape = vec![rows, bytes.len() / rows.max(1)];
            self.bytes(format!("{name}.{part}"), dtype, shape, bytes.clone());
        };
        part("codes", DataType::U8, codes);
        part("steps", DataType::U8, steps);
        part("offsets", DataType::I8, offsets);
        self.integers(format!("{name}.packing"), &[*columns as i32, *bits as i32]);
        self.scales(name, scales, *by_row);
    }

    fn scales(&mut self, name: &str, scales: &[f32], by_row: bool) {
        let shape = if by_row { vec![scales.len(), 1] } else { vec![scales.len()] };
        self.bytes(format!("{name}.scale"), DataType::F32, shape, to_bytes(scales).into());
    }

    pub fn integers(&mut self, name: String, values: &[i32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes(name, DataType::I32, vec![values.len()], bytes);
    }

    pub fn floats(&mut self, name: String, values: &[f32]) {
        self.bytes(name, DataType::F32, vec![values.len()], to_bytes(values).into());
    }

    pub fn text(&mut self, name: String, text: Bytes) {
        self.bytes(name, DataType::U8, vec![text.len()], text);
    }

    fn bytes(&mut self, name: String, dtype: DataType, shape: Vec<usize>, bytes: Bytes) {
        self.tensors.push((name, dtype, shape, Content::Bytes(bytes)));
    }

    /// Writes the file. Only a piece of each matrix is in memory at a time.
    pub fn write(mut self, mut out: impl Write + Seek) -> io::Result<()> {
        // A stable sort, which keeps the order of the layers.
        self.tensors.sort_by_key(|(_, dtype, ..)| Reverse(dtype.bytes()));
        let start = out.stream_position()?;
        let no_hash = "0".repeat(HASH_DIGITS);
        let mut header = format!(r#"{START}{}{BEFORE_HASH}{no_hash}"}}"#, self.version);
        let mut end = 0;
        for (name, dtype, shape, _) in &self.tensors {
            let length = dtype.bytes() * shape.iter().product::<usize>();
            let data_offsets = (end, end + length);
            let entry = Entry { dtype: *dtype, shape: shape.clone(), data_offsets };
            let entry = serde_json::to_string(&entry).expect("it is plain data");
            header += &format!(r#","{name}":{entry}"#);
            end += length;
        }
        header.push('}');
        while !(8 + header.len()).is_multiple_of(ALIGNMENT) {
            header.push(' ');
        }
        let head = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        let mut hash = Sha256::new_with_prefix(&head[HASH + HASH_DIGITS..]);
        out.write_all(&head)?;
        let mut write = |bytes: &[u8]| {
            hash.update(bytes);
            out.write_all(bytes)
        };
        for (.., content) in &self.tensors {
            match content {
                Content::Bytes(bytes) => write(bytes)?,
                Content::Matrix(weights, columns) => weights.pieces(*columns, &mut write)?,
            }
        }
        out.seek(SeekFrom::Start(start + HASH as u64))?;
        out.write_all(hexadecimal(&hash.finalize()).as_bytes())?;
        out.seek(SeekFrom::Start(start + (head.len() + end) as u64))?;
        out.flush()
    }
}

/// The tensors of a file.
pub(super) struct Tensors {
    entries: BTreeMap<String, Entry>,
    data: Bytes,
}

impl Tensors {
    /// Parses the header of a file. Does not check the hash.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`] if the file is not a prepared model, is damaged, or has another
    /// version.
    pub fn parse(file: &Bytes) -> Result<Tensors> {
        if !is_prepared(file) {
            let what = mistake(file).unwrap_or(
                "is not a prepared model; `crossrank prepare` makes one of a model folder",
            );
            return Err(Error::new(ErrorKind::InvalidModel, format!("the file {what}")));
        }
        let after = &file[8 + START.len()..];
        let version = after.split(|&byte| byte == b'"').next().unwrap_or_default();
        if !VERSIONS.iter().any(|known| version == known.as_bytes()) {
            // A copy, because another process might write to a mapped file.
            let version = version[..version.len().min(8)].to_vec();
            return Err(Error::new(
                ErrorKind::InvalidModel,
                format!(
                    "the model was prepared in version {} of the format, and crossrank {} reads \
                     versions {}; prepare it again",
                    String::from_utf8_lossy(&version),
                    env!("CARGO_PKG_VERSION"),
                    VERSIONS.join(" and ")
                ),
            ));
        }
        if !after[version.len()..].starts_with(BEFORE_HASH.as_bytes()) {
            return Err(damaged("its header has no hash"));
        }
        let (header, data) = split(file).map_err(|reason| damaged(&reason))?;
        // The metadata is cut off, because it is not a tensor.
        let rest = header.get(HASH - 8 + HASH_DIGITS..).and_then(|rest| rest.strip_prefix(b"\"},"));
        let rest = rest.ok_or_else(|| damaged("its header has no tensors"))?;
        Tensors::of(&[b"{", rest].concat(), file.slice_ref(data)).map_err(|reason| damaged(&reason))
    }

    /// Parses the header of a file of any library, or says what is wrong with it.
    #[cfg(checkpoints)]
    pub fn of_any(file: &Bytes) -> Result<Tensors, String> {
        let (header, data) = split(file)?;
        let mut tensors = Tensors::of(header, file.slice_ref(data))?;
        tensors.entries.remove("__metadata__");
        Ok(tensors)
    }

    fn of(header: &[u8], data: Bytes) -> Result<Tensors, String> {
        let entries: BTreeMap<String, Entry> =
            serde_json::from_slice(header).map_err(|error| error.to_string())?;
        let end = entries.values().map(|entry| entry.data_offsets.1).max().unwrap_or(0);
        if end != data.len() {
            return Err(format!("it has {} bytes of tensors, not {end}", data.len()));
        }
        let lengths = entries.values().map(|e| e.data_offsets.1.saturating_sub(e.data_offsets.0));
        if lengths.fold(0, usize::saturating_add) != end {
            return Err("its tensors overlap".into());
        }
        Ok(Tensors { entries, data })
    }

    /// The names of the tensors.
    #[cfg(checkpoints)]
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The type and the shape of a tensor.
    #[cfg(checkpoints)]
    pub fn shape(&self, name: &str) -> Option<(DataType, &[usize])> {
        self.entries.get(name).map(|entry| (entry.dtype, &entry.shape[..]))
    }

    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The shape and the bytes of a tensor.
    pub fn bytes(&self, name: &str, dtype: DataType) -> Result<(&[usize], Bytes)> {
        let entry = self.entries.get(name).filter(|entry| entry.dtype == dtype);
        let Entry { shape, data_offsets: (start, end), .. } =
            entry.ok_or_else(|| damaged(&format!("it has no {name} of type {dtype:?}")))?;
        let length = shape.iter().try_fold(dtype.bytes(), |n, &size| n.checked_mul(size));
        let bytes = self.data.get(*start..*end).filter(|bytes| Some(bytes.len()) == length);
        let bytes = bytes.ok_or_else(|| damaged(&format!("the length of {name} is wrong")))?;
        Ok((shape, self.data.slice_ref(bytes)))
    }

    pub fn floats(&self, name: &str) -> Result<Vec<f32>> {
        let (_, bytes) = self.bytes(name, DataType::F32)?;
        Ok(numbers(&bytes, f32::from_le_bytes))
    }

    pub fn integers(&self, name: &str) -> Result<Vec<i32>> {
        let (_, bytes) = self.bytes(name, DataType::I32)?;
        Ok(numbers(&bytes, i32::from_le_bytes))
    }
}

/// The header of a file, and the bytes of its tensors.
fn split(file: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let length = file.first_chunk().map(|&length| u64::from_le_bytes(length));
    let length = length.and_then(|length| usize::try_from(length).ok());
    let parts = length.and_then(|length| file[8..].split_at_checked(length));
    parts.ok_or_else(|| "it ends within its header".into())
}

fn numbers<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&chunk| number(chunk)).collect()
}
