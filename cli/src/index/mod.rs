//! `crossrank index`: makes an index of files for `crossrank search`.

mod command;
mod documents;
mod files;

pub use command::{IndexArgs, run};
