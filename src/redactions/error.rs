//! Why a redaction is refused, or a file of it fails.

use rushes_models::{ErrorKind, ModelError, StoreError, with_causes};
use rushes_workers::coordinator::Failure;
use rushes_workers::redact::RedactError;
use rushes_workers::redact::picture::PictureError;
use rushes_workers::storage::StorageError;
use thiserror::Error;

use crate::catalog::CatalogError;

/// A refused redaction, or a failed file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RedactionError {
    /// The catalogue.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Where bytes are.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The picture or video, the detectors or the settings.
    #[error(transparent)]
    Redact(RedactError),
    /// The settings, as a client gives them.
    #[error("{0}")]
    Settings(String),
    /// Nothing to redact, or too much of it.
    #[error("{0}")]
    Inputs(String),
    /// Results cannot be written there.
    #[error("{0}")]
    Output(String),
    /// A file is larger than is taken.
    #[error("the {what} has {bytes} bytes, and {limit} are allowed; make a smaller copy")]
    TooLarge {
        /// What it is: `picture` or `video`.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A picture of more pixels than this server takes.
    #[error(
        "the picture has {} million pixels, over the limit of {}; raise server.picture_limit_mpx, or redact it with \
         `rushes redact`",
        pixels.div_ceil(1_000_000), limit / 1_000_000
    )]
    TooManyPixels {
        /// Its pixels.
        pixels: u64,
        /// The limit.
        limit: u64,
    },
    /// A picture whose samples take more memory than this server gives to all pictures together.
    #[error(
        "the picture takes {needed} MiB of memory, and this server has {allowed} MiB for redaction; raise \
         work.redaction_memory_mib, or redact it with `rushes redact`"
    )]
    TooMuchMemory {
        /// What it takes.
        needed: u64,
        /// What there is.
        allowed: u64,
    },
    /// As many pictures as this server takes are under way.
    #[error("as many pictures as this server redacts at once are under way; try again in a moment")]
    Busy,
    /// Bytes could not be read to their end.
    #[error("{name}: reading it broke off")]
    Read {
        /// The file.
        name: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A defect of this program.
    #[error("internal error: {0}")]
    Died(String),
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are kept as they are"
)]
impl From<RedactError> for RedactionError {
    fn from(error: RedactError) -> Self {
        match error {
            RedactError::Storage(error) => Self::Storage(error),
            RedactError::Memory { needed, allowed } => Self::TooMuchMemory {
                needed: needed >> 20,
                allowed: allowed >> 20,
            },
            error => Self::Redact(error),
        }
    }
}

impl RedactionError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Catalog(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Redact(error) => error.kind(),
            Self::Settings(_) | Self::Inputs(_) | Self::Output(_) => ErrorKind::InvalidInput,
            Self::TooLarge { .. } | Self::TooManyPixels { .. } | Self::TooMuchMemory { .. } => {
                ErrorKind::Limit
            }
            Self::Busy => ErrorKind::Overloaded,
            Self::Read { .. } => ErrorKind::Unavailable,
            Self::Died(_) => ErrorKind::Internal,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> String {
        let code = match self {
            Self::Redact(RedactError::Picture(error)) => PictureError::code(error),
            Self::Redact(RedactError::NoDetector { .. }) => "no-detector",
            Self::Redact(RedactError::Geometry(_)) => "bad-geometry",
            Self::Redact(RedactError::Settings(_)) | Self::Settings(_) => "bad-settings",
            Self::Redact(
                RedactError::NotPulled { .. }
                | RedactError::Model(ModelError::Store(StoreError::Missing { .. })),
            ) => "model-not-pulled",
            Self::Redact(RedactError::Model(error)) if error.kind() == ErrorKind::NotFound => {
                "model-not-found"
            }
            Self::Inputs(_) => "bad-inputs",
            Self::Output(_) => "bad-output",
            Self::Redact(RedactError::Taken(_)) => "output-taken",
            Self::Redact(RedactError::Media(error)) => error.code(),
            Self::TooLarge { .. } => "too-large",
            Self::TooManyPixels { .. } | Self::TooMuchMemory { .. } => "picture-limit",
            Self::Storage(StorageError::NotFound(_)) => "file-not-found",
            Self::Catalog(_)
            | Self::Storage(_)
            | Self::Redact(_)
            | Self::Busy
            | Self::Read { .. }
            | Self::Died(_) => self.kind().as_str(),
        };
        code.to_owned()
    }

    /// As it is kept with a file.
    pub(super) fn failure(&self) -> Failure {
        Failure {
            kind: self.kind(),
            code: self.code(),
            reason: with_causes(self),
        }
    }
}
