//! Any graph with BERT's inputs, on tract's own operators: one pair at a time, without padding.

use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::tract_hir::internal::*;

use super::dequantize;
use super::graph::Graph;
use crate::tokenizer::Encoding;

/// A graph that tract runs as it is.
pub(super) struct Generic {
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

/// tract's reader of ONNX. Quantized exports carry value infos and output shapes that contradict
/// their own graph.
fn framework() -> Onnx {
    tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true)
}

impl Generic {
    pub fn new(mut proto: ModelProto) -> TractResult<Generic> {
        dequantize::products(&mut proto)?;
        let graph = Graph::new(&proto)?;
        graph.output()?;
        let inputs = graph.inputs().map(Input::named).collect::<TractResult<Vec<_>>>()?;

        let mut model = framework().model_for_proto_model(&proto)?;
        let length = model.symbols.new_with_prefix("length");
        for index in 0..inputs.len() {
            let shape = [1.to_dim(), length.to_dim()];
            model.set_input_fact(index, i64::fact(shape).into())?;
        }
        Ok(Generic { plan: model.into_optimized()?.into_runnable()?, inputs })
    }

    pub fn logit(&self, pair: &Encoding) -> TractResult<f32> {
        let inputs = self.inputs.iter().map(|input| {
            let row: Vec<i64> = match input {
                Input::Ids => pair.ids.iter().map(|&id| id.into()).collect(),
                Input::TypeIds => pair.type_ids.iter().map(|&id| id.into()).collect(),
                Input::Mask => vec![1; pair.ids.len()],
            };
            Ok(Tensor::from_shape(&[1, row.len()], &row)?.into())
        });
        let outputs = self.plan.run(inputs.collect::<TractResult<_>>()?)?;
        let logits = outputs[0].try_as_plain_ram()?;
        match logits.as_slice::<f32>()? {
            &[logit] => Ok(logit),
            logits => bail!("it gives {} values for a pair, not one logit", logits.len()),
        }
    }
}

impl Input {
    fn named(name: &str) -> TractResult<Input> {
        match name {
            "input_ids" => Ok(Input::Ids),
            "attention_mask" => Ok(Input::Mask),
            "token_type_ids" => Ok(Input::TypeIds),
            _ => bail!("its input \"{name}\" is not one of a BERT cross-encoder"),
        }
    }
}
