//! The main video stream of an open file: its packets, and decoders for it.

use ffmpeg_next as ffmpeg;

use super::error::out_of_memory;
use super::frames::ReadOptions;
use super::open::{Container, PacketError, SharedSource, decode_error, internal, is_again, within};
use super::picture::Geometry;
use super::{Accepts, Bounds, MediaError, MediaInfo, ffi, probe};
use crate::time::Rate;

/// An open file of which only the main video stream is read.
pub(super) struct MainVideo {
    pub(super) container: Container,
    pub(super) stream: usize,
    pub(super) info: MediaInfo,
    /// Units per second of the stream's timestamps.
    pub(super) time_base: Rate,
    /// Frames per second, if the file states it.
    pub(super) rate: Option<Rate>,
    pub(super) geometry: Geometry,
}

impl MainVideo {
    /// Opens a file before its first packet.
    pub(super) fn open(source: SharedSource, bounds: &Bounds) -> Result<Self, MediaError> {
        let bytes = source.len();
        let mut container = Container::open(source, bounds)?;
        let info = probe::describe(&container.input, bytes);
        let stream = info.main_video.ok_or(MediaError::NoVideo)?;
        container.only(&[stream]);
        let raw = ffi::raw_stream(&container.input, stream).unwrap_or_default();
        let geometry = Geometry::of(&raw);
        within("pixels per frame", geometry.pixels(), bounds.max_pixels)?;
        if bounds.accepts == Accepts::Proxies {
            let id = container
                .input
                .stream(stream)
                .map(|video| video.parameters().id());
            if id != Some(ffmpeg::codec::Id::H264) {
                return Err(MediaError::UnsupportedCodec(
                    "the proxy is not H.264".to_owned(),
                ));
            }
        }
        let (_, video) = info.video().ok_or(MediaError::NoVideo)?;
        let rate = video.average_rate.or(video.base_rate);
        let time_base = info.streams[stream]
            .time_base
            .ok_or_else(|| MediaError::Decode("the video has no time base".to_owned()))?;
        Ok(Self {
            container,
            stream,
            info,
            time_base,
            rate,
            geometry,
        })
    }

    /// The next packet of the video; `None` at the end.
    pub(super) fn packet(&mut self) -> Result<Option<ffmpeg::Packet>, PacketError> {
        loop {
            match self.container.packet()? {
                Some(packet) if packet.stream() != self.stream => {}
                Some(packet) if ffi::is_encrypted(&packet) => {
                    return Err(PacketError::Final(MediaError::Encrypted));
                }
                packet => return Ok(packet),
            }
        }
    }

    /// The parameters from which decoders are made.
    pub(super) fn codec(&self) -> Result<Codec, MediaError> {
        let stream = self.container.input.stream(self.stream);
        let stream = stream.ok_or(MediaError::NoVideo)?;
        Ok(Codec {
            // Its own copy, which does not keep the file open.
            parameters: stream.parameters().clone(),
            time_base: stream.time_base(),
            name: own_name(ffi::codec_tag(&self.container.input, self.stream)),
        })
    }
}

/// The four-character code by which a container names a codec.
fn own_name(tag: [u8; 4]) -> String {
    if tag == [0; 4] {
        "unnamed".to_owned()
    } else {
        tag.escape_ascii().to_string()
    }
}

/// The parameters of a decoder. Any number of decoders can be made from them, on any threads.
#[derive(Clone)]
pub(super) struct Codec {
    parameters: ffmpeg::codec::Parameters,
    /// The file's name for the codec.
    name: String,
    time_base: ffmpeg::Rational,
}

impl Codec {
    /// Makes a decoder for the video from its start.
    pub(super) fn open(&self, options: ReadOptions) -> Result<ffmpeg::decoder::Video, MediaError> {
        self.make(options, ffmpeg::codec::Flags::empty())
    }

    /// Makes a decoder that starts at a key frame in the middle.
    pub(super) fn open_amid(
        &self,
        options: ReadOptions,
    ) -> Result<ffmpeg::decoder::Video, MediaError> {
        // At the end of the video, FFmpeg's H.264 decoder drops its last output if it started at a key frame
        // that later frames may refer across. Only there does it forget that it has recovered.
        self.make(options, ffmpeg::codec::Flags::OUTPUT_CORRUPT)
    }

    fn make(
        &self,
        options: ReadOptions,
        flags: ffmpeg::codec::Flags,
    ) -> Result<ffmpeg::decoder::Video, MediaError> {
        let id = self.parameters.id();
        let unsupported = || {
            if id == ffmpeg::codec::Id::None {
                MediaError::UnknownCodec(self.name.clone())
            } else {
                MediaError::UnsupportedCodec(id.name().to_owned())
            }
        };
        let codec = ffmpeg::decoder::find(id).ok_or_else(unsupported)?;
        let mut decoder = ffmpeg::codec::Context::from_parameters(self.parameters.clone())
            .map_err(internal)?
            .decoder();
        decoder.set_packet_time_base(self.time_base);
        if !flags.is_empty() {
            decoder.set_flags(flags);
        }
        if options.rough {
            decoder.skip_loop_filter(ffmpeg::Discard::All);
        }
        let mut settings = ffmpeg::Dictionary::new();
        let threads = if options.exact_damage {
            1
        } else {
            options.threads
        };
        settings.set("threads", &threads.to_string());
        let opened = decoder.open_as_with(codec, settings).map_err(|error| {
            // If threads cannot start, memory for their stacks is lacking.
            if is_again(error) {
                out_of_memory()
            } else {
                decode_error(error)
            }
        })?;
        opened.video().map_err(|_wrong_kind| unsupported())
    }
}
