//! Loading the models.

use std::sync::Arc;

use crossrank::server::{EmbeddingModel, Model};
use crossrank::{Embedder, EmbedderOptions, LoadOptions, ModelFiles, ScoreCache};

use super::args::{ServeArgs, name_and_path};
use crate::device::Reporter;
use crate::error::CliError;
use crate::model;

pub fn models(
    args: &ServeArgs,
    threads: usize,
    cache: &Option<Arc<ScoreCache>>,
) -> Result<Vec<Model>, CliError> {
    let load = |name: String, files: ModelFiles| {
        let mut options = LoadOptions::default();
        options.threads = Some(threads);
        options.cache = cache.clone();
        options.long_documents = args.long.chosen();
        let reporter = Reporter {
            info: |text| tracing::info!("{text}"),
            warn: |text| tracing::warn!("{text}"),
        };
        let reranker = args.device.load(&files, options, reporter)?;
        tracing::info!(model = name, kernel = reranker.current().kernel(), "loaded");
        Ok(Model { name, reranker })
    };
    if args.model.is_empty() {
        return Ok(vec![load("minilm-l6-en".into(), ModelFiles::bundled_reranker()?)?]);
    }
    let models = args.model.iter().map(|given| {
        let (name, path) = name_and_path(given);
        load(name, model::read(path)?)
    });
    models.collect()
}

pub fn embedders(args: &ServeArgs) -> Result<Vec<EmbeddingModel>, CliError> {
    const BUNDLED: &str = "bundled";
    let load = |given: &str| {
        let (name, files) = match given {
            BUNDLED => ("all-minilm-l6-v2".to_owned(), ModelFiles::bundled_embedder()?),
            _ => {
                let (name, path) = name_and_path(given);
                (name, model::read(path)?)
            }
        };
        let embedder = Embedder::from_files(&files, EmbedderOptions::default())?;
        let (warning, kernel) = (embedder.warning(), embedder.kernel());
        tracing::info!(model = name, kernel, warning, "loaded");
        Ok(EmbeddingModel { name, embedder })
    };
    if args.embedder.is_empty() && args.model.is_empty() {
        return Ok(vec![load(BUNDLED)?]);
    }
    args.embedder.iter().map(|given| load(given)).collect()
}
