//! `crossrank index` and `crossrank search`: results and their places, updates, killed runs, and
//! unusual content.

mod kinds;
mod paths;
mod unusual;
mod updates;
mod vectors;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::command::{crossrank, fails, stdout};
use crate::common::Random;
use rusqlite::Connection;
use serde_json::{Value, json};

/// A folder to index, with the index beside it.
struct Library {
    folder: temp_dir::TempDir,
}

impl Library {
    fn new(files: &[(&str, &str)]) -> Library {
        let library = Library { folder: temp_dir::TempDir::new().unwrap() };
        files.iter().for_each(|(name, text)| library.write(name, text, 60));
        library
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("files").join(name)
    }

    fn index(&self) -> String {
        self.folder.path().join("index").to_str().unwrap().to_owned()
    }

    /// Writes a file with a time of the given number of seconds ago. The times of new files are not
    /// trusted.
    fn write(&self, name: &str, text: impl AsRef<[u8]>, seconds: u64) {
        self.write_at(name, text, SystemTime::now() - Duration::from_secs(seconds));
    }

    fn write_at(&self, name: &str, text: impl AsRef<[u8]>, time: SystemTime) {
        let path = self.folder.path().join("files").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    }

    /// Runs `crossrank index --text-only`. Returns the first line that it prints, without the time, and
    /// the lines on standard error.
    fn update(&self) -> (String, Vec<String>) {
        self.update_with(&["--text-only"])
    }

    fn update_with(&self, more: &[&str]) -> (String, Vec<String>) {
        let (files, index) = (self.folder.path().join("files"), self.index());
        let arguments = ["index", files.to_str().unwrap(), "-o", &index];
        let output = crossrank(&[&arguments, more].concat(), b"");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{stderr}");
        let summary = stdout.lines().next().unwrap().rsplit_once(", ").unwrap().0.to_owned();
        (summary, stderr.lines().map(str::to_owned).collect())
    }

    fn search(&self, query: &str, more: &[&str]) -> Vec<Value> {
        search(&self.index(), query, more)
    }
}

fn search(index: &str, query: &str, more: &[&str]) -> Vec<Value> {
    let arguments = [&["search", index, query, "--json"], more].concat();
    serde_json::from_str(&stdout(&arguments, b"")).unwrap()
}

const FIRST_STAGE: [&str; 1] = ["--no-rerank"];

/// The passages with the scores of the first stage.
fn scores(found: &[Value]) -> Vec<(&str, f64)> {
    let score = |result: &Value| result["firstStageScore"].as_f64().unwrap();
    found.iter().map(|result| (result["passage"].as_str().unwrap(), score(result))).collect()
}

#[test]
fn finds_passages_with_their_places() {
    let library = Library::new(&[
        ("a.txt", "Nothing here.\n\nThe zebra drinks at noon.\n"),
        ("b/guide.md", "# Animals\n\nText.\n\n## Zebras\n\nA *zebra* has stripes.\n"),
        ("page.html", "<title>Farm</title><p>Cows &amp; one <b>zebra</b>.<p>Hens."),
        (
            "corpus.jsonl",
            "{\"_id\": \"d1\", \"title\": \"Zoo\", \"text\": \"It has a zebra.\"}\n\n\
            {\"_id\": \"d2\", \"text\": \"Snow is cold.\"}\n",
        ),
        (".hidden/c.txt", "zebra"),
    ]);
    assert_eq!(library.update().0, "4 files indexed, 0 unchanged, 0 removed, 0 problems");
    let found = library.search("Where are ZEBRAS?", &[]);
    let place = |result: &Value| {
        let path = result["path"].as_str().unwrap();
        let number = |name: &str| result[name].as_u64().unwrap() as usize;
        let name = Path::new(path).file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = match result["id"].as_str() {
            Some(_) => "Zoo It has a zebra.".to_owned(),
            None => fs::read_to_string(path).unwrap(),
        };
        let text = bytes[number("start")..number("end")].to_owned();
        (name, number("line"), result["title"].as_str().unwrap().to_owned(), text)
    };
    let mut places: Vec<_> = found.iter().map(place).collect();
    places.sort();
    let expected = [
        ("a.txt", 1, "", "Nothing here.\n\nThe zebra drinks at noon."),
        ("corpus.jsonl", 1, "Zoo", "It has a zebra."),
        ("guide.md", 7, "Animals > Zebras", "A *zebra* has stripes."),
        ("page.html", 1, "Farm", "Cows &amp; one <b>zebra</b>.<p>Hens."),
    ];
    let expected = expected.map(|(name, line, title, text)| {
        (name.to_owned(), line, title.to_owned(), text.to_owned())
    });
    assert_eq!(places, expected);

    let document = found.iter().find(|result| result["id"] == "d1").unwrap();
    assert_eq!(document["passage"], "It has a zebra.");
    let score = document["score"].as_f64().unwrap() as f32;
    let pair = [("Where are ZEBRAS?", "Zoo It has a zebra.")];
    assert_eq!(score, crate::common::reranker().score(&pair).unwrap()[0].score);
    assert_eq!(library.search("zebra", &["--top-k", "2"]).len(), 2);
    let first_stage = library.search("zebra", &FIRST_STAGE);
    assert!(first_stage.iter().all(|result| result["score"] == result["firstStageScore"]));

    let table = stdout(&["search", &library.index(), "cold snow"], b"");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(lines[1].contains("  d2     Snow is cold."), "{table}");
}

