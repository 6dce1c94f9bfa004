//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use super::{CliError, io};

/// Makes a file beside its place, and moves it there whole. A file that is there is replaced, or
/// stays.
pub fn replace<T>(
    path: &Path,
    make: impl FnOnce(&Path, &File) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let what = || format!("cannot write {}", path.display());
    // Of its own, because another run may be writing the same file.
    let number = RandomState::new().hash_one(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!("{name}.{number:016x}.unfinished"));
    let file = File::create_new(&unfinished).map_err(io(what()))?;
    let made = make(&unfinished, &file).and_then(|made| {
        // A file that a power failure cut short would have its final name all the same.
        file.sync_all().map_err(io(what()))?;
        fs::rename(&unfinished, path).map_err(io(what()))?;
        Ok(made)
    });
    if made.is_err() {
        // What failed is told; a file that stays is no more than that.
        drop(fs::remove_file(&unfinished));
    }
    made
}
