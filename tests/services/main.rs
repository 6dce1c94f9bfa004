//! Both sides of HTTP: the server's routes without a socket, and reranking by a remote service.

#[cfg(all(feature = "server", feature = "bundled-embedder"))]
mod clients;
#[path = "../common/mod.rs"]
mod common;
#[cfg(all(feature = "server", feature = "bundled-embedder"))]
mod embedding_routes;
#[cfg(feature = "remote")]
mod remote;
#[cfg(feature = "server")]
mod rerank_routes;
