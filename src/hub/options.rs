//! What a pull is told, and what the environment says where it is told nothing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// Where models come from, and where they are kept.
#[derive(Clone)]
#[non_exhaustive]
pub struct HubOptions<'a> {
    /// The hub's address: `HF_ENDPOINT`, or `https://huggingface.co`.
    pub endpoint: String,
    /// Sent to that address, and to no other: `HF_TOKEN`, or the content of the file
    /// `HF_TOKEN_PATH`, or of `HF_HOME/token`, where `hf auth login` puts it.
    pub token: Option<String>,
    /// The cache's folder: `HF_HUB_CACHE`, or `HF_HOME/hub`. `HF_HOME` is
    /// `XDG_CACHE_HOME/huggingface`, or `~/.cache/huggingface`, where it is not set.
    pub cache: PathBuf,
    /// Nothing is asked of anybody: `HF_HUB_OFFLINE`, where it is 1, on, yes or true.
    pub offline: bool,
    /// A branch, a tag or a commit. Default: `main`.
    pub revision: String,
    /// The graph's path in the repository, in place of the usual ones.
    pub file: Option<String>,
    /// Requests after one that failed in a passing way: no connection, no byte in time, status 408,
    /// 429 or 5xx. One that brings something new begins the count again. Default: 4.
    pub retries: u32,
    /// The wait before the first retry, doubled for each later one up to 8 s, less up to a half
    /// by chance. Default: 500 ms. `Retry-After` goes before it; one of more than 60 s ends the call.
    pub retry_delay: Duration,
    /// The longest that the hub may take to connect, to answer, and to send the next bytes.
    /// Default: 30 s.
    pub timeout: Duration,
    /// Told how far the files are.
    pub progress: Option<&'a dyn Fn(Progress<'_>)>,
}

/// How far a pull is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The file under way.
    pub file: &'a str,
    /// Bytes of all files that are there, with those that an earlier pull had left.
    pub loaded: u64,
    /// Bytes of all files that were missing.
    pub total: u64,
}

impl HubOptions<'_> {
    /// What the environment says, by the variables of `huggingface_hub`.
    pub fn from_env() -> HubOptions<'static> {
        let text = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let user = || path("XDG_CACHE_HOME").or_else(|| Some(env::home_dir()?.join(".cache")));
        let home = path("HF_HOME").or_else(|| Some(user()?.join("huggingface")));
        let home = home.unwrap_or_else(|| PathBuf::from("huggingface"));
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let truth = |value: String| ["1", "ON", "YES", "TRUE"].contains(&&*value.to_uppercase());
        HubOptions {
            endpoint: text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into()),
            token: text("HF_TOKEN").or_else(|| token_in(&token_file)),
            cache: path("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub")),
            offline: text("HF_HUB_OFFLINE").is_some_and(truth),
            revision: "main".into(),
            file: None,
            retries: 4,
            retry_delay: Duration::from_millis(500),
            timeout: Duration::from_secs(30),
            progress: None,
        }
    }

    /// Looks at what becomes a part of paths.
    pub(super) fn check(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
        if !is_inside(&self.revision) {
            let message = format!(
                "{:?} is no revision; give a branch, a tag or a commit, such as main",
                self.revision
            );
            return invalid(message);
        }
        match &self.file {
            Some(file) if !is_inside(file) || !file.ends_with(".onnx") => invalid(format!(
                "{file:?} is no graph; give its path in the repository, such as onnx/model.onnx"
            )),
            _ => Ok(()),
        }
    }
}

/// Whether a path of a repository stays within a folder on every system.
pub(super) fn is_inside(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
    path.split('/')
        .all(|part| !part.is_empty() && part.bytes().all(plain) && part.bytes().any(|b| b != b'.'))
}

fn token_in(file: &Path) -> Option<String> {
    let token = fs::read_to_string(file).ok()?.trim().to_owned();
    Some(token).filter(|token| !token.is_empty())
}
