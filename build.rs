//! Tells the library whether the bundled model is in the source tree. The crates.io package
//! comes without it (23 MB against a limit of 10 MiB), and must build all the same.

use std::path::Path;

fn main() {
    const MODEL: &str = "models/minilm-l6-en/onnx/model_quantized.onnx";
    println!("cargo::rustc-check-cfg=cfg(crossrank_embedded_model)");
    println!("cargo::rerun-if-changed={MODEL}");
    if std::env::var_os("CARGO_FEATURE_EMBEDDED_MODEL").is_some() && Path::new(MODEL).exists() {
        println!("cargo::rustc-cfg=crossrank_embedded_model");
    }
}
