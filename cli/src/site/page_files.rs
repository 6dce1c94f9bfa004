//! Puts what pages load beside the index: the script of the search and its WebAssembly, and a reranker.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use crossrank::ModelFiles;

use crate::error::{CliError, io, not_written};
use crate::model;
use crate::replace::replace;

/// The files of the npm package `crossrank`, and their names beside the index.
const SCRIPT: (&str, &str) = ("dist/site/page.js", "crossrank-search.js");
const READER: &str = "dist/crossrank-site.wasm";
const LANGUAGES_READER: &str = "dist/crossrank-site-languages.wasm";
const READER_NAME: &str = "crossrank-site.wasm";
const RERANKER: [(&str, &str); 4] = [
    ("dist/web.js", "reranker/web.js"),
    ("dist/worker.js", "reranker/worker.js"),
    ("dist/crossrank.wasm", "reranker/crossrank.wasm"),
    ("dist/crossrank-relaxed-simd.wasm", "reranker/crossrank-relaxed-simd.wasm"),
];
const MODEL: &str = "reranker/model.crossrank";

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

    /// Writes the files that are not there yet, and removes a reranker that is not wanted any more.
    /// `needs_languages` says whether the pages need the stemmers of other languages than English.
    pub fn write(&self, folder: &Path, needs_languages: bool) -> Result<(), CliError> {
        let Some(package) = &self.package else { return Ok(()) };
        let reader = if needs_languages { LANGUAGES_READER } else { READER };
        copy(package, folder, &[SCRIPT, (reader, READER_NAME)])?;
        let Some(model) = &self.reranker else { return Ok(()) };
        let what = || format!("cannot write into {}", folder.display());
        fs::create_dir_all(folder.join("reranker")).map_err(io(what()))?;
        copy(package, folder, &RERANKER)?;
        let files = match model {
            Some(given) => model::read(given)?,
            None => ModelFiles::bundled_reranker()?,
        };
        let path = folder.join(MODEL);
        replace(&path, |_, file| files.prepare_to(file).map_err(not_written(&path)))
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
        let to = folder.join(to);
        let what = format!("cannot write {}", to.display());
        replace(&to, |_, mut file| file.write_all(&content).map_err(io(what)))?;
    }
    Ok(())
}
