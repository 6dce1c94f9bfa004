//! The file of a search index: any bytes in its pages, and tables with other values and other definitions.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arbitrary::Arbitrary;
use crossrank::index::{Document, FileStamp, IndexWriter, SearchMode, SearchOptions, Searcher};
use crossrank::{Embedder, EmbedderOptions, ErrorKind};
use rusqlite::Connection;
use rusqlite::types::Value;
use temp_dir::TempDir;

use super::decode;
use super::model::files;

#[derive(Arbitrary, Debug)]
struct Changed {
    bytes: Vec<(u32, u8)>,
    length: Option<u16>,
    statements: Vec<Statement>,
    query: String,
    limit: u8,
    writes: bool,
}

#[derive(Arbitrary, Debug)]
enum Statement {
    Set(u8, Cell, Option<u8>),
    Delete(u8, u8),
    Drop(u8),
    /// Puts a view in the place of a table.
    View(u8),
    Pragma(u8, i32),
}

#[derive(Arbitrary, Debug)]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

const COLUMNS: [(&str, &str); 20] = [
    ("settings", "value"),
    ("files", "id"),
    ("files", "path"),
    ("files", "size"),
    ("files", "modified"),
    ("documents", "id"),
    ("documents", "file"),
    ("documents", "name"),
    ("documents", "hash"),
    ("documents", "line"),
    ("passages", "id"),
    ("passages", "document"),
    ("passages", "title"),
    ("passages", "text"),
    ("passages", "first"),
    ("passages", "behind"),
    ("passages", "line"),
    ("vectors", "passage"),
    ("vectors", "vector"),
    ("words_data", "block"),
];

const TABLES: [&str; 10] = [
    "settings",
    "files",
    "documents",
    "passages",
    "vectors",
    "words",
    "words_data",
    "words_idx",
    "words_docsize",
    "words_config",
];

pub fn run(data: &[u8]) {
    let Some(changed) = decode::<Changed>(data) else { return };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.index");
    fs::write(&path, index()).unwrap();
    if !changed.statements.is_empty() {
        let database = Connection::open(&path).unwrap();
        database.execute_batch("PRAGMA synchronous = OFF; PRAGMA writable_schema = ON").unwrap();
        // Some are refused.
        changed.statements.iter().take(4).for_each(|statement| drop(statement.run(&database)));
    }
    if !changed.bytes.is_empty() || changed.length.is_some() {
        let mut file = fs::read(&path).unwrap();
        for &(at, byte) in changed.bytes.iter().take(16) {
            let length = file.len();
            file[at as usize % length] = byte;
        }
        file.truncate(changed.length.map_or(usize::MAX, |pieces| usize::from(pieces) * 512));
        fs::write(&path, file).unwrap();
    }
    search(&path, &changed);
    if changed.writes {
        write(&path);
    }
}

impl Statement {
    fn run(&self, database: &Connection) -> rusqlite::Result<()> {
        match self {
            Statement::Set(column, cell, row) => {
                let (table, column) = COLUMNS[usize::from(*column) % COLUMNS.len()];
                let rows = match row {
                    None => String::new(),
                    Some(row) => format!(
                        " WHERE {column} = (SELECT {column} FROM {table} LIMIT 1 OFFSET {})",
                        row % 4
                    ),
                };
                let sql = format!("UPDATE OR REPLACE {table} SET {column} = ?{rows}");
                database.execute(&sql, [cell.value()]).map(drop)
            }
            Statement::Delete(table, row) => {
                let table = table_of(*table);
                database.execute_batch(&format!(
                    "DELETE FROM {table} WHERE rowid = (SELECT rowid FROM {table} LIMIT 1 OFFSET {})", row % 4
                ))
            }
            Statement::Drop(table) => {
                database.execute_batch(&format!("DROP TABLE {}", table_of(*table)))
            }
            Statement::View(table) => {
                let table = table_of(*table);
                database.execute_batch(&format!(
                    "ALTER TABLE {table} RENAME TO other;
                     CREATE VIEW {table} AS WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more)
                     SELECT other.* FROM other, more"
                ))
            }
            Statement::Pragma(pragma, value) => {
                let pragmas = ["application_id", "user_version", "schema_version", "auto_vacuum"];
                let name = pragmas[usize::from(*pragma) % pragmas.len()];
                database.execute_batch(&format!("PRAGMA {name} = {value}"))
            }
        }
    }
}

impl Cell {
    fn value(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Integer(value) => Value::Integer(*value),
            Cell::Real(value) => Value::Real(*value),
            Cell::Text(value) => Value::Text(value.clone()),
            Cell::Blob(value) => Value::Blob(value.clone()),
        }
    }
}

fn table_of(table: u8) -> &'static str {
    TABLES[usize::from(table) % TABLES.len()]
}

fn search(path: &Path, changed: &Changed) {
    let searcher = match Searcher::open(path) {
        Ok(searcher) => searcher,
        Err(error) => return check(error),
    };
    // The vectors may be those of another model after the change.
    let (searcher, modes) = match searcher.with_embedder(embedder().clone()) {
        Ok(searcher) => (searcher, &[SearchMode::Text, SearchMode::Vector, SearchMode::Hybrid][..]),
        Err(error) => {
            check(error);
            let Ok(searcher) = Searcher::open(path) else { return };
            (searcher, &[SearchMode::Text][..])
        }
    };
    for &mode in modes {
        let mut options = SearchOptions::default();
        options.mode = Some(mode);
        options.limit = usize::from(changed.limit).max(1);
        for query in ["what has stripes", &changed.query] {
            match searcher.search(query, &options) {
                Ok(hits) => assert!(hits.len() <= options.limit),
                Err(error) => check(error),
            }
        }
    }
}

fn write(path: &Path) {
    let changed = || {
        let mut writer = IndexWriter::open(path, Some(embedder()))?;
        writer.counts()?;
        writer.files()?;
        add(&mut writer)?;
        writer.remove("a.md")?;
        writer.commit()
    };
    changed().unwrap_or_else(check);
}

fn add(writer: &mut IndexWriter) -> crossrank::Result<()> {
    let mut file = writer.file("records");
    for (line, text) in (1..).zip(["A zebra has stripes.", "A lion has a mane.", "Ein Löwe"]) {
        file.add(&Document::from_record(Some(format!("r{line}")), "A title", text, line))?;
    }
    file.finish(FileStamp { size: 1, modified: 2 })
}

fn check(error: crossrank::Error) {
    let kinds = [ErrorKind::InvalidInput, ErrorKind::InvalidArgument, ErrorKind::Io];
    assert!(kinds.contains(&error.kind()), "{error:?}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

fn embedder() -> &'static Arc<Embedder> {
    static EMBEDDER: OnceLock<Arc<Embedder>> = OnceLock::new();
    EMBEDDER.get_or_init(|| {
        let mut options = EmbedderOptions::default();
        options.threads = Some(1);
        Arc::new(Embedder::from_files(&files("embedders/bert"), options).unwrap())
    })
}

/// A small index with vectors.
fn index() -> &'static [u8] {
    static INDEX: OnceLock<Vec<u8>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.index");
        let mut writer = IndexWriter::open(&path, Some(embedder())).unwrap();
        add(&mut writer).unwrap();
        let mut file = writer.file("a.md");
        let text = "# Zebras\n\nA zebra has stripes.\n\n# Lions\n\nA lion has a mane.";
        file.add(&Document::from_file(crossrank::index::Format::Markdown, text)).unwrap();
        file.finish(FileStamp::default()).unwrap();
        writer.commit().unwrap();
        drop(writer);
        fs::read(path).unwrap()
    })
}
