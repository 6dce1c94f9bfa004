//! Where the last panic of a WebAssembly instance was.

use std::sync::Mutex;

use wasm_bindgen::prelude::*;

/// A panic traps, and the trap itself says only "unreachable".
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the place of a panic and not its text, which may quote a document.
pub fn keep() {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST_PANIC.try_lock() {
            *last = panic.location().map(|place| place.to_string());
        }
    }));
}

/// The place of the panic that ended this instance, if one did.
#[wasm_bindgen(js_name = lastPanic)]
pub fn last_panic() -> Option<String> {
    LAST_PANIC.try_lock().ok()?.clone()
}
