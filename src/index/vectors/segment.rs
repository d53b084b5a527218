//! An immutable set of rows: the vectors and frames of some assets' shots.
//!
//! A segment is a run of bytes, in memory or mapped from a file, laid out as [`Layout`] says. The rows of an asset
//! stand together, in the order of its shots.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;

use tantivy::directory::OwnedBytes;

use super::codes::{BLOCK, LUT, Mean, Quantized, values};
use super::layout::{ASSET, Layout, Part, SPAN};
use crate::catalog::{AssetId, ShotId};

/// The rows of one asset, on their way into a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct AssetRows<'a> {
    pub(super) asset: &'a AssetId,
    /// [`SPAN`] bytes per row.
    pub(super) spans: &'a [u8],
    pub(super) high: &'a [u8],
    pub(super) low: &'a [u8],
    pub(super) scales: &'a [f32],
}

/// The rows of one asset that are not in a segment yet.
#[derive(Debug)]
pub(super) struct NewAsset {
    pub(super) asset: AssetId,
    spans: Vec<u8>,
    rows: Quantized,
}

impl NewAsset {
    /// Rows of shots, given by their frames, and rotated vectors.
    pub(super) fn new(
        asset: AssetId,
        shots: &[(u64, u64)],
        rotated: impl Iterator<Item = Vec<f32>>,
    ) -> Self {
        let mut rows = Quantized::default();
        rotated.for_each(|vector| rows.push(&vector));
        let frames = shots.iter().flat_map(|&(start, end)| [start, end]);
        Self {
            asset,
            spans: frames.flat_map(u64::to_le_bytes).collect(),
            rows,
        }
    }

    pub(super) fn rows(&self) -> AssetRows<'_> {
        AssetRows {
            asset: &self.asset,
            spans: &self.spans,
            high: &self.rows.high,
            low: &self.rows.low,
            scales: &self.rows.scales,
        }
    }
}

/// Where the bytes of a segment are written.
pub(super) trait Target {
    /// Writes `bytes` from byte `at` on.
    fn write(&mut self, at: usize, bytes: &[u8]) -> io::Result<()>;
}

