//! The inputs of the measurements, the same in every run.

/// `count` pseudo-random floats of -1..1.
pub fn floats(count: usize) -> Vec<f32> {
    (0..count).map(noise).collect()
}

/// `count` weights of 7 bits, or of 8. Trained weights are distributed like a bell within their range.
pub fn weights(count: usize, bits: usize) -> Vec<i8> {
    let spread = if bits == 8 { 36.0 } else { 18.0 };
    let bell = |i| ((0..4).map(|j| noise(4 * i + j)).sum::<f32>() * spread) as i8;
    (0..count).map(|i| if bits == 8 { bell(i) } else { bell(i).clamp(-64, 64) }).collect()
}

fn noise(i: usize) -> f32 {
    let hash = (i as u32 ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b1);
    let hash = (hash ^ hash >> 15).wrapping_mul(0x85eb_ca6b);
    (hash ^ hash >> 13) as f32 / 2_147_483_648.0 - 1.0
}
