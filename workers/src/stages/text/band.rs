//! The band of a picture in which subtitles that are part of it stand.

use image::{RgbImage, imageops};

use super::track::{Block, Rows};

/// Where the band begins, as a share of the height of the picture. It ends where the picture does.
const TOP: f32 = 0.66;
/// Pixels from its upper edge at which a block is cut off by it.
const EDGE: f32 = 2.0;

/// Whether a text at this place (left, top, width and height as shares of the picture) can be a subtitle: centred, in the
/// lower part and low.
#[must_use]
pub fn is_subtitle_place([left, top, width, height]: [f32; 4]) -> bool {
    let (middle, centre) = (left + width / 2.0, top + height / 2.0);
    (0.42..=0.58).contains(&middle) && centre > TOP && height < 0.22
}

/// The band of a picture, and its rows exactly.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rows of a picture are far below 2^24 and not negative"
)]
pub(super) fn band_of(picture: &RgbImage) -> (RgbImage, Rows) {
    let (width, height) = picture.dimensions();
    let top = ((TOP * height as f32) as u32).min(height.saturating_sub(1));
    let band = imageops::crop_imm(picture, 0, top, width, height - top).to_image();
    let rows = Rows {
        top: top as f32 / height.max(1) as f32,
        bottom: 1.0,
    };
    (band, rows)
}

/// Whether a block in a band of this height is all there.
#[expect(
    clippy::cast_precision_loss,
    reason = "rows of a picture are far below 2^24"
)]
pub(super) fn is_whole(block: &Block, height: u32) -> bool {
    let [_, top, ..] = block.place;
    top * height as f32 > EDGE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(place: [f32; 4]) -> Block {
        Block {
            text: "Who is there?".to_owned(),
            score: 0.9,
            place,
        }
    }

    #[test]
    fn a_subtitle_is_centred_and_low_in_the_picture() {
        assert!(is_subtitle_place([0.3, 0.85, 0.4, 0.06]));
        assert!(is_subtitle_place([0.2, 0.8, 0.6, 0.12]));
        // A sign, a lower third, a title, a page of text.
        assert!(!is_subtitle_place([0.1, 0.1, 0.3, 0.1]));
        assert!(!is_subtitle_place([0.05, 0.85, 0.3, 0.06]));
        assert!(!is_subtitle_place([0.3, 0.45, 0.4, 0.1]));
        assert!(!is_subtitle_place([0.2, 0.5, 0.6, 0.5]));
    }

    #[test]
    fn a_place_in_the_band_is_a_place_in_the_picture() {
        for height in [1, 2, 360, 1080] {
            let (band, rows) = band_of(&RgbImage::new(640, height));
            assert!(band.height() >= 1 && rows.bottom > 0.999);
        }
        let (band, rows) = band_of(&RgbImage::new(640, 360));
        assert!((120..126).contains(&band.height()));
        let pixels = |share: f32| share * band.height() as f32 / 360.0;
        let seen = block([0.3, 0.5, 0.4, 0.2]).within(rows);
        let [_, top, _, height] = seen.place;
        assert!((top - rows.top - pixels(0.5)).abs() < 1e-5);
        assert!((height - pixels(0.2)).abs() < 1e-5);
        assert!(is_whole(&block([0.3, 0.5, 0.4, 0.2]), band.height()));
        assert!(!is_whole(&block([0.3, 0.0, 0.4, 0.2]), band.height()));
        // The band ends with the picture, which cuts off nothing.
        assert!(is_whole(&block([0.3, 0.8, 0.4, 0.2]), band.height()));
    }
}
