//! Joins the small frames of one or many decoders on the video's one clock.

use super::decode::{Item, UnstampedFrame};
use crate::media::clock::{BestEffort, Clock};
use crate::media::damage::Damage;
use crate::media::open::within;
use crate::media::video::MainVideo;
use crate::media::{Bounds, MediaError};

/// Everything that is counted across the whole video.
pub(super) struct Stitch {
    effort: BestEffort,
    clock: Clock,
    pub(super) number: u64,
    pub(super) damage: Damage,
    bounds: Bounds,
}

impl Stitch {
    pub(super) fn new(video: &MainVideo, bounds: &Bounds) -> Self {
        Self {
            effort: BestEffort::default(),
            clock: Clock::new(video.time_base, video.rate),
            number: 0,
            damage: Damage::default(),
            bounds: *bounds,
        }
    }

    /// End of the last frame so far on the presentation clock.
    pub(super) const fn end(&self) -> i64 {
        self.clock.end()
    }

    /// Accepts the video's next item. For a frame it returns the timestamp.
    pub(super) fn take(
        &mut self,
        item: Item,
    ) -> Result<Option<(Box<UnstampedFrame>, i64)>, MediaError> {
        match item {
            Item::Frame(shown) => {
                within("frames per video", self.number + 1, self.bounds.max_frames)?;
                let timestamp = self.effort.choose(shown.pts, shown.dts);
                let pts = self.clock.stamp(timestamp, shown.duration);
                let played = self.clock.played_ms();
                within("milliseconds of video", played, self.bounds.max_duration_ms)?;
                if shown.damaged {
                    self.damage.add(pts, self.clock.end());
                }
                self.number += 1;
                Ok(Some((shown, pts)))
            }
            Item::Damage(span) => {
                let shift = self.clock.shift();
                let (start, end) = span.map_or_else(
                    || (self.clock.end(), self.clock.end()),
                    |(start, end)| (start.saturating_add(shift), end.saturating_add(shift)),
                );
                self.damage.add(start, end);
                Ok(None)
            }
            Item::Failed(error) => Err(error),
        }
    }
}
