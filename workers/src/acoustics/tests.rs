use std::f32::consts::TAU;

use super::*;

const MONO: u64 = 0x4;
const STEREO: u64 = 0x3;

/// White noise from -1 to 1 (Marsaglia's xorshift).
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as f32 / (u32::MAX / 2) as f32 - 1.0
    }
}

/// Seconds of sound at a rate, from a function of the time.
fn sound(rate: u32, seconds: f32, mut at: impl FnMut(f32) -> f32) -> Vec<f32> {
    let count = (0..).take_while(|&n| n as f32 / (rate as f32) < seconds);
    count.map(|n: u32| at(n as f32 / rate as f32)).collect()
}

/// Listens to planes in pieces of a size that fits nothing.
fn heard(rate: u32, mask: u64, planes: &[Vec<f32>]) -> Heard {
    let mut listener = Listener::new(rate, mask).unwrap();
    let mut all = Heard::default();
    let mut from = 0;
    while from < planes[0].len() {
        let to = (from + 1777).min(planes[0].len());
        let piece: Vec<Vec<f32>> = planes
            .iter()
            .map(|plane| plane[from..to].to_vec())
            .collect();
        listener.push(from as u64, &piece);
        let Heard { tenths, bangs } = listener.take();
        all.tenths.extend(tenths);
        all.bangs.extend(bangs);
        from = to;
    }
    let Heard { tenths, bangs } = listener.finish();
    all.tenths.extend(tenths);
    all.bangs.extend(bangs);
    all
}

fn whole(heard: &Heard) -> ShotSound {
    let end = heard.tenths.last().map_or(0, |last| last.at * 100 + 100);
    fold(heard, &[(0, end)])[0]
}

fn sine(rate: u32, seconds: f32, decibels: f32) -> Vec<f32> {
    let level = 10_f32.powf(decibels / 20.0);
    sound(rate, seconds, |t| level * (TAU * 1000.0 * t).sin())
}

fn near(found: Option<f32>, wanted: f32) {
    let found = found.unwrap();
    assert!((found - wanted).abs() <= 0.1, "{found} is not {wanted}");
}

/// EBU Tech 3341, tests 1 to 3: the calibration, and the gate.
#[test]
fn loudness_is_that_of_the_standard() {
    for (rate, level) in [
        (48_000, -23.0),
        (48_000, -33.0),
        (44_100, -23.0),
        (8000, -23.0),
    ] {
        let tone = sine(rate, 5.0, level);
        let found = whole(&heard(rate, STEREO, &[tone.clone(), tone]));
        near(found.loudness, level);
        near(found.loudest, level);
        near(found.peak, level);
    }
    let parts = [(10.0, -36.0), (60.0, -23.0), (10.0, -36.0)];
    let tone: Vec<f32> = parts
        .into_iter()
        .flat_map(|(seconds, level)| sine(48_000, seconds, level))
        .collect();
    near(
        whole(&heard(48_000, STEREO, &[tone.clone(), tone])).loudness,
        -23.0,
    );
}

/// EBU Tech 3341, test 6, and ITU-R BS.1770-4, table 4: the weights of channels.
#[test]
fn channels_weigh_as_they_are_placed() {
    let [front, centre, back] = [-28.0, -24.0, -30.0].map(|level| sine(48_000, 3.0, level));
    let low = sine(48_000, 3.0, 0.0);
    let planes = [&front, &front, &centre, &low, &back, &back].map(Clone::clone);
    // The surround channels at the back, and at the side.
    for mask in [0x3f, 0x60f] {
        near(whole(&heard(48_000, mask, &planes)).loudness, -23.0);
    }
    // Of 7.1, those at the side count for 1.5 dB more than those behind.
    let silent = vec![0.0; front.len()];
    let only = |at: usize| {
        let mut planes = vec![silent.clone(); 8];
        planes[at] = centre.clone();
        whole(&heard(48_000, 0x63f, &planes)).loudness.unwrap()
    };
    assert!((only(6) - only(4) - 1.49).abs() < 0.05);
    assert!((only(2) - only(4)).abs() < 0.05);
    assert_eq!(Listener::new(48_000, 0).map(|_| ()), None);
}

/// Sounds that bang, by the time since they began.
fn bangs_of(kind: &str, t: f32, noise: &mut Noise) -> f32 {
    let decay = |seconds: f32| (-t / seconds).exp();
    match kind {
        "gunshot" => noise.next() * (0.5 * decay(0.02) + 0.2 * decay(0.15)),
        "explosion" => noise.next() * (0.5 * decay(0.08) + 0.12 * decay(0.6)),
        "slam" => {
            let thud = (TAU * 95.0 * t).sin() + (TAU * 210.0 * t).sin() + (TAU * 330.0 * t).sin();
            0.2 * thud * decay(0.07) + 0.15 * noise.next() * decay(0.012)
        }
        _ => 0.5 * noise.next() * decay(0.012),
    }
}

