//! Reads the encoder in the files of a model, whichever format they are in.

#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeSet;

use bytes::Bytes;

use super::guard::{UNREADABLE_GRAPH, guarded};
use super::onnx::Onnx;
#[cfg(checkpoints)]
use crate::error::catch_panic;
use crate::error::{Error, ErrorKind, Result, one_line};
#[cfg(checkpoints)]
use crate::model::checkpoint;
use crate::model::{
    Config, EmbeddingSettings, Encoder, ModelFiles, Output, is_checkpoint, prepared,
};

/// The encoder in the files of a reranker or, if they say how vectors are made, of an embedder. The
/// graph shows which: that of a reranker has a head.
///
/// # Errors
/// [`ErrorKind::UnsupportedModel`] if the graph is not an encoder that this library recognizes,
/// [`ErrorKind::InvalidModel`] if it is damaged.
pub(crate) fn reranker_or_embedder(files: &ModelFiles) -> Result<(Config, Encoder)> {
    let of = |config: Config| encoder(files, &config).map(|encoder| (config, encoder));
    let reranker = Config::reranker(files).and_then(of);
    if reranker.is_ok() || files.embedding.is_empty() {
        return reranker;
    }
    of(Config::embedder(files, EmbeddingSettings::parse(files)?.pooling)?)
}

/// The encoder in the files of a model. Its weights are read from where they are stored.
fn encoder(files: &ModelFiles, config: &Config) -> Result<Encoder> {
    if prepared::is_prepared(&files.onnx) {
        return prepared_encoder(&files.onnx, config);
    }
    if is_checkpoint(&files.onnx) {
        return checkpoint_encoder(files, config);
    }
    recognize(&Onnx::read(files)?, config)?.map_err(|reason| {
        Error::new(
            ErrorKind::UnsupportedModel,
            format!(
                "the graph cannot be prepared, because it is not an encoder that this library \
                 recognizes ({reason})"
            ),
        )
    })
}

/// The encoder in a graph, or why it is not recognized.
///
/// # Errors
/// The graph is no model of this kind.
pub(super) fn recognize(graph: &Onnx, config: &Config) -> Result<Result<Encoder, String>> {
    match guarded(UNREADABLE_GRAPH, || Ok(graph.recognize(config)))? {
        Ok(encoder) => Ok(Ok(encoder)),
        Err(reason) => match reason.downcast() {
            Ok(error) => Err(error),
            Err(reason) => Ok(Err(one_line(&format!("{reason:#}")))),
        },
    }
}

/// The encoder in weights of safetensors, in floats.
#[cfg(checkpoints)]
pub(super) fn checkpoint_encoder(files: &ModelFiles, config: &Config) -> Result<Encoder> {
    catch_panic(ErrorKind::InvalidModel, "the weights cannot be read", || {
        checkpoint::encoder(files, config)
    })
}

#[cfg(not(checkpoints))]
pub(super) fn checkpoint_encoder(_: &ModelFiles, _: &Config) -> Result<Encoder> {
    let message = "the weights are in safetensors, which this build does not read; build with the feature \
                   general";
    Err(Error::new(ErrorKind::NeedsGeneral, message))
}

/// The encoder in a prepared model.
pub(super) fn prepared_encoder(file: &Bytes, config: &Config) -> Result<Encoder> {
    let encoder = prepared::encoder(file, config)?;
    match (&config.output, encoder.head.steps.is_empty()) {
        (Output::Embedding(_), true) | (Output::Logit, false) => {}
        (Output::Embedding(_), false) => {
            return Err(config.wrong_output("what a head makes of the first token"));
        }
        (Output::Logit, true) => return Err(config.wrong_output("the states of tokens")),
    }
    encoder.check().and_then(|()| encoder.check_config(config)).map_err(|e| {
        let message = format!("the parts of the prepared model do not fit together ({e})");
        Error::new(ErrorKind::InvalidModel, message)
    })?;
    Ok(encoder)
}

/// How well a graph runs, worst first.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fitness {
    Refused,
    General,
    Fused,
}

/// How well the graph of a model runs.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn fitness(files: &ModelFiles) -> Fitness {
    if reranker_or_embedder(files).is_ok() {
        return Fitness::Fused;
    }
    if is_checkpoint(&files.onnx) {
        return Fitness::Refused;
    }
    match Onnx::read(files).map(|graph| graph.onnx_runtime_operator().is_some()) {
        Ok(false) => Fitness::General,
        _ => Fitness::Refused,
    }
}

/// The names of the files that hold weights of a graph. All are in the folder of the graph.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn external_names(onnx: &Bytes) -> Result<BTreeSet<String>> {
    guarded(UNREADABLE_GRAPH, || Onnx::external_names(onnx.clone()))
}
