//! Models that are known by name, and what was published of them.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A model that `crossrank models` lists.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Model {
    /// The name under which it was published, such as `BAAI/bge-reranker-v2-m3`. What follows the
    /// slash means it too.
    pub name: String,
    /// Other names of it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is for.
    pub task: Task,
    /// It is part of this library (see [`crate::ModelFiles::bundled_reranker`]) and in no repository.
    #[serde(default)]
    pub bundled: bool,
    /// The repository that holds it as ONNX, which may be another than its name's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Where its graph may lie there, in the order of preference.
    pub graphs: Vec<Graph>,
    /// The architecture, by its name in transformers.
    pub architecture: String,
    /// What runs it.
    pub engine: Engine,
    /// Its languages, by their codes where they are few.
    pub languages: String,
    /// Its parameters in millions, where they were published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub million_parameters: Option<f64>,
    /// The most tokens in a pair, or in an embedder's text, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Its licence by its SPDX name in lower case, or `other`, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Its page, or its folder in this library's source.
    pub source: String,
    /// What others measured.
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

/// What runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Engine {
    /// The fused operators.
    Fused,
    /// tract's operators, slower, by the feature `general`.
    General,
}

/// A graph in a model's repository.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Graph {
    /// Its path.
    pub path: String,
    /// Its size with its external data, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub megabytes: Option<f64>,
}

/// A published figure.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Quality {
    /// Such as `nDCG@10`.
    pub metric: String,
    /// What it was measured on.
    pub set: String,
    /// Times 100, as these figures are published.
    pub value: f64,
    /// Where it was read.
    pub source: String,
}

/// The models that are known, the smaller ones of a family first.
pub fn models() -> &'static [Model] {
    static MODELS: OnceLock<Vec<Model>> = OnceLock::new();
    MODELS.get_or_init(|| {
        serde_json::from_str(include_str!("registry.json")).expect("the registry is ours")
    })
}

/// The model with this name or alias, or whose name ends in a slash and this.
pub fn find(name: &str) -> Option<&'static Model> {
    let short = |long: &str| long.rsplit('/').next().expect("there is a last part") == name;
    models().iter().find(|model| {
        let mut names = std::iter::once(&model.name).chain(&model.aliases);
        names.any(|known| known == name || short(known))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::hub::is_repository;

    #[test]
    fn names_are_unique_and_found() {
        let mut seen = BTreeSet::new();
        for model in models() {
            for name in std::iter::once(&model.name).chain(&model.aliases) {
                let short = name.rsplit('/').next().unwrap();
                assert!(seen.insert(short), "{short} is there twice");
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
