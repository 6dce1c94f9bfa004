//! Models by name, from a loopback hub and its file storage.

mod checkpoints;
mod loopback;
mod names;
mod pull;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use self::loopback::{COMMIT, Hub};
use crate::command::complaint;
use crossrank::hub::HubOptions;

const NAME: &str = "owner/tiny-reranker";
const GRAPH: &str = "onnx/model_quantized.onnx";
const PROGRAM: &str = env!("CARGO_BIN_EXE_crossrank");

fn model() -> PathBuf {
    crate::common::root().join("tests/data/graphs/int8-tensor")
}

/// A hub with a small model, and an empty cache.
struct Case {
    hub: Hub,
    cache: temp_dir::TempDir,
}

impl Case {
    fn new() -> Case {
        Case::of(&model())
    }

    /// A hub with the model of a folder.
    fn of(folder: &Path) -> Case {
        Case { hub: Hub::start(NAME, folder), cache: temp_dir::TempDir::new().unwrap() }
    }

    fn options(&self) -> HubOptions<'static> {
        let mut options = HubOptions::from_env();
        options.endpoint = self.hub.url.clone();
        options.cache = self.cache.path().to_owned();
        options.token = None;
        options.offline = false;
        options.retry_delay = Duration::from_millis(1);
        options
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("models--owner--tiny-reranker")
    }

    fn blob(&self, path: &str) -> PathBuf {
        self.folder().join("blobs").join(self.hub.hash(path))
    }

    fn partial(&self, path: &str) -> PathBuf {
        self.blob(path).with_extension("incomplete")
    }

    fn is_complete(&self) -> bool {
        let folder = self.folder().join("snapshots").join(COMMIT);
        [GRAPH, "tokenizer.json", "config.json"]
            .iter()
            .all(|name| fs::read(folder.join(name)).is_ok_and(|file| file == self.hub.file(name)))
    }

    /// The command with this hub and cache, and no other settings of the hub.
    fn command(&self, arguments: &[&str]) -> Command {
        self.program(PROGRAM, arguments)
    }

    fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(crate::common::root());
        for name in ["HF_HOME", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        command.env("HF_ENDPOINT", &self.hub.url).env("HF_HUB_CACHE", self.cache.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn stdout(&self, arguments: &[&str]) -> String {
        text_of(self.run(arguments))
    }
}

fn text_of(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
