//! Int8 and f32 kernels: one contract, every instruction set, the same bits.
//!
//! Choose a [`Kernel`] once ([`Kernel::best`]), pack the weights for it ([`LinearI8::new`],
//! [`LinearF32::new`]), and call the operations: [`linear_i8`], [`linear_f32`], [`attention`],
//! [`add_norm`]. They work on flat row-major slices, allocate nothing once their scratch has
//! grown, and panic where shapes do not fit, which is a mistake of the caller.
//!
//! | File | What |
//! |---|---|
//! | `simd` | the sixteen virtual lanes, and what an instruction set must provide |
//! | `math`, `linear_i8`, `linear_f32`, `attention`, `norm` | the operations, each written once |
//! | `pack`, `peel` | the layout of int8 weights |
//! | `scalar`, `avx2`, `avx512`, `simd128`, `relaxed` | the instruction sets |
//! | `check` | a hash over everything, by which the tests compare kernels and platforms |
//!
//! Every operation gives the same bits on every kernel, with two exceptions that cannot be
//! observed in a score: the payload of a NaN, and its sign.
//!
//! To add an instruction set, write its file with a type that exists only where the instructions
//! do, add it to `Choice`, and the tests will find it in [`Kernel::all`].

#![allow(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod check;
#[cfg(any(target_arch = "x86_64", test))]
mod exact_i16;
mod layout;
mod linear_f32;
mod linear_i8;
mod math;
mod norm;
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
mod relaxed;
mod scalar;
mod simd;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_math;

pub use attention::{AttentionScratch, Heads, attention};
pub use layout::signed;
pub use linear_f32::{LinearF32, linear_f32};
pub use linear_i8::{Int8Scratch, LinearI8, linear_i8};
pub use math::Activation;
pub use norm::{NormParams, add_norm};
pub use simd::{aligned, even};

use layout::{Columns, Packed};
use scalar::Scalar;
use simd::{Isa, Op};

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Choice);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Scalar(Scalar),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128(simd128::Simd128),
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Relaxed(relaxed::Relaxed),
}

/// Evaluate an expression with `$isa` bound to a kernel's instruction set.
macro_rules! with_isa {
    ($kernel:expr, $isa:ident => $body:expr) => {
        match $kernel.0 {
            Choice::Scalar($isa) => $body,
            #[cfg(target_arch = "x86_64")]
            Choice::Avx2($isa) => $body,
            #[cfg(target_arch = "x86_64")]
            Choice::Avx512($isa) => $body,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Choice::Simd128($isa) => $body,
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Choice::Relaxed($isa) => $body,
        }
    };
}

impl Kernel {
    /// The clear and slow one, which every machine has.
    pub const SCALAR: Kernel = Kernel(Choice::Scalar(Scalar));

    /// The fastest kernel of this machine.
    pub fn best() -> Kernel {
        *Kernel::all().last().unwrap_or(&Kernel::SCALAR)
    }

    /// Every kernel of this machine, the slowest first.
    pub fn all() -> Vec<Kernel> {
        let kernels = [
            Some(Choice::Scalar(Scalar)),
            #[cfg(target_arch = "x86_64")]
            avx2::Avx2::new().map(Choice::Avx2),
            #[cfg(target_arch = "x86_64")]
            avx2::Avx2::with_vnni().map(Choice::Avx2),
            #[cfg(target_arch = "x86_64")]
            avx512::Avx512::new().map(Choice::Avx512),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Some(Choice::Simd128(simd128::Simd128)),
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            relaxed::Relaxed::new().map(Choice::Relaxed),
        ];
        kernels.into_iter().flatten().map(Kernel).collect()
    }

    /// Its name: `scalar`, `avx2`, `avxvnni`, `avx512`, `simd128` or `relaxed`.
    pub fn name(self) -> &'static str {
        with_isa!(self, isa => isa.name())
    }

    fn run(self, op: impl Op) {
        with_isa!(self, isa => isa.run(op))
    }

    fn pack(self, weights: &Columns) -> Packed {
        with_isa!(self, isa => isa.pack(weights))
    }

    /// The kernel for this matrix: this one, unless another multiplies such weights faster.
    fn for_weights(self, _weights: &Columns) -> Kernel {
        match self.0 {
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Choice::Relaxed(_) if !relaxed::fits(_weights) => {
                Kernel(Choice::Simd128(simd128::Simd128))
            }
            _ => self,
        }
    }
}

/// `1 / (1 + e^-x)`, with the same bits on every platform.
pub fn sigmoid(x: f32) -> f32 {
    math::one_lane(Scalar, math::sigmoid, x)
}
