//! Loads a model on the CPU, by the fastest way that its graph allows.

#[cfg(feature = "general")]
use std::collections::BTreeMap;
use std::sync::Arc;

#[cfg(feature = "general")]
use bytes::Bytes;

use super::encoder::prepared_encoder;
use super::fused::Fused;
#[cfg(feature = "general")]
use super::guard::FAILED_ON_TEXT;
use super::guard::{DAMAGED_GRAPH, guarded};
use super::onnx::Onnx;
use super::plan::Plan;
#[cfg(feature = "general")]
use super::reference::{Verdict, check};
#[cfg(feature = "general")]
use super::tract::Tract;
use crate::error::{Error, ErrorKind, Result, one_line};
use crate::kernels::Kernel;
use crate::model::{Config, Encoder, ModelFiles, prepared};
#[cfg(feature = "general")]
use crate::tokenizer::Encoding;

/// Loads a prepared model or an ONNX graph.
///
/// A graph reads `input_ids`, `attention_mask` and `token_type_ids` of shape `[batch, length]`. It
/// gives one logit for each sequence, `[batch, 1]`, or the states of its tokens,
/// `[batch, length, hidden]`.
///
/// Tables stay where they lie in the file. Matrices are read from it one at a time, to be packed.
pub(crate) fn load(files: ModelFiles, config: &Config) -> Result<Arc<dyn Plan>> {
    load_for(files, config, Kernel::best())
}

pub(super) fn load_for(
    files: ModelFiles,
    config: &Config,
    kernel: Kernel,
) -> Result<Arc<dyn Plan>> {
    let ModelFiles { onnx, external, .. } = files;
    let fused = |encoder: Encoder| -> Result<Arc<dyn Plan>> {
        guarded(DAMAGED_GRAPH, || Ok(Arc::new(Fused::new(encoder, &config.output, kernel)) as _))
    };
    if prepared::is_prepared(&onnx) {
        let encoder = prepared_encoder(&onnx, config)?;
        drop(onnx);
        return fused(encoder);
    }
    let graph = guarded(DAMAGED_GRAPH, || Onnx::parse(onnx.clone(), &external))?;
    let reason = match guarded(DAMAGED_GRAPH, || Ok(graph.recognize(config)))? {
        Ok(encoder) => {
            // Memory that packing can use.
            drop((graph, onnx, external));
            return fused(encoder);
        }
        Err(reason) => one_line(&format!("{reason:#}")),
    };
    if let Some(operator) = graph.onnx_runtime_operator() {
        return Err(Error::new(
            ErrorKind::UnsupportedModel,
            format!(
                "the graph has ONNX Runtime's own operator {operator}; take a graph of the model \
                 without it, such as onnx/model.onnx, or export it without ONNX Runtime's \
                 optimizations and not in its format QOperator"
            ),
        ));
    }
    #[cfg(feature = "general")]
    return general(&graph, onnx, external, config, &reason);
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
fn general(
    onnx: &Onnx,
    file: Bytes,
    external: BTreeMap<String, Bytes>,
    config: &Config,
    reason: &str,
) -> Result<Arc<dyn Plan>> {
    let warning = format!("the model runs on slower, general operators ({reason})");
    let (plan, output) = guarded(DAMAGED_GRAPH, || {
        let graph = onnx.graph()?;
        let output = graph.output_value(&config.output)?;
        let plan = Tract::new(file, external, &graph, &output, config.output.clone(), warning)?;
        Ok((plan, output.name))
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
