//! Opens and creates index files, and turns SQLite's errors into errors of the crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::embedder::Embedder;
use crate::error::{Error, ErrorKind, Result};

/// "xrnk", which marks an SQLite database as an index of crossrank.
const APPLICATION_ID: i32 = 0x7872_6e6b;

/// The version of the schema, and of the way in which texts are split and analyzed.
const VERSION: i32 = 4;

/// The page size of a new file. A search reads all vectors, and two vectors of 384 dimensions would
/// not fit into a page of SQLite's usual 4096 bytes.
const PAGE_BYTES: i32 = 32 << 10;

/// How long to wait for another process that writes to the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The tables.
///
/// - The ids of documents and passages are never used again. A search reads them in several steps,
///   between which another process may remove them.
/// - The `size` and `modified` of a file are NULL until all its documents are in the index.
/// - The `name` of a document is unique in its file; see `Document::name`.
/// - The `line` of a document counts from 1 in its file. The `line` of a passage counts from 0 in
///   its document.
/// - The bytes of a passage in its source begin at `first` and end before `behind`.
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
        tokenize='porter unicode61 remove_diacritics 0');
";

/// The space of an embedding model's vectors. Only vectors of the same space can be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSpace {
    /// Identifies the model; see [`Embedder::fingerprint`].
    pub fingerprint: String,
    pub dimensions: usize,
}

impl VectorSpace {
    /// The space of a model's vectors.
    pub fn of(embedder: &Embedder) -> VectorSpace {
        VectorSpace {
            fingerprint: embedder.fingerprint().to_owned(),
            dimensions: embedder.dimensions(),
        }
    }
}

/// An open index.
pub struct Store {
    pub(super) database: Connection,
    path: PathBuf,
    /// `None` for an index without vectors.
    space: Option<VectorSpace>,
}

impl Store {
    /// Opens an index to search it.
    pub fn open(path: &Path) -> Result<Store> {
        if !path.is_file() {
            let message = format!(
                "{} is not a file; create an index with crossrank index DIR -o {0}",
                path.display()
            );
            return Err(Error::new(ErrorKind::Io, message));
        }
        // A read-only connection could not roll back a transaction that a killed process left.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Store::connect(path, flags)?.checked()
    }

    /// Opens an index to write to it, and creates it if there is none. A new index holds vectors of
    /// `space`, or none; an index that exists must hold the same.
    pub fn open_or_create(path: &Path, space: Option<&VectorSpace>) -> Result<Store> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = Store::connect(path, flags)?;
        let created = store.database.pragma_update(None, "page_size", PAGE_BYTES);
        created.and_then(|()| store.create_if_empty(space)).map_err(|e| store.error(e))?;
        let store = store.checked()?;
        let name = path.display();
        let message = match (store.space(), space) {
            (stored, given) if stored == given => return Ok(store),
            (None, _) => {
                format!("{name} has no vectors; say --text-only, or name a new file")
            }
            (_, None) => {
                format!("{name} has vectors; leave --text-only out, or name a new file")
            }
            _ => return Err(wrong_model(path)),
        };
        Err(Error::new(ErrorKind::InvalidArgument, message))
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Store> {
        let connect = || {
            let database = Connection::open_with_flags(path, flags)?;
            database.busy_timeout(BUSY_TIMEOUT)?;
            Ok(database)
        };
        let database = connect().map_err(|e| store_error(path, e))?;
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

    /// Checks that the file is an index of this version, and reads the space of its vectors.
    fn checked(mut self) -> Result<Store> {
        let number = |pragma: &str| {
            let row = self.database.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
            row.map_err(|e| self.error(e))
        };
        let name = self.path.display();
        if number("application_id")? != APPLICATION_ID {
            let message = format!("{name} is not an index of crossrank; name another file");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let version = number("user_version")?;
        if version != VERSION {
            let age = if version < VERSION { "an older" } else { "a newer" };
            let message = format!(
                "{name} was made by {age} crossrank (it is an index of version {version}, and this \
                 one reads version {VERSION}); delete it and run crossrank index again"
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let expected = own_definitions().map_err(|e| self.error(e))?;
        if definitions(&self.database).map_err(|e| self.error(e))? != *expected {
            let message = format!(
                "{name} has other tables than an index; delete it and run crossrank index again"
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        self.space = self.read_space().map_err(|e| self.error(e))?;
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

    /// The space of the vectors; `None` for an index without vectors.
    pub fn space(&self) -> Option<&VectorSpace> {
        self.space.as_ref()
    }

    /// What an error of SQLite means for this index.
    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        store_error(&self.path, error)
    }
}

/// The beginnings of the definitions of all tables and indexes, such as `CREATE TABLE files`, by name. What
/// is defined decides what a query runs: a view in the place of a table could run forever.
fn definitions(database: &Connection) -> rusqlite::Result<BTreeMap<String, Option<String>>> {
    let mut statement = database.prepare("SELECT name, sql FROM sqlite_schema")?;
    let beginning = |sql: String| sql.split('(').next().unwrap_or_default().to_owned();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?.map(beginning))))?;
    rows.collect()
}

/// The definitions of a new index.
fn own_definitions() -> rusqlite::Result<&'static BTreeMap<String, Option<String>>> {
    static OWN: OnceLock<BTreeMap<String, Option<String>>> = OnceLock::new();
    if let Some(own) = OWN.get() {
        return Ok(own);
    }
    let database = Connection::open_in_memory()?;
    database.execute_batch(SCHEMA)?;
    let own = definitions(&database)?;
    Ok(OWN.get_or_init(|| own))
}

/// The error if the given model is not the one that made the vectors of an index.
pub fn wrong_model(path: &Path) -> Error {
    let message = format!(
        "{} has vectors of another embedding model; name that model with --embedding-model, or \
         delete the file and run crossrank index again",
        path.display()
    );
    Error::new(ErrorKind::InvalidArgument, message)
}

fn store_error(path: &Path, error: rusqlite::Error) -> Error {
    let name = path.display();
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::InvalidInput,
            format!("{name} is not an index of crossrank; name another file"),
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            ErrorKind::Io,
            format!("another process keeps writing to {name}; try again when it is done"),
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => (
            ErrorKind::Io,
            format!("cannot open {name} ({error}); it must be a file that can be written to"),
        ),
        Some(ErrorCode::DiskFull) => {
            (ErrorKind::Io, format!("the disk is full; {name} is unchanged"))
        }
        Some(ErrorCode::SystemIoFailure) => (ErrorKind::Io, format!("cannot use {name} ({error})")),
        _ => (
            ErrorKind::InvalidInput,
            format!("{name} is damaged ({error}); delete it and run crossrank index again"),
        ),
    };
    Error::new(kind, message).with_source(error)
}
