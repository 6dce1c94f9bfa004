//! `crossrank mcp`: what goes over its standard input and output. `tests/clients` runs another
//! program's client.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::command::{crossrank, fails, stdout};
use serde_json::{Value, json};

const DOCUMENTS: [&str; 2] = ["Bananas are yellow.", "A vector database stores vectors."];

fn request(id: u32, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// A call of a tool.
fn call(id: u32, name: &str, arguments: Value) -> Value {
    request(id, "tools/call", json!({ "name": name, "arguments": arguments }))
}

/// Sends requests after the handshake, and ends the session when each has its answer. Returns the
/// answers by the requests' ids.
fn session(arguments: &[&str], requests: &[Value]) -> impl Fn(u32) -> Value + use<> {
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } });
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let mut lines = vec![request(0, "initialize", hello), ready];
    lines.extend_from_slice(requests);
    let expected = lines.iter().filter(|line| line["id"].is_number()).count();

    let mut child = Command::new(env!("CARGO_BIN_EXE_crossrank"))
        .arg("mcp")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    stdin.write_all(text.as_bytes()).unwrap();
    let mut answers = HashMap::new();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    while answers.len() < expected {
        let line = output.next().unwrap_or_else(|| panic!("it ended after {answers:?}")).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        if let Some(id) = answer["id"].as_u64() {
            answers.insert(id as u32, answer);
        }
    }
    drop(stdin);
    assert!(output.next().is_none(), "nothing follows the answers");
    assert!(child.wait().unwrap().success());
    move |id| answers[&id].clone()
}

#[test]
fn tools_answer_like_the_commands_and_errors_are_results() {
    let folder = temp_dir::TempDir::new().unwrap();
    let index = folder.path().join("index");
    let index = index.to_str().unwrap();
    stdout(&["index", "examples/passages.txt", "-o", index], b"");
    let query = "what is a vector database";
    let search = json!({ "query": query, "top_k": "2", "mode": "text" });
    let answer = session(
        &["--index", index],
        &[
            request(1, "tools/list", json!({})),
            call(2, "rerank", json!({ "query": query, "documents": DOCUMENTS })),
            call(3, "search", search),
            call(4, "rerank", json!({ "query": query })),
            call(5, "rerank", json!({ "query": query, "documents": [{ "content": "a" }] })),
            call(6, "search", json!({ "query": query, "mode": "magic" })),
            call(7, "rerank", json!({ "query": query, "documents": DOCUMENTS, "model": "none" })),
            call(8, "no such tool", json!({})),
            request(9, "tools/call", json!({ "name": "rerank" })),
        ],
    );
    assert_eq!(answer(0)["result"]["serverInfo"]["name"], "crossrank");
    let tools = answer(1)["result"]["tools"].clone();
    assert_eq!((&tools[0]["name"], &tools[1]["name"]), (&json!("rerank"), &json!("search")));
    assert_eq!(tools[0]["inputSchema"]["required"], json!(["query", "documents"]));
    assert_eq!(tools[1]["inputSchema"]["type"], "object");

    let ranked = answer(2)["result"].clone();
    let results = &ranked["structuredContent"]["results"];
    let alone = ["rerank", "--json", "--query", query];
    let alone: Value =
        serde_json::from_str(&stdout(&alone, DOCUMENTS.join("\n").as_bytes())).unwrap();
    for i in 0..2 {
        assert_eq!(results[i]["index"], alone[i]["index"]);
        assert_eq!(results[i]["relevance_score"], alone[i]["score"]);
    }
    let text: Value = serde_json::from_str(ranked["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, ranked["structuredContent"]);
    let found = answer(3)["result"]["structuredContent"]["results"].clone();
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    assert!(found[0]["path"].as_str().unwrap().ends_with("passages.txt"), "{found}");

    for (id, part) in
        [(4, "documents"), (5, "rank_fields"), (6, "hybrid"), (7, "minilm-l6-en"), (9, "query")]
    {
        let result = answer(id)["result"].clone();
        let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}"));
        assert!(result["isError"] == true && text.contains(part), "{id}: {result}");
    }
    assert!(answer(8)["error"]["message"].as_str().unwrap().contains("no such tool"));
}

#[test]
fn without_an_index_there_is_no_search_and_bad_input_is_survived() {
    let answer = session(
        &[],
        &[
            json!("no request"),
            request(1, "tools/list", json!({})),
            call(2, "search", json!({ "query": "a" })),
            call(3, "rerank", json!({ "query": "a", "documents": ["b"] })),
        ],
    );
    assert_eq!(answer(1)["result"]["tools"].as_array().unwrap().len(), 1);
    assert!(answer(2)["error"]["message"].as_str().unwrap().contains("--index"));
    assert_eq!(answer(3)["result"]["structuredContent"]["results"][0]["index"], 0);

    fails(&["mcp", "--index", "no-such-file"], b"", "io");
    fails(&["mcp", "--model", "no-such-folder"], b"", "io");
    // A client that goes away before the handshake.
    assert_eq!(crossrank(&["mcp"], b"").stdout, b"");
}
