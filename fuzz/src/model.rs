//! The small models that targets change, and what a model must keep to however it was changed.

use crossrank::{Embedder, EmbedderOptions, ErrorKind, LoadOptions, ModelFiles, Reranker};

/// The files of a folder of `tests/data`.
pub fn files(folder: &str) -> ModelFiles {
    ModelFiles::read(super::root().join("tests/data").join(folder)).unwrap()
}

/// Texts with what tokenizers treat differently.
pub const TEXTS: [&str; 4] = [
    "what is it",
    "",
    "Æ 漢字 don't\u{301} [MASK] 12,5 \u{200d}👩‍🚀  x\n",
    "this and that, over and over again; a text of some length",
];

/// Loads files as a reranker and as an embedder, and computes something with what loads.
pub fn load_and_run(files: &ModelFiles) {
    let mut options = LoadOptions::default();
    options.threads = Some(1);
    match Reranker::from_files(files, options) {
        Ok(reranker) => score(&reranker),
        Err(error) => check_error(error),
    }
    let mut options = EmbedderOptions::default();
    options.threads = Some(1);
    match Embedder::from_files(files, options) {
        Ok(embedder) => match embedder.embed(&TEXTS) {
            Ok(vectors) => {
                let lengths = vectors.iter().map(Vec::len);
                assert!(lengths.eq([embedder.dimensions(); TEXTS.len()]));
            }
            Err(error) => check_error(error),
        },
        Err(error) => check_error(error),
    }
}

/// A score must not depend on the other pairs of the call.
fn score(reranker: &Reranker) {
    let pairs: Vec<_> = TEXTS.iter().map(|text| (TEXTS[0], *text)).collect();
    let all = match reranker.score(&pairs) {
        Ok(all) => all,
        Err(error) => return check_error(error),
    };
    for (pair, together) in pairs.iter().zip(&all) {
        let alone = reranker.score(std::slice::from_ref(pair)).expect("it was scored with others");
        assert_eq!(alone[0].logit.to_bits(), together.logit.to_bits(), "{pair:?}");
        assert!((0.0..=1.0).contains(&together.score) || together.logit.is_nan());
    }
}

/// An error is one line and says something.
pub fn check_error(error: crossrank::Error) {
    let message = error.to_string();
    assert!(!message.trim().is_empty() && !message.contains('\n'), "{message:?}");
    assert_ne!(error.kind(), ErrorKind::Io, "no file is read: {message}");
}
