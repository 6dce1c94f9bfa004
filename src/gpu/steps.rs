//! The steps of a plan: their weights on a device, and their dispatches.

use super::pack::{self, PANEL, Packed};
use super::shaders::{Commands, Compiler, FloatType, Pipeline, once, part, source, twice};
use crate::model::{self, Activation, Encoder, Pooling, Weights};

/// Tokens of a workgroup of `linear.wgsl`, `attention.wgsl` and `norm.wgsl`.
const TILE_TOKENS: usize = 64;
pub(super) const BLOCK_QUERIES: usize = 32;
const NORM_TOKENS: usize = 8;

/// Elements of a workgroup of `embed.wgsl`.
pub(super) const EMBED_ELEMENTS: usize = 4 * 128;

/// Rows before the positions in the second table of `embed.wgsl`: scales and zero points.
pub(super) const PARAMETER_ROWS: usize = 2;

/// Activations of a batch: a buffer, and the tokens or sequences in it.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub buffer: &'a wgpu::Buffer,
    pub count: usize,
}

pub(super) struct Linear {
    pipeline: Pipeline,
    weights: wgpu::Buffer,
    columns: wgpu::Buffer,
    inputs: usize,
    outputs: usize,
    adds: bool,
    float: FloatType,
}

impl Linear {
    /// If `adds`, the results are added to the contents of their buffer.
    pub fn new(
        compiler: &mut Compiler,
        linear: &model::Linear,
        adds: bool,
        float: FloatType,
    ) -> Linear {
        let Packed { words, int8, columns } = pack::linear(linear);
        let outputs = pack::padded(linear.outputs);
        let constants = [
            ("INPUTS", format!("{}u", linear.inputs)),
            ("OUTPUTS", format!("{outputs}u")),
            ("ACTIVATION", format!("{}u", number(linear.activation))),
            ("ADD", adds.to_string()),
            ("INT8", int8.to_string()),
        ];
        Linear {
            pipeline: compiler.compile(source::LINEAR, float, &constants),
            weights: compiler.device.upload(&words),
            columns: compiler.device.upload(&columns),
            inputs: linear.inputs,
            outputs,
            adds,
            float,
        }
    }

    pub fn dispatch(&self, commands: &mut Commands, x: Rows, out: &wgpu::Buffer) {
        let bytes = |width: usize| (x.count * width) as u64 * self.float.bytes();
        let (read, written) = (bytes(self.inputs), bytes(self.outputs));
        let ranges = [
            once(x.buffer, read),
            once(&self.weights, self.weights.size()),
            once(&self.columns, self.columns.size()),
            if self.adds { twice(out, written) } else { once(out, written) },
        ];
        let groups = [self.outputs.div_ceil(PANEL), x.count.div_ceil(TILE_TOKENS)];
        commands.dispatch(&self.pipeline, &ranges, groups);
    }
}

/// The number of an activation in `linear.wgsl`.
fn number(activation: Activation) -> u32 {
    match activation {
        Activation::None => 0,
        Activation::Gelu => 1,
        Activation::GeluTanh => 2,
        Activation::Relu => 3,
        Activation::Tanh => 4,
        Activation::Silu => 5,
    }
}

pub(super) struct Norm {
    pipeline: Pipeline,
    parameters: wgpu::Buffer,
    hidden: usize,
    float: FloatType,
}

impl Norm {
    pub fn new(compiler: &mut Compiler, norm: &model::Norm, float: FloatType) -> Norm {
        let hidden = norm.gamma.len();
        let constants = [("HIDDEN", format!("{hidden}u")), ("EPS", format!("{:?}", norm.eps))];
        Norm {
            pipeline: compiler.compile(source::NORM, float, &constants),
            parameters: compiler.device.upload(&[&norm.gamma[..], &norm.beta].concat()),
            hidden,
            float,
        }
    }

    pub fn dispatch(&self, commands: &mut Commands, states: Rows) {
        let ranges = [
            twice(states.buffer, (states.count * self.hidden) as u64 * self.float.bytes()),
            once(&self.parameters, self.parameters.size()),
        ];
        commands.dispatch(&self.pipeline, &ranges, [states.count.div_ceil(NORM_TOKENS), 1]);
    }
}

pub(super) struct Embeddings {
    pipeline: Pipeline,
    tokens: wgpu::Buffer,
    /// The scales and zero points of the token embeddings, then positions and token types.
    others: wgpu::Buffer,
    rows: usize,
    hidden: usize,
    float: FloatType,
}

