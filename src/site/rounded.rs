//! Vectors with four bits for each element, and arithmetic with vectors.

use half::f16;

#[cfg(not(target_arch = "wasm32"))]
use super::bytes::Encoder;
use super::bytes::{Damaged, Decoded, Decoder};

/// A list of vectors. An element has four bits, which stand for the numbers from -7.5 to 7.5, times the
/// scale of the vector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoundedVectors {
    dimensions: usize,
    scales: Vec<f16>,
    /// Two elements in each byte, the low half first.
    codes: Vec<u8>,
}

impl RoundedVectors {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(dimensions: usize) -> RoundedVectors {
        RoundedVectors { dimensions, ..RoundedVectors::default() }
    }

    /// Rounds a vector to the nearest one of four bits, and appends it.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn push(&mut self, vector: &[f32]) {
        let scale = best_scale(vector);
        let code = |x: f32| match scale.to_f32() {
            0.0 => 7,
            scale => (x / scale + 7.5).round().clamp(0.0, 15.0) as u8,
        };
        for pair in vector.chunks(2) {
            self.codes.push(code(pair[0]) | pair.get(1).map_or(0, |&x| code(x)) << 4);
        }
        self.scales.push(scale);
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    fn codes(&self, index: usize) -> &[u8] {
        let bytes = self.dimensions.div_ceil(2);
        &self.codes[index * bytes..(index + 1) * bytes]
    }

    /// Appends the vectors with these indices to a file.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn encode(&self, indices: impl Iterator<Item = usize> + Clone, encoder: &mut Encoder) {
        encoder.number(self.dimensions);
        indices.clone().for_each(|index| encoder.bytes(&self.scales[index].to_le_bytes()));
        indices.for_each(|index| encoder.bytes(self.codes(index)));
    }

    /// Reads `count` vectors.
    pub fn decode(count: usize, decoder: &mut Decoder) -> Decoded<RoundedVectors> {
        let dimensions = decoder.number()?;
        let scales = decoder.bytes(count.checked_mul(2).ok_or(Damaged)?)?.as_chunks::<2>().0;
        let scales = scales.iter().map(|bytes| f16::from_le_bytes(*bytes)).collect();
        let bytes = count.checked_mul(dimensions.div_ceil(2)).ok_or(Damaged)?;
        Ok(RoundedVectors { dimensions, scales, codes: decoder.bytes(bytes)?.to_vec() })
    }

    /// Adds a vector to a sum.
    pub fn add(&self, index: usize, sum: &mut [f32]) {
        let scale = self.scales[index].to_f32();
        let codes = self.codes(index).iter().flat_map(|byte| [byte & 15, byte >> 4]);
        for (sum, code) in sum.iter_mut().zip(codes) {
            *sum += (f32::from(code) - 7.5) * scale;
        }
    }

    /// A vector.
    pub fn get(&self, index: usize) -> Vec<f32> {
        let mut vector = vec![0.0; self.dimensions];
        self.add(index, &mut vector);
        vector
    }
}

/// The scale with which the rounded vector is nearest to the vector.
#[cfg(not(target_arch = "wasm32"))]
fn best_scale(vector: &[f32]) -> f16 {
    let largest = vector.iter().fold(0f32, |max, x| max.max(x.abs()));
    let error = |scale: f16| {
        let scale = scale.to_f32();
        let rounded = |x: f32| ((x / scale + 7.5).round().clamp(0.0, 15.0) - 7.5) * scale;
        vector.iter().map(|&x| (x - rounded(x)).powi(2)).sum::<f32>()
    };
    let scales = (10..=20).map(|part| f16::from_f32(largest / 7.5 * part as f32 / 20.0));
    let scales = scales.filter(|scale| scale.to_f32() > 0.0);
    scales.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(f16::ZERO)
}

/// Divides a vector by its length. A vector of zeros stays as it is.
pub fn normalize(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// The sum of the products. Its order is fixed, so that every platform gives the same bits.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
