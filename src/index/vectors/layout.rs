//! Where the parts of a segment are.

use std::ops::Range;

use super::codes::BLOCK;

/// Bytes of an asset's entry: its ULID as text, two bytes of zeros, its number of rows.
pub(super) const ASSET: usize = 32;
/// Bytes of a row's frames: the first, and one past the last.
pub(super) const SPAN: usize = 16;
/// Parts start at multiples of this, so that rows do not straddle more cache lines than they must.
const ALIGN: usize = 64;

/// Sizes of a segment. All numbers are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Length of a rotated vector.
    pub(super) width: usize,
    pub(super) rows: usize,
    pub(super) assets: usize,
}

/// A part of a segment, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// [`ASSET`] bytes per asset.
    Assets,
    /// [`SPAN`] bytes per row.
    Spans,
    /// The mean row, one `f32` per value.
    Mean,
    /// One `f32` per row.
    Scales,
    /// One `f32` per row of whole blocks.
    Factors,
    /// The same.
    Offsets,
    /// The signs: per block and group of four values, 16 bytes with the codes of rows 0 to 15 in the lower
    /// halves and those of rows 16 to 31 in the upper halves.
    Codes,
    /// One byte per value.
    High,
    /// The same.
    Low,
}

impl Part {
    pub(super) const ALL: [Self; 9] = [
        Self::Assets,
        Self::Spans,
        Self::Mean,
        Self::Scales,
        Self::Factors,
        Self::Offsets,
        Self::Codes,
        Self::High,
        Self::Low,
    ];
}

impl Layout {
    pub(super) const fn blocks(self) -> usize {
        self.rows.div_ceil(BLOCK)
    }

    /// Bytes of a block's codes.
    pub(super) const fn block(self) -> usize {
        self.width / 8 * BLOCK
    }

    const fn size(self, part: Part) -> usize {
        match part {
            Part::Assets => self.assets * ASSET,
            Part::Spans => self.rows * SPAN,
            Part::Mean => self.width * 4,
            Part::Scales => self.rows * 4,
            Part::Factors | Part::Offsets => self.blocks() * BLOCK * 4,
            Part::Codes => self.blocks() * self.block(),
            Part::High | Part::Low => self.rows * self.width,
        }
    }

    /// The bytes of a part.
    pub(super) fn range(self, part: Part) -> Range<usize> {
        let mut start = 0_usize;
        for before in Part::ALL {
            start = start.next_multiple_of(ALIGN);
            if before == part {
                break;
            }
            start += self.size(before);
        }
        start..start + self.size(part)
    }

    /// Bytes of the whole segment.
    pub(super) fn len(self) -> usize {
        self.range(Part::Low).end
    }

    /// The bytes before the rows' values: everything that is read when a segment is opened or scanned.
    pub(super) fn head(self) -> Range<usize> {
        0..self.range(Part::Codes).end
    }

    /// The rows' values.
    pub(super) fn tail(self) -> Range<usize> {
        self.range(Part::Codes).end..self.len()
    }
}
