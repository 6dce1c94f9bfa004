//! Reads an encoder from the weights that libraries of Hugging Face save: `model.safetensors`, or several such
//! files with an index, and the settings in `config.json`.
//!
//! [`architectures`] is a table of the names that each architecture gives to the parts of an [`Encoder`]. The head
//! is that of transformers' classes for labels ([`head`]) or consists of modules of sentence-transformers
//! ([`modules`]). Whatever the files do not say, or say in an unknown way, is an error, and so are tensors of an
//! encoder that no part reads.

mod architectures;
mod distances;
mod head;
mod modules;
mod reader;
mod settings;
mod tensors;

use architectures::Architecture;
use reader::Reader;
use settings::Settings;
use tensors::Checkpoint;

use super::config::Config;
use super::encoder::Encoder;
use super::files::ModelFiles;
use crate::error::{Error, ErrorKind, Result};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use modules::module_paths;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use tensors::{INDEX, WEIGHTS, shards};

/// The encoder in the files of a model, in floats. Matrices and the table of tokens are read from where they are
/// stored.
///
/// # Errors
/// [`ErrorKind::UnsupportedModel`] if the model is of another kind, [`ErrorKind::InvalidModel`] if its files are
/// damaged or do not belong together.
pub(crate) fn encoder(files: &ModelFiles, config: &Config) -> Result<Encoder> {
    let settings = Settings::parse("config.json", &files.config)?;
    let architecture = Architecture::of(&settings)?;
    let tensors = Checkpoint::open(files)?;
    let has_prefix =
        tensors.contains(&format!("{}{}.weight", architecture.prefix, architecture.tokens));
    let prefix = if has_prefix { architecture.prefix } else { "" };
    let reader = Reader { architecture, settings: &settings, tensors: &tensors, prefix };
    let encoder = reader.encoder(files, config)?;
    encoder.check().and_then(|()| encoder.check_config(config)).map_err(|reason| {
        let message = format!("the parts of {} do not fit together ({reason})", tensors.files());
        Error::new(ErrorKind::InvalidModel, message)
    })?;
    Ok(encoder)
}

/// Refuses a model by its `config.json` alone, before its weights are there.
///
/// # Errors
/// [`ErrorKind::UnsupportedModel`] if it generates text, or its architecture is not one of the table.
#[cfg(feature = "hub")]
pub(crate) fn check_config(config: &[u8]) -> Result<()> {
    Config::check_kind(config)?;
    Architecture::of(&Settings::parse("config.json", config)?).map(|_| ())
}
