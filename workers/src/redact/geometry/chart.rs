//! The plane in which an object is blurred.

use super::camera::Camera;
use super::merge::{Object, Tangent};
use super::vector::Rotation;
use super::view::{Plane, Rect};

/// Coordinates of an object: its reported box is [0, 1] × [0, 1], and steps along them are even where
/// the object is seen undistorted: on the tangent plane at its middle, or on the picture's own plane
/// if it was seen in a crop.
#[derive(Debug, Clone)]
pub struct Chart<'a> {
    camera: &'a Camera,
    surface: Surface,
}

#[derive(Debug, Clone)]
enum Surface {
    Picture(Rect),
    Sphere { pose: Rotation, plane: Plane },
}

impl<'a> Chart<'a> {
    /// The chart of an object of a picture by `camera`.
    #[must_use]
    pub fn of<C>(camera: &'a Camera, object: &Object<C>) -> Self {
        let surface = match object.tangent {
            None => Surface::Picture(object.bounds),
            Some(Tangent {
                yaw,
                pitch,
                roll,
                half_width,
                half_height,
            }) => Surface::Sphere {
                pose: camera.pose(),
                plane: Plane {
                    rotation: Rotation::from_angles(yaw, pitch, roll),
                    focal_x: 0.5 / half_width.to_radians().tan(),
                    focal_y: 0.5 / half_height.to_radians().tan(),
                    cx: 0.5,
                    cy: 0.5,
                },
            },
        };
        Self { camera, surface }
    }

    /// The chart's coordinates of a picture point (px). None where the point has no direction or lies
    /// behind the object's plane. Near the seam both sides of a panorama are located alike.
    #[must_use]
    pub fn locate(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        match &self.surface {
            Surface::Picture([x0, y0, x1, y1]) => {
                Some(((x - x0) / (x1 - x0), (y - y0) / (y1 - y0)))
            }
            Surface::Sphere { pose, plane } => plane.project(self.camera.ray_posed(pose, x, y)?),
        }
    }

    /// Width over height of the object's box, as it would look head-on.
    #[must_use]
    pub fn aspect(&self) -> f64 {
        match &self.surface {
            Surface::Picture([x0, y0, x1, y1]) => (x1 - x0) / (y1 - y0),
            Surface::Sphere { plane, .. } => plane.focal_y / plane.focal_x,
        }
    }
}
