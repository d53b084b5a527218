//! Proxies: one small mp4 per shot.

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
use crate::time::{Rate, Stretch};

mod encode;
mod mp4;

/// How to encode proxies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyParams {
    /// Height in pixels, rounded down to even. A smaller video keeps its own height.
    pub height: u32,
    /// Constant rate factor of x264: 0 (lossless) to 51; lower is better and bigger.
    pub crf: u8,
    /// x264's preset, e.g. `veryfast`.
    pub preset: String,
    /// Number of equal parts into which a proxy's time is divided. The frame in the middle of each part is a
    /// key frame, so sampling that many frames decodes little more than those.
    pub samples: u32,
    /// Bits per second of the AAC sound.
    pub audio_bit_rate: u32,
    /// Most bytes per proxy, which is built in memory. A longer shot must be divided.
    pub max_bytes: u64,
    /// Threads for decoding and encoding; 0 means one per core.
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

/// A video to cut.
pub struct CutSource<'a> {
    /// Its bytes.
    pub source: Box<dyn ByteSource>,
    /// Its resource limits.
    pub bounds: &'a Bounds,
}

/// Receives proxies. An error ends the work.
pub trait CutOutput {
    /// `done` frames have been encoded.
    ///
    /// # Errors
    /// Any error that is to stop the work.
    fn progress(&mut self, done: u64) -> Result<(), MediaError>;

    /// The proxy of stretch `index` is complete.
    ///
    /// # Errors
    /// Any error that prevents storing it.
    fn proxy(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), MediaError>;
}

impl std::fmt::Debug for CutSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CutSource")
            .field("bytes", &self.source.len())
            .finish_non_exhaustive()
    }
}

/// Encodes each of `stretches` as a small mp4, in one pass over the video. The next stretch is requested when
/// the last one is done, so it need not be known earlier.
///
/// A proxy has exactly the frames of its stretch, with the video's own timing, upright and with square pixels.
/// The first frame is a key frame. If the video has decodable sound, the proxy has the sound of the stretch's
/// time, to the sample. Its index comes first, so it plays while it loads. It depends on no other stretch.
///
/// Memory does not grow with the video. Pictures and sound are read in parallel, and one proxy at a time is
/// built in memory, up to [`ProxyParams::max_bytes`].
///
/// Damaged data may decode differently than when the timeline was made. The previous picture then replaces a
/// missing one, and the next picture replaces a missing first one.
///
/// # Errors
/// [`MediaError::Spans`] if stretches are unsorted, overlap, or do not belong to this video;
/// [`MediaError::Limit`]; any error of decoding, encoding or `output`; or the error that a stretch contains.
pub fn cut(
    video: CutSource<'_>,
    stretches: &mut dyn Iterator<Item = Result<Stretch, MediaError>>,
    params: &ProxyParams,
    output: &mut dyn CutOutput,
) -> Result<(), MediaError> {
    let source = SharedSource::new(video.source);
    let options = ReadOptions {
        threads: params.threads,
        ..ReadOptions::default()
    };
    let mut reader = FrameReader::open_shared(source.clone(), options, video.bounds)?;
    let size = reader.geometry().of_height(params.height);
    let stream = reader.info().video().map(|(_, stream)| stream);
    let mut cutter = Cutter {
        time_base: reader.time_base(),
        rate: stream.and_then(|stream| stream.average_rate.or(stream.base_rate)),
        params,
        converter: Converter::new(reader.geometry(), size, Pixel::YUV420P),
        size,
        audio: AudioReader::open(source, video.bounds)?,
        encoder: None,
        last: None,
        replaced: 0,
        done: 0,
    };
    // A frame after the stretch for which it was read.
    let mut ahead = None;
    let mut end = 0;
    for (index, stretch) in stretches.enumerate() {
        let stretch = stretch?;
        cutter.check(&stretch, end)?;
        end = stretch.frames.end;
        // Nothing of another stretch may show in this one, which may be cut alone.
        cutter.last = None;
        let mut next = 0;
        while next < stretch.pts.len() - 1 {
            let frame = match ahead.take() {
                Some(frame) => Some(frame),
                None => reader.next_frame()?,
            };
            let shown = frame.as_ref().map_or(i64::MAX, |frame: &Frame| frame.pts);
            if shown < stretch.pts[next] {
                // Before the stretch, or within it but absent when the timeline was made.
                if shown > stretch.pts[0] {
                    cutter.replace(end)?;
                }
                continue;
            }
            if shown == stretch.pts[next]
                && let Some(frame) = frame
            {
                let picture = cutter.converter.convert(frame.picture)?;
                cutter.encode(&stretch, next, picture, output)?;
            } else {
                cutter.replace(end)?;
                let picture = cutter.stand_in(frame.as_ref())?;
                cutter.encode(&stretch, next, picture, output)?;
                ahead = frame;
            }
            next += 1;
        }
        if let Some(encoder) = cutter.encoder.take() {
            output.proxy(index, encoder.finish()?)?;
        }
    }
    Ok(())
}

/// Distributes frames to proxies.
struct Cutter<'a> {
    time_base: Rate,
    /// The video's declared rate, which only guides the encoder.
    rate: Option<Rate>,
    params: &'a ProxyParams,
    converter: Converter,
    size: (u32, u32),
    audio: Option<AudioReader>,
    encoder: Option<Encoder>,
    /// The last encoded picture, which replaces a missing one.
    last: Option<frame::Video>,
    /// Number of replaced pictures and of unexpected pictures.
    replaced: u64,
    done: u64,
}

impl Cutter<'_> {
    fn check(&self, stretch: &Stretch, end: u64) -> Result<(), MediaError> {
        let Range { start, end: last } = stretch.frames;
        if start < end || !stretch.is_sound() {
            return Err(MediaError::Spans(format!(
                "frames {start} to {last}, after {end}, with {} timestamps",
                stretch.pts.len()
            )));
        }
        if stretch.time_base != self.time_base {
            return Err(another_video());
        }
        Ok(())
    }

    /// A picture for a missing frame; `later` is the next one that came.
    fn stand_in(&mut self, later: Option<&Frame>) -> Result<frame::Video, MediaError> {
        match (self.last.take(), later) {
            (Some(before), _) => Ok(before),
            (None, Some(later)) => self.converter.convert(later.picture.clone()),
            (None, None) => Ok(black(self.size)),
        }
    }

    /// A few frames of damaged data may decode differently. Many, compared with the video's first `end`, mean
    /// another video.
    fn replace(&mut self, end: u64) -> Result<(), MediaError> {
        self.replaced += 1;
        if self.replaced <= 250 + end / 10 {
            return Ok(());
        }
        Err(another_video())
    }

    fn encode(
        &mut self,
        stretch: &Stretch,
        number: usize,
        mut picture: frame::Video,
        output: &mut dyn CutOutput,
    ) -> Result<(), MediaError> {
        let time_base = self.time_base;
        let start_pts = stretch.pts[0];
        let (pts, next_pts) = (stretch.pts[number], stretch.pts[number + 1]);
        let end_pts = stretch.pts[stretch.pts.len() - 1];
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
                    rate: self.rate.unwrap_or(time_base),
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
        output.progress(self.done)
    }
}

fn another_video() -> MediaError {
    MediaError::Spans("the timeline belongs to another video".to_owned())
}

/// A black picture, for a video that ends before the stretch.
fn black(size: (u32, u32)) -> frame::Video {
    let mut picture = frame::Video::new(Pixel::YUV420P, size.0, size.1);
    picture.data_mut(0).fill(16);
    picture.data_mut(1).fill(128);
    picture.data_mut(2).fill(128);
    picture
}
