//! What can go wrong with a media file, in words that survive the way out of the decoding child.

use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a media file could not be read, or its proxies not be made.
///
/// Serialisable, because most of these are born in the decoding child. The caller knows the name of
/// the file and puts it in front.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MediaError {
    /// The file has no bytes.
    #[error("the file is empty; copy or upload it again")]
    Empty,
    /// No known container format.
    #[error("this is not a video file: {0}")]
    NotMedia(String),
    /// A format that may name other files, or that holds no video; never opened.
    #[error(
        "the container format {0:?} is not accepted; \
         use MP4/MOV, Matroska/WebM, MPEG-TS/PS, AVI, MXF, Ogg or FLV"
    )]
    ForbiddenContainer(String),
    /// Sound, subtitles or cover art only.
    #[error("the file has no video stream")]
    NoVideo,
    /// A video stream that yields no picture.
    #[error("the video stream has no frame that can be decoded")]
    NoFrames,
    /// This build of FFmpeg cannot decode it.
    #[error("the codec {0:?} is not supported by this build of FFmpeg; transcode the file first")]
    UnsupportedCodec(String),
    /// No codec that FFmpeg knows; what the file calls it.
    #[error("unknown codec '{0}'; transcode the file with the program that made it first")]
    UnknownCodec(String),
    /// The pictures are encrypted (ISO/IEC 23001-7).
    #[error("the video is encrypted; decrypt it first, or get a copy without protection")]
    Encrypted,
    /// The file is cut short: its index or most of its data is missing.
    #[error("the file is cut short ({0}); copy or upload it again")]
    Truncated(String),
    /// The decoder or demuxer gave up.
    #[error("decoding failed: {0}")]
    Decode(String),
    /// A proxy or another video could not be encoded.
    #[error("encoding failed: {0}")]
    Encode(String),
    /// The named stream does not exist, or is not of the kind asked for.
    #[error("stream {index} is not {wanted}")]
    WrongStream {
        /// Index of the stream in the file.
        index: usize,
        /// What was asked for.
        wanted: String,
    },
    /// The spans of frames asked for are not sorted, overlap, or leave the video.
    #[error("the spans of frames are wrong: {0}")]
    Spans(String),
    /// The bytes of the file could not be read.
    #[error("the file cannot be read: {0}")]
    Io(String),
    /// A configured limit would be exceeded.
    #[error(
        "the limit on {what} is exceeded ({found} > {allowed}); make a smaller copy of the video"
    )]
    Limit {
        /// What is limited, e.g. `pixels a frame`.
        what: String,
        /// What the file has.
        found: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The decoding child died or misbehaved.
    #[error("{0}")]
    Sandbox(SandboxFailure),
    /// A defect of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// How a decoding child ended before it had answered.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SandboxFailure {
    /// It could not be started.
    #[error("the decoding child could not be started: {0}")]
    Start(String),
    /// It ran out of the memory it is allowed.
    #[error(
        "decoding this file needs more than the {limit} bytes of memory a decoding child may use; \
         raise the limit in the configuration"
    )]
    Memory {
        /// Bytes allowed.
        limit: u64,
    },
    /// It used up its processor time.
    #[error(
        "decoding this file takes more than the {limit} s of processor time a decoding child may \
         use; raise the limit in the configuration"
    )]
    CpuTime {
        /// Seconds allowed.
        limit: u64,
    },
    /// It said nothing for too long, and was killed.
    #[error("the decoding child said nothing for {limit_ms} ms and was killed")]
    Stalled {
        /// Milliseconds of silence allowed.
        limit_ms: u64,
    },
    /// A signal ended it.
    #[error("the decoding child was killed by signal {signal}{}", after(.stderr))]
    Signal {
        /// Signal number.
        signal: i32,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// It ended without an answer.
    #[error("the decoding child ended without an answer (status {status}){}", after(.stderr))]
    Exit {
        /// Exit status.
        status: i32,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// It broke the protocol.
    #[error("the decoding child sent a message that makes no sense: {0}")]
    Protocol(String),
}

fn after(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}

impl MediaError {
    /// The kind of this failure, on which callers branch.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Empty | Self::NotMedia(_) | Self::NoVideo | Self::NoFrames | Self::Spans(_) => {
                ErrorKind::InvalidInput
            }
            Self::ForbiddenContainer(_)
            | Self::UnsupportedCodec(_)
            | Self::UnknownCodec(_)
            | Self::Encrypted => ErrorKind::Unsupported,
            Self::Truncated(_) | Self::Decode(_) => ErrorKind::Corrupt,
            Self::WrongStream { .. } => ErrorKind::NotFound,
            Self::Io(_) => ErrorKind::Unavailable,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Sandbox(failure) => failure.kind(),
            Self::Encode(_) | Self::Internal(_) => ErrorKind::Internal,
        }
    }

    /// The stable kebab-case code of this failure, as sent over HTTP.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "media-empty",
            Self::NotMedia(_) => "not-media",
            Self::ForbiddenContainer(_) => "forbidden-container",
            Self::NoVideo => "no-video",
            Self::NoFrames => "no-frames",
            Self::UnsupportedCodec(_) | Self::UnknownCodec(_) => "unsupported-codec",
            Self::Encrypted => "media-encrypted",
            Self::Truncated(_) => "media-truncated",
            Self::Decode(_) => "decode-failed",
            Self::Encode(_) => "encode-failed",
            Self::WrongStream { .. } => "wrong-stream",
            Self::Spans(_) => "wrong-spans",
            Self::Io(_) => "media-unreadable",
            Self::Limit { .. } => "media-limit",
            Self::Cancelled => "cancelled",
            Self::Sandbox(failure) => failure.code(),
            Self::Internal(_) => "internal",
        }
    }
}

impl SandboxFailure {
    /// The kind of this failure. A crash is blamed on the file: it would crash again.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Memory { .. } | Self::CpuTime { .. } | Self::Stalled { .. } => ErrorKind::Limit,
            Self::Signal { .. } | Self::Protocol(_) => ErrorKind::Corrupt,
            Self::Start(_) | Self::Exit { .. } => ErrorKind::Internal,
        }
    }

    /// The stable kebab-case code of this failure.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Start(_) => "sandbox-start",
            Self::Memory { .. } => "sandbox-memory",
            Self::CpuTime { .. } => "sandbox-cpu-time",
            Self::Stalled { .. } => "sandbox-stalled",
            Self::Signal { .. } => "sandbox-crashed",
            Self::Exit { .. } => "sandbox-exit",
            Self::Protocol(_) => "sandbox-protocol",
        }
    }
}

/// Memory ran out. The limit is filled in by the parent of a decoding child, which set it.
pub(super) const fn out_of_memory() -> MediaError {
    MediaError::Sandbox(SandboxFailure::Memory { limit: 0 })
}
