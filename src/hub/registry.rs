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
    /// The codes of its languages (ISO 639-1), separated by commas, or `multilingual`.
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

/// The licences that allow any use if their text or the authors' names go along, without their versions.
const PERMISSIVE: [&str; 4] = ["apache", "mit", "bsd", "cc-by"];

impl Model {
    /// The size of the file that [`pull`](super::pull) takes, if its first choice is there and its size is
    /// known.
    pub fn megabytes(&self) -> Option<f64> {
        self.graphs.first()?.megabytes
    }

    /// Whether it is for texts in a language, which is given by its code (ISO 639-1). A multilingual model
    /// is for all.
    pub fn reads(&self, language: &str) -> bool {
        let is = |code: &str| code == "multilingual" || code.eq_ignore_ascii_case(language);
        self.languages.split(", ").any(is)
    }

    /// Whether its licence is known to allow any use if its text or the authors' names go along.
    pub fn is_permissive(&self) -> bool {
        // `bsd-3-clause` and `cc-by-4.0`, but not `cc-by-nc-4.0`.
        let is = |license: &str| {
            PERMISSIVE.iter().any(|name| {
                let version = license.strip_prefix(name).map(|rest| rest.strip_prefix('-'));
                license == *name
                    || version
                        .flatten()
                        .is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()))
            })
        };
        self.license.as_deref().is_some_and(is)
    }

    /// Whether its licence forbids commercial use.
    pub fn forbids_commercial_use(&self) -> bool {
        self.license.as_deref().is_some_and(|license| license.split('-').any(|part| part == "nc"))
    }
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
    /// No graph like that of the model has been tried.
    Unknown,
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

    #[test]
    fn licences_and_languages() {
        let with = |license: Option<&str>, languages: &str| {
            let (license, languages) = (license.map(str::to_owned), languages.to_owned());
            Model { license, languages, ..models()[0].clone() }
        };
        for license in ["apache-2.0", "mit", "bsd", "bsd-3-clause", "cc-by-4.0"] {
            let model = with(Some(license), "en");
            assert!(model.is_permissive() && !model.forbids_commercial_use(), "{license}");
        }
        for license in ["cc-by-nc-4.0", "cc-by-sa-4.0", "cc-by-nd-4.0", "gpl-3.0", "mitx", "other"]
        {
            let model = with(Some(license), "en");
            assert!(!model.is_permissive(), "{license}");
            assert_eq!(model.forbids_commercial_use(), license == "cc-by-nc-4.0", "{license}");
        }
        assert!(!with(None, "en").is_permissive() && !with(None, "en").forbids_commercial_use());
        let reads = |languages, language| with(None, languages).reads(language);
        assert!(reads("en, zh", "zh") && reads("en", "EN") && reads("multilingual", "de"));
        assert!(!reads("en, zh", "de") && !reads("en", "e") && !reads("en, zh", "en, zh"));
    }
}
