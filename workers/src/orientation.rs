//! How a stored picture, or the pictures of a video, are rotated and mirrored to be upright.

use serde::{Deserialize, Serialize};

/// The transformation that displays the stored picture upright, in the order of the EXIF values 1 to 8 (EXIF
/// 2.32, tag 0x0112).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// 1: as stored.
    #[default]
    Upright,
    /// 2: mirrored left to right.
    MirrorHorizontal,
    /// 3: rotated by 180 degrees.
    Rotate180,
    /// 4: mirrored top to bottom.
    MirrorVertical,
    /// 5: mirrored about the main diagonal.
    Transpose,
    /// 6: rotated by 90 degrees clockwise.
    Rotate90,
    /// 7: mirrored about the other diagonal.
    Transverse,
    /// 8: rotated by 90 degrees counter-clockwise.
    Rotate270,
}

impl Orientation {
    /// The orientation of an EXIF value; values outside 1 to 8 mean upright.
    #[must_use]
    pub const fn from_exif(value: u16) -> Self {
        match value {
            2 => Self::MirrorHorizontal,
            3 => Self::Rotate180,
            4 => Self::MirrorVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => Self::Upright,
        }
    }

    /// The orientation nearest to a transformation matrix `[a, b, c, d]`, which maps the stored point (p, q) to
    /// (a p + c q, b p + d q) (ISO/IEC 14496-12, 8.3.2). A zero matrix means upright.
    #[must_use]
    pub fn from_matrix(matrix: [i32; 4]) -> Self {
        let likeness = |orientation: Self| -> i64 {
            let pairs = orientation.matrix().into_iter().zip(matrix);
            pairs.map(|(own, found)| own * i64::from(found)).sum()
        };
        (2..=8)
            .map(Self::from_exif)
            .fold(Self::Upright, |best, other| {
                if likeness(other) > likeness(best) {
                    other
                } else {
                    best
                }
            })
    }

    /// Its matrix, see [`Self::from_matrix`].
    const fn matrix(self) -> [i64; 4] {
        match self {
            Self::Upright => [1, 0, 0, 1],
            Self::MirrorHorizontal => [-1, 0, 0, 1],
            Self::Rotate180 => [-1, 0, 0, -1],
            Self::MirrorVertical => [1, 0, 0, -1],
            Self::Transpose => [0, 1, 1, 0],
            Self::Rotate90 => [0, 1, -1, 0],
            Self::Transverse => [0, -1, -1, 0],
            Self::Rotate270 => [0, -1, 1, 0],
        }
    }

    /// Whether the upright picture swaps the stored width and height.
    #[must_use]
    pub const fn swaps_sides(self) -> bool {
        matches!(
            self,
            Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270
        )
    }

    /// Width and height of the upright picture.
    #[must_use]
    pub const fn upright_size(self, stored_size: (u32, u32)) -> (u32, u32) {
        if self.swaps_sides() {
            (stored_size.1, stored_size.0)
        } else {
            stored_size
        }
    }

    /// Maps a point of the stored picture to the upright one. Coordinates are continuous pixels: the outer
    /// corner of the picture is 0.0, and the centre of its first pixel 0.5.
    #[must_use]
    pub fn to_upright(self, stored: (f64, f64), stored_size: (u32, u32)) -> (f64, f64) {
        let (x, y) = stored;
        let (w, h) = (f64::from(stored_size.0), f64::from(stored_size.1));
        match self {
            Self::Upright => (x, y),
            Self::MirrorHorizontal => (w - x, y),
            Self::Rotate180 => (w - x, h - y),
            Self::MirrorVertical => (x, h - y),
            Self::Transpose => (y, x),
            Self::Rotate90 => (h - y, x),
            Self::Transverse => (h - y, w - x),
            Self::Rotate270 => (y, w - x),
        }
    }

    /// Maps a point of the upright picture to the stored one; the inverse of [`Self::to_upright`].
    #[must_use]
    pub fn to_stored(self, upright: (f64, f64), stored_size: (u32, u32)) -> (f64, f64) {
        let (x, y) = upright;
        let (w, h) = (f64::from(stored_size.0), f64::from(stored_size.1));
        match self {
            Self::Upright => (x, y),
            Self::MirrorHorizontal => (w - x, y),
            Self::Rotate180 => (w - x, h - y),
            Self::MirrorVertical => (x, h - y),
            Self::Transpose => (y, x),
            Self::Rotate90 => (y, h - x),
            Self::Transverse => (w - y, h - x),
            Self::Rotate270 => (w - y, x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_does_what_its_orientation_does() {
        for orientation in (1..=8).map(Orientation::from_exif) {
            // Around the centre of a square picture, where no translation is needed.
            let upright = orientation.to_upright((3.0, 4.0), (2, 2));
            let (p, q) = (2, 3);
            let [a, b, c, d] = orientation.matrix();
            let expected = (a * p + c * q + 1, b * p + d * q + 1);
            assert_eq!(
                (format!("{:.0}", upright.0), format!("{:.0}", upright.1)),
                (expected.0.to_string(), expected.1.to_string()),
                "{orientation:?}"
            );
            // In 16.16 fixed point, scaled unevenly, and slightly skewed.
            for scale in [1, 1 << 16, 1 << 30] {
                let matrix = orientation
                    .matrix()
                    .map(|it| i32::try_from(it).unwrap() * scale);
                assert_eq!(Orientation::from_matrix(matrix), orientation);
            }
            let [a, b, c, d] = orientation
                .matrix()
                .map(|it| i32::try_from(it).unwrap() << 16);
            let uneven = [a / 2 + 900, b / 2 - 900, c + 900, d + 900];
            assert_eq!(Orientation::from_matrix(uneven), orientation);
        }
        assert_eq!(Orientation::from_matrix([0; 4]), Orientation::Upright);
        assert_eq!(
            Orientation::from_matrix([i32::MIN; 4]),
            Orientation::Rotate180
        );
    }
}
