//! Prepared models. The lengths and the hash are made right, so that what lies behind them is reached.

use std::io::Cursor;
use std::sync::OnceLock;

use arbitrary::Arbitrary;
use crossrank::{Bits, ModelFiles};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::decode;
use super::json::JsonEdit;
use super::model::{TEXTS, check_error, files, load_and_run};

#[derive(Arbitrary, Debug)]
struct Changed {
    model: u8,
    edits: Vec<Edit>,
    config: Vec<JsonEdit>,
    /// Changes to the header after the lengths are right.
    header: Vec<JsonEdit>,
    cut: Option<u8>,
}

#[derive(Arbitrary, Debug)]
enum Edit {
    Remove(u16),
    /// Gives a tensor the name of another.
    Rename(u16, u16),
    /// The content of another tensor.
    Copy(u16, u16),
    /// Another shape, with as many bytes as it needs.
    Resize(u16, Vec<u8>),
    Byte(u16, u16, u8),
    Fill(u16, [u8; 4]),
    Integer(u16, i32),
    Type(u16, u8),
    Text(u16, String),
}

#[derive(Clone)]
struct Tensor {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

const TYPES: [(&str, usize); 4] = [("F32", 4), ("I32", 4), ("I8", 1), ("U8", 1)];

const WORDS: [&str; 14] = [
    "dtype",
    "shape",
    "data_offsets",
    "F32",
    "I32",
    "I8",
    "U8",
    "embeddings.padding",
    "layers.0.window",
    "layers.0.rotary",
    "layers.0.alibi",
    "residuals",
    "distances.rows",
    "num_attention_heads",
];

/// A prepared model with other tensors.
pub fn run(data: &[u8]) {
    let Some(changed) = decode::<Changed>(data) else { return };
    let models = models();
    let mut tensors = models[usize::from(changed.model) % models.len()].clone();
    for edit in changed.edits.iter().take(8) {
        edit.apply(&mut tensors);
    }
    for Tensor { bytes, shape, .. } in
        tensors.iter_mut().filter(|tensor| tensor.name == "config.json")
    {
        let Ok(mut config) = serde_json::from_slice(bytes) else { continue };
        changed.config.iter().take(4).for_each(|edit| edit.apply(&mut config, &WORDS));
        *bytes = config.to_string().into_bytes();
        *shape = vec![bytes.len()];
    }
    let mut file = write(&tensors, &changed.header);
    if let Some(cut) = changed.cut {
        file.truncate(file.len() - usize::from(cut).min(file.len()));
    }
    match ModelFiles::from_prepared(file) {
        Ok(files) => load_and_run(&files),
        Err(error) => check_error(error),
    }
}

impl Edit {
    fn apply(&self, tensors: &mut Vec<Tensor>) {
        if tensors.is_empty() {
            return;
        }
        let count = tensors.len();
        let index = |tensor: &u16| usize::from(*tensor) % count;
        match self {
            Edit::Remove(of) => drop(tensors.remove(index(of))),
            Edit::Rename(of, other) => tensors[index(of)].name = tensors[index(other)].name.clone(),
            Edit::Copy(of, other) => {
                let name = tensors[index(of)].name.clone();
                tensors[index(of)] = Tensor { name, ..tensors[index(other)].clone() };
            }
            Edit::Resize(of, shape) => {
                let tensor = &mut tensors[index(of)];
                tensor.shape = shape.iter().take(3).map(|&size| usize::from(size)).collect();
                let length = size(tensor.dtype) * tensor.shape.iter().product::<usize>();
                tensor.bytes.resize(length.min(1 << 20), 1);
            }
            Edit::Byte(of, at, byte) => {
                let bytes = &mut tensors[index(of)].bytes;
                let length = bytes.len().max(1);
                bytes.get_mut(usize::from(*at) % length).into_iter().for_each(|b| *b = *byte);
            }
            Edit::Fill(of, pattern) => {
                let bytes = tensors[index(of)].bytes.iter_mut();
                bytes.zip(pattern.iter().cycle()).for_each(|(byte, value)| *byte = *value);
            }
            Edit::Integer(of, value) => {
                let tensor = &mut tensors[index(of)];
                tensor.bytes = value.to_le_bytes().to_vec();
                tensor.shape = vec![4 / size(tensor.dtype)];
            }
            Edit::Type(of, which) => {
                let (dtype, bytes) = TYPES[usize::from(*which) % TYPES.len()];
                let tensor = &mut tensors[index(of)];
                tensor.dtype = dtype;
                tensor.bytes.resize(bytes * tensor.shape.iter().product::<usize>(), 0);
            }
            Edit::Text(of, text) => {
                let tensor = &mut tensors[index(of)];
                tensor.bytes = text.as_bytes().to_vec();
                tensor.shape = vec![text.len()];
            }
        }
    }
}

fn size(dtype: &str) -> usize {
    TYPES.iter().find(|(name, _)| *name == dtype).unwrap().1
}

/// A file with these tensors, whose header is changed.
fn write(tensors: &[Tensor], edits: &[JsonEdit]) -> Vec<u8> {
    let (mut entries, mut data) = (Map::new(), Vec::new());
    for Tensor { name, dtype, shape, bytes } in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        entries.insert(
            name.clone(),
            json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }),
        );
        data.extend(bytes);
    }
    let mut entries = Value::Object(entries);
    edits.iter().take(4).for_each(|edit| edit.apply(&mut entries, &WORDS));
    let entries = entries.to_string();
    let rest = entries.strip_prefix('{').unwrap_or(&entries);
    let start = r#"{"__metadata__":{"crossrank":"3","sha256":""#;
    let mut header = format!("\"}},{rest}");
    while !(8 + start.len() + 64 + header.len()).is_multiple_of(64) {
        header.push(' ');
    }
    let hash = Sha256::new().chain_update(&header).chain_update(&data).finalize();
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let length = (start.len() + hash.len() + header.len()) as u64;
    [&length.to_le_bytes(), start.as_bytes(), hash.as_bytes(), header.as_bytes(), &data].concat()
}