#[test]
fn a_document_is_found_once_by_its_best_passage() {
    let hay = "The river was cold and the boat was old. ".repeat(30);
    let long = format!("{hay}A zebra stood there. {hay}Then a zebra ran, zebra stripes and all.");
    let record = |id: &str, text: &str| json!({ "_id": id, "text": text }).to_string();
    let lines: Vec<String> = (0..30)
        .map(|i| record(&format!("many{i}"), &"One zebra was here, so they say. ".repeat(40)))
        .chain([record("long", &long)])
        .collect();
    let library = Library::new(&[("corpus.jsonl", &lines.join("\n")), ("long.txt", &long)]);
    library.update();
    let found = library.search("zebra stripes", &["--no-rerank", "--top-k", "40"]);
    let ids: Vec<&str> = found.iter().filter_map(|result| result["id"].as_str()).collect();
    let distinct: std::collections::HashSet<&str> = ids.iter().copied().collect();
    assert_eq!((ids.len(), distinct.len()), (31, 31), "{ids:?}");
    let best = found.iter().find(|result| result["id"] == "long").unwrap();
    assert!(best["passage"].as_str().unwrap().contains("stripes"));
    let of_file = found.iter().filter(|result| result.get("id").is_none()).count();
    assert_eq!(of_file, 2, "of a text each passage is a result");
    let few = library.search("zebra", &["--no-rerank", "--recall", "20", "--top-k", "40"]);
    assert_eq!(few.len(), 20);
}

#[test]
fn any_query_is_safe() {
    let library = Library::new(&[
        ("a.txt", "To be or not to be: that is the question."),
        ("b.txt", "向量数据库存储嵌入。"),
        ("c.txt", "Ещё один день. Das ist naïve."),
    ]);
    library.update();
    let names = |query: &str| -> Vec<String> {
        let found = library.search(query, &FIRST_STAGE);
        let name = |result: &Value| result["path"].as_str().unwrap().chars().rev().nth(4).unwrap();
        found.iter().map(|result| name(result).to_string()).collect()
    };
    for query in ["\"", "NEAR(", "a\" OR \"b", "*", "^x:", "--x", "';--", "\u{1}", "()", "😀"] {
        assert!(names(query).is_empty(), "{query}");
    }
    assert_eq!(names("questions AND NOT \"x"), ["a"]);
    assert_eq!(names("to be or not to be"), ["a"]);
    assert_eq!(names("数据库"), ["b"]);
    assert_eq!(names("ЕЩЁ NAIVE"), ["c"]);
    fails(&["search", &library.index(), "  "], b"", "invalid-argument");
    assert_eq!(stdout(&["search", &library.index(), "elephant"], b""), "nothing found\n");
}

