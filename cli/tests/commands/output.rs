//! The output of commands, exit codes, and errors of one line.

use std::path::Path;

use crate::command::{crossrank, fails, stdout};
use crate::common::stub::Stub;
use serde_json::Value;

const RERANK: [&str; 3] = ["rerank", "--query", "what is a vector database"];

fn rerank<'a>(more: &[&'a str]) -> Vec<&'a str> {
    RERANK.iter().chain(more).copied().collect()
}

#[test]
fn names_itself_and_its_version() {
    assert_eq!(stdout(&["--version"], b""), concat!("crossrank ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = stdout(&["--help"], b"");
    assert!(help.starts_with("Search reranking where the search is: a quantized"), "{help}");
    assert!(help.contains("Usage: crossrank [OPTIONS] <COMMAND>"), "{help}");
}

#[test]
fn ranks_a_file_as_a_table() {
    let table = stdout(&rerank(&["--top-k", "3", "examples/passages.txt"]), b"");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].contains("A vector database stores embeddings"), "{table}");
}

#[test]
fn ranks_standard_input_as_json() {
    let input = b"\xef\xbb\xbfBananas are yellow.\r\n\r\nA vector database stores vectors.\r\n";
    let results: Value = serde_json::from_str(&stdout(&rerank(&["--json"]), input)).unwrap();
    let results = results.as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0]["index"], 1);
    assert_eq!(results[0]["document"], "A vector database stores vectors.");
    assert_eq!(results[0]["truncated"], false);
    let (score, logit) = (&results[0]["score"], results[0]["logit"].as_f64().unwrap());
    assert!((score.as_f64().unwrap() - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6);
}

#[test]
fn shows_the_part_of_a_long_document_that_answers() {
    let hay = "The river was cold and the boat was old. ".repeat(60);
    let text = format!("{hay}A vector database stores vectors and finds the nearest ones. {hay}");
    let results = |how: &str| -> Value {
        let output = stdout(&rerank(&["--json", "--long-documents", how]), text.as_bytes());
        serde_json::from_str::<Value>(&output).unwrap()[0].clone()
    };
    let (windows, cut) = (results("windows"), results("truncate"));
    let place = |name: &str| windows["span"][name].as_u64().unwrap() as usize;
    assert!(text[place("start")..place("end")].contains("vector database"));
    assert_eq!((&windows["truncated"], &cut["truncated"]), (&false.into(), &true.into()));
    assert!(cut.get("span").is_none());
    let table = stdout(&rerank(&[]), text.as_bytes());
    assert!(table.contains("    0  …"), "{table}");
    let longer = format!("{text}{}", hay.repeat(20));
    let table = stdout(&rerank(&[]), longer.as_bytes());
    assert!(table.contains("[cut]: scored by its first windows"), "{table}");
}

#[test]
fn leaves_out_low_scores_and_stops_at_the_timeout() {
    let passages = b"Bananas are yellow.\nA vector database stores vectors.\n";
    let some = stdout(&rerank(&["--min-score", "0.5", "-"]), passages);
    assert!(some.contains("vector database") && !some.contains("Bananas"), "{some}");
    assert_eq!(stdout(&rerank(&["--min-score", "-1", "-"]), passages).lines().count(), 3);
    let none = stdout(&rerank(&["--timeout-ms", "0", "-"]), passages);
    assert!(none.contains("   1       -      0  Bananas are yellow."), "{none}");
    let json = stdout(&rerank(&["--timeout-ms", "0", "--json", "-"]), passages);
    let results: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&results[1]["index"], &results[1]["score"]), (&1.into(), &Value::Null));
}

#[test]
fn returns_json_lines_whole() {
    let input = br#"{"id": 7, "body": "A vector database stores vectors.", "tags": ["a"]}
{"id": 8, "body": "Bananas are yellow."}"#;
    let output = stdout(&rerank(&["--json", "--text-field", "body", "-"]), input);
    let results: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(results[0]["document"]["id"], 7);
    assert_eq!(results[0]["document"]["tags"][0], "a");

    let line = fails(&rerank(&["--text-field", "text", "-"]), input, "invalid-input");
    assert!(line.contains("-:1:"), "{line}");
    fails(&rerank(&["--text-field", "text", "-"]), b"not json\n", "invalid-input");
}

