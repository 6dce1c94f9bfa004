//! Indexes of several folders and files.

use super::*;

/// Runs `crossrank index --text-only` on paths below the library's folder `files`.
fn index(library: &Library, paths: &[&str], more: &[&str]) -> (String, Vec<String>) {
    let paths: Vec<String> =
        paths.iter().map(|path| library.path(path).to_str().unwrap().to_owned()).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (index, options) = (library.index(), ["--text-only", "-o"]);
    let output = crossrank(&[&["index"], &paths[..], &options, &[&index], more].concat(), b"");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let summary = stdout.lines().next().unwrap().rsplit_once(", ").unwrap().0.to_owned();
    (summary, stderr.lines().map(str::to_owned).collect())
}

/// The paths of the index below the library's folder.
fn indexed(library: &Library) -> Vec<String> {
    let database = Connection::open(library.index()).unwrap();
    let mut statement = database.prepare("SELECT path FROM files ORDER BY path").unwrap();
    let paths = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let root = library.path("");
    paths
        .map(|path| {
            let path = path.unwrap();
            let path = Path::new(&path).strip_prefix(&root).expect("paths are absolute");
            path.to_str().unwrap().to_owned()
        })
        .collect()
}

fn library() -> Library {
    Library::new(&[
        ("a/one.txt", "one zebra"),
        ("a/sub/two.txt", "two zebras"),
        ("a/script.js", "three zebras"),
        ("a/.hidden/four.txt", "four zebras"),
        ("b/five.txt", "five zebras"),
        ("six.txt", "six zebras"),
    ])
}

#[test]
fn folders_and_files_make_one_index() {
    let library = library();
    let paths = ["a", "b", "six.txt"];
    let (summary, _) = index(&library, &paths, &[]);
    assert_eq!(summary, "4 files indexed, 0 unchanged, 0 removed, 0 problems");
    assert_eq!(indexed(&library), ["a/one.txt", "a/sub/two.txt", "b/five.txt", "six.txt"]);
    assert_eq!(
        index(&library, &paths, &[]).0,
        "0 files indexed, 4 unchanged, 0 removed, 0 problems"
    );

    // A run with the same paths updates the index.
    library.write("b/five.txt", "five elephants", 30);
    library.write("b/new.txt", "new zebras", 60);
    fs::remove_file(library.path("a/one.txt")).unwrap();
    assert_eq!(
        index(&library, &paths, &[]).0,
        "2 files indexed, 2 unchanged, 1 removed, 0 problems"
    );
    assert_eq!(library.search("elephants", &FIRST_STAGE).len(), 1);

    // Files under other paths stay.
    assert_eq!(
        index(&library, &["b"], &[]).0,
        "0 files indexed, 2 unchanged, 0 removed, 0 problems"
    );
    assert_eq!(indexed(&library), ["a/sub/two.txt", "b/five.txt", "b/new.txt", "six.txt"]);

    // A relative path, a path with a detour and a link are the same file.
    let (files, path) = (library.path(""), library.index());
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossrank"));
    command.current_dir(&files).args(["index", "six.txt", "b/../b", "--text-only", "-o", &path]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("0 files indexed, 3 unchanged, 0 removed"), "{said}");
}

#[test]
fn a_path_in_another_one_is_indexed_once() {
    let library = library();
    let paths = ["a", "a/sub", "a", "a/one.txt", "a/script.js", "a/.hidden"];
    let (summary, said) = index(&library, &paths, &[]);
    assert_eq!(
        (summary.as_str(), said.len()),
        ("4 files indexed, 0 unchanged, 0 removed, 0 problems", 0)
    );
    let all = ["a/.hidden/four.txt", "a/one.txt", "a/script.js", "a/sub/two.txt"];
    assert_eq!(indexed(&library), all, "what is named is read, hidden or a script");
    assert_eq!(
        index(&library, &paths, &[]).0,
        "0 files indexed, 4 unchanged, 0 removed, 0 problems"
    );
    // The order of the paths does not matter.
    let other: Vec<&str> = paths.iter().rev().copied().collect();
    assert_eq!(
        index(&library, &other, &[]).0,
        "0 files indexed, 4 unchanged, 0 removed, 0 problems"
    );
    // A folder alone has neither.
    let (summary, _) = index(&library, &["a"], &[]);
    assert_eq!(summary, "0 files indexed, 2 unchanged, 2 removed, 0 problems");
}

#[cfg(unix)]
#[test]
fn links_between_the_paths_are_not_followed() {
    let library = library();
    std::os::unix::fs::symlink(library.path("b"), library.path("a/link")).unwrap();
    let (summary, _) = index(&library, &["a"], &[]);
    assert_eq!(summary, "3 files indexed, 0 unchanged, 0 removed, 0 problems");
    assert_eq!(indexed(&library), ["a/link/five.txt", "a/one.txt", "a/sub/two.txt"]);
    let (summary, said) = index(&library, &["a", "b"], &[]);
    assert_eq!(summary, "1 files indexed, 2 unchanged, 1 removed, 1 problems");
    assert!(said[0].contains("a/link: a link back to "), "{said:?}");
    assert_eq!(indexed(&library), ["a/one.txt", "a/sub/two.txt", "b/five.txt"]);
}

#[test]
fn a_path_that_is_gone_is_removed() {
    let library = library();
    let paths = ["a", "b", "six.txt"];
    index(&library, &paths, &[]);
    fs::remove_dir_all(library.path("a")).unwrap();
    fs::remove_file(library.path("six.txt")).unwrap();
    let (summary, said) = index(&library, &paths, &[]);
    assert_eq!(summary, "0 files indexed, 1 unchanged, 3 removed, 0 problems");
    let gone = |name: &str| {
        format!("crossrank: {} is gone, and removed from the index", library.path(name).display())
    };
    assert_eq!(said, [gone("a"), gone("six.txt")]);
    assert_eq!(indexed(&library), ["b/five.txt"]);

    // A path of which the index holds nothing may be a mistake, and nothing is changed.
    fs::write(library.path("b/five.txt"), "changed").unwrap();
    let (a, b) = (library.path("a"), library.path("b"));
    let (a, b, file) = (a.to_str().unwrap(), b.to_str().unwrap(), library.index());
    let line = fails(&["index", b, a, "-o", &file, "--text-only"], b"", "io");
    assert!(line.contains(&format!("cannot read {a} (")), "{line}");
    assert!(library.search("changed", &FIRST_STAGE).is_empty());
    let new = format!("{file}-new");
    fails(&["index", b, a, "-o", &new, "--text-only"], b"", "io");
    assert!(!Path::new(&new).exists(), "no index is created");
    fails(&["index", "-o", &file], b"", "invalid-argument");
}
