//! ONNX graphs: any bytes, changed exports of small models, and graphs of random nodes.

use std::sync::OnceLock;

use arbitrary::Arbitrary;
use crossrank::ModelFiles;

use super::decode;
use super::model::{files, load_and_run};
use super::protobuf::{Content, Field, GraphEdit, Kind, parse, write};

/// Models of every kind that the engine recognizes, and of some that it does not.
const MODELS: [&str; 24] = [
    "graphs/torchscript-14",
    "graphs/dynamo-20",
    "graphs/dynamo-23-sdpa",
    "graphs/distilbert",
    "graphs/roberta",
    "graphs/mpnet",
    "graphs/jina-bert",
    "graphs/modernbert",
    "graphs/deberta-v2",
    "graphs/new",
    "graphs/int8-tensor",
    "graphs/uint8-channel",
    "graphs/int8-attention",
    "graphs/int8-weights-only",
    "graphs/modernbert-int8",
    "graphs/half-unsorted",
    "graphs/other-silu",
    "graphs/other-mean-pooled",
    "graphs/general-deberta",
    "flavours/bert-qdq",
    "flavours/bert-blocks-int4",
    "flavours/bert-operator",
    "flavours/bert-dynamo-qdq",
    "embedders/bert",
];

/// Operators, and names of attributes and values.
const WORDS: [&str; 96] = [
    "Mul",
    "Add",
    "MatMul",
    "Transpose",
    "Div",
    "Cast",
    "Gather",
    "DequantizeLinear",
    "Identity",
    "Sub",
    "Slice",
    "MatMulInteger",
    "QuantizeLinear",
    "Pow",
    "Where",
    "Sqrt",
    "Shape",
    "Reshape",
    "LessOrEqual",
    "Less",
    "GreaterOrEqual",
    "Greater",
    "Constant",
    "Concat",
    "Unsqueeze",
    "Tanh",
    "Squeeze",
    "Split",
    "Softmax",
    "Sigmoid",
    "Or",
    "Not",
    "Neg",
    "Min",
    "Max",
    "LayerNormalization",
    "If",
    "Gemm",
    "GatherElements",
    "Expand",
    "Equal",
    "DynamicQuantizeLinear",
    "Dropout",
    "And",
    "Abs",
    "ReduceSum",
    "Mod",
    "IsNaN",
    "Gelu",
    "GatherND",
    "Flatten",
    "Erf",
    "CumSum",
    "Xor",
    "Trilu",
    "Tile",
    "Sin",
    "Sign",
    "Relu",
    "ReduceMean",
    "Range",
    "QLinearMatMul",
    "LogSoftmax",
    "Log",
    "Floor",
    "Cos",
    "ConstantOfShape",
    "Clip",
    "Ceil",
    "Attention",
    "ArgMin",
    "Softplus",
    "ScatterND",
    "ScatterElements",
    "Round",
    "ReduceSumSquare",
    "ReduceProd",
    "ReduceMin",
    "ReduceMax",
    "ReduceL2",
    "Reciprocal",
    "RMSNormalization",
    "LeakyRelu",
    "Exp",
    "Elu",
    "Einsum",
    "ArgMax",
    "axis",
    "axes",
    "perm",
    "value",
    "to",
    "input_ids",
    "attention_mask",
    "token_type_ids",
    "com.microsoft",
];

/// A file that may be a graph.
pub fn bytes(data: &[u8]) {
    let mut files = models()[0].0.clone();
    files.onnx = data.to_vec().into();
    load_and_run(&files);
}

#[derive(Arbitrary, Debug)]
struct Changed {
    model: u8,
    edits: Vec<GraphEdit>,
}

/// An export with changed fields.
pub fn edits(data: &[u8]) {
    let Some(Changed { model, edits }) = decode(data) else { return };
    let models = models();
    let (mut files, mut fields) = models[usize::from(model) % models.len()].clone();
    for edit in edits.iter().take(8) {
        edit.apply(&mut fields, &WORDS);
    }
    files.onnx = write(&fields).into();
    load_and_run(&files);
}

#[derive(Arbitrary, Debug)]
struct Graph {
    constants: Vec<Constant>,
    nodes: Vec<Node>,
}

#[derive(Arbitrary, Debug)]
struct Constant {
    data_type: u8,
    dims: Vec<u8>,
    /// The first numbers; those that are missing are 1.
    numbers: Vec<i8>,
    /// A number of a dimension that may be huge or negative.
    dim: Option<i64>,
}

#[derive(Arbitrary, Debug)]
struct Node {
    operator: u8,
    inputs: Vec<u8>,
    attributes: Vec<Attribute>,
}

#[derive(Arbitrary, Debug)]
enum Attribute {
    Integer(u8, i8),
    Integers(u8, Vec<i8>),
    Float(u8, f32),
    Text(u8),
}

/// Names of attributes.
const ATTRIBUTES: [&str; 24] = [
    "axis",
    "axes",
    "perm",
    "to",
    "alpha",
    "beta",
    "transA",
    "transB",
    "epsilon",
    "keepdims",
    "noop_with_empty_axes",
    "exclusive",
    "reverse",
    "equation",
    "start",
    "end",
    "allowzero",
    "batch_dims",
    "fmod",
    "upper",
    "approximate",
    "stash_type",
    "num_outputs",
    "split",
];

