//! The scalar kernel: plain loops, which run on every machine. Every other kernel is tested against
//! it.

use core::array::from_fn;
use core::ops::{Add, Div, Mul, Sub};

use super::contract::{Isa, Op};
use super::lanes::{F32x16, LANES};
use crate::kernels::layout::{GROUP, MatrixI8, Packed, Panels};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar;

#[derive(Clone, Copy)]
pub struct Lanes([f32; LANES]);

macro_rules! lanewise {
    ($($op:ident::$method:ident),*) => {$(
        impl $op for Lanes {
            type Output = Lanes;
            #[inline(always)]
            fn $method(self, other: Lanes) -> Lanes {
                Lanes(from_fn(|i| self.0[i].$method(other.0[i])))
            }
        }
    )*};
}
lanewise!(Add::add, Sub::sub, Mul::mul, Div::div);

impl F32x16 for Lanes {
    #[inline(always)]
    fn if_lt(self, other: Lanes, yes: Lanes, no: Lanes) -> Lanes {
        Lanes(from_fn(|i| if self.0[i] < other.0[i] { yes.0[i] } else { no.0[i] }))
    }

    #[inline(always)]
    fn pow2(self) -> Lanes {
        Lanes(self.0.map(|x| f32::from_bits((x.to_bits() << 23).wrapping_add(1.0_f32.to_bits()))))
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        *out = self.0;
    }
}

impl Isa for Scalar {
    type F32 = Lanes;
    const TILE_ROWS: usize = 1;

    fn name(self) -> &'static str {
        "scalar"
    }

    #[inline(never)]
    fn run<O: Op>(self, op: O) {
        op.run(self);
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        Lanes([value; LANES])
    }

    #[inline(always)]
    fn load(self, lanes: &[f32; LANES]) -> Lanes {
        Lanes(*lanes)
    }

    #[inline(always)]
    fn to_floats(self, lanes: &[i32; LANES]) -> Lanes {
        Lanes(lanes.map(|x| x as f32))
    }

    fn pack(self, weights: &MatrixI8) -> Packed {
        Packed::interleaved::<GROUP>(weights)
    }

    #[inline(always)]
    fn store_acts(self, q: Lanes, out: &mut [u8]) {
        out.copy_from_slice(&q.0.map(|q| q.to_bits() as u8));
    }

    fn dot_panels(self, acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
        let depth = panels.blocks.len() * GROUP;
        for (row, out) in acts.chunks_exact(depth).zip(out) {
            *out = [0; LANES];
            for (q, block) in row.as_chunks::<GROUP>().0.iter().zip(panels.blocks) {
                for (out, column) in out.iter_mut().zip(block.0.as_chunks::<GROUP>().0) {
                    for (&q, &v) in q.iter().zip(column) {
                        *out += i32::from(q) * i32::from(v);
                    }
                }
            }
        }
    }
}
