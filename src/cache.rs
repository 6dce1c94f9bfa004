//! The score cache: a pair that was scored is not scored again.
//!
//! It keeps a few bytes a pair, under a SHA-256 of everything that a score depends on, and no
//! text. A shorter or faster hash would let somebody who chooses documents make two with one key.

use std::hash::RandomState;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::score::{SCORE_BYTES, Score};

/// The SHA-256 of a model, the way it computes, and a pair of texts: see
/// [`crate::Reranker::cache_keys`].
pub type CacheKey = [u8; 32];

/// What one entry takes in memory: key and value, the links of the list, a slot of the table at
/// its emptiest, and the allocator's own.
const ENTRY_BYTES: usize = 176;

/// What saved scores begin with: another layout has another name.
const SAVED: &[u8] = b"crossrank scores 1\n";

/// Scores of earlier calls, the most recently used first, in a bounded number of bytes.
///
/// Several rerankers may share one, through [`crate::LoadOptions::cache`]. A score from the cache
/// has the bits that were computed.
pub struct ScoreCache {
    entries: Mutex<LruCache<CacheKey, Score, RandomState>>,
    most: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What a [`ScoreCache`] did and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Documents whose score was found.
    pub hits: u64,
    /// Documents whose score was not.
    pub misses: u64,
    /// Scores that are kept.
    pub entries: usize,
    /// The memory that they take.
    pub bytes: usize,
}

impl ScoreCache {
    /// A cache that takes at most `bytes` of memory. One with no room for a score keeps none.
    pub fn new(bytes: usize) -> ScoreCache {
        ScoreCache {
            entries: Mutex::new(LruCache::unbounded_with_hasher(RandomState::new())),
            most: bytes / ENTRY_BYTES,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Counts since the cache was made, and its size now.
    pub fn stats(&self) -> CacheStats {
        let entries = self.lock().len();
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries,
            bytes: entries * ENTRY_BYTES,
        }
    }

    /// Forgets every score. The counts stay.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The scores that are known, which count as hits.
    pub fn get(&self, keys: &[CacheKey]) -> Vec<Option<Score>> {
        let known: Vec<Option<Score>> = {
            let mut entries = self.lock();
            keys.iter().map(|key| entries.get(key).copied()).collect()
        };
        let hits = known.iter().flatten().count();
        self.hits.fetch_add(hits as u64, Ordering::Relaxed);
        self.misses.fetch_add((keys.len() - hits) as u64, Ordering::Relaxed);
        known
    }

    /// Keeps scores; those that are not numbers are left out.
    pub fn insert(&self, scored: impl IntoIterator<Item = (CacheKey, Score)>) {
        let mut entries = self.lock();
        for (key, known) in scored.into_iter().filter(|(_, score)| score.logit.is_finite()) {
            entries.put(key, known);
            if entries.len() > self.most {
                entries.pop_lru();
            }
        }
    }

    /// All scores, for [`ScoreCache::restore`] of a later program. There is no text in them.
    pub fn save(&self) -> Vec<u8> {
        let entries = self.lock();
        let mut bytes = SAVED.to_vec();
        // Least recently used first, so that restoring them in this order restores the order.
        for (key, score) in entries.iter().rev() {
            bytes.extend(key);
            bytes.extend(score.to_bytes());
        }
        bytes
    }

    /// Adds the scores that [`ScoreCache::save`] gave. Bytes of another version are left aside.
    pub fn restore(&self, saved: &[u8]) {
        let Some(entries) = saved.strip_prefix(SAVED) else { return };
        let (entries, _) = entries.as_chunks::<{ size_of::<CacheKey>() + SCORE_BYTES }>();
        self.insert(entries.iter().filter_map(|entry| {
            let (key, score) = entry.split_first_chunk()?;
            Some((*key, Score::from_bytes(score.first_chunk()?)))
        }));
    }

    /// The map is whole after a panic elsewhere: no call leaves it half changed.
    fn lock(&self) -> MutexGuard<'_, LruCache<CacheKey, Score, RandomState>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for ScoreCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScoreCache").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> CacheKey {
        [n; 32]
    }

    const KNOWN: Score = Score {
        score: 0.8,
        logit: 1.5,
        truncated: true,
        query_truncated: false,
        tokens: 7,
        span: None,
    };

    #[test]
    fn the_least_recently_used_goes_first() {
        let cache = ScoreCache::new(2 * ENTRY_BYTES + 1);
        cache.insert([(key(1), KNOWN), (key(2), KNOWN)]);
        assert!(cache.get(&[key(1)])[0].is_some());
        cache.insert([(key(3), KNOWN)]);
        let found = cache.get(&[key(1), key(2), key(3)]);
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
        let expected = CacheStats { hits: 3, misses: 1, entries: 2, bytes: 2 * ENTRY_BYTES };
        assert_eq!(cache.stats(), expected);
        cache.clear();
        assert_eq!(cache.stats().entries, 0);
    }

    #[test]
    fn what_is_saved_comes_back_in_its_order() {
        let cache = ScoreCache::new(10 * ENTRY_BYTES);
        cache.insert((1..=3).map(|n| (key(n), KNOWN)));
        cache.get(&[key(1)]);
        let saved = cache.save();
        let small = ScoreCache::new(2 * ENTRY_BYTES);
        small.restore(&saved);
        let found = small.get(&[key(1), key(2), key(3)]);
        assert!(found[0].is_some() && found[1].is_none() && found[2].is_some());
        let score = found[0].unwrap();
        assert_eq!((score.logit, score.tokens, score.truncated), (1.5, 7, true));
        // Torn at any place, or something else: what is whole is taken, and the rest left.
        for length in 0..saved.len() {
            ScoreCache::new(1 << 20).restore(&saved[..length]);
        }
        let other = ScoreCache::new(1 << 20);
        other.restore(b"something else");
        assert_eq!(other.stats().entries, 0);
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let cache = ScoreCache::new(ENTRY_BYTES - 1);
        cache.insert([(key(1), KNOWN)]);
        assert_eq!(cache.stats().entries, 0);
    }
}
