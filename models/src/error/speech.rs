//! Why speech cannot be recognised.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why speech cannot be recognised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpeechError {
    /// A file of the model is damaged, or is of another kind.
    #[error("cannot read model file {}: {problem}; run `rushes models verify {model}`", path.display())]
    File {
        /// Id of the model.
        model: String,
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The files of a model do not fit together.
    #[error(
        "the files of {model} do not fit together: {problem}; run `rushes models verify {model}`"
    )]
    Mismatch {
        /// Id of the model.
        model: String,
        /// The problem.
        problem: String,
    },
    /// The model does not know the language.
    #[error("the model {model} does not know the language {language:?}; it knows {known}")]
    Language {
        /// Id of the model.
        model: String,
        /// The requested language.
        language: String,
        /// The codes of the languages that it knows.
        known: String,
    },
    /// The network returned values that are not finite.
    #[error(
        "the model {model} returned values that are not finite; run `rushes models verify {model}`"
    )]
    NotANumber {
        /// Id of the model.
        model: String,
    },
}

impl SpeechError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Language { .. } => ErrorKind::InvalidInput,
            Self::File { .. } | Self::Mismatch { .. } | Self::NotANumber { .. } => {
                ErrorKind::Corrupt
            }
        }
    }
}
