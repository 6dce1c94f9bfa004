//! Runs a model's graph on the CPU. Nothing outside this folder knows tract.

mod dequantize;

use tract_onnx::pb::ModelProto;
use tract_onnx::tract_hir::internal::*;

use crate::error::{Error, ErrorKind, Result, catch_panic, one_line};
use crate::tokenizer::Encoding;

/// A loaded graph, ready to score pairs. Many threads may share it.
pub(crate) struct Engine {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<Input>,
}

/// An input of the graph, by its name in the exports of `transformers`.
#[derive(Clone, Copy)]
enum Input {
    Ids,
    Mask,
    TypeIds,
}

impl Engine {
    /// Loads an ONNX graph with inputs `[batch, length]` of int64 and one output of logits,
    /// `[batch, 1]`.
    pub fn load(onnx: &[u8]) -> Result<Engine> {
        catch_panic(ErrorKind::InvalidModel, "the model cannot be loaded", || {
            load(onnx).map_err(|e| {
                let reason = one_line(&format!("{e:#}"));
                Error::new(
                    ErrorKind::InvalidModel,
                    format!("the ONNX file is damaged or not a cross-encoder ({reason})"),
                )
            })
        })
    }

    /// The logit of each pair. A pair's logit does not depend on the others.
    pub fn logits<'a>(&self, pairs: impl IntoIterator<Item = &'a Encoding>) -> Result<Vec<f32>> {
        pairs.into_iter().map(|pair| self.logit(pair)).collect()
    }

    fn logit(&self, pair: &Encoding) -> Result<f32> {
        let row = |values: &mut dyn Iterator<Item = i64>| -> TractResult<TValue> {
            let values: Vec<i64> = values.collect();
            Ok(Tensor::from_shape(&[1, values.len()], &values)?.into())
        };
        let run = || -> TractResult<f32> {
            let inputs = self.inputs.iter().map(|input| match input {
                Input::Ids => row(&mut pair.ids.iter().map(|&id| id.into())),
                Input::TypeIds => row(&mut pair.type_ids.iter().map(|&id| id.into())),
                Input::Mask => row(&mut pair.ids.iter().map(|_| 1)),
            });
            let outputs = self.plan.run(inputs.collect::<TractResult<_>>()?)?;
            let logits = outputs[0].try_as_plain_ram()?;
            let logits = logits.as_slice::<f32>()?;
            if logits.len() != 1 {
                bail!("it gives {} values for a pair, not one logit", logits.len());
            }
            Ok(logits[0])
        };
        catch_panic(ErrorKind::InvalidModel, "the model failed on a pair", || {
            run().map_err(|e| {
                let reason = one_line(&format!("{e:#}"));
                Error::new(
                    ErrorKind::InvalidModel,
                    format!("the model failed on a pair ({reason})"),
                )
            })
        })
    }
}

fn load(mut onnx: &[u8]) -> TractResult<Engine> {
    // Quantized exports carry value infos and output shapes that contradict their own graph.
    let framework = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let mut proto = framework.proto_model_for_read(&mut onnx)?;
    dequantize::products(&mut proto)?;
    let inputs = inputs(&proto)?;

    let mut model = framework.model_for_proto_model(&proto)?;
    let length = model.symbols.new_with_prefix("length");
    for index in 0..inputs.len() {
        let shape = [1.to_dim(), length.to_dim()];
        model.set_input_fact(index, i64::fact(shape).into())?;
    }
    if model.output_outlets()?.len() != 1 {
        bail!("it has {} outputs, not one", model.output_outlets()?.len());
    }
    let plan = model.into_optimized()?.into_runnable()?;
    Ok(Engine { plan, inputs })
}

/// The graph's inputs in their order. Initializers may be listed among them (ONNX IR 3).
fn inputs(proto: &ModelProto) -> TractResult<Vec<Input>> {
    let graph = proto.graph.as_ref().context("it has no graph")?;
    let is_weight = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    graph
        .input
        .iter()
        .filter(|input| !is_weight(&input.name))
        .map(|input| match input.name.as_str() {
            "input_ids" => Ok(Input::Ids),
            "attention_mask" => Ok(Input::Mask),
            "token_type_ids" => Ok(Input::TypeIds),
            name => bail!("its input \"{name}\" is not one of a BERT cross-encoder"),
        })
        .collect()
}
