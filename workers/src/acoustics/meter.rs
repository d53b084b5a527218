//! How loud sound is: ITU-R BS.1770-4, as EBU R 128 uses it.
//!
//! The crate `ebur128` weights the samples and the channels. What is kept is the weighted mean square of each tenth of a second.
//! Momentary and integrated loudness of any stretch follow from it, because their blocks of 400 ms begin every 100 ms.

use ebur128::{Channel, EbuR128, Mode};

/// The loudness of a weighted mean square of 1, in LUFS.
const OFFSET: f32 = -0.691;
/// Tenths of a second in a block.
const BLOCK: usize = 4;
/// Blocks below this are never counted, in LUFS.
const ABSOLUTE_GATE: f32 = -70.0;
/// Blocks that are quieter than the mean by more than this are not counted, in LU.
const RELATIVE_GATE: f32 = -10.0;

/// Weights samples.
pub(super) struct Meter {
    ebur: EbuR128,
    /// Whether a channel counts at all. That of low effects does not.
    counted: Vec<bool>,
}

impl Meter {
    /// A meter of channels at the positions in `mask`, as FFmpeg and `WAVEFORMATEXTENSIBLE` number them; `None` if there is
    /// no such sound.
    pub(super) fn new(rate: u32, mask: u64) -> Option<Self> {
        let map = channels(mask);
        let channels = u32::try_from(map.len()).ok()?;
        let mut ebur = EbuR128::new(channels, rate, Mode::M | Mode::TRUE_PEAK).ok()?;
        ebur.set_channel_map(&map).ok()?;
        let counted = map.iter().map(|&one| one != Channel::Unused).collect();
        Some(Self { ebur, counted })
    }

    /// Whether each channel counts.
    pub(super) fn counted(&self) -> &[bool] {
        &self.counted
    }

    /// The weighted mean square of a tenth of a second, and its true peak.
    pub(super) fn tenth(&mut self, planes: &[&[f32]]) -> (f32, f32) {
        if self.ebur.add_frames_planar_f32(planes).is_err() {
            return (0.0, 0.0);
        }
        let loudness = self.ebur.loudness_window(100).unwrap_or(f64::NEG_INFINITY);
        let peaks = (0..self.ebur.channels()).map(|n| {
            let known = self.ebur.prev_true_peak(n).unwrap_or(0.0);
            known.max(self.ebur.prev_sample_peak(n).unwrap_or(0.0))
        });
        let peak = peaks.fold(0.0, f64::max);
        (power(narrow(loudness)), narrow(peak))
    }
}

/// The positions of channels in the order of their bits.
fn channels(mask: u64) -> Vec<Channel> {
    let bits = (0..u64::BITS).filter(|bit| mask >> bit & 1 == 1);
    let has_sides = mask & 0x600 != 0;
    bits.map(|bit| match bit {
        0 => Channel::Left,
        1 => Channel::Right,
        2 => Channel::Center,
        3 | 35 => Channel::Unused,
        // The surround channels of 5.1 are called back or side. Beside those at the side, those at the back are behind.
        4 if has_sides => Channel::Mp135,
        5 if has_sides => Channel::Mm135,
        4 => Channel::LeftSurround,
        5 => Channel::RightSurround,
        6 => Channel::MpSC,
        7 => Channel::MmSC,
        8 => Channel::Mp180,
        9 => Channel::Mp090,
        10 => Channel::Mm090,
        11 => Channel::Tp000,
        12 => Channel::Up045,
        13 => Channel::Up000,
        14 => Channel::Um045,
        15 => Channel::Up135,
        16 => Channel::Up180,
        17 => Channel::Um135,
        _ => Channel::Center,
    })
    .collect()
}

/// The loudness of a weighted mean square, in LUFS; `None` for silence.
pub(super) fn loudness(power: f32) -> Option<f32> {
    (power > 0.0).then(|| OFFSET + 10.0 * power.log10())
}

/// The weighted mean square of a loudness in LUFS.
pub(super) fn power(loudness: f32) -> f32 {
    10_f32.powf((loudness - OFFSET) / 10.0)
}

/// Mean squares of blocks of 400 ms that begin every 100 ms; of the whole if it is shorter.
fn blocks(tenths: &[f32]) -> Vec<f32> {
    tenths
        .windows(BLOCK.min(tenths.len()).max(1))
        .map(mean)
        .collect()
}

/// The integrated loudness of consecutive tenths of a second, gated, in LUFS; `None` if nothing passes the gates. A stretch of
/// less than 400 ms is one block.
pub(super) fn integrated(tenths: &[f32]) -> Option<f32> {
    let mut loud = blocks(tenths);
    loud.retain(|&block| block > power(ABSOLUTE_GATE));
    let gate = power(loudness(mean(&loud))? + RELATIVE_GATE);
    loud.retain(|&block| block > gate);
    loudness(mean(&loud))
}

/// The loudest momentary loudness of consecutive tenths of a second, in LUFS; `None` for silence.
pub(super) fn loudest(tenths: &[f32]) -> Option<f32> {
    loudness(blocks(tenths).into_iter().fold(0.0, f32::max))
}

fn mean(values: &[f32]) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let sum: f64 = values.iter().copied().map(f64::from).sum();
    narrow(sum / values.len() as f64)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "levels need no more digits"
)]
const fn narrow(value: f64) -> f32 {
    value as f32
}
