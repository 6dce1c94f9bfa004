//! Several rankings to one: by ranks alone, or by scores.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The constant of reciprocal rank fusion that its authors found best.
pub const RRF_K: f64 = 60.0;

/// Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009): an item's score is the sum, over
/// the lists that hold it, of 1 / (`k` + its rank), ranks from 1.
///
/// The items come back highest score first, each once, equal scores in the order in which the
/// lists show them. Of an item that a list names twice the better rank counts.
pub fn reciprocal_rank_fusion<T: Copy + Eq + Hash>(lists: &[Vec<T>], k: f64) -> Vec<(T, f64)> {
    let mut fused: Vec<(T, f64)> = Vec::new();
    let mut places: HashMap<T, (usize, usize)> = HashMap::new();
    for (list, items) in lists.iter().enumerate() {
        for (&item, rank) in items.iter().zip(1u32..) {
            let score = 1.0 / (k + f64::from(rank));
            match places.get_mut(&item) {
                Some((_, last)) if *last == list => {}
                Some((place, last)) => {
                    fused[*place].1 += score;
                    *last = list;
                }
                None => {
                    places.insert(item, (fused.len(), list));
                    fused.push((item, score));
                }
            }
        }
    }
    fused.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    fused
}

/// What the stages of a search gave for a document: more is better, and `None` is not found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageScores {
    /// Of the words, such as BM25.
    pub text: Option<f64>,
    /// Of the vectors: the cosine.
    pub vector: Option<f64>,
    /// Of the cross-encoder: the logit, which unlike the score has no upper end to crowd at.
    pub rerank: Option<f64>,
}

/// How much each stage counts in [`fuse`].
///
/// The default is what did best on WikiQA and Cranfield together (`benches/record`). Written as
/// `text=0.2,vector=0.5,rerank=0.3`, in any order; a stage that is left out has 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FusionWeights {
    /// Of the words.
    #[serde(default)]
    pub text: f64,
    /// Of the vectors.
    #[serde(default)]
    pub vector: f64,
    /// Of the cross-encoder.
    #[serde(default)]
    pub rerank: f64,
}

impl Default for FusionWeights {
    fn default() -> FusionWeights {
        FusionWeights { text: 0.2, vector: 0.5, rerank: 0.3 }
    }
}

/// The greatest weight, far from where sums lose digits.
const MAX_WEIGHT: f64 = 1e6;

/// Fuses scores: places of the documents with their fused scores from 0 to 1, best first.
///
/// Each stage's scores are spread from 0 to 1, `(score - least) / (most - least)`, and summed with
/// their weights. Where a stage gives the same score to all, all have 1. A document that a stage
/// did not find has 0 there. Stages that found nothing are left out, and the weights of the others
/// are scaled to sum to 1. Among equal sums the higher rerank score goes first, then the earlier
/// document.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for weights that are not from 0 to 1,000,000, or whose sum over
/// the stages at hand is 0, and for scores that are not finite.
pub fn fuse(documents: &[StageScores], weights: &FusionWeights) -> Result<Vec<(usize, f64)>> {
    let FusionWeights { text, vector, rerank } = *weights;
    if [text, vector, rerank].iter().any(|weight| !(0.0..=MAX_WEIGHT).contains(weight)) {
        let message = format!("a weight of \"{weights}\" is not from 0 to {MAX_WEIGHT}");
        return Err(invalid(message));
    }
    let mut fused = vec![0.0; documents.len()];
    let mut sum = 0.0;
    for (name, weight, scores) in [
        ("text", text, documents.iter().map(|d| d.text).collect::<Vec<_>>()),
        ("vector", vector, documents.iter().map(|d| d.vector).collect()),
        ("rerank", rerank, documents.iter().map(|d| d.rerank).collect()),
    ] {
        let found = scores.iter().flatten();
        if found.clone().any(|score| !score.is_finite()) {
            return Err(invalid(format!("a {name} score is no number")));
        }
        let Some(least) = found.clone().copied().reduce(f64::min) else { continue };
        let span = found.fold(least, |most, &score| most.max(score)) - least;
        sum += weight;
        for (fused, score) in fused.iter_mut().zip(scores) {
            *fused += weight
                * match score {
                    None => 0.0,
                    Some(_) if span == 0.0 => 1.0,
                    Some(score) => (score - least) / span,
                };
        }
    }
    if sum == 0.0 && documents.iter().any(|d| *d != StageScores::default()) {
        return Err(invalid(format!("\"{weights}\" gives no weight to a stage that was run")));
    }
    let mut order: Vec<(usize, f64)> = fused
        .into_iter()
        .map(|fused| if sum > 0.0 { fused / sum } else { 0.0 })
        .enumerate()
        .collect();
    let rerank = |place: usize| documents[place].rerank.unwrap_or(f64::NEG_INFINITY);
    order.sort_by(|&(a, fused_a), &(b, fused_b)| match fused_b.total_cmp(&fused_a) {
        Ordering::Equal => rerank(b).total_cmp(&rerank(a)),
        unequal => unequal,
    });
    Ok(order)
}

impl FromStr for FusionWeights {
    type Err = Error;

