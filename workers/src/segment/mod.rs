//! Shot boundary detection: where one shot ends and the next begins.

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

/// The kind of a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoundaryKind {
    /// The start of the video: the boundary before the first shot.
    Start,
    /// A hard cut from one frame to the next.
    Cut,
    /// Through black, white or another even colour.
    Fade,
    /// One picture fades into the other.
    Dissolve,
    /// One picture pushes or wipes the other out.
    Wipe,
    /// The take continues without a break. A shot that is too long to handle is divided here.
    Continued,
}

impl BoundaryKind {
    /// The name as stored and sent.
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
    /// Its kind.
    pub kind: BoundaryKind,
    /// First frame of the transition; for a cut, the first frame of the new shot.
    pub start: u64,
    /// The frame after the transition; for a cut, equal to `start`.
    pub end: u64,
    /// Confidence of the detector, from 0 to 1.
    pub confidence: f32,
}

impl Boundary {
    /// The first frame of the new shot. The first half of a gradual transition belongs to the outgoing shot.
    #[must_use]
    pub const fn frame(&self) -> u64 {
        u64::midpoint(self.start, self.end)
    }

    /// Whether it starts or ends at one of `frames`, or spans them.
    const fn touches(&self, frames: &Range<u64>) -> bool {
        self.start < frames.end && frames.start <= self.end
    }

    /// Whether at most `frames` frames lie between the two.
    const fn is_near(&self, other: &Self, frames: u64) -> bool {
        self.start <= other.end + frames && other.start <= self.end + frames
    }
}

/// Finds the boundaries of a video in one pass, keeping only a few frames.
pub trait BoundaryDetector {
    /// Examines the next frame. `number` ascends by one from 0. `shown_ms` is the start of its presentation in
    /// milliseconds, from any fixed origin.
    ///
    /// # Errors
    /// [`MediaError::Internal`] for a bug in the program.
    fn push(&mut self, frame: &SmallFrame, number: u64, shown_ms: u64) -> Result<(), MediaError>;

    /// Boundaries that later frames cannot change or precede, each once, in order. Empty by default, for
    /// detectors that cannot tell.
    fn settled(&mut self) -> Vec<Boundary> {
        Vec::new()
    }

    /// The remaining boundaries after the last frame, in order. [`BoundaryKind::Start`] is not among them.
    ///
    /// # Errors
    /// The same as [`BoundaryDetector::push`].
    fn finish(&mut self) -> Result<Vec<Boundary>, MediaError>;
}

/// A run of frames `[start, end)` between two boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// First frame.
    pub start: u64,
    /// The frame after the last.
    pub end: u64,
    /// The boundary at its start.
    #[serde(rename = "in")]
    pub opening: Boundary,
    /// Index of the video's first shot that looks nearly the same, if that is an earlier shot.
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

/// The result of one pass over a video: when each frame is shown, and the shots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotScan {
    /// When each frame is shown.
    pub timeline: Timeline,
    /// Shots that cover all frames in order, without gaps or overlaps; at least one.
    pub shots: Vec<Shot>,
    /// Damaged places of the video, where frames may be missing or corrupted.
    pub corrupt: Vec<CorruptSpan>,
    /// Breaks in the file's clock. The timeline is continuous there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock_breaks: Vec<ClockBreak>,
}

impl ShotScan {
    /// Whether the shots cover all frames in order, without gaps or overlaps. Only a forged result violates
    /// this.
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

/// The boundary detector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetectorKind {
    /// The boundary network: [`LearnedDetector`].
    #[default]
    Learned,
    /// Differences between frames: [`AdaptiveDetector`]. Faster, and finds no wipes.
    Signal,
}

/// How to segment a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SegmentParams {
    /// The boundary detector. `ratio`, `min_change` and `window` apply to the signal detector only.
    pub detector: DetectorKind,
    /// How far a frame's change must stand out from its neighbours to be a cut.
    pub ratio: f32,
    /// Smallest change, from 0 to 765 (luma and both chroma components), that can be a cut.
    pub min_change: f32,
    /// Frames on each side that form the neighbourhood.
    pub window: u32,
    /// Shots shorter than this many milliseconds are merged into a neighbour.
    pub min_shot_ms: u64,
    /// Shots longer than this many milliseconds are divided into shots of equal length. A clip of an uncut hour
    /// is of no use, nor is one vector for it.
    pub max_shot_ms: u64,
    /// Highest mean luma, from 0 to 255, of a black frame.
    pub black: f32,
    /// Lowest mean luma, from 0 to 255, of an even frame that is white.
    pub white: f32,
    /// Decoders that share the video; 0 means one per core.
    pub threads: u32,
    /// Frames that one decoder decodes before another may continue; 0 disables splitting.
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
