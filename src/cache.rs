//! The score cache: a pair that has been scored is not scored again.
//!
//! It keeps a few bytes for each pair, and no text. The key is a SHA-256 of everything that a score
//! depends on. With a shorter or weaker hash, somebody who chooses documents could make two that have
//! the same key.

use std::hash::RandomState;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::score::{SCORE_BYTES, Score};

/// The SHA-256 of a model, its options and a pair of texts: see [`crate::Reranker::cache_keys`].
pub type CacheKey = [u8; 32];

/// The memory of one entry: key and value, the links of the list, a slot of the table at its emptiest,
/// and the overhead of the allocator.
const ENTRY_BYTES: usize = 176;

/// The beginning of saved scores. Another layout needs another header.
const HEADER: &[u8] = b"crossrank scores 1\n";

/// The most recently used scores of earlier calls, in bounded memory.
///
/// Several rerankers may share a cache, through [`crate::LoadOptions::cache`]. A score from the cache
/// has exactly the bits that were computed.
///
/// ```
/// use std::sync::Arc;
///
/// use crossrank::{LoadOptions, ModelFiles, Reranker, ScoreCache};
///
/// # fn main() -> crossrank::Result<()> {
/// # if ModelFiles::bundled_reranker().is_err() { return Ok(()) }
/// let cache = Arc::new(ScoreCache::new(16 << 20));
/// let mut options = LoadOptions::default();
/// options.cache = Some(Arc::clone(&cache));
/// let reranker = Reranker::from_files(&ModelFiles::bundled_reranker()?, options)?;
/// let documents = ["Milvus is a vector database.", "SQL queries relational data."];
/// for _ in 0..2 {
///     reranker.rerank("what is a vector database", &documents, 1)?;
/// }
/// assert_eq!((cache.stats().misses, cache.stats().hits), (2, 2));
/// # Ok(())
/// # }
/// ```
pub struct ScoreCache {
    entries: Mutex<LruCache<CacheKey, Score, RandomState>>,
    max_entries: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The counts and the size of a [`ScoreCache`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// The number of documents whose score was found.
    pub hits: u64,
    /// The number of documents whose score was not found.
    pub misses: u64,
    /// The number of scores in the cache.
    pub entries: usize,
    /// The memory that the scores take, in bytes.
    pub bytes: usize,
}

impl ScoreCache {
    /// Creates a cache of at most `bytes` of memory. A cache without room for one score keeps none.
    pub fn new(bytes: usize) -> ScoreCache {
        ScoreCache {
            entries: Mutex::new(LruCache::unbounded_with_hasher(RandomState::new())),
            max_entries: bytes / ENTRY_BYTES,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The counts since the cache was created, and its present size.
    pub fn stats(&self) -> CacheStats {
        let entries = self.lock().len();
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries,
            bytes: entries * ENTRY_BYTES,
        }
    }

    /// Removes all scores. The counts stay.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Looks up scores, and counts them as hits or misses.
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

    /// Adds scores, except those that are not finite.
    pub fn insert(&self, scored: impl IntoIterator<Item = (CacheKey, Score)>) {
        let mut entries = self.lock();
        for (key, known) in scored.into_iter().filter(|(_, score)| score.logit.is_finite()) {
            entries.put(key, known);
            if entries.len() > self.max_entries {
                entries.pop_lru();
            }
        }
    }

    /// Serializes all scores for a later [`ScoreCache::restore`]. The result contains no text.
    pub fn save(&self) -> Vec<u8> {
        let entries = self.lock();
        let mut bytes = HEADER.to_vec();
        // The least recently used comes first, so that restoring in this order keeps the order.
        for (key, score) in entries.iter().rev() {
            bytes.extend(key);
            bytes.extend(score.to_bytes());
        }
        bytes
    }

    /// Adds the scores that [`ScoreCache::save`] serialized. Bytes of another version are ignored, and so
    /// is an incomplete entry at the end.
    pub fn restore(&self, saved: &[u8]) {
        let Some(entries) = saved.strip_prefix(HEADER) else { return };
        let (entries, _) = entries.as_chunks::<{ size_of::<CacheKey>() + SCORE_BYTES }>();
        self.insert(entries.iter().filter_map(|entry| {
            let (key, score) = entry.split_first_chunk()?;
            Some((*key, Score::from_bytes(score.first_chunk()?)))
        }));
    }

    /// Locks the map. It is consistent even after a panic, because no call leaves it half changed.
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
        // From truncated bytes, the complete entries are taken. Other bytes are ignored.
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
