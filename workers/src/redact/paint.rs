//! Where what was found is painted over: pictures as they are stored, which may be turned.

use image::{DynamicImage, RgbImage};
use rushes_models::Class;

use super::RedactError;
use super::blur::{Fill, Target, blur};
use super::canvas::Canvas;
use super::geometry::{Camera, Chart, Mask, Object, Piece};
use super::picture::Orientation;

/// The picture as a person sees it. Detectors know upright faces; the file itself is never turned.
pub(super) fn upright(stored: RgbImage, orientation: Orientation) -> RgbImage {
    use image::metadata::Orientation as Turn;
    let turn = match orientation {
        Orientation::Upright => return stored,
        Orientation::MirrorHorizontal => Turn::FlipHorizontal,
        Orientation::Rotate180 => Turn::Rotate180,
        Orientation::MirrorVertical => Turn::FlipVertical,
        Orientation::Transpose => Turn::Rotate90FlipH,
        Orientation::Rotate90 => Turn::Rotate90,
        Orientation::Transverse => Turn::Rotate270FlipH,
        Orientation::Rotate270 => Turn::Rotate270,
    };
    let mut picture = DynamicImage::ImageRgb8(stored);
    picture.apply_orientation(turn);
    picture.into_rgb8()
}

/// What an object is painted over on: a picture as it is stored.
pub(super) struct PaintTarget<'a> {
    /// Of the upright picture.
    pub(super) camera: &'a Camera,
    pub(super) orientation: Orientation,
    /// Stored width and height.
    pub(super) stored: (u32, u32),
}

/// Makes an object unrecognisable; its mask is of the upright picture.
pub(super) fn paint(
    canvas: &mut dyn Canvas,
    ground: &PaintTarget<'_>,
    object: &Object<Class>,
    mask: &Mask,
    fill: Fill,
) -> Result<(), RedactError> {
    let PaintTarget {
        camera,
        orientation,
        stored,
    } = *ground;
    let chart = Chart::of(camera, object);
    let target = Target {
        class: object.class,
        mask: &as_stored(mask, orientation, stored),
        locate: &|x, y| {
            let (x, y) = orientation.to_upright((x, y), stored);
            chart.locate(x, y)
        },
        aspect: chart.aspect(),
    };
    blur(canvas, &target, fill)
}

/// The mask in the pixels of the stored picture.
fn as_stored(mask: &Mask, orientation: Orientation, stored: (u32, u32)) -> Mask {
    let pieces = mask.pieces.iter();
    Mask {
        pieces: pieces
            .map(|piece| turned(piece, orientation, stored))
            .collect(),
    }
}

fn turned(piece: &Piece, orientation: Orientation, stored: (u32, u32)) -> Piece {
    if orientation == Orientation::Upright {
        return piece.clone();
    }
    let at = |x: u32, y: u32| orientation.to_stored((f64::from(x), f64::from(y)), stored);
    let (a, b) = (
        at(piece.x, piece.y),
        at(piece.x + piece.width, piece.y + piece.height),
    );
    let (x, y) = (pixel(a.0.min(b.0)), pixel(a.1.min(b.1)));
    let (width, height) = (pixel(a.0.max(b.0)) - x, pixel(a.1.max(b.1)) - y);
    let mut bits = vec![false; piece.bits.len()];
    for span in piece.spans() {
        for column in span.x0..span.x1 {
            let centre = (f64::from(column) + 0.5, f64::from(span.y) + 0.5);
            let (sx, sy) = orientation.to_stored(centre, stored);
            let (sx, sy) = (pixel(sx - 0.5) - x, pixel(sy - 0.5) - y);
            bits[sy as usize * width as usize + sx as usize] = true;
        }
    }
    Piece {
        x,
        y,
        width,
        height,
        bits,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "corners of pixels of a picture: whole numbers, not negative"
)]
fn pixel(corner: f64) -> u32 {
    corner.round().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::geometry::Span;

    #[test]
    fn a_turned_picture_and_its_mask_turn_alike() {
        let exif = 1..=8;
        for orientation in exif.map(Orientation::from_exif) {
            // One bright pixel in a dark picture: its mask must come back to where it is stored.
            let mut stored = RgbImage::new(7, 4);
            stored.put_pixel(5, 1, image::Rgb([255; 3]));
            let turned = upright(stored, orientation);
            let (x, y, _) = turned
                .enumerate_pixels()
                .find(|(_, _, p)| p.0[0] == 255)
                .unwrap();
            let mask = Mask::from_spans(vec![Span {
                y,
                x0: x,
                x1: x + 1,
            }]);
            let back: Vec<Span> = as_stored(&mask, orientation, (7, 4)).spans().collect();
            assert_eq!(back, [Span { y: 1, x0: 5, x1: 6 }], "{orientation:?}");
            assert_eq!(turned.dimensions(), orientation.upright_size((7, 4)));
        }
    }
}
