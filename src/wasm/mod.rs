//! The library for JavaScript: the only code that knows it.

#[cfg(feature = "js")]
mod api;
#[cfg(any(feature = "js", feature = "site-js"))]
mod convert;
#[cfg(feature = "edge")]
mod edge;
#[cfg(any(feature = "edge", feature = "js"))]
mod files;
mod panic;
#[cfg(feature = "site-js")]
mod site;
