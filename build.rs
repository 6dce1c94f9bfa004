//! Tells the library which bundled models are in the source tree. The package on crates.io does not
//! contain them (14 MB and more, with a limit of 10 MiB), and must build without them.

use std::path::Path;

fn main() {
    let models = [
        ("bundled_reranker", "BUNDLED_RERANKER", "minilm-l6-en/model.crossrank"),
        ("bundled_embedder", "BUNDLED_EMBEDDER", "all-minilm-l6-v2/model.crossrank"),
        ("bundled_vectors", "BUNDLED_EMBEDDER", "all-minilm-l6-v2/static.vectors"),
    ];
    for (cfg, feature, file) in models {
        let file = format!("models/{file}");
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        println!("cargo::rerun-if-changed={file}");
        let wanted = std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
        if wanted && Path::new(&file).exists() {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
}
