//! Why a file could not be pulled, source by source.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::causes::with_causes;
use crate::digest::Digest;
use crate::kind::ErrorKind;

/// A file that none of its sources provided. The message is a short report of several lines.
#[derive(Debug)]
pub struct PullError {
    /// Id of the model.
    pub model: String,
    /// Name of the file.
    pub file: String,
    /// All files of the model.
    pub others: Vec<String>,
    /// The attempts, in order.
    pub attempts: Vec<Attempt>,
    /// The required digest, if known.
    pub sha256: Option<Digest>,
    /// The place of the file.
    pub place: PathBuf,
}

/// One source and its failure.
#[derive(Debug)]
pub struct Attempt {
    /// The source, for display.
    pub source: String,
    /// Its failure.
    pub error: SourceError,
}

/// How one source failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The Python interpreter does not exist.
    #[error("cannot run {}; install Python with pip, or set models.python to another one", python.display())]
    Python {
        /// The interpreter.
        python: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Pip ran and failed.
    #[error("pip download failed: {message}")]
    Pip {
        /// The last line of pip's standard error.
        message: String,
    },
    /// Pip produced no wheel, or several.
    #[error("pip downloaded {found} wheels where one was expected")]
    WheelCount {
        /// Their number.
        found: usize,
    },
    /// The wheel is not a readable zip file.
    #[error("cannot read wheel {wheel}: {message}")]
    Wheel {
        /// File name of the wheel.
        wheel: String,
        /// Cause.
        message: String,
    },
    /// The wheel has no such member.
    #[error("wheel {wheel} has no member {member:?}")]
    Member {
        /// File name of the wheel.
        wheel: String,
        /// The requested member.
        member: String,
    },
    /// npm does not exist.
    #[error("cannot run {}; install Node, which has npm, or set models.npm to another npm", npm.display())]
    Npm {
        /// The program.
        npm: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// npm ran and failed.
    #[error("npm pack failed: {message}")]
    NpmPack {
        /// The first line of npm's standard error that says why.
        message: String,
    },
    /// npm produced no package, or several.
    #[error("npm downloaded {found} packages where one was expected")]
    PackageCount {
        /// Their number.
        found: usize,
    },
    /// The package is not a readable archive.
    #[error("cannot read package {package}: {message}")]
    Package {
        /// File name of the package.
        package: String,
        /// Cause.
        message: String,
    },
    /// The package has no such file.
    #[error("package {package} has no file {member:?}")]
    PackageMember {
        /// File name of the package.
        package: String,
        /// The requested file.
        member: String,
    },
    /// The server answered with an error.
    #[error("{url} answered {status}")]
    Status {
        /// The requested address.
        url: String,
        /// HTTP status code.
        status: u16,
    },
    /// The server did not answer, or stopped.
    #[error("{url}: {message}")]
    Network {
        /// The requested address.
        url: String,
        /// Cause.
        message: String,
    },
    /// The download is larger than the manifest allows.
    #[error("received more than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: u64,
    },
    /// The download has another length than in the manifest.
    #[error("received {actual} bytes, but the manifest says {expected}")]
    Length {
        /// From the manifest.
        expected: u64,
        /// The received length.
        actual: u64,
    },
    /// The bytes have another digest.
    #[error("the sha256 is {actual}, expected {expected}")]
    Digest {
        /// From the manifest or the lock file.
        expected: Digest,
        /// The received length.
        actual: Digest,
    },
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

impl SourceError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Python { .. } | Self::Npm { .. } => ErrorKind::Unsupported,
            Self::Pip { .. } | Self::NpmPack { .. } | Self::Network { .. } | Self::Io { .. } => {
                ErrorKind::Unavailable
            }
            Self::Status {
                status: 404 | 410, ..
            }
            | Self::Member { .. }
            | Self::PackageMember { .. } => ErrorKind::NotFound,
            Self::Status { status: 500.., .. }
            | Self::Status {
                status: 408 | 429, ..
            } => ErrorKind::Unavailable,
            Self::Status { .. } => ErrorKind::InvalidInput,
            Self::WheelCount { .. }
            | Self::Wheel { .. }
            | Self::PackageCount { .. }
            | Self::Package { .. }
            | Self::Length { .. }
            | Self::Digest { .. } => ErrorKind::Corrupt,
            Self::TooLong { .. } => ErrorKind::Limit,
        }
    }
}

impl PullError {
    /// The kind of this failure: worth a retry if any source is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        let mut kinds = self.attempts.iter().map(|attempt| attempt.error.kind());
        let first = kinds.next().unwrap_or(ErrorKind::Internal);
        if first.is_retryable() {
            first
        } else {
            kinds.find(|kind| kind.is_retryable()).unwrap_or(first)
        }
    }
}

impl fmt::Display for PullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot pull {:?} of model {}:", self.file, self.model)?;
        for attempt in &self.attempts {
            write!(
                f,
                "\n  from {}: {}",
                attempt.source,
                with_causes(&attempt.error)
            )?;
        }
        write!(f, "\nto install it by hand, put the file")?;
        if let Some(sha256) = self.sha256 {
            write!(f, " with sha256 {sha256}")?;
        }
        write!(f, " at {}", self.place.display())?;
        if self.others.len() > 1 {
            write!(
                f,
                ", and the model's others beside it ({}); then pull again",
                self.others.join(", ")
            )?;
        }
        write!(
            f,
            "\nor use a copy of the hub, laid out as owner/name/file, with --from DIR, or a mirror in HF_ENDPOINT"
        )
    }
}

impl std::error::Error for PullError {}