#[test]
fn an_empty_input_is_not_an_error() {
    assert_eq!(stdout(&rerank(&["--json"]), b"").trim(), "[]");
    assert_eq!(stdout(&rerank(&[]), b"").lines().count(), 1);
}

#[test]
fn top_k_has_bounds() {
    let all = stdout(&rerank(&["--top-k", "1000", "--json", "examples/passages.txt"]), b"");
    assert_eq!(serde_json::from_str::<Value>(&all).unwrap().as_array().unwrap().len(), 12);
    for bad in ["0", "-1", "ten", "99999999999999999999"] {
        fails(&rerank(&["--top-k", bad, "examples/passages.txt"]), b"", "invalid-argument");
    }
}

#[test]
fn bad_arguments_are_one_line() {
    fails(&[], b"", "invalid-argument");
    fails(&["rerank"], b"", "invalid-argument");
    fails(&["rerank", "--query", " ", "examples/passages.txt"], b"", "invalid-argument");
    fails(&rerank(&["--threads", "0"]), b"text", "invalid-argument");
    fails(&rerank(&["--max-length", "9999"]), b"text", "invalid-argument");
    assert!(stdout(&["--help"], b"").contains("rerank"));
}

#[test]
fn bad_files_are_named() {
    let line = fails(&rerank(&["no-such-file.txt"]), b"", "io");
    assert!(line.contains("no-such-file.txt"), "{line}");
    let line = fails(&rerank(&[]), b"good line\nbad \xff line\n", "invalid-text");
    assert!(line.contains(":2:"), "{line}");
}

#[test]
fn a_text_over_the_limit_is_named_and_its_start_is_read() {
    let mut huge = b"a vector database\n\n".to_vec();
    huge.extend(std::iter::repeat_n(b'x', 2 << 20));
    let output = crossrank(&rerank(&["--json"]), &huge);
    assert!(output.status.success());
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    let truncated = |i: usize| (&results[i]["index"], &results[i]["truncated"]);
    assert_eq!(truncated(0), (&0.into(), &false.into()));
    assert_eq!(truncated(1), (&1.into(), &true.into()));
    assert_eq!(results[1]["document"].as_str().unwrap().len(), 2 << 20);
    let said = "crossrank: -:3: a text of 2.1 MB, of which the first 1.0 MB are read; split it\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said);

    let output = crossrank(&["embed"], &huge);
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["truncated"]), (2, &true.into()));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
}

#[test]
fn a_service_ranks_in_place_of_a_model() {
    let results = r#"[{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0}]"#;
    let results: Value = serde_json::from_str(results).unwrap();
    let stub = Stub::start(vec![serde_json::json!({ "body": { "results": results } })]);
    let service = ["--remote", &stub.url, "--remote-model", "m", "--api-key-env"];
    let with_key = [service.as_slice(), &["CROSSRANK_TEST_KEY"]].concat();

    let output = stdout(&rerank(&[&with_key[..], &["--json"]].concat()), b"first\nsecond\n");
    let output: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(output[0]["document"], "second");
    assert_eq!(output[0]["score"], 0.75);
    assert_eq!(output[1]["logit"], Value::Null, "JSON has no infinity");
    assert!(stdout(&rerank(&with_key), b"first\nsecond\n").contains("0.7500      1  second"));
    assert_eq!(stub.log()[0].path, "/v2/rerank");
    assert_eq!(stub.log()[0].header("authorization"), Some("Bearer test-key-123"));

    let line = fails(&rerank(&with_key), b"one\n", "remote-invalid-answer");
    assert!(!line.contains("test-key-123"), "{line}");
    fails(&rerank(&service[..4]), b"one\n", "remote-invalid-answer");
    let no_key = [service.as_slice(), &["CROSSRANK_NO_SUCH_VARIABLE"]].concat();
    fails(&rerank(&no_key), b"text", "invalid-argument");
    fails(&rerank(&["--remote", &stub.url]), b"text", "invalid-argument");
    fails(&rerank(&["--remote", &stub.url, "--api", "coher"]), b"text", "invalid-argument");
    fails(&rerank(&["--remote", &stub.url, "--threads", "2"]), b"text", "invalid-argument");
    let windows = [&with_key[..], &["--long-documents", "windows"]].concat();
    fails(&rerank(&windows), b"one\n", "invalid-argument");
    fails(&rerank(&["--api", "jina"]), b"text", "invalid-argument");
}

