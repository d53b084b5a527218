//! Cuts that stand out from their neighbourhood, fades through black or white, and dissolves.

use super::cuts::Cuts;
use super::dissolve::Dissolves;
use super::even::EvenRuns;
use super::{Boundary, BoundaryDetector, SegmentParams};
use crate::media::{MediaError, SmallFrame};

/// Finds boundaries by comparing frames: cuts where one changes far more than those around it, fades
/// where the picture stays black or white for a while, and dissolves.
#[derive(Debug)]
pub struct AdaptiveDetector {
    cuts: Cuts,
    even: EvenRuns,
    dissolves: Dissolves,
}

impl AdaptiveDetector {
    /// A detector at the beginning of a film.
    #[must_use]
    pub fn new(params: &SegmentParams) -> Self {
        Self {
            cuts: Cuts::new(params.ratio, params.min_change, params.window),
            even: EvenRuns::new(params),
            dissolves: Dissolves::default(),
        }
    }
}

impl BoundaryDetector for AdaptiveDetector {
    fn push(&mut self, frame: &SmallFrame, number: u64) -> Result<(), MediaError> {
        self.cuts.push(frame, number);
        self.even.push(frame, number);
        self.dissolves.push(frame, number);
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Boundary>, MediaError> {
        self.cuts.end();
        self.even.end();
        let fades = self.even.take(u64::MAX).fades;
        let mut found = self.cuts.take(u64::MAX, &fades);
        found.extend(fades);
        let dissolves = std::mem::take(&mut self.dissolves).finish(&found);
        found.extend(dissolves);
        found.sort_by_key(|boundary| (boundary.frame(), boundary.start));
        Ok(found)
    }
}
