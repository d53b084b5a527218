//! Finds the shots of a video, and sends them as they become final, if requested.

use serde::{Deserialize, Serialize};

use crate::media::{Bounds, MediaError};
use crate::sandbox::{
    ChildJob, HandUp, MAX_RESULT, Observer, Parent, Sandbox, encode, parse, protocol,
};
use crate::segment::{SegmentOutput, SegmentParams, ShotScan, segment};
use crate::source::ByteSource;
use crate::time::Stretch;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ShotsJob {
    params: SegmentParams,
    /// Whether to send shots before all are known.
    early: bool,
}

impl ChildJob for ShotsJob {
    const NAME: &'static str = "shots";
    type Output = ShotScan;

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<ShotScan, MediaError> {
        let early = self.early;
        segment(source, &self.params, bounds, &mut Upwards { parent, early })
    }
}

/// Shots are sent as they become final.
struct Upwards<'a> {
    parent: &'a mut Parent,
    early: bool,
}

impl SegmentOutput for Upwards<'_> {
    fn progress(&mut self, done: u64, total: Option<u64>) -> Result<(), MediaError> {
        self.parent.progress(done, total)
    }

    fn settled(&mut self, shot: &Stretch) -> Result<(), MediaError> {
        if self.early {
            self.parent.part(encode(shot)?)?;
        }
        Ok(())
    }
}

/// Passes shots to a function as they become final. Each must be valid and after the last, and their total is
/// bounded.
struct Settled<'a> {
    handed: &'a mut dyn FnMut(Stretch),
    end: u64,
    bytes: u64,
}

impl HandUp for Settled<'_> {
    type Error = MediaError;

    fn part(&mut self, json: &[u8]) -> Result<(), MediaError> {
        self.bytes = self.bytes.saturating_add(json.len() as u64);
        if self.bytes > MAX_RESULT {
            return Err(protocol("too many shots".to_owned()));
        }
        let shot: Stretch = parse(json)?;
        if !shot.is_sound() || shot.frames.start != self.end {
            return Err(protocol(format!(
                "an invalid shot of frames {:?}",
                shot.frames
            )));
        }
        self.end = shot.frames.end;
        (self.handed)(shot);
        Ok(())
    }
}

impl Sandbox {
    /// The video's timeline and shots.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn shots(
        &self,
        source: &mut dyn ByteSource,
        params: &SegmentParams,
        observer: &mut dyn Observer,
    ) -> Result<ShotScan, MediaError> {
        let job = ShotsJob {
            params: params.clone(),
            early: false,
        };
        sound(self.run(source, &job, observer, &mut ())?)
    }

    /// Like [`Sandbox::shots`], but passes final shots to `settled` in order while others are still being
    /// detected. The last few come only with the result.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn shots_as_they_settle(
        &self,
        source: &mut dyn ByteSource,
        params: &SegmentParams,
        observer: &mut dyn Observer,
        settled: &mut dyn FnMut(Stretch),
    ) -> Result<ShotScan, MediaError> {
        let job = ShotsJob {
            params: params.clone(),
            early: true,
        };
        let mut settled = Settled {
            handed: settled,
            end: 0,
            bytes: 0,
        };
        sound(self.run(source, &job, observer, &mut settled)?)
    }
}

/// Accepts from a child only what is possible for some video.
fn sound(scan: ShotScan) -> Result<ShotScan, MediaError> {
    if scan.is_sound() {
        return Ok(scan);
    }
    Err(protocol("shots that do not cover the video".to_owned()))
}
