//! The operations, each written once for all instruction sets.

mod attention;
mod linear_f32;
mod linear_i8;
mod norm;
mod rotary;
mod sigmoid;

pub use attention::{
    AttentionInputs, AttentionScratch, Bias, Columns, Distances, Heads, attention,
};
pub use linear_f32::{LinearF32, linear_f32};
pub use linear_i8::{Int8Scratch, LinearI8, linear_i8};
pub use norm::{NormParams, add_norm, sum_norm};
pub use rotary::{Rotary, rotate};
pub use sigmoid::sigmoid;
