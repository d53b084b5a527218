//! Sums up what was heard in shots.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::meter::{integrated, loudest, power};
use super::{Heard, Tenth};

/// Sound that is quieter than this is silence, in LUFS.
const SILENCE: f32 = -60.0;

/// What is heard in a shot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShotSound {
    /// Integrated loudness in LUFS (EBU R 128, gated); null if nothing passes the gate.
    #[schema(example = -23.0)]
    pub loudness: Option<f32>,
    /// The loudest momentary loudness (400 ms) in LUFS; null in silence.
    #[schema(example = -18.2)]
    pub loudest: Option<f32>,
    /// True peak in dBTP; null without any sound.
    #[schema(example = -1.2)]
    pub peak: Option<f32>,
    /// The share of the time that is quieter than -60 LUFS, 0 to 1.
    pub silence: f32,
    /// The share of the time that resembles speech, 0 to 1.
    pub speech: f32,
    /// The share of the time that resembles music, 0 to 1.
    pub music: f32,
    /// Sounds that begin suddenly.
    pub onsets: u32,
    /// Sounds that begin suddenly and far above what was heard before.
    pub bangs: u32,
}

/// What is heard in each of `shots`, given by their start and end in milliseconds from the start of the file. Shots follow each
/// other.
#[must_use]
pub fn fold(heard: &Heard, shots: &[(u64, u64)]) -> Vec<ShotSound> {
    shots.iter().map(|&shot| summed(heard, shot)).collect()
}

/// Tenths of a second belong to the shot in which their middle is. A shot that is shorter has the one of its own middle.
fn summed(heard: &Heard, (start, end): (u64, u64)) -> ShotSound {
    let first = (start + 49) / 100;
    let mut range = first..((end + 49) / 100).max(first);
    if range.is_empty() {
        let middle = (start + end) / 200;
        range = middle..middle + 1;
    }
    let from = heard.tenths.partition_point(|one| one.at < range.start);
    let to = heard.tenths.partition_point(|one| one.at < range.end);
    let tenths = &heard.tenths[from..to];
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    // What is missing is silence.
    let mut powers: Vec<f32> = Vec::new();
    for at in range {
        let known = tenths.binary_search_by_key(&at, |one| one.at);
        powers.push(known.map_or(0.0, |known| tenths[known].power));
    }
    let loud = power(SILENCE);
    let share = |count: usize| count as f32 / length as f32;
    let of = |is: fn(&Tenth) -> bool| share(tenths.iter().filter(|one| is(one)).count());
    let peak = tenths.iter().map(|one| one.peak).fold(0.0, f32::max);
    let onsets = tenths.iter().map(|one| u32::from(one.onsets));
    let bangs = heard.bangs.iter();
    let bangs = bangs.filter(|bang| (start..end).contains(&bang.ms)).count();
    ShotSound {
        loudness: integrated(&powers),
        loudest: loudest(&powers),
        peak: (peak > 0.0).then(|| 20.0 * peak.log10()),
        silence: share(powers.iter().filter(|&&power| power < loud).count()),
        speech: of(|one| one.speech),
        music: of(|one| one.music),
        onsets: onsets.sum(),
        bangs: u32::try_from(bangs).unwrap_or(u32::MAX),
    }
}