#[test]
fn bad_models_are_named() {
    fails(&rerank(&["--model", "no-such-folder"]), b"text", "io");
    let folder = temp_dir::TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let files = crate::common::int8_files();
    write("tokenizer.json", &files.tokenizer);
    write("config.json", &files.config);
    write("onnx/model.onnx", &files.onnx[..files.onnx.len() / 3]);
    let model = folder.path().to_str().unwrap();
    fails(&rerank(&["--model", model]), b"text", "invalid-model");

    write("onnx/model.onnx", &files.onnx);
    assert!(stdout(&rerank(&["--model", model]), b"some text").contains("some text"));
}

/// A set in the BEIR layout, small enough to check by hand.
fn write_set(folder: &Path) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write(
        "corpus.jsonl",
        r#"{"_id": "d1", "title": "", "text": "Bananas are yellow."}
{"_id": "d2", "title": "Vector database", "text": "A vector database stores vectors."}
{"_id": "d3", "text": "Snow is cold."}"#,
    );
    write("queries.jsonl", r#"{"_id": "q1", "text": "what is a vector database"}"#);
    write("qrels.tsv", "query-id\tcorpus-id\tscore\nq1\td2\t1\nq1\td9\t0\n");
    write("bm25_top100.tsv", "q1\td1\t1\t9.0\nq1\td3\t2\t8.0\nq1\td2\t3\t7.0\n");
}

#[test]
fn eval_measures_both_orders() {
    let folder = temp_dir::TempDir::new().unwrap();
    write_set(folder.path());
    let dir = folder.path().to_str().unwrap();
    let report: Value = serde_json::from_str(&stdout(&["eval", dir, "--json"], b"")).unwrap();
    assert_eq!(report["first_stage"]["ndcg_at_10"], 0.5);
    assert_eq!(report["first_stage"]["mrr_at_10"], 1.0 / 3.0);
    assert_eq!(report["reranked"]["ndcg_at_10"], 1.0);
    assert_eq!(report["reranked"]["mrr_at_10"], 1.0);
    assert!(report["seconds"].as_f64().unwrap() > 0.0);

    let depth = stdout(&["eval", dir, "--json", "--depth", "2"], b"");
    let report: Value = serde_json::from_str(&depth).unwrap();
    assert_eq!(report["reranked"]["ndcg_at_10"], 0.5, "the third document stays third");

    fails(&["eval", dir, "--depth", "0"], b"", "invalid-argument");
    fails(&["eval", "no-such-folder"], b"", "io");
    std::fs::write(folder.path().join("qrels.tsv"), "query-id\nq1\td2\n").unwrap();
    fails(&["eval", dir], b"", "invalid-input");
}

/// Compares with the published figures of the model card. They come from another implementation,
/// which truncates passages.
#[test]
fn eval_agrees_with_the_model_card_on_trec_dl_19() {
    let Some(dir) = crate::common::eval_dir("eval_agrees_with_the_model_card_on_trec_dl_19") else {
        return;
    };
    let dir = dir.join("trec-dl-19");
    let cut = ["--long-documents", "truncate"];
    let output = stdout(&[&["eval", dir.to_str().unwrap(), "--json"][..], &cut].concat(), b"");
    println!("{output}");
    let report: Value = serde_json::from_str(&output).unwrap();
    let ndcg = |stage: &str| report[stage]["ndcg_at_10"].as_f64().unwrap();
    assert!((ndcg("first_stage") - 0.5058).abs() < 0.0005);
    assert!((ndcg("reranked") - 0.6568).abs() < 0.005);
}

