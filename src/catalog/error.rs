//! Errors of the catalogue.

use std::borrow::Cow;

use rushes_models::{ErrorKind, LibraryError};
use thiserror::Error;

/// A failed access to the catalogue.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The file cannot be opened or is not a catalogue.
    #[error("{file}: cannot open the catalogue; check the folder, or choose another with --data")]
    Open {
        /// The database file.
        file: String,
        /// The error from SQLite.
        #[source]
        source: LibraryError,
    },
    /// The setting with the address of the database is none.
    #[error(
        "catalog.url is not the address of a PostgreSQL database ({why}); write postgres://user:password@host/database, or \
         leave it out for a file in the data folder"
    )]
    BadDatabaseUrl {
        /// What is wrong, without the password.
        why: String,
    },
    /// The database cannot be reached.
    #[error(
        "the catalogue's database {place} cannot be reached; check catalog.url, and that PostgreSQL runs there and may be \
         reached from this machine"
    )]
    Unreachable {
        /// Server and database.
        place: String,
        /// The error from the system or the server.
        #[source]
        source: LibraryError,
    },
    /// User or password are wrong, or the server lets this user in from elsewhere only.
    #[error(
        "the catalogue's database {place} refused the user or the password; check both in catalog.url, and the server's \
         pg_hba.conf"
    )]
    DatabaseLogin {
        /// Server and database.
        place: String,
        /// The error from the server.
        #[source]
        source: LibraryError,
    },
    /// The user may not create tables.
    #[error(
        "the user of the catalogue's database {place} lacks a right; make it the owner of the database, or grant it CREATE on \
         the schema"
    )]
    DatabaseRights {
        /// Server and database.
        place: String,
        /// The error from the server.
        #[source]
        source: LibraryError,
    },
    /// The server has no such database.
    #[error("there is no database {place}; create it with `createdb`, or check catalog.url")]
    NoDatabase {
        /// Server and database.
        place: String,
    },
    /// The server is too old.
    #[error("the catalogue's database {place} is PostgreSQL {version}; rushes needs 15 or newer")]
    OldDatabase {
        /// Server and database.
        place: String,
        /// Its version.
        version: i64,
    },
    /// The database cannot hold all text.
    #[error(
        "the catalogue's database {place} has the encoding {encoding}; create it anew with the encoding UTF8"
    )]
    BadEncoding {
        /// Server and database.
        place: String,
        /// Its encoding.
        encoding: String,
    },
    /// The server answers reads only.
    #[error(
        "the catalogue's database {place} takes no changes, as a standby does; set catalog.url to the primary server"
    )]
    ReadOnlyDatabase {
        /// Server and database.
        place: String,
    },
    /// A newer version wrote the catalogue.
    #[error("{place}: a newer rushes wrote this catalogue; install that version, or a later one")]
    Newer {
        /// The file, or server and database.
        place: String,
    },
    /// Text with a null character, which PostgreSQL does not store.
    #[error("text with a null character can be neither stored nor looked for; remove it")]
    NullCharacter,
    /// No asset, shot, title or job has this id or name.
    #[error("there is no {what} {id:?}")]
    NotFound {
        /// `asset`, `shot` …
        what: &'static str,
        /// The id or name that was requested.
        id: String,
    },
    /// No title has this id or name.
    #[error("there is no title {name:?}{}", suggestion(.nearest))]
    NoTitle {
        /// The id or name that was requested.
        name: String,
        /// The names that are most like it, the nearest first.
        nearest: Vec<String>,
    },
    /// No video has vectors of this model.
    #[error(
        "{0} is not used here: no video has vectors of it, and none are computed; `rushes models embed {0}` computes them"
    )]
    NoVectorsOf(String),
    /// Not an id in the format of rushes.
    #[error("{id:?} is not the id of {what}")]
    BadId {
        /// `an asset`, `a shot` …
        what: &'static str,
        /// The text that was given.
        id: String,
    },
    /// An invalid name for a key.
    #[error("{0:?} is not a valid key name; use 1 to 64 letters, digits, '.', '_' and '-'")]
    BadName(String),
    /// Another key has this name.
    #[error(
        "a key named {0} already exists; choose another name, or revoke it: rushes key revoke {0}"
    )]
    NameInUse(String),
    /// A key for some titles with scopes that concern all titles.
    #[error(
        "a key for some titles can have the scopes read and write only; leave out the titles, or the other scopes"
    )]
    WideGrant,
    /// An invalid name for a bin.
    #[error("{0:?} is not a valid bin name; use 1 to 200 characters without control characters")]
    BadBinName(String),
    /// A name that cannot be given to a title.
    #[error(
        "{0:?} cannot be the name of a title; use 1 to 500 characters, none of them a control character"
    )]
    BadTitle(String),
    /// Another title has this name.
    #[error("there is a title named {0:?} already; merge the two, or choose another name")]
    TitleInUse(String),
    /// Metadata, a tag or a note that is not taken.
    #[error("{0}")]
    BadMetadata(String),
    /// Searches are answered by the model whose vectors were to be removed.
    #[error("searches are answered by {0}; let another model answer first: rushes models use ID")]
    ModelInUse(String),
    /// A model that does not have the vectors of all videos yet.
    #[error(
        "the vectors of {0} are still being computed; wait until they are complete: rushes models list"
    )]
    SpaceNotReady(String),
    /// Another bin has this name.
    #[error("a bin named {0:?} already exists; choose another name")]
    BinNameInUse(String),
    /// A span without frames, or outside its video.
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
    /// The bin would exceed its limit.
    #[error("a bin holds at most {0} items; start another one")]
    BinFull(usize),
    /// The limit on webhooks is reached.
    #[error("there are {0} webhooks, which is the limit; delete one first")]
    TooManyWebhooks(usize),
    /// Another asset has the bytes that were to replace those of an asset.
    #[error(
        "asset {0} has this file already; use that asset, or delete it first to replace another one's file with it"
    )]
    BytesInUse(String),
    /// The file that is to replace that of an asset cannot be used, so nothing else is computed of the asset.
    #[error(
        "the replacement of this asset's file failed; send another file, or withdraw it: DELETE /v1/assets/{{id}}/file"
    )]
    ReplacementFailed,
    /// The limit on added subtitle tracks is reached.
    #[error("an asset has at most {0} added subtitle tracks; remove one first")]
    TooManySubtitles(usize),
    /// The limit on watched places is reached.
    #[error("there are {0} watches, which is the limit; delete one first")]
    TooManyWatches(i64),
    /// The limit on bins is reached.
    #[error("there are {0} bins, which is the limit; delete one first")]
    TooManyBins(i64),
    /// There are as many uploads in progress as there may be.
    #[error(
        "there are {0} uploads in progress, as many as there may be; finish or delete one first"
    )]
    TooManyUploads(i64),
    /// The bin was changed meanwhile.
    #[error(
        "the bin was changed meanwhile: it is at revision {found}, not {expected}; read it again"
    )]
    Changed {
        /// The expected revision.
        expected: i64,
        /// The actual revision.
        found: i64,
    },
    /// The sense of people is off, so there is nobody to list or to search for.
    #[error(
        "the sense of people is off, so faces are not looked at and nobody can be searched for; \
         an administrator turns it on with `rushes people on --because \"…\"` or PUT /v1/people/consent"
    )]
    PeopleOff,
    /// Turning on the sense of people without a reason.
    #[error(
        "the sense of people needs grounds, such as the consent of those who are shown; say them in 1 to 1000 characters"
    )]
    NoGrounds,
    /// A name that cannot be given to a person.
    #[error(
        "{0:?} cannot be the name of a person; use 1 to 200 characters without control characters, and not `Person` with a number, an id, `consent` or `cluster`"
    )]
    BadPersonName(String),
    /// Another person has this name.
    #[error("there is a person named {0:?} already; merge the two, or choose another name")]
    PersonNameInUse(String),
    /// Two people to be merged have names.
    #[error("{0:?} and {1:?} have different names; say which one stays, with `name` or --name")]
    TwoNames(String, String),
    /// Faces to be split off are none of the person's, or all.
    #[error("name some of the person's faces, but not all of them")]
    NothingToSplit,
    /// Faces are moved, pinned or deleted faster than they are compared.
    #[error(
        "people were changed again and again while their faces were compared, so nothing was changed; \
         try again when nobody changes them"
    )]
    PeopleBusy,
    /// What was deleted is gone, but may still be found in the write-ahead log.
    #[error(
        "it is deleted, but the write-ahead log is read by another process and may still hold its bytes; \
         it is tried again when `rushes serve`, `rushes ingest` or `rushes watch` starts next"
    )]
    NotScrubbed,
    /// Another process has taken over what this one did.
    #[error(
        "another process has taken over the role {0} of this catalogue, so nothing was written; this one takes it again \
         when it is free"
    )]
    RoleLost(&'static str),
    /// The store is another than that of those who work on the catalogue.
    #[error(
        "the store {store} is not the one of the catalogue {place}; set storage.url to the store that the other processes \
         use. To move to this one, stop them all, run `rushes store copy` with the old store, or `rushes store adopt` with \
         this one if it is a restored backup; a process that was killed counts for catalog.lease_s seconds more"
    )]
    OtherStore {
        /// The store.
        store: String,
        /// Server and database.
        place: String,
    },
    /// Others who work on the catalogue have another model.
    #[error(
        "models.{setting} is {here} here, and {there} at another process that works on this catalogue, so results of one \
         would not fit those of the other; use the same settings, models and version of rushes for all"
    )]
    OtherModels {
        /// The setting.
        setting: String,
        /// The model here.
        here: String,
        /// The model there.
        there: String,
    },
    /// The system provides no random numbers.
    #[error("the system provides no random numbers: {0}")]
    Random(String),
    /// The disk of the catalogue is full.
    #[error("the disk of the catalogue is full; free some space and try again")]
    Full(#[source] LibraryError),
    /// Another process holds the lock of the catalogue.
    #[error("the catalogue is locked by another process; try again")]
    Locked(#[source] LibraryError),
    /// The connection to the database ended, or none became free.
    #[error(
        "the catalogue does not answer; where it is in PostgreSQL, check that the server runs, and try again"
    )]
    Lost(#[source] LibraryError),
    /// Stored data cannot be read back.
    #[error("the catalogue contains {what} that cannot be read; restore a backup")]
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
    /// The database failed.
    #[error("the catalogue failed")]
    Database(#[source] LibraryError),
}

impl CatalogError {
    /// The stable code, for programs: `shot-not-found`.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the kind is code enough for the others"
    )]
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::NotFound { what, .. } => return format!("{what}-not-found").into(),
            Self::NoTitle { .. } => "title-not-found",
            Self::NoVectorsOf(_) => "space-not-found",
            Self::BadId { .. } => "bad-id",
            Self::BadName(_) | Self::BadBinName(_) | Self::BadTitle(_) | Self::BadPersonName(_) => {
                "bad-name"
            }
            Self::NameInUse(_)
            | Self::BinNameInUse(_)
            | Self::TitleInUse(_)
            | Self::PersonNameInUse(_) => "name-in-use",
            Self::PeopleOff => "people-off",
            Self::NoGrounds => "no-grounds",
            Self::TwoNames(..) => "two-names",
            Self::NothingToSplit => "nothing-to-split",
            Self::NotScrubbed => "not-scrubbed",
            Self::BadMetadata(_) => "bad-metadata",
            Self::BadSpan { .. } => "bad-span",
            Self::BinFull(_) => "bin-full",
            Self::TooManyWebhooks(_) => "too-many-webhooks",
            Self::TooManyWatches(_) => "too-many-watches",
            Self::BytesInUse(_) => "bytes-in-use",
            Self::ReplacementFailed => "replacement-failed",
            Self::TooManySubtitles(_) => "too-many-subtitles",
            Self::TooManyBins(_) => "too-many-bins",
            Self::TooManyUploads(_) => "too-many-uploads",
            Self::Changed { .. } | Self::PeopleBusy => "changed-meanwhile",
            Self::RoleLost(_) => "role-lost",
            Self::OtherStore { .. } => "other-store",
            Self::OtherModels { .. } => "other-models",
            Self::Full(_) => "disk-full",
            Self::NullCharacter => "null-character",
            Self::ModelInUse(_) => "model-in-use",
            Self::SpaceNotReady(_) => "space-not-ready",
            _ => self.kind().as_str(),
        }
        .into()
    }

    /// What a caller should do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::NoTitle { .. } | Self::NoVectorsOf(_) => {
                ErrorKind::NotFound
            }
            Self::BadId { .. }
            | Self::BadName(_)
            | Self::NameInUse(_)
            | Self::WideGrant
            | Self::BadBinName(_)
            | Self::BinNameInUse(_)
            | Self::BadTitle(_)
            | Self::TitleInUse(_)
            | Self::BadMetadata(_)
            | Self::NoGrounds
            | Self::BadPersonName(_)
            | Self::PersonNameInUse(_)
            | Self::TwoNames(..)
            | Self::NothingToSplit
            | Self::BadDatabaseUrl { .. }
            | Self::OtherStore { .. }
            | Self::OtherModels { .. }
            | Self::NullCharacter
            | Self::BadSpan { .. } => ErrorKind::InvalidInput,
            Self::BinFull(_)
            | Self::TooManyBins(_)
            | Self::TooManySubtitles(_)
            | Self::TooManyWebhooks(_)
            | Self::TooManyWatches(_)
            | Self::TooManyUploads(_) => ErrorKind::Limit,
            Self::Changed { .. }
            | Self::BytesInUse(_)
            | Self::ReplacementFailed
            | Self::PeopleOff
            | Self::PeopleBusy
            | Self::RoleLost(_)
            | Self::ModelInUse(_)
            | Self::SpaceNotReady(_) => ErrorKind::Cancelled,
            Self::Full(_)
            | Self::Locked(_)
            | Self::Random(_)
            | Self::NotScrubbed
            | Self::Unreachable { .. }
            | Self::DatabaseLogin { .. }
            | Self::DatabaseRights { .. }
            | Self::NoDatabase { .. }
            | Self::OldDatabase { .. }
            | Self::BadEncoding { .. }
            | Self::ReadOnlyDatabase { .. }
            | Self::Newer { .. }
            | Self::Lost(_) => ErrorKind::Unavailable,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Open { .. } | Self::Database(_) => ErrorKind::Internal,
        }
    }
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        let is_lost = matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut);
        let code = error.as_database_error().and_then(|error| error.code());
        let meant: fn(LibraryError) -> Self = match code.as_deref() {
            None if is_lost => Self::Lost,
            None => Self::Database,
            // PostgreSQL has five letters and digits.
            Some("53100") => Self::Full,
            // A lock that took too long, a deadlock, too many connections.
            Some("55P03" | "40P01" | "53300") => Self::Locked,
            // It shuts down, starts, or fails over; or this process was silent for too long in a transaction.
            Some("57P01" | "57P02" | "57P03" | "25P03") => Self::Lost,
            Some("22021" | "22P05") => |_error| Self::NullCharacter,
            // SQLITE_FULL is 13, SQLITE_BUSY 5; extended codes keep the primary one in the low byte.
            Some(code) if code.len() < 5 => match code.parse::<u32>().map(|code| code & 0xFF) {
                Ok(13) => Self::Full,
                Ok(5) => Self::Locked,
                _ => Self::Database,
            },
            Some(_) => Self::Database,
        };
        meant(LibraryError::new(error))
    }
}

fn suggestion(nearest: &[String]) -> String {
    let names: Vec<String> = nearest.iter().map(|name| format!("{name:?}")).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", names.join(" or "))
    }
}
