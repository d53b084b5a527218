//! Encodes one proxy.

use std::collections::VecDeque;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::encoder;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::format::context::{Output, StreamIo};
use ffmpeg_next::{ChannelLayout, Packet, Rational, frame};

use super::ProxyParams;
use super::mp4::{Buffer, index_first};
use crate::media::MediaError;
use crate::media::audio::FORMAT;
use crate::media::open::{is_again, unless_memory};
use crate::time::Rate;

/// The input parameters of a proxy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Width and height in pixels, both even.
    pub(super) size: (u32, u32),
    /// Units per second of the frames' timestamps.
    pub(super) time_base: Rate,
    /// The nominal frame rate, which only guides the encoder.
    pub(super) rate: Rate,
    /// Samples per second and channels of the sound, if it has any.
    pub(super) sound: Option<(Rate, u16)>,
}

/// Encodes the frames and the sound of one proxy.
///
/// There are no B-frames. They would save a tenth of the bytes, but frame 0 would depend on an edit list that
/// not all players honour.
pub(super) struct Encoder {
    output: Output,
    buffer: Buffer,
    max_bytes: u64,
    video: encoder::video::Encoder,
    /// Time bases of the input frames and of the output packets.
    video_base: (Rational, Rational),
    /// Durations of the frames in the encoder, which does not pass them on.
    durations: VecDeque<i64>,
    sound: Option<Sound>,
}

struct Sound {
    encoder: encoder::audio::Encoder,
    base: (Rational, Rational),
    layout: ChannelLayout,
    /// Samples that do not fill a frame yet, one plane per channel.
    waiting: Vec<Vec<f32>>,
    /// Samples encoded so far.
    done: i64,
}

impl Encoder {
    /// Starts a proxy. `first` is its first picture, which defines the colour properties.
    pub(super) fn new(
        shape: Shape,
        params: &ProxyParams,
        first: &frame::Video,
    ) -> Result<Self, MediaError> {
        let buffer = Buffer::new(params.max_bytes);
        let io = StreamIo::from_write_seek(buffer.clone()).map_err(failed)?;
        let mut output = ffmpeg::format::output_to_stream(io, None, Some("mp4")).map_err(failed)?;
        let video = open_video(shape, params, first)?;
        output
            .add_stream_with(&video)
            .map_err(failed)?
            .set_time_base(seconds(shape.time_base)?);
        let mut sound = None;
        if let Some((rate, channels)) = shape.sound {
            let opened = Sound::open(rate, channels, params)?;
            let mut stream = output.add_stream_with(&opened.encoder).map_err(failed)?;
            stream.set_time_base(opened.base.0);
            sound = Some(opened);
        }
        output.write_header().map_err(failed)?;
        let written = |index| output.stream(index).map(|stream| stream.time_base());
        let video_base = seconds(shape.time_base)?;
        let video_base = (video_base, written(0).unwrap_or(video_base));
        if let Some(sound) = &mut sound {
            sound.base.1 = written(1).unwrap_or(sound.base.0);
        }
        Ok(Self {
            output,
            buffer,
            max_bytes: params.max_bytes,
            video,
            video_base,
            durations: VecDeque::new(),
            sound,
        })
    }

    /// Adds a picture shown from `pts`, counted from the start of the proxy, as a key frame if requested.
    pub(super) fn picture(
        &mut self,
        picture: &mut frame::Video,
        pts: i64,
        duration: i64,
        is_key: bool,
    ) -> Result<(), MediaError> {
        picture.set_pts(Some(pts));
        // The encoder decides which other frames are key frames, not the video.
        picture.set_kind(if is_key {
            ffmpeg::picture::Type::I
        } else {
            ffmpeg::picture::Type::None
        });
        self.durations.push_back(duration);
        self.video
            .send_frame(picture)
            .map_err(|error| self.explain(error))?;
        self.drain_video()
    }

    /// Adds sound: one plane of samples per channel, which are consumed.
    pub(super) fn sound(&mut self, planes: &mut [Vec<f32>]) -> Result<(), MediaError> {
        let Some(sound) = &mut self.sound else {
            return Ok(());
        };
        for (waiting, plane) in sound.waiting.iter_mut().zip(planes) {
            waiting.append(plane);
        }
        let size = sound.encoder.frame_size() as usize;
        while sound
            .waiting
            .first()
            .is_some_and(|plane| plane.len() >= size.max(1))
        {
            sound.encode(size).map_err(failed)?;
            write_packets(&mut sound.encoder, &mut self.output, |packet| {
                packet.set_stream(1);
                packet.rescale_ts(sound.base.0, sound.base.1);
            })
            .map_err(|error| full_or(&self.buffer, self.max_bytes, error))?;
        }
        Ok(())
    }

