//! The name of a model, and the repository that holds it.

use super::registry::{Model, find};
use crate::error::{Error, ErrorKind, Result};

/// Whether a text can be the name of a model: it is the name of a known model, or has the form
/// `owner/repository`.
pub fn is_name(text: &str) -> bool {
    find(text).is_some() || (text.contains('/') && is_repository(text))
}

/// Whether the hub accepts a text as the name of a repository. The rules are those of
/// `huggingface_hub.utils.validate_repo_id`.
pub(super) fn is_repository(text: &str) -> bool {
    let is_valid = |part: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let end = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        part.bytes().all(inner) && end(part.bytes().next()) && end(part.bytes().last())
    };
    let parts: Vec<&str> = text.split('/').collect();
    let has_doubles = text.contains("--") || text.contains("..");
    parts.len() <= 2 && !has_doubles && text.len() <= 96 && parts.into_iter().all(is_valid)
}

/// The repository of a model.
pub(super) struct Source {
    /// What is known about the model.
    pub model: Option<&'static Model>,
    pub repository: String,
}

impl Source {
    /// The source of a known model, or else the repository with this name.
    pub fn of(name: &str) -> Result<Source> {
        let model = find(name);
        let repository = model.and_then(|model| model.repository.as_deref()).unwrap_or(name);
        if !is_repository(repository) {
            let message = format!(
                "{name} is not a model's name; give one like BAAI/bge-reranker-base, or one that \
                 `crossrank models` lists"
            );
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        Ok(Source { model, repository: repository.to_owned() })
    }
}