impl Embeddings {
    pub fn new(compiler: &mut Compiler, encoder: &Encoder, float: FloatType) -> Embeddings {
        let hidden = encoder.hidden();
        let Packed { words, int8, mut columns } = pack::table(&encoder.token_embeddings, hidden);
        if let Some((positions, _)) = encoder.position_table() {
            columns.extend(positions.values.to_f32(hidden));
        }
        match &encoder.token_type_embeddings {
            Some(table) => columns.extend(table.values.to_f32(hidden)),
            None => columns.resize(columns.len() + hidden, 0.0),
        }
        let constants = [("HIDDEN", format!("{hidden}u")), ("INT8", int8.to_string())];
        Embeddings {
            pipeline: compiler.compile(source::EMBED, float, &constants),
            tokens: compiler.device.upload(&words),
            others: compiler.device.upload(&columns),
            rows: encoder.token_embeddings.rows,
            hidden,
            float,
        }
    }

    /// `rows` are [`Batch::rows`](super::batch::Batch::rows).
    pub fn dispatch(&self, commands: &mut Commands, rows: Rows, states: &wgpu::Buffer) {
        let elements = rows.count * self.hidden;
        let token_bytes = self.tokens.size() / self.rows as u64 * rows.count as u64;
        let other_bytes = (4 * self.hidden * (PARAMETER_ROWS + 2 * rows.count)) as u64;
        let ranges = [
            once(rows.buffer, 16 * rows.count as u64),
            part(&self.tokens, self.tokens.size(), token_bytes),
            part(&self.others, self.others.size(), other_bytes),
            once(states, elements as u64 * self.float.bytes()),
        ];
        commands.dispatch(&self.pipeline, &ranges, [elements.div_ceil(EMBED_ELEMENTS), 1]);
    }
}

pub(super) struct Attention {
    pipeline: Pipeline,
    hidden: usize,
    heads: usize,
    float: FloatType,
}

impl Attention {
    pub fn new(
        compiler: &mut Compiler,
        hidden: usize,
        heads: usize,
        float: FloatType,
    ) -> Attention {
        let dim = hidden / heads;
        let slices = dim.div_ceil(16);
        let constants = [
            ("HIDDEN", format!("{hidden}u")),
            ("DIM", format!("{dim}u")),
            ("SLICES", format!("{slices}u")),
            ("KEYS", format!("{}u", if slices <= 4 { 16 } else { 8 })),
            ("SCALE", format!("{:?}", 1.0 / (dim as f32).sqrt())),
        ];
        let pipeline = compiler.compile(source::ATTENTION, float, &constants);
        Attention { pipeline, hidden, heads, float }
    }

    pub fn dispatch(&self, commands: &mut Commands, blocks: Rows, qkv: Rows, out: &wgpu::Buffer) {
        let bytes = (qkv.count * self.hidden) as u64 * self.float.bytes();
        let ranges = [
            once(blocks.buffer, 16 * blocks.count as u64),
            once(qkv.buffer, 3 * bytes),
            once(out, bytes),
        ];
        commands.dispatch(&self.pipeline, &ranges, [blocks.count, self.heads]);
    }
}

pub(super) struct Pool {
    pipeline: Pipeline,
    pooling: Pooling,
    hidden: usize,
    float: FloatType,
}

impl Pool {
    pub fn new(compiler: &mut Compiler, hidden: usize, pooling: Pooling, float: FloatType) -> Pool {
        let mean = matches!(pooling, Pooling::Mean);
        let constants = [("HIDDEN", format!("{hidden}u")), ("MEAN", mean.to_string())];
        let pipeline = compiler.compile(source::POOL, float, &constants);
        Pool { pipeline, pooling, hidden, float }
    }

    pub fn dispatch(
        &self,
        commands: &mut Commands,
        sequences: Rows,
        states: Rows,
        out: &wgpu::Buffer,
    ) {
        let bytes = |tokens: usize| (tokens * self.hidden) as u64 * self.float.bytes();
        let read = match self.pooling {
            Pooling::Mean => states.count,
            Pooling::First => sequences.count,
        };
        let ranges = [
            once(sequences.buffer, 8 * sequences.count as u64),
            part(states.buffer, bytes(states.count), bytes(read)),
            once(out, (4 * sequences.count * self.hidden) as u64),
        ];
        commands.dispatch(&self.pipeline, &ranges, [sequences.count, 1]);
    }
}

/// The bytes of the largest binding of the weights of an encoder.
pub(super) fn largest_weights(encoder: &Encoder) -> u64 {
    let bytes = |values: &Weights, elements: usize| match values.quantization() {
        Some(_) => elements as u64,
        None => 4 * elements as u64,
    };
    let of_linear = |linear: &model::Linear| {
        let columns = linear.outputs.next_multiple_of(PANEL);
        bytes(&linear.weights, linear.inputs * columns)
    };
    let linears = encoder.layers.iter().flat_map(|layer| {
        let qkv = [&layer.query, &layer.key, &layer.value].map(of_linear).iter().sum();
        [qkv, of_linear(&layer.intermediate), of_linear(&layer.output)]
    });
    let tokens =
        bytes(&encoder.token_embeddings.values, encoder.token_embeddings.rows * encoder.hidden());
    linears.fold(tokens, u64::max)
}
