//! Prints a library's public items, one on each line: `api-report FILE`, with rustdoc's description of it
//! in JSON. Fails with 3 where rustdoc has written another format than this program reads.

use std::process::{ExitCode, exit};

use public_api::Builder;

/// The version of rustdoc's format, which Rust 1.95 writes.
const FORMAT: u64 = 57;

fn main() -> ExitCode {
    let path = std::env::args().nth(1).expect("the name of a file");
    let text = std::fs::read_to_string(&path).expect("a file of rustdoc");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let format = json["format_version"].as_u64();
    if format != Some(FORMAT) {
        eprintln!("rustdoc writes format {format:?}, and public-api reads {FORMAT}");
        exit(3);
    }
    // Derived implementations count, and so do Send and Sync: without one, callers do not compile.
    let api = Builder::from_rustdoc_json(path).omit_blanket_impls(true).build();
    let api = api.expect("a description of a library").to_string();
    let ignored = ["marker::Freeze", "marker::Unpin", "marker::UnsafeUnpin", "unwind_safe::"];
    for line in api.lines().filter(|line| !ignored.iter().any(|name| line.contains(name))) {
        println!("{line}");
    }
    ExitCode::SUCCESS
}
