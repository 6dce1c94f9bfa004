//! The planning of batches: which documents are scored together.

use crate::tokenizer::Encoding;

/// The maximum number of tokens in a batch on the CPU. Each batch reads all weights once, so larger
/// batches read them less often, but still larger ones would not fit into the cache.
pub const BATCH_TOKENS: usize = 512;

/// The minimum number of tokens in a full batch, even if more batches would keep threads busier.
const MIN_BATCH_TOKENS: usize = 128;

/// The number of batches for each thread, so that all threads end at about the same time.
const BATCHES_PER_THREAD: usize = 4;

/// The order in which documents are scored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they are given.
    Given,
    /// The longest ones first, so that the last batches of a call are small and threads end together.
    LongestFirst,
}

/// Splits a list into batches for `threads`, of at most `max_tokens`. A longer document is a batch by
/// itself. Returns the indices of the documents of each batch.
pub(crate) fn plan(
    encodings: &[Encoding],
    order: Order,
    threads: usize,
    max_tokens: usize,
) -> Vec<Vec<usize>> {
    let mut indices: Vec<usize> = (0..encodings.len()).collect();
    if order == Order::LongestFirst {
        indices.sort_by_key(|&i| std::cmp::Reverse(encodings[i].ids.len()));
    }
    let limit = if threads == 1 {
        max_tokens
    } else {
        let all: usize = encodings.iter().map(|encoding| encoding.ids.len()).sum();
        (all / threads.saturating_mul(BATCHES_PER_THREAD)).clamp(MIN_BATCH_TOKENS, max_tokens)
    };

    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for index in indices {
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
