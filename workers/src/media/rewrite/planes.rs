//! The samples of one frame, for editing in places.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

use crate::media::{MediaError, ffi};

/// The sample layout of a pixel format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    /// Planes of samples.
    planes: usize,
    /// Pixels that one sample of the second and third plane covers, across and down.
    chroma: (u32, u32),
    /// Bits per sample. More than 8 take two bytes, little-endian.
    bits: u32,
}

/// The formats that can be edited in place and encoded: chroma subsampling, bits.
const KNOWN: [(Pixel, (u32, u32), u32); 9] = [
    (Pixel::YUV420P, (2, 2), 8),
    (Pixel::YUVJ420P, (2, 2), 8),
    (Pixel::YUV422P, (2, 1), 8),
    (Pixel::YUVJ422P, (2, 1), 8),
    (Pixel::YUV444P, (1, 1), 8),
    (Pixel::YUVJ444P, (1, 1), 8),
    (Pixel::YUV420P10LE, (2, 2), 10),
    (Pixel::YUV422P10LE, (2, 1), 10),
    (Pixel::YUV444P10LE, (1, 1), 10),
];

/// The layout of a format that can be edited in place and encoded.
fn layout(format: Pixel) -> Option<Format> {
    let known = KNOWN.iter().find(|(known, ..)| *known == format);
    known.map(|&(_, chroma, bits)| Format {
        planes: 3,
        chroma,
        bits,
    })
}

/// The format in which frames of `format` and this size are edited and encoded: their own if possible.
pub(super) fn editable(format: Pixel, (width, height): (u32, u32)) -> Pixel {
    let fits =
        |chroma: (u32, u32)| width.is_multiple_of(chroma.0) && height.is_multiple_of(chroma.1);
    if layout(format).is_some_and(|own| fits(own.chroma)) {
        return format;
    }
    let (mut chroma, mut deep) = ((1, 1), false);
    if let Some(descriptor) = format.descriptor() {
        let name = descriptor.name();
        let is_rgb = ["rgb", "bgr", "gbr", "pal8"]
            .iter()
            .any(|part| name.contains(part));
        // A grey picture has no chroma, so its subsampling does not matter.
        let is_grey =
            name.starts_with("gray") || name.starts_with("mono") || name.starts_with("ya");
        let step = (
            1 << descriptor.log2_chroma_w(),
            1 << descriptor.log2_chroma_h(),
        );
        chroma = if is_grey {
            (2, 2)
        } else if is_rgb {
            (1, 1)
        } else {
            step
        };
        // Only formats with more than a byte per sample have a byte order, and those that pack a pixel into two
        // bytes.
        let is_packed = ["565", "555", "rgb444", "bgr444"]
            .iter()
            .any(|part| name.contains(part));
        deep = (name.ends_with("le") || name.ends_with("be")) && !is_packed;
    }
    let chroma = if chroma.0 > 1 && chroma.1 > 1 && fits((2, 2)) {
        (2, 2)
    } else if chroma.0 > 1 && fits((2, 1)) {
        (2, 1)
    } else {
        (1, 1)
    };
    match (chroma, deep) {
        ((2, 2), false) => Pixel::YUV420P,
        ((2, 1), false) => Pixel::YUV422P,
        (_, false) => Pixel::YUV444P,
        ((2, 2), true) => Pixel::YUV420P10LE,
        ((2, 1), true) => Pixel::YUV422P10LE,
        (_, true) => Pixel::YUV444P10LE,
    }
}

/// One frame's planes. Samples are numbers from 0 to the maximum of their depth.
pub struct Planes {
    picture: frame::Video,
    format: Format,
    /// Whether the frame owns its samples alone.
    own: bool,
}

impl std::fmt::Debug for Planes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planes")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// A rectangle of samples: left, top, width, height.
type Area = [u32; 4];

impl Planes {
    pub(super) fn of(picture: frame::Video) -> Result<Self, MediaError> {
        let format = layout(picture.format())
            .ok_or_else(|| MediaError::Internal(format!("cannot edit {:?}", picture.format())))?;
        Ok(Self {
            picture,
            format,
            own: false,
        })
    }

    pub(super) fn into_picture(self) -> frame::Video {
        self.picture
    }