/// The tensors of a file.
fn read(file: &[u8]) -> Vec<Tensor> {
    let length = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let entries: Map<String, Value> = serde_json::from_slice(&file[8..8 + length]).unwrap();
    let data = &file[8 + length..];
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let tensors = entries.into_iter().filter(|(name, _)| name != "__metadata__");
    let tensor = |(name, entry): (String, Value)| {
        let numbers =
            |field: &str| entry[field].as_array().unwrap().iter().map(number).collect::<Vec<_>>();
        let offsets = numbers("data_offsets");
        let dtype = TYPES.iter().find(|(dtype, _)| entry["dtype"] == *dtype).unwrap().0;
        Tensor {
            name,
            dtype,
            shape: numbers("shape"),
            bytes: data[offsets[0]..offsets[1]].to_vec(),
        }
    };
    tensors.map(tensor).collect()
}

fn models() -> &'static [Vec<Tensor>] {
    static MODELS: OnceLock<Vec<Vec<Tensor>>> = OnceLock::new();
    MODELS.get_or_init(|| {
        let folders = [
            "graphs/torchscript-14",
            "graphs/int8-tensor",
            "graphs/roberta",
            "graphs/mpnet",
            "graphs/jina-bert",
            "graphs/modernbert",
            "graphs/modernbert-int8",
            "graphs/deberta-v2",
            "graphs/new",
            "embedders/bert",
        ];
        let mut prepared: Vec<Vec<u8>> =
            folders.iter().map(|folder| files(folder).prepare().unwrap()).collect();
        let mut packed = Cursor::new(Vec::new());
        files(folders[0])
            .quantize_to(Bits::Four, &TEXTS.map(|text| (text, text)), &mut packed)
            .unwrap();
        prepared.push(packed.into_inner());
        prepared.iter().map(|file| read(file)).collect()
    })
}
