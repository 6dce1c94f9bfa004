//! The library for JavaScript: the only code that knows it.

#[cfg(feature = "js")]
mod api;
#[cfg(feature = "edge")]
mod edge;
mod files;
mod panic;
