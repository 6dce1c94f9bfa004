//! Tells the library which bundled models are in the source tree. The package on crates.io does not
//! contain them (14 MB and more, with a limit of 10 MiB), and must build without them.
//!
//! Tells it too whether it reads weights in safetensors (`checkpoints`): everywhere except in the small WebAssembly
//! files, of which the code would be a tenth.

use std::path::Path;

fn main() {
    let is_wasm = std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32");
    println!("cargo::rustc-check-cfg=cfg(checkpoints)");
    if !is_wasm || std::env::var_os("CARGO_FEATURE_GENERAL").is_some() {
        println!("cargo::rustc-cfg=checkpoints");
    }
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
