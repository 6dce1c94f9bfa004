//! The options of downloads, with defaults from the environment.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::model_dir::is_graph;

/// Where models come from, and where they are stored. [`HubOptions::from_env`] has the defaults.
#[derive(Clone)]
#[non_exhaustive]
pub struct HubOptions<'a> {
    /// The hub's address: `HF_ENDPOINT`, or `https://huggingface.co`.
    pub endpoint: String,
    /// The access token, which is sent only to that address: `HF_TOKEN`, or the content of the file
    /// `HF_TOKEN_PATH`, or of `HF_HOME/token`, where `hf auth login` stores it.
    pub token: Option<String>,
    /// The folder of the cache: `HF_HUB_CACHE`, or `HF_HOME/hub`. If `HF_HOME` is not set, it is
    /// `XDG_CACHE_HOME/huggingface` or `~/.cache/huggingface`.
    pub cache: PathBuf,
    /// Whether downloads are forbidden: true if `HF_HUB_OFFLINE` is 1, on, yes or true.
    pub offline: bool,
    /// A branch, a tag or a commit. Default: `main`.
    pub revision: String,
    /// The path of the graph in the repository, instead of the usual paths.
    pub file: Option<String>,
    /// How often a request is repeated after a transient failure: no connection, a timeout, or status
    /// 408, 429 or 5xx. The count restarts whenever a request brings new bytes. Default: 4.
    pub retries: u32,
    /// The wait before the first retry. It doubles for each later one up to 8 s, and is shortened by
    /// a random part of up to a half. `Retry-After` replaces it; if that is more than 60 s, the call
    /// fails. Default: 500 ms.
    pub retry_delay: Duration,
    /// The timeout for connecting, for the response, and for the next bytes, each. Default: 30 s.
    pub timeout: Duration,
    /// Called with the progress of the download.
    pub progress: Option<&'a dyn Fn(Progress<'_>)>,
}

/// The progress of a download.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The path of the current file in the repository.
    pub file: &'a str,
    /// The bytes so far, of all files that were missing. A resumed file counts in full.
    pub loaded: u64,
    /// The bytes of all files that were missing.
    pub total: u64,
}

impl HubOptions<'_> {
    /// The defaults, from the environment variables of `huggingface_hub`.
    pub fn from_env() -> HubOptions<'static> {
        let text = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let user = || path("XDG_CACHE_HOME").or_else(|| Some(env::home_dir()?.join(".cache")));
        let home = path("HF_HOME").or_else(|| Some(user()?.join("huggingface")));
        let home = home.unwrap_or_else(|| PathBuf::from("huggingface"));
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let is_true = |value: String| ["1", "ON", "YES", "TRUE"].contains(&&*value.to_uppercase());
        HubOptions {
            endpoint: text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into()),
            token: text("HF_TOKEN").or_else(|| token_in(&token_file)),
            cache: path("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub")),
            offline: text("HF_HUB_OFFLINE").is_some_and(is_true),
            revision: "main".into(),
            file: None,
            retries: 4,
            retry_delay: Duration::from_millis(500),
            timeout: Duration::from_secs(30),
            progress: None,
        }
    }

    /// Checks the options that become parts of paths.
    pub(super) fn check(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
        if !is_inside(&self.revision) {
            let message = format!(
                "{:?} is not a revision; give a branch, a tag or a commit, such as main",
                self.revision
            );
            return invalid(message);
        }
        match &self.file {
            Some(file) if !is_inside(file) || !is_graph(file) => invalid(format!(
                "{file:?} is not a graph; give its path in the repository, such as onnx/model.onnx or \
                 model.safetensors"
            )),
            _ => Ok(()),
        }
    }
}

/// Whether a path of a repository stays inside a folder on every system.
pub(super) fn is_inside(path: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
    path.split('/').all(|part| {
        !part.is_empty() && part.bytes().all(is_plain) && part.bytes().any(|b| b != b'.')
    })
}

fn token_in(file: &Path) -> Option<String> {
    let token = fs::read_to_string(file).ok()?.trim().to_owned();
    Some(token).filter(|token| !token.is_empty())
}
