//! Measures of ranking quality.

use std::collections::HashMap;

use serde::Serialize;

/// The quality of one ranking, or the mean of several. Each figure is from 0 to 1.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Quality {
    pub ndcg_at_10: f64,
    pub mrr_at_10: f64,
}

/// The nDCG@10 and the MRR@10 of one ranking.
///
/// The gain is the grade, the discount is log2(rank + 1), and the ideal ranking is of all judged
/// documents (Järvelin and Kekäläinen 2002; `ndcg_cut_10` of trec_eval). `relevant_grade` is the
/// lowest grade that counts for MRR@10.
pub fn quality(order: &[&str], grades: &HashMap<String, u32>, relevant_grade: u32) -> Quality {
    let grade = |document: &&str| grades.get(*document).copied().unwrap_or(0);
    let dcg = |grades: &mut dyn Iterator<Item = u32>| -> f64 {
        grades.take(10).zip(2..).map(|(g, rank)| f64::from(g) / f64::from(rank).log2()).sum()
    };
    let mut ideal_order: Vec<u32> = grades.values().copied().collect();
    ideal_order.sort_by(|a, b| b.cmp(a));
    let ideal = dcg(&mut ideal_order.into_iter());
    let first_relevant =
        order.iter().take(10).position(|document| grade(document) >= relevant_grade);
    Quality {
        ndcg_at_10: if ideal > 0.0 { dcg(&mut order.iter().map(grade)) / ideal } else { 0.0 },
        mrr_at_10: first_relevant.map_or(0.0, |position| 1.0 / (position + 1) as f64),
    }
}

/// The mean of several qualities; 0 if there are none.
pub fn mean(qualities: &[Quality]) -> Quality {
    let mean = |of: fn(&Quality) -> f64| {
        qualities.iter().map(of).sum::<f64>() / qualities.len().max(1) as f64
    };
    Quality { ndcg_at_10: mean(|q| q.ndcg_at_10), mrr_at_10: mean(|q| q.mrr_at_10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_of_a_worked_example() {
        let grades = HashMap::from([("a".into(), 3), ("b".into(), 2), ("c".into(), 1)]);
        let ideal = 3.0 + 2.0 / 3f64.log2() + 1.0 / 4f64.log2();

        let perfect = quality(&["a", "b", "c"], &grades, 1);
        assert_eq!((perfect.ndcg_at_10, perfect.mrr_at_10), (1.0, 1.0));

        let late = quality(&["x", "c", "a"], &grades, 1);
        let dcg = 1.0 / 3f64.log2() + 3.0 / 4f64.log2();
        assert!((late.ndcg_at_10 - dcg / ideal).abs() < 1e-12);
        assert_eq!(late.mrr_at_10, 0.5);
        assert_eq!(quality(&["x", "c", "a"], &grades, 2).mrr_at_10, 1.0 / 3.0);
    }

    #[test]
    fn rank_eleven_does_not_count() {
        let grades = HashMap::from([("a".into(), 1)]);
        let mut order = vec!["x"; 10];
        order.push("a");
        let q = quality(&order, &grades, 1);
        assert_eq!((q.ndcg_at_10, q.mrr_at_10), (0.0, 0.0));
    }
}
