//! The file that `crossrank index` writes and `crossrank search` reads: an SQLite database with
//! passages, FTS5's index of their words, and their vectors.

mod read;
mod vectors;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crossrank::Embedder;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::CliError;

pub use read::{Ranked, full_text};
pub use vectors::Cosines;
pub use write::{Change, Document, NewPassage};

/// "xrnk": says that an SQLite database is an index of ours.
const APPLICATION_ID: i32 = 0x7872_6e6b;
/// Of the schema and of how texts are cut and spelled in it.
const VERSION: i32 = 3;

/// Of a new file. A search reads all vectors, and of SQLite's usual 4096 bytes two vectors of 384 would
/// fill a page.
const PAGE_BYTES: i32 = 32 << 10;

/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Numbers of documents and passages are never used again: a search asks for them step by step, and
/// another process may have removed them meanwhile. A file is `size` and `modified` NULL until all of its documents are in. A document's `name` is
/// its `_id` in JSON lines, and empty for a file that is one document. `line` counts from the
/// file's first line, 1; a passage's from its document's, 0.
const SCHEMA: &str = "
    CREATE TABLE settings(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE files(
        id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER, modified INTEGER);
    CREATE TABLE documents(
        id INTEGER PRIMARY KEY AUTOINCREMENT, file INTEGER NOT NULL REFERENCES files, name TEXT NOT NULL,
        hash BLOB NOT NULL, line INTEGER NOT NULL, UNIQUE(file, name));
    CREATE TABLE passages(
        id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL REFERENCES documents,
        title TEXT NOT NULL, text TEXT NOT NULL,
        first INTEGER NOT NULL, behind INTEGER NOT NULL, line INTEGER NOT NULL);
    CREATE INDEX passages_of_document ON passages(document);
    CREATE TABLE vectors(
        passage INTEGER PRIMARY KEY REFERENCES passages, vector BLOB NOT NULL);
    CREATE VIRTUAL TABLE words USING fts5(
        title, text, content='', contentless_delete=1,
        tokenize='porter unicode61 remove_diacritics 2');
";

/// What vectors can be compared: those of one embedding model.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSpace {
    /// What tells the model from others.
    pub fingerprint: String,
    pub dimensions: usize,
}

impl VectorSpace {
    /// That of a model.
    pub fn of(embedder: &Embedder) -> VectorSpace {
        VectorSpace {
            fingerprint: embedder.fingerprint().to_owned(),
            dimensions: embedder.dimensions(),
        }
    }
}

/// An open index.
pub struct Store {
    database: Connection,
    path: PathBuf,
    /// That of its vectors. `None`: it has words only.
    space: Option<VectorSpace>,
}

impl Store {
    /// Opens an index to search it.
    pub fn open(path: &Path) -> Result<Store, CliError> {
        if !path.is_file() {
            let message = format!(
                "{} is no file; make an index with crossrank index DIR -o {0}",
                path.display()
            );
            return Err(CliError::new("io", message));
        }
        // A read-only connection could not undo what a killed process left half written.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Store::connect(path, flags)?.checked()
    }

    /// Opens an index to write to it, and makes it if there is none; then it gets vectors of
    /// `space`, if any.
    pub fn open_or_create(path: &Path, space: Option<&VectorSpace>) -> Result<Store, CliError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = Store::connect(path, flags)?;
        let created = store.database.pragma_update(None, "page_size", PAGE_BYTES);
        created.and_then(|()| store.create_if_empty(space)).map_err(|e| store.failure(e))?;
        let store = store.checked()?;
        if store.space.as_ref() == space {
            return Ok(store);
        }
        let message = match (&store.space, space) {
            (None, _) => {
                format!("{} has no vectors; say --text-only, or name a new file", path.display())
            }
            (_, None) => format!(
                "{} has vectors; leave --text-only away, or name a new file",
                path.display()
            ),
            _ => return Err(other_model(path)),
        };
        Err(CliError::new("invalid-argument", message))
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Store, CliError> {
        let connect = || {
            let database = Connection::open_with_flags(path, flags)?;
            database.busy_timeout(PATIENCE)?;
            Ok(database)
        };
        let database = connect().map_err(|e| failure(path, e))?;
        Ok(Store { database, path: path.to_owned(), space: None })
    }

