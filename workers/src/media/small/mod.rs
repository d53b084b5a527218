//! A video as small frames, decoded by several decoders side by side, with the result of one.
//!
//! FFmpeg's own threads wait for each other: each frame needs parts of the one before it. Here a
//! thread reads the packets in order, and decoders of one thread each begin at key frames some hundred
//! frames apart, which is where a decoder that is free finds something to do. Their frames are put
//! together in order, and counted and timed as those of one decoder would be.
//!
//! That a key frame is a place to begin is what the file says, and files are wrong at times: with
//! gradual refresh no frame is whole, and damage is concealed with what came before. So each decoder goes
//! on a few frames beyond the point where the next one began, which also gives it the frames that are
//! stored after that key frame and shown before it, and their every pixel and timestamp must agree
//! (of pixel formats that are not planar with 8 bits, every pixel of a smaller copy).
//! If they do not, the later decoder's work is thrown away, and the earlier one goes on.
//!
//! Two things cannot be seen in that way. A reference across a key frame that is first used more than a few
//! frames after it. And what a decoder makes up for data that is damaged or missing: that depends on what
//! was in its memory before, so pixels of such frames, and of those made from them up to the next key frame,
//! may differ a little with the number of decoders; their number, times and marked damage do not.
//!
//! Videos that cannot be split, because packets have no timestamps or there are no key frames, have one
//! decoder with FFmpeg's threads.

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

/// Decoders that share a video, at most: each has a stack, an arena and frames of its own.
const MOST_DECODERS: u32 = 16;

/// Bytes of frames in all decoders together.
const FRAME_BYTES: u64 = 1 << 30;

/// Frames that a decoder keeps for reference, with room to spare.
const KEPT_FRAMES: u64 = 20;

/// Bytes of packets in memory: for each decoder, and beside them.
const PACKET_BYTES: (usize, usize) = (16 << 20, 32 << 20);

/// How a video is turned into small frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallOptions {
    /// Decoders that share the video; 0 for one for each core. Large frames have fewer.
    pub decoders: u32,
    /// Frames that one decoder decodes before another may go on; 0 for never.
    pub chunk_frames: u32,
}

/// A video's small frames in presentation order.
///
/// They come out the same, with the same timestamps and the same damage, however many decoders there
/// are; but where data is damaged, what is made up for it may look a little different. As for [`super::FrameReader`], timestamps always ascend, and damaged packets are skipped.
/// Deblocking is left out.
///
/// Threads end when this is dropped, as soon as the source answers if it is being read.
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

/// Who decodes.
enum DecoderLayout {
    /// The caller's thread, with FFmpeg's.
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
        // Chunks of all decoders, and the one to come, find room.
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

    /// What the file says about itself.
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

    /// When the last frame so far ceases to be shown.
    #[must_use]
    pub const fn end_pts(&self) -> i64 {
        self.stitch.end()
    }

    /// Where the video read so far is damaged, in order; spans that touch are one.
    #[must_use]
    pub fn corrupt(&self) -> &[CorruptSpan] {
        self.stitch.damage.spans()
    }

    /// Where the clock of the file breaks, in what was read so far: all of it once the video is through.
    #[must_use]
    pub fn clock_breaks(&self) -> Vec<ClockBreak> {
        self.breaks.list()
    }

    /// Puts the next frame into `small`, whose buffers are used again; its number from 0 and its timestamp,
    /// or `None` at the end.
    ///
    /// # Errors
    /// [`MediaError::Io`] if the source fails, [`MediaError::Limit`], [`MediaError::NoFrames`] at
    /// the end of a video of which nothing could be decoded.
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

/// How many decoders a video gets where `wanted` are asked for: as many as have room for their frames.
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
    /// The video's next items, perhaps none yet; `false` at its end.
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

/// One decoder for all of the video.
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

/// A demuxer and decoders on threads of their own, which end with this.
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
        // A thread that cannot be started lacks memory for its stack.
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
