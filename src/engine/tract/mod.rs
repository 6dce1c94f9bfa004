//! Any graph with the inputs of BERT, on the operators of tract: one sequence at a time, without
//! padding.

mod attention;
mod dequantize;
mod half;
mod inline_if;
mod sizes;

use anyhow::Result as AnyResult;
use prost::Message;
use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::tract_hir::internal::*;

use super::guard::{FAILED_ON_TEXT, guarded};
use super::onnx::external::{ExternalData, Files};
use super::plan::{Plan, Run};
use super::pool::pool_each;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Config, ModelFiles, Output};
use crate::tokenizer::Encoding;

/// A graph that tract runs as it is.
pub(super) struct Tract {
    graph: Arc<TypedRunnableModel>,
    inputs: Vec<(Input, DatumType)>,
    config: Config,
    warning: String,
}

/// An input of the graph, by its name in the exports of `transformers`.
#[derive(Clone, Copy)]
enum Input {
    Ids,
    Mask,
    TypeIds,
    Positions,
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
    /// counts. `warning` says why the graph runs here.
    pub fn new(
        files: ModelFiles,
        inputs: &[&str],
        output_index: usize,
        config: &Config,
        warning: String,
    ) -> TractResult<Tract> {
        let mut proto = ModelProto::decode(files.onnx)?;
        if let Some(graph) = &mut proto.graph {
            read_external_data(graph, &files.external)?;
        }
        drop(files.external);
        let inputs = inputs.iter().map(|name| Input::named(name)).collect::<Result<Vec<_>>>()?;
        half::to_floats(&mut proto);
        attention::to_parts(&mut proto);
        check_operators(&proto)?;
        if proto.graph.iter().flat_map(|graph| &graph.node).any(|node| node.op_type == "If") {
            let mut model = inference_model(&proto, output_index)?;
            model.analyse(false)?;
            inline_if::resolve(&mut proto, |name| condition(&model, name))?;
        }
        sizes::sums(&mut proto);
        sizes::indices(&mut proto);
        dequantize::products(&mut proto)?;
        let model = inference_model(&proto, output_index)?;
        let types = (0..inputs.len()).map(|index| input_type(&model, index));
        let inputs = inputs.into_iter().zip(types.collect::<TractResult<Vec<_>>>()?).collect();
        let graph = model.into_optimized()?.into_runnable()?;
        Ok(Tract { graph, inputs, config: config.clone(), warning })
    }

    /// What the model gives for one sequence.
    fn outputs(&self, sequence: &Encoding) -> AnyResult<Vec<f32>> {
        let (shape, values) = self.run_graph(sequence)?;
        match (&self.config.output, &shape[..]) {
            (Output::Logit, _) if values.len() == 1 => Ok(values),
            (Output::Embedding(pooling), [1, tokens, width]) if tokens * width > 0 => {
                Ok(pool_each(*pooling, &values, &[0, *tokens]))
            }
            (Output::Logit, [1, labels]) => Err(Config::wrong_labels(*labels).into()),
            _ => Err(self.config.wrong_output(&format!("{shape:?} numbers")).into()),
        }
    }

    /// The shape and the numbers of the output for one sequence.
    fn run_graph(&self, sequence: &Encoding) -> TractResult<(Vec<usize>, Vec<f32>)> {
        let inputs = self.inputs.iter().map(|(input, data_type)| {
            let row: Vec<i64> = match input {
                Input::Ids => sequence.ids.iter().map(|&id| id.into()).collect(),
                Input::TypeIds => sequence.type_ids.iter().map(|&id| id.into()).collect(),
                Input::Mask => vec![1; sequence.ids.len()],
                Input::Positions => {
                    let rows = self.config.position_scheme.rows(&sequence.ids);
                    rows.into_iter().map(i64::from).collect()
                }
            };
            let row = Tensor::from_shape(&[1, row.len()], &row)?;
            Ok(row.cast_to_dt(*data_type)?.into_owned().into())
        });
        let outputs = self.graph.run(inputs.collect::<TractResult<_>>()?)?;
        let values = outputs[0].cast_to::<f32>()?;
        let values = values.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
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
        let data_type = input_type(&model, index)?;
        model.set_input_fact(index, data_type.fact(shape).into())?;
    }
    Ok(model)
}

/// The type that the graph declares for an input.
fn input_type(model: &InferenceModel, index: usize) -> TractResult<DatumType> {
    let data_type = model.input_fact(index)?.datum_type.concretize();
    Ok(data_type.unwrap_or(i64::datum_type()))
}

/// Checks that tract knows the operators of a graph.
fn check_operators(proto: &ModelProto) -> Result<()> {
    let known = reader().op_register.0;
    let mut nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    let Some(node) = nodes.find(|node| !known.contains_key(&node.op_type)) else { return Ok(()) };
    let of = match node.domain.as_str() {
        "" | "ai.onnx" => {
            let opsets = proto.opset_import.iter().filter(|opset| opset.domain.is_empty());
            opsets.map(|opset| format!(" (opset {})", opset.version)).collect()
        }
        domain => format!(" of {domain}"),
    };
    let message = format!(
        "the graph has the operator {}{of}, which this library does not run; export it without \
         optimizations and with an opset from 14 to 20",
        node.op_type
    );
    Err(Error::new(ErrorKind::UnsupportedModel, message))
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
    fn named(name: &str) -> Result<Input> {
        match name {
            "input_ids" => Ok(Input::Ids),
            "attention_mask" => Ok(Input::Mask),
            "token_type_ids" => Ok(Input::TypeIds),
            "position_ids" => Ok(Input::Positions),
            _ => Err(Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "the graph has the input {name}, and this library gives input_ids, \
                     attention_mask, token_type_ids and position_ids; export the model with these \
                     inputs"
                ),
            )),
        }
    }
}
