//! Loading the embedders.

use crossrank::server::EmbeddingModel;
use crossrank::{Embedder, EmbedderOptions, ModelFiles};

use super::args::ServeArgs;
use crate::error::CliError;
use crate::model;
use crate::routes::name_and_path;

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
    if args.embedder.is_empty() && !args.routes.has_model() {
        return Ok(vec![load(BUNDLED)?]);
    }
    args.embedder.iter().map(|given| load(given)).collect()
}
