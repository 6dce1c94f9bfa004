//! Makes SQLite know sqlite-vec's tables of vectors. The only unsafe code outside the library's
//! kernels: an extension in C is a function pointer, whatever calls it.

use std::sync::Once;

use rusqlite::auto_extension::{RawAutoExtension, register_auto_extension};

/// Registers the extension once a process: connections opened later know `vec0`.
#[allow(unsafe_code)]
pub fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let init = sqlite_vec::sqlite3_vec_init as *const ();
        // SAFETY: sqlite-vec declares its entry point without arguments, and defines it in C with
        // those of every SQLite extension, which `RawAutoExtension` has. It opens and closes no
        // connection, and leaves the list of extensions alone.
        let registered = unsafe {
            register_auto_extension(std::mem::transmute::<*const (), RawAutoExtension>(init))
        };
        registered.expect("SQLite has memory for the name of an extension");
    });
}
