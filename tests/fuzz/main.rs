//! Gives the functions that are fuzzed the inputs in `fuzz/corpus`: those that reach the most code, and those
//! that were findings (`finding-*`). `make fuzz` looks for others.

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::replay::replay;

macro_rules! targets {
    ($($name:ident: $run:path,)*) => {$(
        #[test]
        fn $name() {
            replay(&fuzz::root(), stringify!($name), $run);
        }
    )*};
}

targets! {
    cache: fuzz::cache::run,
    config: fuzz::config::run,
    graph_bytes: fuzz::graph::bytes,
    graph_edits: fuzz::graph::edits,
    graph_nodes: fuzz::graph::nodes,
    index: fuzz::index::run,
    prepared: fuzz::prepared::run,
    server: fuzz::server::run,
    site: fuzz::site::run,
    text: fuzz::text::run,
    tokenizer: fuzz::tokenizer::run,
    tokenizer_bytes: fuzz::tokenizer::bytes,
}
