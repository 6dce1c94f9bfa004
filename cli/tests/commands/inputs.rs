//! The formats of the files that `rerank` and `embed` read, and files that are not text.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::command::{fails, stdout};

const QUERY: [&str; 4] = ["rerank", "--json", "--query", "vector database"];

struct Folder(temp_dir::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(temp_dir::TempDir::new().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The documents of a file in the order of the file, as `rerank --json` prints them.
    fn documents(&self, name: &str, content: impl AsRef<[u8]>, more: &[&str]) -> Vec<Value> {
        let path = self.write(name, content);
        let arguments = [&QUERY, more, &["--top-k", "99", text(&path)]].concat();
        let results: Vec<Value> = serde_json::from_str(&stdout(&arguments, b"")).unwrap();
        let mut results: Vec<(u64, Value)> = results
            .into_iter()
            .map(|result| (result["index"].as_u64().unwrap(), result["document"].clone()))
            .collect();
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, document)| document).collect()
    }

    fn refused(&self, name: &str, content: impl AsRef<[u8]>, more: &[&str], code: &str) -> String {
        let path = self.write(name, content);
        let message = fails(&[&QUERY, more, &[text(&path)]].concat(), b"", code);
        let (_, message) = message.split_once(name).expect("the message names the file");
        message.trim_end().to_owned()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn records_are_read_by_their_format() {
    let folder = Folder::new();
    let array = "\u{feff}[\n {\"id\": 1, \"text\": \"A vector\\ndatabase.\"},\n \"Bananas\"\n]\n";
    let documents = [json!({ "id": 1, "text": "A vector\ndatabase." }), json!("Bananas")];
    assert_eq!(folder.documents("a.json", array, &[]), documents);
    assert_eq!(
        folder.documents("a.JSON", "{\n\"text\": \"one\"\n}", &[]),
        [json!({"text": "one"})]
    );
    let lines = "{\"text\": \"one\"}\n\n\"two\"\n";
    let two = [json!({ "text": "one" }), json!("two")];
    for name in ["a.json", "a.jsonl", "a.NDJSON"] {
        assert_eq!(folder.documents(name, lines, &[]), two);
    }
    assert_eq!(folder.documents("a.json", "[]", &[]), [] as [Value; 0]);
    let field = ["--text-field", "body"];
    let body = [json!({ "body": "one" })];
    assert_eq!(folder.documents("a.txt", "[{\"body\": \"one\"}]", &field), body);
    assert_eq!(folder.documents("a.txt", "{\"body\": \"one\"}", &field), body);

    let rows = [json!({ "id": "1", "text": "a, \"b\"\nc" }), json!({ "id": "2", "text": "d" })];
    let csv = "\u{feff}id,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n\r\n2,d\r\n";
    assert_eq!(folder.documents("a.csv", csv, &[]), rows);
    assert_eq!(folder.documents("a.csv", "id;text\n1;\"a, \"\"b\"\"\nc\"\n2;d\n", &[]), rows);
    let tsv = folder.documents("a.tsv", "id\ttext\n1\t\"Yes\", he said, \"no\n2\td\n", &[]);
    assert_eq!(tsv, [json!({ "id": "1", "text": "\"Yes\", he said, \"no" }), rows[1].clone()]);
    assert_eq!(folder.documents("a.csv", "body\none\n", &field), body);

    let notebook = json!({ "nbformat": 4, "cells": [
        { "cell_type": "markdown", "source": ["# A\n", "b \"cell_type\""] },
        { "cell_type": "code", "source": "print(1)", "outputs": [{ "text": ["1"] }] },
        { "cell_type": "code", "source": [] },
    ] });
    let cells = [
        json!({ "cell_type": "markdown", "text": "# A\nb \"cell_type\"" }),
        json!({ "cell_type": "code", "text": "print(1)" }),
    ];
    assert_eq!(folder.documents("a.ipynb", notebook.to_string(), &[]), cells);

    let embedded = stdout(&["embed", text(&folder.write("b.csv", csv))], b"");
    assert_eq!(embedded.lines().count(), 2);
}

#[test]
fn bad_records_are_named_by_their_lines() {
    let folder = Folder::new();
    let field = "no text in field \"text\"";
    let no_text = format!(":1: {field}, nor in another field");
    for (name, content, said) in [
        (
            "a.json",
            "[\n{\"text\": \"a\"},\n{\"body\": \"b\"}]",
            format!(":3: {field}; name one with --text-field: body"),
        ),
        ("a.json", "{\"config\": {}}", no_text),
        ("a.json", "[\n\"a\",\n\n7]", ":4: neither an object nor a string".into()),
        (
            "a.json",
            "[\n\"a\",\n\"b\" \"c\"]",
            ":3: no comma between two values of the array".into(),
        ),
        ("a.json", "[\"a\",\n", ":2: the array has no end; the file is not complete".into()),
        ("a.json", "[\"a\"]\n\nb", ":3: text after the array; remove it".into()),
        (
            "a.json",
            "[\n{\n\"text\":\n}]",
            ":4: not the JSON expected (expected value at column 1)".into(),
        ),
        (
            "a.jsonl",
            "\n[\"a\"]",
            ":2: an array; give an object or a string, or in a .json file one \
          array of them"
                .into(),
        ),
        (
            "a.csv",
            "id,body\n1,a\n",
            ":1: no column \"text\"; name one with --text-field: id, body".into(),
        ),
        (
            "a.csv",
            "id,text\n1,a\n\n2,\"b\nc\"\n3\n",
            ":6: 1 values, and the first line names 2 columns".into(),
        ),
        (
            "a.csv",
            "id,text\n1,a\n2,\"b\n3,c\n4,d\n",
            ":3: a quote is not closed, and the rest of the file was read as one value".into(),
        ),
        ("a.ipynb", "{}", ":1: not the JSON expected (missing field `cells` at column 2)".into()),
    ] {
        assert_eq!(folder.refused(name, content, &[], "invalid-input"), said, "{content}");
    }
    let latin = folder.refused("a.csv", b"id,text\n1,a\n2,caf\xe9\n", &[], "invalid-text");
    assert_eq!(latin, ":3: not UTF-8; convert the file, for example with iconv");
}

#[test]
fn utf_16_is_read_and_files_that_are_not_text_are_named() {
    let folder = Folder::new();
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    };
    let text = "\u{feff}id\ttext\r\n1\tnaïve 向量 👩\r\n";
    for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let documents = folder.documents("a.tsv", utf16(text, bytes), &[]);
        assert_eq!(documents, [json!({ "id": "1", "text": "naïve 向量 👩" })]);
        let lines = folder.documents("a.txt", utf16("\u{feff}one\ntwo", bytes), &[]);
        assert_eq!(lines, ["one", "two"]);
    }
    let mut damaged = utf16("\u{feff}one\ntwo", u16::to_le_bytes);
    damaged.push(b'x');
    let without_mark = |encoding| {
        format!(": UTF-16 without a byte order mark; convert it with iconv -f {encoding} -t UTF-8")
    };
    let kinds: [(&str, &[u8], String); 12] = [
        ("a.txt", &damaged, ":2: damaged UTF-16; convert the file to UTF-8".into()),
        ("a.txt", &utf16("one two", u16::to_le_bytes), without_mark("UTF-16LE")),
        ("a.txt", &utf16("one two", u16::to_be_bytes), without_mark("UTF-16BE")),
        ("a.jsonl.gz", b"\x1f\x8b\x08\0", ": compressed; gunzip it".into()),
        ("a.zst", b"\x28\xb5\x2f\xfd\0", ": compressed; decompress it with unzstd".into()),
        (
            "a.pdf",
            b"%PDF-1.4\n1 0 obj\n",
            ": PDF; convert it to text, for example with pdftotext".into(),
        ),
        ("a.rtf", b"{\\rtf1 text}", ": RTF; save it as text".into()),
        (
            "a.docx",
            b"PK\x03\x04\x14\0",
            ": a ZIP archive or an office document; give the text in it".into(),
        ),
        ("a.bin", b"\x7fELF\x02\x01\0\0\0", ": binary".into()),
        ("a.csv", b"id,text\n\0\x01\0,\0\n", ": binary".into()),
        ("a.json", b"[\"\0\x01\0\"]", ": binary".into()),
        ("a.jsonl", b"%PDF-1.4\n", ": PDF; convert it to text, for example with pdftotext".into()),
    ];
    for (name, content, said) in kinds {
        assert_eq!(folder.refused(name, content, &[], "invalid-text"), said, "{name}");
    }
    let stdin = fails(&QUERY, b"%PDF-1.4\n", "invalid-text");
    assert!(stdin.contains(" -: PDF; convert"), "{stdin}");
}
