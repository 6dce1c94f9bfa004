//! What computes: `--device`, and `crossrank devices`.

#[cfg(feature = "gpu")]
pub mod gpu;

use clap::{Args, ValueEnum};
use crossrank::{FailoverReranker, LoadOptions, ModelFiles, Reranker};

use crate::error::CliError;

#[derive(Args)]
pub struct DeviceArgs {
    /// What computes: the CPU; the fastest GPU, whose scores differ a little; or what turns out to
    /// be faster, which is measured once for a GPU and a model, and remembered
    #[arg(long, value_enum, value_name = "DEVICE", default_value_t = Device::Cpu)]
    device: Device,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Device {
    Cpu,
    Gpu,
    Auto,
}

/// How a command speaks of devices.
#[derive(Clone, Copy)]
pub struct Voice {
    /// Says what was chosen, and why.
    pub info: fn(&str),
    /// Says what does not work.
    pub warn: fn(&str),
}

impl Voice {
    /// For commands that are given to a terminal.
    pub const STDERR: Voice = Voice {
        info: |text| eprintln!("crossrank: {text}"),
        warn: |text| eprintln!("crossrank: warning: {text}"),
    };
}

impl DeviceArgs {
    /// Loads a model where it is to compute. Where a GPU cannot, the CPU does, after a warning.
    pub fn load(
        &self,
        files: &ModelFiles,
        options: LoadOptions,
        voice: Voice,
    ) -> Result<FailoverReranker, CliError> {
        let cpu = Reranker::from_files(files, options.clone())?;
        if let Some(warning) = cpu.warning() {
            (voice.warn)(warning);
        }
        Ok(match self.device {
            Device::Cpu => cpu.into(),
            #[cfg(feature = "gpu")]
            device => gpu::devices(files, &options, cpu, device == Device::Auto, voice),
            #[cfg(not(feature = "gpu"))]
            _ => {
                (voice.warn)("this program was built without the feature gpu; the CPU computes");
                cpu.into()
            }
        })
    }
}