#[test]
fn words_are_found_in_other_spellings() {
    let library = Library::new(&[
        ("a.txt", "벡터 데이터베이스는 임베딩을 저장합니다."),
        ("b.txt", "국립도서관은 아침에 엽니다."),
        ("c.txt", "ﾊﾝｶｸ の ﾃﾞｰﾀ"),
        ("d.txt", "Iğdır ve İstanbul"),
        ("e.txt", "Die Straße im Süden"),
        ("f.txt", "Ёжик в тумане"),
        ("g.txt", "Αθήνα"),
        ("h.txt", "ＡＢＣ ﬁles"),
    ]);
    library.update();
    for (query, name) in [
        ("데이터베이스", "a.txt"),
        ("도서관", "b.txt"),
        ("ハンカク", "c.txt"),
        ("データ", "c.txt"),
        ("ığdır", "d.txt"),
        ("ISTANBUL", "d.txt"),
        ("Strasse", "e.txt"),
        ("STRASSE", "e.txt"),
        ("ежик", "f.txt"),
        ("ΑΘΗΝΑ", "g.txt"),
        ("abc", "h.txt"),
        ("files", "h.txt"),
    ] {
        let found = library.search(query, &FIRST_STAGE);
        let [result] = &found[..] else { panic!("{query}: {found:?}") };
        assert!(result["path"].as_str().unwrap().ends_with(name), "{query}: {result}");
    }
}

#[test]
fn an_index_is_searched_while_another_process_writes() {
    let library = Library::new(&[("a.txt", "a zebra")]);
    library.update();
    let writer = Connection::open(library.index()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM passages").unwrap();
    assert_eq!(library.search("zebra", &FIRST_STAGE).len(), 1, "what was committed");
    writer.execute_batch("ROLLBACK; BEGIN EXCLUSIVE").unwrap();
    std::thread::scope(|scope| {
        let search = scope.spawn(|| library.search("zebra", &FIRST_STAGE).len());
        std::thread::sleep(Duration::from_millis(300));
        writer.execute_batch("ROLLBACK").unwrap();
        assert_eq!(search.join().unwrap(), 1, "once the other is done");
    });
}

#[test]
fn times_have_units() {
    let folder = temp_dir::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("a.txt"), "a zebra").unwrap();
    let index = path("index");
    let report = stdout(&["index", &path("a.txt"), "-o", &index], b"");
    let is_time = |text: &str| {
        let (number, unit) = text.split_once(' ').unwrap();
        number.parse::<f64>().is_ok() && ["µs", "ms", "s"].contains(&unit)
    };
    let time = report.lines().next().unwrap().rsplit_once(", ").unwrap().1;
    assert!(is_time(time), "{report}");
    let output = crossrank(&["search", &index, "zebra", "--verbose"], b"");
    let stages = String::from_utf8(output.stderr).unwrap();
    assert!(stages.lines().count() >= 5, "{stages}");
    assert!(stages.lines().all(|line| is_time(line.rsplit_once(": ").unwrap().1)), "{stages}");
}

/// Compares with a reference run by bm25s with Lucene's BM25 (nDCG@10 0.3431).
#[test]
fn words_find_what_bm25_finds() {
    let Some(sets) = crate::common::eval_dir("words_find_what_bm25_finds") else { return };
    let set = sets.join("cranfield");
    let folder = temp_dir::TempDir::new().unwrap();
    let index = folder.path().join("index").to_str().unwrap().to_owned();
    let corpus = set.join("corpus.jsonl");
    stdout(&["index", corpus.to_str().unwrap(), "-o", &index, "--text-only"], b"");
    let mut run = String::new();
    for line in fs::read_to_string(set.join("queries.jsonl")).unwrap().lines() {
        let query: Value = serde_json::from_str(line).unwrap();
        let found = search(&index, query["text"].as_str().unwrap(), &FIRST_STAGE);
        for (rank, result) in found.iter().enumerate() {
            let id = |value: &Value| value.as_str().unwrap().to_owned();
            run += &format!("{}\t{}\t{rank}\t0\n", id(&query["_id"]), id(&result["id"]));
        }
    }
    let file = folder.path().join("run.tsv");
    fs::write(&file, run).unwrap();
    let (set, file) = (set.to_str().unwrap(), file.to_str().unwrap());
    let report = stdout(&["eval", set, "--run", file, "--depth", "1", "--json"], b"");
    let report: Value = serde_json::from_str(&report).unwrap();
    let ndcg = report["first_stage"]["ndcg_at_10"].as_f64().unwrap();
    eprintln!("nDCG@10 {ndcg:.4}");
    assert!(ndcg > 0.34, "{ndcg}");
}
