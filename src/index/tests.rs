//! The module as a program uses it; the command's tests have more cases.

use std::path::PathBuf;
use std::sync::Mutex;

use super::chunk::chunk;
use super::outline::Section;
use super::*;
use crate::error::ErrorKind;
use crate::reranker::Reranker;
use crate::text::estimate_tokens;

struct Case {
    folder: temp_dir::TempDir,
}

impl Case {
    fn new() -> Case {
        Case { folder: temp_dir::TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("test.index")
    }

    /// Writes records of id and text as the file `records`. Returns what became of each.
    fn write(&self, records: &[(&str, &str)]) -> Vec<Added> {
        let mut writer = IndexWriter::open(self.path(), None).unwrap();
        let mut file = writer.file("records");
        let mut add = |(line, (id, text)): (usize, &(&str, &str))| {
            file.add(&Document::from_record(Some(id.to_string()), "", text, line)).unwrap()
        };
        let added = (1..).zip(records).map(&mut add).collect();
        file.finish(FileStamp { size: 1, modified: 2 }).unwrap();
        writer.commit().unwrap();
        added
    }

    /// The ids and the lines of the hits.
    fn search(&self, query: &str) -> Vec<(String, usize)> {
        let searcher = Searcher::open(self.path()).unwrap();
        let hits = searcher.search(query, &SearchOptions::default()).unwrap();
        hits.into_iter().map(|hit| (hit.id.unwrap(), hit.line)).collect()
    }
}

#[test]
fn documents_are_added_replaced_and_removed() {
    let case = Case::new();
    let added = case.write(&[("a", "a zebra"), ("b", "a lion"), ("a", "a bear"), ("c", "")]);
    assert_eq!(added, [Added::Indexed(1), Added::Indexed(1), Added::Duplicate, Added::Indexed(0)]);
    assert_eq!(case.search("bear zebra"), [("a".to_owned(), 1)]);

    let added = case.write(&[("b", "a lion"), ("a", "a tiger")]);
    assert_eq!(added, [Added::Unchanged, Added::Indexed(1)]);
    assert_eq!(case.search("zebra"), []);
    assert_eq!(case.search("lion"), [("b".to_owned(), 1)]);

    let mut writer = IndexWriter::open(case.path(), None).unwrap();
    let counts = IndexCounts { files: 1, documents: 2, passages: 2 };
    assert_eq!(writer.counts().unwrap(), counts);
    let stamp = FileStamp { size: 1, modified: 2 };
    assert_eq!(writer.files().unwrap()["records"], Some(stamp));
    writer.remove("records").unwrap();
    writer.commit().unwrap();
    assert_eq!(writer.counts().unwrap(), IndexCounts::default());
}

#[test]
fn a_file_that_is_not_finished_has_no_stamp_and_keeps_its_documents() {
    let case = Case::new();
    case.write(&[("a", "a zebra"), ("b", "a lion")]);
    let mut writer = IndexWriter::open(case.path(), None).unwrap();
    let mut file = writer.file("records");
    file.add(&Document::from_record(Some("a".into()), "", "a tiger", 1)).unwrap();
    writer.commit().unwrap();
    assert_eq!(writer.files().unwrap()["records"], None);
    assert_eq!(case.search("tiger lion").len(), 2);
}

#[test]
fn records_without_an_id_are_known_by_their_lines() {
    let case = Case::new();
    let write = |texts: &[&str]| -> Vec<Added> {
        let mut writer = IndexWriter::open(case.path(), None).unwrap();
        let mut file = writer.file("records");
        let mut add = |(line, text): (usize, &&str)| {
            file.add(&Document::from_record(None, "", text, line)).unwrap()
        };
        let added = (1..).zip(texts).map(&mut add).collect();
        file.finish(FileStamp::default()).unwrap();
        writer.commit().unwrap();
        added
    };
    let added = write(&["a zebra", "a lion", "a zebra"]);
    assert_eq!(added, [Added::Indexed(1), Added::Indexed(1), Added::Duplicate]);
    assert_eq!(write(&["a bear", "a zebra"]), [Added::Indexed(1), Added::Unchanged]);
    let searcher = Searcher::open(case.path()).unwrap();
    let hits = searcher.search("zebra lion", &SearchOptions::default()).unwrap();
    assert_eq!((hits.len(), hits[0].line, &hits[0].id), (1, 2, &None));
}

#[test]
fn stages_are_observed_and_bad_searches_are_named() {
    let case = Case::new();
    case.write(&[("a", "a zebra")]);
    let searcher = Searcher::open(case.path()).unwrap();
    assert!(!searcher.has_vectors());
    let stages = Mutex::new(Vec::new());
    let on_stage = |stage, _| stages.lock().unwrap().push(stage);
    let options = SearchOptions { on_stage: Some(&on_stage), ..Default::default() };
    let hits = searcher.search("zebras", &options).unwrap();
    assert_eq!((hits.len(), hits[0].text.as_str()), (1, "a zebra"));
    assert_eq!(stages.into_inner().unwrap(), [Stage::SearchText, Stage::ReadPassages]);

    let fails = |query: &str, mode, limit| {
        let options = SearchOptions { mode, limit, ..Default::default() };
        searcher.search(query, &options).unwrap_err().kind()
    };
    assert_eq!(fails(" ", None, 1), ErrorKind::InvalidArgument);
    assert_eq!(fails("zebra", None, 0), ErrorKind::InvalidArgument);
    assert_eq!(fails("zebra", Some(SearchMode::Vector), 1), ErrorKind::InvalidArgument);
    assert_eq!(fails("zebra", Some(SearchMode::Hybrid), 1), ErrorKind::InvalidArgument);
    assert_eq!("Text".parse::<SearchMode>().unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!("vector".parse::<SearchMode>().unwrap(), SearchMode::Vector);
    let missing = Searcher::open(case.folder.path().join("missing")).err().unwrap();
    assert_eq!(missing.kind(), ErrorKind::Io);
}

/// Compared with the bundled model's own tokenizer.
#[test]
fn the_estimate_is_near_the_number_of_tokens_and_rarely_below_it() {
    let Ok(reranker) = Reranker::bundled() else { return };
    let tokens = |text: &str| reranker.encode("", text).unwrap().ids.len() - 3;
    let text = include_str!("../../CHANGELOG.md");
    let estimate: usize = text.lines().map(estimate_tokens).sum();
    let exact: usize = text.lines().map(tokens).sum();
    let ratio = estimate as f64 / exact as f64;
    assert!((1.0..1.4).contains(&ratio), "{estimate} for {exact}");
    // Passages of words that no vocabulary has must fit into the 254 tokens that the embedder reads.
    for worst in ["electroencephalographically ", "A7f9Qz2Lx0Kd8Wm3 ", "Ж", "漢", "?!#%"] {
        let mut section = Section::default();
        section.push(&worst.repeat(200), 0..200 * worst.len());
        let passage = &chunk(&[section])[0].text;
        assert!(tokens(passage) <= 254, "{} tokens of {worst}", tokens(passage));
    }
}

/// A stranger's file may define tables so that a search never ends.
#[test]
fn an_index_with_other_tables_is_refused() {
    for change in [
        "ALTER TABLE passages RENAME TO other; CREATE VIEW passages AS
             WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more)
             SELECT other.* FROM other, more",
        "CREATE TRIGGER more AFTER INSERT ON passages BEGIN DELETE FROM passages; END",
        "CREATE TABLE more(x)",
        "DROP TABLE vectors",
        "DROP TABLE vectors; CREATE VIRTUAL TABLE vectors USING fts5(passage, vector)",
    ] {
        let case = Case::new();
        case.write(&[("a", "a zebra")]);
        rusqlite::Connection::open(case.path()).unwrap().execute_batch(change).unwrap();
        let error = Searcher::open(case.path()).err().expect(change);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{change}: {error}");
        let error = IndexWriter::open(case.path(), None).err().expect(change);
        assert!(error.to_string().contains("other tables"), "{change}: {error}");
    }
}
