//! The learned detector: boundaries from the boundary network.

use std::ops::Range;

use rushes_models::boundary::{AROUND, BoundaryError, BoundaryNetwork, BoundaryVerdict};
use rushes_models::with_causes;

use super::cuts::Cuts;
use super::dark::{Darkness, Exposure};
use super::even::{EvenRuns, FLASH, Passages};
use super::slow::SlowCuts;
use super::verdicts::{NOTHING, Verdicts};
use super::{Boundary, BoundaryDetector, BoundaryKind, SegmentParams};
use crate::media::{MediaError, SmallFrame};

/// Frames per block that the network classifies. It also sees [`AROUND`] frames on each side of them.
const BLOCK: usize = 256;

/// How far a frame's change must stand out from its neighbours, and how large it must be of 765, to be a cut
/// regardless of the network, which has seen few test pictures and drawings.
const PLAIN_RATIO: f32 = 10.0;
const PLAIN_CHANGE: f32 = 60.0;

/// Frames around a boundary without another cut.
const APART: u64 = 3;

/// Largest distance, in frames, between an even passage and a boundary of the network that are the same
/// boundary.
const NEAR: u64 = 8;

/// Asks the boundary network for the class of each frame, one block of frames at a time.
///
/// Blocks start at multiples of their length, so the results do not depend on how the video was decoded.
///
/// The network learned from pictures. Passages that are black or white all over need no learning, so they are
/// detected separately, and so are cuts that stand out from everything around them. Both count where the
/// network finds nothing near. A flash that leaves no visible change is not a fade, whatever the network says.
#[derive(Debug)]
pub struct LearnedDetector {
    network: BoundaryNetwork,
    /// The frames of the current block, and those before and after it.
    frames: Vec<SmallFrame>,
    /// How many of `frames` precede the block.
    before: usize,
    /// Whether there are new results since the last query for settled boundaries.
    has_looked: bool,
    /// Frames whose memory can be reused.
    free: Vec<SmallFrame>,
    verdicts: Verdicts,
    /// The network's verdicts on brightened very dark pictures.
    dim: Verdicts,
    darkness: Darkness,
    slow: SlowCuts,
    even: EvenRuns,
    /// Finds unmistakable cuts.
    plain: Cuts,
}

impl LearnedDetector {
    /// A detector at the start of a video.
    ///
    /// # Errors
    /// [`MediaError::Internal`] if the compiled-in network is damaged.
    pub fn new(params: &SegmentParams) -> Result<Self, MediaError> {
        Ok(Self {
            network: BoundaryNetwork::new().map_err(|error| internal(&error))?,
            frames: Vec::with_capacity(BLOCK + 2 * AROUND),
            before: 0,
            has_looked: false,
            free: Vec::new(),
            verdicts: Verdicts::default(),
            dim: Verdicts::default(),
            darkness: Darkness::default(),
            slow: SlowCuts::new(params),
            even: EvenRuns::new(params),
            plain: Cuts::new(PLAIN_RATIO, PLAIN_CHANGE, params.window),
        })
    }

    /// Classifies `block` frames, which have all the neighbours that they will get.
    fn look(&mut self, block: usize) -> Result<(), MediaError> {
        let found = self.ask(&self.frames)?;
        let judged = self.before..self.before + block;
        for (verdict, frame) in found[judged.clone()].iter().zip(&self.frames[judged]) {
            self.verdicts.push(*verdict, frame);
        }
        self.look_in_the_dark(block)?;
        self.has_looked = true;
        Ok(())
    }

    /// Classifies the same frames brightened, if they are very dark.
    fn look_in_the_dark(&mut self, block: usize) -> Result<(), MediaError> {
        let first = self.dim.frames();
        let is_dark: Vec<bool> = (first..first + block as u64)
            .map(|frame| self.darkness.is_around(frame))
            .collect();
        let judged = &self.frames[self.before..self.before + block];
        let dark = judged.iter().zip(&is_dark).filter(|(_, is_dark)| **is_dark);
        let exposure = Exposure::of(dark.map(|(frame, _)| frame));
        let mut found = Vec::new();
        if is_dark.contains(&true) {
            let raised: Vec<_> = self
                .frames
                .iter()
                .map(|frame| exposure.raise(frame))
                .collect();
            found = self.ask(&raised)?.split_off(self.before);
        }
        let mut found = found.into_iter();
        for (frame, is_dark) in judged.iter().zip(is_dark) {
            let verdict = found.next().filter(|_| is_dark).unwrap_or(NOTHING);
            self.dim.push(verdict, &exposure.raise(frame));
        }
        Ok(())
    }

