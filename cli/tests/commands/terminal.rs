//! Control characters of texts and names never reach the terminal.

use std::fs;

use crate::command::{crossrank, stdout};

/// Clears the screen, sets the title, rings, goes back, and changes the direction of text.
const ATTACK: &str = "vector\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}2J\u{8}\u{202e}\u{2066}\r\u{7f} wipe";

/// Runs a command, and checks what it prints on both outputs.
fn plain(arguments: &[&str], input: &str) -> String {
    let output = crossrank(arguments, input.as_bytes());
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let is_bad = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{2066}".contains(c));
    assert!(!text.contains(is_bad), "{arguments:?}: {text:?}");
    text
}

#[test]
fn tables_json_and_errors_hold_no_control_characters() {
    let rerank = ["rerank", "--query", "vector"];
    let table = plain(&rerank, ATTACK);
    assert!(
        table.contains("vector\\u001b[2J\\u001b]0;title\\u0007\\u009b2J\\u0008\\u202e"),
        "{table}"
    );
    let json = plain(&[&rerank[..], &["--json"]].concat(), ATTACK);
    let results: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(results[0]["document"], ATTACK, "JSON holds the text as it is");

    let id = serde_json::to_string(ATTACK).unwrap();
    let job = format!("{{\"id\": {id}, \"query\": \"x\", \"documents\": [\"y\"]}}");
    let result: serde_json::Value =
        serde_json::from_str(&plain(&["rerank", "--jsonl"], &job)).unwrap();
    assert_eq!(result["id"], ATTACK);
    // The id is in the output in another spelling than the usual one of JSON.
    let folder = temp_dir::TempDir::new().unwrap();
    let out = folder.path().join("out");
    let bulk = ["rerank", "--jsonl", "--output", out.to_str().unwrap()];
    stdout(&bulk, job.as_bytes());
    let whole = fs::read(&out).unwrap();
    fs::write(&out, &whole[..whole.len() - 9]).unwrap();
    stdout(&bulk, job.as_bytes());
    assert_eq!(fs::read(&out).unwrap(), whole);

    let csv = folder.path().join("a.csv");
    fs::write(&csv, format!("id,{ATTACK}\n1,2\n").replace('\r', "")).unwrap();
    let columns = plain(&[&rerank[..], &[csv.to_str().unwrap()]].concat(), "");
    assert!(columns.contains("vector\\u001b"), "{columns}");
    plain(&["rerank", "--query", "x", "--\u{1b}[2J"], "");
    assert!(plain(&["rerank", "--query", "x", ATTACK], "").contains("\\u001b[2J"));
}

#[test]
#[cfg(all(unix, feature = "search"))]
fn an_index_holds_names_and_texts_as_they_are_and_tables_do_not() {
    let folder = temp_dir::TempDir::new().unwrap();
    let files = folder.path().join("files");
    fs::create_dir(&files).unwrap();
    let name = format!("{ATTACK}\nline.txt");
    fs::write(files.join(&name), "a vector of bytes").unwrap();
    fs::write(files.join("binary\u{1b}[2J"), b"\0\x01\0").unwrap();
    fs::write(files.join("kind.\u{1b}js"), b"{}").unwrap();
    let record = serde_json::json!({ "_id": name, "title": ATTACK, "text": "a vector" });
    fs::write(files.join("a.jsonl"), format!("{record}\n{record}\n")).unwrap();
    let index = folder.path().join("in\ndex\u{1b}");
    let (files, index) = (files.to_str().unwrap(), index.to_str().unwrap());

    let report = plain(&["index", files, "-o", index, "--text-only"], "");
    assert!(report.contains("binary\\u001b[2J: binary\n"), "{report}");
    assert!(report.contains("the id vector\\u001b[2J"), "{report}");
    assert!(report.contains("in\\u000adex\\u001b holds"), "{report}");
    let table = plain(&["search", index, "vector"], "");
    assert_eq!(table.lines().count(), 3, "a line for each result: {table}");
    assert!(table.contains("wipe\\u000aline.txt:1  a vector of bytes"), "{table}");
    let found: Vec<serde_json::Value> =
        serde_json::from_str(&plain(&["search", index, "vector", "--json"], "")).unwrap();
    assert!(found.iter().any(|result| result["path"].as_str().unwrap().ends_with(&name)));
    assert!(plain(&["search", &format!("{index}x"), "vector"], "").contains("in\\u000adex"));
}
