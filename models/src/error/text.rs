//! Why texts cannot be encoded.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why texts cannot be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A file of the model is damaged.
    #[error("cannot read model file {}: {message}; run `rushes models verify {model}`", path.display())]
    File {
        /// Id of the model.
        model: String,
        /// The file.
        path: PathBuf,
        /// Cause.
        message: String,
    },
    /// The tokenizer rejected a text.
    #[error("the tokenizer failed: {message}")]
    Tokenize {
        /// Cause.
        message: String,
    },
    /// The network failed to run.
    #[error("the text encoder failed")]
    Run(#[from] candle_core::Error),
}

impl TextError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { .. } => ErrorKind::Corrupt,
            Self::Tokenize { .. } | Self::Run(_) => ErrorKind::Internal,
        }
    }
}
