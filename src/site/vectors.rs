//! The vectors of passages: groups of near ones, and in each group one bit for each element.

use half::f16;

#[cfg(not(target_arch = "wasm32"))]
use super::bytes::Encoder;
use super::bytes::{Damaged, Decoded, Decoder, FileHash};
use super::order::sorted;
use super::rounded::{RoundedVectors, dot};

/// The content of the file with the centers of the groups, each with the file of its vectors.
pub struct Centroids {
    vectors: RoundedVectors,
    pub files: Vec<FileHash>,
}

impl Centroids {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn encode(vectors: &RoundedVectors, files: &[FileHash]) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.number(files.len());
        files.iter().for_each(|hash| encoder.bytes(&hash.0));
        vectors.encode(0..files.len(), &mut encoder);
        encoder.0
    }

    pub fn decode(content: &[u8]) -> Decoded<Centroids> {
        let mut decoder = Decoder(content);
        let files: Vec<FileHash> = (0..decoder.count()?)
            .map(|_| FileHash::decode(&mut decoder))
            .collect::<Decoded<_>>()?;
        let vectors = RoundedVectors::decode(files.len(), &mut decoder)?;
        decoder.end()?;
        Ok(Centroids { vectors, files })
    }

    /// The groups whose centers are nearest to a vector, the nearest first, with their dot products.
    pub fn nearest(&self, vector: &[f32], count: usize) -> Vec<(FileHash, f32)> {
        let dots = (0..self.files.len()).map(|i| (i, dot(vector, &self.vectors.get(i))));
        let dots: Vec<(usize, f32)> = dots.collect();
        let nearest = sorted(&dots, &|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        nearest.into_iter().take(count).map(|(i, dot)| (self.files[i], dot)).collect()
    }
}

/// A passage's difference from the center of its group: the sign of each element, times a scale.
pub struct PassageVector {
    /// The number of the section among those of its language, and of the passage in it.
    pub section: u32,
    pub passage: u32,
    scale: f16,
    signs: Vec<u8>,
}

impl PassageVector {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(section: u32, passage: u32, difference: &[f32]) -> PassageVector {
        let sum: f32 = difference.iter().map(|x| x.abs()).sum();
        // With this scale, dot products with the vector itself are right.
        let scale = if sum > 0.0 { dot(difference, difference) / sum } else { 0.0 };
        let sign =
            |byte: &[f32]| byte.iter().enumerate().map(|(i, &x)| u8::from(x > 0.0) << i).sum();
        let signs = difference.chunks(8).map(sign).collect();
        PassageVector { section, passage, scale: f16::from_f32(scale), signs }
    }

    /// The dot product with a query, of which `sum` is the sum of all elements.
    pub fn dot(&self, query: &[f32], sum: f32) -> f32 {
        let mut positive = 0.0;
        for (byte, query) in self.signs.iter().zip(query.chunks(8)) {
            for (i, x) in query.iter().enumerate() {
                positive += f32::from(byte >> i & 1) * x;
            }
        }
        self.scale.to_f32() * (2.0 * positive - sum)
    }
}

/// The content of a file with the vectors of a group, in the order of sections.
pub struct Group(pub Vec<PassageVector>);

impl Group {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn encode(&self, dimensions: usize) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.number(dimensions);
        encoder.number(self.0.len());
        let mut before = 0;
        for vector in &self.0 {
            encoder.number((vector.section - before) as usize);
            encoder.number(vector.passage as usize);
            before = vector.section;
        }
        self.0.iter().for_each(|vector| encoder.bytes(&vector.scale.to_le_bytes()));
        self.0.iter().for_each(|vector| encoder.bytes(&vector.signs));
        encoder.0
    }

    pub fn decode(content: &[u8]) -> Decoded<Group> {
        let mut decoder = Decoder(content);
        let bytes = decoder.number()?.div_ceil(8);
        let count = decoder.count()?;
        let (mut vectors, mut section) = (Vec::new(), 0u32);
        for _ in 0..count {
            let step = u32::try_from(decoder.number()?).map_err(|_| Damaged)?;
            section = section.checked_add(step).ok_or(Damaged)?;
            let passage = decoder.number()? as u32;
            vectors.push(PassageVector { section, passage, scale: f16::ZERO, signs: Vec::new() });
        }
        for vector in &mut vectors {
            let scale = decoder.bytes(2)?;
            vector.scale = f16::from_le_bytes([scale[0], scale[1]]);
        }
        for vector in &mut vectors {
            vector.signs = decoder.bytes(bytes)?.to_vec();
        }
        decoder.end()?;
        Ok(Group(vectors))
    }
}
