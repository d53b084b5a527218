//! A video's packets in order, and the places where decoding may start.

use std::collections::VecDeque;
use std::sync::Arc;

use ffmpeg_next::Packet;
use ffmpeg_next::packet::side_data::Type as SideData;
use rushes_models::with_causes;

use crate::media::MediaError;
use crate::media::frames::MAX_DAMAGED;
use crate::media::open::PacketError;
use crate::media::video::MainVideo;

/// Number of packets across which a frame may be reordered between storage and display. Decoders hold back 16
/// frames at most, so this has a margin.
const REORDERED: usize = 32;

/// Memory of a packet besides its data, in bytes.
const OVERHEAD: usize = 512;

/// Most packets to examine for a place where a video can be split.
const LOOK_AHEAD: usize = 2000;

/// One entry of a video.
#[derive(Clone)]
pub(super) enum PacketStep {
    /// A packet, shared by decoders.
    Packet(Arc<Packet>),
    /// Unreadable data, with what is known of its time.
    Gap(Option<i64>),
    /// A final read error; the last entry.
    Failed(MediaError),
}

impl PacketStep {
    /// Memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Packet(packet) => packet.size() + OVERHEAD,
            Self::Gap(_) | Self::Failed(_) => OVERHEAD,
        }
    }

    /// Presentation time of its frame, if the packet states one.
    pub(super) fn pts(&self) -> Option<i64> {
        match self {
            Self::Packet(packet) => packet.pts(),
            Self::Gap(_) | Self::Failed(_) => None,
        }
    }
}

/// A key frame at which a decoder may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    /// Number of its entry.
    pub(super) seq: u64,
    /// Its presentation time. Frames stored before it are shown before it.
    pub(super) pts: i64,
}

/// Finds splits.
pub(super) struct Splitter {
    /// Minimum number of entries between two splits.
    frames: u64,
    /// Bytes between two splits that are far enough apart regardless of the number of entries.
    bytes: usize,
    since_frames: u64,
    since_bytes: usize,
    recent: VecDeque<i64>,
    seq: u64,
    /// Whether the video has something that a decoder can only handle after seeing the preceding data.
    closed: bool,
}

impl Splitter {
    fn new(frames: u32, bytes: usize) -> Self {
        Self {
            frames: u64::from(frames.max(1)),
            bytes,
            since_frames: 0,
            since_bytes: 0,
            recent: VecDeque::with_capacity(REORDERED),
            seq: 0,
            closed: false,
        }
    }

    /// Examines the next entry of the video.
    fn look(&mut self, entry: &PacketStep) -> Option<Split> {
        let seq = self.seq;
        self.seq += 1;
        let split = match entry {
            PacketStep::Packet(packet) => self.look_at(packet, seq),
            PacketStep::Gap(_) | PacketStep::Failed(_) => None,
        };
        if split.is_some() {
            (self.since_frames, self.since_bytes) = (0, 0);
        }
        self.since_frames += 1;
        self.since_bytes += entry.bytes();
        split
    }

    fn look_at(&mut self, packet: &Packet, seq: u64) -> Option<Split> {
        let changes = |side: &ffmpeg_next::packet::SideData<'_>| {
            matches!(side.kind(), SideData::NewExtraData | SideData::ParamChange)
        };
        let Some(pts) = packet.pts() else {
            self.closed = true;
            return None;
        };
        self.closed |= seq > 0 && packet.side_data().any(|side| changes(&side));
        let is_far = self.since_frames >= self.frames || self.since_bytes >= self.bytes;
        let is_clean = packet.is_key() && !packet.is_corrupt();
        let is_split = !self.closed
            && is_far
            && is_clean
            && seq > 0
            && self.recent.iter().all(|&earlier| earlier < pts);
        if self.recent.len() >= REORDERED {
            self.recent.pop_front();
        }
        self.recent.push_back(pts);
        is_split.then_some(Split { seq, pts })
    }
}

/// Reads a video's entries in order.
pub(super) struct Packets {
    video: MainVideo,
    splitter: Splitter,
    ahead: VecDeque<(PacketStep, Option<Split>)>,
    ended: bool,
    /// End of the last packet so far on the presentation clock.
    latest: Option<i64>,
    failures: u32,
}

