//! Packets copied unchanged from the input to the output.

use std::collections::{BTreeMap, VecDeque};

use ffmpeg_next::format::context::{Input, Output};
use ffmpeg_next::{Packet, Rescale as _};
use ffmpeg_next::{Rational, codec};

use super::{RewriteOptions, failed};
use crate::media::open::{Container, PacketError, SharedSource};
use crate::media::{Bounds, MediaError, ffi};

/// Consecutive damaged reads after which the rest of the packets is given up.
const MAX_DAMAGED: u32 = 1000;

/// Reads the streams to copy, in parallel with the frames.
pub(super) struct Copies {
    container: Container,
    /// By input stream.
    routes: BTreeMap<usize, Route>,
    /// A packet that was read but is not due yet.
    waiting: Option<Packet>,
    done: bool,
    /// Whether the video may be several videos, concatenated.
    may_be_joined: bool,
}

struct Route {
    stream: usize,
    from: Rational,
    to: Rational,
    /// Offset of the times, once they are converted to those of the output.
    shift: i64,
    /// The last decoding time written.
    last: Option<i64>,
    /// Packets before the first audible one that its decoder needs.
    primer: VecDeque<Packet>,
    /// Number of those that it needs.
    primes: usize,
    /// End of the last written packet.
    end: Option<i64>,
    is_sound: bool,
    /// Minimum distance of decoding times.
    step: i64,
    /// Whether the video may be several videos, concatenated.
    may_be_joined: bool,
}

/// Packets that a decoder must read before the audible ones: the overlap of transforms, 80 ms of Opus (RFC
/// 7845, 4.6), the bit reservoir of MP3.
const PRIMES: [(codec::Id, usize); 7] = [
    (codec::Id::AAC, 1),
    (codec::Id::AC3, 1),
    (codec::Id::EAC3, 1),
    (codec::Id::VORBIS, 1),
    (codec::Id::MP2, 1),
    (codec::Id::MP3, 4),
    (codec::Id::OPUS, 4),
];

/// Number of packets that a stream's decoder needs before the audible ones.
fn primes(input: &Input, index: usize) -> usize {
    let Some(stream) = input.stream(index) else {
        return 0;
    };
    PRIMES
        .iter()
        .find(|(id, _)| *id == stream.parameters().id())
        .map_or(0, |(_, packets)| *packets)
}

impl Copies {
    pub(super) fn open(
        source: SharedSource,
        options: &RewriteOptions,
        bounds: &Bounds,
    ) -> Result<Self, MediaError> {
        let mut container = Container::open(source, bounds)?;
        container.only(&options.copies);
        Ok(Self {
            may_be_joined: container.may_break(),
            container,
            routes: BTreeMap::new(),
            waiting: None,
            done: options.copies.is_empty(),
        })
    }

    pub(super) const fn input(&self) -> &Input {
        &self.container.input
    }

    /// Starts: pairs each input stream with its output stream, whose header is written. The output's clock
    /// starts at `origin`, in units of its time base.
    pub(super) fn start(
        &mut self,
        pairs: Vec<(usize, usize)>,
        output: &Output,
        (origin, base): (i64, Rational),
    ) {
        let is_matroska = output.format().name() == "matroska";
        for (index, stream) in pairs {
            let bases = self
                .container
                .input
                .stream(index)
                .zip(output.stream(stream));
            let needed = primes(&self.container.input, index);
            if let Some((from, to)) = bases {
                let is_sound = from.parameters().medium() == ffmpeg_next::media::Type::Audio;
                let (from, to) = (from.time_base(), to.time_base());
                let delay = if is_matroska {
                    self.delay(index, to)
                } else {
                    0
                };
                let route = Route {
                    stream,
                    from,
                    to,
                    shift: delay - origin.rescale(base, to),
                    last: None,
                    primer: VecDeque::new(),
                    primes: needed,
                    end: None,
                    is_sound,
                    step: i64::from(!is_matroska),
                    may_be_joined: self.may_be_joined,
                };
                self.routes.insert(index, route);
            }
        }
    }

