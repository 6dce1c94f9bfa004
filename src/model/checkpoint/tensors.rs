//! The tensors in a model's files of the format safetensors.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::mistake::mistake;
use crate::model::files::{ModelFiles, parse_json};
use crate::model::safetensors::{DataType, Tensors};
use crate::model::{Activation, Floats, Linear, Norm, Table, Weights};

/// The name of a file with all weights.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// The name of the list of files with weights, if there are several.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// The files of a model, or of a module of sentence-transformers, with their names.
pub(super) struct Checkpoint {
    files: Vec<(String, Tensors)>,
    /// The names of the tensors that were read.
    read: RefCell<BTreeSet<String>>,
}

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

/// The names of the files that an index lists. They are beside it.
///
/// # Errors
/// [`ErrorKind::InvalidModel`] if it is not an index, or a name leads elsewhere.
pub(crate) fn shards(index: &[u8]) -> Result<BTreeSet<String>> {
    let Index { weight_map } = parse_json(INDEX, index)?;
    let shards: BTreeSet<String> = weight_map.into_values().collect();
    match shards.iter().find(|name| name.starts_with('.') || name.contains(['/', '\\', ':'])) {
        Some(name) => Err(invalid(format!("{INDEX} names a file elsewhere ({name})"))),
        None => Ok(shards),
    }
}

/// Whether a linear layer or a norm has a bias.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    Required,
    /// If there is one.
    Optional,
}

impl Checkpoint {
    /// The tensors of `model.safetensors`, or of all files that an index lists.
    pub fn open(files: &ModelFiles) -> Result<Checkpoint> {
        if files.onnx.first() != Some(&b'{') {
            return Checkpoint::of(vec![(WEIGHTS.to_owned(), files.onnx.clone())]);
        }
        let content = |name: String| match files.external.get(&name) {
            Some(content) => Ok((name, content.clone())),
            None => Err(invalid(format!(
                "the model lacks {name}, which {INDEX} lists; download all files of the repository"
            ))),
        };
        let shards = shards(&files.onnx)?.into_iter().map(content);
        Checkpoint::of(shards.collect::<Result<_>>()?)
    }

    /// The tensors of a module's file.
    pub fn module(name: String, content: Bytes) -> Result<Checkpoint> {
        Checkpoint::of(vec![(name, content)])
    }

    fn of(files: Vec<(String, Bytes)>) -> Result<Checkpoint> {
        let parse = |(name, content): (String, Bytes)| match Tensors::of_any(&content) {
            Ok(tensors) => Ok((name, tensors)),
            Err(reason) => Err(invalid(match mistake(&content) {
                Some(mistake) => format!("{name} {mistake}"),
                None => format!("{name} is damaged ({reason}); download it again"),
            })),
        };
        let files = files.into_iter().map(parse).collect::<Result<_>>()?;
        Ok(Checkpoint { files, read: RefCell::default() })
    }

    pub fn contains(&self, name: &str) -> bool {
        self.files.iter().any(|(_, tensors)| tensors.shape(name).is_some())
    }

    /// The first tensor that nobody has read, of those that are `of_encoder`.
    pub fn unread(&self, of_encoder: impl Fn(&str) -> bool) -> Option<&str> {
        let read = self.read.borrow();
        let mut names = self.files.iter().flat_map(|(_, tensors)| tensors.names());
        names.find(|name| of_encoder(name) && !read.contains(*name))
    }

    /// The names of the files, for messages.
    pub fn files(&self) -> String {
        let names: Vec<&str> = self.files.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        let mut found = self.files.iter().filter_map(|(_, tensors)| tensors.shape(name));
        found.next().map(|(_, shape)| shape).ok_or_else(|| self.missing(name))
    }

