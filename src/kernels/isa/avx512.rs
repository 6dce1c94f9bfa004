//! AVX-512 with VNNI: one register of sixteen floats. Integers are multiplied by `vpdpbusd`, which
//! multiplies unsigned activations by signed weights and adds in 32 bits, all exactly.

use core::arch::x86_64::*;
use core::ops::{Add, Div, Mul, Sub};

use super::contract::{Isa, Op, by_tiles};
use super::lanes::{F32x16, LANES};
use crate::kernels::layout::{GROUP, MatrixI8, Packed, Panels};

/// A value exists only if the CPU has AVX-512F, BW, VL and VNNI. Every unsafe call below rests on
/// that. Vectors are made by methods of this type alone, so a vector is the same proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512(());

impl Avx512 {
    pub fn new() -> Option<Avx512> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni"))
        .then_some(Avx512(()))
    }
}

#[derive(Clone, Copy)]
pub struct Lanes(__m512);

macro_rules! lanewise {
    ($($op:ident::$method:ident = $intrinsic:ident),*) => {$(
        impl $op for Lanes {
            type Output = Lanes;
            #[inline(always)]
            fn $method(self, other: Lanes) -> Lanes {
                // SAFETY: a `Lanes` exists only where `Avx512::new` found AVX-512.
                unsafe { Lanes($intrinsic(self.0, other.0)) }
            }
        }
    )*};
}
lanewise!(
    Add::add = _mm512_add_ps,
    Sub::sub = _mm512_sub_ps,
    Mul::mul = _mm512_mul_ps,
    Div::div = _mm512_div_ps
);

impl F32x16 for Lanes {
    #[inline(always)]
    fn if_lt(self, other: Lanes, yes: Lanes, no: Lanes) -> Lanes {
        // SAFETY: a `Lanes` exists only where `Avx512::new` found AVX-512.
        unsafe {
            let less = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0);
            Lanes(_mm512_mask_blend_ps(less, no.0, yes.0))
        }
    }

    // `minps` and `maxps` give their second operand, here `self`, if the two do not compare.
    #[inline(always)]
    fn min(self, other: Lanes) -> Lanes {
        // SAFETY: a `Lanes` exists only where `Avx512::new` found AVX-512.
        unsafe { Lanes(_mm512_min_ps(other.0, self.0)) }
    }

    #[inline(always)]
    fn max(self, other: Lanes) -> Lanes {
        // SAFETY: a `Lanes` exists only where `Avx512::new` found AVX-512.
        unsafe { Lanes(_mm512_max_ps(other.0, self.0)) }
    }

    #[inline(always)]
    fn pow2(self) -> Lanes {
        // SAFETY: a `Lanes` exists only where `Avx512::new` found AVX-512.
        unsafe {
            let one = _mm512_castps_si512(_mm512_set1_ps(1.0));
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(self.0));
            Lanes(_mm512_castsi512_ps(_mm512_add_epi32(exponent, one)))
        }
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        // SAFETY: a `Lanes` exists only where `Avx512::new` found AVX-512; `out` has the 16 floats
        // that the unaligned store writes.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), self.0) }
    }
}

impl Isa for Avx512 {
    type F32 = Lanes;
    const TILE_ROWS: usize = 8;
    const PANELS: usize = 2;
    const ROWS: usize = 12;

