//! The settings of an architecture in `config.json`.

use serde_json::{Map, Value};

use super::tensors::invalid;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Activation;
use crate::model::files::parse_json;

/// The settings of a JSON file, with its name.
pub(super) struct Settings<'a> {
    file: &'a str,
    values: Map<String, Value>,
}

impl<'a> Settings<'a> {
    pub fn parse(file: &'a str, json: &[u8]) -> Result<Settings<'a>> {
        Ok(Settings { file, values: parse_json(file, json)? })
    }

    /// A setting, unless it is null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// A positive number that must be there.
    pub fn count(&self, name: &str) -> Result<usize> {
        let value = self.get(name).ok_or_else(|| {
            invalid(format!(
                "{} lacks {name}; take the file from the model's repository",
                self.file
            ))
        })?;
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.filter(|&count| count > 0).ok_or_else(|| self.wrong(name, "a positive whole number"))
    }

    pub fn count_or(&self, name: &str, default: usize) -> Result<usize> {
        if self.get(name).is_some() { self.count(name) } else { Ok(default) }
    }

    pub fn number_or(&self, name: &str, default: f64) -> Result<f64> {
        match self.get(name) {
            Some(value) => value.as_f64().ok_or_else(|| self.wrong(name, "a number")),
            None => Ok(default),
        }
    }

    pub fn text_or<'s>(&'s self, name: &str, default: &'s str) -> Result<&'s str> {
        match self.get(name) {
            Some(value) => value.as_str().ok_or_else(|| self.wrong(name, "a string")),
            None => Ok(default),
        }
    }

    pub fn flag_or(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            Some(value) => value.as_bool().ok_or_else(|| self.wrong(name, "true or false")),
            None => Ok(default),
        }
    }

    /// Checks that a setting is one that the engine knows.
    pub fn expect(&self, name: &str, known: bool) -> Result<()> {
        if known { Ok(()) } else { Err(self.unknown(name)) }
    }

    /// An activation by its name in transformers or, for modules, in torch.
    pub fn activation(&self, name: &str, default: &str) -> Result<Activation> {
        let value = self.text_or(name, default)?;
        Ok(match value.rsplit('.').next().unwrap_or(value) {
            "gelu" | "gelu_python" | "GELU" => Activation::Gelu,
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" | "gelu_python_tanh" => {
                Activation::GeluTanh
            }
            "relu" | "ReLU" => Activation::Relu,
            "silu" | "swish" | "SiLU" => Activation::Silu,
            "tanh" | "Tanh" => Activation::Tanh,
            "linear" | "Identity" => Activation::None,
            _ => return Err(self.unknown(name)),
        })
    }

    fn wrong(&self, name: &str, expected: &str) -> Error {
        let value = &self.values[name];
        invalid(format!("{} has {name} {value}, which is not {expected}", self.file))
    }

    /// The error for a value that the engine does not know.
    pub fn unknown(&self, name: &str) -> Error {
        let value = self.values.get(name).unwrap_or(&Value::Null);
        Error::new(
            ErrorKind::UnsupportedModel,
            format!(
                "{} has {name} {value}, which is not supported for weights in safetensors; export the \
                 model with `optimum-cli export onnx`",
                self.file
            ),
        )
    }
}
