//! wasm-bindgen as the build needs it: `bindgen INPUT.wasm OUT_DIR`.

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
        .and_then(|b| b.generate(output));
    if let Err(error) = result {
        panic!("{error:?}");
    }
}
