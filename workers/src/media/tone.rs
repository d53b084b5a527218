//! Converts pictures of high dynamic range (PQ and HLG of ITU-R BT.2100-2) to standard range (BT.709).
//!
//! Light is that of a display of 1000 cd/m², the nominal one of BT.2100. Reference white, 203 cd/m² (ITU-R
//! BT.2408), becomes the white of standard range. Brighter light is compressed below it by the EETF of ITU-R
//! BT.2390-10 (5.4), separately per primary. Colours are then converted to BT.709 and clipped, and samples
//! follow BT.1886 for a display with zero black. The mastering display's metadata are ignored: videos often
//! state wrong values, and the same light should look the same in all videos.

use ffmpeg_next::color::{Primaries, TransferCharacteristic};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

/// Peak luminance in cd/m².
const PEAK: f64 = 1000.0;

/// Luminance of white in standard range, in cd/m².
const WHITE: f64 = 203.0;

/// Steps of the tables, over a root of the light.
const STEPS: u16 = 4095;

/// Linear BT.2020 to linear BT.709 (ITU-R BT.2407-0, 2.2).
const OF_BT2020: [[f32; 3]; 3] = [
    [1.660_491, -0.587_641, -0.072_85],
    [-0.124_55, 1.132_9, -0.008_35],
    [-0.018_151, -0.100_579, 1.118_73],
];

/// Linear P3 with a D65 white (SMPTE EG 432-1) to linear BT.709.
const OF_P3: [[f32; 3]; 3] = [
    [1.224_94, -0.224_94, 0.0],
    [-0.042_057, 1.042_057, 0.0],
    [-0.019_638, -0.078_636, 1.098_274],
];

const OF_BT709: [[f32; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// A transfer characteristic of high dynamic range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    /// SMPTE ST 2084.
    Pq,
    /// ARIB STD-B67.
    Hlg,
}

/// The meaning of samples of high dynamic range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bright {
    pub(super) transfer: Transfer,
    pub(super) primaries: Primaries,
}

impl Bright {
    /// `None` for a picture of standard range.
    pub(super) fn of(picture: &frame::Video) -> Option<Self> {
        let transfer = picture.color_transfer_characteristic();
        let transfer = if transfer == TransferCharacteristic::SMPTE2084 {
            Transfer::Pq
        } else if transfer == TransferCharacteristic::ARIB_STD_B67 {
            Transfer::Hlg
        } else {
            return None;
        };
        Some(Self {
            transfer,
            primaries: picture.color_primaries(),
        })
    }
}

/// Converts planar RGB of 16 bits to standard range.
pub(super) struct ToneMap {
    transfer: Transfer,
    matrix: [[f32; 3]; 3],
    /// By sample: for PQ the compressed light, where white is 1; for HLG the scene light.
    light: Vec<f32>,
    /// By the fourth root of the light, where the peak is 1: the compressed light.
    compressed: Vec<f32>,
    /// By the square root of the light: the sample.
    samples: Vec<u8>,
}

impl ToneMap {
    pub(super) fn new(bright: Bright) -> Self {
        let Bright {
            transfer,
            primaries,
        } = bright;
        let matrix = if primaries == Primaries::BT709 {
            OF_BT709
        } else if primaries == Primaries::SMPTE432 {
            OF_P3
        } else {
            OF_BT2020
        };
        let light = (0..=u16::MAX).map(|code| {
            let signal = f64::from(code) / f64::from(u16::MAX);
            narrow(match transfer {
                Transfer::Pq => compress(pq_light(signal)),
                Transfer::Hlg => hlg_scene(signal),
            })
        });
        let steps = || (0..=STEPS).map(|step| f64::from(step) / f64::from(STEPS));
        Self {
            transfer,
            matrix,
            light: light.collect(),
            compressed: steps()
                .map(|root| narrow(compress(PEAK * root.powi(4))))
                .collect(),
            samples: steps()
                .map(|root| sample(root.powi(2).powf(1.0 / 2.4)))
                .collect(),
        }
    }