    fn from_str(text: &str) -> Result<FusionWeights> {
        let mut weights = FusionWeights { text: 0.0, vector: 0.0, rerank: 0.0 };
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, ""));
            let place = match name.trim() {
                "text" => &mut weights.text,
                "vector" => &mut weights.vector,
                "rerank" => &mut weights.rerank,
                _ => return Err(invalid(format!("\"{part}\" is no weight"))),
            };
            *place =
                weight.trim().parse().map_err(|_| invalid(format!("\"{part}\" is no weight")))?;
        }
        Ok(weights)
    }
}

impl fmt::Display for FusionWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text={},vector={},rerank={}", self.text, self.vector, self.rerank)
    }
}

fn invalid(reason: String) -> Error {
    let message = format!("{reason}; give weights such as {}", FusionWeights::default());
    Error::new(ErrorKind::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example() {
        let fused = reciprocal_rank_fusion(&[vec!['a', 'b', 'c'], vec!['c', 'a']], RRF_K);
        let expected =
            [('a', 1.0 / 61.0 + 1.0 / 62.0), ('c', 1.0 / 63.0 + 1.0 / 61.0), ('b', 1.0 / 62.0)];
        assert_eq!(fused, expected);
    }

    #[test]
    fn one_list_keeps_its_order_and_ties_that_of_the_lists() {
        let order = |lists: &[Vec<u32>]| -> Vec<u32> {
            reciprocal_rank_fusion(lists, RRF_K).into_iter().map(|(item, _)| item).collect()
        };
        assert_eq!(order(&[vec![5, 3, 9]]), [5, 3, 9]);
        assert_eq!(order(&[vec![5, 3], vec![4, 2]]), [5, 4, 3, 2]);
        assert_eq!(order(&[vec![5, 5, 3]]), [5, 3]);
        assert!(order(&[]).is_empty() && order(&[Vec::new()]).is_empty());
    }

    fn document(text: f64, vector: f64, rerank: f64) -> StageScores {
        StageScores { text: Some(text), vector: Some(vector), rerank: Some(rerank) }
    }

    #[test]
    fn scores_are_spread_weighted_and_summed() {
        let weights = FusionWeights { text: 0.2, vector: 0.5, rerank: 0.3 };
        let documents =
            [document(10.0, 0.2, -4.0), document(5.0, 0.6, 8.0), document(0.0, 0.4, 2.0)];
        let fused = fuse(&documents, &weights).unwrap();
        let expected = [(1, 0.2 * 0.5 + 0.5 + 0.3), (2, 0.5 * 0.5 + 0.3 * 0.5), (0, 0.2)];
        for ((place, score), (expected_place, expected)) in fused.into_iter().zip(expected) {
            assert_eq!(place, expected_place);
            assert!((score - expected).abs() < 1e-9, "{score} {expected}");
        }
    }

    #[test]
    fn stages_and_documents_that_are_missing() {
        let weights = FusionWeights::default();
        let only = |text: Option<f64>, rerank| StageScores { text, vector: None, rerank };
        // Without vectors the weights are 0.4 and 0.6.
        let documents = [only(Some(1.0), Some(0.0)), only(None, Some(1.0)), only(Some(3.0), None)];
        let fused = fuse(&documents, &weights).unwrap();
        assert_eq!(fused.iter().map(|f| f.0).collect::<Vec<_>>(), [1, 2, 0]);
        assert!((fused[0].1 - 0.6).abs() < 1e-9 && (fused[1].1 - 0.4).abs() < 1e-9);
        // All the same: all have the most, and the order given stays.
        assert_eq!(fuse(&[document(1.0, 1.0, 1.0); 2], &weights).unwrap(), [(0, 1.0), (1, 1.0)]);
        assert_eq!(fuse(&[StageScores::default(); 2], &weights).unwrap(), [(0, 0.0), (1, 0.0)]);
        assert_eq!(fuse(&[], &weights).unwrap(), []);
    }

    #[test]
    fn ties_go_by_the_cross_encoder() {
        let weights = FusionWeights { text: 1.0, vector: 0.0, rerank: 0.0 };
        let fused = fuse(&[document(1.0, 0.0, 1.0), document(1.0, 0.0, 2.0)], &weights).unwrap();
        assert_eq!(fused[0].0, 1);
    }

    #[test]
    fn weights_are_read_and_written_and_checked() {
        let weights = FusionWeights { text: 1.5, vector: 0.0, rerank: 2.0 };
        assert_eq!("rerank=2, text=1.5".parse::<FusionWeights>().unwrap(), weights);
        assert_eq!(weights.to_string().parse::<FusionWeights>().unwrap(), weights);
        for bad in ["", "text", "text=x", "words=1"] {
            assert!(bad.parse::<FusionWeights>().is_err(), "{bad}");
        }
        let documents = [document(1.0, 2.0, 3.0)];
        for bad in ["text=-1,rerank=2", "text=nan", "text=0", "vector=inf"] {
            let error = fuse(&documents, &bad.parse().unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{bad}");
        }
        assert!(fuse(&[document(f64::NAN, 0.0, 0.0)], &FusionWeights::default()).is_err());
    }
}
