//! Decodes a video into small frames with several parallel decoders and the same result as with one.
//!
//! FFmpeg's own threads wait for each other, because each frame needs parts of the previous one. Here one
//! thread reads the packets in order. Single-threaded decoders start at key frames some hundred frames apart;
//! an idle decoder takes the next such place. Their frames are joined in order, and counted and timed like
//! those of one decoder.
//!
//! The file marks key frames as places to start, and files are sometimes wrong: with gradual refresh no frame
//! is complete, and damage is concealed with earlier content. Each decoder therefore continues a few frames
//! beyond the start of the next one. This also produces the frames that are stored after that key frame and
//! shown before it. All pixels and timestamps must agree (for pixel formats other than planar 8-bit, all pixels
//! of a smaller copy). On a mismatch the later decoder's work is discarded, and the earlier one continues.
//!
//! This check misses two things. The first is a reference across a key frame that is first used more than a few
//! frames later. The second is concealment of damaged or missing data, which depends on what was in the
//! decoder's memory. Pixels of such frames, and of frames derived from them up to the next key frame, may
//! differ a little with the number of decoders. Their number, times and marked damage do not.
//!
//! Videos that cannot be split, because packets have no timestamps or there are no key frames, get one decoder
//! with FFmpeg's threads.

mod decode;
mod packets;
mod shared;
mod shrink;
mod stitch;
mod worker;

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use self::decode::{Decoding, Item, Outbox};
use self::packets::Packets;
use self::shared::{Alarm, Shared};
pub use self::shrink::{Shrinker, SmallFrame};
use self::stitch::Stitch;
use super::continuity::Breaks;
use super::damage::CorruptSpan;
use super::error::out_of_memory;
use super::open::SharedSource;
use super::video::{Codec, MainVideo};
use super::{Bounds, ClockBreak, MediaError, MediaInfo};
use crate::source::ByteSource;
use crate::time::Rate;

/// Most decoders per video. Each has its own stack, arena and frames.
const MOST_DECODERS: u32 = 16;

/// Bytes of frames in all decoders together.
const FRAME_BYTES: u64 = 1 << 30;

/// Frames that a decoder keeps for reference, with a margin.
const KEPT_FRAMES: u64 = 20;

/// Bytes of packets in memory: per decoder, and in addition.
const PACKET_BYTES: (usize, usize) = (16 << 20, 32 << 20);

/// How to decode a video into small frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallOptions {
    /// Decoders that share the video; 0 means one per core. Large frames get fewer.
    pub decoders: u32,
    /// Frames that one decoder decodes before another may continue; 0 disables splitting.
    pub chunk_frames: u32,
}

/// A video's small frames in presentation order.
///
/// The frames, timestamps and damage are the same for any number of decoders. Only the concealment of damaged
/// data may look slightly different. As with [`super::FrameReader`], timestamps always ascend and damaged
/// packets are skipped. Deblocking is disabled.
///
/// Dropping it ends its threads. If the source is being read, they end when it answers.
pub struct SmallFrames {
    info: MediaInfo,
    time_base: Rate,
    breaks: Breaks,
    stitch: Stitch,
    way: DecoderLayout,
    items: VecDeque<Item>,
    spare: Vec<SmallFrame>,
    ended: bool,
}

/// Where decoding happens.
enum DecoderLayout {
    /// In the caller's thread, with FFmpeg's threads.
    Alone(Box<Alone>),
    Crew(Crew),
}

impl std::fmt::Debug for SmallFrames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmallFrames")
            .field("number", &self.stitch.number)
            .field("is_split", &self.is_split())
            .finish_non_exhaustive()
    }
}

impl SmallFrames {
    /// Opens a video at its first frame.
    ///
    /// # Errors
    /// Any [`MediaError`] of opening; [`MediaError::NoVideo`]; [`MediaError::UnsupportedCodec`];
    /// [`MediaError::Limit`].
    pub fn open(
        source: Box<dyn ByteSource>,
        options: SmallOptions,
        bounds: &Bounds,
    ) -> Result<Self, MediaError> {
        let video = MainVideo::open(SharedSource::new(source), bounds)?;
        let codec = video.codec()?;
        let stitch = Stitch::new(&video, bounds);
        let breaks = video.container.breaks();
        let (info, time_base) = (video.info.clone(), video.time_base);
        let decoders = decoders(options.decoders, &video);
        let count = usize::try_from(decoders).unwrap_or(1);
        let (each, beside) = PACKET_BYTES;
        let budget = count * each + beside;
        // There is room for the chunks of all decoders and the next one.
        let mut packets = Packets::new(video, options.chunk_frames, budget / (count + 2));
        let is_split = decoders > 1 && options.chunk_frames > 0 && packets.can_split(budget);
        let way = if is_split {
            let shared = Arc::new(Shared::new(count, budget));
            DecoderLayout::Crew(Crew::start(shared, packets, &codec, (count, bounds))?)
        } else {
            let decoding = Decoding::new(&codec, options.decoders, bounds.max_pixels)?;
            DecoderLayout::Alone(Box::new(Alone {
                packets,
                decoding,
                out: Outbox::default(),
                drained: false,
            }))
        };
        Ok(Self {
            info,
            time_base,
            breaks,
            stitch,
            way,
            items: VecDeque::new(),
            spare: Vec::new(),
            ended: false,
        })
    }

