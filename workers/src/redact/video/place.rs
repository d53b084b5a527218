//! Where things are in a picture or on the sphere, and how alike two such places are.

use super::super::geometry::{Rect, Tangent};

/// Where something is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// Left, top, right and bottom in upright pixels.
    Flat(Rect),
    /// On the sphere.
    Sphere(Tangent),
}

/// By how much of its size a box is widened on each side to be compared, at once and for each second that passed.
const WIDER: f64 = 0.25;
const WIDER_A_SECOND: f64 = 1.0;
/// By how much an extended box grows on each side, as a share of its size.
const GROWTH: f64 = 0.1;

/// Centre, half width and half height; in pixels, or in degrees of yaw and pitch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outline {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    sphere: bool,
}

impl Outline {
    pub(super) fn of(place: Place) -> Self {
        match place {
            Place::Flat([left, top, right, bottom]) => Self {
                x: f64::midpoint(left, right),
                y: f64::midpoint(top, bottom),
                w: (right - left) / 2.0,
                h: (bottom - top) / 2.0,
                sphere: false,
            },
            Place::Sphere(Tangent {
                yaw,
                pitch,
                half_width,
                half_height,
                ..
            }) => Self {
                x: yaw,
                y: pitch,
                w: half_width,
                h: half_height,
                sphere: true,
            },
        }
    }

    /// From this one's middle to the other's, as far as it looks from there.
    pub(super) fn towards(&self, other: &Self) -> (f64, f64) {
        if self.sphere {
            let around = (other.x - self.x + 540.0).rem_euclid(360.0) - 180.0;
            (
                around * f64::midpoint(self.y, other.y).to_radians().cos(),
                other.y - self.y,
            )
        } else {
            (other.x - self.x, other.y - self.y)
        }
    }

    pub(super) fn moved(self, (dx, dy): (f64, f64)) -> Self {
        let narrow = if self.sphere {
            self.y.to_radians().cos().max(0.05)
        } else {
            1.0
        };
        Self {
            x: self.x + dx / narrow,
            y: self.y + dy,
            ..self
        }
    }

    /// Common over joint area, both widened as after so many seconds.
    pub(super) fn likeness(&self, other: &Self, passed: f64) -> f64 {
        if self.sphere != other.sphere {
            return 0.0;
        }
        let (dx, dy) = self.towards(other);
        let wide = 1.0 + 2.0 * (WIDER + WIDER_A_SECOND * passed.abs());
        let common = |distance: f64, a: f64, b: f64| {
            ((a + b) * wide - distance.abs())
                .min(2.0 * wide * a.min(b))
                .max(0.0)
        };
        let both = common(dx, self.w, other.w) * common(dy, self.h, other.h);
        let area = |it: &Self| 4.0 * wide * wide * it.w * it.h;
        both / (area(self) + area(other) - both).max(f64::MIN_POSITIVE)
    }
}

/// A place between two others.
pub(super) fn mixed(from: Place, to: Place, share: f64) -> Place {
    let mix = |a: f64, b: f64| a + (b - a) * share;
    match (from, to) {
        (Place::Flat(a), Place::Flat(b)) => Place::Flat(std::array::from_fn(|i| mix(a[i], b[i]))),
        (Place::Sphere(a), Place::Sphere(b)) => {
            let nearest = |a: f64, b: f64| a + (b - a + 540.0).rem_euclid(360.0) - 180.0;
            Place::Sphere(Tangent {
                yaw: mix(a.yaw, nearest(a.yaw, b.yaw)),
                pitch: mix(a.pitch, b.pitch),
                roll: mix(a.roll, nearest(a.roll, b.roll)),
                half_width: mix(a.half_width, b.half_width),
                half_height: mix(a.half_height, b.half_height),
            })
        }
        // Places of two kinds are never of one track.
        (Place::Flat(_), Place::Sphere(_)) | (Place::Sphere(_), Place::Flat(_)) => from,
    }
}

/// A place and the one that it would have moved to: nobody knows which it is.
pub(super) fn spread(place: Place, (dx, dy): (f64, f64)) -> Place {
    match place {
        Place::Flat([left, top, right, bottom]) => {
            let (x, y) = ((right - left) * GROWTH, (bottom - top) * GROWTH);
            Place::Flat([
                left + dx.min(0.0) - x,
                top + dy.min(0.0) - y,
                right + dx.max(0.0) + x,
                bottom + dy.max(0.0) + y,
            ])
        }
        Place::Sphere(tangent) => {
            let narrow = tangent.pitch.to_radians().cos().max(0.05);
            Place::Sphere(Tangent {
                yaw: tangent.yaw + dx / 2.0 / narrow,
                pitch: (tangent.pitch + dy / 2.0).clamp(-90.0, 90.0),
                half_width: (tangent.half_width * (1.0 + 2.0 * GROWTH) + dx.abs() / 2.0).min(80.0),
                half_height: (tangent.half_height * (1.0 + 2.0 * GROWTH) + dy.abs() / 2.0)
                    .min(80.0),
                ..tangent
            })
        }
    }
}
