//! Holds the source against the module table of ARCHITECTURE.md.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module name to the modules that it may import. `None`: all.
fn table() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = fs::read_to_string(common::root().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
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

/// Every source file with the module that it belongs to.
fn sources() -> Vec<(String, PathBuf)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let src = common::root().join("src");
    let mut found = Vec::new();
    walk(&src, &mut found);
    found
        .into_iter()
        .map(|path| {
            let first = path.strip_prefix(&src).unwrap().components().next().unwrap();
            let first = first.as_os_str().to_str().unwrap();
            (first.trim_end_matches(".rs").to_owned(), path)
        })
        .collect()
}

fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.parent().is_some_and(|folder| folder.ends_with("tests"))
}

/// The code of a file, without its comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
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
    let owners: [(&str, &[&str]); 14] = [
        ("tract_onnx", &["engine"]),
        ("wgpu", &["gpu"]),
        ("tokenizers::", &["tokenizer"]),
        ("std::fs", &["model_dir", "model", "hub"]),
        ("std::net", &[]),
        ("std::thread", &["hub", "index", "remote", "runner"]),
        ("std::time", &["devices", "hub", "index", "remote", "reranker", "retry", "runner"]),
        ("tokio", &[]),
        ("std::process", &[]),
        ("ureq", &["remote", "hub"]),
        ("wasm_bindgen", &["wasm"]),
        ("unsafe ", &["kernels", "model"]),
        ("memmap2", &["model"]),
        ("rusqlite", &["index"]),
    ];
    let mut named = BTreeSet::new();
    for (module, path) in sources() {
        if is_test(&path) {
            continue;
        }
        let code = code(&path);
        for (word, modules) in owners {
            if !code.contains(word) {
                continue;
            }
            assert!(modules.contains(&module.as_str()), "{} names {word}", path.display());
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
