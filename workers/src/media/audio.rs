//! The sound of a video as samples with sample-exact times.

use std::collections::VecDeque;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::ChannelLayout;
use ffmpeg_next::format::sample::{Sample, Type};
use ffmpeg_next::frame;
use ffmpeg_next::software::resampling;

use super::open::{Container, PacketError, SharedSource, decode_error, internal, is_again};
use super::probe::{self, timestamp, units_per_second};
use super::{Bounds, MediaError};
use crate::time::Rate;

/// The sample format after conversion.
pub(super) const FORMAT: Sample = Sample::F32(Type::Planar);

/// The sample rates of AAC.
const AAC_RATES: [u32; 12] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
];

/// Layouts whose channels have known positions. Of others, such as those of microphones, the positions are unknown.
const POSITIONS: [ChannelLayout; 24] = [
    ChannelLayout::MONO,
    ChannelLayout::STEREO,
    ChannelLayout::_2POINT1,
    ChannelLayout::_2_1,
    ChannelLayout::SURROUND,
    ChannelLayout::_3POINT1,
    ChannelLayout::_4POINT0,
    ChannelLayout::_4POINT1,
    ChannelLayout::_2_2,
    ChannelLayout::QUAD,
    ChannelLayout::_5POINT0,
    ChannelLayout::_5POINT1,
    ChannelLayout::_5POINT0_BACK,
    ChannelLayout::_5POINT1_BACK,
    ChannelLayout::_6POINT0,
    ChannelLayout::_6POINT0_FRONT,
    ChannelLayout::HEXAGONAL,
    ChannelLayout::_6POINT1,
    ChannelLayout::_6POINT1_BACK,
    ChannelLayout::_6POINT1_FRONT,
    ChannelLayout::_7POINT0,
    ChannelLayout::_7POINT1,
    ChannelLayout::_7POINT1_WIDE,
    ChannelLayout::OCTAGONAL,
];

/// A timestamp that is off by less than this fraction of a second is rounding, not a gap.
const TOLERANCE: i64 = 50;

/// Consecutive damaged reads after which the rest of the sound is given up.
const MAX_DAMAGED: u32 = 1000;

/// Decodes the sound of the video, forward only.
///
/// Sample `n` is heard `n / rate` seconds after time 0 of the file's own clock. Missing or damaged sound
/// becomes silence.
pub(super) struct AudioReader {
    container: Container,
    decoder: ffmpeg::decoder::Audio,
    stream: usize,
    time_base: Rate,
    own: Conversion,
    /// The same sound as one channel, if it is wanted, and the number of its sample at which the file starts.
    mono: Option<(Conversion, i64)>,
    ended: bool,
}

/// Decoded sound with a rate and a layout of channels.
struct Conversion {
    rate: Rate,
    layout: ChannelLayout,
    resampler: Option<(InputShape, resampling::Context)>,
    /// Decoded samples, in order, without overlap.
    chunks: VecDeque<Chunk>,
    /// The sample after the last one decoded.
    next: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InputShape {
    format: Sample,
    layout: ChannelLayout,
    rate: u32,
}

/// Samples that follow each other.
pub(super) struct Chunk {
    /// The number of the first one.
    pub(super) start: i64,
    /// One plane of samples per channel, all of one length.
    pub(super) planes: Vec<Vec<f32>>,
}

impl Chunk {
    fn end(&self) -> i64 {
        let len = self.planes.first().map_or(0, Vec::len);
        self.start
            .saturating_add(i64::try_from(len).unwrap_or(i64::MAX))
    }
}

impl AudioReader {
    /// Opens the best audio stream as AAC stores it; `None` if this build can decode none.
    pub(super) fn open(source: SharedSource, bounds: &Bounds) -> Result<Option<Self>, MediaError> {
        Self::open_as(source, bounds, |decoder| {
            let rate = if AAC_RATES.contains(&decoder.rate()) {
                decoder.rate()
            } else {
                48_000
            };
            let channels = decoder.channels().clamp(1, 2);
            (rate, ChannelLayout::default(i32::from(channels)))
        })
    }

    /// Opens the best audio stream with its own rate and channels; `None` if this build can decode none.
    pub(super) fn open_as_it_is(
        source: SharedSource,
        bounds: &Bounds,
    ) -> Result<Option<Self>, MediaError> {
        Self::open_as(source, bounds, |decoder| {
            let layout = decoder.channel_layout();
            let own = POSITIONS.into_iter().find(|known| *known == layout);
            let usual = || ChannelLayout::default(i32::from(decoder.channels().clamp(1, 8)));
            (decoder.rate(), own.unwrap_or_else(usual))
        })
    }