    /// Number of planes.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.format.planes
    }

    /// Pixels that one sample of a plane covers, across and down.
    #[must_use]
    pub const fn step(&self, plane: usize) -> (u32, u32) {
        if plane == 0 {
            (1, 1)
        } else {
            self.format.chroma
        }
    }

    /// Samples of a plane across and down.
    #[must_use]
    pub fn size(&self, plane: usize) -> (u32, u32) {
        let (x, y) = self.step(plane);
        (
            self.picture.width().div_ceil(x),
            self.picture.height().div_ceil(y),
        )
    }

    /// Start and length of row `y` of an area in the bytes of its plane.
    fn row(&self, plane: usize, area: Area, y: u32) -> Result<(usize, usize), MediaError> {
        let [left, top, width, height] = area;
        let (across, down) = self.size(plane);
        let inside = left.checked_add(width).is_some_and(|right| right <= across)
            && top.checked_add(height).is_some_and(|bottom| bottom <= down);
        let bytes = if self.format.bits > 8 { 2 } else { 1 };
        let start = (top + y) as usize * self.picture.stride(plane) + left as usize * bytes;
        // A frame stored bottom-up has a negative stride, which appears huge here.
        if !inside || self.picture.stride(plane) > (1 << 30) {
            return Err(MediaError::Internal("a region leaves its frame".to_owned()));
        }
        Ok((start, width as usize * bytes))
    }

    /// The samples of an area (left, top, width, height), row by row.
    ///
    /// # Errors
    /// [`MediaError::Internal`] if the area leaves the plane.
    pub fn read(&self, plane: usize, area: Area) -> Result<Vec<f32>, MediaError> {
        let mut samples = Vec::with_capacity(area[2] as usize * area[3] as usize);
        for y in 0..area[3] {
            let (start, length) = self.row(plane, area, y)?;
            let line = bytes(self.picture.data(plane).get(start..start + length))?;
            if self.format.bits > 8 {
                let pairs = line.chunks_exact(2);
                samples.extend(pairs.map(|pair| f32::from(u16::from_le_bytes([pair[0], pair[1]]))));
            } else {
                samples.extend(line.iter().map(|&sample| f32::from(sample)));
            }
        }
        Ok(samples)
    }

    /// Replaces the marked samples of an area.
    ///
    /// # Errors
    /// [`MediaError::Internal`] if the area leaves the plane; lack of memory.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the depth of the samples"
    )]
    pub fn write(
        &mut self,
        plane: usize,
        area: Area,
        samples: &[f32],
        changed: &[bool],
    ) -> Result<(), MediaError> {
        if !self.own {
            ffi::make_writable(&mut self.picture)?;
            self.own = true;
        }
        let deep = self.format.bits > 8;
        let largest = f32::from((1_u16 << self.format.bits) - 1);
        let mut rest = samples.iter().zip(changed);
        for y in 0..area[3] {
            let (start, length) = self.row(plane, area, y)?;
            let line = bytes(self.picture.data_mut(plane).get_mut(start..start + length))?;
            for place in line.chunks_exact_mut(if deep { 2 } else { 1 }) {
                let Some((sample, changed)) = rest.next() else {
                    return Err(MediaError::Internal(
                        "too few samples for a region".to_owned(),
                    ));
                };
                if *changed {
                    let value = (sample.round().clamp(0.0, largest) as u16).to_le_bytes();
                    let length = place.len();
                    place.copy_from_slice(&value[..length]);
                }
            }
        }
        Ok(())
    }
}

fn bytes<T>(found: Option<T>) -> Result<T, MediaError> {
    found.ok_or_else(|| MediaError::Internal("a frame is smaller than declared".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_samples_change_at_any_depth() {
        for (format, largest) in [(Pixel::YUV420P, 255.0), (Pixel::YUV422P10LE, 1023.0)] {
            let mut picture = frame::Video::new(format, 16, 8);
            for plane in 0..3 {
                picture.data_mut(plane).fill(0);
            }
            let mut planes = Planes::of(picture).unwrap();
            let area = [1, 2, 3, 2];
            let changed = [true, false, true, false, true, false];
            planes
                .write(1, area, &[1.0, 2.0, 5000.0, 4.0, 3.4, 6.0], &changed)
                .unwrap();
            assert_eq!(
                planes.read(1, area).unwrap(),
                [1.0, 0.0, largest, 0.0, 3.0, 0.0]
            );
            assert!(
                planes
                    .read(0, [0, 0, 16, 8])
                    .unwrap()
                    .iter()
                    .all(|&v| v < 0.5)
            );
            assert!(planes.read(1, [6, 0, 3, 2]).is_err());
        }
    }

    #[test]
    fn formats_are_kept_or_come_as_near_as_can_be() {
        assert_eq!(editable(Pixel::YUV420P10LE, (16, 16)), Pixel::YUV420P10LE);
        assert_eq!(editable(Pixel::YUV420P, (15, 16)), Pixel::YUV444P);
        assert_eq!(editable(Pixel::NV12, (16, 16)), Pixel::YUV420P);
        assert_eq!(editable(Pixel::P010LE, (16, 16)), Pixel::YUV420P10LE);
        assert_eq!(editable(Pixel::RGB565LE, (16, 16)), Pixel::YUV444P);
        assert_eq!(editable(Pixel::RGB24, (16, 16)), Pixel::YUV444P);
        assert_eq!(editable(Pixel::YUV422P12LE, (16, 16)), Pixel::YUV422P10LE);
        assert_eq!(editable(Pixel::GRAY8, (16, 16)), Pixel::YUV420P);
    }
}
