//! Block sizes, and scratch memory that begins at a cache line.

/// Bytes of a cache line, and of the longest vector register.
const CACHE_LINE: usize = 64;

/// The size of the parts, at most `max`, into which `count` items are divided most evenly.
pub fn even(count: usize, max: usize) -> usize {
    count.div_ceil(count.div_ceil(max).max(1))
}

/// `len` elements that begin at a cache line, in a buffer that grows to hold them. They hold whatever
/// the last use left there. A vector that lies across two cache lines takes twice as long to load.
pub fn aligned<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    let spare = CACHE_LINE / size_of::<T>();
    if buffer.len() < len + spare {
        buffer.resize(len + spare, T::default());
    }
    let start = buffer.as_ptr().align_offset(CACHE_LINE).min(spare);
    &mut buffer[start..][..len]
}
