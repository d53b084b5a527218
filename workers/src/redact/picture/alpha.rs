//! What viewers show of a picture with alpha, which may be something else than its colours say.

use image::{GrayImage, RgbImage};

/// One way to look at a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Its colours, also where nothing is to be seen of them.
    Colours,
    /// On a white page.
    OverWhite,
    /// On a black one.
    OverBlack,
    /// How opaque it is, as grey.
    Alpha,
}

impl Look {
    /// All ways to look at a picture with alpha.
    pub(super) const ALL: [Self; 4] =
        [Self::Colours, Self::OverWhite, Self::OverBlack, Self::Alpha];

    /// What is seen of a picture.
    pub(super) fn apply(self, mut colours: RgbImage, alpha: &GrayImage) -> RgbImage {
        for (pixel, alpha) in colours.pixels_mut().zip(alpha.pixels()) {
            let alpha = alpha.0[0];
            for value in &mut pixel.0 {
                *value = match self {
                    Self::Colours => *value,
                    Self::OverWhite => over(*value, 255, alpha),
                    Self::OverBlack => over(*value, 0, alpha),
                    Self::Alpha => alpha,
                };
            }
        }
        colours
    }
}

/// A value over a ground, by alpha that is not multiplied into it.
fn over(value: u8, ground: u8, alpha: u8) -> u8 {
    let (value, ground, alpha) = (u16::from(value), u16::from(ground), u16::from(alpha));
    let sum = value * alpha + ground * (255 - alpha);
    u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
}
