//! The plan of a call: which documents are scored together.

use crate::tokenizer::Encoding;

/// The most tokens in one batch on the CPU. Each batch reads all weights once, which many tokens
/// share; more of them would leave the cache.
pub const BATCH_TOKENS: usize = 512;

/// The fewest that are worth a batch, where threads could use more batches.
const MIN_TOKENS: usize = 128;

/// Batches that a thread should find, so that all threads end at about the same time.
const BATCHES_A_THREAD: usize = 4;

/// Which documents are scored first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Given,
    /// The batches that end a call are small, so that threads end together.
    LongestFirst,
}

/// Splits a list into batches for `threads`, of at most `most` tokens (a longer document is a batch
/// by itself). Returns the indices of each batch's documents.
pub(crate) fn plan(
    encodings: &[Encoding],
    sequence: Order,
    threads: usize,
    most: usize,
) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..encodings.len()).collect();
    if sequence == Order::LongestFirst {
        order.sort_by_key(|&i| std::cmp::Reverse(encodings[i].ids.len()));
    }
    let limit = if threads == 1 {
        most
    } else {
        let all: usize = encodings.iter().map(|encoding| encoding.ids.len()).sum();
        (all / threads.saturating_mul(BATCHES_A_THREAD)).clamp(MIN_TOKENS, most)
    };

    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for index in order {
        let tokens = encodings[index].ids.len();
        match batches.last_mut() {
            Some(batch) if tokens <= room => {
                batch.push(index);
                room -= tokens;
            }
            _ => {
                batches.push(vec![index]);
                room = limit.saturating_sub(tokens);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(lengths: &[usize]) -> Vec<Encoding> {
        let encoding = |&n| Encoding {
            ids: vec![0; n],
            type_ids: vec![0; n],
            query_truncated: false,
            document_truncated: false,
        };
        lengths.iter().map(encoding).collect()
    }

    #[test]
    fn every_document_is_in_one_batch_within_the_limit() {
        let encodings = lengths(&[10, 512, 300, 5, 300, 200, 600, 1]);
        let batches = plan(&encodings, Order::LongestFirst, 1, BATCH_TOKENS);
        let mut seen: Vec<usize> = batches.concat();
        seen.sort();
        assert_eq!(seen, (0..encodings.len()).collect::<Vec<_>>());
        for batch in &batches {
            let tokens: usize = batch.iter().map(|&i| encodings[i].ids.len()).sum();
            assert!(tokens <= BATCH_TOKENS || batch.len() == 1, "{batch:?} has {tokens} tokens");
        }
        assert_eq!(batches[0], [6]);
    }

    #[test]
    fn documents_stay_in_the_order_given() {
        let encodings = lengths(&[10, 512, 300, 200, 600, 1]);
        let expected: [&[usize]; 5] = [&[0], &[1], &[2, 3], &[4], &[5]];
        assert_eq!(plan(&encodings, Order::Given, 1, BATCH_TOKENS), expected);
    }

    #[test]
    fn threads_find_several_batches_each() {
        let encodings = lengths(&[100; 40]);
        assert_eq!(plan(&encodings, Order::LongestFirst, 1, BATCH_TOKENS).len(), 8);
        assert_eq!(plan(&encodings, Order::LongestFirst, 2, BATCH_TOKENS).len(), 8);
        assert_eq!(plan(&encodings, Order::LongestFirst, 8, BATCH_TOKENS).len(), 40);
        assert_eq!(plan(&encodings, Order::LongestFirst, usize::MAX, BATCH_TOKENS).len(), 40);
        // A long list gives full batches.
        assert_eq!(plan(&lengths(&[100; 300]), Order::LongestFirst, 2, BATCH_TOKENS).len(), 60);
    }

    #[test]
    fn nothing_makes_no_batch() {
        assert!(plan(&[], Order::Given, 1, BATCH_TOKENS).is_empty());
    }
}
