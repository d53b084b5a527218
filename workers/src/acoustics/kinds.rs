//! Which moments sound like speech and which like music, by plain measures of the spectrum.
//!
//! Music has tones that stay on one pitch, or regular beats. Speech has a voice whose pitch moves, and pauses. Both are estimates
//! without a model.

use std::collections::VecDeque;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner};

use super::spectra::{Spectra, decibels};

/// Windows per second.
pub(super) const RATE: u32 = 20;
/// Length of a window in milliseconds.
const WINDOW_MS: u32 = 80;
/// Windows on each side of a moment that it is judged by: 1.5 s.
pub(super) const REACH: usize = 30;
/// The quietest level that is judged, in decibels below full scale.
const FLOOR: f32 = -60.0;
/// Tones between these are looked for, in hertz.
const TONES: (u32, u32) = (100, 4000);
/// How far a tone stands out of what is around it, as a ratio of powers.
const STANDS_OUT: f32 = 8.0;
/// Windows after which a tone is sustained: 400 ms.
const SUSTAINED: u8 = 8;
/// The power of sustained tones as a share of the whole.
const TONAL: f32 = 0.35;
/// The share of tonal windows in music.
const MUSIC: f32 = 0.5;
/// The pitch of voices, in hertz.
const VOICE: (u32, u32) = (70, 400);
/// The autocorrelation of a voice at its pitch.
const VOICED: f32 = 0.5;
/// The share of voiced windows in speech.
const SPEECH: f32 = 0.25;
/// The difference between loud and quiet windows of speech, in decibels.
const MODULATION: f32 = 9.0;

/// One window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Traits {
    level: f32,
    /// Whether sustained tones have much of the power.
    is_tonal: bool,
    /// Whether it is periodic as a voice is.
    is_voiced: bool,
}

/// What a moment sounds like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kind {
    pub(super) speech: bool,
    pub(super) tonal: bool,
}

/// Judges moments.
pub(super) struct Kinds {
    spectra: Spectra,
    tones: Tones,
    pitch: Pitch,
    traits: VecDeque<Traits>,
}

impl Kinds {
    pub(super) fn new(rate: u32) -> Self {
        let spectra = Spectra::new(rate, WINDOW_MS, RATE);
        Self {
            tones: Tones::new(&spectra),
            pitch: Pitch::new(rate, &spectra),
            spectra,
            traits: VecDeque::from([Traits::default(); REACH]),
        }
    }

    /// Takes samples, and passes on the kind of every window with enough after it.
    pub(super) fn push(&mut self, samples: &[f32], found: &mut impl FnMut(Kind)) {
        let Self {
            spectra,
            tones,
            pitch,
            traits,
        } = self;
        spectra.push(samples, |power| {
            let level = decibels(power.iter().sum(), -120.0);
            let is_loud = level > FLOOR;
            let tonal = tones.next(power);
            traits.push_back(Traits {
                level,
                is_tonal: is_loud && tonal >= TONAL,
                is_voiced: is_loud && pitch.of(power) >= VOICED,
            });
        });
        self.judge(found);
    }

    /// Judges the last windows, as if silence followed.
    pub(super) fn finish(&mut self, found: &mut impl FnMut(Kind)) {
        let silence = Traits {
            level: -120.0,
            ..Traits::default()
        };
        self.traits.extend([silence; REACH]);
        self.judge(found);
    }

    fn judge(&mut self, found: &mut impl FnMut(Kind)) {
        while self.traits.len() > 2 * REACH {
            found(kind(self.traits.make_contiguous()));
            self.traits.pop_front();
        }
    }
}

/// What the window in the middle sounds like, by those around it.
fn kind(around: &[Traits]) -> Kind {
    let mut loud: Vec<&Traits> = around.iter().filter(|one| one.level > FLOOR).collect();
    // A moment in silence is neither.
    if loud.len() < REACH / 3 || around[REACH].level <= FLOOR - 15.0 {
        return Kind::default();
    }
    let count = loud.len() as f32;
    let share = |is: fn(&Traits) -> bool| loud.iter().filter(|one| is(one)).count() as f32 / count;
    let tonal = share(|one| one.is_tonal) >= MUSIC;
    let voiced = share(|one| one.is_voiced && !one.is_tonal);
    loud.sort_by(|a, b| a.level.total_cmp(&b.level));
    let range = loud[loud.len() * 9 / 10].level - loud[loud.len() / 10].level;
    Kind {
        tonal,
        speech: !tonal && voiced >= SPEECH && range >= MODULATION,
    }
}

