//! A model in one file, which is read without a parser of graphs: `crossrank prepare` writes it.
//!
//! The file is in the format safetensors (<https://huggingface.co/docs/safetensors>), so that
//! other tools can look into it and a program can map it into memory and take parts of it.
//! All numbers are little-endian.
//!
//! | Bytes | Content |
//! |---|---|
//! | 8 | u64: the length N of the header |
//! | N | the header, in JSON, with spaces at its end so that 64 divides 8 + N |
//! | the rest | the tensors, one after another without gaps |
//!
//! The header begins with `{"__metadata__":{"crossrank":"2","sha256":"`, where 2 is the version of
//! what follows from here, and the SHA-256 (64 digits, lower case) of all bytes of the file behind
//! these digits. It names each tensor with `dtype`, `shape` and `data_offsets`, which count from
//! the end of the header. Tensors of 4 bytes a number come first, in the order of the layers, then
//! those of 1 byte: each number lies where its type wants it.
//!
//! | Tensor | Type and shape |
//! |---|---|
//! | `embeddings.words`, `.positions` and, where there are segments, `.segments` | matrix `[rows, hidden]` |
//! | `embeddings.norm` | norm |
//! | `layers.0.query`, `.key`, `.value`, `.attention_output` | linear `[hidden, hidden]` |
//! | `layers.0.intermediate`, `.output` | linear `[hidden, inner]`, `[inner, hidden]` |
//! | `layers.0.attention_norm`, `.output_norm` | norm |
//! | `head.0` and so on, of a cross-encoder | linear, the first of `hidden` inputs, the last of one output |
//! | `config.json`, `tokenizer.json` and, where the model has them, `tokenizer_config.json` and the files of [`ModelFiles::EMBEDDING`] | U8 `[bytes]`: the model's own file |
//!
//! A matrix NAME is `NAME.weight`, row-major, as in the ONNX file: F32, or I8 with `NAME.scale`
//! (F32) and `NAME.zero_point` (I32), of one number or of one a column; a weight is then
//! `scale * (value - zero_point)`. Scales of shape `[rows, 1]`, which only tables have, are one a
//! row. A linear layer NAME, which computes `x weight + bias`, is a
//! matrix `[inputs, outputs]` and `NAME.bias`, F32 `[outputs]`; where an activation follows,
//! `NAME.activation`, U8 `[bytes]`, is `gelu`, `gelu_tanh`, `relu` or `tanh`. A norm NAME is `NAME.gamma` and
//! `NAME.beta`, F32 `[hidden]`, and `NAME.eps`, F32 `[1]`.
//!
//! The number of attention heads and the numbering of positions (from 0, or as RoBERTa's from the
//! padding's id) follow from `config.json`.

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::encoder::{Activation, Encoder, Layer, Linear, Norm, Table};
use super::hash::{digest, hexadecimal};
use super::weights::{Int8, to_bytes};
use super::{Config, Floats, ModelFiles, Weights};
use crate::error::{Error, ErrorKind, Result};

/// What every version's header begins with.
const START: &str = r#"{"__metadata__":{"crossrank":""#;
const VERSION: &str = "2";
/// What stands between version and hash.
const BEFORE_HASH: &str = r#"","sha256":""#;
const HASH_DIGITS: usize = 64;
/// The place of the hash in a file of this version.
const HASH: usize = 8 + START.len() + VERSION.len() + BEFORE_HASH.len();
/// Where the tensors begin is divided by this.
const ALIGNMENT: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum DataType {
    F32,
    I32,
    I8,
    U8,
}

impl DataType {
    fn bytes(self) -> usize {
        match self {
            DataType::F32 | DataType::I32 => 4,
            DataType::I8 | DataType::U8 => 1,
        }
    }
}

/// A tensor in the header.
#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: DataType,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// Whether these are the bytes of a prepared model, of any version.
pub(crate) fn is_prepared(file: &[u8]) -> bool {
    file.get(8..).is_some_and(|header| header.starts_with(START.as_bytes()))
}

/// The SHA-256 that a file of this version says of itself.
pub(crate) fn hash_of(file: &[u8]) -> Option<&[u8]> {
    is_prepared(file).then(|| file.get(HASH..HASH + HASH_DIGITS)).flatten()
}

impl ModelFiles {
    /// The files in a prepared model, whose content is checked against its hash. Its own bytes are
    /// in the place of [`ModelFiles::onnx`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`] where it is none, damaged, or of another version.
    pub fn from_prepared(file: impl Into<Bytes>) -> Result<ModelFiles> {
        let files = ModelFiles::from_checked(file.into())?;
        let hash = digest(&files.onnx[HASH + HASH_DIGITS..]);
        match hash_of(&files.onnx) == Some(hash.as_bytes()) {
            true => Ok(files),
            false => Err(damaged("its content has another SHA-256")),
        }
    }

