//! How a vector is stored: one sign per value to find candidates, eight bits per value to rank them, and sixteen
//! bits per value for the similarity that is shown.
//!
//! The signs are those of the rotated vector less the mean of its segment. For a query `q`, a mean `m` and a row
//! `x = m + r`, `q·x = q·m + q·r`, and `q·r` is estimated from the signs of `r` without bias (`RaBitQ`, Gao and
//! Long 2024, arXiv 2405.12497). The part of `q` along `m` is known exactly, because every row stores `r·m`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "quantised values are in range by construction"
)]

use super::kernel::dot;

/// Rows per block of codes.
pub(super) const BLOCK: usize = BLOCK_ROWS as usize;
/// The same as a number of rows.
pub(super) const BLOCK_ROWS: u32 = 32;
/// Entries of a table for four signs.
pub(super) const LUT: usize = 16;
/// The share of a random vector's length that its signs miss: sqrt(1 - 2/π).
const UNSAID: f32 = 0.603;
/// Number of standard deviations of an estimate's error that a candidate is given.
const DOUBT: f32 = 1.5;
/// Steps of a row's sixteen bits: 127 × 256, so that the high byte cannot overflow when it is rounded.
const STEPS: f32 = 32_512.0;
/// Steps of a query. Their products with bytes fit 32 bits up to 8,000 values.
const QUERY_STEPS: f32 = 2047.0;
/// How far a similarity from high bytes may be off, in steps of the row: four standard deviations of a uniform
/// error of 256 steps.
const ROUNDING: f32 = 300.0;

/// Stored rows.
#[derive(Debug, Default)]
pub(super) struct Quantized {
    /// High byte of each value, a row after another.
    pub(super) high: Vec<u8>,
    /// Low byte.
    pub(super) low: Vec<u8>,
    /// Size of one step of each row.
    pub(super) scales: Vec<f32>,
}

impl Quantized {
    /// Adds a rotated vector.
    pub(super) fn push(&mut self, rotated: &[f32]) {
        let most = rotated.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let scale = (most / STEPS).max(f32::MIN_POSITIVE);
        for value in rotated {
            let steps = (value / scale).round() as i16;
            let high = ((i32::from(steps) + 128) >> 8) as i8;
            let low = (i32::from(steps) - (i32::from(high) << 8)) as i8;
            self.high.push(high.cast_unsigned());
            self.low.push(low.cast_unsigned());
        }
        self.scales.push(scale);
    }
}

/// The values of a stored row.
pub(super) fn values<'a>(
    high: &'a [u8],
    low: &'a [u8],
    scale: f32,
) -> impl Iterator<Item = f32> + 'a {
    high.iter().zip(low).map(move |(high, low)| {
        let high = i32::from(high.cast_signed()) << 8;
        scale * (high + i32::from(low.cast_signed())) as f32
    })
}

/// The mean of a segment's rows.
#[derive(Debug)]
pub(super) struct Mean {
    pub(super) values: Vec<f32>,
    /// Its length, or 1 if it is 0.
    length: f32,
}

/// The signs of a row, and what an estimate needs beside them.
pub(super) struct Signs {
    /// One bit per value, four in a byte.
    pub(super) groups: Vec<u8>,
    /// Multiplies the sum of the query's values with these signs.
    pub(super) factor: f32,
    /// The part of the row's residual along the mean.
    pub(super) offset: f32,
}

impl Mean {
    pub(super) fn new(values: Vec<f32>) -> Self {
        let length = dot(&values, &values).sqrt();
        Self {
            values,
            length: if length > 1e-6 { length } else { 1.0 },
        }
    }

    /// The signs of a row.
    pub(super) fn signs(&self, row: impl Iterator<Item = f32>) -> Signs {
        let residual: Vec<f32> = row.zip(&self.values).map(|(x, mean)| x - mean).collect();
        let length = dot(&residual, &residual);
        let sum: f32 = residual.iter().map(|x| x.abs()).sum();
        let group = |values: &[f32]| {
            let bits = values.iter().enumerate();
            bits.fold(0, |code, (bit, value)| {
                code | u8::from(*value >= 0.0) << bit
            })
        };
        Signs {
            groups: residual.chunks(4).map(group).collect(),
            // |r| / (cos·sqrt(n)), where cos is that of the angle between r and its signs.
            factor: if sum > 0.0 { length / sum } else { 0.0 },
            offset: dot(&residual, &self.values) / self.length,
        }
    }
}

/// A query, rotated, and in whole steps.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) values: Vec<f32>,
    pub(super) steps: Vec<i16>,
    /// Size of a step, for dot products with high bytes.
    pub(super) step: f32,
}

