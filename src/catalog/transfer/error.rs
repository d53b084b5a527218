//! Errors of moving a catalogue.

use rushes_models::ErrorKind;
use thiserror::Error;

use crate::catalog::CatalogError;

/// A catalogue that could not be moved. The source is as it was, and the target is empty.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransferError {
    /// Another process works on one of the two.
    #[error(
        "another process works on the catalogue in {place}; stop `rushes serve`, `rushes work` and whatever else uses it, on \
         all machines, and try again"
    )]
    InUse {
        /// The file, or server and database.
        place: String,
    },
    /// The target is the source.
    #[error("the catalogue is in {place} already; name another database")]
    SamePlace {
        /// The file, or server and database.
        place: String,
    },
    /// The target holds something.
    #[error(
        "{place} is not empty: its table {table} has rows; name an empty database, such as `createdb` makes"
    )]
    NotEmpty {
        /// The server and database.
        place: String,
        /// The first table with rows.
        table: String,
    },
    /// There is a file where the catalogue is to be.
    #[error("{file} exists already; move it away, or choose another data folder with --data")]
    FileExists {
        /// The file.
        file: String,
    },
    /// The two databases have different tables or columns.
    #[error(
        "the tables of {from} and {to} differ: {what}; undo what was changed in the schema by hand"
    )]
    SchemasDiffer {
        /// The source.
        from: String,
        /// The target.
        to: String,
        /// The first table or column that is different.
        what: String,
    },
    /// A column of a type that no catalogue has.
    #[error(
        "{table}.{column} has the type {kind}, which no catalogue has; undo what was changed in the schema by hand"
    )]
    UnknownType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        kind: String,
    },
    /// Tables refer to each other in a circle, so none can be filled first.
    #[error(
        "the tables {tables} refer to each other or to themselves, so none can be filled first; report this"
    )]
    Circle {
        /// Their names.
        tables: String,
    },
    /// A value that the target cannot store.
    #[error(
        "{table}.{column} holds {what} in the row {row}, which {to} cannot store; correct this value and try again"
    )]
    BadValue {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The values of the row's key.
        row: String,
        /// What it holds.
        what: &'static str,
        /// The target.
        to: &'static str,
    },
    /// A table reads otherwise than it was written.
    #[error(
        "the table {table} was not copied exactly: {from} rows with digest {from_digest} became {to} rows with digest \
         {to_digest}; check the disk and the log of the database that was written, and try again"
    )]
    Differs {
        /// The table.
        table: String,
        /// Rows in the source.
        from: u64,
        /// BLAKE3 of them, in hex.
        from_digest: String,
        /// Rows in the target.
        to: u64,
        /// BLAKE3 of them, in hex.
        to_digest: String,
    },
    /// A table cannot be read or written.
    #[error("cannot {what} the table {table}")]
    Table {
        /// `read`, `write`.
        what: &'static str,
        /// The table.
        table: String,
        /// The error from the database.
        #[source]
        source: Box<CatalogError>,
    },
    /// A folder or file cannot be made, renamed or removed.
    #[error("{path}: cannot write here; check the permissions and the space of the data folder")]
    Folder {
        /// The folder or file.
        path: String,
        /// The error from the system.
        #[source]
        source: std::io::Error,
    },
    /// One of the databases failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl TransferError {
    /// What a caller should do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::InUse { .. } => ErrorKind::Unavailable,
            Self::SamePlace { .. }
            | Self::NotEmpty { .. }
            | Self::FileExists { .. }
            | Self::BadValue { .. } => ErrorKind::InvalidInput,
            Self::SchemasDiffer { .. } | Self::UnknownType { .. } | Self::Differs { .. } => {
                ErrorKind::Corrupt
            }
            Self::Circle { .. } => ErrorKind::Internal,
            Self::Folder { .. } => ErrorKind::Unavailable,
            Self::Table { source, .. } => source.kind(),
            Self::Catalog(source) => source.kind(),
        }
    }

    pub(super) fn reading(table: &str) -> impl Fn(sqlx::Error) -> Self {
        let table = table.to_owned();
        move |source| Self::table("read", &table, source)
    }

    pub(super) fn writing(table: &str) -> impl Fn(sqlx::Error) -> Self {
        let table = table.to_owned();
        move |source| Self::table("write", &table, source)
    }

    fn table(what: &'static str, table: &str, source: sqlx::Error) -> Self {
        Self::Table {
            what,
            table: table.to_owned(),
            source: Box::new(source.into()),
        }
    }
}

impl From<sqlx::Error> for TransferError {
    fn from(error: sqlx::Error) -> Self {
        Self::Catalog(error.into())
    }
}