    /// [`ModelFiles::from_prepared`] of a file whose hash has been compared.
    pub(crate) fn from_checked(file: Bytes) -> Result<ModelFiles> {
        let tensors = Tensors::open(&file)?;
        // Copies, which are small, and whose text stays text whatever becomes of a mapped file.
        let text = |name| {
            let (_, bytes) = tensors.bytes(name, DataType::U8)?;
            Ok(Bytes::copy_from_slice(&bytes))
        };
        let (tokenizer, config) = (text("tokenizer.json")?, text("config.json")?);
        let tokenizer_config = text("tokenizer_config.json").ok();
        let embedding = ModelFiles::EMBEDDING.into_iter();
        let embedding = embedding.filter_map(|name| Some((name.to_owned(), text(name).ok()?)));
        let embedding = embedding.collect();
        let external = BTreeMap::new();
        Ok(ModelFiles { onnx: file, external, tokenizer, config, tokenizer_config, embedding })
    }
}

fn damaged(reason: &str) -> Error {
    Error::new(
        ErrorKind::InvalidModel,
        format!("the prepared model is damaged ({reason}); copy or prepare it again"),
    )
}

/// Writes the file of an encoder and its other files. Of the weights, a piece at a time is in memory.
pub(crate) fn write(
    encoder: &Encoder,
    files: &ModelFiles,
    out: impl Write + Seek,
) -> io::Result<()> {
    let mut parts = Parts::default();
    parts.encoder(encoder);
    parts.files([("config.json", &files.config), ("tokenizer.json", &files.tokenizer)]);
    let optional = files.tokenizer_config.as_ref();
    parts.files(optional.map(|file| ("tokenizer_config.json", file)));
    parts.files(files.embedding.iter().map(|(name, file)| (name.as_str(), file)));
    parts.write(out)
}

/// Tensors that become a file.
#[derive(Default)]
struct Parts<'a>(Vec<(String, DataType, Vec<usize>, Content<'a>)>);

/// The bytes of a tensor.
enum Content<'a> {
    Bytes(Bytes),
    /// A matrix of so many columns.
    Matrix(&'a Weights, usize),
}

impl<'a> Parts<'a> {
    fn encoder(&mut self, encoder: &'a Encoder) {
        let Encoder { words, positions, segments, embedding_norm, layers, head, .. } = encoder;
        let hidden = encoder.hidden();
        let tables = [("words", words), ("positions", positions)];
        for (name, table) in tables.into_iter().chain(segments.as_ref().map(|t| ("segments", t))) {
            self.matrix(&format!("embeddings.{name}"), [table.rows, hidden], &table.values);
        }
        self.norm("embeddings.norm", embedding_norm);
        for (i, layer) in layers.iter().enumerate() {
            let name = |part: &str| format!("layers.{i}.{part}");
            self.linear(&name("query"), &layer.query);
            self.linear(&name("key"), &layer.key);
            self.linear(&name("value"), &layer.value);
            self.linear(&name("attention_output"), &layer.attention_output);
            self.norm(&name("attention_norm"), &layer.attention_norm);
            self.linear(&name("intermediate"), &layer.intermediate);
            self.linear(&name("output"), &layer.output);
            self.norm(&name("output_norm"), &layer.output_norm);
        }
        for (i, linear) in head.iter().enumerate() {
            self.linear(&format!("head.{i}"), linear);
        }
    }

    fn linear(&mut self, name: &str, linear: &'a Linear) {
        self.matrix(name, [linear.inputs, linear.outputs], &linear.weights);
        self.floats(&format!("{name}.bias"), &linear.bias);
        if let Some(activation) = linear.activation.name() {
            self.text(&format!("{name}.activation"), Bytes::from_static(activation.as_bytes()));
        }
    }

    fn norm(&mut self, name: &str, norm: &Norm) {
        self.floats(&format!("{name}.gamma"), &norm.gamma);
        self.floats(&format!("{name}.beta"), &norm.beta);
        self.floats(&format!("{name}.eps"), &[norm.eps]);
    }

    fn matrix(&mut self, name: &str, [rows, columns]: [usize; 2], values: &'a Weights) {
        let (shape, weight) = (vec![rows, columns], format!("{name}.weight"));
        let content = Content::Matrix(values, columns);
        let Some((scales, zero_points, by_row)) = values.steps() else {
            return self.0.push((weight, DataType::F32, shape, content));
        };
        self.0.push((weight, DataType::I8, shape, content));
        let shape = if by_row { vec![rows, 1] } else { vec![scales.len()] };
        let bytes = Content::Bytes(to_bytes(scales).into());
        self.0.push((format!("{name}.scale"), DataType::F32, shape, bytes));
        let bytes = zero_points.iter().flat_map(|z| z.to_le_bytes()).collect();
        let shape = vec![zero_points.len()];
        self.0.push((format!("{name}.zero_point"), DataType::I32, shape, Content::Bytes(bytes)));
    }

