//! What a passage of a text is: a line, or with `--split paragraph` a paragraph.

use std::fs;

use crate::command::{crossrank, crossrank_in, fails, stdout};
use serde_json::{Value, json};

const GUIDE: &str = "\
# Guide

Snow is cold.
It falls in winter.

## Databases

- A vector database
  stores vectors.
- A key-value store.

```sh
# no heading

crossrank search
```
";

fn write(folder: &temp_dir::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn rerank<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["rerank", "--query", "what is a vector database"], more].concat()
}

/// The results in the order of the file, without their scores.
fn passages(arguments: &[&str], input: &[u8]) -> Vec<Value> {
    let output = stdout(&rerank(&[&["--json", "--top-k", "99"], arguments].concat()), input);
    let mut results: Vec<Value> = serde_json::from_str(&output).unwrap();
    results.sort_by_key(|result| result["index"].as_u64());
    for result in &mut results {
        let result = result.as_object_mut().unwrap();
        result.retain(|name, _| ["line", "title", "document"].contains(&name.as_str()));
    }
    results
}

#[test]
fn paragraphs_have_their_lines_and_headings() {
    let folder = temp_dir::TempDir::new().unwrap();
    let markdown = write(&folder, "guide.md", GUIDE);
    let below = "Guide > Databases";
    let expected = [
        json!({ "line": 3, "title": "Guide", "document": "Snow is cold.\nIt falls in winter." }),
        json!({ "line": 8, "title": below, "document": "- A vector database\n  stores vectors." }),
        json!({ "line": 10, "title": below, "document": "- A key-value store." }),
        json!({ "line": 12, "title": below,
            "document": "```sh\n# no heading\n\ncrossrank search\n```" }),
    ];
    assert_eq!(passages(&["--split", "paragraph", &markdown], b""), expected);
    let lines = passages(&["--split", "line", &markdown], b"");
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[1], json!({ "line": 3, "document": "Snow is cold." }));
    let without = passages(&[&markdown], b"");
    assert_eq!((without.len(), &without[1]), (11, &json!({ "document": "Snow is cold." })));

    // The headings are read with the paragraph: the score is that of both.
    let output = stdout(&rerank(&["--json", "--split", "paragraph", &markdown]), b"");
    let best: Value = serde_json::from_str::<Value>(&output).unwrap()[0].clone();
    assert_eq!(best["line"], 8);
    let text = format!("{below} {}", best["document"].as_str().unwrap());
    let score = crate::common::reranker().score(&[("what is a vector database", text)]).unwrap();
    assert_eq!(best["score"].as_f64().unwrap() as f32, score[0].score);

    let table = stdout(&rerank(&["--split", "paragraph", &markdown]), b"");
    assert!(table.starts_with("rank   score   line  passage\n"), "{table}");
    assert!(
        table.lines().nth(1).unwrap().ends_with("      8  - A vector database stores vectors."),
        "{table}"
    );

    // Anything else has the lines between blank lines.
    let plain = [
        json!({ "line": 2, "document": "fn a() {\n    b();" }),
        json!({ "line": 6, "document": "# c" }),
    ];
    let code = "\nfn a() {\n    b();\n \n\n# c\n";
    assert_eq!(passages(&["--split", "paragraph", &write(&folder, "a.rs", code)], b""), plain);
    assert_eq!(passages(&["--split", "paragraph"], code.as_bytes()), plain);
    assert_eq!(passages(&["--split", "paragraph"], b"\n \n"), [] as [Value; 0]);
    assert_eq!(
        passages(&["--split", "paragraph", &write(&folder, "b.md", "")], b""),
        [] as [Value; 0]
    );
}

/// The span of a long paragraph counts in the document, not in the headings above it.
#[test]
fn spans_leave_the_headings_out() {
    let folder = temp_dir::TempDir::new().unwrap();
    let hay = "The river was cold and the boat was old. ".repeat(60);
    let text =
        format!("# A long heading about rivers\n\n{hay}A vector database stores vectors. {hay}");
    let file = write(&folder, "long.md", &text);
    let output = stdout(&rerank(&["--json", "--split", "paragraph", &file]), b"");
    let best: Value = serde_json::from_str::<Value>(&output).unwrap()[0].clone();
    let document = best["document"].as_str().unwrap();
    let heading = "A long heading about rivers ";
    let read = [format!("{heading}{document}")];
    let ranking = crate::common::reranker().rerank("what is a vector database", &read, 1).unwrap();
    let span = ranking.results[0].span.expect("the document is long");
    let expected = json!({ "start": span.start - heading.len(), "end": span.end - heading.len() });
    assert_eq!(best["span"], expected);
    assert!(stdout(&rerank(&["--split", "paragraph", &file]), b"").contains("      3  …"));
}

#[test]
fn markdown_and_code_are_said_to_be_read_by_lines() {
    let folder = temp_dir::TempDir::new().unwrap();
    let said = |name: &str, more: &[&str]| {
        let file = write(&folder, name, "one\n\ntwo\n");
        for command in [&rerank(&["--json"])[..], &["embed"]] {
            let output = crossrank(&[command, more, &[&file]].concat(), b"");
            assert!(output.status.success());
            let stderr = String::from_utf8(output.stderr).unwrap();
            let note = format!(
                "crossrank: {file}: each line is a passage; with --split paragraph, each paragraph is \
                 one\n"
            );
            match stderr.is_empty() {
                true => return false,
                false => assert_eq!(stderr, note),
            }
        }
        true
    };
    for name in ["a.md", "a.MD", "a.rs", "a.html", "a.py"] {
        assert!(said(name, &[]), "{name}");
        assert!(!said(name, &["--split", "line"]), "{name}");
        assert!(!said(name, &["--split", "paragraph"]), "{name}");
    }
    for name in ["a.txt", "a.log", "a"] {
        assert!(!said(name, &[]), "{name}");
    }
    let output = crossrank_in(&[], &rerank(&[]), b"one\n");
    assert!(output.stderr.is_empty(), "standard input has no kind");
}

#[test]
fn vectors_are_made_of_paragraphs_too() {
    let lines = |text: String| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let folder = temp_dir::TempDir::new().unwrap();
    let file = write(&folder, "guide.md", GUIDE);
    let embedded = lines(stdout(&["embed", "--split", "paragraph", &file], b""));
    let at: Vec<u64> = embedded.iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!(at, [3, 8, 10, 12]);
    let whole = lines(stdout(&["embed"], b"Guide Snow is cold. It falls in winter.\n"));
    assert_eq!(embedded[0]["embedding"], whole[0]["embedding"]);
    assert!(whole[0].get("line").is_none());
}

#[test]
fn records_are_not_split() {
    let folder = temp_dir::TempDir::new().unwrap();
    let file = write(&folder, "a.jsonl", "{\"text\": \"one\"}\n");
    let line = fails(&rerank(&["--split", "line", &file]), b"", "invalid-argument");
    assert!(line.contains("a.jsonl holds records") && line.contains("leave --split out"), "{line}");
    let both = rerank(&["--split", "line", "--text-field", "text"]);
    fails(&both, b"{\"text\": \"one\"}\n", "invalid-argument");
    fails(&["rerank", "--jsonl", "--split", "line"], b"", "invalid-argument");
}
