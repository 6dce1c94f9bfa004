//! A disk that is full while a file is written, and a folder in which nothing can be written. docs/project/faults.md
//! lists the tests of other faults.

#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;

use temp_dir::TempDir;

use crate::command::{complaint, fails, on_full_disk, stdout};
use crate::common;

/// The error of a command where no file can grow beyond some kilobytes.
fn failure(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", &on_full_disk(8), env!("CARGO_BIN_EXE_crossrank")]).args(arguments);
    command.current_dir(common::root()).env("XDG_CACHE_HOME", folder.join("cache"));
    complaint(command.output().unwrap(), "io")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_model_is_written_whole_or_not_at_all() {
    let graph = "tests/data/graphs/torchscript-14";
    let commands: [&[&str]; 3] =
        [&["prepare", graph], &["quantize", graph], &["trim", graph, "--languages", "en"]];
    for command in commands {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("model.crossrank");
        let arguments = [command, &["-o", file.to_str().unwrap()]].concat();
        let line = failure(folder.path(), &arguments);
        assert!(line.contains("model.crossrank"), "{line}");
        assert_eq!(names(folder.path()), [""; 0], "{command:?}");

        // A model that is there stays as it is.
        stdout(&arguments, b"");
        let before = fs::read(&file).unwrap();
        failure(folder.path(), &arguments);
        assert_eq!(names(folder.path()), ["model.crossrank"]);
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[cfg(feature = "search")]
#[test]
fn an_index_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let files = folder.path().join("files");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("a.txt"), "The mill was built in 1862.").unwrap();
    let index = folder.path().join("index");
    let index = index.to_str().unwrap();
    let arguments = ["index", files.to_str().unwrap(), "-o", index, "--text-only"];
    let search = ["search", index, "mill", "--no-rerank", "--json"];

    failure(folder.path(), &arguments);
    stdout(&arguments, b"");
    let before = stdout(&search, b"");
    assert!(before.contains("1862"), "{before}");

    for i in 0..50 {
        fs::write(files.join(format!("{i}.txt")), format!("A mill of number {i}. ").repeat(200))
            .unwrap();
    }
    failure(folder.path(), &arguments);
    assert_eq!(stdout(&search, b""), before);
    // With room on the disk, the same command goes on.
    stdout(&arguments, b"");
    assert_ne!(stdout(&search, b""), before);
}

#[cfg(feature = "site")]
#[test]
fn a_site_keeps_the_files_of_its_last_build() {
    let folder = TempDir::new().unwrap();
    let site = folder.path().join("site");
    fs::create_dir(&site).unwrap();
    let page = |i: usize| format!("<main><h1>Mill {i}</h1><p>{}", format!("w{i}x ").repeat(20 * i));
    fs::write(site.join("0.html"), page(1)).unwrap();
    let arguments = ["site", site.to_str().unwrap()];
    stdout(&arguments, b"");
    let before = names(&site.join("crossrank"));
    for i in 1..60 {
        fs::write(site.join(format!("{i}.html")), page(i)).unwrap();
    }
    failure(folder.path(), &arguments);
    let after = names(&site.join("crossrank"));
    assert!(before.iter().all(|name| after.contains(name)), "{before:?} {after:?}");
    stdout(&arguments, b"");
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let graph = "tests/data/graphs/torchscript-14";
    let line = fails(&["prepare", graph, "-o", "/no/such/folder/model.crossrank"], b"", "io");
    assert!(line.contains("/no/such/folder/model.crossrank"), "{line}");
}
