//! AVX2: two registers of eight floats. Integers are multiplied by `maddubs`, whose weights
//! [`exact_i16`] packs, or by AVX-VNNI's `vpdpbusd`, which adds in 32 bits, on CPUs that have it.

use core::arch::x86_64::*;
use core::ops::{Add, Div, Mul, Sub};

use super::contract::{Isa, Op, by_tiles};
use super::lanes::{F32x16, LANES};
use crate::kernels::exact_i16;
use crate::kernels::layout::{Block, GROUP, MatrixI8, Packed, Panels};

/// How many blocks may share a 16-bit sum, and the cost of a block then. Measured on AMD Zen 3.
const DEPTHS: [(usize, usize); 2] = [(1, 100), (2, 88)];

/// A value exists only if the CPU has AVX2. Every unsafe call below rests on that. Vectors are made
/// by methods of this type alone, so a vector is the same proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2 {
    /// The CPU has AVX-VNNI, which is to be used.
    vnni: bool,
}

impl Avx2 {
    pub fn new() -> Option<Avx2> {
        is_x86_feature_detected!("avx2").then_some(Avx2 { vnni: false })
    }

    pub fn with_vnni() -> Option<Avx2> {
        let found = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni");
        found.then_some(Avx2 { vnni: true })
    }
}

#[derive(Clone, Copy)]
pub struct Lanes(__m256, __m256);

macro_rules! lanewise {
    ($($op:ident::$method:ident = $intrinsic:ident),*) => {$(
        impl $op for Lanes {
            type Output = Lanes;
            #[inline(always)]
            fn $method(self, other: Lanes) -> Lanes {
                // SAFETY: a `Lanes` exists only where AVX2 was found.
                unsafe { Lanes($intrinsic(self.0, other.0), $intrinsic(self.1, other.1)) }
            }
        }
    )*};
}
lanewise!(
    Add::add = _mm256_add_ps,
    Sub::sub = _mm256_sub_ps,
    Mul::mul = _mm256_mul_ps,
    Div::div = _mm256_div_ps
);

impl F32x16 for Lanes {
    #[inline(always)]
    fn if_lt(self, other: Lanes, yes: Lanes, no: Lanes) -> Lanes {
        // SAFETY: a `Lanes` exists only where AVX2 was found.
        unsafe {
            Lanes(
                _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0)),
                _mm256_blendv_ps(no.1, yes.1, _mm256_cmp_ps::<_CMP_LT_OQ>(self.1, other.1)),
            )
        }
    }

    // `minps` and `maxps` give their second operand, here `self`, if the two do not compare.
    #[inline(always)]
    fn min(self, other: Lanes) -> Lanes {
        // SAFETY: a `Lanes` exists only where AVX2 was found.
        unsafe { Lanes(_mm256_min_ps(other.0, self.0), _mm256_min_ps(other.1, self.1)) }
    }

    #[inline(always)]
    fn max(self, other: Lanes) -> Lanes {
        // SAFETY: a `Lanes` exists only where AVX2 was found.
        unsafe { Lanes(_mm256_max_ps(other.0, self.0), _mm256_max_ps(other.1, self.1)) }
    }

    #[inline(always)]
    fn pow2(self) -> Lanes {
        // SAFETY: a `Lanes` exists only where AVX2 was found.
        unsafe {
            let one = _mm256_castps_si256(_mm256_set1_ps(1.0));
            let lo = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.0));
            let hi = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.1));
            Lanes(
                _mm256_castsi256_ps(_mm256_add_epi32(lo, one)),
                _mm256_castsi256_ps(_mm256_add_epi32(hi, one)),
            )
        }
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        // SAFETY: a `Lanes` exists only where AVX2 was found; `out` has the 16 floats
        // that the two unaligned stores write.
        unsafe {
            _mm256_storeu_ps(out.as_mut_ptr(), self.0);
            _mm256_storeu_ps(out.as_mut_ptr().add(8), self.1);
        }
    }
}

impl Isa for Avx2 {
    type F32 = Lanes;
    const TILE_ROWS: usize = 4;

