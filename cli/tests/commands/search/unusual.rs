//! Content that cannot be indexed, and files that are not indexes.

use super::*;

#[cfg(unix)]
#[test]
fn unusual_content_is_reported_and_skipped() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let library = Library::new(&[("a.txt", "good text"), ("sub/b.txt", "more good text")]);
    library.write("binary.txt", b"GIF89a\0\0\x01", 60);
    library.write("empty.md", "", 60);
    library.write("blank.txt", " \n\n", 60);
    library.write("script.html", "<script>var good;</script>", 60);
    library.write("latin.txt", b"good\ncaf\xe9", 60);
    library.write("locked.txt", "good but locked", 60);
    library.write(
        "bad.jsonl",
        b"{\"_id\": \"1\", \"text\": \"good line\"}\n{\"_id\": \"2\"\nnull\n{\"_id\": \"3\", \"text\": \"\xff\"}\n\
          {\"_id\": \"1\", \"text\": \"same id\"}\n{\"_id\": [], \"text\": \"x\"}\n{\"_id\": \"4\", \"text\": \"\"}\n\
          {\"_id\": \"5\", \"text\": \"good end\"}\n",
        60,
    );
    library.write("worse.jsonl", "[]\n".repeat(100), 60);
    let large = File::create(library.path("large.txt")).unwrap();
    large.set_len(50 << 20).unwrap();
    symlink(library.path(""), library.path("sub/up")).unwrap();
    symlink(library.path("y"), library.path("x")).unwrap();
    symlink(library.path("x"), library.path("y")).unwrap();
    fs::set_permissions(library.path("locked.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    let root = fs::read(library.path("locked.txt")).is_ok(); // root can read every file

    let (summary, complaints) = library.update();
    let start = format!("crossrank: {}", library.path("").display());
    let mut complaints: Vec<&str> =
        complaints.iter().map(|line| line.strip_prefix(&start).expect(line)).collect();
    if !root {
        let locked = complaints.iter().position(|line| line.starts_with("locked.txt: ")).unwrap();
        assert!(complaints.remove(locked).contains("cannot"));
    }
    let expected = [
        "x: ",
        "y: ",
        "sub/up: a link back to ",
        "bad.jsonl:2: not the JSON expected",
        "bad.jsonl:3: neither an object nor a string",
        "bad.jsonl:4: not UTF-8",
        "bad.jsonl:5: an earlier document already has the id 1",
        "bad.jsonl:6: the id is neither a string nor a number",
        "bad.jsonl:7: no text",
        "binary.txt: binary",
        "blank.txt: empty",
        "empty.md: empty",
        "large.txt: larger than 16 MB",
        "latin.txt:2: not UTF-8",
        "script.html:1: no text",
        "worse.jsonl: 80 more such lines",
    ];
    for start in expected {
        assert!(complaints.iter().any(|line| line.starts_with(start)), "{start}: {complaints:#?}");
    }
    let worse = complaints.iter().filter(|line| line.starts_with("worse.jsonl:")).count();
    assert_eq!((worse, complaints.len()), (21, expected.len() + 20), "{complaints:#?}");
    let problems = 15 + 100 + usize::from(!root);
    assert!(summary.ends_with(&format!("{problems} problems")), "{summary}");
    let found = library.search("good", &FIRST_STAGE).len();
    assert_eq!(found, 4 + usize::from(root), "what is good is in");

    // The index keeps the content of a folder that cannot be read.
    if !root {
        fs::set_permissions(library.path("sub"), fs::Permissions::from_mode(0o000)).unwrap();
        let (summary, _) = library.update();
        fs::set_permissions(library.path("sub"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(summary.contains(" 0 removed"), "{summary}");
        assert_eq!(library.search("good", &FIRST_STAGE).len(), found);
    }
}

#[test]
fn larger_files_than_the_option_says_are_skipped() {
    let library = Library::new(&[]);
    let text = "some words\n".repeat(1 << 17);
    for bytes in [(1 << 20) - 1, 1 << 20, (1 << 20) + 1] {
        library.write(&format!("{bytes}.txt"), &text[..bytes], 60);
    }
    let (_, complaints) = library.update_with(&["--text-only", "--max-file-mb", "1"]);
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    let problem = "1048577.txt: larger than 1 MB; ";
    assert!(complaints[0].contains(problem) && complaints[0].contains("raise --max-file-mb"));
}

#[test]
fn other_and_damaged_files_are_not_indexes() {
    let library = Library::new(&[("a.txt", &"some words to find. ".repeat(5000))]);
    library.update();
    let index = library.index();
    let refused = |expected: &str| {
        for arguments in
            [&["search", &index, "words"][..], &["index", "examples", "-o", &index, "--text-only"]]
        {
            let complaint = fails(arguments, b"", "invalid-input");
            assert!(complaint.contains(expected), "{complaint}");
        }
    };
    let good = fs::read(&index).unwrap();

    let set = |pragma: &str| Connection::open(&index).unwrap().execute_batch(pragma).unwrap();
    set("PRAGMA user_version = 99");
    refused(
        "was made by a newer crossrank (it is an index of version 99, and this one reads version",
    );
    // Its words are in another form.
    set("PRAGMA user_version = 3");
    refused(
        "was made by an older crossrank (it is an index of version 3, and this one reads version",
    );
    set("PRAGMA application_id = 7");
    refused("is not an index of crossrank; name another file");
    fs::write(&index, "plain text, and rather more of it than a header has").unwrap();
    refused("is not an index of crossrank; name another file");
    // All pages except the first ones are overwritten.
    let mut bad = good.clone();
    bad[8192..].fill(0x5a);
    fs::write(&index, bad).unwrap();
    refused("is damaged");
    fs::write(&index, &good[..good.len() / 2]).unwrap();
    refused("is damaged");

    let missing = fails(&["search", "no-such-index", "words"], b"", "io");
    assert!(missing.contains("crossrank index DIR -o no-such-index"), "{missing}");
    fails(&["index", "no-such-folder", "-o", "no-such-index"], b"", "io");
    fails(&["index", "examples", "-o", "/no/such/folder/index"], b"", "io");
}

#[test]
fn an_index_with_a_similar_name_is_named() {
    let folder = temp_dir::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("zebra.txt"), "a zebra").unwrap();
    let index = path("notes.index");
    stdout(&["index", &path("zebra.txt"), "-o", &index, "--text-only"], b"");
    let said = format!("; did you mean {index}?");
    let line = fails(&["search", &path("note.index"), "zebra"], b"", "io");
    assert!(line.contains(&said), "{line}");
    #[cfg(feature = "mcp")]
    {
        let line = fails(&["mcp", "--index", &path("note.index")], b"", "io");
        assert!(line.contains(&said), "{line}");
    }
    let line = fails(&["index", &path("zebras.txt"), "-o", &index, "--text-only"], b"", "io");
    assert!(line.contains(&format!("; did you mean {}?", path("zebra.txt"))), "{line}");
}
