//! What an instruction set must provide, and what runs on one.

use super::lanes::{F32x16, LANES, pad};
use crate::kernels::layout::{MatrixI8, Packed, Panels};

/// An instruction set. A value of this type is the proof that its instructions may be executed.
pub trait Isa: Copy {
    type F32: F32x16;

    /// Rows of a float tile: as many as its registers hold accumulators for (8, 4, 2 or 1).
    const TILE_ROWS: usize;

    /// The maximum number of panels that a tile covers (1 or 2).
    const PANELS: usize = 1;

    /// The maximum number of rows that [`Isa::dot_panels`] is given at a time.
    const ROWS: usize = 64;

    /// Bytes that one quantized activation takes in the layout that [`Isa::dot_panels`] reads.
    const ACT_BYTES: usize = 1;

    fn name(self) -> &'static str;

    /// Calls `op` where the compiler may use this instruction set. Implementations do so in a separate
    /// function: browsers run WebAssembly slowly until they have optimized the whole function, so
    /// it must not contain the code for other instruction sets.
    fn run<O: Op>(self, op: O);

    fn splat(self, value: f32) -> Self::F32;
    fn load(self, lanes: &[f32; LANES]) -> Self::F32;
    /// The integers, each rounded to the nearest float, ties to even.
    fn to_floats(self, lanes: &[i32; LANES]) -> Self::F32;

    /// The first [`LANES`] of `lanes`. If there are fewer, `fill` takes the place of the others.
    #[inline(always)]
    fn load_or(self, lanes: &[f32], fill: f32) -> Self::F32 {
        match lanes.first_chunk() {
            Some(all) => self.load(all),
            None => self.load(&pad(lanes, fill)),
        }
    }

    /// Arranges a matrix's panels for [`Isa::dot_panels`].
    fn pack(self, weights: &MatrixI8) -> Packed;

    /// Whether this instruction set multiplies a matrix that it has packed fast. If not, a slower one
    /// takes it.
    fn suits(self, _packed: &Packed) -> bool {
        true
    }

    /// Writes sixteen activations in the layout that [`Isa::dot_panels`] reads. `q` holds the
    /// integers `0..=255`, to which [`super::lanes::ROUND_MAGIC`] was added. `out` has
    /// [`Isa::ACT_BYTES`] bytes for each of them.
    fn store_acts(self, q: Self::F32, out: &mut [u8]);

    /// The raw dot products of each row of `acts` with the sixteen columns of each panel. `out` has
    /// an element for each row and, within the row, for each panel. [`Packed::sum_factor`] and
    /// [`Packed::offset`] turn raw dot products into true ones.
    fn dot_panels(self, acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]);
}

/// An operation, generic over the instruction set that it runs on.
///
/// Implementations are `#[inline(always)]`, so that they are compiled with the target features of
/// [`Isa::run`]. A closure cannot be marked so. A closure that is called from two places must not
/// compute with vectors: it may be compiled on its own, without these features, and each of its
/// vector instructions would become a call.
pub trait Op {
    fn run<I: Isa>(self, isa: I);
}

/// Passes the quantized rows of `acts`, of `row_bytes` each, to `tile` in groups of `ROWS`, together
/// with the rows of `out` that take their results.
///
/// The last group may overlap the one before it. The shared rows then get the same results twice,
/// which costs less than single rows, because a tile costs little more than a row. If there are fewer
/// rows than a tile has, they are returned.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "relaxed-simd"))]
#[inline(always)]
pub fn by_tiles<'a, T, const ROWS: usize>(
    acts: &'a [u8],
    row_bytes: usize,
    out: &'a mut [T],
    mut tile: impl FnMut(&[u8], &mut [T; ROWS]),
) -> (&'a [u8], &'a mut [T]) {
    if out.len() < ROWS {
        return (acts, out);
    }
    let tile_bytes = ROWS * row_bytes;
    for (acts, out) in acts.chunks_exact(tile_bytes).zip(out.as_chunks_mut::<ROWS>().0) {
        tile(acts, out);
    }
    if !out.len().is_multiple_of(ROWS)
        && let Some(last) = out.last_chunk_mut()
    {
        tile(&acts[acts.len() - tile_bytes..], last);
    }
    (&[], &mut [])
}
