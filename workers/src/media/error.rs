//! Errors of media files, in a form that can leave the decoding process.

use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a media file could not be read, or its proxies could not be made.
///
/// Serialisable, because most of these occur in the decoding process. The caller knows the name of the file and
/// prepends it.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MediaError {
    /// The file is empty.
    #[error("the file is empty; copy or upload it again")]
    Empty,
    /// The container format is unknown.
    #[error("this is not a video file: {0}")]
    NotMedia(String),
    /// A format that may name other files or holds no video; never opened.
    #[error(
        "the container format {0:?} is not accepted; \
         use MP4/MOV, Matroska/WebM, MPEG-TS/PS, AVI, MXF, Ogg or FLV"
    )]
    ForbiddenContainer(String),
    /// The file has only sound, subtitles or cover art.
    #[error("the file has no video stream")]
    NoVideo,
    /// The video stream yields no picture.
    #[error("no frame of the video stream can be decoded")]
    NoFrames,
    /// This build of FFmpeg cannot decode the codec.
    #[error("the codec {0:?} is not supported by this build of FFmpeg; transcode the file first")]
    UnsupportedCodec(String),
    /// FFmpeg does not know the codec; this is the file's name for it.
    #[error("unknown codec '{0}'; transcode the file first, with the program that created it")]
    UnknownCodec(String),
    /// The pictures are encrypted (ISO/IEC 23001-7).
    #[error("the video is encrypted; decrypt it first, or use an unprotected copy")]
    Encrypted,
    /// The file is truncated: its index or most of its data is missing.
    #[error("the file is truncated ({0}); copy or upload it again")]
    Truncated(String),
    /// The decoder or demuxer failed.
    #[error("decoding failed: {0}")]
    Decode(String),
    /// A proxy or another video could not be encoded.
    #[error("encoding failed: {0}")]
    Encode(String),
    /// The stream does not exist, or has another kind.
    #[error("stream {index} is not {wanted}")]
    WrongStream {
        /// Index of the stream in the file.
        index: usize,
        /// The requested kind.
        wanted: String,
    },
    /// The requested spans of frames are unsorted, overlap, or exceed the video.
    #[error("invalid spans of frames: {0}")]
    Spans(String),
    /// The bytes of the file could not be read.
    #[error("cannot read the file: {0}")]
    Io(String),
    /// A configured limit is exceeded.
    #[error(
        "the limit on {what} is exceeded ({found} > {allowed}); create a smaller copy of the video"
    )]
    Limit {
        /// The limited quantity, e.g. `pixels per frame`.
        what: String,
        /// The file's value.
        found: u64,
        /// The allowed value.
        allowed: u64,
    },
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The decoding process died or violated its protocol.
    #[error(transparent)]
    Sandbox(SandboxFailure),
    /// A bug in this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// How a decoding process ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SandboxFailure {
    /// It could not start.
    #[error("cannot start the decoding process: {0}")]
    Start(String),
    /// It exceeded its memory limit.
    #[error(
        "decoding this file needs more than the {limit} bytes of memory allowed to a decoding process; \
         raise the limit in the configuration"
    )]
    Memory {
        /// Bytes allowed.
        limit: u64,
    },
    /// It exceeded its processor time.
    #[error(
        "decoding this file takes more than the {limit} s of processor time allowed to a decoding \
         process; raise the limit in the configuration"
    )]
    CpuTime {
        /// Seconds allowed.
        limit: u64,
    },
    /// It was silent for too long and was killed.
    #[error("the decoding process was silent for {limit_ms} ms and was killed")]
    Stalled {
        /// Milliseconds of silence allowed.
        limit_ms: u64,
    },
    /// A signal ended it.
    #[error("the decoding process was killed by signal {signal}{}", after(.stderr))]
    Signal {
        /// Signal number.
        signal: i32,
        /// The end of its standard error.
        stderr: String,
    },
    /// It ended without an answer.
    #[error("the decoding process ended without an answer (status {status}){}", after(.stderr))]
    Exit {
        /// Exit status.
        status: i32,
        /// The end of its standard error.
        stderr: String,
    },
    /// It violated the protocol.
    #[error("the decoding process sent an invalid message: {0}")]
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
    /// The kind of this failure, for callers to branch on.
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
    /// The kind of this failure. A crash counts as the file's fault: it would crash again.
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

/// Out of memory. The parent of a decoding process fills in the limit, which it had set.
pub(super) const fn out_of_memory() -> MediaError {
    MediaError::Sandbox(SandboxFailure::Memory { limit: 0 })
}