/// The types of constants, with the size of a number.
const TYPES: [(u64, usize); 10] =
    [(1, 4), (2, 1), (3, 1), (6, 4), (7, 8), (9, 1), (10, 2), (11, 8), (5, 2), (21, 1)];

/// A graph of random nodes. Each reads constants, inputs and the values before it, and the last one is the output.
pub fn nodes(data: &[u8]) {
    let Some(graph) = decode::<Graph>(data) else { return };
    let mut files = models()[0].0.clone();
    files.onnx = write(&graph.fields()).into();
    load_and_run(&files);
}

impl Graph {
    fn fields(&self) -> Vec<Field> {
        let inputs = ["input_ids", "attention_mask", "token_type_ids"];
        let mut names: Vec<String> = inputs.map(String::from).to_vec();
        let mut fields = Vec::new();
        for (i, constant) in self.constants.iter().take(6).enumerate() {
            let name = format!("c{i}");
            fields.push(message(5, constant.fields(&name)));
            names.push(name);
        }
        for (i, node) in self.nodes.iter().take(8).enumerate() {
            let name = format!("v{i}");
            fields.push(message(1, node.fields(&names, &name)));
            names.push(name);
        }
        fields.extend(inputs.map(|name| message(11, vec![input_type(), text(1, name)])));
        fields.push(message(12, vec![text(1, names.last().unwrap())]));
        vec![message(8, vec![text(1, ""), varint(2, 17)]), message(7, fields)]
    }
}

impl Constant {
    fn fields(&self, name: &str) -> Vec<Field> {
        let (data_type, size) = TYPES[usize::from(self.data_type) % TYPES.len()];
        let dims: Vec<u64> = self.dims.iter().take(4).map(|&dim| u64::from(dim % 9)).collect();
        let count = dims.iter().product::<u64>() as usize;
        let number = |i: usize| i64::from(self.numbers.get(i).copied().unwrap_or(1));
        let raw = (0..count).flat_map(|i| match data_type {
            1 => (number(i) as f32 / 4.0).to_le_bytes().to_vec(),
            11 => (number(i) as f64).to_le_bytes().to_vec(),
            10 => vec![0, 0x3c],
            _ => number(i).to_le_bytes()[..size].to_vec(),
        });
        let raw = Field { number: 9, content: Content::Bytes(raw.collect()) };
        let dims = dims.into_iter().chain(self.dim.map(|dim| dim as u64));
        let mut fields: Vec<Field> = dims.map(|dim| varint(1, dim)).collect();
        fields.extend([varint(2, data_type), text(8, name), raw]);
        fields
    }
}

impl Node {
    fn fields(&self, names: &[String], output: &str) -> Vec<Field> {
        let operators = WORDS.iter().position(|word| *word == "axis").unwrap();
        let inputs = self.inputs.iter().take(4);
        // The latest values are the likeliest.
        let name = |input: &u8| &names[names.len() - 1 - usize::from(*input) % names.len()];
        let mut fields: Vec<Field> = inputs.map(|input| text(1, name(input))).collect();
        fields.push(text(2, output));
        fields.push(text(4, WORDS[usize::from(self.operator) % operators]));
        fields
            .extend(self.attributes.iter().take(3).map(|attribute| message(5, attribute.fields())));
        fields
    }
}

impl Attribute {
    fn fields(&self) -> Vec<Field> {
        let name = |name: &u8| text(1, ATTRIBUTES[usize::from(*name) % ATTRIBUTES.len()]);
        match self {
            Attribute::Integer(of, value) => {
                vec![name(of), varint(3, i64::from(*value) as u64), varint(20, 2)]
            }
            Attribute::Integers(of, values) => {
                let values = values.iter().take(5).map(|&value| varint(8, i64::from(value) as u64));
                [name(of), varint(20, 7)].into_iter().chain(values).collect()
            }
            Attribute::Float(of, value) => {
                let value = Field { number: 2, content: Content::Fixed32(value.to_le_bytes()) };
                vec![name(of), value, varint(20, 1)]
            }
            Attribute::Text(word) => {
                let texts = ["ij,jk->ik", "bij,bjk->bik", "tanh", "none", "mul", "...ij->...ji"];
                let value = texts[usize::from(*word) % texts.len()];
                vec![text(1, "equation"), text(4, value), varint(20, 3)]
            }
        }
    }
}

/// An int64 tensor `[batch, length]`.
fn input_type() -> Field {
    let dim = |name| message(1, vec![text(2, name)]);
    let shape = message(2, vec![dim("batch"), dim("length")]);
    message(2, vec![message(1, vec![varint(1, 7), shape])])
}

fn message(number: u64, fields: Vec<Field>) -> Field {
    Field { number, content: Content::Message(fields) }
}

fn text(number: u64, text: &str) -> Field {
    Field { number, content: Content::Bytes(text.as_bytes().to_vec()) }
}

fn varint(number: u64, value: u64) -> Field {
    Field { number, content: Content::Varint(value) }
}

fn models() -> &'static [(ModelFiles, Vec<Field>)] {
    static MODELS_READ: OnceLock<Vec<(ModelFiles, Vec<Field>)>> = OnceLock::new();
    MODELS_READ.get_or_init(|| {
        let read = |folder| {
            let files = files(folder);
            let fields = parse(Kind::Model, &files.onnx).expect("an export is valid");
            (files, fields)
        };
        MODELS.map(read).into()
    })
}