#[test]
fn embeds_lines_and_json_lines() {
    let read = |output: String| -> Vec<Value> {
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let lines = read(stdout(&["embed"], b"Bananas are yellow.\n\nA vector database.\n"));
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[1]["index"], &lines[1]["truncated"]), (&1.into(), &false.into()));
    let vector =
        |line: &Value| -> Vec<f32> { serde_json::from_value(line["embedding"].clone()).unwrap() };
    let embedder = crossrank::Embedder::bundled().unwrap();
    let texts = ["Bananas are yellow.", "A vector database."];
    let expected = embedder.embed(&texts).unwrap();
    assert_eq!(lines.iter().map(vector).collect::<Vec<_>>(), expected);

    let json = b"{\"body\": \"a river\"}\n";
    let prefix = ["embed", "--query", "--query-prefix", "query: ", "--text-field", "body"];
    let prefixed = read(stdout(&prefix, json));
    assert_eq!(vector(&prefixed[0]), embedder.embed(&["query: a river"]).unwrap()[0]);
    let cut = read(stdout(&["embed", "--max-length", "5"], b"one two three four five six"));
    assert_eq!((&cut[0]["tokens"], &cut[0]["truncated"]), (&5.into(), &true.into()));

    fails(&["embed", "--max-length", "0"], b"a", "invalid-argument");
    fails(&["embed", "no-such-file"], b"", "io");
    fails(&["embed", "--model", "models/minilm-l6-en"], b"a", "unsupported-model");
}

#[test]
fn a_prepared_model_ranks_as_its_folder() {
    let folder = temp_dir::TempDir::new().unwrap();
    let path = folder.path().join("minilm.crossrank");
    let path = path.to_str().unwrap();
    assert!(stdout(&["prepare", "benches/model/minilm-l6-en", "-o", path], b"").contains(" MB"));
    let passages = ["--json", "examples/passages.txt"];
    let prepared = stdout(&rerank(&[&["--model", path][..], &passages].concat()), b"");
    let graph = ["--model", "benches/model/minilm-l6-en"];
    assert_eq!(prepared, stdout(&rerank(&[&graph[..], &passages].concat()), b""));

    let other = ["prepare", "tests/data/graphs/other-silu", "-o", path];
    assert!(
        fails(&other, b"", "unsupported-model")
            .contains("it is not an encoder that this library recognizes")
    );
    fails(&["prepare", "no-such-folder", "-o", path], b"", "io");
    fails(&["prepare", "benches/model/minilm-l6-en", "-o", "missing/model.crossrank"], b"", "io");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "a command that fails leaves nothing behind");
}

#[test]
fn a_model_in_floats_is_quantized() {
    let folder = temp_dir::TempDir::new().unwrap();
    let path = folder.path().join("small.crossrank");
    let sample = folder.path().join("sample.jsonl");
    let [path, sample] = [&path, &sample].map(|path| path.to_str().unwrap());
    std::fs::write(sample, "{\"query\": \"a\", \"document\": \"b\"}\n").unwrap();
    let model = "tests/data/graphs/torchscript-14";
    assert!(stdout(&["quantize", model, "-o", path], b"").contains("of 12 pairs: mean 0."));
    let options = ["--bits", "7", "--sample", sample];
    let told = stdout(&[&["quantize", model, "-o", path][..], &options].concat(), b"");
    assert!(told.contains("of 1 pairs"), "{told}");
    stdout(&rerank(&["--model", path, "examples/passages.txt"]), b"");

    let int8 = ["quantize", "benches/model/minilm-l6-en", "-o", path];
    assert!(fails(&int8, b"", "unsupported-model").contains("already"));
    fails(&["quantize", model, "-o", path, "--bits", "3"], b"", "invalid-argument");
    let told = stdout(&["quantize", model, "-o", path, "--bits", "4", "--table-bits", "3"], b"");
    assert!(told.contains("of 3 pairs"), "{told}");
    stdout(&rerank(&["--model", path, "examples/passages.txt"]), b"");
    fails(&["quantize", model, "-o", path, "--sample", "missing"], b"", "io");
    std::fs::write(sample, "{\"query\": \"a\"}\n").unwrap();
    fails(&["quantize", model, "-o", path, "--sample", sample], b"", "invalid-input");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "a command that fails leaves nothing behind");
}
