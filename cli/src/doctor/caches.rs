//! The folders in which the command keeps files, and the models there.

use std::fmt;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;

use crossrank::hub::{self, HubOptions};
use serde::Serialize;
use walkdir::WalkDir;

use super::problem::Problem;
use crate::units;

/// A folder of a cache. It may not exist yet.
#[derive(Serialize)]
pub struct Folder {
    /// Its path, in which `~` stands for the user's home folder.
    pub path: String,
    pub exists: bool,
    /// The bytes of all files in it.
    pub bytes: u64,
    pub writable: bool,
}

/// A model in the cache that `--model` can name.
#[derive(Serialize)]
pub struct CachedModel {
    pub name: String,
    pub graph: String,
}

impl Folder {
    /// Examines a folder. `setting` is the variable that names another one.
    pub fn examine(path: &Path, setting: &str, problems: &mut Vec<Problem>) -> Folder {
        let shown = display(path);
        let written = try_to_write(path);
        match &written {
            _ if path.exists() && !path.is_dir() => problems.push(Problem::broken(format!(
                "{shown} is not a folder; set {setting} to a folder, or unset it"
            ))),
            Err(error) => problems.push(Problem::warning(format!(
                "{shown} cannot be written ({error}); set {setting} to a folder that can"
            ))),
            Ok(()) => (),
        }
        Folder { path: shown, exists: path.exists(), bytes: size(path), writable: written.is_ok() }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = if self.exists { units::size(self.bytes) } else { "not there yet".to_owned() };
        let writable = if self.writable { "can be written" } else { "cannot be written" };
        write!(f, "{}: {size}, {writable}", self.path)
    }
}

/// The models in the cache, by their repositories' names.
pub fn models(options: &HubOptions) -> Vec<CachedModel> {
    let entries = fs::read_dir(&options.cache).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_prefix("models--")?.replacen("--", "/", 1))
    });
    let mut models: Vec<CachedModel> = names
        .filter_map(|name| {
            let graph = hub::cached(&name, options).ok()??.graph;
            Some(CachedModel { name, graph })
        })
        .collect();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models
}

/// A path with `~` for the user's home folder.
pub fn display(path: &Path) -> String {
    let home = std::env::home_dir().filter(|home| home.parent().is_some());
    match home.and_then(|home| Some(path.strip_prefix(home).ok()?.to_owned())) {
        Some(rest) => Path::new("~").join(rest).display().to_string(),
        None => path.display().to_string(),
    }
}

fn size(folder: &Path) -> u64 {
    let files = WalkDir::new(folder).into_iter().flatten();
    let sizes = files.filter(|entry| entry.file_type().is_file()).map(|entry| entry.metadata());
    sizes.flatten().map(|metadata| metadata.len()).sum()
}

/// Creates a file and removes it: in the folder, or where the folder would be created.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let name = format!(".crossrank-doctor-{:016x}", RandomState::new().hash_one(folder));
    let file = existing.join(name);
    File::create_new(&file)?;
    fs::remove_file(&file)
}