    /// The picture in 8-bit RGB; `None` if it is not planar RGB of 16 bits.
    pub(super) fn apply(&self, picture: &frame::Video) -> Option<frame::Video> {
        if picture.format() != Pixel::GBRP16LE {
            return None;
        }
        let (width, height) = (picture.width(), picture.height());
        let mut mapped = frame::Video::new(Pixel::RGB24, width, height);
        let stride = mapped.stride(0);
        let rows = mapped.data_mut(0).chunks_exact_mut(stride);
        for (y, row) in rows.take(height as usize).enumerate() {
            let line = |plane: usize| {
                let start = y * picture.stride(plane);
                let line = picture.data(plane).get(start..)?;
                Some(line.as_chunks::<2>().0)
            };
            let (green, blue, red) = (line(0)?, line(1)?, line(2)?);
            let (pixels, _) = row.as_chunks_mut::<3>();
            let samples = red.iter().zip(green).zip(blue);
            for (pixel, ((&r, &g), &b)) in pixels.iter_mut().take(width as usize).zip(samples) {
                *pixel = self.pixel([r, g, b].map(u16::from_le_bytes));
            }
        }
        Some(mapped)
    }

    fn pixel(&self, signal: [u16; 3]) -> [u8; 3] {
        let mut light = signal.map(|code| self.light[usize::from(code)]);
        if self.transfer == Transfer::Hlg {
            // BT.2100-2, table 5: the system gamma of a display of 1000 cd/m² is 1.2.
            let [r, g, b] = light;
            let gain = (0.2627 * r + 0.678 * g + 0.0593 * b).powf(0.2);
            light = light.map(|scene| {
                let root = (scene * gain).sqrt().sqrt();
                self.compressed[place(root)]
            });
        }
        let [r, g, b] = light;
        self.matrix.map(|[x, y, z]| {
            let light = (x * r + y * g + z * b).clamp(0.0, 1.0);
            self.samples[place(light.sqrt())]
        })
    }
}

/// The light of a PQ signal in cd/m² (BT.2100-2, table 4).
fn pq_light(signal: f64) -> f64 {
    let power = signal.powf(1.0 / PQ_M2);
    let ratio = (power - PQ_C1).max(0.0) / (PQ_C2 - PQ_C3 * power);
    10_000.0 * ratio.powf(1.0 / PQ_M1)
}

/// The PQ signal of light.
fn pq_signal(light: f64) -> f64 {
    let power = (light / 10_000.0).powf(PQ_M1);
    ((PQ_C1 + PQ_C2 * power) / (1.0 + PQ_C3 * power)).powf(PQ_M2)
}

const PQ_M1: f64 = 2610.0 / 16384.0;
const PQ_M2: f64 = 2523.0 / 32.0;
const PQ_C1: f64 = 3424.0 / 4096.0;
const PQ_C2: f64 = 2413.0 / 128.0;
const PQ_C3: f64 = 2392.0 / 128.0;

/// The scene light, from 0 to 1, of an HLG signal (BT.2100-2, table 5).
fn hlg_scene(signal: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 0.284_668_92;
    const C: f64 = 0.559_910_73;
    if signal <= 0.5 {
        signal * signal / 3.0
    } else {
        (((signal - C) / A).exp() + B) / 12.0
    }
}

/// Light in cd/m² converted to standard range, where white is 1 (BT.2390-10, 5.4, for zero black).
fn compress(light: f64) -> f64 {
    let peak = pq_signal(PEAK);
    let white = pq_signal(WHITE) / peak;
    let knee = 1.5 * white - 0.5;
    let signal = (pq_signal(light) / peak).min(1.0);
    let signal = if signal < knee {
        signal
    } else {
        let t = (signal - knee) / (1.0 - knee);
        let (t2, t3) = (t * t, t * t * t);
        (2.0 * t3 - 3.0 * t2 + 1.0) * knee
            + (t3 - 2.0 * t2 + t) * (1.0 - knee)
            + (3.0 * t2 - 2.0 * t3) * white
    };
    pq_light(signal * peak) / WHITE
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
const fn narrow(value: f64) -> f32 {
    value as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 255"
)]
fn sample(share: f64) -> u8 {
    (share * 255.0).round() as u8
}

/// The index in a table for a root from 0 to 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the table"
)]
fn place(root: f32) -> usize {
    (root.clamp(0.0, 1.0) * f32::from(STEPS)).round() as usize
}
