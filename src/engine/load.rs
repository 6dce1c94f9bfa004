//! Loads a model on the CPU, by the fastest way that its graph allows.

#[cfg(feature = "general")]
use std::collections::BTreeMap;
use std::sync::Arc;

use super::encoder::{checkpoint_encoder, prepared_encoder, recognize};
use super::fused::Fused;
#[cfg(feature = "general")]
use super::guard::FAILED_ON_TEXT;
use super::guard::{UNREADABLE_GRAPH, guarded};
use super::onnx::{Onnx, REWRITES};
use super::plan::Plan;
#[cfg(feature = "general")]
use super::reference::{Verdict, check};
#[cfg(feature = "general")]
use super::tract::Tract;
use crate::error::{Error, ErrorKind, Result};
use crate::kernels::Kernel;
#[cfg(checkpoints)]
use crate::model::QuantizeError;
use crate::model::{Config, Encoder, ModelFiles, is_checkpoint, prepared};
#[cfg(feature = "general")]
use crate::tokenizer::Encoding;

/// What failed when general operators do not run a graph.
#[cfg(feature = "general")]
const CANNOT_RUN: &str = "this library cannot run the ONNX graph; export it without optimizations and \
                          with an opset from 14 to 20";

/// Loads a prepared model or an ONNX graph.
///
/// A graph reads `input_ids`, `attention_mask` and `token_type_ids` of shape `[batch, length]`. It
/// gives one logit for each sequence, `[batch, 1]`, or the states of its tokens,
/// `[batch, length, hidden]`.
///
/// Tables stay where they lie in the file. Matrices are read from it one at a time, to be packed.
///
/// `kernel` is the name of one, see [`Kernel::name`]. `None` means the fastest. Unless [`Config::keep_floats`] is
/// set, weights in safetensors are quantized to int8, as [`ModelFiles::quantize_to`] does it.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] if this machine lacks the kernel, and those of a model that cannot
/// be used.
pub(crate) fn load(
    files: ModelFiles,
    config: &Config,
    kernel: Option<&str>,
) -> Result<Arc<dyn Plan>> {
    let kernel = kernel.map_or_else(|| Ok(Kernel::best()), named)?;
    load_for(files, config, kernel)
}

fn named(name: &str) -> Result<Kernel> {
    Kernel::all().into_iter().find(|kernel| kernel.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Kernel::all().into_iter().map(Kernel::name).collect();
        let names = names.join(", ");
        let message = format!("this machine has no kernel {name}; it has {names}");
        Error::new(ErrorKind::InvalidArgument, message)
    })
}

pub(super) fn load_for(
    files: ModelFiles,
    config: &Config,
    kernel: Kernel,
) -> Result<Arc<dyn Plan>> {
    let fused = |encoder: Encoder| -> Result<Arc<dyn Plan>> {
        guarded(UNREADABLE_GRAPH, || Ok(Arc::new(Fused::new(encoder, &config.output, kernel)) as _))
    };
    if prepared::is_prepared(&files.onnx) {
        let encoder = prepared_encoder(&files.onnx, config)?;
        drop(files);
        return fused(encoder);
    }
    if is_checkpoint(&files.onnx) {
        let encoder = checkpoint_encoder(&files, config)?;
        drop(files);
        #[cfg(checkpoints)]
        let encoder = match config.keep_floats {
            true => encoder,
            false => encoder.quantize().map_err(QuantizeError::into_error)?,
        };
        return fused(encoder);
    }
    let graph = Onnx::read(&files)?;
    let reason = match recognize(&graph, config)? {
        Ok(encoder) => {
            // Memory that packing can use.
            drop((graph, files));
            return fused(encoder);
        }
        Err(reason) => reason,
    };
    if let Some(operator) = graph.onnx_runtime_operator() {
        let what = format!("the graph has ONNX Runtime's own operator {operator}");
        let (kind, advice) = match REWRITES {
            true => (
                ErrorKind::UnsupportedModel,
                "take a graph of the model without it, such as onnx/model.onnx, or export it without \
                 ONNX Runtime's optimizations and not in its format QOperator",
            ),
            false => (
                ErrorKind::NeedsGeneral,
                "build with the feature general, or take a graph of the model without it, such as \
                 onnx/model.onnx",
            ),
        };
        return Err(Error::new(kind, format!("{what}; {advice}")));
    }
    #[cfg(feature = "general")]
    return general(&graph, files, config, &reason);
    #[cfg(not(feature = "general"))]
    Err(Error::new(
        ErrorKind::NeedsGeneral,
        format!(
            "the graph is not an encoder that this build runs ({reason}); build with the feature \
             general"
        ),
    ))
}

/// Loads a graph on the operators of tract, and compares what they give with the reference.
#[cfg(feature = "general")]
fn general(onnx: &Onnx, files: ModelFiles, config: &Config, reason: &str) -> Result<Arc<dyn Plan>> {
    let files = match onnx.expanded_file() {
        Some(file) => ModelFiles { onnx: file, external: BTreeMap::new(), ..files },
        None => files,
    };
    let warning = format!("the model runs on slower, general operators ({reason})");
    let (plan, output) = guarded(CANNOT_RUN, || {
        let graph = onnx.graph()?;
        let output = graph.output_value(config)?;
        Ok((Tract::new(files, &graph, &output, config, warning)?, output.name))
    })?;
    let verdict = guarded(FAILED_ON_TEXT, || {
        let run = |sequence: &Encoding| plan.run_graph(sequence);
        check(onnx.proto(), output, config.vocab_size, |sequence| plan.inputs(sequence), run)
    })?;
    Ok(Arc::new(checked(plan, verdict)?))
}

/// The graph, with the verdict in its warning.
///
/// # Errors
/// [`ErrorKind::UnsupportedModel`] if the graph is wrong.
#[cfg(feature = "general")]
pub(super) fn checked(plan: Tract, verdict: Verdict) -> Result<Tract> {
    match verdict {
        Verdict::Right => Ok(plan),
        Verdict::Unchecked(reason) => {
            Ok(plan.warn(&format!("its scores are unchecked ({reason})")))
        }
        Verdict::Wrong(difference) => Err(Error::new(
            ErrorKind::UnsupportedModel,
            format!(
                "the general operators compute this graph wrongly ({difference}); take another graph \
                 of the model, such as onnx/model.onnx"
            ),
        )),
    }
}
