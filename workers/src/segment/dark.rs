//! Brightens very dark pictures, so that the detectors work on them as on others.

use super::evidence::share;
use crate::media::SmallFrame;

/// In a dark picture hardly any cell is lighter than this luma.
const DARK: u8 = 44;

/// Share of the cells that may be lighter.
const SPECKS: f32 = 0.02;

/// Largest spread of luma at which a dark frame counts as black. Brightened, it would show noise. The spread of
/// strong grain is 1.5.
const BLACK_SPREAD: f32 = 1.6;

/// Largest increase of contrast. More would show noise.
const MOST_GAIN: u32 = 10;

/// Steps of luma over which dark pictures are spread.
const RANGE: u32 = 200;

/// The luma of black in limited range, and in a brightened dark picture.
const BLACK: u8 = 16;

/// Frames on each side of a boundary that must all be dark. Fades to and from black have black frames among
/// them.
const AROUND: usize = 12;

/// Whether a frame shows a very dark picture, as opposed to black.
pub(super) fn is_dark(frame: &SmallFrame) -> bool {
    let lighter = frame.planes[0].iter().filter(|&&cell| cell > DARK).count();
    share(lighter) <= SPECKS && !is_black(frame, DARK.into())
}

/// Whether the cells of a frame that are not lighter than `most` show only noise.
pub(super) fn is_black(frame: &SmallFrame, most: f32) -> bool {
    let cells = || {
        let lumas = frame.planes[0].iter().map(|&cell| f32::from(cell));
        lumas.filter(|cell| *cell <= most)
    };
    let (mut sum, mut count) = (0.0, 0.0_f32);
    for cell in cells() {
        sum += cell;
        count += 1.0;
    }
    let mean = sum / count.max(1.0);
    let squares: f32 = cells().map(|cell| (cell - mean).powi(2)).sum();
    squares <= BLACK_SPREAD * BLACK_SPREAD * count
}

/// The brightening: the darkest luma becomes black, and values above it are multiplied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exposure {
    darkest: u8,
    gain: u32,
}

impl Exposure {
    /// A common exposure for arbitrary dark pictures. The lightest of them becomes white.
    pub(super) const ANY: Self = Self {
        darkest: 0,
        gain: 6,
    };

    /// The exposure of a set of dark frames, which spreads the luma of all of them over the same range.
    pub(super) fn of<'a>(frames: impl Iterator<Item = &'a SmallFrame>) -> Self {
        let mut counts = [0_u64; 256];
        for cell in frames.flat_map(|frame| &frame.planes[0]) {
            counts[usize::from(*cell)] += 1;
        }
        let darkest = beyond(&counts, 0..=u8::MAX).unwrap_or(0);
        let lightest = beyond(&counts, (0..=u8::MAX).rev()).unwrap_or(u8::MAX);
        let contrast = u32::from(lightest.saturating_sub(darkest)).max(1);
        Self {
            darkest,
            gain: (RANGE / contrast).clamp(1, MOST_GAIN),
        }
    }

    /// A frame with brightened luma. Colours stay, because in the dark they are noise.
    pub(super) fn raise(self, frame: &SmallFrame) -> SmallFrame {
        let mut raised = frame.clone();
        for cell in &mut raised.planes[0] {
            let above = u32::from(cell.saturating_sub(self.darkest));
            let luma = u32::from(BLACK) + self.gain * above;
            *cell = u8::try_from(luma).unwrap_or(u8::MAX);
        }
        raised
    }
}

/// The value in `lumas` that one of 200 cells exceeds.
fn beyond(counts: &[u64; 256], mut lumas: impl Iterator<Item = u8>) -> Option<u8> {
    let specks = counts.iter().sum::<u64>() / 200;
    let mut seen = 0;
    lumas.find(|&luma| {
        seen += counts[usize::from(luma)];
        seen > specks
    })
}

/// Which frames of a video are dark, from the first on.
#[derive(Debug, Default)]
pub(super) struct Darkness(Vec<bool>);

impl Darkness {
    pub(super) fn push(&mut self, frame: &SmallFrame) {
        self.0.push(is_dark(frame));
    }

    /// Whether all surrounding frames are dark.
    pub(super) fn is_around(&self, frame: u64) -> bool {
        let Ok(frame) = usize::try_from(frame) else {
            return false;
        };
        let end = (frame + AROUND).min(self.0.len());
        let around = self.0.get(frame.saturating_sub(AROUND)..end);
        around.is_some_and(|around| !around.is_empty() && around.iter().all(|dark| *dark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_lit_frames_are_not_dark() {
        let noise = SmallFrame::of_luma(|index| 16 + u8::try_from(index * 7 % 3).unwrap());
        let night = SmallFrame::of_luma(|index| 16 + u8::try_from(index * 7 % 19).unwrap());
        let street = SmallFrame::of_luma(|index| 16 + u8::try_from(index * 7 % 190).unwrap());
        assert_eq!(
            [noise, night, street].map(|frame| is_dark(&frame)),
            [false, true, false]
        );
    }

    #[test]
    fn dark_frames_are_raised_alike_to_the_range_of_others_and_no_further_than_noise_allows() {
        let night = SmallFrame::of_luma(|index| 16 + u8::try_from(index * 7 % 26).unwrap());
        let dimmer = SmallFrame::of_luma(|index| 16 + u8::try_from(index * 7 % 13).unwrap());
        let exposure = Exposure::of([&night, &dimmer].into_iter());
        let brightest = |frame: &SmallFrame| *exposure.raise(frame).planes[0].iter().max().unwrap();
        assert_eq!(brightest(&night), 16 + 8 * 25);
        assert_eq!(brightest(&dimmer), 16 + 8 * 12);
        let faint = SmallFrame::of_luma(|index| 16 + u8::try_from(index * 7 % 6).unwrap());
        let raised = Exposure::of([&faint].into_iter()).raise(&faint);
        assert_eq!(*raised.planes[0].iter().max().unwrap(), 16 + 10 * 5);
    }

    #[test]
    fn a_boundary_is_in_the_dark_if_all_around_it_is() {
        let mut darkness = Darkness::default();
        let (night, day) = (
            SmallFrame::of_luma(|index| 16 + u8::try_from(index % 19).unwrap()),
            SmallFrame::grey(),
        );
        for number in 0..60 {
            darkness.push(if number == 30 { &day } else { &night });
        }
        let dark: Vec<u64> = (0..60).filter(|&frame| darkness.is_around(frame)).collect();
        let expected: Vec<u64> = (0..19).chain(43..60).collect();
        assert_eq!(dark, expected);
    }
}
