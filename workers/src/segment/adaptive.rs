//! The signal detector: outstanding cuts, fades through black or white, and dissolves.

use super::cuts::Cuts;
use super::dark::{Darkness, Exposure};
use super::dissolve::Dissolves;
use super::even::EvenRuns;
use super::slow::SlowCuts;
use super::{Boundary, BoundaryDetector, SegmentParams};
use crate::media::{MediaError, SmallFrame};

/// Finds boundaries by comparing frames: cuts where one frame changes far more than those around it, fades
/// where the picture stays black or white for a while, and dissolves.
#[derive(Debug)]
pub struct AdaptiveDetector {
    cuts: Cuts,
    /// The same for very dark pictures.
    dim: Cuts,
    darkness: Darkness,
    slow: SlowCuts,
    even: EvenRuns,
    dissolves: Dissolves,
}

impl AdaptiveDetector {
    /// A detector at the start of a video.
    #[must_use]
    pub fn new(params: &SegmentParams) -> Self {
        Self {
            cuts: Cuts::new(params.ratio, params.min_change, params.window),
            dim: Cuts::new(params.ratio, params.min_change, params.window),
            darkness: Darkness::default(),
            slow: SlowCuts::new(params),
            even: EvenRuns::new(params),
            dissolves: Dissolves::default(),
        }
    }
}

impl BoundaryDetector for AdaptiveDetector {
    fn push(&mut self, frame: &SmallFrame, number: u64, shown_ms: u64) -> Result<(), MediaError> {
        self.cuts.push(frame, number);
        self.dim.push(&Exposure::ANY.raise(frame), number);
        self.darkness.push(frame);
        self.slow.push(frame, shown_ms);
        self.even.push(frame, number, shown_ms);
        self.dissolves.push(frame, number);
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Boundary>, MediaError> {
        self.cuts.end();
        self.dim.end();
        self.slow.end();
        self.even.end();
        let fades = self.even.take(u64::MAX).fades;
        let mut found = self.cuts.take(u64::MAX, &fades);
        let mut dim = self.dim.take(u64::MAX, &fades);
        dim.retain(|cut| {
            self.darkness.is_around(cut.start) && !found.iter().any(|other| other.is_near(cut, 1))
        });
        found.append(&mut dim);
        let mut slow = self.slow.take(u64::MAX);
        found.retain(|cut| self.slow.allows(cut, &slow));
        slow.retain(|cut| !fades.iter().any(|fade| fade.is_near(cut, 0)));
        found.append(&mut slow);
        found.extend(fades);
        let mut dissolves = std::mem::take(&mut self.dissolves).finish(&found);
        dissolves.retain(|dissolve| self.slow.allows(dissolve, &[]));
        found.extend(dissolves);
        found.sort_by_key(|boundary| (boundary.frame(), boundary.start));
        Ok(found)
    }
}
