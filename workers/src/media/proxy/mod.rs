//! Proxies: one small mp4 for each shot.

use std::ops::Range;

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use serde::{Deserialize, Serialize};

use self::encode::{Encoder, Shape};
use super::audio::{AudioReader, sample_at};
use super::frames::{Frame, FrameReader, ReadOptions};
use super::open::SharedSource;
use super::picture::Converter;
use super::sample::Moment;
use super::{Bounds, MediaError};
use crate::source::ByteSource;
use crate::time::Timeline;

mod encode;
mod mp4;

/// How proxies are encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyParams {
    /// Height in pixels, rounded down to even; a smaller film keeps its own.
    pub height: u32,
    /// Constant rate factor of x264: 0 (lossless) to 51; lower is better and bigger.
    pub crf: u8,
    /// x264's preset, e.g. `veryfast`.
    pub preset: String,
    /// Into how many equal parts of its time a proxy is thought; the frame in the middle of each is a
    /// key frame, so that sampling as many frames decodes hardly more than those.
    pub samples: u32,
    /// Bits per second of the AAC sound.
    pub audio_bit_rate: u32,
    /// Bytes one proxy may take; it is built in memory. A longer shot must be cut in pieces.
    pub max_bytes: u64,
    /// Threads that decode and encode; 0 for one for each core.
    pub threads: u32,
}

impl Default for ProxyParams {
    fn default() -> Self {
        Self {
            height: 480,
            crf: 26,
            preset: "veryfast".to_owned(),
            samples: 4,
            audio_bit_rate: 96_000,
            max_bytes: 512 << 20,
            threads: 0,
        }
    }
}

/// A film to cut.
pub struct Film<'a> {
    /// Its bytes.
    pub source: Box<dyn ByteSource>,
    /// Its timeline, as segmentation found it.
    pub timeline: &'a Timeline,
    /// What it may demand.
    pub bounds: &'a Bounds,
}

/// Where proxies go. An error ends the work.
pub trait CutOutput {
    /// `done` of `total` frames are encoded.
    ///
    /// # Errors
    /// Whatever is to stop the work.
    fn progress(&mut self, done: u64, total: u64) -> Result<(), MediaError>;

    /// The proxy of span `index` is complete.
    ///
    /// # Errors
    /// Whatever keeps it from being stored.
    fn proxy(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), MediaError>;
}

impl std::fmt::Debug for Film<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Film")
            .field("bytes", &self.source.len())
            .finish_non_exhaustive()
    }
}

/// Encodes each span of frames `[start, end)` as a small mp4, in one pass over the film.
///
/// A proxy has exactly the frames of its span, with the film's own timing, upright and with square
/// pixels; the first is a key frame. Its sound, if the film has any that can be decoded, is that of
/// the span's time, to the sample. Its index comes first, so it plays while it loads.
///
/// Memory does not grow with the film: pictures and sound are read side by side, and one proxy is
/// built at a time, in memory, up to [`ProxyParams::max_bytes`].
///
/// Where damaged data decodes differently than when the timeline was made, the picture before
/// stands in for a missing one.
///
/// # Errors
/// [`MediaError::Spans`] if spans are not sorted, overlap, leave the film, or the timeline is not
/// that of the film; [`MediaError::Limit`]; any error of decoding, of encoding, or of `output`.
pub fn cut(
    film: Film<'_>,
    spans: &[Range<u64>],
    params: &ProxyParams,
    output: &mut dyn CutOutput,
) -> Result<(), MediaError> {
    check(spans, film.timeline)?;
    let source = SharedSource::new(film.source);
    let options = ReadOptions {
        threads: params.threads,
        rough: false,
    };
    let mut reader = FrameReader::open_shared(source.clone(), options, film.bounds)?;
    if reader.time_base() != film.timeline.time_base {
        return Err(MediaError::Spans(
            "the timeline is that of another film".to_owned(),
        ));
    }
    let size = reader.geometry().of_height(params.height);
    let mut cutter = Cutter {
        timeline: film.timeline,
        spans,
        span: 0,
        params,
        converter: Converter::new(reader.geometry(), size, Pixel::YUV420P),
        size,
        audio: AudioReader::open(source, film.bounds)?,
        encoder: None,
        last: None,
        next: 0,
        replaced: 0,
        done: 0,
        total: spans.iter().map(|span| span.end - span.start).sum(),
    };
    while cutter.span < spans.len() {
        let Some(frame) = reader.next_frame()? else {
            break;
        };
        cutter.frame(frame, output)?;
    }
    cutter.finish(output)
}

