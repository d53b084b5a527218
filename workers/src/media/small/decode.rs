//! One decoder, from packets to small frames.

use ffmpeg_next::{Packet, decoder, frame};

use super::packets::PacketStep;
use super::shrink::{Shrinker, SmallFrame, fingerprint};
use crate::media::error::out_of_memory;
use crate::media::frames::ReadOptions;
use crate::media::open::{is_again, is_memory, within};
use crate::media::video::Codec;
use crate::media::{MediaError, ffi};

/// Most errors per packet. A decoder that reports more is not asked again before the next packet.
const MOST_ERRORS: usize = 64;

/// Output of a decoder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A frame.
    Frame(Box<UnstampedFrame>),
    /// A packet that was damaged or could not be decoded, with its presentation time; `None` if that is
    /// unknown.
    Damage(Option<(i64, i64)>),
    /// End of decoding.
    Failed(MediaError),
}

/// A small frame before the video's clock has assigned its timestamp.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnstampedFrame {
    pub(super) pts: Option<i64>,
    /// Decoding timestamp of the packet that released it.
    pub(super) dts: Option<i64>,
    pub(super) duration: i64,
    pub(super) damaged: bool,
    /// Fingerprint of its pixels, if requested.
    pub(super) print: u64,
    pub(super) small: SmallFrame,
}

/// Items to deliver, and buffers to reuse.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) items: Vec<Item>,
    pub(super) spare: Vec<SmallFrame>,
}

/// A decoder with the shrinker for its frames.
pub(super) struct Decoding {
    decoder: decoder::Video,
    shrinker: Shrinker,
    picture: frame::Video,
    max_pixels: u64,
    /// Whether the next frames get fingerprints.
    pub(super) prints: bool,
}

impl Decoding {
    /// A decoder for the video from its start, with this many FFmpeg threads; 0 means one per core.
    pub(super) fn new(codec: &Codec, threads: u32, max_pixels: u64) -> Result<Self, MediaError> {
        let options = ReadOptions {
            threads,
            rough: true,
            ..ReadOptions::default()
        };
        Ok(Self::with(codec.open(options)?, max_pixels))
    }

    /// A single-threaded decoder that starts at a key frame in the middle.
    pub(super) fn amid(codec: &Codec, max_pixels: u64) -> Result<Self, MediaError> {
        let options = ReadOptions {
            threads: 1,
            rough: true,
            ..ReadOptions::default()
        };
        Ok(Self::with(codec.open_amid(options)?, max_pixels))
    }

    fn with(decoder: decoder::Video, max_pixels: u64) -> Self {
        Self {
            decoder,
            shrinker: Shrinker::default(),
            picture: frame::Video::empty(),
            max_pixels,
            prints: false,
        }
    }

    /// Decodes the next entry as far as possible without the following one.
    pub(super) fn feed(&mut self, entry: &PacketStep, out: &mut Outbox) {
        match entry {
            PacketStep::Packet(packet) => self.packet(packet, out),
            PacketStep::Gap(at) => out.items.push(Item::Damage(at.map(|at| (at, at)))),
            PacketStep::Failed(error) => out.items.push(Item::Failed(error.clone())),
        }
    }

    fn packet(&mut self, packet: &Packet, out: &mut Outbox) {
        let start = packet.pts().or(packet.dts());
        let span = start.map(|start| (start, start.saturating_add(packet.duration().max(0))));
        match self.decoder.send_packet(packet) {
            Ok(()) if !packet.is_corrupt() => {}
            Err(error) if is_memory(error) => {
                out.items.push(Item::Failed(out_of_memory()));
                return;
            }
            Ok(()) | Err(_) => out.items.push(Item::Damage(span)),
        }
        for _ in 0..MOST_ERRORS {
            match self.receive(out) {
                Received::Error => out.items.push(Item::Damage(span)),
                Received::Nothing => return,
            }
        }
    }

    /// Decodes what the decoder still holds back at the end of the video.
    pub(super) fn drain(&mut self, out: &mut Outbox) {
        let sent = self.decoder.send_eof();
        if sent.is_err_and(|error| error != ffmpeg_next::Error::Eof)
            || matches!(self.receive(out), Received::Error)
        {
            out.items.push(Item::Damage(None));
        }
    }

    /// Takes all available frames.
    fn receive(&mut self, out: &mut Outbox) -> Received {
        loop {
            match self.decoder.receive_frame(&mut self.picture) {
                Ok(()) => {
                    let item = self.shrink(out).unwrap_or_else(Item::Failed);
                    let failed = matches!(item, Item::Failed(_));
                    out.items.push(item);
                    if failed {
                        return Received::Nothing;
                    }
                }
                Err(ffmpeg_next::Error::Eof) => return Received::Nothing,
                Err(error) if is_again(error) => return Received::Nothing,
                Err(error) if is_memory(error) => {
                    out.items.push(Item::Failed(out_of_memory()));
                    return Received::Nothing;
                }
                Err(_) => return Received::Error,
            }
        }
    }

    fn shrink(&mut self, out: &mut Outbox) -> Result<Item, MediaError> {
        let picture = &mut self.picture;
        let pixels = u64::from(picture.width()) * u64::from(picture.height());
        within("pixels per frame", pixels, self.max_pixels)?;
        ffi::top_down(picture)?;
        let mut small = out.spare.pop().unwrap_or_else(SmallFrame::grey);
        let converted = self.shrinker.shrink_picture(picture, &mut small)?;
        let print = if self.prints {
            fingerprint(converted.as_ref().unwrap_or(picture))
        } else {
            0
        };
        let packet = picture.packet();
        Ok(Item::Frame(Box::new(UnstampedFrame {
            pts: picture.pts(),
            dts: (packet.dts != ffmpeg_next::ffi::AV_NOPTS_VALUE).then_some(packet.dts),
            duration: packet.duration,
            damaged: picture.is_corrupt() || picture.has_decode_errors(),
            print,
            small,
        })))
    }
}

/// Why no more frames came.
enum Received {
    /// A packet cannot be decoded.
    Error,
    /// No frame is available now, or none ever will be.
    Nothing,
}