impl Target for Vec<u8> {
    fn write(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        if self.len() < at + bytes.len() {
            self.resize(at + bytes.len(), 0);
        }
        self[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

/// Writes a segment of `assets`, whose rows have `width` values, and returns its layout.
pub(super) fn write(
    width: usize,
    assets: &[AssetRows<'_>],
    target: &mut impl Target,
) -> io::Result<Layout> {
    let layout = Layout {
        width,
        rows: assets.iter().map(|asset| asset.scales.len()).sum(),
        assets: assets.len(),
    };
    let mean = mean(width, assets, layout.rows);
    let mut at = Part::ALL.map(|part| layout.range(part).start);
    let mut put = |part: Part, bytes: &[u8]| -> io::Result<()> {
        let place = &mut at[part as usize];
        target.write(*place, bytes)?;
        *place += bytes.len();
        Ok(())
    };
    put(Part::Mean, &bytes_of(&mean.values))?;
    let mut block = Block::new(layout);
    for asset in assets {
        let mut entry = [0; ASSET];
        let name = asset.asset.as_str().as_bytes();
        entry[..name.len()].copy_from_slice(name);
        let count = u32::try_from(asset.scales.len()).map_err(io::Error::other)?;
        entry[ASSET - 4..].copy_from_slice(&count.to_le_bytes());
        put(Part::Assets, &entry)?;
        put(Part::Spans, asset.spans)?;
        put(Part::High, asset.high)?;
        put(Part::Low, asset.low)?;
        put(Part::Scales, &bytes_of(asset.scales))?;
        for (row, &scale) in asset.scales.iter().enumerate() {
            let at = row * width..(row + 1) * width;
            block.add(
                &mean,
                values(&asset.high[at.clone()], &asset.low[at], scale),
            );
            if block.rows == BLOCK {
                block.put(&mut put)?;
            }
        }
    }
    if block.rows > 0 {
        block.put(&mut put)?;
    }
    Ok(layout)
}

/// Codes on their way into a segment.
struct Block {
    codes: Vec<u8>,
    factors: [f32; BLOCK],
    offsets: [f32; BLOCK],
    rows: usize,
}

impl Block {
    fn new(layout: Layout) -> Self {
        Self {
            codes: vec![0; layout.block()],
            factors: [0.0; BLOCK],
            offsets: [0.0; BLOCK],
            rows: 0,
        }
    }

    fn add(&mut self, mean: &Mean, row: impl Iterator<Item = f32>) {
        let signs = mean.signs(row);
        let (lane, half) = (self.rows % LUT, 4 * (self.rows / LUT));
        for (group, code) in signs.groups.iter().enumerate() {
            self.codes[group * LUT + lane] |= code << half;
        }
        self.factors[self.rows] = signs.factor;
        self.offsets[self.rows] = signs.offset;
        self.rows += 1;
    }

    fn put(&mut self, put: &mut impl FnMut(Part, &[u8]) -> io::Result<()>) -> io::Result<()> {
        put(Part::Codes, &self.codes)?;
        put(Part::Factors, &bytes_of(&self.factors))?;
        put(Part::Offsets, &bytes_of(&self.offsets))?;
        self.codes.fill(0);
        self.factors.fill(0.0);
        self.offsets.fill(0.0);
        self.rows = 0;
        Ok(())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a mean is as exact as its vectors"
)]
fn mean(width: usize, assets: &[AssetRows<'_>], rows: usize) -> Mean {
    let mut sums = vec![0.0_f64; width];
    for asset in assets {
        for (row, &scale) in asset.scales.iter().enumerate() {
            let at = row * width..(row + 1) * width;
            let row = values(&asset.high[at.clone()], &asset.low[at], scale);
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += f64::from(value));
        }
    }
    let mean = sums.iter().map(|sum| (sum / rows.max(1) as f64) as f32);
    Mean::new(mean.collect())
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    let numbers = bytes.as_chunks::<4>().0;
    numbers
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

/// An opened segment.
pub(super) struct Segment {
    pub(super) layout: Layout,
    bytes: OwnedBytes,
    pub(super) assets: Vec<AssetId>,
    /// First row of each asset, and the number of rows.
    firsts: Vec<u32>,
    numbers: HashMap<AssetId, u32>,
    pub(super) mean: Mean,
    pub(super) scales: Vec<f32>,
    pub(super) factors: Vec<f32>,
    pub(super) offsets: Vec<f32>,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

impl Segment {
    /// Opens a segment.
    ///
    /// # Errors
    /// What is inconsistent about it.
    pub(super) fn open(layout: Layout, bytes: OwnedBytes) -> Result<Self, String> {
        if bytes.len() != layout.len() {
            return Err(format!("{} bytes, not {}", bytes.len(), layout.len()));
        }
        let part = |part| &bytes[layout.range(part)];
        let mut assets = Vec::with_capacity(layout.assets);
        let mut firsts = Vec::with_capacity(layout.assets + 1);
        let mut rows = 0_u32;
        for entry in part(Part::Assets).as_chunks::<ASSET>().0 {
            let (name, count) = entry.split_at(ASSET - 4);
            let name = str::from_utf8(name).map_err(|error| error.to_string())?;
            let name = name.trim_end_matches('\0');
            assets.push(name.parse::<AssetId>().map_err(|error| error.to_string())?);
            firsts.push(rows);
            let count = count
                .iter()
                .rev()
                .fold(0, |count, byte| count << 8 | u32::from(*byte));
            rows = rows.checked_add(count).ok_or("too many rows")?;
        }
        firsts.push(rows);
        if rows as usize != layout.rows {
            return Err(format!("its assets have {rows} rows, not {}", layout.rows));
        }
        Ok(Self {
            layout,
            numbers: (0..)
                .zip(&assets)
                .map(|(at, asset)| (asset.clone(), at))
                .collect(),
            assets,
            firsts,
            mean: Mean::new(numbers(part(Part::Mean))),
            scales: numbers(part(Part::Scales)),
            factors: numbers(part(Part::Factors)),
            offsets: numbers(part(Part::Offsets)),
            bytes,
        })
    }

    /// All of its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn part(&self, part: Part) -> &[u8] {
        &self.bytes[self.layout.range(part)]
    }

    /// The number of an asset.
    pub(super) fn number(&self, asset: &AssetId) -> Option<u32> {
        self.numbers.get(asset).copied()
    }

    /// The rows of an asset.
    pub(super) fn rows_of(&self, asset: u32) -> Range<u32> {
        self.firsts[asset as usize]..self.firsts[asset as usize + 1]
    }

    /// The asset of a row.
    pub(super) fn asset_of(&self, row: u32) -> u32 {
        let after = self.firsts.partition_point(|&first| first <= row);
        // Assets without rows share their first row with the next one.
        u32::try_from(after - 1).unwrap_or(u32::MAX)
    }

    /// First frame of a row's shot, and one past its last.
    pub(super) fn span(&self, row: u32) -> (u64, u64) {
        let spans = self.part(Part::Spans).as_chunks::<8>().0;
        let at = 2 * row as usize;
        (
            u64::from_le_bytes(spans[at]),
            u64::from_le_bytes(spans[at + 1]),
        )
    }

    /// The shot of a row.
    pub(super) fn shot(&self, row: u32) -> ShotId {
        let (start, end) = self.span(row);
        ShotId {
            asset: self.assets[self.asset_of(row) as usize].clone(),
            start,
            end,
        }
    }

    /// Both bytes of a row's values.
    pub(super) fn row(&self, row: u32) -> (&[u8], &[u8]) {
        let width = self.layout.width;
        let at = row as usize * width..(row as usize + 1) * width;
        (
            &self.part(Part::High)[at.clone()],
            &self.part(Part::Low)[at],
        )
    }

    /// The rows of an asset, for another segment.
    pub(super) fn asset_rows(&self, asset: u32) -> AssetRows<'_> {
        let rows = self.rows_of(asset);
        let rows = rows.start as usize..rows.end as usize;
        let bytes = |part, of: usize| &self.part(part)[rows.start * of..rows.end * of];
        AssetRows {
            asset: &self.assets[asset as usize],
            spans: bytes(Part::Spans, SPAN),
            high: bytes(Part::High, self.layout.width),
            low: bytes(Part::Low, self.layout.width),
            scales: &self.scales[rows.clone()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rotation::rotated;
    use super::*;

    fn new(shots: u64) -> NewAsset {
        let spans: Vec<(u64, u64)> = (0..shots).map(|n| (n * 7, n * 7 + 7)).collect();
        let vector = |n: u64| rotated(&[n as f32, 1.0]);
        NewAsset::new(AssetId::new(), &spans, (0..shots).map(vector))
    }

    fn open(assets: &[AssetRows<'_>]) -> Segment {
        let mut bytes = Vec::new();
        let layout = write(64, assets, &mut bytes).unwrap();
        bytes.resize(layout.len(), 0);
        Segment::open(layout, OwnedBytes::new(bytes)).unwrap()
    }

    #[test]
    fn a_segment_gives_back_its_rows_also_through_another_one() {
        let assets = [new(40), new(0), new(3)];
        let first = open(&[assets[0].rows(), assets[1].rows(), assets[2].rows()]);
        assert_eq!(first.asset_of(39), 0);
        assert_eq!(first.asset_of(40), 2);
        assert_eq!(first.shot(42).asset, assets[2].asset);
        assert_eq!(first.span(42), (14, 21));
        let again = open(&[first.asset_rows(2), first.asset_rows(0)]);
        assert_eq!(again.rows_of(1), 3..43);
        assert_eq!(again.row(2), first.row(42));
        assert_eq!(again.row(4), first.row(1));
    }

    #[test]
    fn an_inconsistent_segment_is_refused() {
        let asset = new(5);
        let mut bytes = Vec::new();
        let layout = write(64, &[asset.rows()], &mut bytes).unwrap();
        bytes.resize(layout.len(), 0);
        let open = |bytes: &[u8], layout| Segment::open(layout, OwnedBytes::new(bytes.to_vec()));
        assert!(open(&bytes[1..], layout).unwrap_err().contains("bytes"));
        let mut other = bytes.clone();
        other[ASSET - 4] = 9;
        assert!(open(&other, layout).unwrap_err().contains("9 rows"));
        bytes[3] = b'!';
        open(&bytes, layout).unwrap_err();
    }
}
