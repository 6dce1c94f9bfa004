//! Batches: what is uploaded of one, the buffers that it passes through, and how large it may be.

use wgpu::BufferUsages;

use super::device::{Device, failed};
use super::shaders::Real;
use super::steps::{BLOCK_QUERIES, EMBED_ELEMENTS, PARAMETER_ROWS};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Encoder, Layer};
use crate::tokenizer::Encoding;

/// The most tokens of a batch: enough for every processor of a large GPU, and few enough that a
/// batch's activations take less than 100 MB of a small model.
const MOST_TOKENS: usize = 8192;

/// The most multiplications of a batch. Systems stop a GPU that does not answer within seconds; a
/// slow one does these in two.
const MOST_PRODUCTS: u64 = 1 << 37;

/// A driver on the CPU gains nothing by large batches.
const SOFTWARE_TOKENS: usize = 512;

/// Numbers by which batches are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub hidden: usize,
    /// The widest activations of a token.
    pub widest: usize,
    pub words: usize,
    pub positions: usize,
    pub segments: usize,
    /// The most tokens of a batch of several sequences.
    pub tokens: usize,
}

/// What is uploaded of a batch. All of its tokens lie one after another.
#[derive(Default)]
pub(super) struct Batch {
    /// Of each token: its rows in `embed.wgsl`'s tables.
    pub rows: Vec<[u32; 4]>,
    /// Where each sequence begins and ends.
    pub sequences: Vec<[u32; 2]>,
    /// Of each block of queries: where its sequence begins and ends, and its first query.
    pub blocks: Vec<[u32; 4]>,
}

/// The buffers of a batch, as large as the largest one so far.
pub(super) struct Buffers {
    pub rows: wgpu::Buffer,
    pub sequences: wgpu::Buffer,
    pub blocks: wgpu::Buffer,
    /// What a layer gives for each token.
    pub states: wgpu::Buffer,
    pub context: wgpu::Buffer,
    /// Queries, keys and values; later the widest activations.
    pub wide: wgpu::Buffer,
    /// Vectors of sequences.
    pub pooled: wgpu::Buffer,
    pub dense: wgpu::Buffer,
    pub logits: wgpu::Buffer,
    pub read: wgpu::Buffer,
    tokens: usize,
    sequences_fit: usize,
}

impl Sizes {
    /// Checks that the shaders have the model's shapes, and that the device has room.
    pub fn new(encoder: &Encoder, device: &Device, real: Real, software: bool) -> Result<Sizes> {
        let hidden = encoder.hidden();
        let dim = hidden / encoder.heads;
        let widths = || encoder.layers.iter().map(|layer| layer.intermediate.outputs);
        if dim > 128 || widths().chain([dim]).any(|width| !width.is_multiple_of(4)) {
            return Err(failed(format!(
                "its shaders have heads of up to 128 elements and widths in multiples of 4, and \
                 the model has heads of {dim}"
            )));
        }
        let limits = &device.limits;
        let room = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let largest = super::steps::largest_weights(encoder);
        if largest > room {
            return Err(failed(format!(
                "it has {room} bytes for an array, and the model needs {largest}"
            )));
        }
        let widest = widths().max().unwrap_or(0).max(3 * hidden);
        let groups = limits.max_compute_workgroups_per_dimension as usize;
        // Blocks of queries and sequences are no more than tokens.
        let fit = [
            usize::try_from(room / (widest as u64 * real.bytes())).unwrap_or(usize::MAX),
            groups * EMBED_ELEMENTS / hidden,
            groups,
        ];
        let fit = fit.into_iter().min().unwrap_or(0);
        let positions = encoder.positions.rows;
        if fit < positions {
            return Err(failed(format!(
                "it has room for {fit} tokens, and the model reads up to {positions}"
            )));
        }
        let products =
            |layer: &Layer| (4 * hidden * hidden + 2 * hidden * layer.intermediate.outputs) as u64;
        let products: u64 = encoder.layers.iter().map(products).sum();
        let wanted = if software { SOFTWARE_TOKENS } else { MOST_TOKENS };
        let in_time = usize::try_from(MOST_PRODUCTS / products.max(1)).unwrap_or(usize::MAX);
        let tokens = wanted.min(in_time).min(fit);
        Ok(Sizes {
            hidden,
            widest,
            words: encoder.words.rows,
            positions,
            segments: encoder.segments.rows,
            tokens,
        })
    }

