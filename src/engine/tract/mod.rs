//! Any graph with the inputs of BERT, on the operators of tract: one sequence at a time, without
//! padding.

mod cumsum;
mod inline_if;
mod quantization;
mod round;

use anyhow::Result as AnyResult;
use bytes::Bytes;
use prost::Message;
use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};
use tract_onnx::tract_hir::internal::*;

use super::guard::{FAILED_ON_TEXT, guarded};
use super::onnx::external::{ExternalData, Files};
use super::onnx::{Graph, OutputValue};
use super::plan::{Plan, Run};
use super::pool::pool_each;
use super::reference::{Numbers, Rows};
use crate::error::Result;
use crate::model::Output;
use crate::tokenizer::Encoding;

/// A graph that tract runs as it is.
pub(super) struct Tract {
    graph: Arc<TypedRunnableModel>,
    inputs: Vec<Input>,
    output: Output,
    /// Whether the graph gives a probability for a logit.
    is_probability: bool,
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
    /// Loads the graph in `file`, whose constants are also in `graph`. Some of them may lie in the files
    /// `external`. `value` is the output that counts, and `warning` says why the graph runs here.
    pub fn new(
        file: Bytes,
        external: Files,
        graph: &Graph,
        value: &OutputValue,
        output: Output,
        warning: String,
    ) -> TractResult<Tract> {
        let mut proto = ModelProto::decode(file)?;
        if let Some(graph) = &mut proto.graph {
            read_external_data(graph, &external)?;
            let name = value.name.to_owned();
            graph.output = vec![ValueInfoProto { name, ..Default::default() }];
        }
        drop(external);
        let inputs = graph.inputs().map(Input::named).collect::<TractResult<Vec<_>>>()?;
        quantization::fold_constants(&mut proto, graph)?;
        if proto.graph.iter().flat_map(|graph| &graph.node).any(|node| node.op_type == "If") {
            let mut model = inference_model(&proto)?;
            model.analyse(false)?;
            inline_if::resolve(&mut proto, |name| condition(&model, name))?;
        }
        cumsum::in_floats(&mut proto);
        quantization::in_floats(&mut proto, graph)?;
        let graph = inference_model(&proto)?.into_optimized()?.into_runnable()?;
        Ok(Tract { graph, inputs, output, is_probability: value.is_probability, warning })
    }

    /// Adds a sentence to the warning.
    pub fn warn(mut self, sentence: &str) -> Tract {
        self.warning = format!("{}; {sentence}", self.warning);
        self
    }

    /// What the model gives for one sequence.
    fn outputs(&self, sequence: &Encoding) -> AnyResult<Vec<f32>> {
        let (shape, values) = self.run_graph(sequence)?;
        match (&self.output, &shape[..]) {
            (Output::Logit, _) if values.len() == 1 => match self.is_probability {
                true => Ok(vec![log_odds(values[0])]),
                false => Ok(values),
            },
            (Output::Embedding(pooling), [1, tokens, width]) if tokens * width > 0 => {
                Ok(pool_each(*pooling, &values, &[0, *tokens]))
            }
            (Output::Logit, _) => bail!("it gives {shape:?} values for a pair, not one logit"),
            (Output::Embedding(_), _) => {
                bail!("it gives {shape:?} values for a text, not one state for each token")
            }
        }
    }

    /// What the graph reads for one sequence, by the names of its inputs. Each is of shape
    /// `[1, length]`.
    pub fn inputs(&self, sequence: &Encoding) -> Rows {
        self.inputs.iter().map(|input| (input.name(), input.row(sequence))).collect()
    }

    /// The shape and the numbers of the output for one sequence.
    pub fn run_graph(&self, sequence: &Encoding) -> TractResult<Numbers> {
        let inputs = self.inputs.iter().map(|input| {
            let row = input.row(sequence);
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

/// The graph for a sequence of any length.
fn inference_model(proto: &ModelProto) -> TractResult<InferenceModel> {
    let mut model = reader().model_for_proto_model(proto)?;
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
    let onnx = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    round::register(onnx)
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

/// The logit of a probability. Numbers that are rounded to 0 or 1 give a finite one too.
fn log_odds(probability: f32) -> f32 {
    let p =
        f64::from(probability).clamp(f32::MIN_POSITIVE.into(), 1.0 - f64::from(f32::EPSILON) / 4.0);
    (p / (1.0 - p)).ln() as f32
}

impl Input {
    const ALL: [Input; 3] = [Input::Ids, Input::Mask, Input::TypeIds];

    fn named(name: &str) -> TractResult<Input> {
        let input = Input::ALL.into_iter().find(|input| input.name() == name);
        input.with_context(|| format!("its input \"{name}\" is not one of a BERT encoder"))
    }

    fn name(self) -> &'static str {
        match self {
            Input::Ids => "input_ids",
            Input::Mask => "attention_mask",
            Input::TypeIds => "token_type_ids",
        }
    }

    /// The numbers for the tokens of a sequence.
    fn row(self, sequence: &Encoding) -> Vec<i64> {
        match self {
            Input::Ids => sequence.ids.iter().map(|&id| id.into()).collect(),
            Input::Mask => vec![1; sequence.ids.len()],
            Input::TypeIds => sequence.type_ids.iter().map(|&id| id.into()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::log_odds;
    use crate::kernels::sigmoid;

    #[test]
    fn the_log_odds_of_any_probability_are_finite_and_in_order() {
        let probabilities = [0.0, 1e-30, 0.25, 0.5, 0.75, 0.999_999_94, 1.0];
        let logits = probabilities.map(log_odds);
        assert!(logits.iter().all(|logit| logit.is_finite()), "{logits:?}");
        assert!(logits.is_sorted_by(|a, b| a < b), "{logits:?}");
        for (p, logit) in probabilities.into_iter().zip(logits) {
            assert!((sigmoid(logit) - p).abs() < 1e-6, "{p}: {logit}");
        }
        assert!(log_odds(f32::NAN).is_nan());
    }
}
