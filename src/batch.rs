//! The plan of a call: which documents are scored together.

use crate::tokenizer::Encoding;

/// The most tokens in one batch. Enough rows to keep a matrix product busy; few enough that a
/// batch's activations stay in the cache and that threads share a list evenly.
pub const BATCH_TOKENS: usize = 256;

/// Splits a list into batches of at most [`BATCH_TOKENS`] tokens (a longer document is a batch
/// by itself), longest documents first. Returns the indices of each batch's documents.
///
/// Longest first means that the batches that end a call are small, so threads end together.
pub(crate) fn plan(encodings: &[Encoding]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..encodings.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(encodings[i].ids.len()));

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
                room = BATCH_TOKENS.saturating_sub(tokens);
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
        let batches = plan(&encodings);
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
    fn nothing_makes_no_batch() {
        assert!(plan(&[]).is_empty());
    }
}
