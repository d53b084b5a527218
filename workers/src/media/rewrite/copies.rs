//! Packets that go from the input to the output as they are.

use std::collections::BTreeMap;

use ffmpeg_next::Rational;
use ffmpeg_next::format::context::{Input, Output};
use ffmpeg_next::{Packet, Rescale as _};

use super::{RewriteOptions, failed};
use crate::media::open::{Container, PacketError, SharedSource};
use crate::media::{Bounds, MediaError, ffi};

/// Damaged reads in a row after which the rest of the packets is given up.
const MAX_DAMAGED: u32 = 1000;

/// Reads the streams that are copied, side by side with the frames.
pub(super) struct Copies {
    container: Container,
    /// By stream of the input.
    routes: BTreeMap<usize, Route>,
    /// A packet that was read and is not due.
    waiting: Option<Packet>,
    done: bool,
    /// Whether the film may be several, joined end to end.
    may_be_joined: bool,
}

struct Route {
    stream: usize,
    from: Rational,
    to: Rational,
    /// Added to times once they are those of the output.
    shift: i64,
    /// The last decoding time written.
    last: Option<i64>,
    /// When the last packet written ceases to be heard.
    end: Option<i64>,
    is_sound: bool,
    /// How far decoding times must be apart.
    step: i64,
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

    /// Begins: each stream of the input with the one of the output, whose header is written.
    /// The clock of the output begins at `origin`, which is in units of its time base.
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
                    end: None,
                    is_sound,
                    step: i64::from(!is_matroska),
                };
                self.routes.insert(index, route);
            }
        }
    }

    /// How long a sound decoder is silent at first. Matroska's times include that; FFmpeg takes it off when it reads, and
    /// does not add it when it writes.
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

    /// Writes all that is left.
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
                // The end, or the cut end of a damaged file: what is there counts.
                Ok(None)
                | Err(PacketError::Damaged | PacketError::Final(MediaError::Decode(_))) => {
                    self.done = true;
                }
                Err(PacketError::Final(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    fn write(&mut self, mut packet: Packet, output: &mut Output) -> Result<(), MediaError> {
        let Some(route) = self.routes.get_mut(&packet.stream()) else {
            return Ok(());
        };
        packet.set_stream(route.stream);
        packet.rescale_ts(route.from, route.to);
        packet.set_position(-1);
        packet.set_pts(packet.pts().map(|pts| pts + route.shift));
        packet.set_dts(packet.dts().map(|dts| dts + route.shift));
        // Where films were joined, the sound of the first may last longer than its pictures.
        let half = packet.duration().max(0) / 2;
        let is_over = |end| packet.pts().is_some_and(|pts| pts + half < end);
        if route.is_sound && route.end.is_some_and(is_over) && self.may_be_joined {
            return Ok(());
        }
        let end = packet.pts().map(|pts| pts + packet.duration().max(0));
        route.end = route.end.max(end);
        // Containers want decoding times that ascend; a damaged film may have others.
        if let (Some(dts), Some(last)) = (packet.dts(), route.last)
            && dts < last + route.step
        {
            packet.set_dts(Some(last + route.step));
            packet.set_pts(packet.pts().map(|pts| pts.max(last + route.step)));
        }
        route.last = packet.dts().or(route.last);
        packet.write_interleaved(output).map_err(failed)
    }
}
