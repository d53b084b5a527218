//! Why a stage failed.

use rushes_models::device::DeviceError;
use rushes_models::{ErrorKind, ModelError};
use thiserror::Error;

use crate::dialogue::DialogueError;
use crate::media::MediaError;
use crate::storage::StorageError;

/// A failed run, with the file that it concerns.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StageError {
    /// The video could not be decoded.
    #[error("{name}")]
    Media {
        /// The video.
        name: String,
        /// The reason.
        #[source]
        source: MediaError,
    },
    /// A subtitle file could not be read.
    #[error("{name}")]
    Dialogue {
        /// The subtitle file.
        name: String,
        /// The reason.
        #[source]
        source: DialogueError,
    },
    /// Bytes could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The model is missing or refuses its input.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The video could not be read to its end.
    #[error("{name}: reading stopped; check the disk or the store and try again")]
    Read {
        /// The video.
        name: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// A stored feature is damaged.
    #[error(
        "{0}: the stored feature is damaged; delete the video from the catalogue and ingest it again"
    )]
    Corrupt(String),
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The device has ended, or cannot start.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A bug in rushes.
    #[error("the stage panicked; this is a bug in rushes, see the log")]
    Panicked,
}

impl StageError {
    /// Decides whether the run is retried.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Media { source, .. } => source.kind(),
            Self::Dialogue { source, .. } => source.kind(),
            Self::Storage(source) => source.kind(),
            Self::Model(source) => source.kind(),
            Self::Read { .. } => ErrorKind::Unavailable,
            Self::Corrupt(_) => ErrorKind::Corrupt,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Device(source) => source.kind(),
            Self::Panicked => ErrorKind::Internal,
        }
    }

    /// The stable kebab-case code, as stored and served.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Media { source, .. } => source.code(),
            Self::Dialogue { source, .. } => source.code(),
            Self::Storage(source) => source.code(),
            Self::Model(source) => source.kind().as_str(),
            Self::Read { .. } => "media-unreadable",
            Self::Corrupt(_) => "feature-damaged",
            Self::Cancelled => "cancelled",
            Self::Device(source) => source.kind().as_str(),
            Self::Panicked => "internal",
        }
    }

    pub(crate) fn media(name: &str) -> impl FnOnce(MediaError) -> Self + '_ {
        move |source| Self::Media {
            name: name.to_owned(),
            source,
        }
    }
}
