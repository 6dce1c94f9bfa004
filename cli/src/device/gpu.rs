//! GPUs: which there are, whether one is faster than the CPU, and what is remembered of that.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::Args;
use crossrank::gpu::{Adapter, Precision, adapters, block_on};
use crossrank::{DeviceBenchmark, FailoverReranker, LoadOptions, ModelFiles, Reranker};
use serde::Serialize;

use super::Voice;
use crate::args::cores;
use crate::error::{CliError, io};
use crate::replace::replace;

#[derive(Args)]
pub struct DevicesArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    /// The threads of the CPU.
    threads: usize,
    /// The first is the one that computes.
    gpus: Vec<Adapter>,
}

pub fn run(args: &DevicesArgs) -> Result<String, CliError> {
    let gpus = block_on(async { Ok(adapters().await) })?;
    let listed = Listed { threads: cores(), gpus };
    if args.json {
        return Ok(serde_json::to_string_pretty(&listed).expect("strings and numbers") + "\n");
    }
    let mut text = format!("cpu  {} threads\n", listed.threads);
    for adapter in &listed.gpus {
        text += &format!("gpu  {adapter}\n");
    }
    if listed.gpus.is_empty() {
        text += "gpu  none, or none with a driver\n";
    }
    Ok(text)
}

/// The model on the CPU, and where that works and should be, on the GPU.
pub fn devices(
    files: &ModelFiles,
    options: &LoadOptions,
    cpu: Reranker,
    auto: bool,
    voice: Voice,
) -> FailoverReranker {
    match chosen(files, options, &cpu, auto) {
        Ok((Some(gpu), reason)) => {
            (voice.info)(&format!("the GPU computes: {reason}"));
            FailoverReranker::new(cpu, gpu, move |error| (voice.warn)(&error.to_string()))
        }
        Ok((None, reason)) => {
            (voice.info)(&format!("the CPU computes: {reason}"));
            cpu.into()
        }
        Err(error) => {
            (voice.warn)(&error.to_string());
            cpu.into()
        }
    }
}

/// The model on the GPU, unless `auto` is for the CPU; and why.
fn chosen(
    files: &ModelFiles,
    options: &LoadOptions,
    cpu: &Reranker,
    auto: bool,
) -> crossrank::Result<(Option<Reranker>, String)> {
    let adapter = block_on(Adapter::fastest());
    let load =
        |adapter| block_on(Reranker::on_gpu(files, options.clone(), adapter, Precision::Best));
    if !auto {
        let adapter = adapter?;
        return Ok((Some(load(&adapter)?), adapter.name));
    }
    let Ok(adapter) = adapter else {
        return Ok((None, "there is no GPU, or none with a driver".into()));
    };
    if adapter.software {
        return Ok((None, format!("{} is software on the CPU", adapter.name)));
    }
    let memory = memory();
    let key = key(files, options, &adapter);
    let known = memory.as_deref().and_then(|path| remembered(path).remove(&key));
    if let Some(trial) = known.filter(|trial| !trial.is_for_gpu()) {
        return Ok((None, format!("{trial}, as measured before")));
    }
    let gpu = load(&adapter)?;
    let (trial, when) = match known {
        Some(trial) => (trial, ", as measured before"),
        None => (DeviceBenchmark::run(cpu, &gpu)?, ""),
    };
    if let (None, Some(path)) = (known, memory) {
        // What cannot be remembered is measured again.
        let _ = remember(&path, key, trial);
    }
    Ok((trial.is_for_gpu().then_some(gpu), format!("{}: {trial}{when}", adapter.name)))
}

/// What a measurement is of.
fn key(files: &ModelFiles, options: &LoadOptions, adapter: &Adapter) -> String {
    let threads = options.threads.unwrap_or_else(cores);
    let (version, model) = (env!("CARGO_PKG_VERSION"), files.fingerprint());
    format!("{version}, {adapter}, {threads} threads, {model}")
}

/// The file with the measurements so far.
fn memory() -> Option<PathBuf> {
    let set = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty());
    let folder = set.map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cache")))?;
    Some(folder.join("crossrank").join("devices.json"))
}

/// The measurements in a file; none where it cannot be read.
fn remembered(path: &Path) -> BTreeMap<String, DeviceBenchmark> {
    let text = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn remember(path: &Path, key: String, trial: DeviceBenchmark) -> Result<(), CliError> {
    let mut trials = remembered(path);
    trials.insert(key, trial);
    let what = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io(what()))?;
    }
    let text = serde_json::to_string_pretty(&trials).expect("strings and numbers");
    // In one piece, for commands that read it meanwhile.
    replace(path, |_, mut file| file.write_all(text.as_bytes()).map_err(io(what())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("devices.json");
        assert!(remembered(&path).is_empty());
        let trial = |difference| -> DeviceBenchmark {
            let time = serde_json::json!({ "secs": 0, "nanos": 5 });
            let trial = serde_json::json!({
                "documents": 4, "cpu": time, "gpu": time, "difference": difference,
            });
            serde_json::from_value(trial).unwrap()
        };
        remember(&path, "a".into(), trial(0.25)).unwrap();
        remember(&path, "b".into(), trial(0.5)).unwrap();
        let all = remembered(&path);
        assert_eq!((all["a"], all["b"]), (trial(0.25), trial(0.5)));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::write(&path, "{ torn").unwrap();
        assert!(remembered(&path).is_empty());
    }
}
