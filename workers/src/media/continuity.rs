//! One continuous clock for the streams of a container whose own clock may break.
//!
//! Transport streams, program streams, Ogg and FLV files are concatenated, cut, and recorded across
//! interruptions. Their timestamps then jump ahead or fall back. Matroska files are concatenated too, and fall
//! back; a jump ahead in them is a long picture, as in screen recordings. In MP4 nothing can break, because it
//! stores how long each sample is shown, not when. Players continue where they were. Here each stretch of the
//! file's clock is an *epoch* with its own shift, which makes its pictures start where those of the previous
//! epoch end. The shift applies to all streams, so sound stays in sync. All packets are read through this
//! module, so segmentation, proxies and rewriting agree.
//!
//! The video decides when an epoch starts. Sound that arrives earlier waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use ffmpeg_next::{Packet, Rational, Rescale as _};
use serde::{Deserialize, Serialize};

use super::open::PacketError;

/// Containers whose clock may break, by FFmpeg's names.
const BREAKABLE: [&str; 4] = ["mpegts", "mpeg", "ogg", "flv"];

/// The container whose clock can only fall back.
const FALLS_BACK: &str = "matroska,webm";

/// Containers whose timestamps have 33 bits at 90 kHz (ISO/IEC 13818-1).
const WRAPPING: [&str; 2] = ["mpegts", "mpeg"];

/// Seconds without any sound or picture packet that mean that the clock has jumped. FFmpeg's tools use the same
/// value.
const LONGEST_GAP: i32 = 10;

/// A gap must be this many times the longest step so far, so that a video with one frame per minute has no
/// breaks.
const LONGEST_STEPS: i64 = 10;

/// Fraction of a second by which timestamps may fall back without a break. [`super::clock::Clock`] repairs
/// that.
const SLACK: i64 = 10;

/// The same where packets may have no decoding times, so that presentation times are out of order.
const WIDE_SLACK: i64 = 1;

/// Most sound packets, and their bytes, that wait for the video's clock to break too.
const MOST_PARKED: (usize, usize) = (2000, 32 << 20);

/// Packets to read ahead for the first picture of an epoch.
const MOST_AHEAD: usize = 500;

/// Most breaks to record, so that the list stays short for any file.
const MOST_BREAKS: usize = 1000;

/// A place where the clock of a file breaks. The timeline is continuous there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockBreak {
    /// Presentation time of the first picture after the break, in the timeline's time base.
    pub at_pts: i64,
    /// The size of the jump in milliseconds; negative if the clock falls back.
    pub by_ms: i64,
}

impl ClockBreak {
    /// The break in words: `the clock of the file jumps ahead by 4998.0 s`.
    #[must_use]
    pub fn describe(&self) -> String {
        let ms = self.by_ms.unsigned_abs();
        let direction = if self.by_ms < 0 {
            "falls back"
        } else {
            "jumps ahead"
        };
        format!(
            "the clock of the file {direction} by {}.{:03} s",
            ms / 1000,
            ms % 1000
        )
    }
}

/// The breaks found so far, shared with the reader of the packets.
#[derive(Debug, Clone, Default)]
pub(super) struct Breaks(Arc<Mutex<Vec<ClockBreak>>>);

impl Breaks {
    fn add(&self, found: ClockBreak) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() < MOST_BREAKS {
            list.push(found);
        }
    }

    /// All of them, in order.
    pub(super) fn list(&self) -> Vec<ClockBreak> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The role of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The main video stream.
    Video,
    Sound,
    /// Any other stream; it follows the video.
    Other,
}

/// A packet as read.
pub(super) struct Timed {
    pub(super) packet: Packet,
    pub(super) part: Part,
    /// Of its stream, in seconds per unit.
    pub(super) base: Rational,
}

impl Timed {
    /// Its decoding time, or else its presentation time.
    fn time(&self, video: Rational) -> Option<i64> {
        let time = self.packet.dts().or(self.packet.pts())?;
        Some(time.rescale(self.base, video))
    }

