//! One model on the CPU and on a GPU: which of the two is faster, and the CPU if the GPU fails.

#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
mod benchmark;
#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
mod choice;
mod failover;
#[cfg(all(test, feature = "gpu"))]
mod tests;

#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
pub use benchmark::DeviceBenchmark;
#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
pub use choice::{BenchmarkStore, DeviceChoice};
pub use failover::FailoverReranker;
