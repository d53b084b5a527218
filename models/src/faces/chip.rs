//! Faces as small pictures, as the networks see them.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "places in a picture are far below 2^24 and not negative where they are cast"
)]

use image::{Rgb, RgbImage};

use super::FoundFace;
use crate::preprocess::{PreprocessError, stretched};

/// Side of the level chip in pixels.
pub(super) const SIDE: u32 = 150;
/// Side of the upright chip in pixels.
pub(super) const UPRIGHT: u32 = 112;
/// Most samples per pixel of a chip and direction.
const MOST_SAMPLES: usize = 8;
/// Where the eyes, the nose and the corners of the mouth are in a level chip: dlib's mean face with a margin of a quarter.
const TARGETS: [[f32; 2]; 5] = [
    [47.5492, 46.599],
    [100.4761, 46.599],
    [74.0127, 76.5625],
    [50.4149, 103.0233],
    [97.6104, 103.0233],
];

/// A face cut out of its picture: turned level for the descriptor, and as it is for the expression.
#[derive(Debug, Clone)]
pub struct FaceChip {
    pub(super) level: RgbImage,
    pub(super) upright: RgbImage,
}

impl FaceChip {
    /// Cuts a face out of its picture.
    ///
    /// # Errors
    /// The picture is empty.
    pub fn of(picture: &RgbImage, face: &FoundFace) -> Result<Self, PreprocessError> {
        Ok(Self {
            level: level(picture, &Placement::of(&face.points)),
            upright: stretched(&square(picture, face.rect), UPRIGHT, UPRIGHT)?,
        })
    }

    /// The level chip, 150 × 150 pixels.
    #[must_use]
    pub const fn picture(&self) -> &RgbImage {
        &self.level
    }

    /// How sharp it is: the mean square of the Laplacian of its brightness. Larger is sharper.
    #[must_use]
    pub fn sharpness(&self) -> f32 {
        let light = |x: u32, y: u32| {
            let [r, g, b] = self.level.get_pixel(x, y).0.map(f32::from);
            (r + 2.0 * g + b) / 4.0
        };
        let mut sum = 0.0;
        for y in 1..SIDE - 1 {
            for x in 1..SIDE - 1 {
                let around = light(x - 1, y) + light(x + 1, y) + light(x, y - 1) + light(x, y + 1);
                sum += (around - 4.0 * light(x, y)).powi(2);
            }
        }
        sum / ((SIDE - 2) * (SIDE - 2)) as f32
    }
}

/// A turn, a scale and a move from the picture to the chip, as complex numbers: `turn · z + by`.
struct Placement {
    turn: [f32; 2],
    by: [f32; 2],
}

impl Placement {
    /// The one that brings five points nearest to their targets, by least squares (Umeyama 1991).
    fn of(points: &[[f32; 2]; 5]) -> Self {
        let mean =
            |points: &[[f32; 2]; 5], axis: usize| points.iter().map(|p| p[axis]).sum::<f32>() / 5.0;
        let from = [mean(points, 0), mean(points, 1)];
        let to = [mean(&TARGETS, 0), mean(&TARGETS, 1)];
        let (mut real, mut imaginary, mut spread) = (0.0, 0.0, 0.0);
        for (point, target) in points.iter().zip(&TARGETS) {
            let [x, y] = [point[0] - from[0], point[1] - from[1]];
            let [u, v] = [target[0] - to[0], target[1] - to[1]];
            real += x * u + y * v;
            imaginary += x * v - y * u;
            spread += x * x + y * y;
        }
        let spread = spread.max(f32::EPSILON);
        let turn = [real / spread, imaginary / spread];
        let moved = product(turn, from);
        Self {
            turn,
            by: [to[0] - moved[0], to[1] - moved[1]],
        }
    }

    /// Where a place of the chip is in the picture.
    fn back(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let size = self.turn[0].hypot(self.turn[1]).max(f32::EPSILON).powi(2);
        let inverse = [self.turn[0] / size, -self.turn[1] / size];
        product(inverse, [x - self.by[0], y - self.by[1]])
    }

    /// Pixels of the picture per pixel of the chip.
    fn step(&self) -> f32 {
        1.0 / self.turn[0].hypot(self.turn[1]).max(f32::EPSILON)
    }
}

