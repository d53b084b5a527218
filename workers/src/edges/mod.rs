//! How a shot begins and ends: where things are in the picture, and where they move.
//!
//! Two shots match across a cut if the first frame of one continues the last frame of the other, in composition and in
//! motion. The idea is that of Netflix (Chen et al., "Match Cutting", 2022), which compares silhouettes and optical flow.
//! Here both are coarse maps of hand-made measures, so that they cost a few milliseconds per shot and no model.
//!
//! - Composition: luminance and gradients in 12 × 7 cells. A gradient has a strength and, as its direction is that of a
//!   line, a doubled angle (Granlund, "In search of a general picture processing operator", 1978).
//! - Motion: a field of 8 × 5 vectors, found by matching blocks between two frames a tenth of a second apart.

mod composition;
mod grey;
mod motion;

use image::RgbImage;

use composition::{COMPOSITION, Composition};
use grey::Grey;
use motion::{MOTION, Motion};

/// Bytes of a descriptor.
const BYTES: usize = COMPOSITION + MOTION;

/// A frame at an edge of a shot, and the frame of the same shot that is about a tenth of a second away.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeFrames {
    /// The first or the last frame.
    pub edge: RgbImage,
    /// The later or the earlier frame.
    pub inner: RgbImage,
    /// The time from `edge` to `inner` in seconds; negative if `inner` is earlier, zero if the shot has one frame.
    pub seconds: f64,
}

/// What is where at one edge of a shot, and how it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeDescriptor([i8; BYTES]);

/// Both edges of a shot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShotEdges {
    /// At its first frame.
    pub first: EdgeDescriptor,
    /// At its last frame.
    pub last: EdgeDescriptor,
}

/// How well one edge continues another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Continuation {
    /// How alike the pictures are laid out, 0 to 1.
    pub composition: f32,
    /// How alike they move, 0 to 1. Two still pictures move alike.
    pub motion: f32,
}

impl EdgeDescriptor {
    /// Bytes of a descriptor.
    pub const BYTES: usize = BYTES;

    /// The descriptor of a frame.
    #[must_use]
    pub fn of(frames: &EdgeFrames) -> Self {
        let (edge, inner) = (Grey::of(&frames.edge), Grey::of(&frames.inner));
        let mut bytes = [0; BYTES];
        let (composition, motion) = bytes.split_at_mut(COMPOSITION);
        composition.copy_from_slice(&Composition::of(&edge));
        motion.copy_from_slice(&Motion::of(&edge, &inner, frames.seconds));
        Self(bytes)
    }

    /// A descriptor as it was stored; `None` if it has the wrong length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        Some(Self(bytes.map(u8::cast_signed)))
    }

    /// The descriptor as it is stored.
    #[must_use]
    pub fn to_bytes(self) -> [u8; BYTES] {
        self.0.map(i8::cast_unsigned)
    }

    /// How well `next`, at the first frame of a shot, continues this one, at the last frame of another.
    #[must_use]
    pub fn continued_by(&self, next: &Self) -> Continuation {
        let (own_layout, own_motion) = self.0.split_at(COMPOSITION);
        let (next_layout, next_motion) = next.0.split_at(COMPOSITION);
        Continuation {
            composition: composition::likeness(own_layout, next_layout),
            motion: motion::likeness(own_motion, next_motion),
        }
    }
}

impl ShotEdges {
    /// Bytes of both descriptors.
    pub const BYTES: usize = 2 * BYTES;

    /// The descriptors of a shot's first and last frame.
    #[must_use]
    pub fn of(frames: &[EdgeFrames; 2]) -> Self {
        let [first, last] = frames;
        Self {
            first: EdgeDescriptor::of(first),
            last: EdgeDescriptor::of(last),
        }
    }
}

impl Continuation {
    /// One number to rank by, 0 to 1: pictures must be laid out alike, and count half if they do not move alike.
    #[must_use]
    pub fn score(self) -> f32 {
        self.composition * self.motion.mul_add(0.5, 0.5)
    }
}

#[cfg(test)]
mod tests;
