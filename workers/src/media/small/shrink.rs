//! Very small frames, for comparing consecutive frames.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling;

use crate::media::MediaError;
use crate::media::frames::Frame;
use crate::media::open::decode_error;
use crate::media::picture::Converter;
use crate::media::rgb::as_stored;
use crate::media::tone::Bright;

/// A frame averaged over a grid of [`SmallFrame::WIDTH`] by [`SmallFrame::HEIGHT`] cells, whatever its shape.
/// It has the luma and both chroma components of each cell, 0 to 255, row by row.
#[derive(Debug, PartialEq, Eq)]
pub struct SmallFrame {
    /// Luma, blue difference and red difference; each [`SmallFrame::CELLS`] long.
    pub planes: [Vec<u8>; 3],
}

impl Clone for SmallFrame {
    fn clone(&self) -> Self {
        Self {
            planes: self.planes.clone(),
        }
    }

    /// Reuses memory, unlike a derived implementation.
    fn clone_from(&mut self, source: &Self) {
        self.planes.clone_from(&source.planes);
    }
}

impl SmallFrame {
    /// Cells per row.
    pub const WIDTH: usize = 64;
    /// Number of rows.
    pub const HEIGHT: usize = 36;
    /// Number of cells.
    pub const CELLS: usize = Self::WIDTH * Self::HEIGHT;

    /// A mid-grey frame.
    #[must_use]
    pub fn grey() -> Self {
        Self {
            planes: std::array::from_fn(|_plane| vec![128; Self::CELLS]),
        }
    }

    /// A colourless frame, with the luma of each cell.
    #[cfg(test)]
    pub(crate) fn of_luma(luma: impl Fn(usize) -> u8) -> Self {
        let mut frame = Self::grey();
        frame.planes[0] = (0..Self::CELLS).map(luma).collect();
        frame
    }
}

/// Size of the scaled picture where the original cannot be averaged: four times the grid.
const WIDTH: u32 = 256;
const HEIGHT: u32 = 144;
const _: () =
    assert!(WIDTH as usize == SmallFrame::WIDTH * 4 && HEIGHT as usize == SmallFrame::HEIGHT * 4);

/// Makes small frames.
///
/// Planar 8-bit frames, which nearly all videos have, are averaged directly. Every pixel of a row counts, but
/// only some rows of each cell, because reading all pixels of a large frame costs more than the comparison
/// gains. Other pixel formats go through FFmpeg's scaler, and high dynamic range is converted to standard
/// range.
#[derive(Default)]
pub struct Shrinker {
    scaler: Option<scaling::Context>,
    mapper: Option<Converter>,
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
        self.shrink_picture(&frame.picture, small).map(drop)
    }

    /// Like [`Shrinker::shrink`], but returns the picture that was averaged, if it is not the frame itself.
    pub(super) fn shrink_picture(
        &mut self,
        picture: &frame::Video,
        small: &mut SmallFrame,
    ) -> Result<Option<frame::Video>, MediaError> {
        if Bright::of(picture).is_some() {
            let converted = self.map(picture)?;
            average(&converted, small);
            return Ok(Some(converted));
        }
        if is_planar_8_bit(picture.format()) {
            average(picture, small);
            return Ok(None);
        }
        let converted = self.convert(picture)?;
        average(&converted, small);
        Ok(Some(converted))
    }

    /// Converts high dynamic range to standard range, because cuts differ less in high dynamic range.
    fn map(&mut self, picture: &frame::Video) -> Result<frame::Video, MediaError> {
        let converter = self
            .mapper
            .get_or_insert_with(|| as_stored((WIDTH, HEIGHT), Pixel::YUV444P));
        converter.convert(picture.clone())
    }

    fn convert(&mut self, picture: &frame::Video) -> Result<frame::Video, MediaError> {
        let (width, height) = (WIDTH, HEIGHT);
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

/// A fingerprint that almost certainly differs if any pixel of a planar 8-bit picture differs.
pub(super) fn fingerprint(picture: &frame::Video) -> u64 {
    let size = u64::from(picture.width()) << 32 | u64::from(picture.height());
    (0..3).fold(size, |print, index| {
        let width = picture.plane_width(index) as usize;
        let lines = picture.data(index).chunks(picture.stride(index).max(1));
        let lines = lines.take(picture.plane_height(index) as usize);
        lines.fold(print, |print, line| {
            mix(print, line.get(..width).unwrap_or(line))
        })
    })
}

/// Mixes a line of pixels into a fingerprint.
fn mix(print: u64, line: &[u8]) -> u64 {
    /// Odd and without pattern: the golden ratio.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [0, 16, 32, 48].map(|by| print.rotate_left(by));
    // Mix four words side by side, because each product would wait for the one before it.
    let blocks = line.chunks_exact(32);
    let step = |lane: u64, word: u64| (lane ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let rest = blocks.remainder();
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            *lane = step(*lane, word);
        }
    }
    let print = lanes.into_iter().fold(line.len() as u64, step);
    rest.iter()
        .fold(print, |print, &pixel| step(print, u64::from(pixel)))
}

