//! Runs targets, and gives them the inputs that were kept.

use std::panic::{PanicHookInfo, set_hook};
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};

/// The first panic in this repository's code.
static FOUND: Mutex<Option<String>> = Mutex::new(None);

/// Runs a target. A panic in this repository's code is a finding even where the library turns it into an error:
/// in WebAssembly it ends the instance. A panic in a dependency is one only where nothing catches it.
pub fn watched(run: impl FnOnce()) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| set_hook(Box::new(note)));
    run();
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner).take();
    assert_eq!(found, None, "no code of crossrank panics");
}

#[allow(clippy::print_stderr, reason = "a fuzzer's log is its standard error")]
fn note(panic: &PanicHookInfo) {
    let Some(place) = panic.location() else { return };
    let is_foreign =
        ["/registry/src/", "/rustc/", "/library/"].iter().any(|part| place.file().contains(part));
    if !is_foreign {
        eprintln!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
        *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic.to_string());
    }
}

/// Gives a target each input in its folder of `fuzz/corpus`.
#[allow(
    dead_code,
    clippy::print_stdout,
    reason = "tests call it, and libtest shows what they print"
)]
pub fn replay(root: &Path, target: &str, run: fn(&[u8])) {
    let folder = root.join("fuzz/corpus").join(target);
    let mut inputs: Vec<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{target} has inputs");
    for path in inputs {
        let input = std::fs::read(&path).unwrap();
        println!("{}", path.display());
        watched(|| run(&input));
    }
}
