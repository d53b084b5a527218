//! Pictures for models and people: frames sampled evenly, and thumbnails.

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use super::frames::{Frame, FrameReader, ReadOptions};
use super::open::SharedSource;
use super::{Bounds, MediaError, sparse};
use crate::source::ByteSource;

/// JPEG quality of thumbnails, of 100.
const JPEG_QUALITY: u8 = 80;

/// The moment that a thumbnail shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThumbnailAt {
    /// The first frame.
    Start,
    /// The frame shown in the middle of the clip.
    Middle,
}

/// Decodes `count` frames of a proxy. Each is the frame shown in the middle of one of `count` equal parts of
/// its time. Pictures are upright, with square pixels, and no side is longer than `max_side`.
///
/// A clip with fewer frames repeats them, so the result always has `count` pictures.
///
/// # Errors
/// Any [`MediaError`] of opening or decoding; [`MediaError::NoFrames`] if nothing can be decoded.
pub fn sample_frames(
    source: Box<dyn ByteSource>,
    count: usize,
    max_side: u32,
) -> Result<Vec<RgbImage>, MediaError> {
    pictures(source, &evenly(count), (max_side, max_side))
}

/// [`sample_frames`] by decoding the whole clip. It is slower, and the reference for its result.
///
/// # Errors
/// The same as [`sample_frames`].
pub fn sample_frames_plainly(
    source: Box<dyn ByteSource>,
    count: usize,
    max_side: u32,
) -> Result<Vec<RgbImage>, MediaError> {
    let opened = OpenedClip::new(source)?;
    opened.plainly(&evenly(count), (max_side, max_side))
}

/// A JPEG of one frame of a proxy, upright, with square pixels. It is `width` pixels wide, or as wide as the
/// proxy if that is less.
///
/// # Errors
/// The same as [`sample_frames`].
pub fn thumbnail(
    source: Box<dyn ByteSource>,
    at: ThumbnailAt,
    width: u32,
) -> Result<Vec<u8>, MediaError> {
    let moment = match at {
        ThumbnailAt::Start => Moment {
            part: 0,
            parts: u64::MAX,
        },
        ThumbnailAt::Middle => Moment { part: 0, parts: 1 },
    };
    let pictures = pictures(source, &[moment], (width, u32::MAX))?;
    let picture = pictures.into_iter().next().ok_or(MediaError::NoFrames)?;
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
        .encode_image(&picture)
        .map_err(|error| MediaError::Encode(error.to_string()))?;
    Ok(jpeg)
}

/// The middles of `count` equal parts.
fn evenly(count: usize) -> Vec<Moment> {
    let parts = count as u64;
    (0..parts).map(|part| Moment { part, parts }).collect()
}

/// The middle of part `part` of `parts` equal parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) part: u64,
    pub(super) parts: u64,
}

impl Moment {
    /// Its timestamp in a clip from `start` to `end`, rounded down.
    pub(super) fn pts(self, start: i64, end: i64) -> i64 {
        let length = i128::from(end) - i128::from(start);
        let into = length * (2 * i128::from(self.part) + 1) / (2 * i128::from(self.parts));
        i64::try_from(i128::from(start) + into).unwrap_or(end)
    }
}

/// The frames shown at `moments`, which ascend.
fn pictures(
    source: Box<dyn ByteSource>,
    moments: &[Moment],
    inside: (u32, u32),
) -> Result<Vec<RgbImage>, MediaError> {
    let mut opened = OpenedClip::new(source)?;
    let mut maker = opened.reader.picture_maker(inside.0, inside.1);
    let (start, end) = opened.extent;
    let times: Vec<i64> = moments
        .iter()
        .map(|moment| moment.pts(start, end))
        .collect();
    if let Some(pictures) = sparse::pictures(&mut opened.reader, &mut maker, &times)? {
        return Ok(pictures);
    }
    opened.reader = open(opened.source.clone())?;
    opened.plainly(moments, inside)
}

/// A clip at its first frame, with that frame's timestamp.
struct OpenedClip {
    source: SharedSource,
    reader: FrameReader,
    extent: (i64, i64),
}

impl OpenedClip {
    fn new(source: Box<dyn ByteSource>) -> Result<Self, MediaError> {
        let source = SharedSource::new(source);
        let reader = open(source.clone())?;
        let extent = match extent(&reader) {
            Some(extent) => extent,
            None => measure(source.clone())?,
        };
        Ok(Self {
            source,
            reader,
            extent,
        })
    }

    /// The frames shown at `moments`, which ascend, by decoding the whole clip.
    fn plainly(
        mut self,
        moments: &[Moment],
        inside: (u32, u32),
    ) -> Result<Vec<RgbImage>, MediaError> {
        let (start, end) = self.extent;
        let mut maker = self.reader.picture_maker(inside.0, inside.1);
        let mut pictures: Vec<RgbImage> = Vec::with_capacity(moments.len());
        let mut shown: Option<Frame> = None;
        while pictures.len() < moments.len() {
            let next = self.reader.next_frame()?;
            // The first frame represents moments before it, and the last one moments after it.
            let until = next.as_ref().map_or(i64::MAX, |frame| frame.pts);
            let due = moments[pictures.len()..]
                .iter()
                .take_while(|moment| moment.pts(start, end) < until)
                .count();
            if let Some(frame) = shown.take()
                && due > 0
            {
                let picture = maker.make(frame)?;
                pictures.extend(std::iter::repeat_n(picture, due));
            }
            if next.is_none() {
                break;
            }
            shown = next;
        }
        Ok(pictures)
    }
}

/// The timestamps between which a clip is shown, from its index. Our proxies have an exact one.
fn extent(reader: &FrameReader) -> Option<(i64, i64)> {
    let (stream, _) = reader.info().video()?;
    let start = stream.start_pts?;
    Some((start, start.checked_add(stream.duration?)?))
}

/// The same by decoding the whole clip, for clips without an index.
fn measure(source: SharedSource) -> Result<(i64, i64), MediaError> {
    let mut reader = open(source)?;
    let mut start = None;
    while let Some(frame) = reader.next_frame()? {
        start.get_or_insert(frame.pts);
    }
    Ok((start.ok_or(MediaError::NoFrames)?, reader.end_pts()))
}

fn open(source: SharedSource) -> Result<FrameReader, MediaError> {
    let options = ReadOptions {
        threads: 1,
        ..ReadOptions::default()
    };
    FrameReader::open_shared(source, options, &Bounds::of_proxies())
}
