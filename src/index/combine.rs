//! Combines the lists by words and by vectors into one.

use std::collections::HashMap;

use super::search_options::SearchMode;
use super::store::{Ranked, VectorScores};
use crate::fusion::{RRF_K, StageScores, reciprocal_rank_fusion};

/// The result of a search by vectors.
pub struct VectorList {
    /// The best passages, best first.
    pub ranked: Vec<Ranked>,
    /// The cosines of all passages.
    pub scores: VectorScores,
}

/// What a hit is: a record, of which only one passage is shown, or a passage.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Item {
    Record(i64),
    Passage(i64),
}

fn item(ranked: &Ranked) -> Item {
    ranked.record.map_or(Item::Passage(ranked.passage), Item::Record)
}

/// Makes one list of the lists by words and by vectors, with the scores of both.
pub fn combine(
    mode: SearchMode,
    text: Vec<Ranked>,
    vector: Option<VectorList>,
    limit: usize,
) -> Vec<(Ranked, StageScores)> {
    let (vector, cosines) = vector.map(|list| (list.ranked, list.scores)).unzip();
    let vector: Vec<Ranked> = vector.unwrap_or_default();
    let scores = |list: &[Ranked]| -> HashMap<Item, f64> {
        list.iter().map(|ranked| (item(ranked), ranked.score)).collect()
    };
    let (text_scores, vector_scores) = (scores(&text), scores(&vector));
    let ranked = match mode {
        SearchMode::Text => text,
        SearchMode::Vector => vector,
        SearchMode::Hybrid => fuse_ranks(&[text, vector], limit),
    };
    let with_stages = ranked.into_iter().map(|ranked| {
        // A passage that only the words found has a cosine too.
        let cosine = || cosines.as_ref()?.of(ranked.passage);
        let vector = vector_scores.get(&item(&ranked)).copied().or_else(cosine);
        let text = text_scores.get(&item(&ranked)).copied();
        (ranked, StageScores { text, vector, rerank: None })
    });
    with_stages.collect()
}

/// The best `limit` items of several lists, each with the passage from the first list that has it.
fn fuse_ranks(lists: &[Vec<Ranked>], limit: usize) -> Vec<Ranked> {
    let mut passages: HashMap<Item, Ranked> = HashMap::new();
    for ranked in lists.iter().flatten() {
        passages.entry(item(ranked)).or_insert(*ranked);
    }
    let items: Vec<Vec<Item>> = lists.iter().map(|list| list.iter().map(item).collect()).collect();
    let fused = reciprocal_rank_fusion(&items, RRF_K).into_iter().take(limit);
    fused.map(|(item, score)| Ranked { score, ..passages[&item] }).collect()
}
