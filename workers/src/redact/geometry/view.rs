//! Views: the planar pictures that detectors see.

use serde::{Deserialize, Serialize};

use super::camera::Camera;
use super::vector::{Rotation, Vec3};

/// A rectangle: left, top, right, bottom.
pub type Rect = [f64; 4];

/// One planar picture of a part of another picture. View coordinates are continuous pixels: (0, 0) is
/// the outer corner of the first pixel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum View {
    /// An upright piece of the picture, scaled to the view's size; needs no camera.
    Crop {
        /// Left edge in picture px.
        x: f64,
        /// Top edge in picture px.
        y: f64,
        /// Width in picture px.
        width: f64,
        /// Height in picture px.
        height: f64,
        /// Width of the view in px.
        out_width: u32,
        /// Height of the view in px.
        out_height: u32,
    },
    /// What a pinhole camera would see of the sphere around the picture's camera: a gnomonic
    /// projection, in which straight lines of the world are straight.
    Perspective {
        /// Where the view looks, in degrees, positive to the right.
        yaw: f64,
        /// Where the view looks, in degrees above the horizon.
        pitch: f64,
        /// How far the view is turned clockwise, in degrees.
        roll: f64,
        /// The angle between the left and the right edge, in degrees below 180.
        fov_x: f64,
        /// The angle between the top and the bottom edge, in degrees below 180.
        fov_y: f64,
        /// Width of the view in px.
        out_width: u32,
        /// Height of the view in px.
        out_height: u32,
    },
}

impl View {
    /// Whether it is one of the views of a sphere or a fisheye, which overlap.
    pub(in crate::redact) const fn is_perspective(&self) -> bool {
        matches!(self, Self::Perspective { .. })
    }

    /// Width and height of the view in px.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        match *self {
            Self::Crop {
                out_width,
                out_height,
                ..
            }
            | Self::Perspective {
                out_width,
                out_height,
                ..
            } => (out_width, out_height),
        }
    }

    /// The view point of a picture point (both px), inside the view or not. None where the picture
    /// point has no direction or lies behind the view.
    #[must_use]
    pub fn to_view(self, camera: &Camera, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        match self.frame() {
            Frame::Picture(scale) => Some(scale.to_view(x, y)),
            Frame::Sphere(plane) => plane.project(camera.ray(x, y)?),
        }
    }

    /// The picture point of a view point (both px), inside the picture or not. None where the camera
    /// does not see that way.
    #[must_use]
    pub fn to_picture(self, camera: &Camera, (u, v): (f64, f64)) -> Option<(f64, f64)> {
        match self.frame() {
            Frame::Picture(scale) => Some(scale.to_picture(u, v)),
            Frame::Sphere(plane) => camera.project(plane.direction(u, v)),
        }
    }

    /// The unit direction of a view point (px) in the camera's frame; None for a crop, which knows
    /// no camera.
    #[must_use]
    pub fn direction(&self, u: f64, v: f64) -> Option<Vec3> {
        match self.frame() {
            Frame::Picture(_) => None,
            Frame::Sphere(plane) => Some(plane.direction(u, v).unit()),
        }
    }

    /// The mapping of the view, its trigonometry done.
    pub(super) fn frame(&self) -> Frame {
        match *self {
            Self::Crop {
                x,
                y,
                width,
                height,
                out_width,
                out_height,
            } => Frame::Picture(Scale {
                x,
                y,
                scale_x: f64::from(out_width) / width,
                scale_y: f64::from(out_height) / height,
            }),
            Self::Perspective {
                yaw,
                pitch,
                roll,
                fov_x,
                fov_y,
                out_width,
                out_height,
            } => {
                let (cx, cy) = (f64::from(out_width) / 2.0, f64::from(out_height) / 2.0);
                Frame::Sphere(Plane {
                    rotation: Rotation::from_angles(yaw, pitch, roll),
                    focal_x: cx / (fov_x / 2.0).to_radians().tan(),
                    focal_y: cy / (fov_y / 2.0).to_radians().tan(),
                    cx,
                    cy,
                })
            }
        }
    }
}

/// What a view's coordinates belong to: the picture's plane or the sphere.
#[derive(Debug, Clone, Copy)]
pub(super) enum Frame {
    Picture(Scale),
    Sphere(Plane),
}

/// An upright piece of the picture's plane: view px per picture px, from a corner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) scale_x: f64,
    pub(super) scale_y: f64,
}

impl Scale {
    pub(super) fn to_view(self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.x) * self.scale_x, (y - self.y) * self.scale_y)
    }

    pub(super) fn to_picture(self, u: f64, v: f64) -> (f64, f64) {
        (self.x + u / self.scale_x, self.y + v / self.scale_y)
    }
}

/// A tangent plane of the sphere: the gnomonic projection, in px of the view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    pub(super) rotation: Rotation,
    pub(super) focal_x: f64,
    pub(super) focal_y: f64,
    pub(super) cx: f64,
    pub(super) cy: f64,
}

impl Plane {
    /// The tangent plane at `rotation`'s forward axis, in units of the sphere's radius.
    pub(super) fn tangent(rotation: Rotation) -> Self {
        Self {
            rotation,
            focal_x: 1.0,
            focal_y: 1.0,
            cx: 0.0,
            cy: 0.0,
        }
    }

    /// The direction of a point; its length along the view's axis is one.
    pub(super) fn direction(&self, u: f64, v: f64) -> Vec3 {
        let (x, y) = ((u - self.cx) / self.focal_x, (v - self.cy) / self.focal_y);
        self.rotation.apply(Vec3::new(x, y, 1.0))
    }

    /// The point of a direction; None behind the plane.
    pub(super) fn project(&self, direction: Vec3) -> Option<(f64, f64)> {
        let Vec3 { x, y, z } = self.rotation.undo(direction);
        (z > 1e-9 * direction.norm()).then(|| {
            (
                self.cx + self.focal_x * x / z,
                self.cy + self.focal_y * y / z,
            )
        })
    }

    /// The half-space `a·u + b·v + c ≥ 0` of the plane as the unit normal of a half-space of
    /// directions.
    pub(super) fn side(&self, [a, b, c]: [f64; 3]) -> Vec3 {
        let z = a * self.cx + b * self.cy + c;
        self.rotation
            .apply(Vec3::new(a * self.focal_x, b * self.focal_y, z))
            .unit()
    }
}

/// `rect` with `margin` times its width added left and right, and `margin` times its height above and
/// below.
#[must_use]
pub fn widened([x0, y0, x1, y1]: Rect, margin: f64) -> Rect {
    let (dx, dy) = ((x1 - x0) * margin, (y1 - y0) * margin);
    [x0 - dx, y0 - dy, x1 + dx, y1 + dy]
}

/// The box itself, or its whole view if one of its numbers is not finite: what is broken covers too much
/// rather than nothing. (Detectors leave such boxes out, so that none of theirs comes here.)
pub(super) fn sound(view: &View, rect: Rect) -> Rect {
    if rect.iter().all(|edge| edge.is_finite()) {
        return rect;
    }
    let (width, height) = view.size();
    [0.0, 0.0, f64::from(width), f64::from(height)]
}

/// The corners of a rectangle, going round.
pub(super) fn corners([x0, y0, x1, y1]: Rect) -> [(f64, f64); 4] {
    [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
}
