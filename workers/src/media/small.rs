//! Frames made very small, for comparing one with the next.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling;

use super::MediaError;
use super::frames::Frame;
use super::open::decode_error;

/// A frame averaged over a grid of [`SmallFrame::WIDTH`] by [`SmallFrame::HEIGHT`] cells, whatever
/// its shape: luma and both chroma components of each cell, 0 to 255, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmallFrame {
    /// Luma, blue difference, red difference; each [`SmallFrame::CELLS`] long.
    pub planes: [Vec<u8>; 3],
}

impl SmallFrame {
    /// Cells in a row.
    pub const WIDTH: usize = 64;
    /// Rows of cells.
    pub const HEIGHT: usize = 36;
    /// All cells.
    pub const CELLS: usize = Self::WIDTH * Self::HEIGHT;

    /// A frame of mid grey.
    #[must_use]
    pub fn grey() -> Self {
        Self {
            planes: std::array::from_fn(|_plane| vec![128; Self::CELLS]),
        }
    }
}

/// Makes small frames.
///
/// Planar 8-bit frames, which nearly all films have, are averaged directly: every pixel of a cell's
/// row counts, but only some of its rows, because reading all pixels of a large frame costs more
/// than the comparison gains. Other pixel formats go through FFmpeg's scaler.
#[derive(Default)]
pub struct Shrinker {
    scaler: Option<scaling::Context>,
}

impl std::fmt::Debug for Shrinker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shrinker").finish_non_exhaustive()
    }
}

impl Shrinker {
    /// Averages `frame` into `small`.
    ///
    /// # Errors
    /// [`MediaError::Decode`] if its pixel format cannot be converted.
    pub fn shrink(&mut self, frame: &Frame, small: &mut SmallFrame) -> Result<(), MediaError> {
        let picture = &frame.picture;
        if is_planar_8_bit(picture.format()) {
            average(picture, small);
            return Ok(());
        }
        let converted = self.convert(picture)?;
        average(&converted, small);
        Ok(())
    }

    fn convert(&mut self, picture: &frame::Video) -> Result<frame::Video, MediaError> {
        // Four times the grid, so that averaging has something to average.
        let width = u32::try_from(SmallFrame::WIDTH * 4).unwrap_or(256);
        let height = u32::try_from(SmallFrame::HEIGHT * 4).unwrap_or(144);
        let fits = |scaler: &scaling::Context| {
            let input = scaler.input();
            (input.format, input.width, input.height)
                == (picture.format(), picture.width(), picture.height())
        };
        let scaler = match self.scaler.take().filter(fits) {
            Some(scaler) => scaler,
            None => scaling::Context::get(
                picture.format(),
                picture.width(),
                picture.height(),
                Pixel::YUV444P,
                width,
                height,
                scaling::Flags::FAST_BILINEAR,
            )
            .map_err(decode_error)?,
        };
        let mut converted = frame::Video::empty();
        let scaler = self.scaler.insert(scaler);
        scaler.run(picture, &mut converted).map_err(decode_error)?;
        Ok(converted)
    }
}

const fn is_planar_8_bit(format: Pixel) -> bool {
    matches!(
        format,
        Pixel::YUV420P
            | Pixel::YUVJ420P
            | Pixel::YUV422P
            | Pixel::YUVJ422P
            | Pixel::YUV444P
            | Pixel::YUVJ444P
    )
}

fn average(picture: &frame::Video, small: &mut SmallFrame) {
    for (index, plane) in small.planes.iter_mut().enumerate() {
        let width = picture.plane_width(index) as usize;
        let height = picture.plane_height(index) as usize;
        average_plane(
            picture.data(index),
            picture.stride(index),
            (width, height),
            plane,
        );
    }
}

/// Averages a plane of `size` (width, height) over the grid.
fn average_plane(data: &[u8], stride: usize, size: (usize, usize), cells: &mut [u8]) {
    /// Rows of pixels read for each row of cells.
    const ROWS: usize = 4;
    let (width, height) = size;
    let columns: [(usize, usize); SmallFrame::WIDTH] =
        std::array::from_fn(|cell| part(cell, SmallFrame::WIDTH, width));
    for (row, cells) in cells.chunks_exact_mut(SmallFrame::WIDTH).enumerate() {
        let (top, bottom) = part(row, SmallFrame::HEIGHT, height);
        let rows = (bottom - top).min(ROWS);
        let mut sums = [0_u32; SmallFrame::WIDTH];
        for step in 0..rows {
            let y = top + (2 * step + 1) * (bottom - top) / (2 * rows);
            let line = &data[y * stride..y * stride + width];
            for (sum, &(left, right)) in sums.iter_mut().zip(&columns) {
                *sum += line[left..right]
                    .iter()
                    .map(|&pixel| u32::from(pixel))
                    .sum::<u32>();
            }
        }
        for ((cell, sum), (left, right)) in cells.iter_mut().zip(sums).zip(columns) {
            let count = u32::try_from((right - left) * rows).unwrap_or(u32::MAX);
            *cell = u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX);
        }
    }
}

/// The range of pixels, at least one, that is part `index` of `parts` of `length` pixels.
fn part(index: usize, parts: usize, length: usize) -> (usize, usize) {
    let start = (index * length / parts).min(length.saturating_sub(1));
    let end = ((index + 1) * length / parts).clamp(start + 1, length.max(start + 1));
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_of_one_colour_stays_that_colour() {
        for size in [(1, 1), (5, 3), (64, 36), (1279, 719)] {
            let data = vec![77; size.0 * size.1];
            let mut cells = vec![0; SmallFrame::CELLS];
            average_plane(&data, size.0, size, &mut cells);
            assert!(cells.iter().all(|&cell| cell == 77), "{size:?}");
        }
    }

    #[test]
    fn parts_cover_everything_once() {
        let ends: Vec<_> = (0..64).map(|index| part(index, 64, 1279)).collect();
        assert_eq!(ends[0].0, 0);
        assert_eq!(ends[63].1, 1279);
        assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0));
    }
}