    /// How many of the first sequences make a batch: those within its tokens, and one at least.
    pub fn first_batch(&self, sequences: &[&Encoding]) -> usize {
        let ends = sequences.iter().scan(0, |end, sequence| {
            *end += sequence.ids.len();
            Some(*end)
        });
        ends.take_while(|&end| end <= self.tokens).count().max(1)
    }
}

impl Batch {
    pub fn new(sizes: &Sizes, encodings: &[&Encoding]) -> Result<Batch> {
        let mut batch = Batch::default();
        for encoding in encodings {
            let begin = batch.rows.len() as u32;
            for (position, (&word, &segment)) in
                encoding.ids.iter().zip(&encoding.type_ids).enumerate()
            {
                let row = |number: usize, rows: usize| match number < rows {
                    true => Ok(number as u32),
                    false => Err(Error::new(
                        ErrorKind::InvalidModel,
                        format!("the model failed on a text ({number} is not one of {rows} rows)"),
                    )),
                };
                let word = row(word as usize, sizes.words)?;
                let position = row(position, sizes.positions)? as usize + PARAMETER_ROWS;
                let segment = row(segment as usize, sizes.segments)? as usize;
                let segment = PARAMETER_ROWS + sizes.positions + segment;
                batch.rows.push([word, position as u32, segment as u32, 0]);
            }
            let end = batch.rows.len() as u32;
            if begin == end {
                let message = "the model failed on a text (it has no tokens)";
                return Err(Error::new(ErrorKind::InvalidModel, message));
            }
            batch.sequences.push([begin, end]);
            batch
                .blocks
                .extend((begin..end).step_by(BLOCK_QUERIES).map(|first| [begin, end, first, 0]));
        }
        Ok(batch)
    }

    pub fn upload(&self, device: &Device, buffers: &Buffers) {
        let write = |buffer, bytes| device.queue.write_buffer(buffer, 0, bytes);
        write(&buffers.rows, bytemuck::cast_slice(&self.rows));
        write(&buffers.sequences, bytemuck::cast_slice(&self.sequences));
        write(&buffers.blocks, bytemuck::cast_slice(&self.blocks));
    }
}

impl Buffers {
    /// Those that were used before, or larger ones where they are too small.
    pub fn fit(
        before: Option<Buffers>,
        device: &Device,
        sizes: &Sizes,
        real: Real,
        batch: &Batch,
    ) -> Buffers {
        let (tokens, sequences) = (batch.rows.len(), batch.sequences.len());
        let before = match before {
            Some(buffers) if tokens <= buffers.tokens && sequences <= buffers.sequences_fit => {
                return buffers;
            }
            before => before.map_or((0, 0), |buffers| (buffers.tokens, buffers.sequences_fit)),
        };
        // As large as the next batch may be; but a long sequence makes a batch of its own.
        let grown = |needed: usize, before: usize| {
            needed.next_power_of_two().min(sizes.tokens).max(needed).max(before)
        };
        let (tokens, sequences) = (grown(tokens, before.0), grown(sequences, before.1));
        let of_tokens = |width: usize| device.buffer((tokens * width) as u64 * real.bytes());
        let of_sequences = |bytes: usize| device.buffer((sequences * bytes) as u64);
        let vector = 4 * sizes.hidden;
        Buffers {
            rows: device.buffer(16 * tokens as u64),
            sequences: of_sequences(8),
            blocks: device.buffer(16 * tokens as u64),
            states: of_tokens(sizes.hidden),
            context: of_tokens(sizes.hidden),
            wide: of_tokens(sizes.widest),
            pooled: of_sequences(vector),
            dense: of_sequences(vector),
            logits: of_sequences(16),
            read: device.buffer_for(
                (sequences * vector) as u64,
                BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            ),
            tokens,
            sequences_fit: sequences,
        }
    }
}
