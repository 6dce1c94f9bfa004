//! Files mapped into memory: the only place outside `kernels` with unsafe code.
//!
//! The parts of a mapped file that have been read are in memory, and the system can drop them if it
//! needs the memory elsewhere. [`release`] drops parts that will not be read again soon, so that they
//! do not count as memory of the process.

#![allow(unsafe_code)]

#[cfg(not(target_arch = "wasm32"))]
pub use files::map;
pub use files::release;

#[cfg(not(target_arch = "wasm32"))]
mod files {
    use std::fs::File;
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError, Weak};

    use bytes::Bytes;
    use memmap2::Mmap;

    /// The files that are mapped at present.
    static MAPPED: Mutex<Vec<Weak<Mmap>>> = Mutex::new(Vec::new());

    struct Mapped(Arc<Mmap>);

    impl AsRef<[u8]> for Mapped {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    /// Maps a file, whose content must not change. To replace it, write another file and rename that
    /// to its name. If a file is truncated, reading the missing part ends the process (SIGBUS).
    ///
    /// # Errors
    /// If the system cannot map it.
    pub fn map(file: &File) -> io::Result<Bytes> {
        // SAFETY: the mapping is read-only, and nothing in this process writes to the file. Another
        // process that writes to the file, although the documentation forbids it, changes the bytes
        // under the slice. That does no harm to memory here: callers copy lengths, offsets and text
        // before they check them, and otherwise read only numbers, for which every bit pattern is
        // valid.
        let map = Arc::new(unsafe { Mmap::map(file)? });
        let mut mapped = MAPPED.lock().unwrap_or_else(PoisonError::into_inner);
        mapped.retain(|map| map.strong_count() > 0);
        mapped.push(Arc::downgrade(&map));
        Ok(Bytes::from_owner(Mapped(map)))
    }

    /// Releases the memory behind bytes of a mapped file. They are read from the file again when they
    /// are needed. Does nothing if the bytes are not those of a mapped file.
    pub fn release(bytes: &[u8]) {
        #[cfg(unix)]
        {
            let maps: Vec<_> = {
                let mapped = MAPPED.lock().unwrap_or_else(PoisonError::into_inner);
                mapped.iter().filter_map(Weak::upgrade).collect()
            };
            let start = bytes.as_ptr().addr();
            let offset = |map: &Mmap| start.checked_sub(map.as_ptr().addr());
            let of = maps.iter().find_map(|map| {
                let offset = offset(map)?;
                (offset + bytes.len() <= map.len()).then_some((map, offset))
            });
            if let Some((map, offset)) = of.filter(|_| !bytes.is_empty()) {
                // SAFETY: the pages belong to a file that is mapped shared and read-only, so a later
                // read gives the content of the file, as before. The mapping is alive, because `map`
                // holds it.
                let released = unsafe {
                    map.unchecked_advise_range(
                        memmap2::UncheckedAdvice::DontNeed,
                        offset,
                        bytes.len(),
                    )
                };
                // Releasing saves memory and changes nothing else, so a failure does no harm.
                drop(released);
            }
        }
        #[cfg(not(unix))]
        let _ = bytes;
    }
}

/// WebAssembly has no files.
#[cfg(target_arch = "wasm32")]
mod files {
    pub fn release(_: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use bytes::Bytes;
    use temp_dir::TempDir;

    #[test]
    fn released_bytes_are_read_again() {
        let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let folder = TempDir::new().unwrap();
        let mut file = File::create_new(folder.child("content")).unwrap();
        file.write_all(&content).unwrap();
        let mapped: Bytes = super::map(&file).unwrap();
        for range in [0..0, 0..1, 5_000..9_001, 399_999..400_000, 0..400_000] {
            super::release(&mapped[range]);
            assert!(mapped == content);
        }
        super::release(&content);
        super::release(&mapped.slice(12_345..));
        drop(mapped);
        super::release(&content);
    }

    #[test]
    fn an_empty_file_has_no_bytes() {
        let folder = TempDir::new().unwrap();
        let file = File::create_new(folder.child("empty")).unwrap();
        assert!(super::map(&file).is_ok_and(|bytes| bytes.is_empty()));
    }
}