    /// Opens the best audio stream with the rate and the channels that are chosen for it; `None` if this build can decode none.
    pub(super) fn open_as(
        source: SharedSource,
        bounds: &Bounds,
        choose: impl FnOnce(&ffmpeg::decoder::Audio) -> (u32, ChannelLayout),
    ) -> Result<Option<Self>, MediaError> {
        let mut container = Container::open(source, bounds)?;
        let best = container.input.streams().best(ffmpeg::media::Type::Audio);
        let Some(stream) = best else { return Ok(None) };
        let index = stream.index();
        let parameters = stream.parameters();
        let (Some(time_base), Some(codec)) = (
            units_per_second(stream.time_base()),
            ffmpeg::decoder::find(parameters.id()),
        ) else {
            return Ok(None);
        };
        let mut decoder = ffmpeg::codec::Context::from_parameters(parameters)
            .map_err(internal)?
            .decoder();
        decoder.set_packet_time_base(stream.time_base());
        let Ok(decoder) = decoder
            .open_as(codec)
            .and_then(ffmpeg::decoder::Opened::audio)
        else {
            return Ok(None);
        };
        let (rate, layout) = choose(&decoder);
        let Some(rate) = Rate::new(rate, 1) else {
            return Ok(None);
        };
        container.only(&[index]);
        Ok(Some(Self {
            container,
            decoder,
            stream: index,
            time_base,
            own: Conversion::new(rate, layout),
            mono: None,
            ended: false,
        }))
    }

    /// The same reader, which also mixes all channels to one at a rate, if there is one. The mix ends where FFmpeg
    /// cannot make it.
    pub(super) fn with_mono(self, rate: Option<u32>) -> Self {
        let rate = rate.and_then(|rate| Rate::new(rate, 1));
        let mono = |rate| {
            let conversion = Conversion::new(rate, ChannelLayout::MONO);
            (conversion, self.origin_at(rate))
        };
        Self {
            mono: rate.map(mono),
            ..self
        }
    }

    /// Samples per second.
    pub(super) const fn rate(&self) -> Rate {
        self.own.rate
    }

    /// How many there are.
    pub(super) fn channels(&self) -> u16 {
        u16::try_from(self.own.layout.channels()).unwrap_or(0)
    }

    /// The positions of the channels as bits, in the order of the planes.
    pub(super) fn positions(&self) -> u64 {
        self.own.layout.bits()
    }

    /// Whether a file has sound, whether or not this build can decode it.
    pub(super) fn is_in(source: SharedSource, bounds: &Bounds) -> Result<bool, MediaError> {
        let container = Container::open(source, bounds)?;
        let best = container.input.streams().best(ffmpeg::media::Type::Audio);
        Ok(best.is_some())
    }

    /// The number of the sample at which the file starts: where its earliest stream does.
    pub(super) fn origin(&self) -> i64 {
        self.origin_at(self.own.rate)
    }

    fn origin_at(&self, rate: Rate) -> i64 {
        let info = probe::describe(&self.container.input, 0);
        probe::earliest(&info.streams, rate).unwrap_or(0)
    }

    /// The next samples; `None` at the end. Samples that are missing are skipped.
    pub(super) fn next_samples(&mut self) -> Result<Option<Chunk>, MediaError> {
        while self.own.chunks.is_empty() && !self.ended {
            self.decode()?;
        }
        Ok(self.own.chunks.pop_front())
    }

    /// The next samples of the one channel among what is decoded, with a number that counts from the start of the file.
    pub(super) fn mono_samples(&mut self) -> Option<(i64, Vec<f32>)> {
        let (mono, origin) = self.mono.as_mut()?;
        let Chunk { start, planes } = mono.chunks.pop_front()?;
        Some((start.saturating_sub(*origin), planes.into_iter().next()?))
    }

    /// Appends the samples `[from, to)` to one plane per channel. Calls must go forward in time.
    pub(super) fn take(
        &mut self,
        from: i64,
        to: i64,
        planes: &mut [Vec<f32>],
    ) -> Result<(), MediaError> {
        while !self.ended && self.own.next.is_none_or(|next| next < to) {
            self.decode()?;
            let chunks = &mut self.own.chunks;
            while chunks.front().is_some_and(|chunk| chunk.end() <= from) {
                chunks.pop_front();
            }
        }
        let mut position = from;
        for chunk in self.own.chunks.iter().take_while(|chunk| chunk.start < to) {
            let start = chunk.start.max(position);
            let end = chunk.end().min(to);
            if start >= end {
                continue;
            }
            for (plane, samples) in planes.iter_mut().zip(&chunk.planes) {
                silence(plane, start - position);
                plane.extend_from_slice(
                    &samples[offset(start - chunk.start)..offset(end - chunk.start)],
                );
            }
            position = end;
        }
        for plane in planes {
            silence(plane, to - position);
        }
        Ok(())
    }

