//! Chooses the device of a model: the GPU, or the faster of the two.

use super::benchmark::DeviceBenchmark;
use crate::error::Result;
use crate::gpu::{Adapter, Precision, block_on};
use crate::model::ModelFiles;
use crate::reranker::{LoadOptions, Reranker};

/// The device that is to compute for a model.
#[non_exhaustive]
pub struct DeviceChoice {
    /// The model on the GPU, or `None` if the CPU should compute.
    pub gpu: Option<Reranker>,
    /// The reason for the choice, for people.
    pub reason: String,
}

/// Where measurements are kept, so that a model is measured once on each GPU.
pub trait BenchmarkStore {
    /// The measurement that was saved for a key. What cannot be read counts as not saved.
    fn load(&self, key: &str) -> Option<DeviceBenchmark>;

    /// Saves a measurement. What cannot be saved is measured again by a later choice.
    fn save(&self, key: &str, benchmark: &DeviceBenchmark);
}

impl DeviceChoice {
    /// Loads a model onto the fastest GPU, and waits for it.
    ///
    /// # Errors
    /// As [`Reranker::on_gpu`], and [`ErrorKind::GpuFailed`](crate::ErrorKind::GpuFailed) if there
    /// is no GPU.
    pub fn gpu(files: &ModelFiles, options: LoadOptions) -> Result<DeviceChoice> {
        let adapter = block_on(Adapter::fastest())?;
        let gpu = load(files, options, &adapter)?;
        Ok(DeviceChoice { gpu: Some(gpu), reason: adapter.name })
    }

    /// Loads a model onto the fastest GPU if that is clearly faster than `cpu`, which is the same
    /// model. This is measured, which takes as long as eight lists of 32 documents, unless `store`
    /// has a measurement of this GPU, this model and this number of threads.
    ///
    /// # Errors
    /// As [`Reranker::on_gpu`]. No GPU is not an error.
    pub fn faster(
        files: &ModelFiles,
        options: LoadOptions,
        cpu: &Reranker,
        store: Option<&dyn BenchmarkStore>,
    ) -> Result<DeviceChoice> {
        let on_cpu = |reason| Ok(DeviceChoice { gpu: None, reason });
        let Ok(adapter) = block_on(Adapter::fastest()) else {
            return on_cpu("there is no GPU, or none with a driver".into());
        };
        if adapter.software {
            return on_cpu(format!("{} is software on the CPU", adapter.name));
        }
        let key = key(files, cpu, &adapter);
        let saved = store.and_then(|store| store.load(&key));
        if let Some(benchmark) = saved.filter(|benchmark| !benchmark.is_for_gpu()) {
            return on_cpu(format!("{benchmark}, as measured before"));
        }
        let gpu = load(files, options, &adapter)?;
        let (benchmark, when) = match saved {
            Some(benchmark) => (benchmark, ", as measured before"),
            None => {
                let benchmark = DeviceBenchmark::run(cpu, &gpu)?;
                if let Some(store) = store {
                    store.save(&key, &benchmark);
                }
                (benchmark, "")
            }
        };
        Ok(DeviceChoice {
            gpu: benchmark.is_for_gpu().then_some(gpu),
            reason: format!("{}: {benchmark}{when}", adapter.name),
        })
    }
}

fn load(files: &ModelFiles, options: LoadOptions, adapter: &Adapter) -> Result<Reranker> {
    block_on(Reranker::on_gpu(files, options, adapter, Precision::Best))
}

/// What a measurement holds for.
fn key(files: &ModelFiles, cpu: &Reranker, adapter: &Adapter) -> String {
    let (version, threads, model) = (env!("CARGO_PKG_VERSION"), cpu.threads(), files.fingerprint());
    format!("{version}, {adapter}, {threads} threads, {model}")
}
