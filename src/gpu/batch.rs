//! Batches: the numbers that are uploaded, the buffers of the activations, and the limits of size.

use wgpu::BufferUsages;

use super::device::{Device, failed};
use super::pack;
use super::shaders::FloatType;
use super::steps::{BLOCK_QUERIES, EMBED_ELEMENTS, PARAMETER_ROWS};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Encoder, Layer, PositionScheme};
use crate::tokenizer::Encoding;

/// The maximum number of tokens of a batch. They are enough to keep every processor of a large GPU
/// busy. With a small model their activations take less than 100 MB.
const MAX_TOKENS: usize = 8192;

/// The maximum number of multiplications of a batch. Systems reset a GPU that does not answer within
/// seconds. A slow GPU takes two seconds for these.
const MAX_PRODUCTS: u64 = 1 << 37;

/// The maximum number of tokens of a batch for a driver on the CPU, which gains nothing from larger
/// ones.
const MAX_SOFTWARE_TOKENS: usize = 512;

/// The shape of a model and the limits of a device, from which batches are made.
#[derive(Debug)]
pub(super) struct Sizes {
    pub hidden: usize,
    /// The number of elements of the widest activations of a token.
    pub widest: usize,
    /// The number of elements of the widest vector of a sequence, from pooling on.
    pub widest_vector: usize,
    /// Rows of the token embeddings.
    pub token_rows: usize,
    /// One scale, or one for each row of the token embeddings.
    pub token_scales: Vec<f32>,
    /// Rows of the position embeddings.
    pub position_rows: usize,
    pub position_scheme: PositionScheme,
    /// Rows of the token type embeddings. If there is one, all tokens have it.
    pub token_type_rows: usize,
    /// The maximum number of tokens of a batch of several sequences.
    pub tokens: usize,
}

/// A batch as it is uploaded. All of its tokens lie one after another.
#[derive(Default)]
pub(super) struct Batch {
    /// For each token: its rows in the tables of `embed.wgsl`, and the bits of its scale.
    pub rows: Vec<[u32; 4]>,
    /// Where each sequence starts and ends.
    pub sequences: Vec<[u32; 2]>,
    /// For each block of queries: where its sequence starts and ends, and its first query.
    pub blocks: Vec<[u32; 4]>,
    /// The blocks with the first query of a sequence.
    pub first_blocks: Vec<[u32; 4]>,
}

/// The buffers of a batch, as large as those of the largest batch so far.
pub(super) struct Buffers {
    pub rows: wgpu::Buffer,
    pub sequences: wgpu::Buffer,
    pub blocks: wgpu::Buffer,
    pub first_blocks: wgpu::Buffer,
    /// The states of all tokens after a layer.
    pub states: wgpu::Buffer,
    pub context: wgpu::Buffer,
    /// First queries, keys and values; then the intermediate activations of the feed-forward block.
    pub wide: wgpu::Buffer,
    /// Three kinds of vectors of sequences: those that a step reads, those that it adds to or writes, and
    /// intermediate activations.
    pub vectors: [wgpu::Buffer; 3],
    pub read: wgpu::Buffer,
    tokens: usize,
    sequences_fit: usize,
}

