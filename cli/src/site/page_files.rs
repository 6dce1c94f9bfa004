//! Puts what pages load beside the index: the script of the search and its WebAssembly, and models.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use crossrank::ModelFiles;

use super::output::write;
use crate::error::{CliError, io, not_written};
use crate::model;
use crate::replace::replace;

/// The files of the npm package `crossrank`, and their names beside the index.
const SCRIPT: (&str, &str) = ("dist/site/page.js", "crossrank-search.js");
const READER: &str = "dist/crossrank-site.wasm";
const LANGUAGES_READER: &str = "dist/crossrank-site-languages.wasm";
const READER_NAME: &str = "crossrank-site.wasm";
const RUNTIME: [(&str, &str); 4] = [
    ("dist/web.js", "models/web.js"),
    ("dist/worker.js", "models/worker.js"),
    ("dist/crossrank.wasm", "models/crossrank.wasm"),
    ("dist/crossrank-relaxed-simd.wasm", "models/crossrank-relaxed-simd.wasm"),
];
const RERANKER: &str = "models/reranker.crossrank";
const EMBEDDER: &str = "models/embedder.crossrank";

#[derive(Args)]
pub struct PageFilesArgs {
    /// The npm package crossrank, such as node_modules/crossrank, whose script for pages is copied beside the index
    #[arg(long, value_name = "DIR")]
    package: Option<PathBuf>,
    /// Write a reranker for pages too, with this model: a folder, a prepared model, or the name of a model
    /// that crossrank pull has downloaded [default: the bundled model]
    #[arg(long, value_name = "PATH|NAME", num_args = 0..=1, require_equals = true, requires = "package")]
    reranker: Option<Option<PathBuf>>,
}

impl PageFilesArgs {
    pub fn has_reranker(&self) -> bool {
        self.reranker.is_some()
    }

    /// Writes the files that are not there yet. `needs_languages` says whether the pages need the stemmers of
    /// other languages than English, and `embedder` is the prepared embedder with which they embed queries.
    pub fn write(
        &self,
        folder: &Path,
        needs_languages: bool,
        embedder: Option<&[u8]>,
    ) -> Result<(), CliError> {
        let Some(package) = &self.package else { return Ok(()) };
        let reader = if needs_languages { LANGUAGES_READER } else { READER };
        copy(package, folder, &[SCRIPT, (reader, READER_NAME)])?;
        if self.reranker.is_none() && embedder.is_none() {
            return Ok(());
        }
        let what = || format!("cannot write into {}", folder.display());
        fs::create_dir_all(folder.join("models")).map_err(io(what()))?;
        copy(package, folder, &RUNTIME)?;
        if let Some(model) = &self.reranker {
            let files = match model {
                Some(given) => model::read(given)?,
                None => ModelFiles::bundled_reranker()?,
            };
            let path = folder.join(RERANKER);
            replace(&path, |_, file| files.prepare_to(file).map_err(not_written(&path)))?;
        }
        if let Some(content) = embedder {
            write(&folder.join(EMBEDDER), content)?;
        }
        Ok(())
    }
}

fn copy(package: &Path, folder: &Path, files: &[(&str, &str)]) -> Result<(), CliError> {
    for (from, to) in files {
        let from = package.join(from);
        let content = fs::read(&from).map_err(|error| {
            let message = format!(
                "cannot read {} ({error}); name the folder of the npm package crossrank with --package",
                from.display()
            );
            CliError::new("io", message)
        })?;
        write(&folder.join(to), &content)?;
    }
    Ok(())
}
