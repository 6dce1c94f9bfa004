//! The order of a ranking: ties, and the rule for logits that are not finite.

use std::cmp::Ordering;

use crate::error::{Error, ErrorKind, Result};

/// The indices of the `top_k` highest logits, highest first. Equal logits are in the order of their
/// index, and documents without a logit come last.
///
/// The order by logit is that by score, but without the rounding of the sigmoid near 0 and 1.
///
/// # Errors
/// [`ErrorKind::InvalidScore`] if a logit is NaN or infinite.
pub(crate) fn top_k(logits: &[Option<f32>], top_k: usize) -> Result<Vec<usize>> {
    let invalid = |(_, logit): &(usize, Option<f32>)| logit.is_some_and(|logit| !logit.is_finite());
    if let Some((index, Some(logit))) = logits.iter().copied().enumerate().find(invalid) {
        return Err(not_a_score(logit).at(format_args!("document {index}")));
    }
    Ok(order(logits, top_k))
}

/// The error for a logit that is NaN or infinite.
pub(crate) fn not_a_score(logit: f32) -> Error {
    let message = format!("the model gave {logit}; its file is damaged or not a reranker");
    Error::new(ErrorKind::InvalidScore, message)
}

/// The indices of the `top_k` highest values in the same order. The values must not contain a NaN.
pub(crate) fn order<T: PartialOrd>(values: &[T], top_k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    // A stable sort keeps equal values in index order.
    order.sort_by(|&a, &b| values[b].partial_cmp(&values[a]).unwrap_or(Ordering::Equal));
    order.truncate(top_k);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_logit_then_index() {
        let logits = [0.5, 2.0, 0.5, -1.0].map(Some);
        assert_eq!(top_k(&logits, 10).unwrap(), [1, 0, 2, 3]);
        assert_eq!(top_k(&logits, 2).unwrap(), [1, 0]);
        assert_eq!(top_k(&[], 3).unwrap(), [0usize; 0]);
    }

    #[test]
    fn documents_without_a_logit_come_last_in_their_order() {
        let logits = [None, Some(-9.0), None, Some(1.0)];
        assert_eq!(top_k(&logits, 10).unwrap(), [3, 1, 0, 2]);
    }

    #[test]
    fn negative_zero_ties_with_zero() {
        assert_eq!(top_k(&[Some(-0.0), Some(0.0)], 2).unwrap(), [0, 1]);
    }

    #[test]
    fn refuses_logits_that_are_not_finite() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = top_k(&[None, Some(bad)], 1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidScore);
            assert!(error.to_string().contains("document 1"), "{error}");
        }
    }
}
