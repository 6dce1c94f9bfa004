//! Batches: what is uploaded of one, the buffers that it passes through, and how large it may be.

use wgpu::BufferUsages;

use super::device::{Device, failed};
use super::pack;
use super::shaders::Real;
use super::steps::{BLOCK_QUERIES, EMBED_ELEMENTS, PARAMETER_ROWS};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Encoder, Layer, PositionScheme};
use crate::tokenizer::Encoding;

/// The most tokens of a batch: enough for every processor of a large GPU, and few enough that a
/// batch's activations take less than 100 MB of a small model.
const MAX_TOKENS: usize = 8192;

/// The most multiplications of a batch. Systems stop a GPU that does not answer within seconds; a
/// slow one does these in two.
const MAX_PRODUCTS: u64 = 1 << 37;

/// A driver on the CPU gains nothing by large batches.
const SOFTWARE_TOKENS: usize = 512;

/// Numbers by which batches are made.
#[derive(Debug)]
pub(super) struct Sizes {
    pub hidden: usize,
    /// The widest activations of a token.
    pub widest: usize,
    /// The widest vector of a sequence, from the pooled one to what the head gives.
    pub widest_vector: usize,
    pub words: usize,
    /// One, or one a word.
    pub word_scales: Vec<f32>,
    pub positions: usize,
    pub numbering: PositionScheme,
    /// One where all tokens have the same.
    pub segments: usize,
    /// The most tokens of a batch of several sequences.
    pub tokens: usize,
}

/// What is uploaded of a batch. All of its tokens lie one after another.
#[derive(Default)]
pub(super) struct Batch {
    /// Of each token: its rows in `embed.wgsl`'s tables, and the bits of its scale.
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
    /// Vectors of sequences, and what a layer of the head makes of them.
    pub vectors: [wgpu::Buffer; 2],
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
        let head = encoder.head.iter().map(|linear| linear.inputs);
        let mut all = widths().chain(head.clone()).chain([dim]);
        if dim > 128 || all.any(|width| !width.is_multiple_of(4)) {
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
        let positions = encoder.position_embeddings.rows;
        if fit < positions {
            return Err(failed(format!(
                "it has room for {fit} tokens, and the model reads up to {positions}"
            )));
        }
        let products =
            |layer: &Layer| (4 * hidden * hidden + 2 * hidden * layer.intermediate.outputs) as u64;
        let products: u64 = encoder.layers.iter().map(products).sum();
        let wanted = if software { SOFTWARE_TOKENS } else { MAX_TOKENS };
        let in_time = usize::try_from(MAX_PRODUCTS / products.max(1)).unwrap_or(usize::MAX);
        let tokens = wanted.min(in_time).min(fit);
        Ok(Sizes {
            hidden,
            widest,
            widest_vector: head.max().unwrap_or(0).max(hidden),
            words: encoder.token_embeddings.rows,
            word_scales: pack::row_scales(&encoder.token_embeddings),
            positions,
            numbering: encoder.position_scheme,
            segments: encoder.token_type_embeddings.as_ref().map_or(1, |table| table.rows),
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
        for Encoding { ids, type_ids, .. } in encodings {
            let lacks = sizes.segments > 1 && type_ids.len() != ids.len();
            if ids.len() > sizes.positions || lacks {
                let message = format!(
                    "the model failed on a text (it has {} tokens and {} segments, of at most {})",
                    ids.len(),
                    type_ids.len(),
                    sizes.positions
                );
                return Err(Error::new(ErrorKind::InvalidModel, message));
            }
            let begin = batch.rows.len() as u32;
            let positions = sizes.numbering.rows(ids);
            for (i, (&word, position)) in ids.iter().zip(positions).enumerate() {
                let segment = if sizes.segments == 1 { 0 } else { type_ids[i] };
                let first_segment = PARAMETER_ROWS + sizes.positions;
                let word = row(word, sizes.words)?;
                let scale = sizes.word_scales[word as usize % sizes.word_scales.len()];
                batch.rows.push([
                    word,
                    PARAMETER_ROWS as u32 + row(position, sizes.positions)?,
                    first_segment as u32 + row(segment, sizes.segments)?,
                    scale.to_bits(),
                ]);
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

/// A number that is one of a table's rows.
fn row(number: u32, rows: usize) -> Result<u32> {
    match (number as usize) < rows {
        true => Ok(number),
        false => Err(Error::new(
            ErrorKind::InvalidModel,
            format!("the model failed on a text ({number} is not one of {rows} rows)"),
        )),
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
        let vector = 4 * sizes.widest_vector;
        Buffers {
            rows: device.buffer(16 * tokens as u64),
            sequences: of_sequences(8),
            blocks: device.buffer(16 * tokens as u64),
            states: of_tokens(sizes.hidden),
            context: of_tokens(sizes.hidden),
            wide: of_tokens(sizes.widest),
            vectors: [of_sequences(vector), of_sequences(vector)],
            read: device.buffer_for(
                (sequences * vector) as u64,
                BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            ),
            tokens,
            sequences_fit: sequences,
        }
    }
}
