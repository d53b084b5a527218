//! Sudden sounds: onsets, and bangs.
//!
//! A bang is what a shot, an explosion, a slam or a clap have in common: within 30 ms sound of nearly all frequencies rises far
//! above what was heard in the last second, and then decays. Words begin suddenly too, but they are tones rather than noise, and
//! what follows is nearly as loud.

use std::collections::VecDeque;

use super::spectra::{Spectra, decibels};

/// Windows per second.
pub(super) const RATE: u32 = 100;
/// Length of a window in milliseconds.
const WINDOW_MS: u32 = 20;
/// Windows before one that it is compared with: a second.
const PAST: usize = 100;
/// Windows after it: 1.5 s.
const FUTURE: usize = 150;
/// Least distance of two bangs in windows.
const APART: usize = 8;
/// The quietest level that is distinguished from silence, in decibels below full scale.
const FLOOR: f32 = -75.0;
/// The octaves that are compared, by their edges in hertz.
const EDGES: [u32; 8] = [80, 160, 320, 640, 1280, 2560, 5120, 10_240];

/// Bangs are at least this loud, in decibels.
const LEAST_LEVEL: f32 = -40.0;
/// They rise by this within 30 ms, in decibels.
const LEAST_JUMP: f32 = 10.0;
/// They are this far above the loudest moment of the last second.
const LEAST_RISE: f32 = 10.0;
/// By this much an octave has to rise.
const BAND_RISE: f32 = 8.0;
/// The share of the octaves that rise.
const BANDS: f32 = 0.8;
/// Noise of this flatness is a bang if it decays. The first 40 ms of words were at most at 0.22.
const NOISE: f32 = 0.3;
/// The mean of the 1.5 s that follow noise is this far below it, in decibels.
const NOISE_DECAY: f32 = 6.0;
/// Noise that lasts for longer decays by this within a second, and is never louder again.
const LONG_DECAY: f32 = 4.0;
/// What is no noise, such as a thud, is a bang only if silence or something far quieter follows. What follows a word was at most
/// 13 dB below it.
const THUD_DECAY: f32 = 15.0;
/// Onsets rise by this, on average over the octaves.
const ONSET: f32 = 6.0;
/// They are at least this loud.
const ONSET_LEVEL: f32 = -55.0;

/// A sudden loud sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Burst {
    /// The number of its window.
    pub(super) window: u64,
    /// How far it rises above the loudest moment of the last second, in decibels.
    pub(super) rise: f32,
}

/// One window.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Level {
    /// Of all octaves together, in decibels.
    whole: f32,
    octaves: [f32; EDGES.len() - 1],
    /// The geometric mean of the spectrum from 200 Hz to 4 kHz over the arithmetic mean: 1 for white noise, near 0 for tones.
    flatness: f32,
    /// The mean rise of the octaves over 20 ms, in decibels.
    flux: f32,
}

const SILENCE: Level = Level {
    whole: FLOOR,
    octaves: [FLOOR; EDGES.len() - 1],
    flatness: 0.0,
    flux: 0.0,
};

/// Finds sudden sounds.
pub(super) struct Sudden {
    spectra: Spectra,
    /// The octaves as ranges of bins; fewer where the sound has no such frequencies.
    octaves: Vec<(usize, usize)>,
    middle: (usize, usize),
    levels: VecDeque<Level>,
    /// The number of the window that is judged next.
    next: u64,
    /// The bang that may still be surpassed by a stronger one.
    best: Option<(f32, Burst)>,
}

impl Sudden {
    pub(super) fn new(rate: u32) -> Self {
        let spectra = Spectra::new(rate, WINDOW_MS, RATE);
        let top = rate / 2;
        let octaves = EDGES
            .windows(2)
            .filter(|edges| edges[0] + edges[0] / 3 < top)
            .map(|edges| (spectra.bin(edges[0]), spectra.bin(edges[1].min(top))))
            .filter(|(from, to)| from < to);
        Self {
            octaves: octaves.collect(),
            middle: (spectra.bin(200.min(top)), spectra.bin(4000.min(top))),
            spectra,
            levels: VecDeque::from([SILENCE; PAST]),
            next: 0,
            best: None,
        }
    }

    /// Takes samples. Passes on the flux of each window that is judged, whether an onset is there, and bangs.
    pub(super) fn push(&mut self, samples: &[f32], found: &mut impl FnMut(Judged)) {
        let Self {
            spectra,
            octaves,
            middle,
            levels,
            ..
        } = self;
        spectra.push(samples, |power| {
            let level = level(power, octaves, *middle, levels);
            levels.push_back(level);
        });
        self.judge_all(found);
    }

