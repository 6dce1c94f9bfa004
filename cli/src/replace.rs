//! Writes a file as a whole, or not at all.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use crate::error::{CliError, io};

/// Writes a temporary file beside `path` with `make`, and renames it to `path`. A file that exists
/// is replaced as a whole; after an error it stays as it is.
pub fn replace<T>(
    path: &Path,
    make: impl FnOnce(&Path, &File) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let what = || format!("cannot write {}", path.display());
    // A random name, because another run may be writing the same file.
    let number = RandomState::new().hash_one(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!("{name}.{number:016x}.unfinished"));
    let file = File::create_new(&unfinished).map_err(io(what()))?;
    let made = make(&unfinished, &file).and_then(|made| {
        // Without this, a power failure could leave an incomplete file under its final name.
        file.sync_all().map_err(io(what()))?;
        fs::rename(&unfinished, path).map_err(io(what()))?;
        Ok(made)
    });
    if made.is_err() {
        // The first error is the one to report. A temporary file that stays does no harm.
        drop(fs::remove_file(&unfinished));
    }
    made
}
