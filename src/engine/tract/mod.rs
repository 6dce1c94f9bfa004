//! Any graph with BERT's inputs, on tract's own operators: one pair at a time, without padding.

mod cumsum;
mod dequantize;
mod inline_if;

use bytes::Bytes;
use prost::Message;
use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::tract_hir::internal::*;

use super::onnx::external::{Files, Place};
use crate::tokenizer::Encoding;

/// A graph that tract runs as it is.
pub(super) struct Tract {
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

/// The graph, of whose outputs the one at `output` counts, for a sequence of any length.
fn read(proto: &ModelProto, output: usize) -> TractResult<InferenceModel> {
    let mut model = framework().model_for_proto_model(proto)?;
    let output = model.outputs[output];
    model.select_output_outlets(&[output])?;
    let length = model.symbols.new_with_prefix("length");
    for index in 0..model.inputs.len() {
        let shape = [1.to_dim(), length.to_dim()];
        model.set_input_fact(index, i64::fact(shape).into())?;
    }
    Ok(model)
}

/// What a condition is for sequences of any length, where that can be told.
fn known(model: &InferenceModel, name: &str) -> TractResult<Option<bool>> {
    let Some(outlet) = model.find_outlet_label(name) else { return Ok(None) };
    let value = model.outlet_fact(outlet)?.value.concretize();
    value.map(|value| value.cast_to_scalar()).transpose()
}

impl Tract {
    /// A graph that reads `inputs`, and of whose outputs the one at `output` counts. Some of its
    /// constants may lie in the files `external`.
    pub fn new(file: Bytes, external: Files, inputs: &[&str], output: usize) -> TractResult<Tract> {
        let mut proto = ModelProto::decode(file)?;
        if let Some(graph) = &mut proto.graph {
            resolve(graph, &external)?;
        }
        drop(external);
        let inputs =
            inputs.iter().map(|name| Input::named(name)).collect::<TractResult<Vec<_>>>()?;
        if proto.graph.iter().flat_map(|graph| &graph.node).any(|node| node.op_type == "If") {
            let mut model = read(&proto, output)?;
            model.analyse(false)?;
            inline_if::resolve(&mut proto, |condition| known(&model, condition))?;
        }
        cumsum::in_floats(&mut proto);
        dequantize::products(&mut proto)?;
        let plan = read(&proto, output)?.into_optimized()?.into_runnable()?;
        Ok(Tract { plan, inputs })
    }

    /// What the graph gives for a sequence: the shape and the numbers.
    pub fn run(&self, sequence: &Encoding) -> TractResult<(Vec<usize>, Vec<f32>)> {
        let inputs = self.inputs.iter().map(|input| {
            let row: Vec<i64> = match input {
                Input::Ids => sequence.ids.iter().map(|&id| id.into()).collect(),
                Input::TypeIds => sequence.type_ids.iter().map(|&id| id.into()).collect(),
                Input::Mask => vec![1; sequence.ids.len()],
            };
            Ok(Tensor::from_shape(&[1, row.len()], &row)?.into())
        });
        let outputs = self.plan.run(inputs.collect::<TractResult<_>>()?)?;
        let values = outputs[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
        Ok((outputs[0].shape().to_vec(), values))
    }
}

/// Gives each constant that lies in a file its bytes there.
fn resolve(graph: &mut GraphProto, files: &Files) -> TractResult<()> {
    let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    let values = attributes.filter_map(|attribute| attribute.t.as_mut());
    for tensor in graph.initializer.iter_mut().chain(values) {
        if tensor.data_location == Some(DataLocation::External as i32) {
            let entries = tensor.external_data.iter();
            let entries = entries.map(|entry| (entry.key.as_str(), entry.value.as_str()));
            tensor.raw_data = Place::new(entries)?.bytes(files)?.to_vec();
            tensor.data_location = None;
            tensor.external_data.clear();
        }
    }
    Ok(())
}

impl Input {
    fn named(name: &str) -> TractResult<Input> {
        match name {
            "input_ids" => Ok(Input::Ids),
            "attention_mask" => Ok(Input::Mask),
            "token_type_ids" => Ok(Input::TypeIds),
            _ => bail!("its input \"{name}\" is not one of a BERT encoder"),
        }
    }
}
