//! wasm-bindgen with the options of this build: `bindgen INPUT.wasm OUT_DIR`.

use std::path::Path;

use wasm_bindgen_cli_support::Bindgen;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        panic!("usage: bindgen INPUT.wasm OUT_DIR");
    };
    let result = Bindgen::new()
        .input_path(input)
        .out_name("crossrank")
        .no_modules(true)
        .map(|b| b.typescript(false).remove_name_section(true).remove_producers_section(true))
        .and_then(Bindgen::generate_output);
    let mut generated = result.unwrap_or_else(|error| panic!("{error:?}"));
    // The linker adds this suffix to the exports of a module with constructors. Without the suffix, the
    // bindings of all variants have the same lines.
    const SUFFIX: &str = "_command_export";
    for export in generated.wasm_mut().exports.iter_mut() {
        export.name = export.name.replace(SUFFIX, "");
    }
    let script = generated.js().replace(SUFFIX, "");
    generated.emit(&output).unwrap_or_else(|error| panic!("{error:?}"));
    std::fs::write(Path::new(&output).join("crossrank.js"), script).expect("bindings written");
}
