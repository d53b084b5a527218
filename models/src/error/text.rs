//! Why texts cannot be encoded.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why texts cannot be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A file of the model is not what it should be.
    #[error("model file {} cannot be read: {message}; run `rushes models verify {model}`", path.display())]
    File {
        /// Id of the model.
        model: String,
        /// The file.
        path: PathBuf,
        /// Cause.
        message: String,
    },
    /// The tokenizer refused a text.
    #[error("the tokenizer failed: {message}")]
    Tokenize {
        /// Cause.
        message: String,
    },
    /// The network failed to run.
    #[error("the text encoder failed: {0}")]
    Run(#[from] candle_core::Error),
}

impl TextError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { .. } => ErrorKind::Corrupt,
            Self::Tokenize { .. } | Self::Run(_) => ErrorKind::Internal,
        }
    }
}
