//! The score cache, against a list that is searched from its start.

use arbitrary::Arbitrary;
use crossrank::{CacheKey, Score, ScoreCache};

use super::decode;

#[derive(Arbitrary, Debug)]
struct Calls {
    entries: u8,
    calls: Vec<Call>,
}

#[derive(Arbitrary, Debug)]
enum Call {
    Get(Vec<u8>),
    Insert(Vec<(u8, f32, u16)>),
    /// Saves, and restores all but so many bytes in another cache of as many entries.
    Move(u8),
    Restore(Vec<u8>),
    Clear,
}

/// The memory that the cache counts for an entry.
const ENTRY_BYTES: usize = 176;

/// A cache of the same entries, the last used at the end.
#[derive(Default)]
struct Naive {
    entries: Vec<(u8, u32, usize)>,
    hits: u64,
    misses: u64,
}

pub fn run(data: &[u8]) {
    let Some(Calls { entries, calls }) = decode(data) else { return };
    let room = usize::from(entries % 8);
    let mut cache = ScoreCache::new(room * ENTRY_BYTES);
    let mut naive = Naive::default();
    for call in calls {
        match call {
            Call::Get(keys) => {
                let found = cache.get(&keys.iter().map(|&k| key(k)).collect::<Vec<_>>());
                let found: Vec<_> =
                    found.iter().map(|s| s.map(|s| (s.logit.to_bits(), s.tokens))).collect();
                let expected: Vec<_> = keys.iter().map(|&k| naive.get(k)).collect();
                assert_eq!(found, expected);
            }
            Call::Insert(scores) => {
                cache.insert(
                    scores.iter().map(|&(k, logit, tokens)| (key(k), score(logit, tokens))),
                );
                for (k, logit, tokens) in
                    scores.into_iter().filter(|(_, logit, _)| logit.is_finite())
                {
                    naive.put(k, logit.to_bits(), tokens.into());
                    if naive.entries.len() > room {
                        naive.entries.remove(0);
                    }
                }
            }
            Call::Move(cut) => {
                let saved = cache.save();
                let kept = saved.len() - usize::from(cut % 2).min(saved.len());
                let moved = ScoreCache::new(room * ENTRY_BYTES);
                moved.restore(&saved[..kept]);
                // An incomplete entry at the end is the one that was used last.
                if kept < saved.len() {
                    naive.entries.pop();
                }
                (naive.hits, naive.misses) = (0, 0);
                cache = moved;
            }
            Call::Restore(bytes) => {
                let other = ScoreCache::new(room * ENTRY_BYTES);
                other.restore(&[&b"crossrank scores 1\n"[..], &bytes].concat());
                other.restore(&bytes);
                assert!(other.stats().entries <= room);
            }
            Call::Clear => {
                cache.clear();
                naive.entries.clear();
            }
        }
        let stats = cache.stats();
        let count = naive.entries.len();
        assert_eq!((stats.hits, stats.misses, stats.entries), (naive.hits, naive.misses, count));
        assert!(stats.bytes <= room * ENTRY_BYTES);
    }
}

impl Naive {
    fn get(&mut self, key: u8) -> Option<(u32, usize)> {
        let index = self.entries.iter().position(|entry| entry.0 == key);
        *if index.is_some() { &mut self.hits } else { &mut self.misses } += 1;
        let entry = self.entries.remove(index?);
        self.entries.push(entry);
        Some((entry.1, entry.2))
    }

    fn put(&mut self, key: u8, logit: u32, tokens: usize) {
        self.entries.retain(|entry| entry.0 != key);
        self.entries.push((key, logit, tokens));
    }
}

fn key(k: u8) -> CacheKey {
    [k; 32]
}

fn score(logit: f32, tokens: u16) -> Score {
    let (score, tokens) = (0.5, tokens.into());
    Score { score, logit, tokens, truncated: false, query_truncated: false, span: None }
}
