//! Pictures for models and people: frames sampled evenly, and thumbnails.

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use super::frames::{Frame, FrameReader, ReadOptions};
use super::open::SharedSource;
use super::{Bounds, MediaError, sparse};
use crate::edges::EdgeFrames;
use crate::source::ByteSource;
use crate::time::Rate;

/// JPEG quality of thumbnails, of 100.
const JPEG_QUALITY: u8 = 80;
/// How far a frame at an edge is from the frame that shows how it moves, in milliseconds.
const GAP_MS: i64 = 100;

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
    let times = |(start, end): (i64, i64), _| {
        let moments = evenly(count).into_iter();
        moments.map(|moment| moment.pts(start, end)).collect()
    };
    Ok(plain(pictures(source, times, (max_side, max_side))?))
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
    let (start, end) = opened.extent;
    let moments = evenly(count).into_iter();
    let times: Vec<i64> = moments.map(|moment| moment.pts(start, end)).collect();
    Ok(plain(opened.plainly(&times, (max_side, max_side))?))
}

/// Decodes the first and the last frame of a proxy, each with the frame that is shown `GAP` further inside. Pictures are
/// upright, with square pixels, and no side is longer than `max_side`.
///
/// # Errors
/// The same as [`sample_frames`].
pub fn edge_frames(
    source: Box<dyn ByteSource>,
    max_side: u32,
) -> Result<[EdgeFrames; 2], MediaError> {
    let mut units = 1.0;
    let mut wanted = [0; 4];
    let times = |(start, end): (i64, i64), rate: Rate| {
        units = f64::from(rate.num()) / f64::from(rate.den());
        let gap = Rate::MILLISECONDS.rescale(GAP_MS, rate);
        let last = end.saturating_sub(1).max(start);
        wanted = [
            start,
            start.saturating_add(gap).min(last),
            last.saturating_sub(gap).max(start),
            last,
        ];
        let mut times = wanted.to_vec();
        times.sort_unstable();
        times
    };
    let pictures = pictures(source, times, (max_side, max_side))?;
    let mut times = wanted.to_vec();
    times.sort_unstable();
    let shown = |wanted: i64| {
        let at = times.iter().position(|&time| time == wanted);
        let picture = at.and_then(|at| pictures.get(at));
        picture.cloned().ok_or(MediaError::NoFrames)
    };
    let frames = |edge: i64, inner: i64| {
        let (edge, inner) = (shown(edge)?, shown(inner)?);
        let apart = i32::try_from(inner.pts - edge.pts).unwrap_or(0);
        Ok(EdgeFrames {
            seconds: f64::from(apart) / units,
            edge: edge.picture,
            inner: inner.picture,
        })
    };
    Ok([frames(wanted[0], wanted[1])?, frames(wanted[3], wanted[2])?])
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
    let times = |(start, end): (i64, i64), _| vec![moment.pts(start, end)];
    let pictures = pictures(source, times, (width, u32::MAX))?;
    let picture = plain(pictures).into_iter().next();
    let picture = picture.ok_or(MediaError::NoFrames)?;
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

/// A picture, and the timestamp of its frame.
#[derive(Debug, Clone)]
pub(super) struct TimedPicture {
    pub(super) pts: i64,
    pub(super) picture: RgbImage,
}

fn plain(pictures: Vec<TimedPicture>) -> Vec<RgbImage> {
    pictures.into_iter().map(|timed| timed.picture).collect()
}

/// The frames shown at the timestamps that `times` chooses in ascending order, from the first timestamp, the end, and the
/// units per second.
fn pictures(
    source: Box<dyn ByteSource>,
    times: impl FnOnce((i64, i64), Rate) -> Vec<i64>,
    inside: (u32, u32),
) -> Result<Vec<TimedPicture>, MediaError> {
    let mut opened = OpenedClip::new(source)?;
    let mut maker = opened.reader.picture_maker(inside.0, inside.1);
    let times = times(opened.extent, opened.reader.time_base());
    if let Some(pictures) = sparse::pictures(&mut opened.reader, &mut maker, &times)? {
        return Ok(pictures);
    }
    opened.reader = open(opened.source.clone())?;
    opened.plainly(&times, inside)
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

    /// The frames shown at `times`, which ascend, by decoding the whole clip.
    fn plainly(
        mut self,
        times: &[i64],
        inside: (u32, u32),
    ) -> Result<Vec<TimedPicture>, MediaError> {
        let mut maker = self.reader.picture_maker(inside.0, inside.1);
        let mut pictures: Vec<TimedPicture> = Vec::with_capacity(times.len());
        let mut shown: Option<Frame> = None;
        while pictures.len() < times.len() {
            let next = self.reader.next_frame()?;
            // The first frame represents moments before it, and the last one moments after it.
            let until = next.as_ref().map_or(i64::MAX, |frame| frame.pts);
            let due = times[pictures.len()..]
                .iter()
                .take_while(|&&time| time < until)
                .count();
            if let Some(frame) = shown.take()
                && due > 0
            {
                let pts = frame.pts;
                let picture = maker.make(frame)?;
                pictures.extend(std::iter::repeat_n(TimedPicture { pts, picture }, due));
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