    fn floats(&mut self, name: &str, values: &[f32]) {
        let bytes = Content::Bytes(to_bytes(values).into());
        self.0.push((name.into(), DataType::F32, vec![values.len()], bytes));
    }

    fn files<'b>(&mut self, files: impl IntoIterator<Item = (&'b str, &'b Bytes)>) {
        for (name, file) in files {
            self.text(name, file.clone());
        }
    }

    fn text(&mut self, name: &str, text: Bytes) {
        self.0.push((name.into(), DataType::U8, vec![text.len()], Content::Bytes(text)));
    }

    fn write(mut self, mut out: impl Write + Seek) -> io::Result<()> {
        // Stable: the order of the layers stays.
        self.0.sort_by_key(|(_, data_type, ..)| std::cmp::Reverse(data_type.bytes()));
        let start = out.stream_position()?;
        let no_hash = "0".repeat(HASH_DIGITS);
        let mut header = format!(r#"{START}{VERSION}{BEFORE_HASH}{no_hash}"}}"#);
        let mut end = 0;
        for (name, dtype, shape, _) in &self.0 {
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
        for (.., content) in &self.0 {
            match content {
                Content::Bytes(bytes) => write(bytes)?,
                Content::Matrix(values, columns) => values.pieces(*columns, &mut write)?,
            }
        }
        out.seek(SeekFrom::Start(start + HASH as u64))?;
        out.write_all(hexadecimal(&hash.finalize()).as_bytes())?;
        out.seek(SeekFrom::Start(start + (head.len() + end) as u64))?;
        out.flush()
    }
}

/// The encoder in a file. Its shapes may not fit each other, see [`Encoder::check`].
///
/// # Errors
/// [`ErrorKind::InvalidModel`] where there is none. The hash is not looked at.
pub(crate) fn encoder(file: &Bytes, config: &Config) -> Result<Encoder> {
    let tensors = Tensors::open(file)?;
    let heads = config.heads.ok_or_else(|| damaged("config.json lacks num_attention_heads"))?;
    let numbering = config.numbering.ok_or_else(|| {
        damaged(&format!("config.json has the model_type \"{}\"", config.model_type))
    })?;
    let has = |name: &str| tensors.entries.contains_key(name);
    let layers = (0..).take_while(|i| has(&format!("layers.{i}.query.weight")));
    let head = (0..).map(|i| format!("head.{i}"));
    let head = head.take_while(|name| has(&format!("{name}.weight")));
    let segments = "embeddings.segments";
    let has_segments = has(&format!("{segments}.weight"));
    Ok(Encoder {
        heads,
        words: tensors.table("embeddings.words")?,
        positions: tensors.table("embeddings.positions")?,
        numbering,
        segments: has_segments.then(|| tensors.table(segments)).transpose()?,
        embedding_norm: tensors.norm("embeddings.norm")?,
        layers: layers.map(|i| tensors.layer(i)).collect::<Result<_>>()?,
        head: head.map(|name| tensors.linear(&name)).collect::<Result<_>>()?,
    })
}

/// A file's header and its tensors' bytes.
struct Tensors {
    entries: BTreeMap<String, Entry>,
    data: Bytes,
}

impl Tensors {
    fn open(file: &Bytes) -> Result<Tensors> {
        if !is_prepared(file) {
            return Err(Error::new(
                ErrorKind::InvalidModel,
                "the file is no prepared model; `crossrank prepare` makes one of a model folder",
            ));
        }
        let after = &file[8 + START.len()..];
        let version = after.split(|&byte| byte == b'"').next().unwrap_or_default();
        if version != VERSION.as_bytes() {
            // A copy: another process might write to a mapped file.
            let version = version[..version.len().min(8)].to_vec();
            return Err(Error::new(
                ErrorKind::InvalidModel,
                format!(
                    "the model was prepared in version {} of the format, and this is crossrank {}, \
                     which reads version {VERSION}; prepare it again",
                    String::from_utf8_lossy(&version),
                    env!("CARGO_PKG_VERSION")
                ),
            ));
        }
        if !after[VERSION.len()..].starts_with(BEFORE_HASH.as_bytes()) {
            return Err(damaged("its header is another"));
        }
        let length = file.first_chunk().map(|&length| u64::from_le_bytes(length));
        let length = length.and_then(|length| usize::try_from(length).ok());
        let (header, data) = length
            .and_then(|length| file[8..].split_at_checked(length))
            .ok_or_else(|| damaged("it ends in its header"))?;
        // The metadata goes before, because it is no tensor.
        let rest = header.get(HASH - 8 + HASH_DIGITS..).and_then(|rest| rest.strip_prefix(b"\"},"));
        let rest = rest.ok_or_else(|| damaged("its header is another"))?;
        let entries: BTreeMap<String, Entry> =
            serde_json::from_slice(&[b"{", rest].concat()).map_err(|e| damaged(&e.to_string()))?;
        let end = entries.values().map(|entry| entry.data_offsets.1).max().unwrap_or(0);
        if end != data.len() {
            return Err(damaged(&format!("it has {} bytes of tensors, not {end}", data.len())));
        }
        let lengths = entries.values().map(|e| e.data_offsets.1.saturating_sub(e.data_offsets.0));
        if lengths.fold(0, usize::saturating_add) != end {
            return Err(damaged("its tensors share bytes"));
        }
        Ok(Tensors { entries, data: file.slice_ref(data) })
    }

    fn layer(&self, i: usize) -> Result<Layer> {
        let name = |part: &str| format!("layers.{i}.{part}");
        Ok(Layer {
            query: self.linear(&name("query"))?,
            key: self.linear(&name("key"))?,
            value: self.linear(&name("value"))?,
            attention_output: self.linear(&name("attention_output"))?,
            attention_norm: self.norm(&name("attention_norm"))?,
            intermediate: self.linear(&name("intermediate"))?,
            output: self.linear(&name("output"))?,
            output_norm: self.norm(&name("output_norm"))?,
        })
    }

    fn linear(&self, name: &str) -> Result<Linear> {
        let ([inputs, outputs], weights) = self.matrix(name)?;
        let bias = self.floats(&format!("{name}.bias"))?;
        if bias.len() != outputs {
            return Err(damaged(&format!("the bias of {name} has another length")));
        }
        if matches!(&weights, Weights::Int8(int8) if int8.by_row) {
            return Err(damaged(&format!("{name} has a scale a row")));
        }
        let activation = match self.bytes(&format!("{name}.activation"), DataType::U8) {
            Ok((_, activation)) => Activation::named(&activation)
                .ok_or_else(|| damaged(&format!("the activation of {name} is none")))?,
            Err(_) => Activation::None,
        };
        Ok(Linear { inputs, outputs, weights, bias, activation })
    }

    fn table(&self, name: &str) -> Result<Table> {
        let ([rows, _], values) = self.matrix(name)?;
        Ok(Table { rows, values })
    }

    fn norm(&self, name: &str) -> Result<Norm> {
        let part = |part| self.floats(&format!("{name}.{part}"));
        let (gamma, beta) = (part("gamma")?, part("beta")?);
        let [eps] = part("eps")?[..] else {
            return Err(damaged(&format!("{name}.eps is not one number")));
        };
        Ok(Norm { gamma, beta, eps })
    }

    fn matrix(&self, name: &str) -> Result<([usize; 2], Weights)> {
        let weight = format!("{name}.weight");
        let (shape, values) = match self.bytes(&weight, DataType::F32) {
            Ok((shape, bytes)) => (shape, Weights::Float(Floats::f32(bytes))),
            Err(_) => {
                let (shape, bytes) = self.bytes(&weight, DataType::I8)?;
                let (_, zero_points) = self.bytes(&format!("{name}.zero_point"), DataType::I32)?;
                let (of, scales) = self.bytes(&format!("{name}.scale"), DataType::F32)?;
                let int8 = Int8 {
                    bytes,
                    unsigned: false,
                    scales: numbers(&scales, f32::from_le_bytes),
                    zero_points: numbers(&zero_points, i32::from_le_bytes),
                    by_row: of.len() == 2,
                };
                (shape, Weights::Int8(int8))
            }
        };
        match *shape {
            [rows, columns] if values.fit(rows, columns) => Ok(([rows, columns], values)),
            _ => Err(damaged(&format!("{name} is no matrix"))),
        }
    }

    fn floats(&self, name: &str) -> Result<Vec<f32>> {
        let (_, bytes) = self.bytes(name, DataType::F32)?;
        Ok(numbers(&bytes, f32::from_le_bytes))
    }

    /// The shape and the bytes of a tensor.
    fn bytes(&self, name: &str, expected: DataType) -> Result<(&[usize], Bytes)> {
        let entry = self.entries.get(name).filter(|entry| entry.dtype == expected);
        let Entry { shape, data_offsets: (start, end), .. } =
            entry.ok_or_else(|| damaged(&format!("it has no {name} of type {expected:?}")))?;
        let length = shape.iter().try_fold(expected.bytes(), |n, &size| n.checked_mul(size));
        let bytes = self.data.get(*start..*end).filter(|bytes| Some(bytes.len()) == length);
        let bytes = bytes.ok_or_else(|| damaged(&format!("{name} has another length")))?;
        Ok((shape, self.data.slice_ref(bytes)))
    }
}

fn numbers<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&chunk| number(chunk)).collect()
}
