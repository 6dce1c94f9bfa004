//! Writes a file as a whole, or not at all.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use crate::error::{CliError, io};

/// Writes a temporary file beside `path` with `make`, and renames it to `path`. A file that exists
/// is replaced as a whole; after an error it stays as it is. What is not a file, such as a device, is
/// not replaced.
pub fn replace<T>(
    path: &Path,
    make: impl FnOnce(&Path, &File) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let what = || format!("cannot write {}", path.display());
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(CliError::new("io", format!("{}: it is not a file; name a file", what())));
    }
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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use temp_dir::TempDir;

    use super::*;

    #[test]
    fn a_device_is_not_replaced() {
        let folder = TempDir::new().unwrap();
        let link = folder.path().join("null");
        symlink("/dev/null", &link).unwrap();
        let message = replace(&link, |_, _| Ok(())).unwrap_err().message;
        assert!(message.contains("not a file"), "{message}");
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