#[test]
fn bangs_are_found_where_they_are() {
    let times = [2.13, 5.5, 9.874];
    for kind in ["gunshot", "explosion", "slam", "clap"] {
        for rate in [48_000, 8000] {
            let mut noise = Noise(7);
            let sound = sound(rate, 13.0, |t| {
                let begun = times.iter().rev().find(|&&at| at <= t);
                let bang = begun.map_or(0.0, |at| bangs_of(kind, t - at, &mut noise));
                bang + 0.004 * noise.next()
            });
            let found = heard(rate, MONO, &[sound]).bangs;
            assert_eq!(found.len(), times.len(), "{kind} at {rate}: {found:?}");
            for (bang, at) in found.iter().zip(times) {
                let off = (bang.ms as f32 / 1000.0 - at).abs();
                assert!(off <= 0.1, "{kind} at {rate}: {found:?}");
                assert!(bang.rise > 10.0, "{found:?}");
            }
        }
    }
}

#[test]
fn neither_a_fade_nor_noise_that_stays_is_a_bang() {
    let mut noise = Noise(3);
    // It begins suddenly at 3 s and stays; another one fades in within half a second.
    let stays = sound(48_000, 8.0, |t| {
        noise.next() * if t < 3.0 { 0.002 } else { 0.3 }
    });
    let fades = sound(48_000, 8.0, |t| {
        noise.next() * ((t - 3.0) * 2.0).clamp(0.01, 1.0) * 0.3
    });
    for sound in [stays, fades] {
        let found = heard(48_000, MONO, &[sound]).bangs;
        assert_eq!(found, []);
    }
}

#[test]
fn chords_are_music_and_noise_is_neither_speech_nor_music() {
    let chord = |t: f32, root: f32| -> f32 {
        let notes = [1.0, 1.26, 1.5].map(|step| root * step);
        let partials = notes
            .iter()
            .flat_map(|note| (1..5).map(move |n| (note, n as f32)));
        partials
            .map(|(note, n)| (TAU * note * n * t).sin() / n)
            .sum::<f32>()
            * 0.05
    };
    let music = sound(48_000, 12.0, |t| {
        let roots = [(4.0, 220.0), (8.0, 294.0), (12.0, 247.0)];
        let root = roots.into_iter().find(|&(end, _)| t < end);
        root.map_or(0.0, |(_, root)| chord(t, root))
    });
    let music = whole(&heard(48_000, MONO, &[music]));
    assert!(music.music > 0.8 && music.speech < 0.1, "{music:?}");
    let mut noise = Noise(5);
    let noise = sound(48_000, 12.0, |_| 0.1 * noise.next());
    let noise = whole(&heard(48_000, MONO, &[noise]));
    assert!(noise.music < 0.1 && noise.speech < 0.1, "{noise:?}");
    let silence = whole(&heard(48_000, MONO, &[vec![0.0; 96_000]]));
    assert_eq!(
        (silence.silence, silence.loudness, silence.peak),
        (1.0, None, None)
    );
    assert_eq!(
        (silence.music, silence.speech, silence.bangs),
        (0.0, 0.0, 0)
    );
}

#[test]
fn what_is_missing_is_silence() {
    let mut listener = Listener::new(48_000, MONO).unwrap();
    // It starts 2 s late, and 1000 s are missing.
    listener.push(96_000, &[sine(48_000, 3.0, -20.0)]);
    listener.push(1_005 * 48_000, &[sine(48_000, 2.0, -20.0)]);
    let heard = listener.finish();
    assert!(heard.tenths.len() < 200, "{}", heard.tenths.len());
    let shots = [
        (0, 2000),
        (2000, 5000),
        (5000, 1_005_000),
        (1_005_000, 1_007_000),
        (9_000_000, 9_001_000),
    ];
    let shots = fold(&heard, &shots);
    // One channel is 3 dB quieter than two.
    let silent: Vec<bool> = shots.iter().map(|shot| shot.silence > 0.99).collect();
    assert_eq!(silent, [true, false, true, false, true]);
    near(shots[1].loudness, -23.0);
    near(shots[3].loudness, -23.0);
    // A shot of one frame has a level too.
    near(fold(&heard, &[(3000, 3040)])[0].loudness, -23.0);
}

#[test]
fn a_sample_that_is_no_number_spoils_nothing() {
    let mut plane = sine(48_000, 4.0, -23.0);
    let wanted = whole(&heard(48_000, MONO, std::slice::from_ref(&plane)));
    plane[1000] = f32::NAN;
    plane[2000] = f32::INFINITY;
    let found = heard(48_000, MONO, std::slice::from_ref(&plane));
    near(whole(&found).loudness, wanted.loudness.unwrap());
    plane[3000] = 1e25;
    let found = heard(48_000, MONO, &[plane]);
    assert!(found.bangs.iter().all(|bang| bang.rise.is_finite()));
    assert!(whole(&found).peak.is_some_and(f32::is_finite));
}

#[test]
fn sound_of_a_very_low_rate_is_measured() {
    let found = heard(300, MONO, &[sound(300, 3.0, |t| (TAU * 40.0 * t).sin())]);
    assert!(!found.tenths.is_empty());
}
