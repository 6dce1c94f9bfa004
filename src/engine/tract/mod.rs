//! Any graph with the inputs of BERT, on the operators of tract: one sequence at a time, without
//! padding.

mod cumsum;
mod dequantize;
mod inline_if;

use anyhow::Result as AnyResult;
use bytes::Bytes;
use prost::Message;
use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::tract_hir::internal::*;

use super::guard::{FAILED_ON_TEXT, guarded};
use super::onnx::external::{ExternalData, Files};
use super::plan::{Plan, Run};
use super::pool::pool_each;
use crate::error::Result;
use crate::model::Output;
use crate::tokenizer::Encoding;

/// A graph that tract runs as it is.
pub(super) struct Tract {
    graph: Arc<TypedRunnableModel>,
    inputs: Vec<Input>,
    output: Output,
    warning: String,
}

/// An input of the graph, by its name in the exports of `transformers`.
#[derive(Clone, Copy)]
enum Input {
    Ids,
    Mask,
    TypeIds,
}

/// A batch, one sequence after another.
struct TractRun {
    plan: Arc<Tract>,
    /// The sequences that are left, the next one last.
    left: Vec<Encoding>,
    outputs: Vec<f32>,
}

impl Tract {
    /// Loads a graph with the given inputs, whose output number `output_index` is the one that
    /// counts. Some of its constants may lie in the files `external`. `warning` says why the graph
    /// runs here.
    pub fn new(
        file: Bytes,
        external: Files,
        inputs: &[&str],
        output_index: usize,
        output: Output,
        warning: String,
    ) -> TractResult<Tract> {
        let mut proto = ModelProto::decode(file)?;
        if let Some(graph) = &mut proto.graph {
            read_external_data(graph, &external)?;
        }
        drop(external);
        let inputs =
            inputs.iter().map(|name| Input::named(name)).collect::<TractResult<Vec<_>>>()?;
        if proto.graph.iter().flat_map(|graph| &graph.node).any(|node| node.op_type == "If") {
            let mut model = inference_model(&proto, output_index)?;
            model.analyse(false)?;
            inline_if::resolve(&mut proto, |name| condition(&model, name))?;
        }
        cumsum::in_floats(&mut proto);
        dequantize::products(&mut proto)?;
        let graph = inference_model(&proto, output_index)?.into_optimized()?.into_runnable()?;
        Ok(Tract { graph, inputs, output, warning })
    }

    /// What the model gives for one sequence.
    fn outputs(&self, sequence: &Encoding) -> AnyResult<Vec<f32>> {
        let (shape, values) = self.run_graph(sequence)?;
        match (&self.output, &shape[..]) {
            (Output::Logit, _) if values.len() == 1 => Ok(values),
            (Output::Embedding(pooling), [1, tokens, width]) if tokens * width > 0 => {
                Ok(pool_each(*pooling, &values, &[0, *tokens]))
            }
            (Output::Logit, _) => bail!("it gives {shape:?} values for a pair, not one logit"),
            (Output::Embedding(_), _) => {
                bail!("it gives {shape:?} values for a text, not one state for each token")
            }
        }
    }

    /// The shape and the numbers of the output for one sequence.
    fn run_graph(&self, sequence: &Encoding) -> TractResult<(Vec<usize>, Vec<f32>)> {
        let inputs = self.inputs.iter().map(|input| {
            let row: Vec<i64> = match input {
                Input::Ids => sequence.ids.iter().map(|&id| id.into()).collect(),
                Input::TypeIds => sequence.type_ids.iter().map(|&id| id.into()).collect(),
                Input::Mask => vec![1; sequence.ids.len()],
            };
            Ok(Tensor::from_shape(&[1, row.len()], &row)?.into())
        });
        let outputs = self.graph.run(inputs.collect::<TractResult<_>>()?)?;
        let values = outputs[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
        Ok((outputs[0].shape().to_vec(), values))
    }
}

impl Plan for Tract {
    fn start(self: Arc<Self>, sequences: &[&Encoding]) -> Box<dyn Run> {
        let left = sequences.iter().rev().copied().cloned().collect();
        Box::new(TractRun { plan: self, left, outputs: Vec::new() })
    }

    fn kernel(&self) -> Option<&'static str> {
        None
    }

    fn warning(&self) -> Option<&str> {
        Some(&self.warning)
    }
}

impl Run for TractRun {
    fn step(&mut self) -> Result<Option<Vec<f32>>> {
        guarded(FAILED_ON_TEXT, || {
            let TractRun { plan, left, outputs } = self;
            if let Some(sequence) = left.pop() {
                outputs.extend(plan.outputs(&sequence)?);
            }
            Ok(left.is_empty().then(|| std::mem::take(outputs)))
        })
    }
}

/// The graph with one of its outputs, for a sequence of any length.
fn inference_model(proto: &ModelProto, output_index: usize) -> TractResult<InferenceModel> {
    let mut model = reader().model_for_proto_model(proto)?;
    let output = model.outputs[output_index];
    model.select_output_outlets(&[output])?;
    let length = model.symbols.new_with_prefix("length");
    for index in 0..model.inputs.len() {
        let shape = [1.to_dim(), length.to_dim()];
        model.set_input_fact(index, i64::fact(shape).into())?;
    }
    Ok(model)
}

/// The ONNX reader of tract. Quantized exports have value infos and output shapes that contradict
/// the graph they are in.
fn reader() -> Onnx {
    tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true)
}

/// The value of a condition, if it is the same for sequences of any length.
fn condition(model: &InferenceModel, name: &str) -> TractResult<Option<bool>> {
    let Some(outlet) = model.find_outlet_label(name) else { return Ok(None) };
    let value = model.outlet_fact(outlet)?.value.concretize();
    value.map(|value| value.cast_to_scalar()).transpose()
}

/// Copies each constant that lies in a file into the graph.
fn read_external_data(graph: &mut GraphProto, files: &Files) -> TractResult<()> {
    let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    let values = attributes.filter_map(|attribute| attribute.t.as_mut());
    for tensor in graph.initializer.iter_mut().chain(values) {
        if tensor.data_location == Some(DataLocation::External as i32) {
            let entries = tensor.external_data.iter();
            let entries = entries.map(|entry| (entry.key.as_str(), entry.value.as_str()));
            tensor.raw_data = ExternalData::new(entries)?.bytes(files)?.to_vec();
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
