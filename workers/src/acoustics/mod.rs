//! What sound is like, measured from its samples without a model: how loud it is, where it bangs, and whether it resembles speech
//! or music.
//!
//! `meter` measures loudness as ITU-R BS.1770-4, `bangs` finds sudden sounds, `kinds` and `beat` tell speech and music, and `fold`
//! sums up shots. A [`Listener`] passes over the sound once and keeps a few seconds of it.

mod bangs;
mod beat;
mod fold;
mod kinds;
mod meter;
mod spectra;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use bangs::{Judged, Sudden};
use beat::Beat;
pub use fold::{ShotSound, fold};
use kinds::{Kind, Kinds};
use meter::Meter;

/// Tenths of a second per second.
const TENTHS: u64 = 10;
/// Windows of [`Sudden`] and of [`Kinds`] in a tenth of a second.
const SUDDEN: u64 = bangs::RATE as u64 / TENTHS;
const KINDS: u64 = kinds::RATE as u64 / TENTHS;
/// The largest sample that is taken as it is: 60 dB above full scale.
const LOUDEST: f32 = 1000.0;
/// Sound that is missing for longer, in seconds, is not measured as silence sample by sample.
const GAP: u64 = 4;

/// A tenth of a second of sound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tenth {
    /// Its number from the start of the file.
    pub at: u64,
    /// The mean square of all channels, weighted as BS.1770-4 has it.
    pub power: f32,
    /// The true peak, 1 for full scale.
    pub peak: f32,
    /// Onsets in it.
    pub onsets: u8,
    /// Whether it resembles speech.
    pub speech: bool,
    /// Whether it resembles music.
    pub music: bool,
}

/// A sudden loud sound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeardBang {
    /// When, in milliseconds from the start of the file.
    pub ms: u64,
    /// How far it rises above the loudest moment of the second before, in decibels.
    pub rise: f32,
}

/// What was heard in some stretch of sound.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Heard {
    /// By time. Where there is no sound, some are missing.
    pub tenths: Vec<Tenth>,
    /// By time.
    pub bangs: Vec<HeardBang>,
}

/// Measures sound in one pass.
pub struct Listener {
    rate: u64,
    mask: u64,
    meter: Meter,
    pass: Pass,
    /// Samples of the tenth of a second that is not complete, a plane for each channel.
    planes: Vec<Vec<f32>>,
    /// Its number.
    tenth: u64,
    heard: Heard,
}

/// The analysis of a stretch of sound without gaps.
struct Pass {
    /// The number of its first tenth of a second.
    from: u64,
    sudden: Sudden,
    kinds: Kinds,
    beat: Beat,
    /// How many windows and seconds are judged.
    windows: u64,
    judged: u64,
    seconds: u64,
    /// What is not judged yet, from tenth `first` on.
    open: VecDeque<Open>,
    first: u64,
}

/// A tenth of a second that is not judged yet.
#[derive(Default)]
struct Open {
    power: f32,
    peak: f32,
    onsets: u8,
    /// Windows of each kind.
    speech: u64,
    tonal: u64,
    has_beat: bool,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rate, tenth, .. } = self;
        write!(f, "Listener({rate} Hz, tenth {tenth})")
    }
}

impl Listener {
    /// Listens to sound of this rate with channels at the positions in `mask`, which are numbered as in
    /// `WAVEFORMATEXTENSIBLE`; `None` if there is no such sound.
    #[must_use]
    pub fn new(rate: u32, mask: u64) -> Option<Self> {
        let meter = Meter::new(rate, mask)?;
        Some(Self {
            rate: rate.into(),
            mask,
            planes: vec![Vec::new(); meter.counted().len()],
            meter,
            pass: Pass::new(rate, 0),
            tenth: 0,
            heard: Heard::default(),
        })
    }

    /// Takes samples, one plane for each channel. The first is number `from` since the start of the file, and not before the
    /// end of those that were taken before. What is missing between is silence.
    pub fn push(&mut self, from: u64, planes: &[Vec<f32>]) {
        let next = self.start(self.tenth) + self.pending() as u64;
        let missing = from.saturating_sub(next);
        if missing > GAP * self.rate {
            // Bangs are distinguished from words by the 1.5 s after them.
            self.silence(2 * self.rate);
            self.restart(from * TENTHS / self.rate);
            self.silence(from - self.start(self.tenth));
        } else {
            self.silence(missing);
        }
        for (all, more) in self.planes.iter_mut().zip(planes) {
            // One sample that is no number would spoil the meter for good.
            let sound = more.iter().map(|sample| {
                if sample.is_finite() {
                    sample.clamp(-LOUDEST, LOUDEST)
                } else {
                    0.0
                }
            });
            all.extend(sound);
        }
        self.measure();
    }

    /// What is known by now.
    pub fn take(&mut self) -> Heard {
        std::mem::take(&mut self.heard)
    }

    /// The end of the sound.
    #[must_use]
    pub fn finish(mut self) -> Heard {
        let whole = self.start(self.tenth + 1) - self.start(self.tenth);
        if self.pending() > 0 {
            self.silence(whole - self.pending() as u64);
        }
        self.pass.finish(&mut self.heard);
        self.heard
    }

    /// The number of the first sample of a tenth of a second.
    const fn start(&self, tenth: u64) -> u64 {
        tenth * self.rate / TENTHS
    }

    fn pending(&self) -> usize {
        self.planes.first().map_or(0, Vec::len)
    }

