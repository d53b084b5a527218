//! The band in which subtitles that are part of the picture stand.

use image::{RgbImage, imageops};

use super::track::{Block, Rows};

/// Looks at the whole picture for which a band is looked at after the last subtitle in it: a minute at least.
const PATIENCE: u32 = 24;
/// By how much a band is larger than what was seen in it, above and below: room for one more line.
const ROOM: (f32, f32) = (0.08, 0.03);
/// Pixels from its edges at which a block is cut off by the band.
const EDGE: f32 = 2.0;

/// Whether a text at this place (left, top, width and height as shares of the picture) can be a subtitle: centred, in the
/// lower part and low.
#[must_use]
pub fn is_subtitle_place([left, top, width, height]: [f32; 4]) -> bool {
    let (middle, centre) = (left + width / 2.0, top + height / 2.0);
    (0.42..=0.58).contains(&middle) && centre > 0.65 && height < 0.22
}

/// The rows in which subtitles were seen lately.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    rows: Rows,
    /// Looks at the whole picture until it is given up.
    patience: u32,
}

impl Band {
    /// The band after a look at a whole picture that showed these blocks.
    pub(super) fn after(before: Option<Self>, blocks: &[Block]) -> Option<Self> {
        let places = blocks.iter().map(|block| block.place);
        let mut rows: Option<Rows> = None;
        for [_, top, _, height] in places.filter(|&place| is_subtitle_place(place)) {
            let (top, bottom) = (top - ROOM.0, top + height + ROOM.1);
            let all = rows.or(before.map(|band| band.rows));
            rows = Some(Rows {
                top: all.map_or(top, |all| all.top.min(top)).max(0.0),
                bottom: all.map_or(bottom, |all| all.bottom.max(bottom)).min(1.0),
            });
        }
        match (rows, before) {
            (Some(rows), _) => Some(Self {
                rows,
                patience: PATIENCE,
            }),
            (None, Some(band)) if band.patience > 1 => Some(Self {
                patience: band.patience - 1,
                ..band
            }),
            (None, _) => None,
        }
    }

    /// Its part of a picture, and the rows of that part exactly.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "rows of a picture are far below 2^24 and not negative"
    )]
    pub(super) fn part_of(&self, picture: &RgbImage) -> (RgbImage, Rows) {
        let (width, height) = picture.dimensions();
        let row = |share: f32| ((share * height as f32) as u32).min(height);
        let (top, bottom) = (row(self.rows.top), row(self.rows.bottom));
        let part = imageops::crop_imm(picture, 0, top, width, bottom - top).to_image();
        let share = |row: u32| row as f32 / height.max(1) as f32;
        let rows = Rows {
            top: share(top),
            bottom: share(bottom),
        };
        (part, rows)
    }
}

/// Whether a block in a part of a picture of this height is all there.
#[expect(
    clippy::cast_precision_loss,
    reason = "rows of a picture are far below 2^24"
)]
pub(super) fn is_whole(block: &Block, height: u32) -> bool {
    let height = height as f32;
    let [_, top, _, size] = block.place;
    top * height > EDGE && (top + size) * height < height - EDGE
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
    fn a_band_stays_for_a_while_and_has_room_for_a_second_line() {
        assert_eq!(Band::after(None, &[block([0.1, 0.1, 0.3, 0.1])]), None);
        let mut band = Band::after(None, &[block([0.3, 0.88, 0.4, 0.05])]);
        let rows = band.unwrap().rows;
        assert!(rows.top < 0.82 && rows.bottom > 0.95, "{rows:?}");
        for _ in 1..PATIENCE {
            band = Band::after(band, &[]);
            assert_eq!(band.unwrap().rows, rows);
        }
        assert_eq!(Band::after(band, &[]), None);
    }

    #[test]
    fn a_place_in_a_part_is_a_place_in_the_picture() {
        let picture = RgbImage::new(640, 360);
        let band = Band::after(None, &[block([0.3, 0.88, 0.4, 0.05])]).unwrap();
        let (part, rows) = band.part_of(&picture);
        assert!(part.height() > 50 && part.height() < 80);
        let pixels = |share: f32| share * part.height() as f32 / 360.0;
        let seen = block([0.3, 0.5, 0.4, 0.2]).within(rows);
        let [_, top, _, height] = seen.place;
        assert!((top - rows.top - pixels(0.5)).abs() < 1e-5);
        assert!((height - pixels(0.2)).abs() < 1e-5);
        assert!(is_whole(&block([0.3, 0.5, 0.4, 0.2]), part.height()));
        assert!(!is_whole(&block([0.3, 0.0, 0.4, 0.2]), part.height()));
        assert!(!is_whole(&block([0.3, 0.8, 0.4, 0.2]), part.height()));
    }
}