    fn name(self) -> &'static str {
        if self.vnni { "avxvnni" } else { "avx2" }
    }

    #[inline(always)]
    fn run<O: Op>(self, op: O) {
        // Not inlined, so that an operation within another one has all registers to itself.
        #[inline(never)]
        #[target_feature(enable = "avx2")]
        fn with_avx2<O: Op>(isa: Avx2, op: O) {
            op.run(isa);
        }
        // SAFETY: `self` exists only where AVX2 was found.
        unsafe { with_avx2(self, op) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        // SAFETY: `self` exists only where AVX2 was found.
        unsafe { Lanes(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
    }

    #[inline(always)]
    fn load(self, lanes: &[f32; LANES]) -> Lanes {
        let from = lanes.as_ptr();
        // SAFETY: `self` exists only where AVX2 was found; `lanes` has the 16 floats that
        // the two unaligned loads read.
        unsafe { Lanes(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    fn to_floats(self, lanes: &[i32; LANES]) -> Lanes {
        let from = lanes.as_ptr();
        // SAFETY: `self` exists only where AVX2 was found; `lanes` has the 16 integers
        // that the two unaligned loads read.
        unsafe {
            Lanes(
                _mm256_cvtepi32_ps(_mm256_loadu_si256(from.cast())),
                _mm256_cvtepi32_ps(_mm256_loadu_si256(from.add(8).cast())),
            )
        }
    }

    fn pack(self, weights: &MatrixI8) -> Packed {
        if self.vnni {
            Packed::interleaved::<GROUP>(weights)
        } else {
            exact_i16::pack(weights, &DEPTHS)
        }
    }

    #[inline(always)]
    fn store_acts(self, q: Lanes, out: &mut [u8]) {
        let out: &mut [u8; LANES] = out.try_into().expect("a byte for each activation");
        // SAFETY: `self` exists only where AVX2 was found; `out` has the 16 bytes that the
        // unaligned store writes.
        unsafe {
            let mask = _mm256_set1_epi32(0xff);
            let lo = _mm256_and_si256(_mm256_castps_si256(q.0), mask);
            let hi = _mm256_and_si256(_mm256_castps_si256(q.1), mask);
            // Packing works within the halves of a register; this puts the quarters back in order.
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(lo, hi));
            let packed = _mm_packus_epi16(
                _mm256_castsi256_si128(words),
                _mm256_extracti128_si256::<1>(words),
            );
            _mm_storeu_si128(out.as_mut_ptr().cast(), packed);
        }
    }

    #[inline(always)]
    fn dot_panels(self, acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
        // SAFETY: `self` exists only where AVX2 was found, and its `vnni` is true only where AVX-VNNI
        // was found.
        unsafe {
            match panels.depth {
                _ if self.vnni => dot_rows_vnni(acts, panels, out),
                2 => dot_rows::<2>(acts, panels, out),
                _ => dot_rows::<1>(acts, panels, out),
            }
        }
    }
}

/// Multiplies all rows by one panel, and adds the products of `DEPTH` blocks in 16 bits.
#[target_feature(enable = "avx2")]
fn dot_rows<const DEPTH: usize>(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
    let row_bytes = panels.blocks.len() * GROUP;
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| dot_tile::<4, DEPTH>(a, panels, o));
    by_tiles(acts, row_bytes, out, |a, o| dot_tile::<1, DEPTH>(a, panels, o));
}

/// Multiplies a tile: `ROWS` rows by one panel. [`exact_i16::pack`] has made sure that the 16-bit sums
/// of `DEPTH` blocks, and those of each extra block, cannot overflow.
#[target_feature(enable = "avx2")]
fn dot_tile<const ROWS: usize, const DEPTH: usize>(
    acts: &[u8],
    panels: Panels,
    out: &mut [[i32; LANES]; ROWS],
) {
    let k = panels.blocks.len() * GROUP;
    let groups = panels.blocks.as_chunks::<DEPTH>().0;
    let mut rows: [&[[u8; GROUP]]; ROWS] = [&[]; ROWS];
    let mut rows_by_depth: [&[[[u8; GROUP]; DEPTH]]; ROWS] = [&[]; ROWS];
    for (r, acts) in acts.chunks_exact(k).enumerate() {
        rows[r] = acts.as_chunks().0;
        rows_by_depth[r] = rows[r].as_chunks().0;
        assert_eq!(rows_by_depth[r].len(), groups.len());
    }

    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    for (g, group) in groups.iter().enumerate() {
        let mut weights = [[_mm256_setzero_si256(); 2]; DEPTH];
        for (weights, block) in weights.iter_mut().zip(group) {
            *weights = load_block(block);
        }
        for (sums, row) in sums.iter_mut().zip(rows_by_depth) {
            let mut lanes = [_mm256_setzero_si256(); 2];
            for (&q, weights) in row[g].iter().zip(weights) {
                let q = _mm256_set1_epi32(i32::from_le_bytes(q));
                for (lanes, weights) in lanes.iter_mut().zip(weights) {
                    *lanes = _mm256_add_epi16(*lanes, _mm256_maddubs_epi16(q, weights));
                }
            }
            for (sum, lanes) in sums.iter_mut().zip(lanes) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(lanes, ones));
            }
        }
    }
    for (block, &at) in panels.extras.iter().zip(panels.extras_at) {
        let weights = load_block(block);
        for (sums, row) in sums.iter_mut().zip(rows) {
            let q = _mm256_set1_epi32(i32::from_le_bytes(row[usize::from(at)]));
            for (sum, weights) in sums.iter_mut().zip(weights) {
                let lanes = _mm256_maddubs_epi16(q, weights);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(lanes, ones));
            }
        }
    }
    store_sums(sums, out);
}