impl Sizes {
    /// Checks that the shaders support the shapes of the model, and that the device has room for it.
    ///
    /// # Errors
    /// [`ErrorKind::GpuFailed`].
    pub fn new(
        encoder: &Encoder,
        device: &Device,
        float: FloatType,
        software: bool,
    ) -> Result<Sizes> {
        let table = encoder.position_table().filter(|_| encoder.is_plain());
        let Some((positions, position_scheme)) = table else {
            return Err(failed("its shaders are for BERT's layers, and the model has other ones"));
        };
        let positions = positions.rows;
        let hidden = encoder.hidden();
        let dim = hidden / encoder.heads;
        let widths = || encoder.layers.iter().map(|layer| layer.intermediate.outputs);
        let head = || encoder.head.linears().map(|linear| linear.inputs);
        let mut all = widths().chain(head()).chain([dim]);
        if dim > 128 || all.any(|width| !width.is_multiple_of(4)) {
            return Err(failed(format!(
                "its shaders support heads of up to 128 elements and widths in multiples of 4, and \
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
        let intermediate = widths().max().unwrap_or(0);
        let widest = intermediate.max(3 * hidden);
        let widest_vector = head().max().unwrap_or(0).max(intermediate).max(hidden);
        let groups = limits.max_compute_workgroups_per_dimension as usize;
        // There are at most as many blocks of queries, and as many sequences, as tokens.
        let fit = [
            usize::try_from(room / (widest as u64 * float.bytes())).unwrap_or(usize::MAX),
            usize::try_from(room / (4 * widest_vector as u64)).unwrap_or(usize::MAX),
            groups * EMBED_ELEMENTS / hidden,
            groups,
        ];
        let fit = fit.into_iter().min().unwrap_or(0);
        if fit < positions {
            return Err(failed(format!(
                "it has room for {fit} tokens, and the model reads up to {positions}"
            )));
        }
        let products =
            |layer: &Layer| (4 * hidden * hidden + 2 * hidden * layer.intermediate.outputs) as u64;
        let products: u64 = encoder.layers.iter().map(products).sum();
        let wanted = if software { MAX_SOFTWARE_TOKENS } else { MAX_TOKENS };
        let in_time = usize::try_from(MAX_PRODUCTS / products.max(1)).unwrap_or(usize::MAX);
        let tokens = wanted.min(in_time).min(fit);
        Ok(Sizes {
            hidden,
            widest,
            widest_vector,
            token_rows: encoder.token_embeddings.rows,
            token_scales: pack::row_scales(&encoder.token_embeddings),
            position_rows: positions,
            position_scheme,
            token_type_rows: encoder.token_type_embeddings.as_ref().map_or(1, |table| table.rows),
            tokens,
        })
    }

    /// How many of the first sequences make a batch: as many as its tokens allow, and at least one.
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
            let lacks_types = sizes.token_type_rows > 1 && type_ids.len() != ids.len();
            if ids.len() > sizes.position_rows || lacks_types {
                let message = format!(
                    "the model failed on a text (it has {} tokens and {} token types, and the model reads \
                     at most {})",
                    ids.len(),
                    type_ids.len(),
                    sizes.position_rows
                );
                return Err(Error::new(ErrorKind::InvalidModel, message));
            }
            let start = batch.rows.len() as u32;
            let positions = sizes.position_scheme.rows(ids);
            for (i, (&id, position)) in ids.iter().zip(positions).enumerate() {
                let token_type = if sizes.token_type_rows == 1 { 0 } else { type_ids[i] };
                let first_type = PARAMETER_ROWS + sizes.position_rows;
                let token = row(id, sizes.token_rows)?;
                let scale = sizes.token_scales[token as usize % sizes.token_scales.len()];
                batch.rows.push([
                    token,
                    PARAMETER_ROWS as u32 + row(position, sizes.position_rows)?,
                    first_type as u32 + row(token_type, sizes.token_type_rows)?,
                    scale.to_bits(),
                ]);
            }
            let end = batch.rows.len() as u32;
            if start == end {
                let message = "the model failed on a text (it has no tokens)";
                return Err(Error::new(ErrorKind::InvalidModel, message));
            }
            batch.sequences.push([start, end]);
            batch.first_blocks.push([start, end, start, 0]);
            batch
                .blocks
                .extend((start..end).step_by(BLOCK_QUERIES).map(|first| [start, end, first, 0]));
        }
        Ok(batch)
    }

    pub fn upload(&self, device: &Device, buffers: &Buffers) {
        let write = |buffer, bytes| device.queue.write_buffer(buffer, 0, bytes);
        write(&buffers.rows, bytemuck::cast_slice(&self.rows));
        write(&buffers.sequences, bytemuck::cast_slice(&self.sequences));
        write(&buffers.blocks, bytemuck::cast_slice(&self.blocks));
        write(&buffers.first_blocks, bytemuck::cast_slice(&self.first_blocks));
    }
}

/// A number, if it is one of the rows of a table.
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
    /// The buffers that were used before, or larger ones if those are too small.
    pub fn fit(
        before: Option<Buffers>,
        device: &Device,
        sizes: &Sizes,
        float: FloatType,
        batch: &Batch,
    ) -> Buffers {
        let (tokens, sequences) = (batch.rows.len(), batch.sequences.len());
        let before = match before {
            Some(buffers) if tokens <= buffers.tokens && sequences <= buffers.sequences_fit => {
                return buffers;
            }
            before => before.map_or((0, 0), |buffers| (buffers.tokens, buffers.sequences_fit)),
        };
        // They grow to a power of two, so that later batches fit, but not beyond the largest batch.
        // Only a longer sequence, which is a batch by itself, needs more.
        let grown = |needed: usize, before: usize| {
            needed.next_power_of_two().min(sizes.tokens).max(needed).max(before)
        };
        let (tokens, sequences) = (grown(tokens, before.0), grown(sequences, before.1));
        let of_tokens = |width: usize| device.buffer((tokens * width) as u64 * float.bytes());
        let of_sequences = |bytes: usize| device.buffer((sequences * bytes) as u64);
        let vector = 4 * sizes.widest_vector;
        Buffers {
            rows: device.buffer(16 * tokens as u64),
            sequences: of_sequences(8),
            blocks: device.buffer(16 * tokens as u64),
            first_blocks: of_sequences(16),
            states: of_tokens(sizes.hidden),
            context: of_tokens(sizes.hidden),
            wide: of_tokens(sizes.widest),
            vectors: [(); 3].map(|()| of_sequences(vector)),
            read: device.buffer_for(
                (sequences * vector) as u64,
                BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            ),
            tokens,
            sequences_fit: sequences,
        }
    }
}
