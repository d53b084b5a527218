//! How a stored picture is turned to stand upright (EXIF 2.32, tag 0x0112).

use serde::{Deserialize, Serialize};

/// What is done to the stored picture to show it upright, in the order of the EXIF values 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// 1: as stored.
    #[default]
    Upright,
    /// 2: mirrored left to right.
    MirrorHorizontal,
    /// 3: turned by 180 degrees.
    Rotate180,
    /// 4: mirrored top to bottom.
    MirrorVertical,
    /// 5: mirrored about the main diagonal.
    Transpose,
    /// 6: turned by 90 degrees clockwise.
    Rotate90,
    /// 7: mirrored about the other diagonal.
    Transverse,
    /// 8: turned by 90 degrees counter-clockwise.
    Rotate270,
}

impl Orientation {
    /// The orientation of an EXIF value; anything outside 1 to 8 is upright.
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

    /// Whether the upright picture is as wide as the stored one is high.
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

    /// A point of the stored picture, in the upright one. Coordinates are continuous pixels: the
    /// outer corner of the picture is 0.0, the centre of its first pixel 0.5.
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

    /// A point of the upright picture, in the stored one; the inverse of [`Self::to_upright`].
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
