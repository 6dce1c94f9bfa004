//! Fuses several rankings into one: by their ranks ([`reciprocal_rank_fusion`]), or by their scores
//! ([`fuse`]).

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The constant of reciprocal rank fusion that its authors recommend.
pub const RRF_K: f64 = 60.0;

/// Fuses rankings by reciprocal rank fusion (Cormack, Clarke and Büttcher 2009).
///
/// The score of an item is the sum of 1 / (`k` + rank) over the lists that hold it, where the first
/// rank is 1. Returns each item once with its score, highest score first. Items with equal scores
/// keep the order in which the lists show them. If a list has an item twice, the better rank counts.
pub fn reciprocal_rank_fusion<T: Copy + Eq + Hash>(lists: &[Vec<T>], k: f64) -> Vec<(T, f64)> {
    let mut fused: Vec<(T, f64)> = Vec::new();
    // The position of an item in `fused`, and the last list that had it.
    let mut positions: HashMap<T, (usize, usize)> = HashMap::new();
    for (list, items) in lists.iter().enumerate() {
        for (&item, rank) in items.iter().zip(1u32..) {
            let score = 1.0 / (k + f64::from(rank));
            match positions.get_mut(&item) {
                Some((_, last)) if *last == list => {}
                Some((position, last)) => {
                    fused[*position].1 += score;
                    *last = list;
                }
                None => {
                    positions.insert(item, (fused.len(), list));
                    fused.push((item, score));
                }
            }
        }
    }
    fused.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    fused
}

/// The scores of a document in the stages of a search. Higher is better; `None` means that the stage
/// did not find the document.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageScores {
    /// The score of the words, such as BM25.
    pub text: Option<f64>,
    /// The score of the vectors, the cosine.
    pub vector: Option<f64>,
    /// The logit of the cross-encoder. Its score would not do, because good scores crowd below 1.
    pub rerank: Option<f64>,
}

/// The weight of each stage in [`fuse`], from 0 to 1,000,000.
///
/// The default weights did best on WikiQA and Cranfield together (`benches/record`). As text, weights
/// are written like `text=0.2,vector=0.5,rerank=0.3`, in any order; a stage that is left out has the
/// weight 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FusionWeights {
    /// The weight of the words.
    #[serde(default)]
    pub text: f64,
    /// The weight of the vectors.
    #[serde(default)]
    pub vector: f64,
    /// The weight of the cross-encoder.
    #[serde(default)]
    pub rerank: f64,
}

impl Default for FusionWeights {
    fn default() -> FusionWeights {
        FusionWeights { text: 0.2, vector: 0.5, rerank: 0.3 }
    }
}

/// The largest weight. Sums of larger ones would lose digits.
const MAX_WEIGHT: f64 = 1e6;

/// Fuses the scores of several stages. Returns the index of each document with its fused score from
/// 0 to 1, best first.
///
/// The scores of each stage are normalized to the range from 0 to 1,
/// `(score - min) / (max - min)`, and summed with their weights. If all scores of a stage are equal,
/// each is normalized to 1. A document that a stage did not find has 0 there. Stages that found
/// nothing are left out, and the weights of the others are scaled so that their sum is 1. Among equal
/// sums the document with the higher rerank score comes first, then the earlier one.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for a weight that is not from 0 to 1,000,000, for weights whose sum
/// over the stages that found documents is 0, and for a score that is not finite.
pub fn fuse(documents: &[StageScores], weights: &FusionWeights) -> Result<Vec<(usize, f64)>> {
    let FusionWeights { text, vector, rerank } = *weights;
    if [text, vector, rerank].iter().any(|weight| !(0.0..=MAX_WEIGHT).contains(weight)) {
        let message = format!("a weight of \"{weights}\" is not from 0 to {MAX_WEIGHT}");
        return Err(invalid(message));
    }
    let mut sum = 0.0;
    for (name, weight, score) in stages(weights) {
        let mut found = documents.iter().filter_map(score).peekable();
        sum += if found.peek().is_some() { weight } else { 0.0 };
        if found.any(|score| !score.is_finite()) {
            return Err(invalid(format!("a {name} score is not a finite number")));
        }
    }
    if sum == 0.0 && documents.iter().any(|d| *d != StageScores::default()) {
        return Err(invalid(format!("\"{weights}\" gives no weight to any stage that was run")));
    }
    Ok(fuse_valid(documents, weights))
}

