//! Tells the library whether the bundled models are in the source tree. The crates.io package
//! comes without them (23 MB each against a limit of 10 MiB), and must build all the same.

use std::path::Path;

fn main() {
    const MODELS: [&str; 2] = [
        "models/minilm-l6-en/onnx/model_quantized.onnx",
        "models/all-minilm-l6-v2/onnx/model_quantized.onnx",
    ];
    println!("cargo::rustc-check-cfg=cfg(crossrank_embedded_models)");
    for model in MODELS {
        println!("cargo::rerun-if-changed={model}");
    }
    let wanted = std::env::var_os("CARGO_FEATURE_EMBEDDED_MODEL").is_some();
    if wanted && MODELS.iter().all(|model| Path::new(model).exists()) {
        println!("cargo::rustc-cfg=crossrank_embedded_models");
    }
}
