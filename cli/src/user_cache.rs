//! The folder of this user for files that can be made again.

use std::env;
use std::path::PathBuf;

/// `XDG_CACHE_HOME/crossrank` or `~/.cache/crossrank`. `None` if the user has no home folder.
pub fn folder() -> Option<PathBuf> {
    let set = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty());
    let folder = set.map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cache")))?;
    Some(folder.join("crossrank"))
}
