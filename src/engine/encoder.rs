//! Reads the encoder in the files of a model, whichever format they are in.

#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeSet;

use bytes::Bytes;

use super::guard::{DAMAGED_GRAPH, guarded};
use super::onnx::Onnx;
use crate::error::{Error, ErrorKind, Result, one_line};
use crate::model::{Config, Encoder, ModelFiles, Output, prepared};

/// The encoder in the files of a model. Its weights are read from where they are stored.
///
/// # Errors
/// [`ErrorKind::UnsupportedModel`] if the graph is not an encoder that this library recognizes,
/// [`ErrorKind::InvalidModel`] if it is damaged.
pub(crate) fn encoder(files: &ModelFiles, config: &Config) -> Result<Encoder> {
    if prepared::is_prepared(&files.onnx) {
        return prepared_encoder(&files.onnx, config);
    }
    let graph = guarded(DAMAGED_GRAPH, || Onnx::parse(files.onnx.clone(), &files.external))?;
    guarded(DAMAGED_GRAPH, || Ok(graph.recognize(config)))?.map_err(|reason| {
        Error::new(
            ErrorKind::UnsupportedModel,
            format!(
                "the graph cannot be prepared, because it is not an encoder that this library \
                 recognizes ({})",
                one_line(&format!("{reason:#}"))
            ),
        )
    })
}

/// The encoder in a prepared model.
pub(super) fn prepared_encoder(file: &Bytes, config: &Config) -> Result<Encoder> {
    let mut encoder = prepared::encoder(file, config)?;
    if let Output::Embedding(_) = config.output {
        // The states of the tokens are wanted, not the logit that a head makes of them.
        encoder.head.clear();
    }
    encoder.check().and_then(|()| encoder.check_config(config)).map_err(|e| {
        let message = format!("the parts of the prepared model do not fit together ({e})");
        Error::new(ErrorKind::InvalidModel, message)
    })?;
    Ok(encoder)
}

/// The names of the files that hold weights of a graph. All are in the folder of the graph.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn external_names(onnx: &Bytes) -> Result<BTreeSet<String>> {
    guarded(DAMAGED_GRAPH, || Onnx::external_names(onnx.clone()))
}
