//! Why a cut list cannot be exported.

use rushes_models::ErrorKind;
use rushes_workers::media::MediaError;
use rushes_workers::storage::StorageError;
use rushes_workers::time::{Rate, TimeError};
use thiserror::Error;

use crate::catalog::CatalogError;

/// A failed export.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// No format has this name.
    #[error("there is no export format {name:?}; the formats are {known}")]
    NoSuchFormat {
        /// The name.
        name: String,
        /// All formats.
        known: String,
    },
    /// The list is empty.
    #[error("there is nothing to export; name a shot, a bin or a search that finds something")]
    Empty,
    /// A pick lies outside its video, or has no frame.
    #[error("{what}: frames {start} to {end} are not within the video's {frames} frames")]
    Span {
        /// Which pick.
        what: String,
        /// First frame.
        start: u64,
        /// One past the last frame.
        end: u64,
        /// Frames of the video.
        frames: u64,
    },
    /// The format has no notation for this frame rate.
    #[error("{format} cannot carry {rate} frames per second; use otio, which carries any rate")]
    Rate {
        /// The format.
        format: &'static str,
        /// The rate.
        rate: Rate,
    },
    /// The format has one frame rate for the whole list.
    #[error(
        "{format} has one frame rate, and the picks have {first} and {other}; export each rate by itself, or use \
         otio or fcpxml"
    )]
    MixedRates {
        /// The format.
        format: &'static str,
        /// The rate of the list.
        first: Rate,
        /// Another one.
        other: Rate,
    },
    /// The requested rate is not that of the picks, and the format cannot conform them.
    #[error(
        "{format} cannot conform picks of {found} frames per second to {asked}; leave out the rate (`--rate`), or use \
         otio or fcpxml"
    )]
    OtherRate {
        /// The format.
        format: &'static str,
        /// The requested rate.
        asked: Rate,
        /// The rate of a pick.
        found: Rate,
    },
    /// More picks than the format can number.
    #[error("{format} holds {most} events, and there are {found}; use otio, or export parts")]
    TooManyEvents {
        /// The format.
        format: &'static str,
        /// Its limit.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// More picks than pictures or media are made of.
    #[error("{format} takes at most {most} picks, and there are {found}; export parts")]
    TooManyPicks {
        /// The format.
        format: &'static str,
        /// Its limit.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// Picks of one file overlap so often that it would be decoded too many times.
    #[error(
        "{file}: up to {found} picks overlap in one place, and {most} may; export parts of the list"
    )]
    TooManyOverlaps {
        /// The file.
        file: String,
        /// The limit.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// The archive would be too large.
    #[error("the archive would be larger than {most} bytes; export parts")]
    TooLarge {
        /// The limit.
        most: u64,
    },
    /// Another export uses all cores.
    #[error("originals are being cut for another export; try again later")]
    Busy,
    /// The shots of a file are not those that the list was made of.
    #[error("{file} was replaced or segmented again while it was exported; export it again")]
    Changed {
        /// The file.
        file: String,
    },
    /// The list plays longer than a day, which timecode cannot count.
    #[error(
        "the list plays longer than 24 hours, which {format} cannot count; use otio, or export parts"
    )]
    TooLong {
        /// The format.
        format: &'static str,
    },
    /// Drop-frame counting at a rate that has none.
    #[error(
        "drop-frame timecode is defined at 30000/1001 and 60000/1001 frames per second, not at {0}"
    )]
    NoDropFrame(Rate),
    /// A shot has no proxy yet, which the bundle would hold.
    #[error("{what} has no proxy yet; wait until its job is ready")]
    NoProxy {
        /// Which pick.
        what: String,
    },
    /// An original cannot be cut.
    #[error("{file}")]
    Media {
        /// The file.
        file: String,
        /// The reason.
        #[source]
        source: MediaError,
    },
    /// A timecode or a rate cannot be read.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// The catalogue failed, or has no such thing.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The file could not be written.
    #[error("the export could not be written")]
    Write(#[from] std::io::Error),
}

impl ExportError {
    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchFormat { .. }
            | Self::Empty
            | Self::Span { .. }
            | Self::NoDropFrame(_)
            | Self::Time(_) => ErrorKind::InvalidInput,
            Self::Rate { .. } | Self::MixedRates { .. } | Self::OtherRate { .. } => {
                ErrorKind::Unsupported
            }
            Self::TooManyEvents { .. }
            | Self::TooManyPicks { .. }
            | Self::TooManyOverlaps { .. }
            | Self::TooLarge { .. }
            | Self::TooLong { .. } => ErrorKind::Limit,
            Self::Busy => ErrorKind::Overloaded,
            Self::Changed { .. } => ErrorKind::Cancelled,
            Self::NoProxy { .. } => ErrorKind::Unavailable,
            Self::Media { source, .. } => source.kind(),
            Self::Catalog(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Write(_) => ErrorKind::Internal,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchFormat { .. } => "no-such-format",
            Self::Empty => "nothing-to-export",
            Self::Span { .. } => "bad-span",
            Self::Rate { .. } => "rate-not-carried",
            Self::MixedRates { .. } | Self::OtherRate { .. } => "mixed-rates",
            Self::TooManyEvents { .. } => "too-many-events",
            Self::TooManyPicks { .. } => "too-many-picks",
            Self::TooManyOverlaps { .. } => "too-many-overlaps",
            Self::TooLarge { .. } => "too-large",
            Self::Busy => "too-many-exports",
            Self::Changed { .. } => "changed-meanwhile",
            Self::TooLong { .. } => "timeline-too-long",
            Self::NoDropFrame(_) => "no-drop-frame",
            Self::NoProxy { .. } => "no-proxy",
            Self::Media { source, .. } => source.code(),
            Self::Time(_) => "bad-rate",
            Self::Catalog(_) | Self::Storage(_) | Self::Write(_) => self.kind().as_str(),
        }
    }
}
