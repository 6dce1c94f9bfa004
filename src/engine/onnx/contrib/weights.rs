//! Products with weights in few bits, and rows of tables in few bits.

use bytes::Bytes;

use super::expansion::{Expansion, int};
use crate::engine::onnx::graph::Constant;
use crate::engine::onnx::proto::DataType;

/// The numbers that 4 bits stand for in FP4 and in NF4 (Dettmers et al. 2023, arXiv:2305.14314, appendix E).
const FP4: [f32; 16] = [
    0.0,
    0.005_208_333_4,
    2.0 / 3.0,
    1.0,
    1.0 / 3.0,
    0.5,
    1.0 / 6.0,
    0.25, //
    0.0,
    -0.005_208_333_4,
    -2.0 / 3.0,
    -1.0,
    -1.0 / 3.0,
    -0.5,
    -1.0 / 6.0,
    -0.25,
];
const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// `MatMulNBits(x, weights, scales, zero_points, g_idx, bias)`, where the weights are `[N, K]`, in blocks
/// along `K`.
pub(super) fn matmul_nbits(e: &mut Expansion) -> Option<()> {
    (e.input(4).is_none() && e.int("weight_prepacked", 0) == 0).then_some(())?;
    let (bits, block) = (e.int("bits", 4), e.size("block_size", 0)?);
    let (outputs, inputs) = (e.size("N", 0)?, e.size("K", 0)?);
    (block > 0).then_some(())?;
    let shape = [outputs, inputs];
    let numbers = unpacked(&e.constant(1)?.bytes()?.1, bits, outputs, inputs)?;
    let blocks = inputs.div_ceil(block);
    let zeros = match e.constant(3) {
        // Zero points may be floats.
        Some(zeros) if zeros.is_float() => e.input(3)?.to_owned(),
        Some(zeros) => {
            let zeros = unpacked(&zeros.bytes()?.1, bits, outputs, blocks)?;
            e.tensor(&[outputs, blocks], DataType::Uint8, zeros)
        }
        None => middle(e, bits)?,
    };
    let numbers = e.tensor(&shape, DataType::Uint8, numbers);
    let scales = e.input(2)?;
    let weights = dequantized(e, [&numbers, scales, &zeros], 1, block);
    let y = product(e, &weights)?;
    let y = e.plus(y, e.input(5));
    e.give(0, &y);
    Some(())
}

/// `MatMulBnb4(x, weights, absmax)`, where the weights are `[N, K]`, in blocks of consecutive numbers.
pub(super) fn matmul_bnb4(e: &mut Expansion) -> Option<()> {
    (e.int("transB", 1) == 1).then_some(())?;
    let block = e.size("block_size", 0).filter(|&block| block > 0)?;
    let (outputs, inputs) = (e.size("N", 0)?, e.size("K", 0)?);
    let codes = [FP4, NF4][e.size("quant_type", 1).filter(|&of| of < 2)?];
    let (_, packed) = e.constant(1)?.bytes()?;
    let largest = e.constant(2)?.floats()?;
    let count = outputs.checked_mul(inputs)?;
    // The first number of a byte is in its high bits.
    let halves = packed.iter().flat_map(|&byte| [byte >> 4, byte & 15]);
    let of_blocks = largest.iter().flat_map(|&largest| std::iter::repeat_n(largest, block));
    let floats = halves.zip(of_blocks).map(|(code, largest)| codes[usize::from(code)] * largest);
    let floats: Vec<f32> = floats.take(count).collect();
    (floats.len() == count).then_some(())?;
    let weights = e.floats(&[outputs, inputs], &floats);
    let y = product(e, &weights)?;
    e.give(0, &y);
    Some(())
}

/// `GatherBlockQuantized(table, rows, scales, zero_points)`.
pub(super) fn gather_block_quantized(e: &mut Expansion) -> Option<()> {
    let (axis, block) = (e.int("quantize_axis", 1), e.size("block_size", 128)?);
    let bits = e.int("bits", 4);
    let constants = [e.constant(0), e.constant(3)];
    let is_packed = constants[0].as_ref()?.bytes().is_some();
    let [table, zeros] = if is_packed {
        // The numbers of bytes are packed along the last axis.
        let mut unpack = |constant: Constant| {
            let (_, bytes) = constant.bytes()?;
            let (last, rows) = constant.shape.split_last()?;
            let length = last * 8 / usize::try_from(bits).ok().filter(|&bits| bits > 0)?;
            let numbers = unpacked(&bytes, bits, rows.iter().product(), length)?;
            Some(e.tensor(&[rows, &[length]].concat(), DataType::Uint8, numbers))
        };
        let [table, zeros] = constants.map(|constant| constant.map(&mut unpack));
        let zeros = zeros.unwrap_or_else(|| middle(e, bits));
        [table??, zeros?]
    } else {
        [e.input(0)?, e.input(3).unwrap_or_default()].map(str::to_owned)
    };
    let scales = e.input(2)?;
    let table = dequantized(e, [&table, scales, &zeros], axis, block);
    let gather = vec![int("axis", e.int("gather_axis", 0))];
    let rows = e.add_with("Gather", &[&table, e.input(1)?], gather);
    e.give(0, &rows);
    Some(())
}

/// `DequantizeLinear(numbers, scales, zero_points)` in blocks.
fn dequantized(e: &mut Expansion, inputs: [&str; 3], axis: i64, block: usize) -> String {
    let settings = vec![int("axis", axis), int("block_size", block as i64)];
    e.add_with("DequantizeLinear", &inputs, settings)
}

/// The product of the first input and of the transpose of weights.
fn product(e: &mut Expansion, weights: &str) -> Option<String> {
    let weights = e.transpose(weights, &[1, 0]);
    Some(e.add("MatMul", &[e.input(0)?, &weights]))
}

/// The default zero point of bytes, for each of the scales at input 2.
fn middle(e: &mut Expansion, bits: i64) -> Option<String> {
    let middle = matches!(bits, 2 | 4 | 8).then(|| 1 << (bits - 1))?;
    let shape = e.constant(2)?.shape;
    let zeros = vec![middle; shape.iter().product()];
    Some(e.tensor(&shape, DataType::Uint8, zeros.into()))
}

/// Rows of `length` numbers of 2, 4 or 8 bits, one in a byte. The first number of a byte was in its low bits.
/// Rows may be longer.
fn unpacked(packed: &[u8], bits: i64, rows: usize, length: usize) -> Option<Bytes> {
    let bits = matches!(bits, 2 | 4 | 8).then_some(bits as usize)?;
    let width = packed.len().checked_div(rows)?;
    (width > 0 && width * rows == packed.len() && length <= width * 8 / bits).then_some(())?;
    let mask = u8::MAX >> (8 - bits);
    let rows = packed.chunks(width).flat_map(|row| {
        let numbers = row
            .iter()
            .flat_map(|&byte| (0..8).step_by(bits).map(move |shift| byte >> shift & mask));
        numbers.take(length)
    });
    Some(rows.collect())
}