fn check(spans: &[Range<u64>], timeline: &Timeline) -> Result<(), MediaError> {
    let mut end = 0;
    for (index, span) in spans.iter().enumerate() {
        if span.start < end || span.end <= span.start || span.end > timeline.frames() {
            return Err(MediaError::Spans(format!(
                "span {index} is {}..{}, after {end}, in a film of {} frames",
                span.start,
                span.end,
                timeline.frames(),
            )));
        }
        end = span.end;
    }
    Ok(())
}

/// Sorts frames into proxies.
struct Cutter<'a> {
    timeline: &'a Timeline,
    spans: &'a [Range<u64>],
    /// The span that is being filled, or the next one.
    span: usize,
    params: &'a ProxyParams,
    converter: Converter,
    size: (u32, u32),
    audio: Option<AudioReader>,
    encoder: Option<Encoder>,
    /// The last picture encoded, to stand in for one that is missing.
    last: Option<frame::Video>,
    /// The frame of the timeline that comes next.
    next: u64,
    /// Pictures that others stand in for.
    replaced: u64,
    done: u64,
    total: u64,
}

impl Cutter<'_> {
    fn frame(&mut self, frame: Frame, output: &mut dyn CutOutput) -> Result<(), MediaError> {
        // Frames of the timeline that did not come this time.
        while self.next < self.timeline.frames() && self.timeline.pts_of(self.next) < frame.pts {
            self.missing(output)?;
        }
        if self.timeline.pts_of(self.next) != frame.pts || self.next >= self.timeline.frames() {
            self.replaced += 1;
            return self.check_film();
        }
        if self.wants(self.next) {
            let picture = self.converter.convert(frame.picture)?;
            self.encode(picture, output)?;
        }
        self.next += 1;
        Ok(())
    }

    fn wants(&self, number: u64) -> bool {
        self.spans
            .get(self.span)
            .is_some_and(|span| span.contains(&number))
    }

    fn missing(&mut self, output: &mut dyn CutOutput) -> Result<(), MediaError> {
        self.replaced += 1;
        self.check_film()?;
        if self.wants(self.next) {
            let picture = match self.last.take() {
                Some(picture) => picture,
                None => black(self.size),
            };
            self.encode(picture, output)?;
        }
        self.next += 1;
        Ok(())
    }

    /// A few frames may decode differently in damaged data; many are another film.
    fn check_film(&self) -> Result<(), MediaError> {
        if self.replaced <= 250 + self.timeline.frames() / 10 {
            return Ok(());
        }
        Err(MediaError::Spans(
            "the timeline is that of another film".to_owned(),
        ))
    }

    fn encode(
        &mut self,
        mut picture: frame::Video,
        output: &mut dyn CutOutput,
    ) -> Result<(), MediaError> {
        let span = &self.spans[self.span];
        let (number, end) = (self.next, span.end);
        let time_base = self.timeline.time_base;
        let start_pts = self.timeline.pts_of(span.start);
        let pts = self.timeline.pts_of(number);
        let next_pts = self.timeline.pts_of(number + 1);
        let end_pts = self.timeline.pts_of(end);
        let parts = u64::from(self.params.samples);
        let is_key = (0..parts)
            .any(|part| (pts..next_pts).contains(&Moment { part, parts }.pts(start_pts, end_pts)));
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => {
                let sound = self
                    .audio
                    .as_ref()
                    .map(|audio| (audio.rate(), audio.channels()));
                let shape = Shape {
                    size: self.size,
                    time_base,
                    rate: self.timeline.rate,
                    sound,
                };
                none.insert(Encoder::new(shape, self.params, &picture)?)
            }
        };
        encoder.picture(&mut picture, pts - start_pts, next_pts - pts, is_key)?;
        if let Some(audio) = &mut self.audio {
            let mut planes = vec![Vec::new(); usize::from(audio.channels())];
            let from = sample_at(pts, time_base, audio.rate());
            let to = sample_at(next_pts, time_base, audio.rate());
            audio.take(from, to, &mut planes)?;
            encoder.sound(&mut planes)?;
        }
        self.last = Some(picture);
        self.done += 1;
        output.progress(self.done, self.total)?;
        if number + 1 == end
            && let Some(encoder) = self.encoder.take()
        {
            output.proxy(self.span, encoder.finish()?)?;
            self.span += 1;
        }
        Ok(())
    }

    /// Fills what the end of the film left open.
    fn finish(mut self, output: &mut dyn CutOutput) -> Result<(), MediaError> {
        while self.span < self.spans.len() {
            self.missing(output)?;
        }
        Ok(())
    }
}

/// A black picture, for a film whose first frame is missing.
fn black(size: (u32, u32)) -> frame::Video {
    let mut picture = frame::Video::new(Pixel::YUV420P, size.0, size.1);
    picture.data_mut(0).fill(16);
    picture.data_mut(1).fill(128);
    picture.data_mut(2).fill(128);
    picture
}
