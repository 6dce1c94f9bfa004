#[path = "../../../src/kernels/mod.rs"]
pub mod kernels;