    /// Judges the last windows, as if silence followed.
    pub(super) fn finish(&mut self, found: &mut impl FnMut(Judged)) {
        self.levels.extend([SILENCE; FUTURE]);
        self.judge_all(found);
        if let Some((_, burst)) = self.best.take() {
            found(Judged::Bang(burst));
        }
    }

    fn judge_all(&mut self, found: &mut impl FnMut(Judged)) {
        while self.levels.len() > PAST + FUTURE {
            self.levels.make_contiguous();
            let (levels, _) = self.levels.as_slices();
            let is_onset = is_onset(levels);
            found(Judged::Window {
                window: self.next,
                flux: levels[PAST].flux,
                is_onset,
            });
            let bang = bang(levels, self.octaves.len());
            let ended = self
                .best
                .is_some_and(|(_, best)| self.next >= best.window + APART as u64);
            if ended && let Some((_, burst)) = self.best.take() {
                found(Judged::Bang(burst));
            }
            if let Some((jump, rise)) = bang
                && self.best.is_none_or(|(known, _)| jump > known)
            {
                let window = self.next;
                self.best = Some((jump, Burst { window, rise }));
            }
            self.levels.pop_front();
            self.next += 1;
        }
    }
}

/// What is known of a window.
pub(super) enum Judged {
    /// Every window.
    Window {
        window: u64,
        flux: f32,
        is_onset: bool,
    },
    /// A bang.
    Bang(Burst),
}

fn level(
    power: &[f32],
    octaves: &[(usize, usize)],
    (from, to): (usize, usize),
    before: &VecDeque<Level>,
) -> Level {
    let mut level = SILENCE;
    let mut whole = 0.0;
    for (octave, &(from, to)) in level.octaves.iter_mut().zip(octaves) {
        let sum: f32 = power[from..to].iter().sum();
        whole += sum;
        *octave = decibels(sum, FLOOR);
    }
    level.whole = decibels(whole, FLOOR);
    let middle = &power[from..to];
    let mean = middle.iter().sum::<f32>() / middle.len().max(1) as f32;
    if mean > 0.0 {
        let logs: f32 = middle.iter().map(|x| x.max(mean * 1e-6).ln()).sum();
        level.flatness = (logs / middle.len() as f32).exp() / mean;
    }
    let last = before.get(before.len().wrapping_sub(2)).unwrap_or(&SILENCE);
    let rises = level.octaves.iter().zip(&last.octaves);
    let rises: f32 = rises.map(|(now, last)| (now - last).max(0.0)).sum();
    level.flux = rises / octaves.len().max(1) as f32;
    level
}

fn is_onset(levels: &[Level]) -> bool {
    let now = levels[PAST];
    let near = &levels[PAST - 5..=PAST + 5];
    now.flux >= ONSET
        && now.whole >= ONSET_LEVEL
        && near.iter().all(|other| other.flux <= now.flux)
        && levels[PAST - 5..PAST]
            .iter()
            .all(|other| other.flux < now.flux)
}

/// The jump and the rise of the bang that begins in the middle of `levels`.
fn bang(levels: &[Level], octaves: usize) -> Option<(f32, f32)> {
    let loudest = |levels: &[Level]| levels.iter().map(|one| one.whole).fold(FLOOR, f32::max);
    let attack = &levels[PAST..PAST + 3];
    let peak = loudest(attack);
    let before = &levels[PAST - 5..PAST - 1];
    let jump = peak - loudest(before);
    let rise = peak - loudest(&levels[..PAST - 1]);
    if peak < LEAST_LEVEL || jump < LEAST_JUMP || rise < LEAST_RISE {
        return None;
    }
    let highest = |levels: &[Level], octave: usize| {
        let values = levels.iter().map(|one| one.octaves[octave]);
        values.fold(FLOOR, f32::max)
    };
    let risen = (0..octaves)
        .filter(|&octave| highest(attack, octave) - highest(before, octave) >= BAND_RISE)
        .count();
    if (risen as f32) < BANDS * octaves as f32 {
        return None;
    }
    let after = &levels[PAST + 5..PAST + FUTURE];
    let mean = |levels: &[Level]| {
        let power = levels.iter().map(|one| 10_f32.powf(one.whole / 10.0));
        decibels(power.sum::<f32>() / levels.len() as f32, FLOOR)
    };
    let decay = peak - mean(after);
    let flatness = attack.iter().map(|one| one.flatness).sum::<f32>() / attack.len() as f32;
    let is_long = peak - mean(&after[75..]) >= LONG_DECAY && peak + 1.0 >= loudest(after);
    let is_noise = flatness >= NOISE && (decay >= NOISE_DECAY || is_long);
    (is_noise || decay >= THUD_DECAY).then_some((jump, rise))
}