fn product(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// The level chip. Where the picture has more pixels than the chip, several samples make one.
fn level(picture: &RgbImage, placement: &Placement) -> RgbImage {
    let samples = (placement.step().ceil() as usize).clamp(1, MOST_SAMPLES);
    let share = |n: usize| (n as f32 + 0.5) / samples as f32 - 0.5;
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let mut sum = [0.0; 3];
        for sample in 0..samples * samples {
            let at = [
                x as f32 + share(sample % samples),
                y as f32 + share(sample / samples),
            ];
            let colour = between(picture, placement.back(at));
            sum = [0, 1, 2].map(|c| sum[c] + colour[c]);
        }
        let count = (samples * samples) as f32;
        Rgb(sum.map(|s| (s / count).round().clamp(0.0, 255.0) as u8))
    })
}

/// The colour at a place between pixels; black outside of the picture, as the descriptor was trained.
fn between(picture: &RgbImage, [x, y]: [f32; 2]) -> [f32; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let pixel = |dx: f32, dy: f32| {
        let (column, row) = (left + dx, top + dy);
        let inside = column >= 0.0
            && row >= 0.0
            && column < picture.width() as f32
            && row < picture.height() as f32;
        if inside {
            picture
                .get_pixel(column as u32, row as u32)
                .0
                .map(f32::from)
        } else {
            [0.0; 3]
        }
    };
    let (a, b, c, d) = (
        pixel(0.0, 0.0),
        pixel(1.0, 0.0),
        pixel(0.0, 1.0),
        pixel(1.0, 1.0),
    );
    [0, 1, 2].map(|i| {
        let upper = a[i] + (b[i] - a[i]) * fx;
        let lower = c[i] + (d[i] - c[i]) * fx;
        upper + (lower - upper) * fy
    })
}

/// The part of a picture in a box, in the middle of a black square.
fn square(picture: &RgbImage, [left, top, right, bottom]: [f32; 4]) -> RgbImage {
    let inside = |at: f32, end: u32| (at.round().max(0.0) as u32).min(end);
    let (x0, x1) = (
        inside(left, picture.width()),
        inside(right, picture.width()),
    );
    let (y0, y1) = (
        inside(top, picture.height()),
        inside(bottom, picture.height()),
    );
    let (width, height) = (x1.saturating_sub(x0), y1.saturating_sub(y0));
    let side = width.max(height).max(1);
    let mut square = RgbImage::new(side, side);
    let part = image::imageops::crop_imm(picture, x0, y0, width, height).to_image();
    let (x, y) = ((side - width) / 2, (side - height) / 2);
    image::imageops::replace(&mut square, &part, x.into(), y.into());
    square
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_is_turned_and_scaled_to_its_place() {
        // The targets, twice as large, turned by 30 degrees and moved.
        let (sin, cos) = 30.0_f32.to_radians().sin_cos();
        let points = TARGETS.map(|[x, y]| {
            [
                2.0 * (cos * x - sin * y) + 300.0,
                2.0 * (sin * x + cos * y) + 40.0,
            ]
        });
        let placement = Placement::of(&points);
        assert!(
            (placement.step() - 2.0).abs() < 1e-3,
            "{}",
            placement.step()
        );
        for (target, point) in TARGETS.iter().zip(points) {
            let back = placement.back(*target);
            assert!(
                (back[0] - point[0]).hypot(back[1] - point[1]) < 0.01,
                "{back:?} {point:?}"
            );
        }
    }

    #[test]
    fn a_box_that_leaves_the_picture_is_cut_and_kept_square() {
        let picture = RgbImage::from_pixel(40, 20, Rgb([200; 3]));
        let square = square(&picture, [30.0, -10.0, 60.0, 40.0]);
        assert_eq!(square.dimensions(), (20, 20));
        assert_eq!(square.get_pixel(0, 10).0, [0; 3]);
        assert_eq!(square.get_pixel(10, 10).0, [200; 3]);
        let face = FoundFace {
            rect: [90.0, 90.0, 95.0, 95.0],
            points: [[90.0, 90.0]; 5],
            score: 1.0,
        };
        // Nothing of it is in the picture, and its points are one.
        let chip = FaceChip::of(&picture, &face).unwrap();
        assert_eq!(chip.picture().dimensions(), (SIDE, SIDE));
    }

    #[test]
    fn a_blurred_face_is_less_sharp() {
        let picture = RgbImage::from_fn(150, 150, |x, y| {
            Rgb([if (x / 5 + y / 5) % 2 == 0 { 30 } else { 220 }; 3])
        });
        let blurred = image::imageops::blur(&picture, 4.0);
        let chip = |level: RgbImage| FaceChip {
            upright: level.clone(),
            level,
        };
        assert!(chip(picture).sharpness() > 3.0 * chip(blurred).sharpness());
    }
}
