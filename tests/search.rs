//! `crossrank index` and `crossrank search`: what is found where, renewing, kills, odd content.

#[path = "common/command.rs"]
mod command;
mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use command::{crossrank, fails, stdout};
use common::Random;
use rusqlite::Connection;
use serde_json::{Value, json};

/// A folder to index, and the index beside it.
struct Library {
    folder: tempfile::TempDir,
}

impl Library {
    fn new(files: &[(&str, &str)]) -> Library {
        let library = Library { folder: tempfile::tempdir().unwrap() };
        files.iter().for_each(|(name, text)| library.write(name, text, 60));
        library
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("files").join(name)
    }

    fn index(&self) -> String {
        self.folder.path().join("index").to_str().unwrap().to_owned()
    }

    /// Writes a file, as if so many seconds ago: of fresh ones the time says nothing.
    fn write(&self, name: &str, text: impl AsRef<[u8]>, seconds: u64) {
        let path = self.folder.path().join("files").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let then = SystemTime::now() - Duration::from_secs(seconds);
        File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    }

    /// Runs `crossrank index --text-only`: the first line that it prints, and its complaints.
    fn renew(&self) -> (String, Vec<String>) {
        self.renew_with(&["--text-only"])
    }

    fn renew_with(&self, more: &[&str]) -> (String, Vec<String>) {
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
    assert_eq!(library.renew().0, "4 files indexed, 0 unchanged, 0 removed, 0 problems");
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
    assert_eq!(score, common::reranker().score(&pair).unwrap()[0].score);
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
    library.renew();
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
    library.renew();
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

/// Every passage with its document and file, in an order that does not depend on their ids.
fn contents(index: &str) -> Vec<(String, String, i64, String, String, i64, i64)> {
    let database = Connection::open(index).unwrap();
    let integrity = "INSERT INTO words(words) VALUES ('integrity-check')";
    database.execute(integrity, []).expect("the index of words is whole");
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM words"), count("SELECT count(*) FROM passages"));
    assert_eq!(count("SELECT count(*) FROM files WHERE size IS NULL"), 0);
    let sql = "SELECT path, name, documents.line + passages.line, title, text, first, behind
        FROM passages JOIN documents ON documents.id = document JOIN files ON files.id = file
        ORDER BY path, name, first, text";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
        ))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The ids of passages by their texts: those that stay were not made again.
fn ids(index: &str) -> std::collections::HashMap<String, i64> {
    let database = Connection::open(index).unwrap();
    let mut statement = database.prepare("SELECT text, id FROM passages").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn only_what_changed_is_indexed_again() {
    let line = |id: &str, text: &str| format!("{{\"_id\": \"{id}\", \"text\": \"{text}\"}}\n");
    let library = Library::new(&[
        ("a.txt", "one"),
        ("b.md", "two"),
        ("c.txt", "three"),
        ("d.jsonl", &(line("x", "four") + &line("y", "five") + &line("z", "six"))),
    ]);
    assert_eq!(library.renew().0, "4 files indexed, 0 unchanged, 0 removed, 0 problems");
    assert_eq!(library.renew().0, "0 files indexed, 4 unchanged, 0 removed, 0 problems");
    let before = ids(&library.index());

    library.write("a.txt", "one", 30);
    library.write("b.md", "two more", 60);
    fs::remove_file(library.path("c.txt")).unwrap();
    library.write("d.jsonl", line("w", "seven") + &line("z", "six") + &line("x", "changed"), 30);
    library.write("e.html", "new", 60);
    assert_eq!(library.renew().0, "4 files indexed, 0 unchanged, 1 removed, 0 problems");
    let after = ids(&library.index());
    let mut texts: Vec<&str> = after.keys().map(String::as_str).collect();
    texts.sort();
    assert_eq!(texts, ["changed", "new", "one", "seven", "six", "two more"]);
    assert_eq!((after["one"], after["six"]), (before["one"], before["six"]));
    assert_eq!(library.search("six", &FIRST_STAGE)[0]["line"], 2);

    let again = Library::new(&[]);
    fs::create_dir_all(again.folder.path().join("files")).unwrap();
    let files = library.folder.path().join("files");
    stdout(&["index", files.to_str().unwrap(), "-o", &again.index(), "--text-only"], b"");
    assert_eq!(contents(&library.index()), contents(&again.index()), "as made in one go");

    // A file that changes within the clock's grain is looked at again.
    library.write("a.txt", "uno", 0);
    library.renew();
    library.write("a.txt", "eno", 0);
    library.renew();
    assert!(ids(&library.index()).contains_key("eno"));
    // Another folder's files stay.
    let other = Library::new(&[("f.txt", "eight")]);
    let folder = other.folder.path().join("files");
    stdout(&["index", folder.to_str().unwrap(), "-o", &library.index(), "--text-only"], b"");
    assert!(["eight", "six"].iter().all(|text| ids(&library.index()).contains_key(*text)));
}

/// Indexes again and again, and kills each run but the last, which comes to its end.
fn index_with_kills(files: &Path, index: &str, more: &[&str], random: &mut Random) -> usize {
    for kills in 0..1000 {
        let mut run = Command::new(env!("CARGO_BIN_EXE_crossrank"))
            .args(["index", files.to_str().unwrap(), "-o", index])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Longer and longer, so that a slow machine comes to the end too.
        std::thread::sleep(Duration::from_millis(5 + random.below(40 + 20 * kills) as u64));
        if let Some(status) = run.try_wait().unwrap() {
            assert!(status.success());
            return kills;
        }
        run.kill().unwrap();
        run.wait().unwrap();
    }
    panic!("no run comes to its end");
}

/// 10,000 passages by words, and some hundred by vectors, which take their time; of a file of JSON
/// lines and of small files.
#[test]
fn a_run_that_is_killed_again_and_again_ends_as_one_in_one_go() {
    let mut random = Random(11);
    for (lines, files, more, mode) in
        [(9500, 500, &["--text-only"][..], "text"), (300, 20, &["--threads", "1"], "vector")]
    {
        let mut text = |words: usize| -> String {
            let mut word = || ["river", "bank", "vector", "data", "cold", "snow"][random.below(6)];
            (0..words).map(|_| word().to_owned() + " ").collect()
        };
        let corpus: Vec<String> = (0..lines)
            .map(|i| json!({ "_id": format!("d{i}"), "text": text(5 + i % 20) }).to_string())
            .collect();
        let library = Library::new(&[("corpus.jsonl", &corpus.join("\n"))]);
        (0..files).for_each(|i| library.write(&format!("{}/{i}.txt", i % 7), text(10), 60));
        library.renew_with(more);
        let expected = contents(&library.index());
        assert_eq!(expected.len(), lines + files);

        let killed = library.folder.path().join("killed").to_str().unwrap().to_owned();
        let kills = index_with_kills(&library.path(""), &killed, more, &mut random);
        eprintln!("{kills} kills ({mode})");
        assert!(kills > 2, "{kills} kills");
        assert_eq!(contents(&killed), expected);
        // Of equal passages the order depends on the ids.
        let results = |index: &str| -> Vec<f64> {
            let more = ["--no-rerank", "--top-k", "100", "--mode", mode];
            let found = search(index, "vector river", &more);
            scores(&found).into_iter().map(|(_, score)| score).collect()
        };
        assert_eq!(results(&killed), results(&library.index()));
    }
}

/// Passages with the first stage's scores.
fn scores(found: &[Value]) -> Vec<(&str, f64)> {
    let score = |result: &Value| result["firstStageScore"].as_f64().unwrap();
    found.iter().map(|result| (result["passage"].as_str().unwrap(), score(result))).collect()
}

#[test]
fn vectors_are_the_embedders_and_hybrid_is_the_fusion_of_both() {
    let texts = [
        "A vector database stores embeddings and finds the nearest ones.",
        "The cat sat on the mat, and slept.",
        "Relational databases keep rows in tables.",
        "A kitten is a young feline.",
        "Snow is cold, and so is the database of snow.",
    ];
    let library = Library::new(&[]);
    for (i, text) in texts.iter().enumerate() {
        library.write(&format!("{i}.txt"), text, 60);
    }
    library.renew_with(&[]);
    let query = "young cat embeddings";
    let by = |mode: &str| library.search(query, &["--no-rerank", "--mode", mode]);

    let embedder = crossrank::Embedder::embedded().unwrap();
    let of_query = embedder.embed_query(query).unwrap();
    let vectors = embedder.embed(&texts).unwrap();
    let cosine = |v: &Vec<f32>| v.iter().zip(&of_query).map(|(a, b)| a * b).sum::<f32>();
    let mut expected: Vec<(&str, f32)> =
        texts.iter().copied().zip(vectors.iter().map(cosine)).collect();
    expected.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let found = by("vector");
    for ((text, score), (passage, cosine)) in scores(&found).iter().zip(&expected) {
        assert_eq!(text, passage);
        assert!((score - f64::from(*cosine)).abs() < 1e-5, "{score} for {cosine}");
    }
    assert_eq!(found.len(), texts.len());

    let words = by("text");
    let ranks = |list: &[Value], text: &str| -> f64 {
        let place = scores(list).iter().position(|(passage, _)| *passage == text);
        place.map_or(0.0, |place| 1.0 / (61 + place) as f64)
    };
    let hybrid = library.search(query, &["--no-rerank"]);
    assert_eq!(hybrid.len(), texts.len());
    assert!(words.len() < texts.len());
    for (text, score) in scores(&hybrid) {
        assert!((score - ranks(&words, text) - ranks(&found, text)).abs() < 1e-12, "{text}");
    }
    let order: Vec<f64> = scores(&hybrid).iter().map(|(_, score)| *score).collect();
    assert!(order.is_sorted_by(|a, b| a >= b));

    // Changed and deleted files change and leave the vectors too.
    library.write("1.txt", "A young cat, and no database.", 50);
    fs::remove_file(library.path("3.txt")).unwrap();
    library.renew_with(&[]);
    let found = by("vector");
    assert_eq!(found.len(), 4);
    assert_eq!(scores(&found)[0].0, "A young cat, and no database.");
}

/// Also of passages that only words find; equal ones keep the index's order.
#[test]
fn cosines_are_those_of_every_passage() {
    let words = ["river", "bank", "kitten", "database", "snow", "vector"];
    let mut random = Random(5);
    let texts: Vec<String> = (0..80)
        .map(|i| {
            let text: Vec<&str> = (0..4 + i % 5).map(|_| words[random.below(6)]).collect();
            text.join(" ")
        })
        .chain(["snow on the river".to_owned(), "snow on the river".to_owned()])
        .collect();
    let record = |(i, text): (usize, &String)| json!({ "_id": i.to_string(), "text": text });
    let lines: Vec<String> = texts.iter().enumerate().map(|d| record(d).to_string()).collect();
    let library = Library::new(&[("corpus.jsonl", &lines.join("\n"))]);
    library.renew_with(&[]);

    let query = "cold weather by the bank";
    let embedder = crossrank::Embedder::embedded().unwrap();
    let of_query = embedder.embed_query(query).unwrap();
    let vectors = embedder.embed(&texts).unwrap();
    let cosine = |v: &Vec<f32>| v.iter().zip(&of_query).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let cosines: Vec<f64> = vectors.iter().map(cosine).collect();
    let place = |result: &Value| result["id"].as_str().unwrap().parse::<usize>().unwrap();

    let by = |mode: &str, recall: &str| -> Vec<Value> {
        let more = ["--no-rerank", "--mode", mode, "--recall", recall, "--top-k", "100"];
        let found = library.search(query, &more);
        for result in found.iter().filter(|_| mode != "text") {
            let (score, expected) =
                (result["vectorScore"].as_f64().unwrap(), cosines[place(result)]);
            assert!((score - expected).abs() < 1e-5, "{score} for {expected}");
        }
        found
    };
    let places = |found: &[Value]| -> Vec<usize> { found.iter().map(place).collect() };
    let all = places(&by("vector", "100"));
    assert_eq!(all.len(), texts.len());
    assert!(all.is_sorted_by(|&a, &b| cosines[a] > cosines[b] - 1e-6));
    let of_equals: Vec<usize> = all.iter().copied().filter(|&place| place >= 80).collect();
    assert_eq!(of_equals, [80, 81]);
    let nearest = places(&by("vector", "10"));
    assert_eq!(nearest, all[..10]);
    let hybrid = places(&by("hybrid", "10"));
    assert!(hybrid.iter().any(|place| !nearest.contains(place)), "some by words only");
}

#[test]
fn an_index_keeps_to_its_embedding_model() {
    let library = Library::new(&[("a.txt", "a zebra")]);
    library.renew_with(&[]);
    let (index, files) = (library.index(), library.path(""));
    let files = files.to_str().unwrap();
    // The same files in a folder, with a prefix of their own, are another model.
    let model = library.folder.path().join("model");
    let bundled = common::root().join("models/all-minilm-l6-v2");
    fs::create_dir_all(model.join("onnx")).unwrap();
    for name in ["onnx/model_quantized.onnx", "tokenizer.json", "config.json"] {
        fs::copy(bundled.join(name), model.join(name)).unwrap();
    }
    let pooling = fs::read_to_string(bundled.join("pooling.json")).unwrap();
    let mut pooling: Value = serde_json::from_str(&pooling).unwrap();
    pooling["prompts"] = json!({ "query": "query: " });
    fs::write(model.join("pooling.json"), pooling.to_string()).unwrap();
    let other = ["--embedding-model", model.to_str().unwrap()];

    for arguments in [&["search", &index, "zebra"][..], &["index", files, "-o", &index]] {
        let complaint = fails(&[arguments, &other].concat(), b"", "invalid-argument");
        assert!(complaint.contains("vectors of another embedding model; name that"), "{complaint}");
    }
    let text = fails(&["index", files, "-o", &index, "--text-only"], b"", "invalid-argument");
    assert!(text.contains("has vectors"), "{text}");
    assert_eq!(library.search("zebra", &["--mode", "text"]).len(), 1);

    let plain = Library::new(&[("a.txt", "a zebra")]);
    plain.renew();
    assert_eq!(plain.search("zebra", &[]).len(), 1, "text is what it has");
    let vector = ["search", &plain.index(), "zebra", "--mode", "hybrid"];
    assert!(fails(&vector, b"", "invalid-argument").contains("words only"));
    assert!(
        fails(&["index", files, "-o", &plain.index()], b"", "invalid-argument")
            .contains("--text-only")
    );
}

#[cfg(unix)]
#[test]
fn odd_content_is_named_and_passed_over() {
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
          {\"_id\": \"1\", \"text\": \"same id\"}\n{\"_id\": \"\", \"text\": \"x\"}\n{\"_id\": \"4\", \"text\": \"\"}\n\
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
    let root = fs::read(library.path("locked.txt")).is_ok(); // who reads everything

    let (summary, complaints) = library.renew();
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
        "bad.jsonl:3: not the JSON expected",
        "bad.jsonl:4: not UTF-8",
        "bad.jsonl:5: there is another document 1",
        "bad.jsonl:6: _id is empty",
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

    // A folder that cannot be read loses nothing.
    if !root {
        fs::set_permissions(library.path("sub"), fs::Permissions::from_mode(0o000)).unwrap();
        let (summary, _) = library.renew();
        fs::set_permissions(library.path("sub"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(summary.contains(" 0 removed"), "{summary}");
        assert_eq!(library.search("good", &FIRST_STAGE).len(), found);
    }
}

#[test]
fn other_and_damaged_files_are_no_indexes() {
    let library = Library::new(&[("a.txt", &"some words to find. ".repeat(5000))]);
    library.renew();
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
    refused("is an index of version 99, and this crossrank reads version 2; delete it");
    set("PRAGMA application_id = 7");
    refused("is not an index of crossrank; name another file");
    fs::write(&index, "plain text, and rather more of it than a header has").unwrap();
    refused("is not an index of crossrank; name another file");
    // Everything but the first pages overwritten.
    let mut bad = good.clone();
    bad[8192..].fill(0x5a);
    fs::write(&index, bad).unwrap();
    refused("is damaged");
    fs::write(&index, &good[..good.len() / 2]).unwrap();
    refused("is damaged");

    let missing = fails(&["search", "no-such-index", "words"], b"", "io");
    assert!(missing.contains("crossrank index DIR -o no-such-index"), "{missing}");
    fails(&["index", "no-such-folder", "-o", &index], b"", "io");
    fails(&["index", "examples", "-o", "/no/such/folder/index"], b"", "io");
}

#[test]
fn an_index_is_searched_while_another_process_writes() {
    let library = Library::new(&[("a.txt", "a zebra")]);
    library.renew();
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

/// Beside the reference run, by bm25s with Lucene's BM25 (nDCG@10 0.3431).
#[test]
fn words_find_what_bm25_finds() {
    let Some(sets) = common::eval_dir("words_find_what_bm25_finds") else { return };
    let set = sets.join("cranfield");
    let folder = tempfile::tempdir().unwrap();
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
