//! Writes the files of a site's search into their folder.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crossrank::site::{MANIFEST_NAME, SiteFiles};

use crate::error::{CliError, io};
use crate::output::message;
use crate::replace::replace;

/// The name of the file that is locked while a build writes.
const LOCK_NAME: &str = ".lock";

/// The folder of the files, into which no other build writes until this is dropped.
pub struct Output {
    folder: PathBuf,
    _lock: File,
}

impl Output {
    /// Makes the folder, and waits until no other build writes into it.
    pub fn open(folder: &Path) -> Result<Output, CliError> {
        let what = || format!("cannot write into {}", folder.display());
        fs::create_dir_all(folder).map_err(io(what()))?;
        let folder = folder.canonicalize().map_err(io(what()))?;
        if !folder.join(MANIFEST_NAME).exists() && holds_other_files(&folder).map_err(io(what()))? {
            let message = format!(
                "{} holds files that are not of a site's search; name another folder with --output",
                folder.display()
            );
            return Err(CliError::new("invalid-argument", message));
        }
        let lock = File::create(folder.join(LOCK_NAME)).map_err(io(what()))?;
        if lock.try_lock().is_err() {
            message(format_args!("waits for another build that writes into {}", folder.display()));
            // Where the file system has no locks, nobody runs two builds at once either way.
            drop(lock.lock());
        }
        Ok(Output { folder, _lock: lock })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the files that are not there, then the manifest, then removes the files of earlier builds.
    /// At each moment, the manifest names only files that are there. Returns the number of bytes of all.
    pub fn write(&self, site: &SiteFiles) -> Result<u64, CliError> {
        let mut bytes = site.manifest.len() as u64;
        for (name, content) in &site.files {
            bytes += content.len() as u64;
            let path = self.folder.join(name);
            // The name holds the hash of the content.
            if fs::metadata(&path).is_ok_and(|there| there.len() == content.len() as u64) {
                continue;
            }
            write(&path, content)?;
        }
        write(&self.folder.join(MANIFEST_NAME), &site.manifest)?;
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_old = name.to_str().is_some_and(|name| {
                is_file_name(name) && !site.files.contains_key(name) && name != MANIFEST_NAME
            });
            if is_old {
                // A file that stays does no harm.
                drop(fs::remove_file(entry.path()));
            }
        }
        Ok(bytes)
    }
}

pub fn write(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let what = || format!("cannot write {}", path.display());
    replace(path, |_, mut file| file.write_all(content).map_err(io(what())))
}

/// Whether a name is one that a build gives, such as `terms-0123456789.bin`, or gives while it writes.
fn is_file_name(name: &str) -> bool {
    let (name, is_unfinished) =
        match name.strip_suffix(".unfinished").and_then(|n| n.rsplit_once('.')) {
            Some((name, _)) => (name, true),
            None => (name, false),
        };
    let stem = name.strip_suffix(".bin").and_then(|stem| stem.split_once('-'));
    let is_hashed = stem.is_some_and(|(kind, hash)| {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        kind.bytes().all(|byte| byte.is_ascii_lowercase())
            && hash.len() == 10
            && hash.bytes().all(is_digit)
    });
    is_hashed || is_unfinished && name == MANIFEST_NAME
}

fn holds_other_files(folder: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !name.to_str().is_some_and(|name| is_file_name(name) || name == LOCK_NAME) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_build_are_removed() {
        for name in [
            "terms-0123456789.bin",
            "terms-0123456789.bin.0123456789abcdef.unfinished",
            "manifest.bin.0123456789abcdef.unfinished",
        ] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["manifest.bin", "data.bin", "a-b.bin", "terms-0123456789.txt", "x.unfinished"]
        {
            assert!(!is_file_name(name), "{name}");
        }
    }
}