    fn name(self) -> &'static str {
        "avx512"
    }

    #[inline(always)]
    fn run<O: Op>(self, op: O) {
        // Not inlined, so that an operation within another one has all registers to itself.
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
        fn with_avx512<O: Op>(isa: Avx512, op: O) {
            op.run(isa);
        }
        // SAFETY: `self` exists only where `Avx512::new` found these features.
        unsafe { with_avx512(self, op) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        // SAFETY: `self` exists only where `Avx512::new` found AVX-512.
        unsafe { Lanes(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    fn load(self, lanes: &[f32; LANES]) -> Lanes {
        // SAFETY: `self` exists only where `Avx512::new` found AVX-512; `lanes` has the 16 floats
        // that the unaligned load reads.
        unsafe { Lanes(_mm512_loadu_ps(lanes.as_ptr())) }
    }

    #[inline(always)]
    fn to_floats(self, lanes: &[i32; LANES]) -> Lanes {
        // SAFETY: `self` exists only where `Avx512::new` found AVX-512; `lanes` has the 16
        // integers that the unaligned load reads.
        unsafe { Lanes(_mm512_cvtepi32_ps(_mm512_loadu_si512(lanes.as_ptr().cast()))) }
    }

    fn pack(self, weights: &MatrixI8) -> Packed {
        Packed::interleaved::<GROUP>(weights)
    }

    #[inline(always)]
    fn store_acts(self, q: Lanes, out: &mut [u8]) {
        let out: &mut [u8; LANES] = out.try_into().expect("a byte for each activation");
        // SAFETY: `self` exists only where `Avx512::new` found AVX-512; `out` has the 16 bytes that
        // the unaligned store writes.
        unsafe {
            let packed = _mm512_cvtepi32_epi8(_mm512_castps_si512(q.0));
            _mm_storeu_si128(out.as_mut_ptr().cast(), packed);
        }
    }

    #[inline(always)]
    fn dot_panels(self, acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
        // SAFETY: `self` exists only where `Avx512::new` found these features.
        unsafe {
            match panels.count {
                2 => dot_rows::<2>(acts, panels, out),
                _ => dot_rows::<1>(acts, panels, out),
            }
        }
    }
}

/// Multiplies all rows by the panels. With twelve rows by two panels, a step of the tile's loop has 24
/// multiplications and fourteen loads, so its time is that of the multipliers.
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot_rows<const PANELS: usize>(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
    let row_bytes = panels.blocks.len() / PANELS * GROUP;
    let out = out.as_chunks_mut().0;
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| dot_tile::<12, PANELS>(a, panels, o));
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| dot_tile::<4, PANELS>(a, panels, o));
    by_tiles(acts, row_bytes, out, |a, o| dot_tile::<1, PANELS>(a, panels, o));
}

/// Multiplies a tile: `ROWS` rows by `PANELS` panels.
///
/// It prefetches the panels after these. The processor's own prefetching stops at the end of a panel
/// and of every page, and would be too late.
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot_tile<const ROWS: usize, const PANELS: usize>(
    acts: &[u8],
    panels: Panels,
    out: &mut [[[i32; LANES]; PANELS]; ROWS],
) {
    let groups = acts.as_chunks::<GROUP>().0;
    let height = panels.blocks.len() / PANELS;
    assert_eq!(groups.len(), ROWS * height);
    let mut sums = [[_mm512_setzero_si512(); PANELS]; ROWS];
    for i in 0..height {
        let mut weights = [_mm512_setzero_si512(); PANELS];
        for (p, weights) in weights.iter_mut().enumerate() {
            // SAFETY: there are `PANELS * height` blocks, and each has the 64 bytes that the load
            // reads, and is aligned to 64. A prefetched address may lie anywhere.
            unsafe {
                let block = panels.blocks.as_ptr().add(p * height + i);
                *weights = _mm512_load_si512(block.cast());
                if panels.prefetch {
                    _mm_prefetch::<_MM_HINT_T1>(block.wrapping_add(PANELS * height).cast());
                }
            }
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `i < height`, and there are `ROWS * height` groups, as asserted above.
            let q = unsafe { *groups.get_unchecked(r * height + i) };
            let q = _mm512_set1_epi32(i32::from_le_bytes(q));
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = _mm512_dpbusd_epi32(*sum, q, weights);
            }
        }
    }
    for (out, sum) in out.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        // SAFETY: `out` has the 16 integers that the unaligned store writes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), *sum) };
    }
}
