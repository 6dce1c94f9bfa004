//! Groups vectors by nearness, by k-means (Lloyd 1982), always with the same result.

use super::parallel::parallel;
use super::rounded::{RoundedVectors, dot, normalize};

/// The number of vectors in a group, on average.
const GROUP_SIZE: usize = 512;

/// The number of vectors for each group from which the centers are learned.
const SAMPLES: usize = 24;

const ROUNDS: usize = 4;

/// The centers of the groups, and the group of each vector.
pub fn cluster(vectors: &[Vec<f32>], threads: usize) -> (RoundedVectors, Vec<usize>) {
    let dimensions = vectors.first().map_or(0, Vec::len);
    let count = vectors.len().div_ceil(GROUP_SIZE);
    let pick = |wanted: usize| {
        let wanted = wanted.min(vectors.len());
        (0..wanted).map(move |i| &vectors[i * vectors.len() / wanted])
    };
    let mut centers: Vec<Vec<f32>> = pick(count).cloned().collect();
    let samples: Vec<&Vec<f32>> = pick(count * SAMPLES).collect();
    for _ in 0..ROUNDS {
        let nearest = assign(&samples, &centers, threads);
        let mut sums = vec![vec![0f32; dimensions]; centers.len()];
        for (sample, &center) in samples.iter().zip(&nearest) {
            sums[center].iter_mut().zip(*sample).for_each(|(sum, x)| *sum += x);
        }
        for (center, mut sum) in centers.iter_mut().zip(sums) {
            normalize(&mut sum);
            // A group that lost all its vectors keeps its center.
            if sum.iter().any(|&x| x != 0.0) {
                *center = sum;
            }
        }
    }
    let mut rounded = RoundedVectors::new(dimensions);
    centers.iter().for_each(|center| rounded.push(center));
    let centers: Vec<Vec<f32>> = (0..rounded.len()).map(|i| rounded.get(i)).collect();
    let groups = assign(&vectors.iter().collect::<Vec<_>>(), &centers, threads);
    (rounded, groups)
}

/// The index of the nearest center of each vector, of equally near ones the first.
fn assign(vectors: &[&Vec<f32>], centers: &[Vec<f32>], threads: usize) -> Vec<usize> {
    let halves: Vec<f32> = centers.iter().map(|center| dot(center, center) / 2.0).collect();
    let nearest = |vector: &&Vec<f32>| {
        let mut best = (0, f32::NEG_INFINITY);
        for (i, (center, half)) in centers.iter().zip(&halves).enumerate() {
            let nearness = dot(vector, center) - half;
            if nearness > best.1 {
                best = (i, nearness);
            }
        }
        best.0
    };
    let parts = vectors.chunks(512).collect();
    let assigned = parallel(threads, parts, |part| part.iter().map(nearest).collect::<Vec<_>>());
    assigned.concat()
}
