//! A model as it is stored: its files as bytes, its configuration, and its weights.

#[cfg(checkpoints)]
pub(crate) mod checkpoint;
mod config;
mod embedding;
mod encoder;
mod files;
mod fingerprint;
mod floats;
mod hash;
mod int8;
pub(crate) mod mmap;
mod packed;
mod positions;
pub(crate) mod prepared;
mod quantize_on_read;
mod safetensors;
mod weights;

pub(crate) use config::{Config, Output};
pub(crate) use embedding::{EmbeddingSettings, Pooling};
pub(crate) use encoder::{
    Activation, Encoder, Head, HeadStep, Layer, Linear, Norm, Positions, QuantizeError, Residuals,
    Table,
};
pub use files::ModelFiles;
pub(crate) use floats::Floats;
pub(crate) use hash::{Hasher, hexadecimal};
pub(crate) use int8::{Int8, signed};
pub(crate) use packed::{GROUP, PackedGroup, PackedInt8, Packer};
pub(crate) use positions::{Disentangled, PositionScheme, RelativePositions};
pub(crate) use safetensors::is_checkpoint;
pub(crate) use weights::Weights;