impl Query {
    pub(super) fn new(rotated: Vec<f32>) -> Self {
        let most = rotated.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let step = if most > 0.0 { most / QUERY_STEPS } else { 1.0 };
        Self {
            steps: rotated.iter().map(|x| (x / step).round() as i16).collect(),
            step: step * 256.0,
            values: rotated,
        }
    }
}

/// A query's table for the signs of one segment.
#[derive(Debug)]
pub(super) struct Table {
    /// [`LUT`] bytes for each group of four values.
    pub(super) bytes: Vec<u8>,
    pub(super) base: f32,
    pub(super) slope: f32,
    pub(super) step: f32,
    pub(super) bias: f32,
    /// How far an estimate may be too low, relative to the row's factor.
    pub(super) doubt: f32,
}

impl Table {
    pub(super) fn new(query: &Query, mean: &Mean) -> Self {
        let base = dot(&query.values, &mean.values);
        let slope = base / mean.length;
        let along = query.values.iter().zip(&mean.values);
        let rest: Vec<f32> = along.map(|(q, m)| q - slope * m / mean.length).collect();
        let mut entries = Vec::with_capacity(rest.len() / 4 * LUT);
        let (mut bias, mut range) = (0.0, 0.0_f32);
        for group in rest.as_chunks::<4>().0 {
            let entry = |code: usize| -> f32 {
                let signed = |(bit, value): (usize, &f32)| match code >> bit & 1 {
                    1 => *value,
                    _ => -*value,
                };
                group.iter().enumerate().map(signed).sum()
            };
            let span: f32 = group.iter().map(|value| value.abs()).sum();
            entries.extend((0..LUT).map(|code| entry(code) + span));
            bias -= span;
            range = range.max(2.0 * span);
        }
        // A row's sum must fit 16 bits.
        let most = (f32::from(u16::MAX) / (rest.len() / 4) as f32)
            .min(255.0)
            .floor();
        let step = if range > 0.0 { range / most } else { 1.0 };
        Self {
            bytes: entries
                .iter()
                .map(|entry| (entry / step).round() as u8)
                .collect(),
            base,
            slope,
            step,
            bias,
            doubt: DOUBT * UNSAID * dot(&rest, &rest).sqrt(),
        }
    }
}

/// How far a similarity from the high bytes of a row may be off.
pub(super) fn rounding(scale: f32) -> f32 {
    ROUNDING * scale
}

#[cfg(test)]
mod tests {
    use super::super::rotation::rotated;
    use super::*;

    #[test]
    fn a_stored_row_keeps_six_digits() {
        let vector: Vec<f32> = (0..384).map(|n| (n as f32 * 0.7).sin() / 14.0).collect();
        let rotated = rotated(&vector);
        let mut rows = Quantized::default();
        rows.push(&rotated);
        rows.push(&vec![0.0; rotated.len()]);
        let back = values(&rows.high[..384], &rows.low[..384], rows.scales[0]);
        for (value, back) in rotated.iter().zip(back) {
            assert!((value - back).abs() <= rows.scales[0] * 0.51);
        }
        assert!(values(&rows.high[384..], &rows.low[384..], rows.scales[1]).all(|x| x == 0.0));
    }

    #[test]
    fn an_estimate_is_right_on_average_and_its_doubt_is_true() {
        let mut state = 7_u64;
        let mut noise = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        let mut unit = |around: f32| {
            let vector: Vec<f32> = (0..384).map(|_| noise() + around).collect();
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            rotated(&vector.iter().map(|x| x / length).collect::<Vec<_>>())
        };
        let rows: Vec<Vec<f32>> = (0..2000).map(|_| unit(0.2)).collect();
        let mean = (0..384).map(|at| rows.iter().map(|row| row[at]).sum::<f32>() / 2000.0);
        let mean = Mean::new(mean.collect());
        let query = Query::new(unit(0.1));
        let table = Table::new(&query, &mean);
        let (mut sum, mut missed) = (0.0, 0);
        for row in &rows {
            let signs = mean.signs(row.iter().copied());
            let looked: u32 = (0..)
                .zip(&signs.groups)
                .map(|(group, code)| u32::from(table.bytes[group * LUT + usize::from(*code)]))
                .sum();
            let estimate = table.base
                + table.slope * signs.offset
                + signs.factor * (looked as f32 * table.step + table.bias);
            let error = dot(&query.values, row) - estimate;
            sum += error;
            missed += usize::from(error > signs.factor * table.doubt);
        }
        assert!((sum / 2000.0).abs() < 0.003, "{sum}");
        // 6.7 % of a normal distribution are beyond 1.5 standard deviations.
        assert!((90..=180).contains(&missed), "{missed}");
    }
}
