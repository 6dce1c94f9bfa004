//! The name of a model, and the repository that holds it.

use std::path::Path;

use super::options::HubOptions;
use super::registry::{Model, find};
use crate::error::{Error, ErrorKind, Result};
use crate::model_dir::is_graph;

/// Whether a text can be the name of a model: it is the name of a known model, or has the form
/// `owner/repository`.
pub fn is_name(text: &str) -> bool {
    find(text).is_some() || (text.contains('/') && is_repository(text))
}

/// A model's name as people write it: `NAME[@REVISION][:GRAPH]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelName<'a> {
    /// The name, for [`pull`](super::pull), [`cached`](super::cached) and [`read`](super::read).
    pub name: &'a str,
    /// A branch, a tag or a commit.
    pub revision: Option<&'a str>,
    /// The path of the graph in the repository.
    pub graph: Option<&'a str>,
}

impl<'a> ModelName<'a> {
    /// Reads a name. `None` for the path of a file or folder that exists, for `FOLDER:GRAPH` with a
    /// folder that exists, for the path of a graph, and for what [`is_name`] refuses. Those are for
    /// [`ModelFiles::read`](crate::ModelFiles::read).
    pub fn parse(given: &'a Path) -> Option<ModelName<'a>> {
        let text = given.to_str().filter(|_| !is_path(given))?;
        let split = |text: &'a str, separator| match text.split_once(separator) {
            Some((before, after)) => (before, Some(after)),
            None => (text, None),
        };
        let (rest, graph) = split(text, ':');
        let (name, revision) = split(rest, '@');
        is_name(name).then_some(ModelName { name, revision, graph })
    }

    /// The options with the revision and the graph of this name, if it has them.
    pub fn options<'o>(&self, mut options: HubOptions<'o>) -> HubOptions<'o> {
        options.revision = self.revision.map_or(options.revision, str::to_owned);
        options.file = self.graph.map(str::to_owned).or(options.file);
        options
    }
}

fn is_path(given: &Path) -> bool {
    let text = given.to_string_lossy();
    match text.rsplit_once(':') {
        Some((folder, graph)) if is_graph(graph) => Path::new(folder).is_dir(),
        _ => given.exists() || is_graph(&text),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_paths() {
        let parse = |given: &'static str| {
            let parsed = ModelName::parse(Path::new(given));
            parsed.map(|ModelName { name, revision, graph }| (name, revision, graph))
        };
        assert_eq!(parse("owner/model"), Some(("owner/model", None, None)));
        let whole = parse("owner/model@v1:onnx/model.onnx");
        assert_eq!(whole, Some(("owner/model", Some("v1"), Some("onnx/model.onnx"))));
        assert_eq!(parse("minilm-l6-en"), Some(("minilm-l6-en", None, None)));
        for path in ["models/minilm-l6-en", "owner/model.onnx", "unknown", "a/b/c", "src:x.onnx"] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_name_sets_the_revision_and_the_graph() {
        let mut options = HubOptions::from_env();
        options.revision = "v1".into();
        options.file = Some("onnx/model.onnx".into());
        let name = ModelName { name: "owner/model", revision: None, graph: None };
        let unchanged = name.options(options.clone());
        assert_eq!((&*unchanged.revision, unchanged.file), ("v1", options.file.clone()));
        let name = ModelName { revision: Some("v2"), graph: Some("model.onnx"), ..name };
        let changed = name.options(options);
        assert_eq!((&*changed.revision, changed.file.as_deref()), ("v2", Some("model.onnx")));
    }
}