    fn create_if_empty(&mut self, space: Option<&VectorSpace>) -> rusqlite::Result<()> {
        let transaction =
            self.database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let tables = "SELECT count(*) FROM sqlite_schema";
        if transaction.query_row(tables, [], |row| row.get::<_, i64>(0))? > 0 {
            return Ok(());
        }
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        if let Some(VectorSpace { fingerprint, dimensions }) = space {
            let set = "INSERT INTO settings VALUES (?, ?)";
            transaction.execute(set, ("fingerprint", fingerprint))?;
            transaction.execute(set, ("dimensions", *dimensions as i64))?;
        }
        transaction.commit()
    }

    /// Checks that the file is an index of this version, and reads what model it is of.
    fn checked(mut self) -> Result<Store, CliError> {
        let number = |pragma: &str| {
            let row = self.database.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
            row.map_err(|e| self.failure(e))
        };
        let name = self.path.display();
        if number("application_id")? != APPLICATION_ID {
            let message = format!("{name} is not an index of crossrank; name another file");
            return Err(CliError::new("invalid-input", message));
        }
        let version = number("user_version")?;
        if version != VERSION {
            let message = format!(
                "{name} is an index of version {version}, and this crossrank reads version \
                 {VERSION}; delete it and run crossrank index again"
            );
            return Err(CliError::new("invalid-input", message));
        }
        self.space = self.read_space().map_err(|e| self.failure(e))?;
        Ok(self)
    }

    fn read_space(&self) -> rusqlite::Result<Option<VectorSpace>> {
        let setting = "SELECT value FROM settings WHERE name = ?";
        let fingerprint = self.database.query_row(setting, ["fingerprint"], |row| row.get(0));
        let fingerprint = match fingerprint {
            Err(rusqlite::Error::QueryReturnedNoRows) => return Ok(None),
            fingerprint => fingerprint?,
        };
        let dimensions =
            self.database.query_row(setting, ["dimensions"], |row| row.get::<_, i64>(0))?;
        Ok(Some(VectorSpace { fingerprint, dimensions: dimensions as usize }))
    }

    /// That of the vectors, where there are vectors.
    pub fn space(&self) -> Option<&VectorSpace> {
        self.space.as_ref()
    }

    fn failure(&self, error: rusqlite::Error) -> CliError {
        failure(&self.path, error)
    }
}

/// The complaint where a model did not make the vectors of an index.
pub fn other_model(path: &Path) -> CliError {
    let message = format!(
        "{} has vectors of another embedding model; name that model with --embedding-model, or \
         delete the file and run crossrank index again",
        path.display()
    );
    CliError::new("invalid-argument", message)
}

/// What an error of SQLite means for an index.
fn failure(path: &Path, error: rusqlite::Error) -> CliError {
    let name = path.display();
    let code = error.sqlite_error_code();
    let (code, message) = match code {
        Some(ErrorCode::NotADatabase) => {
            ("invalid-input", format!("{name} is not an index of crossrank; name another file"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ("io", format!("another process keeps writing to {name}; come again when it is done"))
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => (
            "io",
            format!("cannot open {name} ({error}); it must be a file that can be written to"),
        ),
        Some(ErrorCode::DiskFull) => ("io", format!("the disk is full; {name} is as it was")),
        Some(ErrorCode::SystemIoFailure) => ("io", format!("cannot use {name} ({error})")),
        _ => (
            "invalid-input",
            format!("{name} is damaged ({error}); delete it and run crossrank index again"),
        ),
    };
    CliError::new(code, message)
}
