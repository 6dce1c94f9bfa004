//! The search of a static site: its files, and their reader.
//!
//! 1. Read each page with [`Page::parse`].
//! 2. Make the files with [`SiteFiles::build`], and put them on the host beside the pages.
//! 3. Open the manifest with [`SiteIndex::new`], and call [`SiteIndex::search`]. It says what it can say
//!    with the files that it has, and which others it needs. Fetch them, give them to
//!    [`SiteIndex::add`], and search again.
//!
//! Nothing here reads files, or sends anything. `docs/reference/site-files.md` describes the files.
//!
//! ```
//! use crossrank::site::{BuildOptions, Page, SearchOptions, SiteFiles, SiteIndex};
//!
//! # fn main() -> crossrank::Result<()> {
//! let html = "<title>Zebras</title><main><h1 id=a>Zebras</h1><p>A zebra has stripes.</main>";
//! let pages = Page::parse("zebras.html", html.as_bytes()).into_iter().collect();
//! let site = SiteFiles::build(pages, &BuildOptions::default())?;
//!
//! let mut index = SiteIndex::new(&site.manifest)?;
//! let mut found = index.search("stripe", &SearchOptions::default());
//! while !found.needs.is_empty() {
//!     for name in &found.needs {
//!         index.add(name, &site.files[name])?;
//!     }
//!     found = index.search("stripe", &SearchOptions::default());
//! }
//! assert_eq!(found.results[0].url, "zebras.html#a");
//! # Ok(())
//! # }
//! ```

mod analysis;
#[cfg(not(target_arch = "wasm32"))]
mod build;
mod bytes;
#[cfg(not(target_arch = "wasm32"))]
mod cluster;
#[cfg(not(target_arch = "wasm32"))]
mod distill;
mod excerpt;
#[cfg(not(target_arch = "wasm32"))]
mod extract;
mod facets;
#[cfg(not(target_arch = "wasm32"))]
mod html;
mod language;
mod manifest;
mod order;
mod page;
#[cfg(not(target_arch = "wasm32"))]
mod parallel;
mod query;
mod reader;
mod rounded;
mod search_options;
#[cfg(not(target_arch = "wasm32"))]
mod sections;
mod store;
mod term_search;
#[cfg(test)]
mod tests;
mod token_vectors;
mod typo;
mod vectors;

#[cfg(not(target_arch = "wasm32"))]
pub use build::{BuildOptions, SiteFiles, SiteVectors};
pub use manifest::{Filter, FilterValue};
pub use page::{Page, Section};
pub use reader::SiteIndex;
pub use search_options::{Fragment, SearchOptions, SearchResult, SearchResults, SortKey, Stage};
#[cfg(not(target_arch = "wasm32"))]
pub use token_vectors::TokenVectors;

/// The name of the file that names all others.
pub const MANIFEST_NAME: &str = "manifest.bin";