/// Tones, and for how many windows each has been on its pitch.
struct Tones {
    from: usize,
    to: usize,
    /// Of the last window: where a tone is, in bins, and its age.
    last: Vec<(f32, u8)>,
}

impl Tones {
    fn new(spectra: &Spectra) -> Self {
        Self {
            from: spectra.bin(TONES.0).max(8),
            to: spectra.bin(TONES.1).saturating_sub(8),
            last: Vec::new(),
        }
    }

    /// The share of the power of the next window that is in sustained tones.
    fn next(&mut self, power: &[f32]) -> f32 {
        let mut tones = Vec::new();
        let (mut sustained, mut count) = (0.0, 0);
        for at in self.from..self.to {
            let here = power[at];
            if here <= power[at - 1] || here < power[at + 1] {
                continue;
            }
            // The geometric mean: other tones may be near, as in a chord.
            let around = power[at - 8..at - 2].iter().chain(&power[at + 3..at + 9]);
            let logs: f32 = around.map(|x| x.max(f32::MIN_POSITIVE).ln()).sum();
            if here < STANDS_OUT * (logs / 12.0).exp() {
                continue;
            }
            let place = at as f32 + offset(power[at - 1], here, power[at + 1]);
            let known = self
                .last
                .iter()
                .filter(|(last, _)| (last - place).abs() < 0.3);
            let age = known
                .map(|&(_, age)| age.saturating_add(1))
                .max()
                .unwrap_or(1);
            if age >= SUSTAINED {
                sustained += power[at - 2..=at + 2].iter().sum::<f32>();
                count += 1;
            }
            tones.push((place, age));
        }
        self.last = tones;
        let whole: f32 = power[self.from.min(power.len())..].iter().sum();
        // A single tone is a signal or a hum.
        if whole > 0.0 && count >= 2 {
            sustained / whole
        } else {
            0.0
        }
    }
}

/// Where the top of a peak is, in bins from the middle one: a parabola through the logarithms.
fn offset(left: f32, middle: f32, right: f32) -> f32 {
    let [left, middle, right] = [left, middle, right].map(|x| x.max(f32::MIN_POSITIVE).ln());
    let bend = left - 2.0 * middle + right;
    if bend < 0.0 {
        (0.5 * (left - right) / bend).clamp(-0.5, 0.5)
    } else {
        0.0
    }
}

/// Whether sound repeats itself at the pitch of a voice: the autocorrelation, as the transform of the power.
struct Pitch {
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Bins of the power that count.
    used: (usize, usize),
    /// Lags in samples.
    lags: (usize, usize),
    input: Vec<Complex<f32>>,
    output: Vec<f32>,
    scratch: Vec<Complex<f32>>,
    /// The autocorrelation of the window itself, which falls with the lag.
    taper: Vec<f32>,
}

impl Pitch {
    fn new(rate: u32, spectra: &Spectra) -> Self {
        let length = spectra.length();
        let inverse = RealFftPlanner::new().plan_fft_inverse(length);
        let lag = |hertz: u32| usize::try_from(rate / hertz.max(1)).unwrap_or(0);
        let mut pitch = Self {
            used: (spectra.bin(VOICE.0), spectra.bin(2000)),
            lags: (lag(VOICE.1), lag(VOICE.0).min(length / 2)),
            input: inverse.make_input_vec(),
            output: inverse.make_output_vec(),
            scratch: inverse.make_scratch_vec(),
            taper: Vec::new(),
            inverse,
        };
        pitch.taper = spectra.taper(pitch.lags.1);
        pitch
    }

    /// The largest autocorrelation at a pitch of a voice, 0 to 1.
    fn of(&mut self, power: &[f32]) -> f32 {
        self.input.fill(Complex::default());
        let (from, to) = self.used;
        for (x, power) in self.input[from..to].iter_mut().zip(&power[from..to]) {
            x.re = *power;
        }
        let done =
            self.inverse
                .process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch);
        debug_assert!(done.is_ok());
        let whole = self.output[0];
        if whole <= 0.0 {
            return 0.0;
        }
        let (from, to) = self.lags;
        let mut best = 0.0_f32;
        for lag in from.max(1)..to {
            let (last, here, next) = (self.output[lag - 1], self.output[lag], self.output[lag + 1]);
            if here > last && here >= next {
                best = best.max(here / whole / self.taper[lag]);
            }
        }
        best.min(1.0)
    }
}
