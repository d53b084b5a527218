//! Decodes the main video stream frame by frame, with exact timestamps.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::frame;
use rushes_models::with_causes;

use super::clock::Clock;
use super::damage::{CorruptSpan, Damage};
use super::error::out_of_memory;
use super::open::{PacketError, SharedSource, decode_error, is_again, is_memory, within};
use super::picture::{Geometry, PictureMaker};
use super::video::MainVideo;
use super::{Bounds, ClockBreak, MediaError, MediaInfo, ffi};
use crate::source::ByteSource;
use crate::time::Rate;

/// Consecutive damaged reads after which the rest of a file is given up.
pub(super) const MAX_DAMAGED: u32 = 1000;

/// How to decode a video.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Decoding threads; 0 means one per core.
    pub threads: u32,
    /// Disables deblocking: faster and slightly blocky, for analysis only. Frames derived from such frames
    /// drift slightly until the next key frame.
    pub rough: bool,
    /// Locates damage exactly for any number of threads, by decoding with one. With several threads, FFmpeg
    /// reports errors at a later packet, misses some between the slices of a frame, and before version 6.1 may
    /// output a frame before another thread has recorded its damage.
    pub exact_damage: bool,
}

/// One decoded frame of the main video stream.
pub struct Frame {
    /// Its rank in presentation order, from 0.
    pub number: u64,
    /// Its presentation time in the reader's time base. Strictly ascending.
    pub pts: i64,
    pub(super) picture: frame::Video,
}

impl Frame {
    /// Width and height as stored.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.picture.width(), self.picture.height())
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("number", &self.number)
            .field("pts", &self.pts)
            .finish_non_exhaustive()
    }
}

/// Decodes the main video stream in presentation order.
///
/// A frame's timestamp is FFmpeg's best effort: its own, or if the container has none, one derived from
/// decoding timestamps. The remaining problems are repaired so that timestamps always ascend. A missing
/// timestamp becomes the previous one plus the previous frame's duration. One that repeats or falls back by
/// less than a frame becomes the previous one plus one unit, and the next frame keeps its own. One that falls
/// back further shifts all that follow. In containers whose clock may break, breaks are repaired first, for all
/// streams alike; see [`FrameReader::clock_breaks`].
///
/// Damaged packets are skipped and their times recorded; see [`FrameReader::corrupt`].
pub struct FrameReader {
    video: MainVideo,
    decoder: ffmpeg::decoder::Video,
    bounds: Bounds,
    clock: Clock,
    number: u64,
    damage: Damage,
    draining: bool,
}