    /// Decodes one more frame of sound, or detects the end.
    fn decode(&mut self) -> Result<(), MediaError> {
        let mut sound = frame::Audio::empty();
        match self.decoder.receive_frame(&mut sound) {
            Ok(()) => {
                if sound.channel_layout().is_empty() {
                    let usual = ChannelLayout::default(i32::from(sound.channels()));
                    sound.set_channel_layout(usual);
                }
                self.own.keep(&sound, self.time_base)?;
                // What can be measured is measured, though its channels cannot be mixed to one.
                if let Some((mono, _)) = &mut self.mono
                    && mono.keep(&sound, self.time_base).is_err()
                {
                    self.mono = None;
                }
                Ok(())
            }
            Err(error) if is_again(error) => self.feed(),
            Err(ffmpeg::Error::Eof) => {
                self.ended = true;
                Ok(())
            }
            // An undecodable frame leaves a gap, which becomes silence.
            Err(_) => self.feed(),
        }
    }

    fn feed(&mut self) -> Result<(), MediaError> {
        let mut failures = 0;
        loop {
            match self.container.packet() {
                Ok(Some(packet)) if packet.stream() != self.stream => {}
                Ok(Some(packet)) => {
                    if self.decoder.send_packet(&packet).is_ok() {
                        return Ok(());
                    }
                }
                Err(PacketError::Damaged) if failures < MAX_DAMAGED => failures += 1,
                Err(PacketError::Final(error @ MediaError::Io(_))) => return Err(error),
                Ok(None) | Err(PacketError::Damaged | PacketError::Final(_)) => {
                    if self.decoder.send_eof().is_err() {
                        self.ended = true;
                    }
                    return Ok(());
                }
            }
        }
    }
}

impl Conversion {
    const fn new(rate: Rate, layout: ChannelLayout) -> Self {
        Self {
            rate,
            layout,
            resampler: None,
            chunks: VecDeque::new(),
            next: None,
        }
    }

    fn keep(&mut self, sound: &frame::Audio, time_base: Rate) -> Result<(), MediaError> {
        let time = timestamp(sound.timestamp().unwrap_or(i64::MIN));
        let start = self.place(time, time_base);
        let mut planes = self.convert(sound)?;
        let mut start = start;
        if let Some(next) = self.next
            && start < next
        {
            // This sound overlaps sound that was already decoded.
            let overlap = offset(next - start);
            for plane in &mut planes {
                plane.drain(..overlap.min(plane.len()));
            }
            start = next;
        }
        let chunk = Chunk { start, planes };
        self.next = Some(chunk.end());
        self.chunks.push_back(chunk);
        Ok(())
    }

    /// The number of the first sample of a frame.
    fn place(&self, time: Option<i64>, time_base: Rate) -> i64 {
        let expected = self.next.unwrap_or(0);
        let Some(time) = time else { return expected };
        let start = sample_at(time, time_base, self.rate);
        let rounding = i64::from(self.rate.num()) / TOLERANCE;
        if self.next.is_some() && start.abs_diff(expected) <= rounding.unsigned_abs() {
            expected
        } else {
            start
        }
    }

    fn convert(&mut self, sound: &frame::Audio) -> Result<Vec<Vec<f32>>, MediaError> {
        let shape = InputShape {
            format: sound.format(),
            layout: sound.channel_layout(),
            rate: sound.rate(),
        };
        let layout = self.layout;
        let resampler = match self.resampler.take() {
            Some((known, resampler)) if known == shape => resampler,
            _ => resampling::Context::get_with(
                shape.format,
                shape.layout,
                shape.rate,
                FORMAT,
                layout,
                self.rate.num(),
                options(layout),
            )
            .map_err(decode_error)?,
        };
        let (_, resampler) = self.resampler.insert((shape, resampler));
        let expected =
            sound.samples() as u64 * u64::from(self.rate.num()) / u64::from(shape.rate.max(1));
        let room = usize::try_from(expected).unwrap_or(0) + 256;
        let mut converted = frame::Audio::new(FORMAT, room, layout);
        resampler.run(sound, &mut converted).map_err(decode_error)?;
        Ok((0..converted.planes())
            .map(|channel| converted.plane::<f32>(channel).to_vec())
            .collect())
    }
}

/// All channels are mixed to one such that the sum does not exceed full scale. For floats FFmpeg would let it.
fn options(layout: ChannelLayout) -> ffmpeg::Dictionary<'static> {
    let mut options = ffmpeg::Dictionary::new();
    if layout == ChannelLayout::MONO {
        options.set("rematrix_maxval", "1.0");
    }
    options
}

/// The number of the sample at a time, rounded to the nearest.
pub(super) fn sample_at(units: i64, time_base: Rate, rate: Rate) -> i64 {
    // Rounded down at twice the rate, then halved: this gives the nearest at the rate itself.
    let doubled = Rate::new(rate.num().saturating_mul(2), rate.den()).unwrap_or(rate);
    time_base
        .rescale(units, doubled)
        .saturating_add(1)
        .div_euclid(2)
}

fn silence(plane: &mut Vec<f32>, samples: i64) {
    plane.resize(plane.len() + offset(samples), 0.0);
}

fn offset(samples: i64) -> usize {
    usize::try_from(samples).unwrap_or(0)
}
