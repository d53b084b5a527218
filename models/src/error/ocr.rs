//! Errors of readers of text in pictures.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why text in a picture cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OcrError {
    /// A network's output is not what PP-OCR gives.
    #[error(
        "the reader {model} returned an output of the shape {shape:?}, which is not that of PP-OCR"
    )]
    Outputs {
        /// `id@revision` of the manifest.
        model: String,
        /// The shape.
        shape: Vec<i64>,
    },
    /// The list of characters is not text.
    #[error("the list of characters at {} is not UTF-8", path.display())]
    Characters {
        /// The file.
        path: PathBuf,
    },
}

impl OcrError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Outputs { .. } => ErrorKind::InvalidInput,
            Self::Characters { .. } => ErrorKind::Corrupt,
        }
    }

    pub(crate) fn outputs(model: &str, shape: &[i64]) -> Self {
        Self::Outputs {
            model: model.to_owned(),
            shape: shape.to_vec(),
        }
    }
}