impl std::fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameReader")
            .field("stream", &self.video.stream)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl FrameReader {
    /// Opens a video at its first frame.
    ///
    /// # Errors
    /// Any [`MediaError`] of opening; [`MediaError::NoVideo`]; [`MediaError::UnsupportedCodec`];
    /// [`MediaError::Limit`].
    pub fn open(
        source: Box<dyn ByteSource>,
        options: ReadOptions,
        bounds: &Bounds,
    ) -> Result<Self, MediaError> {
        Self::open_shared(SharedSource::new(source), options, bounds)
    }

    pub(super) fn open_shared(
        source: SharedSource,
        options: ReadOptions,
        bounds: &Bounds,
    ) -> Result<Self, MediaError> {
        let video = MainVideo::open(source, bounds)?;
        let decoder = video.codec()?.open(options)?;
        Ok(Self {
            decoder,
            bounds: *bounds,
            clock: Clock::new(video.time_base, video.rate),
            number: 0,
            damage: Damage::default(),
            draining: false,
            video,
        })
    }

    /// The properties of the file.
    #[must_use]
    pub const fn info(&self) -> &MediaInfo {
        &self.video.info
    }

    /// Units per second of the timestamps.
    #[must_use]
    pub const fn time_base(&self) -> Rate {
        self.video.time_base
    }

    /// Makes upright pictures with square pixels of this video's frames. They are scaled down, never up, to fit
    /// into `max_width` by `max_height`.
    #[must_use]
    pub fn picture_maker(&self, max_width: u32, max_height: u32) -> PictureMaker {
        let geometry = self.video.geometry;
        PictureMaker::new(geometry, geometry.inside(max_width, max_height))
    }

    /// Whether frames are stored in display order and key frames are reliable.
    pub(super) fn shows_as_stored(&self) -> bool {
        self.decoder.id() == ffmpeg::codec::Id::H264 && !self.decoder.has_b_frames()
    }

    /// The next packet of the video, for callers that decode themselves; `None` at the end.
    pub(super) fn video_packet(&mut self) -> Result<Option<ffmpeg::Packet>, PacketError> {
        self.video.packet()
    }

    pub(super) const fn decoder(&mut self) -> &mut ffmpeg::decoder::Video {
        &mut self.decoder
    }

    pub(super) const fn geometry(&self) -> Geometry {
        self.video.geometry
    }

    /// End of the last frame so far on the presentation clock.
    #[must_use]
    pub const fn end_pts(&self) -> i64 {
        self.clock.end()
    }

    /// The damaged places of the video read so far, in order. Adjacent spans are merged.
    ///
    /// With several threads, this is exact only with [`ReadOptions::exact_damage`].
    #[must_use]
    pub fn corrupt(&self) -> &[CorruptSpan] {
        self.damage.spans()
    }

    /// The breaks in the file's clock found so far.
    #[must_use]
    pub fn clock_breaks(&self) -> Vec<ClockBreak> {
        self.video.container.breaks().list()
    }

    /// Decodes the next frame; `None` at the end.
    ///
    /// # Errors
    /// [`MediaError::Io`] if the source fails, [`MediaError::Limit`], [`MediaError::NoFrames`] at the end of a
    /// video in which nothing could be decoded.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, MediaError> {
        loop {
            let mut picture = frame::Video::empty();
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => return self.stamp(picture).map(Some),
                Err(ffmpeg::Error::Eof) if self.number == 0 => return Err(MediaError::NoFrames),
                Err(ffmpeg::Error::Eof) => return Ok(None),
                Err(error) if is_again(error) => self.feed()?,
                Err(error) if is_memory(error) => return Err(out_of_memory()),
                // An undecodable frame; only its packet's time is known.
                Err(_) if self.draining => return self.end_early(),
                Err(_) => {
                    let end = self.clock.end();
                    self.damage.add(end, end);
                }
            }
        }
    }

    /// Gives the decoder one more packet, or signals the end.
    fn feed(&mut self) -> Result<(), MediaError> {
        let mut failures = 0;
        loop {
            match self.video.packet() {
                Ok(Some(packet)) => {
                    let sent = self.decoder.send_packet(&packet);
                    return self.sent(sent, &packet);
                }
                Ok(None) => return self.drain(),
                Err(PacketError::Damaged) if failures < MAX_DAMAGED => {
                    failures += 1;
                    let end = self.clock.end();
                    self.damage.add(end, end);
                }
                Err(PacketError::Damaged) => return self.drain(),
                Err(PacketError::Final(error @ MediaError::Decode(_))) => {
                    // The demuxer fails at the end of a truncated file. What was read counts.
                    tracing::debug!(error = %with_causes(&error), "the demuxer failed");
                    let end = self.clock.end();
                    self.damage.add(end, end);
                    return self.drain();
                }
                Err(PacketError::Final(error)) => return Err(error),
            }
        }
    }

    fn sent(
        &mut self,
        sent: Result<(), ffmpeg::Error>,
        packet: &ffmpeg::Packet,
    ) -> Result<(), MediaError> {
        match sent {
            Ok(()) if !packet.is_corrupt() => Ok(()),
            Err(error) if is_memory(error) => Err(out_of_memory()),
            Ok(()) | Err(_) => {
                let start = packet
                    .pts()
                    .or(packet.dts())
                    .unwrap_or_else(|| self.clock.end());
                self.damage
                    .add(start, start.saturating_add(packet.duration().max(0)));
                Ok(())
            }
        }
    }

    fn drain(&mut self) -> Result<(), MediaError> {
        self.draining = true;
        match self.decoder.send_eof() {
            Ok(()) | Err(ffmpeg::Error::Eof) => Ok(()),
            Err(error) => Err(decode_error(error)),
        }
    }

    fn end_early(&mut self) -> Result<Option<Frame>, MediaError> {
        if self.number == 0 {
            return Err(MediaError::NoFrames);
        }
        let end = self.clock.end();
        self.damage.add(end, end);
        Ok(None)
    }

    fn stamp(&mut self, mut picture: frame::Video) -> Result<Frame, MediaError> {
        let pixels = u64::from(picture.width()) * u64::from(picture.height());
        within("pixels per frame", pixels, self.bounds.max_pixels)?;
        within("frames per video", self.number + 1, self.bounds.max_frames)?;
        let duration = picture.packet().duration;
        let pts = self.clock.stamp(picture.timestamp(), duration);
        let played = self.clock.played_ms();
        within("milliseconds of video", played, self.bounds.max_duration_ms)?;
        if picture.is_corrupt() || picture.has_decode_errors() {
            self.damage.add(pts, self.clock.end());
        }
        ffi::top_down(&mut picture)?;
        let number = self.number;
        self.number += 1;
        Ok(Frame {
            number,
            pts,
            picture,
        })
    }
}
