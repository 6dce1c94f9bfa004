//! The models that are known by name, with published facts about them.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A model that `crossrank models` lists.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Model {
    /// The name under which it was published, such as `BAAI/bge-reranker-v2-m3`. The part after the
    /// slash is a name of it too.
    pub name: String,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is for.
    pub task: Task,
    /// Whether it is part of this library, see [`crate::ModelFiles::bundled_reranker`]. It then has
    /// no repository.
    #[serde(default)]
    pub bundled: bool,
    /// The repository that holds it as ONNX. It may have another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The revision of a bundled model's weights, see [`crate::Reranker::revision`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The graphs in the repository, in the order of preference.
    pub graphs: Vec<Graph>,
    /// The architecture, by its name in transformers.
    pub architecture: String,
    /// The engine that runs it.
    pub engine: Engine,
    /// Its languages, as codes if they are few.
    pub languages: String,
    /// Its parameters in millions, if that was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub million_parameters: Option<f64>,
    /// The maximum number of tokens in a pair, or in a text of an embedder, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Its licence as an SPDX identifier in lower case, or `other`, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Its page, or its folder in this library's source.
    pub source: String,
    /// Published figures of its quality.
    pub quality: Vec<Quality>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Task {
    /// Scores of pairs.
    Rerank,
    /// Vectors of texts.
    Embed,
}

/// The engine that runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Engine {
    /// The fused engine.
    Fused,
    /// The slower general engine, with the feature `general`.
    General,
}

/// A graph in a model's repository.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Graph {
    /// Its path in the repository.
    pub path: String,
    /// Its size with its external data, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub megabytes: Option<f64>,
}

/// A published figure.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Quality {
    /// The metric, such as `nDCG@10`.
    pub metric: String,
    /// The data set.
    pub set: String,
    /// The figure times 100, as it was published.
    pub value: f64,
    /// Where it was published.
    pub source: String,
}

/// All known models. In each family the smaller ones come first.
pub fn models() -> &'static [Model] {
    static MODELS: OnceLock<Vec<Model>> = OnceLock::new();
    MODELS.get_or_init(|| {
        serde_json::from_str(include_str!("registry.json")).expect("the registry is valid")
    })
}

/// Finds a known model by its name or an alias, with or without the part before the slash.
pub fn find(name: &str) -> Option<&'static Model> {
    models().iter().find(|model| {
        let mut names = std::iter::once(&model.name).chain(&model.aliases);
        names.any(|known| known == name || known.rsplit('/').next() == Some(name))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::hub::source::is_repository;

    #[test]
    fn names_are_unique_and_found() {
        let mut seen = BTreeSet::new();
        for model in models() {
            for name in std::iter::once(&model.name).chain(&model.aliases) {
                let short = name.rsplit('/').next().unwrap();
                assert!(seen.insert(short), "{short} is listed twice");
                assert_eq!(find(name).unwrap().name, model.name);
                assert_eq!(find(short).unwrap().name, model.name);
            }
            assert_eq!(model.bundled, model.repository.is_none());
            assert!(model.repository.as_deref().is_none_or(is_repository));
            assert!(!model.graphs.is_empty());
            assert!(model.bundled || model.source.starts_with("https://huggingface.co/"));
        }
        assert!(find("bge-reranker").is_none());
    }
}