    fn silence(&mut self, samples: u64) {
        let mut left = samples;
        while left > 0 {
            let some = left.min(self.rate);
            for plane in &mut self.planes {
                plane.resize(plane.len() + usize::try_from(some).unwrap_or(0), 0.0);
            }
            self.measure();
            left -= some;
        }
    }

    /// Begins anew with a tenth of a second, after a gap.
    fn restart(&mut self, tenth: u64) {
        self.pass.finish(&mut self.heard);
        let rate = u32::try_from(self.rate).unwrap_or(u32::MAX);
        self.pass = Pass::new(rate, tenth);
        if let Some(meter) = Meter::new(rate, self.mask) {
            self.meter = meter;
        }
        self.planes.iter_mut().for_each(Vec::clear);
        self.tenth = tenth;
    }

    /// Measures all tenths of a second that are complete.
    fn measure(&mut self) {
        loop {
            let length = self.start(self.tenth + 1) - self.start(self.tenth);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if self.pending() < length || length == 0 {
                return;
            }
            let planes: Vec<&[f32]> = self.planes.iter().map(|plane| &plane[..length]).collect();
            let (power, peak) = self.meter.tenth(&planes);
            let counted = planes.iter().zip(self.meter.counted());
            let counted: Vec<&[f32]> = counted
                .filter(|(_, counts)| **counts)
                .map(|(plane, _)| *plane)
                .collect();
            let mixed = mixed(&counted, length);
            self.pass.push(power, peak, &mixed, &mut self.heard);
            for plane in &mut self.planes {
                plane.drain(..length);
            }
            self.tenth += 1;
        }
    }
}

/// The mean of channels.
fn mixed(planes: &[&[f32]], length: usize) -> Vec<f32> {
    let mut mixed = vec![0.0; length];
    for plane in planes {
        for (sum, sample) in mixed.iter_mut().zip(*plane) {
            *sum += sample / planes.len() as f32;
        }
    }
    mixed
}

impl Pass {
    fn new(rate: u32, from: u64) -> Self {
        Self {
            from,
            sudden: Sudden::new(rate),
            kinds: Kinds::new(rate),
            beat: Beat::new(),
            windows: 0,
            judged: 0,
            seconds: 0,
            open: VecDeque::new(),
            first: from,
        }
    }

    fn push(&mut self, power: f32, peak: f32, mixed: &[f32], heard: &mut Heard) {
        self.open.push_back(Open {
            power,
            peak,
            ..Open::default()
        });
        let mut news = Vec::new();
        self.sudden.push(mixed, &mut |judged| news.push(judged));
        let mut kinds = Vec::new();
        self.kinds.push(mixed, &mut |kind| kinds.push(kind));
        self.note(news, kinds, heard);
        self.emit(false, heard);
    }

    fn finish(&mut self, heard: &mut Heard) {
        let (mut news, mut kinds) = (Vec::new(), Vec::new());
        self.sudden.finish(&mut |judged| news.push(judged));
        self.kinds.finish(&mut |kind| kinds.push(kind));
        self.note(news, kinds, heard);
        // The beat of the last seconds is judged as if silence followed.
        for _ in 0..4 * bangs::RATE {
            self.flux(0.0);
        }
        self.emit(true, heard);
    }

    fn note(&mut self, news: Vec<Judged>, kinds: Vec<Kind>, heard: &mut Heard) {
        for one in news {
            match one {
                Judged::Bang(burst) => heard.bangs.push(HeardBang {
                    ms: self.from * 100 + burst.window * 10 + 25,
                    rise: burst.rise,
                }),
                Judged::Window {
                    window,
                    flux,
                    is_onset,
                } => {
                    if is_onset && let Some(open) = self.at(window / SUDDEN) {
                        open.onsets = open.onsets.saturating_add(1);
                    }
                    self.flux(flux);
                    self.windows = window + 1;
                }
            }
        }
        for kind in kinds {
            if let Some(open) = self.at(self.judged / KINDS) {
                open.speech += u64::from(kind.speech);
                open.tonal += u64::from(kind.tonal);
            }
            self.judged += 1;
        }
    }

    fn flux(&mut self, flux: f32) {
        if let Some(has_beat) = self.beat.push(flux) {
            let first = self.seconds * TENTHS;
            for tenth in first..first + TENTHS {
                if let Some(open) = self.at(tenth) {
                    open.has_beat = has_beat;
                }
            }
            self.seconds += 1;
        }
    }

    /// A tenth of a second by its number in this pass.
    fn at(&mut self, tenth: u64) -> Option<&mut Open> {
        let at = (self.from + tenth).checked_sub(self.first)?;
        self.open.get_mut(usize::try_from(at).ok()?)
    }

    fn emit(&mut self, is_end: bool, heard: &mut Heard) {
        while let Some(open) = self.open.front() {
            let tenth = self.first - self.from;
            let is_judged = self.windows >= (tenth + 1) * SUDDEN
                && self.judged >= (tenth + 1) * KINDS
                && self.seconds > tenth / TENTHS;
            if !is_judged && !is_end {
                return;
            }
            heard.tenths.push(Tenth {
                at: self.first,
                power: open.power,
                peak: open.peak,
                onsets: open.onsets,
                speech: open.speech > 0 && !open.has_beat,
                music: open.tonal > 0 || open.has_beat,
            });
            self.open.pop_front();
            self.first += 1;
        }
    }
}
