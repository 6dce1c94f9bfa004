//! Runs a model's graph on the CPU. Nothing outside this folder knows tract.
//!
//! A graph that `recognize` knows runs as a plan of few fused operators (`fused`, `ops`) on the
//! crate's own kernels. Any other runs on tract's operators (`generic`), slower, and says so; a
//! build without the feature `general` refuses it.

#[cfg(feature = "general")]
mod dequantize;
mod fused;
#[cfg(feature = "general")]
mod generic;
mod graph;
mod ops;
mod recognize;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use prost::Message;
use tract_onnx::pb::ModelProto;
use tract_onnx::tract_hir::internal::*;

use crate::error::{Error, ErrorKind, Result, catch_panic, one_line};
use crate::kernels::Kernel;
use crate::model::{Config, Encoder};
use crate::tokenizer::Encoding;

/// A loaded graph, ready to score pairs. Many threads may share it.
pub(crate) struct Engine {
    plan: Plan,
    /// Why the graph runs on tract's own operators, where it does.
    pub warning: Option<String>,
}

enum Plan {
    Fused(fused::Fused),
    #[cfg(feature = "general")]
    Generic(generic::Generic),
}

/// A batch that is being scored, see [`Engine::start`].
pub(crate) struct Run(State);

enum State {
    Fused(fused::Run),
    /// The pairs that are left, the next one last, and the logits of the others.
    #[cfg(feature = "general")]
    Generic(Vec<Encoding>, Vec<f32>),
}

impl Engine {
    /// Loads an ONNX graph that reads `input_ids`, `attention_mask` and `token_type_ids` of
    /// `[batch, length]` and gives one logit a pair, `[batch, 1]`.
    ///
    /// A graph's weights are in memory twice at most: the file goes when it is parsed, and what is
    /// parsed goes when the weights are taken out.
    pub fn load(onnx: Cow<[u8]>, config: &Config) -> Result<Engine> {
        Engine::load_for(onnx, config, Kernel::best())
    }

    fn load_for(onnx: Cow<[u8]>, config: &Config, kernel: Kernel) -> Result<Engine> {
        const DAMAGED: &str = "the ONNX file is damaged or not a cross-encoder";
        let proto = guarded(DAMAGED, || Ok(ModelProto::decode(&*onnx)?))?;
        drop(onnx);
        let reason = match guarded(DAMAGED, || Ok(recognize(&proto, config)))? {
            Ok(encoder) => {
                drop(proto);
                let fused = guarded(DAMAGED, || fused::Fused::new(encoder, kernel))?;
                return Ok(Engine { plan: Plan::Fused(fused), warning: None });
            }
            Err(reason) => one_line(&format!("{reason:#}")),
        };
        if let Some(operator) = graph::operator_of_onnx_runtime(&proto) {
            return Err(Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "the graph has ONNX Runtime's own operator {operator}; export it without \
                     ONNX Runtime's optimisations"
                ),
            ));
        }
        #[cfg(feature = "general")]
        {
            let generic = guarded(DAMAGED, || generic::Generic::new(proto))?;
            let warning = format!("the model runs on slower, general operators ({reason})");
            Ok(Engine { plan: Plan::Generic(generic), warning: Some(warning) })
        }
        #[cfg(not(feature = "general"))]
        Err(Error::new(
            ErrorKind::UnsupportedModel,
            format!("this build runs BERT cross-encoders only, and the graph is none ({reason})"),
        ))
    }

    /// The name of the kernel that computes, where the graph is recognised.
    pub fn kernel(&self) -> Option<&'static str> {
        match &self.plan {
            Plan::Fused(fused) => Some(fused.kernel.name()),
            #[cfg(feature = "general")]
            Plan::Generic(_) => None,
        }
    }

    /// The logit of each pair. A pair's logit does not depend on the others.
    pub fn logits(&self, pairs: &[&Encoding]) -> Result<Vec<f32>> {
        let mut run = self.start(pairs);
        loop {
            if let Some(logits) = self.step(&mut run)? {
                return Ok(logits);
            }
        }
    }

    /// Begins to score a batch, of which [`Engine::step`] does a piece at a time.
    pub fn start(&self, pairs: &[&Encoding]) -> Run {
        Run(match &self.plan {
            Plan::Fused(fused) => State::Fused(fused.start(pairs)),
            #[cfg(feature = "general")]
            Plan::Generic(_) => {
                let left = pairs.iter().rev().map(|&pair| pair.clone()).collect();
                State::Generic(left, Vec::with_capacity(pairs.len()))
            }
        })
    }

    /// One layer of a fused plan, or one pair of a general one. The last step gives the logits.
    pub fn step(&self, run: &mut Run) -> Result<Option<Vec<f32>>> {
        guarded("the model failed on a pair", || match (&self.plan, &mut run.0) {
            (Plan::Fused(fused), State::Fused(run)) => fused.step(run),
            #[cfg(feature = "general")]
            (Plan::Generic(generic), State::Generic(left, logits)) => {
                if let Some(pair) = left.pop() {
                    logits.push(generic.logit(&pair)?);
                }
                Ok(left.is_empty().then(|| std::mem::take(logits)))
            }
            #[cfg(feature = "general")]
            _ => bail!("it was begun by another model"),
        })
    }
}

/// The encoder in a graph, where its architecture has rules and they match.
fn recognize(proto: &ModelProto, config: &Config) -> TractResult<Encoder> {
    ensure!(config.model_type == "bert", "model_type is \"{}\"", config.model_type);
    let heads = config.heads.context("config.json lacks num_attention_heads")?;
    let encoder = recognize::bert(proto, heads)?;
    let (words, positions) = (encoder.words.rows, encoder.positions.rows);
    ensure!(
        config.vocab_size.is_none_or(|size| size <= words) && config.max_length <= positions,
        "its tables have {words} words and {positions} positions, fewer than config.json says"
    );
    Ok(encoder)
}

/// tract's errors and panics as ours.
fn guarded<T>(what: &str, call: impl FnOnce() -> TractResult<T>) -> Result<T> {
    catch_panic(ErrorKind::InvalidModel, what, || {
        call().map_err(|e| {
            let reason = one_line(&format!("{e:#}"));
            Error::new(ErrorKind::InvalidModel, format!("{what} ({reason})"))
        })
    })
}
