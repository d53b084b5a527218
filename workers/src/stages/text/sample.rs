//! Which frames are read, and which of them look as the one before.

use std::collections::BTreeMap;

use image::RgbImage;

use crate::stages::looks::frame_at;

/// The first and last look keep away from the shot's ends by this, where transitions are, in milliseconds.
const MARGIN_MS: u64 = 300;
/// Time between two looks at the whole picture, in milliseconds. Titles are shown for longer.
const STEP_MS: u64 = 2500;
/// Time between two looks at the band of subtitles, in milliseconds. Short ones are shown for a second.
const BAND_STEP_MS: u64 = 500;
/// Columns and rows of a sketch.
const COLUMNS: u32 = 48;
const ROWS: u32 = 27;
/// Brightness, 0 to 255, by which a cell of a sketch may differ in pictures that say the same. Letters change a cell by
/// tens, and noise and grain by one or two.
const TOLERANCE: f32 = 5.0;

/// How much of a picture is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// The band in which subtitles stand.
    Band,
}

/// The frames of a shot to read, in order. The first is read as a whole.
pub(super) fn samples(
    (start, end): (u64, u64),
    ms_of: impl Fn(u64) -> u64,
) -> impl Iterator<Item = (u64, Extent)> {
    let (from, to) = (ms_of(start), ms_of(end));
    let length = to.saturating_sub(from);
    let (first, last) = if length > 2 * MARGIN_MS {
        (from + MARGIN_MS, to - MARGIN_MS)
    } else {
        (from + length / 2, from + length / 2)
    };
    let mut frames = BTreeMap::new();
    for (between, extent) in [(BAND_STEP_MS, Extent::Band), (STEP_MS, Extent::Whole)] {
        let steps = (last - first).div_ceil(between);
        for step in 0..=steps {
            let ms = first + (last - first) * step / steps.max(1);
            frames.insert(frame_at(ms, (start, end), &ms_of), extent);
        }
    }
    frames.into_iter()
}

/// A picture in few cells of brightness.
#[derive(Debug, Clone)]
pub(super) struct Sketch(Vec<f32>);

impl Sketch {
    pub(super) fn of(picture: &RgbImage) -> Self {
        let (width, height) = picture.dimensions();
        let (columns, rows) = (COLUMNS.min(width), ROWS.min(height));
        let edge = |n: u32, of: u32, length: u32| u64::from(n) * u64::from(length) / u64::from(of);
        let mut cells = Vec::with_capacity((columns * rows) as usize);
        for row in 0..rows {
            for column in 0..columns {
                let (mut sum, mut count) = (0_u64, 0_u64);
                for y in edge(row, rows, height)..edge(row + 1, rows, height) {
                    for x in edge(column, columns, width)..edge(column + 1, columns, width) {
                        // Within the picture, whose sides are `u32`.
                        let place = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
                        let [red, green, blue] = picture.get_pixel(place(x), place(y)).0;
                        sum += u64::from(red) + 2 * u64::from(green) + u64::from(blue);
                        count += 4;
                    }
                }
                cells.push(mean(sum, count));
            }
        }
        Self(cells)
    }

    /// Whether two pictures of one video say the same, as far as this can be seen.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len()
            && pairs
                .into_iter()
                .all(|(one, other)| (one - other).abs() <= TOLERANCE)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a cell has some thousand pixels of at most 1020"
)]
fn mean(sum: u64, count: u64) -> f32 {
    sum as f32 / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_25(frame: u64) -> u64 {
        frame * 40
    }

    /// Frames that are read as a whole.
    fn of(start: u64, end: u64) -> Vec<u64> {
        let whole = samples((start, end), at_25).filter(|(_, extent)| *extent == Extent::Whole);
        whole.map(|(frame, _)| frame).collect()
    }

    #[test]
    fn a_shot_is_looked_at_near_its_ends_and_in_between() {
        assert_eq!(of(100, 101), [100]);
        assert_eq!(of(100, 110), [105]);
        assert_eq!(of(0, 50), [7, 42]);
        let long = of(1000, 1250);
        assert_eq!((long[0], *long.last().unwrap()), (1007, 1242));
        assert!(long.windows(2).all(|two| two[1] - two[0] <= 63), "{long:?}");
    }

    #[test]
    fn the_band_of_subtitles_is_looked_at_twice_a_second() {
        let looks: Vec<u64> = samples((0, 250), at_25).map(|(frame, _)| frame).collect();
        assert!(
            looks.windows(2).all(|two| two[1] - two[0] <= 13),
            "{looks:?}"
        );
    }

    #[test]
    fn looks_ascend_and_stay_in_their_shot_at_any_rate() {
        for ms in [1, 17, 33, 41, 700, 90_000] {
            for (start, end) in [(0, 1), (3, 5), (0, 400), (90, 91)] {
                let looks: Vec<(u64, Extent)> = samples((start, end), |frame| frame * ms).collect();
                assert!(looks.is_sorted_by(|a, b| a.0 < b.0), "{ms} {looks:?}");
                assert!(looks.iter().all(|look| (start..end).contains(&look.0)));
                assert_eq!(looks[0].1, Extent::Whole);
            }
        }
    }

    #[test]
    fn a_caption_changes_a_sketch_and_grain_does_not() {
        let plain = RgbImage::from_fn(640, 360, |x, _| image::Rgb([(x % 200) as u8; 3]));
        let mut grainy = plain.clone();
        for (n, pixel) in grainy.pixels_mut().enumerate() {
            let by = if n % 3 == 0 { 6 } else { 0 };
            pixel.0 = pixel.0.map(|value| value.saturating_add(by));
        }
        let mut captioned = plain.clone();
        for x in 300..340 {
            for y in 320..334 {
                captioned.put_pixel(x, y, image::Rgb([255; 3]));
            }
        }
        let sketch = Sketch::of(&plain);
        assert!(sketch.is_like(&Sketch::of(&grainy)));
        assert!(!sketch.is_like(&Sketch::of(&captioned)));
        assert!(!sketch.is_like(&Sketch::of(&RgbImage::new(10, 10))));
    }
}