    /// Its presentation time, or else its decoding time.
    fn shown(&self, video: Rational) -> Option<i64> {
        let time = self.packet.pts().or(self.packet.dts())?;
        Some(time.rescale(self.base, video))
    }

    fn duration(&self, video: Rational) -> i64 {
        self.packet.duration().max(0).rescale(self.base, video)
    }
}

/// The result of reading a packet.
pub(super) type Read = Result<Option<Timed>, PacketError>;

/// A stretch of the file's clock. Times are in the video's time base.
struct Epoch {
    /// Offset of all its times.
    shift: i64,
    /// Its earliest and its latest time.
    first: i64,
    reached: i64,
}

/// The position of a stream.
struct Track {
    epoch: usize,
    /// Its last time.
    last: i64,
    /// The previous epoch and its last time, in case this one is only a wrong timestamp.
    before: Option<(usize, i64)>,
    /// End of its last packet on the continuous clock.
    end: i64,
    /// Longest step between two packets.
    step: i64,
    /// Delay between decoding and presentation of the first packet, and so of the last.
    delay: i64,
}

/// Puts the packets of a container on one continuous clock.
pub(super) struct Continuity {
    base: Rational,
    wrap: Option<i64>,
    /// Whether a long gap is a break.
    jumps: bool,
    slack: i64,
    epochs: Vec<Epoch>,
    tracks: BTreeMap<usize, Track>,
    video: Option<usize>,
    /// Read ahead of the video's break.
    ahead: VecDeque<Read>,
    /// Sound after a break that the video has not reached.
    parked: VecDeque<Timed>,
    parked_bytes: usize,
    /// Packets with assigned times.
    ready: VecDeque<Packet>,
    breaks: Breaks,
}

impl Continuity {
    /// For a container of this name, whose video has this time base; `None` if its clock cannot break.
    pub(super) fn new(container: &str, base: Rational) -> Option<Self> {
        let is_sane = base.numerator() > 0 && base.denominator() > 0;
        let wraps = WRAPPING.contains(&container) && base == Rational(1, 90_000);
        let jumps = BREAKABLE.contains(&container);
        (is_sane && (jumps || container == FALLS_BACK)).then(|| Self {
            base,
            wrap: wraps.then_some(1 << 33),
            jumps,
            slack: if jumps { SLACK } else { WIDE_SLACK },
            epochs: Vec::new(),
            tracks: BTreeMap::new(),
            video: None,
            ahead: VecDeque::new(),
            parked: VecDeque::new(),
            parked_bytes: 0,
            ready: VecDeque::new(),
            breaks: Breaks::default(),
        })
    }

    pub(super) fn breaks(&self) -> Breaks {
        self.breaks.clone()
    }

    /// The next packet, with its time on the continuous clock. Packets of one stream keep their order.
    pub(super) fn next(
        &mut self,
        mut read: impl FnMut() -> Read,
    ) -> Result<Option<Packet>, PacketError> {
        loop {
            if let Some(packet) = self.ready.pop_front() {
                return Ok(Some(packet));
            }
            match self.ahead.pop_front().unwrap_or_else(&mut read) {
                Ok(Some(timed)) => self.take(timed, &mut read),
                Err(PacketError::Damaged) => return Err(PacketError::Damaged),
                end if self.parked.is_empty() => return end.map(|_none| None),
                end => {
                    self.ahead.push_front(end);
                    self.follow_sound();
                }
            }
        }
    }

    fn take(&mut self, timed: Timed, read: &mut impl FnMut() -> Read) {
        let stream = timed.packet.stream();
        if timed.part == Part::Video {
            self.video = Some(stream);
        }
        match self.find(&timed) {
            Some(epoch) => {
                // Waiting packets of the same stream had wrong timestamps.
                self.release(|parked| parked.packet.stream() == stream);
                self.settle(timed, Some(epoch));
            }
            None if timed.part == Part::Video => {
                let start = self.first_shown(&timed, read);
                let epoch = self.begin(&timed, start);
                self.settle(timed, Some(epoch));
                self.release(|_all| true);
            }
            None => {
                self.parked_bytes += timed.packet.size();
                self.parked.push_back(timed);
                if self.parked.len() > MOST_PARKED.0 || self.parked_bytes > MOST_PARKED.1 {
                    self.follow_sound();
                }
            }
        }
    }