    /// Ends the proxy and returns an mp4 whose index comes first.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, MediaError> {
        self.video.send_eof().map_err(|error| self.explain(error))?;
        self.drain_video()?;
        if let Some(sound) = &mut self.sound {
            let rest = sound.waiting.first().map_or(0, Vec::len);
            if rest > 0 {
                sound.encode(rest).map_err(failed)?;
            }
            sound.encoder.send_eof().map_err(failed)?;
            write_packets(&mut sound.encoder, &mut self.output, |packet| {
                packet.set_stream(1);
                packet.rescale_ts(sound.base.0, sound.base.1);
            })
            .map_err(|error| full_or(&self.buffer, self.max_bytes, error))?;
        }
        let ended = self.output.write_trailer();
        ended.map_err(|error| self.explain(error))?;
        // Dropping the output writes the rest.
        drop(self.output);
        if self.buffer.is_full() {
            return Err(too_big(self.max_bytes));
        }
        index_first(self.buffer.take())
    }

    fn drain_video(&mut self) -> Result<(), MediaError> {
        let durations = &mut self.durations;
        let (from, to) = self.video_base;
        let written = write_packets(&mut self.video, &mut self.output, |packet| {
            packet.set_stream(0);
            packet.set_duration(durations.pop_front().unwrap_or(0));
            packet.rescale_ts(from, to);
        });
        written.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: ffmpeg::Error) -> MediaError {
        full_or(&self.buffer, self.max_bytes, error)
    }
}

impl Sound {
    fn open(rate: Rate, channels: u16, params: &ProxyParams) -> Result<Self, MediaError> {
        let codec = encoder::find_by_name("aac").ok_or_else(|| missing("aac"))?;
        let mut encoder = ffmpeg::codec::Context::new_with_codec(codec)
            .encoder()
            .audio()
            .map_err(failed)?;
        let layout = ChannelLayout::default(i32::from(channels));
        let base = seconds(rate)?;
        encoder.set_rate(base.denominator());
        encoder.set_format(FORMAT);
        encoder.set_channel_layout(layout);
        encoder.set_channels(i32::from(channels));
        encoder.set_bit_rate(params.audio_bit_rate as usize);
        encoder.set_time_base(base);
        encoder.set_flags(ffmpeg::codec::Flags::GLOBAL_HEADER);
        Ok(Self {
            encoder: encoder.open_as(codec).map_err(failed)?,
            base: (base, base),
            layout,
            waiting: vec![Vec::new(); usize::from(channels)],
            done: 0,
        })
    }

    /// Encodes the first `samples` waiting samples.
    fn encode(&mut self, samples: usize) -> Result<(), ffmpeg::Error> {
        let mut sound = frame::Audio::new(FORMAT, samples, self.layout);
        sound.set_rate(self.encoder.rate());
        sound.set_pts(Some(self.done));
        for (channel, waiting) in self.waiting.iter_mut().enumerate() {
            sound.plane_mut::<f32>(channel)[..samples].copy_from_slice(&waiting[..samples]);
            waiting.drain(..samples);
        }
        self.done += i64::try_from(samples).unwrap_or(0);
        self.encoder.send_frame(&sound)
    }
}

fn open_video(
    shape: Shape,
    params: &ProxyParams,
    first: &frame::Video,
) -> Result<encoder::video::Encoder, MediaError> {
    let codec = encoder::find_by_name("libx264").ok_or_else(|| missing("libx264"))?;
    let mut encoder = ffmpeg::codec::Context::new_with_codec(codec)
        .encoder()
        .video()
        .map_err(failed)?;
    encoder.set_width(shape.size.0);
    encoder.set_height(shape.size.1);
    encoder.set_format(Pixel::YUV420P);
    encoder.set_aspect_ratio(Rational(1, 1));
    encoder.set_time_base(seconds(shape.time_base)?);
    let rate = seconds(shape.rate)?;
    encoder.set_frame_rate(Some(Rational(rate.denominator(), rate.numerator())));
    encoder.set_colorspace(first.color_space());
    encoder.set_color_range(first.color_range());
    encoder.set_color_primaries(first.color_primaries());
    encoder.set_color_transfer_characteristic(first.color_transfer_characteristic());
    encoder.set_flags(ffmpeg::codec::Flags::GLOBAL_HEADER);
    let mut options = ffmpeg::Dictionary::new();
    options.set("preset", &params.preset);
    options.set("crf", &params.crf.to_string());
    options.set("bf", "0");
    options.set("threads", &params.threads.to_string());
    encoder.open_as_with(codec, options).map_err(failed)
}

/// Writes the packets that an encoder has ready.
fn write_packets(
    encoder: &mut encoder::Encoder,
    output: &mut Output,
    mut prepare: impl FnMut(&mut Packet),
) -> Result<(), ffmpeg::Error> {
    let mut packet = Packet::empty();
    loop {
        match encoder.receive_packet(&mut packet) {
            Ok(()) => {
                prepare(&mut packet);
                packet.write_interleaved(output)?;
            }
            Err(ffmpeg::Error::Eof) => return Ok(()),
            Err(error) if is_again(error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// A rate in units per second as FFmpeg's time base, in seconds per unit.
fn seconds(rate: Rate) -> Result<Rational, MediaError> {
    let side = |value: u32| {
        i32::try_from(value)
            .map_err(|_too_big| MediaError::Encode(format!("a rate of {rate} is out of range")))
    };
    Ok(Rational(side(rate.den())?, side(rate.num())?))
}

fn missing(codec: &str) -> MediaError {
    MediaError::Encode(format!(
        "this build of FFmpeg has no encoder {codec:?}; install a build that has it"
    ))
}

fn failed(error: ffmpeg::Error) -> MediaError {
    unless_memory(error, MediaError::Encode)
}

fn full_or(buffer: &Buffer, max_bytes: u64, error: ffmpeg::Error) -> MediaError {
    if buffer.is_full() {
        too_big(max_bytes)
    } else {
        failed(error)
    }
}

fn too_big(allowed: u64) -> MediaError {
    MediaError::Limit {
        what: "bytes per clip".to_owned(),
        found: allowed.saturating_add(1),
        allowed,
    }
}