impl Packets {
    /// Reads packets, with splits at least `frames` entries or `bytes` apart.
    pub(super) fn new(video: MainVideo, frames: u32, bytes: usize) -> Self {
        Self {
            video,
            splitter: Splitter::new(frames, bytes),
            ahead: VecDeque::new(),
            ended: false,
            latest: None,
            failures: 0,
        }
    }

    /// Whether the video can be split soon. Reads ahead until that is known, at most `bytes`.
    pub(super) fn can_split(&mut self, bytes: usize) -> bool {
        let mut read = 0;
        while read < bytes && self.ahead.len() < LOOK_AHEAD && !self.splitter.closed {
            let Some((entry, split)) = self.read() else {
                return false;
            };
            read += entry.bytes();
            self.ahead.push_back((entry, split));
            if split.is_some() {
                return true;
            }
        }
        false
    }

    /// The next entry, and the split at it, if any; `None` at the end.
    pub(super) fn next(&mut self) -> Option<(PacketStep, Option<Split>)> {
        self.ahead.pop_front().or_else(|| self.read())
    }

    fn read(&mut self) -> Option<(PacketStep, Option<Split>)> {
        if self.ended {
            return None;
        }
        let entry = match self.video.packet() {
            Ok(Some(packet)) => {
                self.failures = 0;
                let end = packet.pts().or(packet.dts());
                let end = end.map(|pts| pts.saturating_add(packet.duration().max(0)));
                self.latest = self.latest.max(end);
                PacketStep::Packet(Arc::new(packet))
            }
            Ok(None) => {
                self.ended = true;
                return None;
            }
            Err(PacketError::Damaged) => {
                self.failures += 1;
                self.ended = self.failures > MAX_DAMAGED;
                PacketStep::Gap(self.latest)
            }
            Err(PacketError::Final(error @ MediaError::Decode(_))) => {
                // The demuxer fails at the end of a truncated file. What was read counts.
                tracing::debug!(error = %with_causes(&error), "the demuxer failed");
                self.ended = true;
                PacketStep::Gap(self.latest)
            }
            Err(PacketError::Final(error)) => {
                self.ended = true;
                PacketStep::Failed(error)
            }
        };
        let split = self.splitter.look(&entry);
        Some((entry, split))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffmpeg_next::packet::Flags;

    fn packet(pts: Option<i64>, key: bool) -> PacketStep {
        let mut packet = Packet::copy(&[0; 10]);
        packet.set_pts(pts);
        if key {
            packet.set_flags(Flags::KEY);
        }
        PacketStep::Packet(Arc::new(packet))
    }

    fn splits(frames: u32, entries: &[PacketStep]) -> Vec<u64> {
        let mut splitter = Splitter::new(frames, usize::MAX);
        let splits = entries.iter().filter_map(|entry| splitter.look(entry));
        splits.map(|split| split.seq).collect()
    }

    #[test]
    fn splits_are_key_frames_far_enough_apart() {
        let video: Vec<_> = (0..100).map(|n| packet(Some(n), n % 10 == 0)).collect();
        assert_eq!(splits(1, &video), [10, 20, 30, 40, 50, 60, 70, 80, 90]);
        assert_eq!(splits(11, &video), [20, 40, 60, 80]);
        let mut splitter = Splitter::new(1000, 15 * (10 + OVERHEAD));
        let by_bytes = video.iter().filter_map(|entry| splitter.look(entry));
        let by_bytes: Vec<_> = by_bytes.map(|split| split.seq).collect();
        assert_eq!(by_bytes, [20, 40, 60, 80]);
    }

    #[test]
    fn a_key_frame_before_what_was_shown_is_no_split() {
        let mut video: Vec<_> = (0..20).map(|n| packet(Some(n), false)).collect();
        video.extend((5..50).map(|n| packet(Some(n), n % 10 == 0)));
        // 10 arrives while 19 may still be waiting in a decoder; 40 is long after it.
        assert_eq!(splits(1, &video), [35, 45, 55]);
    }

    #[test]
    fn without_a_timestamp_there_is_no_split_any_more() {
        let mut video: Vec<_> = (0..20).map(|n| packet(Some(n), n % 5 == 0)).collect();
        video[12] = packet(None, false);
        assert_eq!(splits(1, &video), [5, 10]);
    }
}