    /// Seconds in units of the video's time base.
    fn seconds(&self, seconds: i64, parts: i64) -> i64 {
        let units = i128::from(seconds) * i128::from(self.base.denominator());
        let unit = i128::from(self.base.numerator()) * i128::from(parts);
        i64::try_from(units / unit).unwrap_or(i64::MAX).max(1)
    }

    /// Whether a time follows `last`, where any stream has reached `reached`.
    fn follows(&self, time: i64, last: i64, reached: i64, step: i64) -> bool {
        let gap = self
            .seconds(i64::from(LONGEST_GAP), 1)
            .max(step.saturating_mul(LONGEST_STEPS));
        time >= last.saturating_sub(self.seconds(1, self.slack))
            && (!self.jumps || time <= last.max(reached).saturating_add(gap))
    }

    fn is_near(&self, epoch: usize, time: i64) -> bool {
        let gap = self.seconds(i64::from(LONGEST_GAP), 1);
        self.epochs.get(epoch).is_some_and(|epoch| {
            time >= epoch.first.saturating_sub(gap) && time <= epoch.reached.saturating_add(gap)
        })
    }

    /// The epoch of a packet; `None` if it belongs to one that has not started.
    fn find(&mut self, timed: &Timed) -> Option<usize> {
        let Some(time) = timed.time(self.base) else {
            return Some(self.current(timed.packet.stream()));
        };
        if self.epochs.is_empty() {
            self.epochs.push(Epoch {
                shift: 0,
                first: time,
                reached: time,
            });
        }
        let newest = self.epochs.len() - 1;
        let video = self.video.map_or(newest, |video| self.current(video));
        let track = self.tracks.get(&timed.packet.stream());
        let (Some(track), false) = (track, timed.part == Part::Other) else {
            let own = track.map_or(video, |track| track.epoch);
            let all = [video, own].into_iter().chain((0..=newest).rev());
            let near = all.into_iter().find(|&epoch| self.is_near(epoch, time));
            return near.or(Some(video));
        };
        let reached = self.epochs.get(track.epoch)?.reached;
        if self.follows(time, track.last, reached, track.step) {
            return Some(track.epoch);
        }
        let mut newer = (track.epoch + 1..=newest).rev();
        newer.find(|&epoch| self.is_near(epoch, time)).or_else(|| {
            let (epoch, last) = track.before?;
            self.follows(time, last, last, track.step).then_some(epoch)
        })
    }

    fn current(&self, stream: usize) -> usize {
        let newest = self.epochs.len().saturating_sub(1);
        self.tracks.get(&stream).map_or(newest, |track| track.epoch)
    }

    /// Presentation time of the first picture after the break, on the file's clock. It need not be the picture
    /// that is stored first.
    fn first_shown(&mut self, timed: &Timed, read: &mut impl FnMut() -> Read) -> i64 {
        let base = self.base;
        let key = timed.shown(base).unwrap_or(0);
        let mut first = key;
        for at in 0..MOST_AHEAD {
            if at == self.ahead.len() {
                self.ahead.push_back(read());
            }
            let Some(Ok(Some(next))) = self.ahead.get(at) else {
                break;
            };
            if next.part != Part::Video {
                continue;
            }
            let (Some(time), Some(shown)) = (next.time(base), next.shown(base)) else {
                break;
            };
            let gap = self.seconds(1, 1);
            if time >= key || time < key.saturating_sub(gap) || shown < key.saturating_sub(gap) {
                break;
            }
            first = first.min(shown);
        }
        first
    }

