//! A model by its path, or by its name.

use std::path::Path;

use crossrank::ModelFiles;
use crossrank::hub::{self, HubOptions};

use super::CliError;

/// Reads a model folder or a prepared model, or else what has this name: `NAME[@REVISION][:GRAPH]`.
pub fn read(given: &Path) -> Result<ModelFiles, CliError> {
    let name = given.to_str().map(Named::of).filter(|named| hub::is_name(named.name));
    let Some(Named { name, revision, graph }) = name.filter(|_| !given.exists()) else {
        return Ok(ModelFiles::read(given)?);
    };
    let mut options = HubOptions::from_env();
    options.revision = revision.map_or(options.revision, str::to_owned);
    options.file = graph.map(str::to_owned);
    Ok(hub::read(name, &options)?)
}

struct Named<'a> {
    name: &'a str,
    revision: Option<&'a str>,
    graph: Option<&'a str>,
}

impl Named<'_> {
    fn of(given: &str) -> Named<'_> {
        let cut = |text, mark| match str::split_once(text, mark) {
            Some((before, after)) => (before, Some(after)),
            None => (text, None),
        };
        let (rest, graph) = cut(given, ':');
        let (name, revision) = cut(rest, '@');
        Named { name, revision, graph }
    }
}
