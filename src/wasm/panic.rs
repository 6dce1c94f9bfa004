//! The source location of the last panic of a WebAssembly instance.

use std::sync::Mutex;

use wasm_bindgen::prelude::*;

/// A panic ends in a trap, which itself says only "unreachable".
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Records the location of a panic. Its message is not recorded, because it may quote a document.
pub fn record_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST_PANIC.try_lock() {
            *last = panic.location().map(|location| location.to_string());
        }
    }));
}

/// The location of the panic that ended this instance, if one did.
#[wasm_bindgen(js_name = lastPanic)]
pub fn last_panic() -> Option<String> {
    LAST_PANIC.try_lock().ok()?.clone()
}
