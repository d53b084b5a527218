//! How a planar picture is cut into tiles.

use super::cast;

/// Tiles along one side of a picture, evenly over its length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strip {
    length: u32,
    gaps: u32,
    /// Of each tile.
    pub(super) side: u32,
}

impl Strip {
    /// As few tiles of at most `side` as share `overlap` of that with the next, and no longer than they must be.
    pub(super) fn of(length: u32, side: u32, overlap: f64) -> Self {
        let gaps = gaps(length, side, overlap);
        let common = cast::pixel((f64::from(side) * overlap).ceil()) + 1;
        let needed =
            (u64::from(length) + u64::from(gaps) * u64::from(common)).div_ceil(u64::from(gaps) + 1);
        let side = u32::try_from(needed).unwrap_or(side).min(side).min(length);
        Self { length, gaps, side }
    }

    pub(super) fn starts(self) -> impl Iterator<Item = u32> {
        let room = self.length - self.side;
        (0..=self.gaps).map(move |index| {
            let share = f64::from(index) / f64::from(self.gaps.max(1));
            cast::pixel(f64::from(room) * share)
        })
    }
}

/// How many tiles follow the first.
pub(super) fn gaps(length: u32, side: u32, overlap: f64) -> u32 {
    let room = length.saturating_sub(side);
    // a pixel less than the step, since the starts are rounded
    let step = (f64::from(side) * (1.0 - overlap) - 1.0).max(1.0);
    cast::pixel((f64::from(room) / step).ceil())
}