/// Averages a plane of `size` (width, height) over the grid.
fn average_plane(data: &[u8], stride: usize, size: (usize, usize), cells: &mut [u8]) {
    /// Pixel rows read per row of cells. Their sum fits 16 bits.
    const ROWS: usize = 4;
    /// Columns added at a time.
    const STRIP: usize = 1024;
    let (width, height) = size;
    let columns: [(usize, usize); SmallFrame::WIDTH] =
        std::array::from_fn(|cell| part(cell, SmallFrame::WIDTH, width));
    let mut strip = [0_u16; STRIP];
    for (row, cells) in cells.chunks_exact_mut(SmallFrame::WIDTH).enumerate() {
        let (top, bottom) = part(row, SmallFrame::HEIGHT, height);
        let rows = (bottom - top).min(ROWS);
        let lines: [&[u8]; ROWS] = std::array::from_fn(|step| {
            let y = top + (2 * step + 1) * (bottom - top) / (2 * rows);
            let line = if step < rows {
                y * stride..y * stride + width
            } else {
                0..0
            };
            &data[line]
        });
        let mut sums = [0_u32; SmallFrame::WIDTH];
        for from in (0..width).step_by(STRIP) {
            let strip = &mut strip[..STRIP.min(width - from)];
            add_up(&lines[..rows], from, strip);
            add_cells(strip, from, &columns, &mut sums);
        }
        for ((cell, sum), (left, right)) in cells.iter_mut().zip(sums).zip(columns) {
            let count = u32::try_from((right - left) * rows).unwrap_or(u32::MAX);
            *cell = u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX);
        }
    }
}

/// Adds up lines column by column, starting at column `from`. The loop compiles to vector additions.
fn add_up(lines: &[&[u8]], from: usize, strip: &mut [u16]) {
    strip.fill(0);
    for line in lines {
        for (sum, &pixel) in strip.iter_mut().zip(&line[from..]) {
            *sum += u16::from(pixel);
        }
    }
}

/// Adds the columns of a strip that starts at column `from` to their cells.
fn add_cells(
    strip: &[u16],
    from: usize,
    columns: &[(usize, usize); SmallFrame::WIDTH],
    sums: &mut [u32; SmallFrame::WIDTH],
) {
    for (sum, &(left, right)) in sums.iter_mut().zip(columns) {
        let left = left.saturating_sub(from).min(strip.len());
        let right = right.saturating_sub(from).min(strip.len());
        *sum += strip[left..right]
            .iter()
            .map(|&sum| u32::from(sum))
            .sum::<u32>();
    }
}

/// The pixel range of part `index` of `parts` of `length` pixels; at least one pixel.
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
    fn a_cell_is_the_mean_of_its_pixels() {
        // Wider than a strip; four rows count in each cell.
        let (width, height) = (2051, 36 * 4);
        let data: Vec<u8> = (0..width * height)
            .map(|index| u8::try_from(index * index / 7 % 256).unwrap())
            .collect();
        let mut cells = vec![0; SmallFrame::CELLS];
        average_plane(&data, width, (width, height), &mut cells);
        for (index, &cell) in cells.iter().enumerate() {
            let (left, right) = part(index % 64, 64, width);
            let rows = (0..4).map(|row| (index / 64 * 4 + row) * width);
            let sum: usize = rows
                .flat_map(|row| &data[row + left..row + right])
                .map(|&pixel| usize::from(pixel))
                .sum();
            let count = (right - left) * 4;
            assert_eq!(usize::from(cell), (sum + count / 2) / count, "{index}");
        }
    }

    #[test]
    fn one_pixel_changes_the_fingerprint() {
        let line: Vec<u8> = (0..77).collect();
        let print = mix(1, &line);
        assert_eq!(print, mix(1, &line));
        assert_ne!(print, mix(2, &line));
        for index in 0..line.len() {
            let mut other = line.clone();
            other[index] ^= 1;
            assert_ne!(print, mix(1, &other), "{index}");
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
