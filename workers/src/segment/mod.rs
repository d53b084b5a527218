//! Where one shot ends and the next begins.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::media::{ClockBreak, CorruptSpan, MediaError, SmallFrame};
use crate::time::Timeline;

mod adaptive;
mod cuts;
mod dark;
mod dissolve;
mod even;
mod evidence;
mod learned;
mod likeness;
mod motion;
mod scan;
mod slow;
mod timeline;
mod verdicts;

pub use self::adaptive::AdaptiveDetector;
pub use self::learned::LearnedDetector;
pub use self::scan::{SegmentOutput, segment};

/// How one shot gives way to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoundaryKind {
    /// The video begins: the boundary before the first shot.
    Start,
    /// From one frame to the next.
    Cut,
    /// Through black, white or another even colour.
    Fade,
    /// One picture melts into the other.
    Dissolve,
    /// One picture pushes the other out.
    Wipe,
    /// The take continues without a break: a shot that would be too long to handle is continued in another.
    Continued,
}

impl BoundaryKind {
    /// The name, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Cut => "cut",
            Self::Fade => "fade",
            Self::Dissolve => "dissolve",
            Self::Wipe => "wipe",
            Self::Continued => "continued",
        }
    }
}

/// A boundary between two shots.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Boundary {
    /// How it happens.
    pub kind: BoundaryKind,
    /// First frame of the transition; of a cut, the first frame of the new shot.
    pub start: u64,
    /// The frame after the transition; of a cut, equal to `start`.
    pub end: u64,
    /// How sure the detector is, from 0 to 1.
    pub confidence: f32,
}

impl Boundary {
    /// The first frame of the new shot: of a gradual transition the first half belongs to the
    /// outgoing shot.
    #[must_use]
    pub const fn frame(&self) -> u64 {
        u64::midpoint(self.start, self.end)
    }

    /// Whether it begins or ends at one of `frames`, or spans them.
    const fn touches(&self, frames: &Range<u64>) -> bool {
        self.start < frames.end && frames.start <= self.end
    }

    /// Whether at most `frames` frames lie between the two.
    const fn is_near(&self, other: &Self, frames: u64) -> bool {
        self.start <= other.end + frames && other.start <= self.end + frames
    }
}

/// Finds the boundaries of a video whose frames go by once, keeping only a few of them.
pub trait BoundaryDetector {
    /// Looks at the next frame; `number` ascends by one from 0. It is shown from `shown_ms` on, in milliseconds from any
    /// one moment.
    ///
    /// # Errors
    /// [`MediaError::Internal`] for a fault of the program.
    fn push(&mut self, frame: &SmallFrame, number: u64, shown_ms: u64) -> Result<(), MediaError>;

    /// Boundaries that nothing later will change or come before, each once, in order. None unless a detector can
    /// tell.
    fn settled(&mut self) -> Vec<Boundary> {
        Vec::new()
    }

    /// The boundaries that are left after the last frame, in order. [`BoundaryKind::Start`] is not one.
    ///
    /// # Errors
    /// As [`BoundaryDetector::push`].
    fn finish(&mut self) -> Result<Vec<Boundary>, MediaError>;
}

/// A run of frames `[start, end)` between two boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// First frame.
    pub start: u64,
    /// The frame after the last.
    pub end: u64,
    /// The boundary that opens it.
    #[serde(rename = "in")]
    pub opening: Boundary,
    /// Index of the first shot of the video that shows nearly the same picture, if an earlier one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<u64>,
}

impl Shot {
    /// Its frames.
    #[must_use]
    pub const fn frames(&self) -> Range<u64> {
        self.start..self.end
    }
}

/// What one pass over a video finds: when each frame is shown, and its shots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotScan {
    /// When each frame is shown.
    pub timeline: Timeline,
    /// Shots that cover all frames, in order, without gap or overlap; at least one.
    pub shots: Vec<Shot>,
    /// Where the video is damaged; frames there may be missing or show rubbish.
    pub corrupt: Vec<CorruptSpan>,
    /// Where the clock of the file breaks; the timeline continues there without a gap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock_breaks: Vec<ClockBreak>,
}

impl ShotScan {
    /// Whether the shots cover all frames, in order, without gap or overlap. Not so only if somebody made it up.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let mut end = 0;
        let in_order = self.shots.iter().all(|shot| {
            let follows = shot.start == end && shot.end > shot.start;
            end = shot.end;
            follows
        });
        in_order && end == self.timeline.frames()
    }
}

/// What finds the boundaries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetectorKind {
    /// The boundary network: [`LearnedDetector`].
    #[default]
    Learned,
    /// Differences between frames: [`AdaptiveDetector`]. Faster, and knows no wipes.
    Signal,
}

/// How a video is segmented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SegmentParams {
    /// What finds the boundaries. `ratio`, `min_change` and `window` are for the signal detector only.
    pub detector: DetectorKind,
    /// How far a frame's change must stand out from its neighbours' to be a cut.
    pub ratio: f32,
    /// The least change, from 0 to 765 (luma and both chroma components), that can be a cut.
    pub min_change: f32,
    /// Frames on each side that are the neighbourhood.
    pub window: u32,
    /// Shots shorter than this many milliseconds join a neighbour.
    pub min_shot_ms: u64,
    /// Shots longer than this many milliseconds are continued in shots of equal length. A clip of an uncut hour
    /// serves nobody, nor does one vector for it.
    pub max_shot_ms: u64,
    /// Mean luma, from 0 to 255, at or below which a frame is black.
    pub black: f32,
    /// Mean luma, from 0 to 255, at or above which an even frame is white.
    pub white: f32,
    /// Decoders that share the video; 0 for one for each core.
    pub threads: u32,
    /// Frames that one decoder decodes before another may go on; 0 for never.
    pub chunk_frames: u32,
}

impl Default for SegmentParams {
    fn default() -> Self {
        Self {
            detector: DetectorKind::default(),
            ratio: 3.0,
            min_change: 12.0,
            window: 2,
            min_shot_ms: 300,
            max_shot_ms: 300_000,
            black: 20.0,
            white: 235.0,
            threads: 0,
            chunk_frames: 250,
        }
    }
}