    /// Initial silence of a sound decoder. Matroska's times include it. FFmpeg subtracts it when reading, and
    /// does not add it when writing.
    fn delay(&self, index: usize, to: Rational) -> i64 {
        let raw = ffi::raw_stream(&self.container.input, index).unwrap_or_default();
        if raw.initial_padding <= 0 || raw.sample_rate <= 0 {
            return 0;
        }
        i64::from(raw.initial_padding).rescale(Rational(1, raw.sample_rate), to)
    }

    /// Writes the packets up to a time.
    pub(super) fn until(
        &mut self,
        pts: i64,
        base: Rational,
        output: &mut Output,
    ) -> Result<(), MediaError> {
        while let Some(packet) = self.next()? {
            let is_later = self.routes.get(&packet.stream()).is_some_and(|route| {
                let time = packet.dts().or(packet.pts());
                time.is_some_and(|time| time.rescale(route.from, base) > pts)
            });
            if is_later {
                self.waiting = Some(packet);
                return Ok(());
            }
            self.write(packet, output)?;
        }
        Ok(())
    }

    /// Writes all remaining packets.
    pub(super) fn rest(&mut self, output: &mut Output) -> Result<(), MediaError> {
        while let Some(packet) = self.next()? {
            self.write(packet, output)?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        if let Some(packet) = self.waiting.take() {
            return Ok(Some(packet));
        }
        let mut failures = 0;
        while !self.done {
            match self.container.packet() {
                Ok(Some(packet)) => return Ok(Some(packet)),
                Err(PacketError::Damaged) if failures < MAX_DAMAGED => failures += 1,
                // The end, or the end of a truncated file. What was read counts.
                Ok(None)
                | Err(PacketError::Damaged | PacketError::Final(MediaError::Decode(_))) => {
                    self.done = true;
                }
                Err(PacketError::Final(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Writes a packet, unless no player plays it: content outside an edit list was cut away by a person. Only
    /// the packets that prime the decoder of the first sound stay.
    fn write(&mut self, packet: Packet, output: &mut Output) -> Result<(), MediaError> {
        let Some(route) = self.routes.get_mut(&packet.stream()) else {
            return Ok(());
        };
        if ffi::is_discarded(&packet) {
            if route.last.is_none() && route.primes > 0 {
                route.primer.push_back(packet);
                if route.primer.len() > route.primes {
                    route.primer.pop_front();
                }
            }
            return Ok(());
        }
        while let Some(primer) = route.primer.pop_front() {
            route.write(primer, output)?;
        }
        route.write(packet, output)
    }
}

impl Route {
    fn write(&mut self, mut packet: Packet, output: &mut Output) -> Result<(), MediaError> {
        packet.set_stream(self.stream);
        packet.rescale_ts(self.from, self.to);
        packet.set_position(-1);
        packet.set_pts(packet.pts().map(|pts| pts + self.shift));
        packet.set_dts(packet.dts().map(|dts| dts + self.shift));
        // Where videos were concatenated, the first one's sound may last longer than its pictures.
        let half = packet.duration().max(0) / 2;
        let is_over = |end| packet.pts().is_some_and(|pts| pts + half < end);
        if self.is_sound && self.end.is_some_and(is_over) && self.may_be_joined {
            return Ok(());
        }
        let end = packet.pts().map(|pts| pts + packet.duration().max(0));
        self.end = self.end.max(end);
        // Containers require ascending decoding times; a damaged video may have others.
        if let (Some(dts), Some(last)) = (packet.dts(), self.last)
            && dts < last + self.step
        {
            packet.set_dts(Some(last + self.step));
            packet.set_pts(packet.pts().map(|pts| pts.max(last + self.step)));
        }
        self.last = packet.dts().or(self.last);
        packet.write_interleaved(output).map_err(failed)
    }
}
