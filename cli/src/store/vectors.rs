//! The vectors of passages, and the exact search among them.
//!
//! A row holds a passage's vector at length 1, as little-endian `f32`: a cosine is then a dot product.

use std::cmp::Ordering;
use std::collections::HashSet;

use rusqlite::OptionalExtension;
use rusqlite::types::FromSqlError;

use super::Store;
use super::read::{Ranked, ranked};
use crate::CliError;

/// Partial sums of a dot product, so that the compiler can use vector instructions.
const LANES: usize = 16;

/// A passage with its cosine.
type Near = (i64, f32);

/// The cosines of a vector with those of all passages.
pub struct Cosines {
    /// By passage, ascending.
    all: Vec<Near>,
}

impl Cosines {
    /// That of a passage.
    pub fn of(&self, passage: i64) -> Option<f64> {
        let place = self.all.binary_search_by_key(&passage, |&(id, _)| id).ok()?;
        Some(self.all[place].1.into())
    }
}

impl Store {
    /// Compares a vector with those of all passages.
    pub fn cosines(&self, vector: &[f32]) -> Result<Cosines, CliError> {
        let vector = unit(vector);
        let read = || -> rusqlite::Result<Cosines> {
            let mut statement = self
                .database
                .prepare_cached("SELECT passage, vector FROM vectors ORDER BY passage")?;
            let rows = statement.query_map([], |row| {
                let stored = row.get_ref(1)?.as_blob()?;
                let expected_size = size_of_val(vector.as_slice());
                if stored.len() != expected_size {
                    let blob_size = stored.len();
                    return Err(FromSqlError::InvalidBlobSize { expected_size, blob_size }.into());
                }
                Ok((row.get(0)?, dot(&vector, stored)))
            })?;
            Ok(Cosines { all: rows.collect::<rusqlite::Result<_>>()? })
        };
        read().map_err(|e| self.failure(e))
    }

    /// The passages with the greatest cosines, at most one of a document with an `_id`.
    pub fn by_vector(&self, cosines: &Cosines, most: usize) -> Result<Vec<Ranked>, CliError> {
        let read = || -> rusqlite::Result<Vec<Ranked>> {
            let mut statement = self.database.prepare_cached(
                "SELECT passages.id, document, name, ? FROM passages
                     JOIN documents ON documents.id = document
                 WHERE passages.id = ?",
            )?;
            let (mut found, mut seen) = (Vec::new(), HashSet::new());
            let mut cosines = cosines.all.clone();
            let (mut rest, mut count) = (cosines.as_mut_slice(), most);
            while !rest.is_empty() {
                let (best, others) = split_best(rest, count);
                for &mut (passage, cosine) in best {
                    // Another process may have removed it since.
                    let row = statement.query_row((cosine, passage), ranked).optional()?;
                    let new = |row: &Ranked| row.document.is_none_or(|id| seen.insert(id));
                    found.extend(row.filter(new));
                    if found.len() == most {
                        return Ok(found);
                    }
                }
                // Documents with many good passages make the way long.
                (rest, count) = (others, count.saturating_mul(4));
            }
            Ok(found)
        };
        read().map_err(|e| self.failure(e))
    }
}

/// The `count` passages with the greatest cosines, in that order, and the others in any.
fn split_best(passages: &mut [Near], count: usize) -> (&mut [Near], &mut [Near]) {
    let better = |(a, x): &Near, (b, y): &Near| -> Ordering { y.total_cmp(x).then(a.cmp(b)) };
    let count = count.min(passages.len());
    if count < passages.len() {
        passages.select_nth_unstable_by(count, better);
    }
    let (best, others) = passages.split_at_mut(count);
    best.sort_unstable_by(better);
    (best, others)
}

/// A vector as the index holds it.
pub(super) fn stored(vector: &[f32]) -> Vec<u8> {
    unit(vector).iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A vector's direction at length 1; zeros stay. Not every embedding model makes vectors of length 1.
fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    vector.iter().map(|x| (f64::from(*x) * scale) as f32).collect()
}

/// The dot product of a vector with one of the index.
fn dot(vector: &[f32], stored: &[u8]) -> f32 {
    let (numbers, _) = stored.as_chunks::<4>();
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
    fn a_dot_product_of_stored_vectors_is_their_cosine() {
        for dimensions in [1, 15, 16, 17, 384, 390] {
            let a: Vec<f32> = (0..dimensions).map(|i| (i as f32).sin() + 2.0).collect();
            let b: Vec<f32> = (0..dimensions).map(|i| (i as f32).cos() * 3.0).collect();
            let product = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
            };
            let cosine = product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt();
            let found = f64::from(dot(&unit(&a), &stored(&b)));
            assert!((found - cosine).abs() < 1e-6, "{dimensions}: {found} for {cosine}");
        }
        assert_eq!(dot(&unit(&[0.0; 20]), &stored(&[1.0; 20])), 0.0);
    }

    #[test]
    fn the_best_are_in_order_and_of_equals_the_earlier_passages() {
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
