//! A search index in one file: documents are split into passages, which are found by their words,
//! by the vectors of an [`Embedder`](crate::Embedder), or by both.
//!
//! The index is the first stage of a search, and a [`Reranker`](crate::Reranker) puts its hits in
//! order.
//!
//! 1. Open an [`IndexWriter`], with an embedder for an index with vectors.
//! 2. For each file, call [`IndexWriter::file`] and add its [`Document`]s: one for a text, Markdown
//!    or HTML file ([`Document::from_file`]), several for a file of records
//!    ([`Document::from_record`]). Documents that are in the index already cost only their hash.
//! 3. Call [`IndexWriter::commit`] at the end. Earlier changes are committed on the way, and a
//!    process that is killed leaves whole documents.
//! 4. Open a [`Searcher`], give it the same embedder, and call [`Searcher::search`] for [`Hit`]s. One
//!    searcher serves many threads, even while a writer of any process changes the index.
//!
//! ```no_run
//! use crossrank::index::{Document, FileStamp, Format, IndexWriter, SearchOptions, Searcher};
//! use crossrank::{Embedder, Reranker};
//!
//! # fn main() -> crossrank::Result<()> {
//! let embedder = Embedder::bundled()?;
//! let mut writer = IndexWriter::open("notes.index", Some(&embedder))?;
//! let mut file = writer.file("guide.md");
//! file.add(&Document::from_file(Format::Markdown, "# Zebras\n\nA zebra has stripes."))?;
//! file.finish(FileStamp::default())?;
//! writer.commit()?;
//! drop(writer);
//!
//! let searcher = Searcher::open("notes.index")?.with_embedder(embedder)?;
//! let query = "which animal has stripes";
//! let hits = searcher.search(query, &SearchOptions::default())?;
//! let ranking = Reranker::bundled()?.rerank(query, &hits, 10)?;
//! for result in ranking.results {
//!     let hit = &hits[result.index];
//!     println!("{:.4}  {}:{}  {}", result.score, hit.path, hit.line, hit.passage);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The file
//!
//! The index is an SQLite database in a single file, without a write-ahead log. It can be copied and
//! moved while nobody writes to it. A search compares the query's vector with all vectors, so the
//! result is exact, and the time grows with the number of passages. The file holds the text of all
//! passages.

mod analysis;
mod chunk;
mod combine;
mod document;
mod extract;
mod outline;
mod search_options;
mod searcher;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use document::Document;
pub use extract::Format;
pub use search_options::{SearchMode, SearchOptions, Stage};
pub use searcher::{Hit, Searcher};
pub use store::FileStamp;
pub use writer::{Added, FileWriter, IndexCounts, IndexWriter};
