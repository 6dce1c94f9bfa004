//! Makes static vectors of an embedder: runs each token of its vocabulary alone, keeps the principal
//! components, and weights tokens by their frequency, as model2vec does.

use super::rounded::dot;
use super::token_vectors::TokenVectors;
use crate::embedder::Embedder;
use crate::error::{Error, ErrorKind, Result};

/// The smoothing of weights: tokens that are rarer than this share of a text all count about as much.
const SMOOTHING: f64 = 1e-3;

/// Seeds the rotation of vectors.
const SEED: u64 = 0x5eed;

impl TokenVectors {
    /// Makes vectors of `dimensions` elements, a power of two, for texts in one language, or in all if the tag
    /// is empty.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for dimensions that are no power of two or more than those of the model,
    /// [`ErrorKind::UnsupportedModel`] for a model whose tokenizer is not BERT's.
    pub fn distill(embedder: &Embedder, dimensions: usize, language: &str) -> Result<TokenVectors> {
        if !dimensions.is_power_of_two() || dimensions > embedder.dimensions() {
            let message = format!(
                "dimensions must be a power of two of at most {}, the dimensions of the model",
                embedder.dimensions()
            );
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let (tokens, mut rows): (Vec<String>, Vec<Vec<f32>>) =
            embedder.token_vectors()?.into_iter().unzip();
        center(&mut rows);
        let components = principal_components(&rows, dimensions);
        let ranks: f64 = (1..=tokens.len()).map(|rank| 1.0 / rank as f64).sum();
        let vectors = (1..).zip(tokens).zip(&rows).map(|((rank, token), row)| {
            // Zipf's law: vocabularies list tokens by their frequency.
            let frequency = 1.0 / rank as f64 / ranks;
            let weight = (SMOOTHING / (SMOOTHING + frequency)) as f32;
            let mut vector: Vec<f32> =
                components.iter().map(|component| weight * dot(component, row)).collect();
            rotate(&mut vector);
            (token, vector)
        });
        Ok(TokenVectors::round(language.to_owned(), dimensions, vectors.collect()))
    }
}

fn center(rows: &mut [Vec<f32>]) {
    let count = rows.len().max(1) as f64;
    let width = rows.first().map_or(0, Vec::len);
    for i in 0..width {
        let mean = rows.iter().map(|row| f64::from(row[i])).sum::<f64>() / count;
        rows.iter_mut().for_each(|row| row[i] -= mean as f32);
    }
}

/// The directions in which centered rows vary most, by Jacobi's method.
fn principal_components(rows: &[Vec<f32>], count: usize) -> Vec<Vec<f32>> {
    let width = rows.first().map_or(0, Vec::len);
    let mut matrix = vec![vec![0f64; width]; width];
    for row in rows {
        for (i, line) in matrix.iter_mut().enumerate() {
            for (sum, &x) in line[i..].iter_mut().zip(&row[i..]) {
                *sum += f64::from(row[i]) * f64::from(x);
            }
        }
    }
    // The sums so far are of one half of a symmetric matrix.
    for i in 1..width {
        let (above, line) = matrix.split_at_mut(i);
        line[0].iter_mut().zip(above).for_each(|(sum, above)| *sum = above[i]);
    }
    let mut vectors: Vec<Vec<f64>> =
        (0..width).map(|i| (0..width).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..SWEEPS {
        for p in 0..width {
            for q in p + 1..width {
                jacobi_rotation(&mut matrix, &mut vectors, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|&a, &b| matrix[b][b].total_cmp(&matrix[a][a]));
    let component = |&i: &usize| vectors[i].iter().map(|&x| x as f32).collect();
    order.iter().take(count).map(component).collect()
}

/// After so many passes over a matrix of this size, what is left off its diagonal is noise.
const SWEEPS: usize = 8;

/// Rotates two axes so that the element of both becomes 0. The rows of `vectors` are the axes.
fn jacobi_rotation(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    let off = matrix[p][q];
    if off.abs() < 1e-12 * (matrix[p][p].abs() + matrix[q][q].abs()) {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for line in matrix.iter_mut() {
        let (a, b) = (line[p], line[q]);
        line[p] = cosine * a - sine * b;
        line[q] = sine * a + cosine * b;
    }
    let mix = |rows: &mut [Vec<f64>]| {
        let (before, after) = rows.split_at_mut(q);
        for (a, b) in before[p].iter_mut().zip(&mut after[0]) {
            (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
        }
    };
    mix(matrix);
    mix(vectors);
}

/// A rotation that gives all elements about the same share of a vector, so that one bit of each says as much
/// as one of any other: signs by chance, and Hadamard's transform, twice.
fn rotate(vector: &mut [f32]) {
    let mut state = SEED;
    for _ in 0..2 {
        for x in vector.iter_mut() {
            // Knuth's linear congruential generator.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            if state >> 63 == 1 {
                *x = -*x;
            }
        }
        let mut half = 1;
        while half < vector.len() {
            for block in vector.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (a, b) in low.iter_mut().zip(high) {
                    (*a, *b) = (*a + *b, *a - *b);
                }
            }
            half *= 2;
        }
        let scale = 1.0 / (vector.len() as f32).sqrt();
        vector.iter_mut().for_each(|x| *x *= scale);
    }
}
