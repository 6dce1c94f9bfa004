//! Int8 and f32 kernels: one contract for every instruction set, and the same bits from all of them.
//!
//! Choose a [`Kernel`] once ([`Kernel::best`]), pack the weights for it ([`LinearI8::new`],
//! [`LinearF32::new`]), and call the operations: [`linear_i8`], [`linear_f32`], [`attention`],
//! [`add_norm`], [`sum_norm`], [`rotate`]. They work on flat row-major slices and allocate nothing once their scratch memory
//! has grown. They panic if the shapes do not fit each other, which is a mistake of the caller.
//!
//! | File | Content |
//! |---|---|
//! | `dispatch` | [`Kernel`]: which instruction set this machine has |
//! | `ops/` | the operations, each written once over the traits of `isa/contract` |
//! | `math` | elementary functions and activations, likewise |
//! | `isa/contract`, `isa/lanes` | what an instruction set provides: the sixteen virtual lanes, the int8 dot products |
//! | `isa/scalar`, `avx2`, `avx512`, `neon`, `simd128`, `relaxed` | the instruction sets |
//! | `isa/neon_products` | the three ways in which NEON multiplies integers |
//! | `layout`, `exact_i16` | the layout of packed int8 weights |
//! | `blocking` | block sizes, and scratch memory that begins at a cache line |
//! | `tests/` | every kernel against the scalar one, and the scalar one against f64 |
//!
//! Every operation gives the same bits on every kernel, with two exceptions that cannot be
//! observed in a score: the payload of a NaN, and its sign.
//!
//! Nothing here imports another module of the crate: the benchmark and the tests for WebAssembly
//! include this module by its path, as `crate::kernels`.
//!
//! # Adding an instruction set
//!
//! 1. Write `isa/NAME.rs`: a type that implements `Isa`, whose values exist only if the CPU has the
//!    instructions, and declare the file in `isa/mod.rs`.
//! 2. Add the type to the list in `dispatch.rs`.
//! 3. Add its name to the `contract!` lines in `tests/contract.rs`, which test it against the
//!    scalar kernel, and its condition to the test `kernels_are_found`.

#![allow(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]

mod blocking;
mod dispatch;
#[cfg(any(target_arch = "x86_64", target_feature = "relaxed-simd", test))]
mod exact_i16;
mod isa;
mod layout;
mod math;
mod ops;
#[cfg(test)]
mod tests;

pub use blocking::{aligned, even};
pub use dispatch::Kernel;
pub use layout::signed;
pub use math::Activation;
pub use ops::{
    AttentionInputs, AttentionScratch, Bias, Columns, Distances, Heads, Int8Scratch, LinearF32,
    LinearI8, NormParams, Rotary, add_norm, attention, linear_f32, linear_i8, rotate, sigmoid,
    sum_norm,
};
