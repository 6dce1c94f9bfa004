//! Files in memory without a copy: the one place outside `kernels` with unsafe code.
//!
//! A mapped file is in memory as far as it has been read, and the system can drop what it needs
//! elsewhere. [`release`] drops what will not be read again, so that it does not count among what
//! the process holds.

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

    /// The files that are mapped now.
    static MAPPED: Mutex<Vec<Weak<Mmap>>> = Mutex::new(Vec::new());

    struct Mapped(Arc<Mmap>);

    impl AsRef<[u8]> for Mapped {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    /// The content of a file, which must stay as it is: whoever renews it writes another file and
    /// renames that to its name. A file that gets shorter ends the process (SIGBUS) when a part is read
    /// that is gone.
    ///
    /// # Errors
    /// Where the system cannot map it.
    pub fn map(file: &File) -> io::Result<Bytes> {
        // SAFETY: nothing in this process writes to the file or through the mapping, which is
        // read-only. Another process that writes to the file, against what the documentation asks
        // for, changes the bytes under the slice. That does no harm to memory here, because callers
        // take nothing but numbers from it of which every bit pattern is one: lengths, offsets and
        // text are copied before they are checked.
        let map = Arc::new(unsafe { Mmap::map(file)? });
        let mut mapped = MAPPED.lock().unwrap_or_else(PoisonError::into_inner);
        mapped.retain(|map| map.strong_count() > 0);
        mapped.push(Arc::downgrade(&map));
        Ok(Bytes::from_owner(Mapped(map)))
    }

    /// Lets go of the memory behind bytes of a mapped file, which are read again from the file
    /// where they are wanted again. Does nothing with other bytes.
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
                // SAFETY: the pages are those of a file, mapped shared and read-only: what is
                // read of them later is what the file holds, as before. They are alive, because
                // `bytes` is.
                let released = unsafe {
                    map.unchecked_advise_range(
                        memmap2::UncheckedAdvice::DontNeed,
                        offset,
                        bytes.len(),
                    )
                };
                // It saves memory and changes nothing else, so that a refusal does no harm.
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
    use std::io::Write;

    use bytes::Bytes;

    #[test]
    fn released_bytes_are_read_again() {
        let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let mut file = tempfile::tempfile().unwrap();
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
        assert!(super::map(&tempfile::tempfile().unwrap()).is_ok_and(|bytes| bytes.is_empty()));
    }
}