/// The name of a stage, its weight and its score.
type Stage = (&'static str, f64, fn(&StageScores) -> Option<f64>);

fn stages(weights: &FusionWeights) -> [Stage; 3] {
    [
        ("text", weights.text, |scores| scores.text),
        ("vector", weights.vector, |scores| scores.vector),
        ("rerank", weights.rerank, |scores| scores.rerank),
    ]
}

/// [`fuse`] of what it would give no error for.
pub(crate) fn fuse_valid(documents: &[StageScores], weights: &FusionWeights) -> Vec<(usize, f64)> {
    let mut fused = vec![0.0; documents.len()];
    let mut sum = 0.0;
    for (_, weight, score) in stages(weights) {
        let found = documents.iter().filter_map(score);
        let Some(min) = found.clone().reduce(f64::min) else { continue };
        let range = found.fold(min, f64::max) - min;
        sum += weight;
        for (fused, scores) in fused.iter_mut().zip(documents) {
            *fused += weight
                * match score(scores) {
                    None => 0.0,
                    Some(_) if range == 0.0 => 1.0,
                    Some(score) => (score - min) / range,
                };
        }
    }
    let mut order: Vec<(usize, f64)> = fused
        .into_iter()
        .map(|fused| if sum > 0.0 { fused / sum } else { 0.0 })
        .enumerate()
        .collect();
    let rerank = |index: usize| documents[index].rerank.unwrap_or(f64::NEG_INFINITY);
    order.sort_by(|&(a, fused_a), &(b, fused_b)| match fused_b.total_cmp(&fused_a) {
        Ordering::Equal => rerank(b).total_cmp(&rerank(a)),
        unequal => unequal,
    });
    order
}

impl FromStr for FusionWeights {
    type Err = Error;

    fn from_str(text: &str) -> Result<FusionWeights> {
        let mut weights = FusionWeights { text: 0.0, vector: 0.0, rerank: 0.0 };
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, ""));
            let field = match name.trim() {
                "text" => &mut weights.text,
                "vector" => &mut weights.vector,
                "rerank" => &mut weights.rerank,
                _ => return Err(invalid(format!("\"{part}\" is not a weight"))),
            };
            *field = weight
                .trim()
                .parse()
                .map_err(|_| invalid(format!("\"{part}\" is not a weight")))?;
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
    fn one_list_keeps_its_order_and_ties_keep_that_of_the_lists() {
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
    fn scores_are_normalized_weighted_and_summed() {
        let weights = FusionWeights { text: 0.2, vector: 0.5, rerank: 0.3 };
        let documents =
            [document(10.0, 0.2, -4.0), document(5.0, 0.6, 8.0), document(0.0, 0.4, 2.0)];
        let fused = fuse(&documents, &weights).unwrap();
        let expected = [(1, 0.2 * 0.5 + 0.5 + 0.3), (2, 0.5 * 0.5 + 0.3 * 0.5), (0, 0.2)];
        for ((index, score), (expected_index, expected)) in fused.into_iter().zip(expected) {
            assert_eq!(index, expected_index);
            assert!((score - expected).abs() < 1e-9, "{score} {expected}");
        }
    }

    #[test]
    fn stages_and_scores_may_be_missing() {
        let weights = FusionWeights::default();
        let only = |text: Option<f64>, rerank| StageScores { text, vector: None, rerank };
        // Without vectors the weights are 0.4 and 0.6.
        let documents = [only(Some(1.0), Some(0.0)), only(None, Some(1.0)), only(Some(3.0), None)];
        let fused = fuse(&documents, &weights).unwrap();
        assert_eq!(fused.iter().map(|f| f.0).collect::<Vec<_>>(), [1, 2, 0]);
        assert!((fused[0].1 - 0.6).abs() < 1e-9 && (fused[1].1 - 0.4).abs() < 1e-9);
        // Equal scores are all normalized to 1, and the documents keep their order.
        assert_eq!(fuse(&[document(1.0, 1.0, 1.0); 2], &weights).unwrap(), [(0, 1.0), (1, 1.0)]);
        assert_eq!(fuse(&[StageScores::default(); 2], &weights).unwrap(), [(0, 0.0), (1, 0.0)]);
        assert_eq!(fuse(&[], &weights).unwrap(), []);
    }

    #[test]
    fn ties_are_ordered_by_the_cross_encoder() {
        let weights = FusionWeights { text: 1.0, vector: 0.0, rerank: 0.0 };
        let fused = fuse(&[document(1.0, 0.0, 1.0), document(1.0, 0.0, 2.0)], &weights).unwrap();
        assert_eq!(fused[0].0, 1);
    }

    #[test]
    fn weights_are_parsed_printed_and_checked() {
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
