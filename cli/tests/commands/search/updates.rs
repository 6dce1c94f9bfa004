//! Updates of an index, even after killed runs.

use super::*;

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

/// The ids of passages by their texts. A passage that keeps its id was not indexed again.
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
    assert_eq!(library.update().0, "4 files indexed, 0 unchanged, 0 removed, 0 problems");
    assert_eq!(library.update().0, "0 files indexed, 4 unchanged, 0 removed, 0 problems");
    let before = ids(&library.index());

    library.write("a.txt", "one", 30);
    library.write("b.md", "two more", 60);
    fs::remove_file(library.path("c.txt")).unwrap();
    library.write("d.jsonl", line("w", "seven") + &line("z", "six") + &line("x", "changed"), 30);
    library.write("e.html", "new", 60);
    assert_eq!(library.update().0, "4 files indexed, 0 unchanged, 1 removed, 0 problems");
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
    assert_eq!(contents(&library.index()), contents(&again.index()), "as one run makes it");

    // A file that changes within the resolution of the clock is read again.
    library.write("a.txt", "uno", 0);
    library.update();
    library.write("a.txt", "eno", 0);
    library.update();
    assert!(ids(&library.index()).contains_key("eno"));
    // The files of another folder stay.
    let other = Library::new(&[("f.txt", "eight")]);
    let folder = other.folder.path().join("files");
    stdout(&["index", folder.to_str().unwrap(), "-o", &library.index(), "--text-only"], b"");
    assert!(["eight", "six"].iter().all(|text| ids(&library.index()).contains_key(*text)));
}

/// After the clock was set back, the time of a file lies in the future.
#[test]
fn a_time_in_the_future_is_not_trusted() {
    let library = Library::new(&[("a.txt", "one")]);
    let later = SystemTime::now() + Duration::from_secs(3600);
    for text in ["two", "six"] {
        library.write_at("a.txt", text, later);
        library.update();
        assert!(ids(&library.index()).contains_key(text), "{text}");
    }
}

/// Runs the command repeatedly, and kills each run except the last. Returns the number of kills.
fn index_with_kills(files: &Path, index: &str, more: &[&str], random: &mut Random) -> usize {
    for kills in 0..1000 {
        let mut run = Command::new(env!("CARGO_BIN_EXE_crossrank"))
            .args(["index", files.to_str().unwrap(), "-o", index])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The times grow, so that a run on a slow machine ends too.
        std::thread::sleep(Duration::from_millis(5 + random.below(40 + 20 * kills) as u64));
        if let Some(status) = run.try_wait().unwrap() {
            assert!(status.success());
            return kills;
        }
        run.kill().unwrap();
        run.wait().unwrap();
    }
    panic!("no run ends");
}

/// With 10,000 passages by words, and with some hundred by vectors, which are slow. Both come from a
/// JSON Lines file and from small files.
#[test]
fn runs_that_are_killed_end_with_the_index_of_one_run() {
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
        library.update_with(more);
        let expected = contents(&library.index());
        assert_eq!(expected.len(), lines + files);

        let killed = library.folder.path().join("killed").to_str().unwrap().to_owned();
        let kills = index_with_kills(&library.path(""), &killed, more, &mut random);
        eprintln!("{kills} kills ({mode})");
        assert!(kills > 2, "{kills} kills");
        assert_eq!(contents(&killed), expected);
        // The order of equal passages depends on their ids.
        let results = |index: &str| -> Vec<f64> {
            let more = ["--no-rerank", "--top-k", "100", "--mode", mode];
            let found = search(index, "vector river", &more);
            scores(&found).into_iter().map(|(_, score)| score).collect()
        };
        assert_eq!(results(&killed), results(&library.index()));
    }
}
