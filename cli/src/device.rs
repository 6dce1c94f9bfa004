//! The device that computes: `--device`, and `crossrank devices`.

#[cfg(feature = "gpu")]
mod benchmarks;
#[cfg(feature = "gpu")]
pub mod gpu;
mod reporter;

use clap::{Args, ValueEnum};
use crossrank::{FailoverReranker, LoadOptions, ModelFiles, Reranker};

pub use reporter::Reporter;

use crate::error::CliError;

#[derive(Args)]
pub struct DeviceArgs {
    /// The device that computes
    #[arg(long, value_enum, value_name = "DEVICE", default_value_t = Device::Cpu)]
    device: Device,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Device {
    /// The CPU
    Cpu,
    /// The fastest GPU, whose scores differ a little; the CPU if there is none
    Gpu,
    /// The faster of the two, which is measured once for each GPU and model, and remembered
    Auto,
}

impl DeviceArgs {
    /// Loads a model onto its device. If a GPU cannot compute, the CPU does, after a warning.
    pub fn load(
        &self,
        files: &ModelFiles,
        options: LoadOptions,
        reporter: Reporter,
    ) -> Result<FailoverReranker, CliError> {
        let cpu = Reranker::from_files(files, options.clone())?;
        if let Some(warning) = cpu.warning() {
            (reporter.warn)(warning);
        }
        Ok(match self.device {
            Device::Cpu => cpu.into(),
            #[cfg(feature = "gpu")]
            Device::Gpu => gpu::with_gpu(files, options, cpu, reporter),
            #[cfg(feature = "gpu")]
            Device::Auto => gpu::with_faster(files, options, cpu, reporter),
            #[cfg(not(feature = "gpu"))]
            _ => {
                (reporter.warn)("this program was built without the feature gpu; the CPU computes");
                cpu.into()
            }
        })
    }
}
