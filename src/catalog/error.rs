//! What can go wrong with the catalogue.

use rushes_models::ErrorKind;
use thiserror::Error;

/// A failed access to the catalogue.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The file cannot be opened or is not a catalogue.
    #[error(
        "{file}: the catalogue cannot be opened ({source}); check the folder, or name another with --data"
    )]
    Open {
        /// The database file.
        file: String,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// No asset, shot, title or job has this id or name.
    #[error("there is no {what} {id:?}")]
    NotFound {
        /// `asset`, `shot` …
        what: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// Not an id of the form that rushes gives out.
    #[error("{id:?} is not the id of {what}")]
    BadId {
        /// `an asset`, `a shot` …
        what: &'static str,
        /// As it was given.
        id: String,
    },
    /// A name that cannot be given to a key.
    #[error("{0:?} cannot be the name of a key; use 1 to 64 letters, digits, '.', '_' and '-'")]
    BadName(String),
    /// Another key has this name.
    #[error(
        "there is a key named {0} already; choose another name, or revoke it: rushes key revoke {0}"
    )]
    NameInUse(String),
    /// A key for some titles that could do what concerns all of them.
    #[error(
        "a key for some titles can have the scopes read and write only; leave out --title, or the other scopes"
    )]
    WideGrant,
    /// A name that cannot be given to a bin.
    #[error(
        "{0:?} cannot be the name of a bin; use 1 to 200 characters, none of them a control character"
    )]
    BadBinName(String),
    /// Another bin has this name.
    #[error("there is a bin named {0:?} already; choose another name")]
    BinNameInUse(String),
    /// A span that has no frame, or lies outside its video.
    #[error("frames {start} to {end} are not within the {frames} frames of asset {asset}")]
    BadSpan {
        /// The asset.
        asset: String,
        /// First frame.
        start: u64,
        /// One past the last frame.
        end: u64,
        /// Frames of the video.
        frames: u64,
    },
    /// The bin would hold more than it may.
    #[error("a bin holds at most {0} items; begin another one")]
    BinFull(usize),
    /// Somebody else changed it meanwhile.
    #[error(
        "the bin was changed meanwhile: it is at revision {found}, not {expected}; read it again"
    )]
    Changed {
        /// The revision that was named.
        expected: i64,
        /// The revision that there is.
        found: i64,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// The disk that holds the catalogue is full.
    #[error("the disk that holds the catalogue is full; free some room and try again")]
    Full(#[source] sqlx::Error),
    /// Another process keeps the catalogue locked.
    #[error("the catalogue is locked by another process; try again")]
    Locked(#[source] sqlx::Error),
    /// Something stored cannot be read back.
    #[error("the catalogue holds {what} that cannot be read; restore a backup")]
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
    /// The database failed.
    #[error("the catalogue failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl CatalogError {
    /// What a caller should do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::BadId { .. }
            | Self::BadName(_)
            | Self::NameInUse(_)
            | Self::WideGrant
            | Self::BadBinName(_)
            | Self::BinNameInUse(_)
            | Self::BadSpan { .. } => ErrorKind::InvalidInput,
            Self::BinFull(_) => ErrorKind::Limit,
            Self::Changed { .. } => ErrorKind::Cancelled,
            Self::Full(_) | Self::Locked(_) | Self::Random(_) => ErrorKind::Unavailable,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Open { .. } | Self::Database(_) => ErrorKind::Internal,
        }
    }
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        // SQLITE_FULL is 13, SQLITE_BUSY 5; extended codes keep the primary one in the low byte.
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .and_then(|code| code.parse::<u32>().ok())
            .map(|code| code & 0xFF);
        match code {
            Some(13) => Self::Full(error),
            Some(5) => Self::Locked(error),
            _ => Self::Database(error),
        }
    }
}