    /// The properties of the file.
    #[must_use]
    pub const fn info(&self) -> &MediaInfo {
        &self.info
    }

    /// Units per second of the timestamps.
    #[must_use]
    pub const fn time_base(&self) -> Rate {
        self.time_base
    }

    /// Whether several decoders share the video.
    #[must_use]
    pub const fn is_split(&self) -> bool {
        matches!(self.way, DecoderLayout::Crew(_))
    }

    /// End of the last frame so far on the presentation clock.
    #[must_use]
    pub const fn end_pts(&self) -> i64 {
        self.stitch.end()
    }

    /// The damaged places of the video read so far, in order. Adjacent spans are merged.
    #[must_use]
    pub fn corrupt(&self) -> &[CorruptSpan] {
        self.stitch.damage.spans()
    }

    /// The breaks in the file's clock found so far; complete at the end of the video.
    #[must_use]
    pub fn clock_breaks(&self) -> Vec<ClockBreak> {
        self.breaks.list()
    }

    /// Writes the next frame into `small`, whose buffers are reused. Returns its number, from 0, and its
    /// timestamp, or `None` at the end.
    ///
    /// # Errors
    /// [`MediaError::Io`] if the source fails, [`MediaError::Limit`], [`MediaError::NoFrames`] at the end of a
    /// video in which nothing could be decoded.
    pub fn next_frame(&mut self, small: &mut SmallFrame) -> Result<Option<(u64, i64)>, MediaError> {
        loop {
            while let Some(item) = self.items.pop_front() {
                if let Some((mut shown, pts)) = self.stitch.take(item)? {
                    std::mem::swap(small, &mut shown.small);
                    self.spare.push(shown.small);
                    return Ok(Some((self.stitch.number - 1, pts)));
                }
            }
            let is_end = self.ended || !self.way.take(&mut self.items, &mut self.spare)?;
            if is_end {
                self.ended = true;
                return match self.stitch.number {
                    0 => Err(MediaError::NoFrames),
                    _ => Ok(None),
                };
            }
        }
    }
}

/// The number of decoders for a video if `wanted` are requested, limited by the memory for their frames.
fn decoders(wanted: u32, video: &MainVideo) -> u32 {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = match wanted {
        0 => u32::try_from(cores()).unwrap_or(MOST_DECODERS),
        wanted => wanted,
    };
    let deep = video.info.video().and_then(|(_, video)| video.bit_depth);
    let samples = if deep.is_some_and(|depth| depth > 8) {
        4
    } else {
        2
    };
    let one = video.geometry.pixels().max(1) * samples * KEPT_FRAMES;
    let room = u32::try_from(FRAME_BYTES / one).unwrap_or(MOST_DECODERS);
    wanted.min(room).clamp(1, MOST_DECODERS)
}

impl DecoderLayout {
    /// The video's next items, possibly none yet; `false` at its end.
    fn take(
        &mut self,
        items: &mut VecDeque<Item>,
        spare: &mut Vec<SmallFrame>,
    ) -> Result<bool, MediaError> {
        match self {
            Self::Alone(alone) => Ok(alone.take(items, spare)),
            Self::Crew(crew) => crew.shared.take(items, spare),
        }
    }
}

/// One decoder for the whole video.
struct Alone {
    packets: Packets,
    decoding: Decoding,
    out: Outbox,
    drained: bool,
}

impl Alone {
    fn take(&mut self, items: &mut VecDeque<Item>, spare: &mut Vec<SmallFrame>) -> bool {
        self.out.spare.append(spare);
        if self.drained {
            return false;
        }
        if let Some((entry, _)) = self.packets.next() {
            self.decoding.feed(&entry, &mut self.out);
        } else {
            self.decoding.drain(&mut self.out);
            self.drained = true;
        }
        items.extend(self.out.items.drain(..));
        true
    }
}

/// A demuxer and decoders on their own threads, which end when this is dropped.
struct Crew {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    fn start(
        shared: Arc<Shared>,
        packets: Packets,
        codec: &Codec,
        (decoders, bounds): (usize, &Bounds),
    ) -> Result<Self, MediaError> {
        let mut crew = Self {
            shared,
            threads: Vec::with_capacity(decoders + 1),
        };
        for number in 0..decoders {
            let (shared, codec) = (Arc::clone(&crew.shared), codec.clone());
            let max_pixels = bounds.max_pixels;
            crew.spawn(format!("decode-{number}"), move || {
                worker::work(&shared, &codec, max_pixels);
            })?;
        }
        let shared = Arc::clone(&crew.shared);
        crew.spawn("demux".to_owned(), move || demux(packets, &shared))?;
        Ok(crew)
    }

    fn spawn(
        &mut self,
        name: String,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), MediaError> {
        // If a thread cannot start, memory for its stack is lacking.
        let thread = Builder::new().name(name).spawn(work);
        self.threads
            .push(thread.map_err(|_refused| out_of_memory())?);
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a decoding thread panicked");
            }
        }
    }
}

/// Reads all packets into the window.
fn demux(mut packets: Packets, shared: &Shared) {
    let _alarm = Alarm(shared);
    while let Some((entry, split)) = packets.next() {
        if !shared.offer(entry, split) {
            return;
        }
    }
    shared.end();
}