    fn ask(&self, frames: &[SmallFrame]) -> Result<Vec<BoundaryVerdict>, MediaError> {
        let planes: Vec<[&[u8]; 3]> = frames
            .iter()
            .map(|frame| frame.planes.each_ref().map(Vec::as_slice))
            .collect();
        self.network.look(&planes).map_err(|error| internal(&error))
    }

    /// Returns the boundaries that start before frame `until`, in order.
    fn take(&mut self, until: u64) -> Vec<Boundary> {
        let mut found = self.verdicts.take(until);
        let Passages { mut fades, flashes } = self.even.take(until);
        let is_flash = |found: &Boundary| {
            let short = found.end - found.start <= FLASH as u64 + 1;
            let during =
                |flash: &Range<u64>| found.start <= flash.end + 1 && flash.start <= found.end + 1;
            found.kind == BoundaryKind::Fade && short && flashes.iter().any(during)
        };
        found.retain(|boundary| !is_flash(boundary));
        let mut dim = self.dim.take(until);
        dim.retain(|boundary| !found.iter().any(|other| other.is_near(boundary, NEAR)));
        found.append(&mut dim);
        let mut slow = self.slow.take(until);
        found.retain(|boundary| self.slow.allows(boundary, &slow));
        let mut plain = self.plain.take(until, &fades);
        plain.retain(|cut| self.slow.allows(cut, &slow));
        slow.retain(|cut| !fades.iter().any(|fade| fade.is_near(cut, 0)));
        fades.retain(|fade| !found.iter().any(|other| other.is_near(fade, NEAR)));
        found.append(&mut fades);
        plain.retain(|cut| !found.iter().any(|other| other.is_near(cut, APART)));
        found.append(&mut plain);
        found.append(&mut slow);
        found.sort_by_key(|boundary| (boundary.frame(), boundary.start));
        found
    }
}

impl BoundaryDetector for LearnedDetector {
    fn push(&mut self, frame: &SmallFrame, number: u64, shown_ms: u64) -> Result<(), MediaError> {
        self.even.push(frame, number, shown_ms);
        self.slow.push(frame, shown_ms);
        self.darkness.push(frame);
        self.plain.push(frame, number);
        let mut kept = self.free.pop().unwrap_or_else(SmallFrame::grey);
        kept.clone_from(frame);
        self.frames.push(kept);
        if self.frames.len() == self.before + BLOCK + AROUND {
            self.look(BLOCK)?;
            let done = self.before + BLOCK - AROUND;
            self.free.extend(self.frames.drain(..done));
            self.before = AROUND;
        }
        Ok(())
    }

    fn settled(&mut self) -> Vec<Boundary> {
        if !std::mem::take(&mut self.has_looked) {
            return Vec::new();
        }
        // After a stretch without events, earlier frames do not affect later results.
        let judged = self.verdicts.frames();
        let Some(start) = judged.checked_sub(2 * NEAR) else {
            return Vec::new();
        };
        let quiet = start..judged;
        if self.verdicts.touch(&quiet)
            || self.dim.touch(&quiet)
            || self.even.touch(&quiet)
            || self.plain.touch(&quiet)
            || self.slow.touch(&quiet)
        {
            return Vec::new();
        }
        self.take(judged - NEAR)
    }

    fn finish(&mut self) -> Result<Vec<Boundary>, MediaError> {
        let left = self.frames.len() - self.before;
        if left > 0 {
            self.look(left)?;
        }
        self.verdicts.end();
        self.dim.end();
        self.slow.end();
        self.even.end();
        self.plain.end();
        Ok(self.take(u64::MAX))
    }
}

fn internal(error: &BoundaryError) -> MediaError {
    MediaError::Internal(with_causes(&error))
}
