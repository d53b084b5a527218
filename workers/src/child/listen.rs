//! Listens to the sound of a video, and sends what was heard a minute at a time. If they are wanted, it sends the samples of
//! one channel too, a second at a time.

use serde::{Deserialize, Serialize};

use super::sound::{Samples, SoundSink, second, send};
use crate::acoustics::Heard;
use crate::media::{self, Bounds, HeardOutput, MediaError, SoundOutput, SoundTrack};
use crate::sandbox::{
    ChildJob, HandUp, Limits, Observer, Parent, PassError, Sandbox, encode, parse, protocol,
};
use crate::source::ByteSource;

/// Bangs in a tenth of a second, at most.
const MOST_BANGS: usize = 2;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ListenJob {
    /// Samples per second of the channel that is sent too.
    mono: Option<u32>,
}

impl ChildJob for ListenJob {
    const NAME: &'static str = "listen";
    type Output = SoundTrack;

    fn max_blob(&self, _limits: &Limits) -> u64 {
        self.mono.map_or(0, second)
    }

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<SoundTrack, MediaError> {
        media::listen(source, bounds, self.mono, &mut Upwards(parent))
    }
}

struct Upwards<'a>(&'a mut Parent);

impl SoundOutput for Upwards<'_> {
    fn samples(&mut self, from: u64, samples: &[f32]) -> Result<(), MediaError> {
        send(self.0, from, samples)
    }
}

impl HeardOutput for Upwards<'_> {
    fn heard(&mut self, heard: Heard, ms: u64) -> Result<(), MediaError> {
        self.0.part(encode(&heard)?)?;
        self.0.progress(ms, None)
    }
}

impl Sandbox {
    /// What is heard in a video, and whether it has sound at all. 12 bytes or so are kept for each tenth of a second. Progress
    /// is in milliseconds.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn listen(
        &self,
        source: &mut dyn ByteSource,
        observer: &mut dyn Observer,
    ) -> Result<(SoundTrack, Heard), MediaError> {
        let mut all = self.all();
        let track = self.run(source, &ListenJob { mono: None }, observer, &mut all)?;
        Ok((track, all.heard))
    }

    /// The same, and passes the sound to `sink` as [`Self::sound`] does, so that the video is decoded once for both.
    ///
    /// # Errors
    /// Any [`MediaError`], or the error of `sink`, which ends the work.
    pub fn listen_and_pass<E>(
        &self,
        source: &mut dyn ByteSource,
        rate: u32,
        observer: &mut dyn Observer,
        sink: &mut SoundSink<'_, E>,
    ) -> Result<(SoundTrack, Heard), PassError<E>> {
        let mut both = Both {
            all: self.all(),
            samples: Samples::new(sink),
        };
        let track = self.run(source, &ListenJob { mono: Some(rate) }, observer, &mut both)?;
        Ok((track, both.all.heard))
    }

    fn all(&self) -> All {
        All {
            heard: Heard::default(),
            most: self.limits.bounds.max_duration_ms / 100,
        }
    }
}

/// Accepts what is heard, and samples.
struct Both<'s, 'a, E> {
    all: All,
    samples: Samples<'s, 'a, E>,
}

impl<E> HandUp for Both<'_, '_, E> {
    type Error = PassError<E>;

    fn blob(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), PassError<E>> {
        self.samples.blob(index, bytes)
    }

    fn part(&mut self, json: &[u8]) -> Result<(), PassError<E>> {
        Ok(self.all.part(json)?)
    }
}

/// Accepts what is possible for some sound.
struct All {
    heard: Heard,
    /// Most tenths of a second.
    most: u64,
}

impl HandUp for All {
    type Error = MediaError;

    fn part(&mut self, json: &[u8]) -> Result<(), MediaError> {
        let Heard { tenths, bangs } = parse(json)?;
        let Self { heard, most } = self;
        for tenth in tenths {
            let is_next = heard.tenths.last().is_none_or(|last| tenth.at > last.at);
            let is_level = |level: f32| level.is_finite() && level >= 0.0;
            if !is_next || tenth.at > *most + 100 || !is_level(tenth.power) || !is_level(tenth.peak)
            {
                let fault = format!("impossible sound in tenth {} of a second", tenth.at);
                return Err(protocol(fault));
            }
            heard.tenths.push(tenth);
        }
        for bang in bangs {
            let is_next = heard.bangs.last().is_none_or(|last| bang.ms >= last.ms);
            let most = heard.tenths.len().saturating_add(100) * MOST_BANGS;
            if !is_next || !bang.rise.is_finite() || heard.bangs.len() > most {
                return Err(protocol(format!("an impossible bang at {} ms", bang.ms)));
            }
            heard.bangs.push(bang);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acoustics::{HeardBang, Tenth};

    #[test]
    fn impossible_sound_is_refused() {
        let tenth = |at, power| Tenth {
            at,
            power,
            peak: 0.5,
            onsets: 0,
            speech: false,
            music: false,
        };
        let mut all = All {
            heard: Heard::default(),
            most: 1000,
        };
        let mut take = |tenths: Vec<Tenth>, bangs: Vec<HeardBang>| {
            all.part(&encode(&Heard { tenths, bangs }).unwrap())
        };
        take(vec![tenth(3, 0.1), tenth(5, 0.0)], Vec::new()).unwrap();
        for wrong in [tenth(5, 0.1), tenth(6, -1.0), tenth(2000, 0.1)] {
            let error = take(vec![wrong], Vec::new()).unwrap_err();
            assert_eq!(error.code(), "sandbox-protocol");
        }
        let bang = |ms| HeardBang { ms, rise: 20.0 };
        take(Vec::new(), vec![bang(300)]).unwrap();
        assert!(take(Vec::new(), vec![bang(299)]).is_err());
    }
}
