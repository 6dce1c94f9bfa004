//! Any graph with the inputs of BERT, on the operators of tract: one sequence at a time, without
//! padding.

mod attention;
mod half;
mod inline_if;
mod quantization;
mod round;
mod sizes;

use anyhow::Result as AnyResult;
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
use super::workers::Workers;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Config, ModelFiles, Output};
use crate::tokenizer::Encoding;

/// A graph that tract runs as it is.
pub(super) struct Tract {
    graph: Arc<TypedRunnableModel>,
    inputs: Vec<(Input, DatumType)>,
    config: Config,
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
    /// Loads the graph in `files`, whose constants are also in `graph`. `value` is the output that
    /// counts, and `warning` says why the graph runs here.
    pub fn new(
        files: ModelFiles,
        graph: &Graph,
        value: &OutputValue,
        config: &Config,
        warning: String,
    ) -> TractResult<Tract> {
        let mut proto = ModelProto::decode(files.onnx)?;
        if let Some(graph) = &mut proto.graph {
            read_external_data(graph, &files.external)?;
            let name = value.name.to_owned();
            graph.output = vec![ValueInfoProto { name, ..Default::default() }];
        }
        drop(files.external);
        let inputs = graph.inputs().map(Input::named).collect::<Result<Vec<_>>>()?;
        quantization::fold_constants(&mut proto, graph)?;
        quantization::in_floats(&mut proto, graph)?;
        half::to_floats(&mut proto);
        attention::to_parts(&mut proto);
        check_operators(&proto)?;
        if proto.graph.iter().flat_map(|graph| &graph.node).any(|node| node.op_type == "If") {
            let mut model = inference_model(&proto)?;
            model.analyse(false)?;
            inline_if::resolve(&mut proto, |name| condition(&model, name))?;
        }
        sizes::sums(&mut proto);
        sizes::indices(&mut proto);
        let model = inference_model(&proto)?;
        let types = (0..inputs.len()).map(|index| input_type(&model, index));
        let inputs = inputs.into_iter().zip(types.collect::<TractResult<Vec<_>>>()?).collect();
        let graph = model.into_optimized()?.into_runnable()?;
        let is_probability = value.is_probability;
        Ok(Tract { graph, inputs, config: config.clone(), is_probability, warning })
    }

    /// Adds a sentence to the warning.
    pub fn warn(mut self, sentence: &str) -> Tract {
        self.warning = format!("{}; {sentence}", self.warning);
        self
    }

    /// What the model gives for one sequence.
    fn outputs(&self, sequence: &Encoding) -> AnyResult<Vec<f32>> {
        let (shape, values) = self.run_graph(sequence)?;
        match (&self.config.output, &shape[..]) {
            (Output::Logit, _) if values.len() == 1 => match self.is_probability {
                true => Ok(vec![log_odds(values[0])]),
                false => Ok(values),
            },
            (Output::Embedding(pooling), [1, tokens, width]) if tokens * width > 0 => {
                Ok(pool_each(*pooling, &values, &[0, *tokens]))
            }
            (Output::Logit, [1, labels]) => {
                let value = values[self.config.relevance_label(*labels)?];
                Ok(vec![if self.is_probability { log_odds(value) } else { value }])
            }
            _ => Err(self.config.wrong_output(&format!("{shape:?} numbers")).into()),
        }
    }

    /// What the graph reads for one sequence, by the names of its inputs. Each is of shape
    /// `[1, length]`.
    pub fn inputs(&self, sequence: &Encoding) -> Rows {
        let row =
            |&(input, _): &(Input, DatumType)| (input.name(), input.row(sequence, &self.config));
        self.inputs.iter().map(row).collect()
    }

    /// The shape and the numbers of the output for one sequence.
    pub fn run_graph(&self, sequence: &Encoding) -> TractResult<Numbers> {
        let inputs = self.inputs.iter().map(|(input, data_type)| {
            let row = input.row(sequence, &self.config);
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
    fn start(self: Arc<Self>, sequences: &[&Encoding], _: Arc<Workers>) -> Box<dyn Run> {
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
    const ALL: [Input; 4] = [Input::Ids, Input::Mask, Input::TypeIds, Input::Positions];

    fn named(name: &str) -> Result<Input> {
        let input = Input::ALL.into_iter().find(|input| input.name() == name);
        input.ok_or_else(|| {
            let given = Input::ALL.map(Input::name).join(", ");
            let message = format!(
                "the graph has the input {name}, and this library gives {given}; export the model \
                 with these inputs"
            );
            Error::new(ErrorKind::UnsupportedModel, message)
        })
    }

    fn name(self) -> &'static str {
        match self {
            Input::Ids => "input_ids",
            Input::Mask => "attention_mask",
            Input::TypeIds => "token_type_ids",
            Input::Positions => "position_ids",
        }
    }

    /// The numbers for the tokens of a sequence.
    fn row(self, sequence: &Encoding, config: &Config) -> Vec<i64> {
        match self {
            Input::Ids => sequence.ids.iter().map(|&id| id.into()).collect(),
            Input::Mask => vec![1; sequence.ids.len()],
            Input::TypeIds => sequence.type_ids.iter().map(|&id| id.into()).collect(),
            Input::Positions => {
                config.position_scheme.rows(&sequence.ids).into_iter().map(i64::from).collect()
            }
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
