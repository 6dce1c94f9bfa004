//! Which files are documents, and the documents of files of records.

use super::*;

/// The output of `crossrank index` on the folder, with its exit code.
fn index(library: &Library, more: &[&str]) -> (i32, String) {
    let (files, index) = (library.path(""), library.index());
    let arguments = ["index", files.to_str().unwrap(), "-o", &index, "--text-only"];
    let output = crossrank(&[&arguments[..], more].concat(), b"");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let folder = files.to_str().unwrap();
    let text = text.replace(folder, "").replace(folder.trim_end_matches('/'), "FILES");
    (output.status.code().unwrap(), text)
}

fn places(found: &[Value]) -> Vec<String> {
    let place = |result: &Value| {
        let path = Path::new(result["path"].as_str().unwrap()).file_name().unwrap();
        format!("{}:{}", path.to_str().unwrap(), result["line"])
    };
    let mut places: Vec<String> = found.iter().map(place).collect();
    places.sort();
    places
}

#[test]
fn scripts_and_generated_files_are_left_out() {
    let minified = "var timeout=function(a){return a+1},b=\"timeout\";".repeat(40);
    let library = Library::new(&[
        (
            "task.html",
            "<h1>Timeouts<a class=headerlink href='#timeouts'>¶</a></h1><p>A timeout ends.",
        ),
        ("searchindex.js", "Search.setIndex({timeout: 1})"),
        ("_static/site.CSS", "a { timeout: 1 }"),
        ("_static/logo.svg", "<svg><title>timeout</title></svg>"),
        ("_static/app.js.map", "{\"timeout\": 1}"),
        ("_static/logo.png", "\u{89}PNG\0"),
        ("_sources/task.rst.txt", "A timeout ends."),
        ("app/node_modules/left-pad/README.md", "A timeout of a dependency."),
        ("bundle.txt", &minified),
        ("package.json", "{\"name\": \"timeout\"}"),
        ("search.py", "def search(timeout): pass"),
        ("long.txt", &"A timeout of a long line. ".repeat(100)),
        ("one.html", &format!("<p>{}", "timeout of one line ".repeat(100).replace(' ', "\u{a0}"))),
        ("chinese.txt", &"超时timeout".repeat(200)),
    ]);
    let (code, text) = index(&library, &[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("5 files indexed, 0 unchanged, 0 removed, 0 problems, "), "{text}");
    let left_out = "\nleft out: 1 .css, 1 .js, 1 .map, 1 .png, 1 .svg, 1 folder node_modules, 1 in _sources, \
        1 minified, 1 of data in JSON; --all-files indexes them\n";
    assert!(text.contains(left_out), "{text}");
    let found = library.search("timeout", &["--no-rerank", "--top-k", "99"]);
    let mut names: Vec<String> =
        places(&found).iter().map(|place| place.split(':').next().unwrap().to_owned()).collect();
    names.dedup();
    assert_eq!(names, ["chinese.txt", "long.txt", "one.html", "search.py", "task.html"]);
    let page = found.iter().find(|result| result["path"].as_str().unwrap().ends_with("task.html"));
    assert_eq!(page.unwrap()["title"], "Timeouts");

    let (code, text) = index(&library, &["--all-files"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("8 files indexed, 5 unchanged, 0 removed, 1 problems, "), "{text}");
    assert!(text.contains("_static/logo.png: binary"), "{text}");
    assert!(!text.contains("left out"), "{text}");
    let (_, text) = index(&library, &[]);
    assert!(text.contains("6 removed"), "{text}");

    // A file that is named is read.
    let (file, other) = (library.path("searchindex.js"), library.path("../other"));
    let arguments = ["index", file.to_str().unwrap(), "-o", other.to_str().unwrap(), "--text-only"];
    assert!(stdout(&arguments, b"").starts_with("1 files indexed"));
}

#[test]
fn records_of_every_format_are_documents() {
    let notebook = json!({ "cells": [
        { "cell_type": "markdown", "source": ["A vector", " in a cell"] },
        { "cell_type": "code", "source": "x = 1", "outputs": [{ "text": "vector" }] },
    ] });
    let library = Library::new(&[
        (
            "lines.jsonl",
            "{\"id\": 1, \"text\": \"vector record\"}\n{\"_id\": 2, \"text\": \"b\"}\n\
          {\"text\": \"a vector\"}\n{\"_id\": null, \"text\": \"vector c\"}\n\"vector d\"\n",
        ),
        (
            "array.json",
            "[\n{\"id\": \"x\",\n\"title\": \"Vector\", \"text\": \"e\"},\n\n\"vector f\"]",
        ),
        ("table.csv", "id,title,text\n7,T,\"a vector,\nor two\"\n,,vector g\n"),
        ("table.tsv", "text\nvector h\n"),
        ("note.ipynb", &serde_json::to_string_pretty(&notebook).unwrap()),
    ]);
    assert_eq!(library.update().0, "5 files indexed, 0 unchanged, 0 removed, 0 problems");
    let found = library.search("vector", &["--no-rerank", "--top-k", "99"]);
    let expected = [
        "array.json:2",
        "array.json:5",
        "lines.jsonl:1",
        "lines.jsonl:3",
        "lines.jsonl:4",
        "lines.jsonl:5",
        "note.ipynb:4",
        "table.csv:2",
        "table.csv:4",
        "table.tsv:2",
    ];
    assert_eq!(places(&found), expected);
    let of = |place: &str| {
        let found = found.iter().find(|result| places(&[(*result).clone()]) == [place]);
        let result = found.unwrap();
        (
            result["id"].clone(),
            result["title"].as_str().unwrap(),
            result["passage"].as_str().unwrap(),
        )
    };
    assert_eq!(of("lines.jsonl:1"), ("1".into(), "", "vector record"));
    assert_eq!(of("lines.jsonl:3"), (Value::Null, "", "a vector"));
    assert_eq!(of("array.json:2"), ("x".into(), "Vector", "e"));
    assert_eq!(of("table.csv:2"), ("7".into(), "T", "a vector, or two"));
    assert_eq!(of("table.csv:4"), (Value::Null, "", "vector g"));
    let table =
        stdout(&["search", &library.index(), "vector d", "--no-rerank", "--top-k", "1"], b"");
    assert!(table.contains("lines.jsonl:5  vector d"), "{table}");

    // Another line is no change of the document.
    let added = "{\"text\": \"new\"}\n\"vector d\"\n\"vector d\"\n";
    library.write("lines.jsonl", added, 30);
    let (summary, complaints) = library.update();
    assert_eq!(summary, "1 files indexed, 4 unchanged, 0 removed, 1 problems");
    assert!(complaints[0].ends_with("lines.jsonl:3: equal to an earlier one"), "{complaints:?}");
    assert_eq!(
        places(&library.search("vector d", &["--no-rerank", "--top-k", "1"])),
        ["lines.jsonl:2"]
    );
}

#[test]
fn a_run_that_can_index_nothing_fails_and_says_why() {
    let library = Library::new(&[("a.jsonl", "{\"_id\": \"1\", \"body\": \"a vector\"}\n[]\n")]);
    for _ in 0..2 {
        let (code, text) = index(&library, &[]);
        let said = "crossrank: a.jsonl:1: no text in field \"text\"; name one with --text-field: body\n\
            crossrank: a.jsonl:2: an array; give an object or a string, or in a .json file one array \
            of them\n";
        assert!(text.starts_with(said), "{text}");
        assert!(text.ends_with("could be indexed of FILES: 2 problems\n"), "{text}");
        assert_eq!(code, 2);
    }
    let (code, text) = index(&library, &["--text-field", "body"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(library.search("vector", &FIRST_STAGE).len(), 1);
    library.write("b.jsonl", "{\"body\": \"a vector\", \"other\": \"a matrix\"}\n", 60);
    index(&library, &["--text-field", "body"]);
    index(&library, &["--text-field", "other"]);
    assert_eq!(
        library.search("matrix", &FIRST_STAGE).len(),
        1,
        "the same file, read by another field"
    );

    let library = Library::new(&[("a.js", "x"), ("b.json", "{}"), ("c.txt.gz", "x")]);
    library.write("c.txt.gz", b"\x1f\x8b\x08\0", 60);
    let (code, text) = index(&library, &[]);
    assert_eq!(code, 2);
    assert!(text.contains("crossrank: c.txt.gz: compressed; gunzip it\n"), "{text}");
    let said = "crossrank: invalid-input: nothing could be indexed of FILES: 1 problems, left out: \
        1 .js, 1 of data in JSON; --all-files indexes them\n";
    assert!(text.ends_with(said), "{text}");
    fs::remove_dir_all(library.path("")).unwrap();
    fs::create_dir(library.path("")).unwrap();
    assert_eq!(index(&library, &[]).0, 0, "an empty folder has nothing to say");
}

#[test]
fn texts_that_are_not_utf_8_are_read_or_named() {
    let library = Library::new(&[]);
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    library.write("a.md", utf16("\u{feff}# One\n\nzebra"), 60);
    library.write("b.html", utf16("<p>zebra"), 60);
    library.write("c.txt", "%PDF-1.4\n1 0 obj zebra", 60);
    library.write("d.txt", b"zebra \0\x01\0", 60);
    library.write("e.txt", "\u{feff}a zebra", 60);
    let (code, text) = index(&library, &[]);
    assert_eq!(code, 0);
    for said in [
        "b.html: UTF-16 without a byte order mark; convert it with iconv -f UTF-16LE -t UTF-8",
        "c.txt: PDF; convert it to text, for example with pdftotext",
        "d.txt: binary",
    ] {
        assert!(text.contains(&format!("crossrank: {said}\n")), "{text}");
    }
    let found = library.search("zebra", &FIRST_STAGE);
    assert_eq!(places(&found), ["a.md:3", "e.txt:1"]);
    let start = |name: &str| {
        let result = found.iter().find(|r| r["path"].as_str().unwrap().ends_with(name)).unwrap();
        result["start"].as_u64().unwrap()
    };
    assert_eq!((start("a.md"), start("e.txt")), (7, 3), "bytes of UTF-8, and of the file");
}
