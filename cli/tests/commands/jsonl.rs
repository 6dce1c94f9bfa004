//! `crossrank rerank --jsonl`: the format of its lines, and resuming after a kill.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{crossrank, fails, stdout};
use serde_json::{Value, json};

const JSONL: [&str; 2] = ["rerank", "--jsonl"];

fn bulk<'a>(more: &[&'a str]) -> Vec<&'a str> {
    JSONL.iter().chain(more).copied().collect()
}

fn values(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_line_gets_the_result_of_a_run_of_its_own() {
    let documents = ["Bananas are yellow.", "A vector database stores vectors.", "Snow is cold."];
    let alone = ["rerank", "--json", "--top-k", "2", "--query", "what is a vector database"];
    let mut alone: Value =
        serde_json::from_str(&stdout(&alone, documents.join("\n").as_bytes())).unwrap();
    for result in alone.as_array_mut().unwrap() {
        result.as_object_mut().unwrap().remove("document");
    }

    let plain = json!({ "id": "q", "query": "what is a vector database", "documents": documents });
    let named: Vec<Value> = documents
        .iter()
        .enumerate()
        .map(|(i, text)| json!({ "id": format!("d{i}"), "text": text, "title": "of no use" }))
        .collect();
    let named = json!({ "id": 7, "query": "what is a vector database", "documents": named });
    let empty = json!({ "id": -1, "query": "x", "documents": [] });
    let unnamed: Vec<Value> = documents.iter().map(|text| json!({ "text": text })).collect();
    let unnamed = json!({ "id": "s", "query": "what is a vector database", "documents": unnamed });
    let input = format!("\u{feff}{plain}\r\n\n{named}\n{empty}\n{unnamed}");
    let lines = values(&stdout(&bulk(&["--top-k", "2"]), input.as_bytes()));

    assert_eq!(lines[0], json!({ "id": "q", "results": alone, "queryTruncated": false }));
    assert_eq!(lines[1]["id"], 7);
    assert_eq!(lines[1]["results"][0]["id"], "d1");
    assert_eq!(lines[1]["results"][0]["logit"], alone[0]["logit"]);
    assert_eq!(lines[2], json!({ "id": -1, "results": [], "queryTruncated": false }));
    assert_eq!(lines[3]["results"], alone, "documents as the server takes them");
    assert_eq!(lines.len(), 4);
}

#[test]
fn a_document_over_the_limit_is_named_and_does_not_end_the_run() {
    let long = json!({ "id": 1, "query": "x", "documents": ["y", "word ".repeat(300_000)] });
    let short = json!({ "id": 2, "query": "x", "documents": ["y"] });
    let output = crossrank(&bulk(&[]), format!("{short}\n{long}\n{short}\n").as_bytes());
    assert!(output.status.success());
    let lines = values(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(lines.len(), 3);
    let results = lines[1]["results"].as_array().unwrap();
    let truncated =
        |index| results.iter().find(|r| r["index"] == index).unwrap()["truncated"].clone();
    assert_eq!((truncated(0), truncated(1)), (json!(false), json!(true)));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        stderr,
        "crossrank: -:2: a text of 1.5 MB, of which the first 1.0 MB are read; split it\n"
    );
}

#[test]
fn a_bad_line_ends_the_run_after_the_lines_before_it() {
    let good = r#"{"id": 1, "query": "x", "documents": ["y"]}"#;
    for (bad, code) in [
        ("{", "invalid-input"),
        (r#"{"query": "x", "documents": []}"#, "invalid-input"),
        (r#"{"id": null, "query": "x", "documents": []}"#, "invalid-input"),
        (r#"{"id": 2, "query": "x", "documents": [{"id": "no text"}]}"#, "invalid-input"),
        (r#"{"id": 2, "query": " ", "documents": ["y"]}"#, "invalid-argument"),
    ] {
        let output = crossrank(&bulk(&[]), format!("{good}\n{bad}\n{good}\n").as_bytes());
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(values(&String::from_utf8(output.stdout).unwrap()).len(), 1, "{bad}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with(&format!("crossrank: {code}: -:2: ")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn arguments_that_contradict_each_other_are_refused() {
    for more in [&["--query", "x"][..], &["--json"], &["--text-field", "body"]] {
        fails(&bulk(more), b"", "invalid-argument");
    }
    fails(&["rerank", "--query", "x", "--output", "out"], b"", "invalid-argument");
    fails(&["rerank", "--output", "out"], b"", "invalid-argument");
    fails(&bulk(&["--output", "no-such-folder/out"]), b"", "io");
}

#[test]
fn an_output_of_another_input_is_left_as_it_is() {
    let folder = temp_dir::TempDir::new().unwrap();
    let path = folder.path().join("out.jsonl");
    let input = br#"{"id": 1, "query": "x", "documents": ["y"]}"#;
    let out = path.to_str().unwrap();
    for (held, said) in [
        ("{\"id\": 2, \"results\": []}\n", "the id is 2, and 1 in line 1 of the input"),
        ("{\"id\": \"1\", \"results\": []}\n", "the id is \"1\""),
        ("{\"id\": 1, \"results\": []}\n{\"id\": 2, \"results\": []}\n", ":2: the input has fewer"),
        // The input itself.
        ("{\"id\": 1, \"query\": \"x\", \"documents\": []}\n", "not a result"),
        ("notes\n", "not a result"),
        // Incomplete last lines that no run has left.
        ("notes", "not a result"),
        ("{\"id\":1,\"query\":\"x\",\"documents\":[\"y\"]}", "not a result"),
        ("{\"id\":1,\"results\":[]}\n{\"id\":2,\"res", ":2: not a result"),
        // Results of other documents, and of another --top-k.
        ("{\"id\":1,\"results\":[{\"index\":1}]}\n", "a result for document 1"),
        ("{\"id\":1,\"results\":[{\"index\":0},{\"index\":0}]}\n", "2 results, and --top-k is 1"),
    ] {
        fs::write(&path, held).unwrap();
        let line = fails(&bulk(&["--top-k", "1", "--output", out]), input, "invalid-input");
        assert!(line.contains(said), "{line}");
        assert_eq!(fs::read_to_string(&path).unwrap(), held);
    }
}

#[test]
#[cfg(unix)]
fn an_output_that_is_not_a_file_is_refused() {
    let line = fails(&bulk(&["--output", "/dev/null"]), b"", "invalid-argument");
    assert!(line.contains("standard output"), "{line}");
}

/// A run whose input comes through a pipe.
struct Run(Child);

impl Run {
    fn start(out: &Path) -> Run {
        let child = Command::new(env!("CARGO_BIN_EXE_crossrank"))
            .args(JSONL)
            .arg("--output")
            .arg(out)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Run(child.unwrap())
    }

    fn feed(&mut self, lines: &[String]) {
        let input = self.0.stdin.as_mut().unwrap();
        lines.iter().for_each(|line| writeln!(input, "{line}").unwrap());
    }

    /// The peak memory so far, in kB, on systems that report it.
    fn peak(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for_lines(out: &Path, count: usize) {
    let start = Instant::now();
    while fs::read(out).unwrap_or_default().iter().filter(|&&b| b == b'\n').count() < count {
        assert!(start.elapsed() < Duration::from_secs(600), "no {count} lines");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// 100,000 pairs: 1000 lines of 100 documents.
#[test]
fn a_killed_run_is_resumed_and_memory_does_not_grow_with_lines() {
    let mut random = crate::common::Random(7);
    let mut text = |words: usize| {
        let mut word = || ["river", "bank", "vector", "data", "cold", "snow"][random.below(6)];
        (0..words).map(|_| word()).collect::<Vec<_>>().join(" ")
    };
    let lines: Vec<String> = (0..1000)
        .map(|id| {
            let documents: Vec<String> = (0..100).map(|_| text(2)).collect();
            json!({ "id": id, "query": text(1), "documents": documents }).to_string()
        })
        .collect();
    let folder = temp_dir::TempDir::new().unwrap();
    let out = folder.path().join("out.jsonl");

    let mut killed = Run::start(&out);
    killed.feed(&lines[..400]);
    wait_for_lines(&out, 300);
    let busy = fails(&bulk(&["--output", out.to_str().unwrap()]), b"", "io");
    assert!(busy.contains("another run"), "{busy}");
    drop(killed);
    let held = fs::read_to_string(&out).unwrap();
    // Any state that a run can leave when it is killed while it writes.
    let whole: usize = held.split_inclusive('\n').take(300).map(str::len).sum();
    fs::write(&out, &held[..whole - 5]).unwrap();

    let mut run = Run::start(&out);
    run.feed(&lines[..400]);
    wait_for_lines(&out, 400);
    let early = run.peak();
    run.feed(&lines[400..]);
    wait_for_lines(&out, 1000);
    let late = run.peak();
    drop(run.0.stdin.take());
    assert!(run.0.wait().unwrap().success());

    let results = fs::read_to_string(&out).unwrap();
    assert!(results.starts_with(&held[..whole]), "a torn line is computed again, to the same bits");
    let ids: Vec<u64> = values(&results).iter().map(|line| line["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..1000).collect::<Vec<_>>());
    if let (Some(early), Some(late)) = (early, late) {
        eprintln!("peak memory: {early} kB after 40,000 pairs, {late} kB after 100,000");
        assert!(late - early < 8 << 10, "{early} kB, then {late} kB");
    }
}