    /// Starts an epoch with a packet, whose stream continues at `start`.
    fn begin(&mut self, timed: &Timed, start: i64) -> usize {
        let track = self.tracks.get(&timed.packet.stream());
        let end = track.map_or(start, |track| track.end);
        let shift = end.saturating_sub(start);
        let old = track.and_then(|track| self.epochs.get(track.epoch));
        let old = old.map_or(shift, |epoch| epoch.shift);
        let mut by = old.saturating_sub(shift);
        if let Some(wrap) = self.wrap {
            // Half a turn ahead equals half a turn back.
            by = (by + wrap / 2).rem_euclid(wrap) - wrap / 2;
        }
        if by.saturating_abs() > self.seconds(1, self.slack) {
            self.breaks.add(ClockBreak {
                at_pts: end,
                by_ms: by.rescale(self.base, Rational(1, 1000)),
            });
        }
        let first = timed.time(self.base).unwrap_or(start).min(start);
        self.epochs.push(Epoch {
            shift,
            first,
            reached: first,
        });
        self.epochs.len() - 1
    }

    /// The sound's clock breaks but the video's does not: the sound continues where it was.
    fn follow_sound(&mut self) {
        if let Some(timed) = self.parked.pop_front() {
            let start = timed.shown(self.base).unwrap_or(0);
            let epoch = self.begin(&timed, start);
            self.parked_bytes = self.parked_bytes.saturating_sub(timed.packet.size());
            self.settle(timed, Some(epoch));
        }
        self.release(|_all| true);
    }

    /// Assigns times to waiting packets.
    fn release(&mut self, which: impl Fn(&Timed) -> bool) {
        if self.parked.is_empty() {
            return;
        }
        for timed in std::mem::take(&mut self.parked) {
            if which(&timed) {
                self.parked_bytes = self.parked_bytes.saturating_sub(timed.packet.size());
                let epoch = self.find(&timed);
                self.settle(timed, epoch);
            } else {
                self.parked.push_back(timed);
            }
        }
    }

    /// Puts a packet on the continuous clock, or directly after the last one of its stream if its time is
    /// invalid.
    fn settle(&mut self, timed: Timed, epoch: Option<usize>) {
        let base = self.base;
        let time = timed.time(base);
        let (stream, duration) = (timed.packet.stream(), timed.duration(base));
        let track = self.tracks.get(&stream);
        let own = track.map(|track| track.end);
        let shown = match timed.packet.pts() {
            Some(_) => timed.shown(base),
            None => time.map(|time| time.saturating_add(track.map_or(0, |track| track.delay))),
        };
        let found = epoch.and_then(|epoch| self.epochs.get_mut(epoch));
        let shift = match (&found, shown, own) {
            (Some(epoch), ..) => epoch.shift,
            (None, Some(shown), Some(end)) => end.saturating_sub(shown),
            (None, ..) => 0,
        };
        if let (Some(epoch), Some(time)) = (found, time) {
            epoch.reached = epoch.reached.max(time);
            epoch.first = epoch.first.min(time);
        }
        if let (Some(epoch), Some(time), Some(shown)) = (epoch, time, shown) {
            let end = shown.saturating_add(shift).saturating_add(duration);
            let track = self.tracks.entry(stream).or_insert(Track {
                epoch,
                last: time,
                before: None,
                end,
                step: duration,
                delay: shown.saturating_sub(time),
            });
            if track.epoch == epoch {
                track.step = track.step.max(time.saturating_sub(track.last));
            } else {
                track.before = Some((track.epoch, track.last));
                track.epoch = epoch;
            }
            track.step = track.step.max(duration);
            track.last = time;
            track.end = track.end.max(end);
        }
        let mut packet = timed.packet;
        let shift = shift.rescale(base, timed.base);
        packet.set_pts(packet.pts().map(|pts| pts.saturating_add(shift)));
        packet.set_dts(packet.dts().map(|dts| dts.saturating_add(shift)));
        self.ready.push_back(packet);
    }
}
