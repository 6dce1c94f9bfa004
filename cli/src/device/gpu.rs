//! `crossrank devices`, and models on a GPU.

use std::path::PathBuf;

use clap::Args;
use crossrank::gpu::{Adapter, adapters, block_on};
use crossrank::{
    BenchmarkStore, DeviceChoice, FailoverReranker, LoadOptions, ModelFiles, Reranker,
};
use serde::Serialize;

use super::benchmarks::BenchmarkFile;
use super::reporter::Reporter;
use crate::args::cores;
use crate::error::CliError;

#[derive(Args)]
pub struct DevicesArgs {
    /// Print JSON: {threads, gpus: [{name, backend, driver, software, f16}]}
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Devices {
    /// The threads of the CPU.
    threads: usize,
    /// The fastest first, which is the one that computes.
    gpus: Vec<Adapter>,
}

/// The GPUs that can be used, the fastest first.
pub fn find() -> Result<Vec<Adapter>, CliError> {
    Ok(block_on(async { Ok(adapters().await) })?)
}

/// The folder of the file that remembers how fast devices are.
pub fn cache_folder() -> Option<PathBuf> {
    Some(BenchmarkFile::of_user()?.path().parent()?.to_owned())
}

/// Lists the devices.
pub fn run(args: &DevicesArgs) -> Result<String, CliError> {
    let devices = Devices { threads: cores(), gpus: find()? };
    if args.json {
        return Ok(serde_json::to_string_pretty(&devices).expect("strings and numbers") + "\n");
    }
    let mut text = format!("cpu  {} threads\n", devices.threads);
    for adapter in &devices.gpus {
        text += &format!("gpu  {adapter}\n");
    }
    if devices.gpus.is_empty() {
        text += "gpu  none, or none with a driver\n";
    }
    Ok(text)
}

/// A model on the GPU, or on the CPU if the GPU cannot compute.
pub fn with_gpu(
    files: &ModelFiles,
    options: LoadOptions,
    cpu: Reranker,
    reporter: Reporter,
) -> FailoverReranker {
    on_chosen(cpu, DeviceChoice::gpu(files, options), reporter)
}

/// A model on the faster device.
pub fn with_faster(
    files: &ModelFiles,
    options: LoadOptions,
    cpu: Reranker,
    reporter: Reporter,
) -> FailoverReranker {
    let file = BenchmarkFile::of_user();
    let store = file.as_ref().map(|file| file as &dyn BenchmarkStore);
    let choice = DeviceChoice::faster(files, options, &cpu, store);
    on_chosen(cpu, choice, reporter)
}

fn on_chosen(
    cpu: Reranker,
    choice: crossrank::Result<DeviceChoice>,
    reporter: Reporter,
) -> FailoverReranker {
    match choice {
        Ok(DeviceChoice { gpu: Some(gpu), reason, .. }) => {
            (reporter.info)(&format!("the GPU computes: {reason}"));
            FailoverReranker::new(cpu, gpu, move |error| (reporter.warn)(&error.to_string()))
        }
        Ok(DeviceChoice { reason, .. }) => {
            (reporter.info)(&format!("the CPU computes: {reason}"));
            cpu.into()
        }
        Err(error) => {
            (reporter.warn)(&error.to_string());
            cpu.into()
        }
    }
}
