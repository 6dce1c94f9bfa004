//! NEON, the vector instructions of every 64-bit Arm processor: four registers of four floats.
//! Integers are multiplied by the fastest instruction that the CPU has: see [`neon_products`].

use core::arch::aarch64::*;
use core::array::from_fn;
use core::ops::{Add, Div, Mul, Sub};
use std::arch::is_aarch64_feature_detected;

use super::contract::{Isa, Op};
use super::lanes::{F32x16, LANES};
use super::neon_products;
use crate::kernels::layout::{GROUP, MatrixI8, Packed, Panels};

/// A value exists only if the CPU has NEON and the instructions of its `product`. Every unsafe call
/// below rests on that. Vectors are made by methods of this type alone, so a vector is the same proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neon {
    product: Product,
}

/// The instruction that multiplies integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    /// `smull`, which every CPU has: products of 16 bits.
    Widening,
    /// `sdot`, an option of Armv8.2: four products of a lane are added in 32 bits.
    Dot,
    /// `usmmla`, an option of Armv8.2 too: two rows by two columns, of eight inputs.
    Matrix,
}

impl Neon {
    pub fn new() -> Option<Neon> {
        is_aarch64_feature_detected!("neon").then_some(Neon { product: Product::Widening })
    }

    pub fn with_dotprod() -> Option<Neon> {
        let found = is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("dotprod");
        found.then_some(Neon { product: Product::Dot })
    }

    pub fn with_i8mm() -> Option<Neon> {
        let found = is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("i8mm");
        found.then_some(Neon { product: Product::Matrix })
    }
}

#[derive(Clone, Copy)]
pub struct Lanes([float32x4_t; 4]);

macro_rules! lanewise {
    ($($op:ident::$method:ident = $intrinsic:ident),*) => {$(
        impl $op for Lanes {
            type Output = Lanes;
            #[inline(always)]
            fn $method(self, other: Lanes) -> Lanes {
                let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
                // SAFETY: a `Lanes` exists only where NEON was found.
                unsafe {
                    Lanes([$intrinsic(a, e), $intrinsic(b, f), $intrinsic(c, g), $intrinsic(d, h)])
                }
            }
        }
    )*};
}
lanewise!(Add::add = vaddq_f32, Sub::sub = vsubq_f32, Mul::mul = vmulq_f32, Div::div = vdivq_f32);

// `min` and `max` keep the trait's definition: `fmin` and `fmax` return any NaN, and `fminnm` and
// `fmaxnm` drop one, on whichever side it is.
impl F32x16 for Lanes {
    #[inline(always)]
    fn if_lt(self, other: Lanes, yes: Lanes, no: Lanes) -> Lanes {
        // SAFETY: a `Lanes` exists only where NEON was found.
        Lanes(from_fn(|i| unsafe {
            vbslq_f32(vcltq_f32(self.0[i], other.0[i]), yes.0[i], no.0[i])
        }))
    }

    #[inline(always)]
    fn pow2(self) -> Lanes {
        // SAFETY: a `Lanes` exists only where NEON was found.
        Lanes(self.0.map(|x| unsafe {
            let one = vreinterpretq_s32_f32(vdupq_n_f32(1.0));
            let exponent = vshlq_n_s32::<23>(vreinterpretq_s32_f32(x));
            vreinterpretq_f32_s32(vaddq_s32(exponent, one))
        }))
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        for (out, x) in out.as_chunks_mut::<4>().0.iter_mut().zip(self.0) {
            // SAFETY: a `Lanes` exists only where NEON was found; `out` has the four floats that the
            // store writes.
            unsafe { vst1q_f32(out.as_mut_ptr(), x) };
        }
    }
}

impl Isa for Neon {
    type F32 = Lanes;
    const TILE_ROWS: usize = 4;
    const ROWS: usize = 12;

    fn name(self) -> &'static str {
        match self.product {
            Product::Widening => "neon",
            Product::Dot => "dotprod",
            Product::Matrix => "i8mm",
        }
    }

    // Not inlined, so that an operation within another one has all registers to itself.
    #[inline(never)]
    fn run<O: Op>(self, op: O) {
        op.run(self);
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        // SAFETY: `self` exists only where NEON was found.
        Lanes([unsafe { vdupq_n_f32(value) }; 4])
    }

    #[inline(always)]
    fn load(self, lanes: &[f32; LANES]) -> Lanes {
        let from = lanes.as_ptr();
        // SAFETY: `self` exists only where NEON was found; `lanes` has the 16 floats that the four
        // loads read.
        Lanes(from_fn(|i| unsafe { vld1q_f32(from.add(4 * i)) }))
    }

    #[inline(always)]
    fn to_floats(self, lanes: &[i32; LANES]) -> Lanes {
        let from = lanes.as_ptr();
        // SAFETY: `self` exists only where NEON was found; `lanes` has the 16 integers that the four
        // loads read.
        Lanes(from_fn(|i| unsafe { vcvtq_f32_s32(vld1q_s32(from.add(4 * i))) }))
    }

    fn pack(self, weights: &MatrixI8) -> Packed {
        match self.product {
            Product::Widening => neon_products::pack_signed::<2>(weights),
            Product::Dot => neon_products::pack_signed::<GROUP>(weights),
            Product::Matrix => Packed::interleaved::<8>(weights),
        }
    }

    /// Each activation is shifted to `-128..=127`, except for `usmmla`.
    #[inline(always)]
    fn store_acts(self, q: Lanes, out: &mut [u8]) {
        let out: &mut [u8; LANES] = out.try_into().expect("a byte for each activation");
        let shift = if self.product == Product::Matrix { 0 } else { 0x80 };
        // SAFETY: `self` exists only where NEON was found; `out` has the 16 bytes that the store writes.
        unsafe {
            let [a, b, c, d] = q.0.map(|x| vreinterpretq_u16_f32(x));
            let [low, high] = [vuzp1q_u16(a, b), vuzp1q_u16(c, d)];
            let bytes = vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
            vst1q_u8(out.as_mut_ptr(), veorq_u8(bytes, vdupq_n_u8(shift)));
        }
    }

    #[inline(always)]
    fn dot_panels(self, acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
        // SAFETY: `self` exists only where NEON and the instructions of its `product` were found.
        unsafe {
            match self.product {
                Product::Widening if panels.depth == 0 => {
                    neon_products::widening_rows::<false>(acts, panels, out);
                }
                Product::Widening => neon_products::widening_rows::<true>(acts, panels, out),
                Product::Dot => neon_products::dot_rows(acts, panels, out),
                Product::Matrix => neon_products::matrix_rows(acts, panels, out),
            }
        }
    }
}
