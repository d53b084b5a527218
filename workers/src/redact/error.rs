//! Why something was not redacted.

use std::path::PathBuf;

use rushes_models::{Class, ErrorKind, ModelError, StoreError};

use super::geometry::GeometryError;
use super::picture::PictureError;
use crate::media::MediaError;
use crate::storage::StorageError;

/// Why a picture or video was not redacted. There is no output then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedactError {
    /// The picture file.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The picture's camera, as its metadata or the caller describes it.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The picture's metadata speak of a panorama that it is not, or not alone.
    #[error(
        "its panorama metadata (GPano) do not fit the picture; say how it was taken, which counts instead: \
         `--camera planar` (over HTTP the setting \"camera\": \"planar\"), or `--camera FILE` with the camera's description"
    )]
    Panorama(#[source] GeometryError),
    /// A detector.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A video.
    #[error(transparent)]
    Media(MediaError),
    /// A class was asked for that no chosen detector finds.
    #[error("no chosen detector finds {class}s; {remedy}")]
    NoDetector {
        /// The class.
        class: Class,
        /// What to do.
        remedy: String,
    },
    /// The detector of a class was not pulled.
    #[error("no detector of {class}s can be opened; {remedy}")]
    NotPulled {
        /// The class.
        class: Class,
        /// Which file is missing, and how it is pulled.
        source: Box<StoreError>,
        /// What else can be done.
        remedy: String,
    },
    /// A setting cannot be used.
    #[error("{0}")]
    Settings(String),
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The store of the input or the output.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file lies where an output or its record belongs, and no earlier redaction of the same input wrote it.
    #[error(
        "{0} is there already and was not made by a redaction of this file; move it, or choose another output"
    )]
    Taken(String),
    /// A picture takes more memory than all files in work may take together.
    #[error("the picture takes {needed} bytes of memory, and {allowed} are allowed")]
    Memory {
        /// What it takes.
        needed: u64,
        /// What there is.
        allowed: u64,
    },
    /// The file is no picture or video that can be redacted.
    #[error("{0}")]
    Unsupported(String),
    /// The detectors see more than can be told apart.
    #[error("more than {allowed} things are seen in one picture; raise the threshold")]
    Crowded {
        /// As many can be.
        allowed: usize,
    },
    /// A defect of this program.
    #[error("the program failed at this file, which is a defect of it; please report it")]
    Defect,
    /// Somebody asked to stop.
    #[error("stopped before it was done")]
    Cancelled,
}

impl RedactError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Picture(e) => e.kind(),
            Self::Model(e) => e.kind(),
            Self::Media(e) => e.kind(),
            Self::Storage(e) => e.kind(),
            Self::NotPulled { source, .. } => source.kind(),
            Self::NoDetector { .. } | Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Settings(_) | Self::Geometry(_) | Self::Panorama(_) | Self::Taken(_) => {
                ErrorKind::InvalidInput
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::Io { .. } => ErrorKind::Unavailable,
            Self::Crowded { .. } | Self::Memory { .. } => ErrorKind::Limit,
            Self::Defect => ErrorKind::Internal,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// Wraps an input or output error of a file.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

impl From<MediaError> for RedactError {
    /// Whoever stops a decoding process stops the redaction.
    fn from(error: MediaError) -> Self {
        if error == MediaError::Cancelled {
            Self::Cancelled
        } else {
            Self::Media(error)
        }
    }
}
