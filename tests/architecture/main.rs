//! Checks the source against the module table of ARCHITECTURE.md and the page of limits, and that no files import
//! each other in a cycle.

#[path = "../common/mod.rs"]
mod common;
mod imports;
mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module name to the modules that it may import. `None`: all.
fn table() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = fs::read_to_string(common::root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("\n## ").find(|part| part.starts_with("Modules of `src`")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = columns[0].trim_end_matches('`').to_owned();
        let allowed = match columns[2] {
            "all" => None,
            list => Some(
                list.split(',').map(str::trim).filter(|m| !m.is_empty()).map(Into::into).collect(),
            ),
        };
        (name, allowed)
    })
    .collect()
}

/// Every file of a folder that has one of these extensions.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|e| extensions.iter().any(|&one| e == one)) {
            found.push(path);
        }
    }
    found
}

/// Every source file of the library with the module that it belongs to.
fn sources() -> Vec<(String, PathBuf)> {
    let src = common::root().join("src");
    let module = |path: &Path| {
        let first = path.strip_prefix(&src).unwrap().components().next().unwrap();
        first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    files(&src, &["rs"]).into_iter().map(|path| (module(&path), path)).collect()
}

fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.parent().is_some_and(|folder| folder.ends_with("tests"))
}

/// The code of a file, without its comments and without the tests at its end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that a file reaches through `crate::`, and `lib` for names at the crate's root.
fn imports(code: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let after = code.split("crate::").skip(1);
    after
        .map(|rest| {
            let name: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if modules.contains(&name) { name } else { "lib".to_owned() }
        })
        .collect()
}

#[test]
fn modules_import_what_the_table_allows() {
    let table = table();
    let modules: BTreeSet<String> = table.keys().cloned().collect();
    let mut seen = BTreeSet::new();
    for (module, path) in sources() {
        if module == "main" || is_test(&path) {
            continue;
        }
        let allowed = table.get(&module).unwrap_or_else(|| panic!("{module} is not in the table"));
        seen.insert(module.clone());
        let Some(allowed) = allowed else { continue };
        for import in imports(&code(&path), &modules) {
            assert!(
                import == module || allowed.contains(&import),
                "{}: `{module}` imports `{import}`, which ARCHITECTURE.md does not allow",
                path.display()
            );
        }
    }
    assert_eq!(seen, modules, "the table and src hold the same modules");
}

#[test]
fn what_one_module_owns_no_other_names() {
    // Names, and the beginnings of the paths that may use them.
    let owners: [(&str, &[&str]); 15] = [
        ("tract_onnx", &["src/engine/"]),
        ("wgpu", &["src/gpu/"]),
        ("tokenizers::", &["src/tokenizer/"]),
        ("std::fs", &["src/model_dir.rs", "src/model/mmap.rs", "src/hub/", "cli/"]),
        ("std::net", &["cli/"]),
        (
            "std::thread",
            &["src/hub/", "src/index/", "src/remote/", "src/runner/", "src/site/", "cli/"],
        ),
        (
            "std::time",
            &[
                "src/devices/",
                "src/hub/",
                "src/index/",
                "src/remote/",
                "src/reranker/",
                "src/retry.rs",
                "src/runner/",
                "cli/",
            ],
        ),
        ("tokio", &["cli/"]),
        ("std::process", &["src/engine/workers.rs", "cli/"]),
        ("ureq", &["src/remote/", "src/hub/"]),
        ("wasm_bindgen", &["src/wasm/"]),
        ("unsafe ", &["src/kernels/", "src/model/mmap.rs"]),
        ("memmap2", &["src/model/mmap.rs"]),
        ("rusqlite", &["src/index/"]),
        ("html5ever", &["src/site/html.rs"]),
    ];
    let mut named = BTreeSet::new();
    let sources = ["src", "cli/src"].map(|folder| files(&common::root().join(folder), &["rs"]));
    for path in sources.concat() {
        if is_test(&path) {
            continue;
        }
        let code = code(&path);
        let path = path.strip_prefix(common::root()).unwrap().to_str().unwrap();
        for (word, beginnings) in owners {
            if !code.contains(word) {
                continue;
            }
            assert!(beginnings.iter().any(|b| path.starts_with(b)), "{path} names {word}");
            named.insert(word);
        }
    }
    assert!(named.contains("tract_onnx") && named.contains("std::fs"), "the search finds names");
}

#[test]
fn the_architecture_is_short() {
    let text = fs::read_to_string(common::root().join("ARCHITECTURE.md")).unwrap();
    assert!(text.lines().count() < 100);
}

/// The files of a crate by the paths of their modules, without tests.
fn crate_files(src: &Path) -> BTreeMap<Vec<String>, String> {
    let mut found = BTreeMap::new();
    for path in files(src, &["rs"]).into_iter().filter(|path| !is_test(path)) {
        let inside = path.strip_prefix(src).unwrap().with_extension("");
        let mut names: Vec<String> =
            inside.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
        if matches!(names.last().unwrap().as_str(), "mod" | "lib" | "main") {
            names.pop();
        }
        found.insert(names, fs::read_to_string(&path).unwrap());
    }
    found
}

#[test]
fn imports_form_no_cycle() {
    for src in ["src", "cli/src"] {
        let files = crate_files(&common::root().join(src));
        assert!(files.len() > 20, "the files of {src} are found");
        let cycles = imports::cycles(&files);
        assert!(cycles.is_empty(), "{src}: files that import each other: {cycles:#?}");
    }
}

#[test]
fn a_cycle_is_found() {
    let cycles = |files: &[(&str, &str)]| {
        let names =
            |path: &str| path.split("::").filter(|n| !n.is_empty()).map(Into::into).collect();
        let files = files.iter().map(|(path, text)| (names(path), (*text).to_owned())).collect();
        imports::cycles(&files)
    };
    let straight = [
        ("", "mod a; mod b; pub use a::A;"),
        ("a", "use crate::b::B; pub struct A(B);"),
        ("b", "pub struct B;"),
    ];
    assert!(cycles(&straight).is_empty());

    // By a `use`, by a path, inside a macro, and through a file that only re-exports.
    for b in [
        "use crate::a::A; pub struct B(Box<A>);",
        "pub struct B(Box<super::a::A>);",
        "pub struct B; fn f() { assert!(crate::a::A::new()); }",
        "use crate::A; pub struct B(Box<A>);",
        "use super::*; pub struct B(Box<A>); fn f() { super::A::new(); }",
    ] {
        let mut files = straight;
        files[2].1 = b;
        assert_eq!(cycles(&files), [["a", "b"]], "{b}");
    }
    let parent = [
        ("", "mod m;"),
        ("m", "mod n; use n::N; pub struct M(N);"),
        ("m::n", "pub struct N; use super::M;"),
    ];
    assert_eq!(cycles(&parent), [["m", "m::n"]]);
}

#[test]
fn the_architecture_names_paths_that_exist() {
    let text = fs::read_to_string(common::root().join("ARCHITECTURE.md")).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    let paths: Vec<&str> = quoted.filter(|words| words.contains('/')).collect();
    assert!(paths.len() > 20, "the paths are found");
    for path in paths {
        let from_root = common::root().join(path);
        let from_src = common::root().join("src").join(path).with_extension("rs");
        assert!(from_root.exists() || from_src.exists(), "there is no {path}");
    }
}
