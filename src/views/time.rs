//! Points in time.

use rushes_workers::time::{Rate, Timecode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::catalog::CatalogError;
use crate::catalog::records::ShotsRecord;
use crate::catalog::shots::Shot;

/// A point in time, in three forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Time {
    /// Frame number, from 0.
    pub frame: u64,
    /// Milliseconds from the start of the file, rounded down.
    pub ms: u64,
    /// SMPTE timecode; nominal if the frame rate varies.
    #[schema(example = "01:00:12:07")]
    pub smpte: String,
}

/// The timecode of a shot's asset.
pub(crate) struct Clock {
    pub(crate) rate: Rate,
    pub(crate) variable: bool,
    timecode: Timecode,
}

impl Clock {
    pub(crate) fn of(shot: &Shot) -> Result<Self, CatalogError> {
        Self::parse(&shot.scan)
    }

    /// Of a video of which nothing is known.
    pub(super) const fn unknown() -> Self {
        let rate = Rate::MILLISECONDS;
        Self {
            rate,
            variable: true,
            timecode: Timecode::from_zero(rate),
        }
    }

    /// From the result of a run of `shots`.
    pub(super) fn parse(scan: &str) -> Result<Self, CatalogError> {
        let damaged = |_| CatalogError::Corrupt {
            what: "the result of a run",
        };
        let scan: ShotsRecord = serde_json::from_str(scan).map_err(damaged)?;
        let (rate, start_timecode) = (scan.rate, scan.start_timecode);
        let timecode = start_timecode
            .and_then(|text| Timecode::starting_at(rate, &text).ok())
            .unwrap_or_else(|| Timecode::from_zero(rate));
        Ok(Self {
            rate,
            variable: scan.variable,
            timecode,
        })
    }

    pub(crate) fn at(&self, frame: u64, ms: u64) -> Time {
        Time {
            frame,
            ms,
            smpte: self.timecode.label(frame),
        }
    }

    pub(super) fn stored(&self, frame: i64, ms: i64) -> Time {
        self.at(frame.cast_unsigned(), ms.cast_unsigned())
    }
}