    /// A tensor of this shape, where it is stored.
    pub fn stored(&self, name: &str, shape: &[usize]) -> Result<Floats> {
        let found = self.files.iter().find_map(|(file, tensors)| {
            tensors.shape(name).map(|(dtype, found)| (file, tensors, dtype, found))
        });
        let (file, tensors, dtype, found) = found.ok_or_else(|| self.missing(name))?;
        if found != shape {
            return Err(invalid(format!(
                "the tensor {name} of {file} has the shape {found:?}, and config.json needs {shape:?}; \
                 take both files from one repository"
            )));
        }
        let floats = match dtype {
            DataType::F32 => Floats::f32,
            DataType::F16 => Floats::f16,
            DataType::Bf16 => Floats::bf16,
            _ => {
                return Err(Error::new(
                    ErrorKind::UnsupportedModel,
                    format!(
                        "the tensor {name} of {file} has a type that is not F32, F16 or BF16, so its \
                         weights are quantized in another way; take the model in floats"
                    ),
                ));
            }
        };
        self.read.borrow_mut().insert(name.to_owned());
        let (_, bytes) = tensors.bytes(name, dtype).map_err(|_| {
            invalid(format!("the tensor {name} of {file} has another length than its shape"))
        })?;
        Ok(floats(bytes))
    }

    /// A copy of a tensor, which does not keep its file in memory.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let stored = self.stored(name, shape)?;
        let mut numbers = Vec::with_capacity(stored.len());
        stored.extend(0..stored.len(), &mut numbers);
        Ok(numbers)
    }

    /// Parts of a linear layer NAME, which are stored one after another: `NAME.weight`, `[outputs, inputs]`,
    /// and `NAME.bias`.
    pub fn parts<const N: usize>(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
        bias: Bias,
    ) -> Result<[Linear; N]> {
        let all = outputs.saturating_mul(N);
        let weights = self.stored(&format!("{name}.weight"), &[all, inputs])?;
        let biases = self.bias(name, all, bias)?;
        Ok(std::array::from_fn(|part| {
            let rows = part * outputs..(part + 1) * outputs;
            let weights = weights.slice(rows.start * inputs..rows.end * inputs);
            Linear {
                inputs,
                outputs,
                weights: Weights::Float(weights.transposed(inputs)),
                bias: biases[rows].to_vec(),
                activation: Activation::None,
            }
        }))
    }

    pub fn linear(&self, name: &str, inputs: usize, outputs: usize, bias: Bias) -> Result<Linear> {
        self.parts(name, inputs, outputs, bias).map(|[linear]| linear)
    }

    /// The layer norm NAME: `NAME.weight` and `NAME.bias`, which the first files of BERT call `NAME.gamma` and
    /// `NAME.beta`.
    pub fn norm(&self, name: &str, width: usize, eps: f32, bias: Bias) -> Result<Norm> {
        let gamma = format!("{name}.gamma");
        if self.contains(&gamma) {
            let beta = self.floats(&format!("{name}.beta"), &[width])?;
            return Ok(Norm { gamma: self.floats(&gamma, &[width])?, beta, eps });
        }
        let gamma = self.floats(&format!("{name}.weight"), &[width])?;
        Ok(Norm { gamma, beta: self.bias(name, width, bias)?, eps })
    }

    fn bias(&self, name: &str, width: usize, bias: Bias) -> Result<Vec<f32>> {
        let name = format!("{name}.bias");
        match bias == Bias::Optional && !self.contains(&name) {
            true => Ok(vec![0.0; width]),
            false => self.floats(&name, &[width]),
        }
    }

    /// The embedding table `NAME.weight`, which is `[rows, width]`, where it is stored.
    pub fn table(&self, name: &str, width: usize) -> Result<Table> {
        let name = format!("{name}.weight");
        let rows = self.shape(&name)?.first().copied().unwrap_or(0);
        Ok(Table { rows, values: Weights::Float(self.stored(&name, &[rows, width])?) })
    }

    /// A copy of an embedding table, which does not keep its file in memory.
    pub fn small_table(&self, name: &str, width: usize) -> Result<Table> {
        let Table { rows, values } = self.table(name, width)?;
        Ok(Table { rows, values: Weights::Float(values.to_f32(width).into()) })
    }

    fn missing(&self, name: &str) -> Error {
        invalid(format!(
            "{} has no tensor {name}, which the model of config.json has; take both files from one \
             repository",
            self.files()
        ))
    }
}

pub(super) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidModel, message)
}
