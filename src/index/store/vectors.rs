//! The vectors of passages, and exact search among them.
//!
//! A row holds the vector of a passage, scaled to length 1, as little-endian `f32`. The cosine of two
//! vectors is then their dot product.

use std::cmp::Ordering;
use std::collections::HashSet;

use rusqlite::OptionalExtension;
use rusqlite::types::FromSqlError;

use super::database::Store;
use super::read::{Ranked, ranked};
use crate::error::Result;

/// The number of partial sums in a dot product, so that the compiler can use vector instructions.
const LANES: usize = 16;

/// A passage with its cosine.
type Scored = (i64, f32);

/// The cosines of a query's vector with the vectors of all passages.
pub struct VectorScores {
    /// Ordered by passage id.
    cosines: Vec<Scored>,
}

impl VectorScores {
    /// The cosine of a passage, or `None` if the index holds no vector of it.
    pub fn of(&self, passage: i64) -> Option<f64> {
        let position = self.cosines.binary_search_by_key(&passage, |&(id, _)| id).ok()?;
        Some(self.cosines[position].1.into())
    }
}

impl Store {
    /// Compares a vector with the vectors of all passages.
    pub fn vector_scores(&self, vector: &[f32]) -> Result<VectorScores> {
        let vector = normalize(vector);
        let read = || -> rusqlite::Result<VectorScores> {
            let mut statement = self
                .database
                .prepare_cached("SELECT passage, vector FROM vectors ORDER BY passage")?;
            let rows = statement.query_map([], |row| {
                let blob = row.get_ref(1)?.as_blob()?;
                let expected_size = size_of_val(vector.as_slice());
                if blob.len() != expected_size {
                    let blob_size = blob.len();
                    return Err(FromSqlError::InvalidBlobSize { expected_size, blob_size }.into());
                }
                Ok((row.get(0)?, dot(&vector, blob)))
            })?;
            Ok(VectorScores { cosines: rows.collect::<rusqlite::Result<_>>()? })
        };
        read().map_err(|e| self.error(e))
    }

    /// The passages with the greatest cosines, best first: at most `limit`, which is at least 1, and
    /// at most one of each record.
    pub fn search_vectors(&self, scores: &VectorScores, limit: usize) -> Result<Vec<Ranked>> {
        let read = || -> rusqlite::Result<Vec<Ranked>> {
            let mut statement = self.database.prepare_cached(
                "SELECT passages.id, document, name, ? FROM passages
                     JOIN documents ON documents.id = document
                 WHERE passages.id = ?",
            )?;
            let (mut found, mut seen) = (Vec::new(), HashSet::new());
            let mut cosines = scores.cosines.clone();
            let (mut rest, mut count) = (cosines.as_mut_slice(), limit);
            while !rest.is_empty() {
                let (best, others) = split_best(rest, count);
                for &mut (passage, cosine) in best {
                    // Another process may have removed the passage meanwhile.
                    let row = statement.query_row((cosine, passage), ranked).optional()?;
                    let is_new = |row: &Ranked| row.record.is_none_or(|id| seen.insert(id));
                    found.extend(row.filter(is_new));
                    if found.len() == limit {
                        return Ok(found);
                    }
                }
                // Records with many good passages leave too few results.
                (rest, count) = (others, count.saturating_mul(4));
            }
            Ok(found)
        };
        read().map_err(|e| self.error(e))
    }
}

/// Splits passages into the `count` with the greatest cosines, best first, and the others in any
/// order. Among equal cosines the smaller passage id comes first.
fn split_best(passages: &mut [Scored], count: usize) -> (&mut [Scored], &mut [Scored]) {
    let better = |(a, x): &Scored, (b, y): &Scored| -> Ordering { y.total_cmp(x).then(a.cmp(b)) };
    let count = count.min(passages.len());
    if count < passages.len() {
        passages.select_nth_unstable_by(count, better);
    }
    let (best, others) = passages.split_at_mut(count);
    best.sort_unstable_by(better);
    (best, others)
}

/// The bytes that the index holds for a vector.
pub fn to_blob(vector: &[f32]) -> Vec<u8> {
    normalize(vector).iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A vector scaled to length 1; a vector of zeros stays as it is. Some embedding models make vectors
/// of other lengths.
fn normalize(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    vector.iter().map(|x| (f64::from(*x) * scale) as f32).collect()
}

/// The dot product of a vector with one that the index holds.
fn dot(vector: &[f32], blob: &[u8]) -> f32 {
    let (numbers, _) = blob.as_chunks::<4>();
    let (xs, xs_left) = vector.as_chunks::<LANES>();
    let (ys, ys_left) = numbers.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * f32::from_le_bytes(*y);
        }
    }
    let left = xs_left.iter().zip(ys_left).map(|(x, y)| x * f32::from_le_bytes(*y));
    sums.into_iter().sum::<f32>() + left.sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_product_of_stored_vectors_is_their_cosine() {
        for dimensions in [1, 15, 16, 17, 384, 390] {
            let a: Vec<f32> = (0..dimensions).map(|i| (i as f32).sin() + 2.0).collect();
            let b: Vec<f32> = (0..dimensions).map(|i| (i as f32).cos() * 3.0).collect();
            let product = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
            };
            let cosine = product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt();
            let found = f64::from(dot(&normalize(&a), &to_blob(&b)));
            assert!((found - cosine).abs() < 1e-6, "{dimensions}: {found} for {cosine}");
        }
        assert_eq!(dot(&normalize(&[0.0; 20]), &to_blob(&[1.0; 20])), 0.0);
    }

    #[test]
    fn the_best_passages_are_in_order_and_equal_ones_by_id() {
        let all: Vec<(i64, f32)> = (0..50).map(|i| (i, ((i * 7) % 10) as f32)).collect();
        let mut sorted = all.clone();
        sorted.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        for count in [0, 1, 12, 49, 50, 60] {
            let mut passages = all.clone();
            let (best, others) = split_best(&mut passages, count);
            assert_eq!(best, &sorted[..count.min(50)]);
            assert_eq!(best.len() + others.len(), 50);
        }
    }
}