/// Multiplies all rows by one panel. Six rows by two registers are enough sums to hide the latency of
/// the multiplication, and as many as there are registers for.
#[target_feature(enable = "avx2,avxvnni")]
fn dot_rows_vnni(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
    let row_bytes = panels.blocks.len() * GROUP;
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| dot_tile_vnni::<6>(a, panels, o));
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| dot_tile_vnni::<2>(a, panels, o));
    by_tiles(acts, row_bytes, out, |a, o| dot_tile_vnni::<1>(a, panels, o));
}

/// Multiplies a tile with AVX-VNNI: `ROWS` rows by one panel.
#[target_feature(enable = "avx2,avxvnni")]
fn dot_tile_vnni<const ROWS: usize>(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]; ROWS]) {
    let groups = acts.as_chunks::<GROUP>().0;
    let height = panels.blocks.len();
    assert_eq!(groups.len(), ROWS * height);
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    for (i, block) in panels.blocks.iter().enumerate() {
        let weights = load_block(block);
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `i < height`, and there are `ROWS * height` groups, as asserted above.
            let q = unsafe { *groups.get_unchecked(r * height + i) };
            let q = _mm256_set1_epi32(i32::from_le_bytes(q));
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = _mm256_dpbusd_avx_epi32(*sum, q, weights);
            }
        }
    }
    store_sums(sums, out);
}

/// Writes the sums of a tile.
#[inline]
#[target_feature(enable = "avx2")]
fn store_sums<const ROWS: usize>(sums: [[__m256i; 2]; ROWS], out: &mut [[i32; LANES]; ROWS]) {
    for (out, sums) in out.iter_mut().zip(sums) {
        let to = out.as_mut_ptr();
        // SAFETY: `out` has the 16 integers that the two unaligned stores write.
        unsafe {
            _mm256_storeu_si256(to.cast(), sums[0]);
            _mm256_storeu_si256(to.add(8).cast(), sums[1]);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_block(block: &Block) -> [__m256i; 2] {
    let from = block.0.as_ptr();
    // SAFETY: a block has the 64 bytes that the two loads read, and is aligned to 64.
    unsafe { [_mm256_load_si256(from.cast()), _mm256_load_si256(from.add(32).cast())] }
}
