//! `crossrank site`: makes the search of a static site.

mod cache;
mod command;
mod output;
mod page_files;
mod pages;

pub use command::{SiteArgs, run};
