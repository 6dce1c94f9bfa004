//! Several rankings to one.

use std::collections::HashMap;
use std::hash::Hash;

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
}
