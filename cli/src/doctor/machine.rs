//! The system, the processor and the memory.

use std::env::consts;
use std::fs;

use serde::Serialize;

use crate::args::cores;

#[derive(Serialize)]
pub struct Machine {
    pub os: &'static str,
    pub arch: &'static str,
    /// The name and the version of the system, if they are known.
    pub system: Option<String>,
    pub cpu: Option<String>,
    /// The threads that this process may run at the same time.
    pub threads: usize,
    /// The features of the processor that kernels use.
    pub features: Vec<&'static str>,
    /// The kernels that run here, the slowest first.
    pub kernels: Vec<&'static str>,
    pub memory: Option<Memory>,
}

/// In bytes.
#[derive(Serialize)]
pub struct Memory {
    pub total: u64,
    pub available: u64,
}

impl Machine {
    pub fn examine() -> Machine {
        Machine {
            os: consts::OS,
            arch: consts::ARCH,
            system: system(),
            cpu: field("/proc/cpuinfo", "model name", ':'),
            threads: cores(),
            features: features(),
            kernels: crossrank::kernel_names(),
            memory: memory(),
        }
    }
}

fn system() -> Option<String> {
    let name = field("/etc/os-release", "PRETTY_NAME", '=');
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let kernel = kernel.map(|version| format!("kernel {}", version.trim()));
    let parts: Vec<String> = name.into_iter().chain(kernel).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn memory() -> Option<Memory> {
    let bytes = |name| {
        let kilobytes = field("/proc/meminfo", name, ':')?;
        Some(kilobytes.strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    };
    Some(Memory { total: bytes("MemTotal")?, available: bytes("MemAvailable")? })
}

/// The first value with a name in a file of Linux. Other systems have no such file.
fn field(file: &str, name: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(separator));
    let (_, value) = fields.find(|(found, _)| found.trim() == name)?;
    Some(value.trim().trim_matches('"').to_owned())
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    macro_rules! found {
        ($($name:tt),+) => {
            [$(($name, is_x86_feature_detected!($name))),+]
        };
    }
    let all = found!("avx2", "fma", "avxvnni", "avx512f", "avx512bw", "avx512vl", "avx512vnni");
    all.into_iter().filter_map(|(name, found)| found.then_some(name)).collect()
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    macro_rules! found {
        ($($name:tt),+) => {
            [$(($name, std::arch::is_aarch64_feature_detected!($name))),+]
        };
    }
    let all = found!("neon", "dotprod", "i8mm");
    all.into_iter().filter_map(|(name, found)| found.then_some(name)).collect()
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
fn features() -> Vec<&'static str> {
    Vec::new()
}
