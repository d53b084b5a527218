//! Masks: which pixels of a picture are to be changed.

use super::camera::Camera;
use super::view::Rect;

/// A set of picture pixels, as pieces that share no column: one object across the seam of a panorama
/// has a piece at either edge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mask {
    /// The pieces, from left to right.
    pub pieces: Vec<Piece>,
}

/// A bitmap inside the picture; its first and last columns and rows are not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Left column.
    pub x: u32,
    /// Top row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Row by row, whether a pixel is in the mask.
    pub bits: Vec<bool>,
}

/// A run of pixels of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The row.
    pub y: u32,
    /// The first column.
    pub x0: u32,
    /// The column behind the last one.
    pub x1: u32,
}

impl Piece {
    /// Whether the picture's pixel is in the piece.
    #[must_use]
    pub fn contains(&self, x: u32, y: u32) -> bool {
        let (Some(column), Some(row)) = (x.checked_sub(self.x), y.checked_sub(self.y)) else {
            return false;
        };
        column < self.width && row < self.height && self.row(row)[column as usize]
    }

    /// The bits of a row, counted from the piece's top.
    fn row(&self, row: u32) -> &[bool] {
        let width = self.width as usize;
        &self.bits[row as usize * width..][..width]
    }

    /// The runs of the piece in picture coordinates, row by row.
    pub fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        (0..self.height).flat_map(move |row| {
            let mut columns = self.x..self.x + self.width;
            let y = self.y + row;
            std::iter::from_fn(move || {
                let x0 = columns.find(|x| self.contains(*x, y))?;
                let x1 = columns
                    .find(|x| !self.contains(*x, y))
                    .unwrap_or(self.x + self.width);
                Some(Span { y, x0, x1 })
            })
        })
    }
}

impl Mask {
    /// The mask of these runs; they may overlap and come in any order.
    #[must_use]
    pub fn from_spans(mut spans: Vec<Span>) -> Self {
        spans.retain(|span| span.x0 < span.x1);
        spans.sort_unstable_by_key(|span| (span.x0, span.x1));
        let mut pieces = Vec::new();
        let mut rest = spans.as_slice();
        while let Some(first) = rest.first() {
            let mut right = first.x1;
            let mut count = 0;
            while let Some(span) = rest.get(count).filter(|span| span.x0 <= right) {
                right = right.max(span.x1);
                count += 1;
            }
            let (together, others) = rest.split_at(count);
            pieces.push(Piece::of(together, first.x0, right));
            rest = others;
        }
        Self { pieces }
    }

    /// The runs of all pieces in picture coordinates.
    pub fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        self.pieces.iter().flat_map(Piece::spans)
    }

    /// Whether the picture's pixel is in the mask.
    #[must_use]
    pub fn contains(&self, x: u32, y: u32) -> bool {
        self.pieces.iter().any(|piece| piece.contains(x, y))
    }

    /// Pixels in the mask.
    #[must_use]
    pub fn area(&self) -> u64 {
        self.spans().map(|span| u64::from(span.x1 - span.x0)).sum()
    }

    /// Whether no pixel is in the mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The smallest box around the mask, in picture px. In a panorama that wraps it may cross the seam:
    /// it then begins left of the picture's right edge and ends beyond it. None for an empty mask.
    #[must_use]
    pub fn bounds(&self, camera: &Camera) -> Option<Rect> {
        let top = self.pieces.iter().map(|piece| piece.y).min()?;
        let bottom = self
            .pieces
            .iter()
            .map(|piece| piece.y + piece.height)
            .max()?;
        let (first, last) = (self.pieces.first()?, self.pieces.last()?);
        let (width, _) = camera.size();
        let (mut left, mut right) = (first.x, last.x + last.width);
        if camera.wraps() {
            // the box leaves out the widest gap; the gap across the seam unless another is wider
            let mut widest = first.x + width - right;
            for (piece, next) in self.pieces.iter().zip(self.pieces.iter().skip(1)) {
                let end = piece.x + piece.width;
                if next.x - end > widest {
                    widest = next.x - end;
                    (left, right) = (next.x, end + width);
                }
            }
        }
        Some([left, top, right, bottom].map(f64::from))
    }
}

impl Piece {
    /// The bitmap of runs that all lie in the columns from `x` to `right`.
    fn of(spans: &[Span], x: u32, right: u32) -> Self {
        let y = spans.iter().map(|span| span.y).min().unwrap_or(0);
        let bottom = spans.iter().map(|span| span.y + 1).max().unwrap_or(0);
        let (width, height) = (right - x, bottom - y);
        let mut bits = vec![false; width as usize * height as usize];
        for span in spans {
            let row = (span.y - y) as usize * width as usize;
            let columns = (span.x0 - x) as usize..(span.x1 - x) as usize;
            bits[row..][columns].fill(true);
        }
        Self {
            x,
            y,
            width,
            height,
            bits,
        }
    }
}
