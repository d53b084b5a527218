//! Which frames are read, and which of them look as the one before.

use image::RgbImage;

use crate::stages::looks::frame_at;

/// The first and last look keep away from the shot's ends by this, where transitions are, in milliseconds.
const MARGIN_MS: u64 = 300;
/// Time between two looks, in milliseconds. Titles are shown for longer.
const STEP_MS: u64 = 2500;
/// Columns and rows of a sketch.
const COLUMNS: u32 = 48;
const ROWS: u32 = 27;
/// Brightness, 0 to 255, by which a cell of a sketch may differ in pictures that say the same. Letters change a cell by
/// tens, and noise and grain by one or two.
const TOLERANCE: f32 = 5.0;

/// The frames of a shot to read, in order.
pub(super) fn samples(
    (start, end): (u64, u64),
    ms_of: impl Fn(u64) -> u64,
) -> impl Iterator<Item = u64> {
    let (from, to) = (ms_of(start), ms_of(end));
    let length = to.saturating_sub(from);
    let (first, last) = if length > 2 * MARGIN_MS {
        (from + MARGIN_MS, to - MARGIN_MS)
    } else {
        (from + length / 2, from + length / 2)
    };
    let steps = (last - first).div_ceil(STEP_MS);
    let mut frames: Vec<u64> = (0..=steps)
        .map(|step| first + (last - first) * step / steps.max(1))
        .map(|ms| frame_at(ms, (start, end), &ms_of))
        .collect();
    frames.dedup();
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

    fn of(start: u64, end: u64) -> Vec<u64> {
        samples((start, end), at_25).collect()
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
    fn looks_ascend_and_stay_in_their_shot_at_any_rate() {
        for ms in [1, 17, 33, 41, 700, 90_000] {
            for (start, end) in [(0, 1), (3, 5), (0, 400), (90, 91)] {
                let frames: Vec<u64> = samples((start, end), |frame| frame * ms).collect();
                assert!(frames.is_sorted_by(|a, b| a < b), "{ms} {frames:?}");
                assert!(frames.iter().all(|frame| (start..end).contains(frame)));
                assert!(!frames.is_empty());
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
