//! Error kinds, shared by all three crates.

use serde::{Deserialize, Serialize};

/// The kind of a failure, on which callers branch: jobs decide whether to retry, and HTTP chooses a status.
///
/// An error's message is for people, and its kind is for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// A named thing does not exist.
    NotFound,
    /// The input itself is invalid; the same input will fail again.
    InvalidInput,
    /// The input is valid, but this build or machine cannot handle it.
    Unsupported,
    /// A configured limit (size, time, memory, disk) was exceeded.
    Limit,
    /// Too much work was already accepted; a later attempt may succeed.
    Overloaded,
    /// The work was cancelled.
    Cancelled,
    /// Something external (network, store, device) does not answer; a later attempt may succeed.
    Unavailable,
    /// Stored or received bytes are inconsistent or do not match their digest.
    Corrupt,
    /// A bug in this program.
    Internal,
}

impl ErrorKind {
    /// Whether the same work may succeed later although the input is unchanged.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Overloaded | Self::Unavailable | Self::Internal => true,
            Self::NotFound
            | Self::InvalidInput
            | Self::Unsupported
            | Self::Limit
            | Self::Cancelled
            | Self::Corrupt => false,
        }
    }

    /// The stable kebab-case name, as stored in the catalogue and sent over HTTP.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::InvalidInput => "invalid-input",
            Self::Unsupported => "unsupported",
            Self::Limit => "limit",
            Self::Overloaded => "overloaded",
            Self::Cancelled => "cancelled",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
