//! `crossrank doctor`: what a bug report should say about the machine, the settings and the models.
//!
//! Nothing is sent over the network. Keys, tokens and passwords are never shown, and the user's home
//! folder is shown as `~`.

mod caches;
mod command;
mod machine;
mod network;
mod problem;
mod self_test;

pub use command::{DoctorArgs, run};
