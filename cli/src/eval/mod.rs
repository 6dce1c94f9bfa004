//! `crossrank eval`: measures ranking quality on a set in the BEIR layout.

mod args;
mod command;
mod quality;
mod search_orders;
mod set;

pub use args::EvalArgs;
pub use command::run;
