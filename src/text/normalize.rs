//! The normalization forms of Unicode.

/// The form in which texts that look the same are the same, with accents behind their letters.
pub const NFKD: &str = "NFKD";
/// The form with one character for a letter with its accents.
pub const NFC: &str = "NFC";

#[cfg(not(all(target_arch = "wasm32", feature = "site-js")))]
mod tables {
    use unicode_normalization_alignments::UnicodeNormalization;

    /// A text in a form.
    pub fn normalize(text: &str, form: &str) -> String {
        match form {
            super::NFC => text.nfc().map(|(c, _)| c).collect(),
            _ => text.nfkd().map(|(c, _)| c).collect(),
        }
    }
}

/// Half of the reader's WebAssembly would be Unicode's tables, which every JavaScript engine has.
#[cfg(all(target_arch = "wasm32", feature = "site-js"))]
mod engine {
    use std::sync::OnceLock;

    type Normalize = fn(&str, &str) -> String;

    static NORMALIZE: OnceLock<Normalize> = OnceLock::new();

    /// Says what normalizes texts. Until then, they stay as they are.
    pub fn set_normalize(normalize: Normalize) {
        NORMALIZE.get_or_init(|| normalize);
    }

    /// A text in a form.
    pub fn normalize(text: &str, form: &str) -> String {
        match NORMALIZE.get() {
            Some(normalize) => normalize(text, form),
            None => text.to_owned(),
        }
    }
}

#[cfg(all(target_arch = "wasm32", feature = "site-js"))]
pub use engine::{normalize, set_normalize};
#[cfg(not(all(target_arch = "wasm32", feature = "site-js")))]
pub use tables::normalize;
