//! Cameras: where each point of a picture looks.

use serde::{Deserialize, Serialize};

use super::error::GeometryError;
use super::vector::{Rotation, Vec3};
use std::f64::consts::{PI, TAU};

/// The sides of a whole panorama that are believed, in px.
const MOST_PIXELS: f64 = 1e6;

/// How a picture's points and directions belong together.
///
/// Picture coordinates are continuous pixels of the upright picture: (0, 0) is the outer corner of
/// the first pixel, pixel centres are at +0.5. Directions are in the camera's frame: x right, y down,
/// z forward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Camera {
    /// A rectilinear picture without distortion.
    Pinhole {
        /// Width in px.
        width: u32,
        /// Height in px.
        height: u32,
        /// Focal length in px.
        focal: f64,
        /// Principal point, x in px.
        cx: f64,
        /// Principal point, y in px.
        cy: f64,
    },
    /// The fisheye model of Kannala & Brandt ("A generic camera model and calibration method for
    /// conventional, wide-angle, and fish-eye lenses", 2006) in the form `OpenCV` uses: a ray θ off
    /// the axis falls `f·θ(1 + k1·θ² + k2·θ⁴ + k3·θ⁶ + k4·θ⁸)` px off the principal point.
    Fisheye {
        /// Width in px.
        width: u32,
        /// Height in px.
        height: u32,
        /// Focal length in px.
        f: f64,
        /// Principal point, x in px.
        cx: f64,
        /// Principal point, y in px.
        cy: f64,
        /// The coefficients k1 to k4.
        k: [f64; 4],
        /// The edge of the field, in radians off the axis; at most π.
        max_theta: f64,
    },
    /// An equirectangular panorama, whole or cropped, as the `GPano` specification ("Photo Sphere XMP
    /// Metadata") describes it. Its frame is the levelled one: the pose says how the picture lies
    /// in it.
    Equirect {
        /// Width of the picture in px.
        width: u32,
        /// Height of the picture in px.
        height: u32,
        /// Width in px of the whole sphere at the picture's scale.
        full_width: u32,
        /// Height in px of the whole sphere at the picture's scale.
        full_height: u32,
        /// Where the picture begins in the whole sphere, px from its left edge.
        left: u32,
        /// Where the picture begins in the whole sphere, px from its top edge.
        top: u32,
        /// Yaw of the middle of the whole sphere, in degrees.
        heading: f64,
        /// Pitch of the middle of the whole sphere above the horizon, in degrees.
        pitch: f64,
        /// Roll, in degrees: as it grows, the horizon turns counterclockwise in the picture.
        roll: f64,
    },
}

/// What the metadata of a panorama say (`GPano`, in px of the panorama as it was written).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Panorama {
    /// `FullPanoWidthPixels`.
    pub full_width: u32,
    /// `FullPanoHeightPixels`.
    pub full_height: u32,
    /// `CroppedAreaImageWidthPixels`.
    pub width: u32,
    /// `CroppedAreaImageHeightPixels`.
    pub height: u32,
    /// `CroppedAreaLeftPixels`.
    pub left: u32,
    /// `CroppedAreaTopPixels`.
    pub top: u32,
    /// `PoseHeadingDegrees`; zero keeps yaw 0 in the middle of the picture.
    pub heading: f64,
    /// `PosePitchDegrees`.
    pub pitch: f64,
    /// `PoseRollDegrees`.
    pub roll: f64,
}

impl Camera {
    /// A level panorama of the whole sphere.
    #[must_use]
    pub fn equirect(width: u32, height: u32) -> Self {
        Self::Equirect {
            width,
            height,
            full_width: width,
            full_height: height,
            left: 0,
            top: 0,
            heading: 0.0,
            pitch: 0.0,
            roll: 0.0,
        }
    }

    /// A planar picture of an unknown camera: a pinhole whose longer side sees 65°. Crops need no
    /// more than its size.
    #[must_use]
    pub fn planar(width: u32, height: u32) -> Self {
        let longer = f64::from(width.max(height));
        Self::Pinhole {
            width,
            height,
            focal: longer / 2.0 / 32.5_f64.to_radians().tan(),
            cx: f64::from(width) / 2.0,
            cy: f64::from(height) / 2.0,
        }
    }

    /// The camera of a panorama with metadata. A picture that was resized since keeps its metadata's
    /// proportions: the numbers are scaled with it.
    ///
    /// # Errors
    /// Numbers that describe no panorama, or not one of this picture's shape.
    pub fn panorama(width: u32, height: u32, said: &Panorama) -> Result<Self, GeometryError> {
        Self::with_panorama(said.width, said.height, said).check()?;
        let size = GeometryError::PanoramaSize {
            width,
            height,
            said_width: said.width,
            said_height: said.height,
        };
        let scale_x = f64::from(width) / f64::from(said.width);
        let scale_y = f64::from(height) / f64::from(said.height);
        if (scale_x / scale_y - 1.0).abs() > 0.01 {
            return Err(size);
        }
        let scaled = |value: u32, scale: f64| super::cast::pixel(f64::from(value) * scale + 0.5);
        let left = scaled(said.left, scale_x);
        let top = scaled(said.top, scale_y);
        let resized = Panorama {
            left,
            top,
            // rounding must not push the picture over the edge of its sphere
            full_width: scaled(said.full_width, scale_x).max(left.saturating_add(width)),
            full_height: scaled(said.full_height, scale_y).max(top.saturating_add(height)),
            ..*said
        };
        let camera = Self::with_panorama(width, height, &resized);
        camera.check().map(|()| camera)
    }

    fn with_panorama(width: u32, height: u32, said: &Panorama) -> Self {
        let Panorama {
            full_width,
            full_height,
            left,
            top,
            heading,
            pitch,
            roll,
            ..
        } = *said;
        Self::Equirect {
            width,
            height,
            full_width,
            full_height,
            left,
            top,
            heading,
            pitch,
            roll,
        }
    }

    /// Width and height of the picture in px.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        match *self {
            Self::Pinhole { width, height, .. }
            | Self::Fisheye { width, height, .. }
            | Self::Equirect { width, height, .. } => (width, height),
        }
    }

    /// Whether the picture's right edge continues at its left one.
    #[must_use]
    pub fn wraps(&self) -> bool {
        match *self {
            Self::Pinhole { .. } | Self::Fisheye { .. } => false,
            Self::Equirect {
                width, full_width, ..
            } => width == full_width,
        }
    }

    /// Whether the point lies in the picture, its edges included.
    #[must_use]
    pub fn contains(&self, x: f64, y: f64) -> bool {
        let (width, height) = self.size();
        (0.0..=f64::from(width)).contains(&x) && (0.0..=f64::from(height)).contains(&y)
    }

    /// The unit direction that the point (px) looks into; also for points outside the picture where
    /// the model goes on. None beyond a fisheye's field and beyond a panorama's poles.
    #[must_use]
    pub fn ray(&self, x: f64, y: f64) -> Option<Vec3> {
        self.ray_posed(&self.pose(), x, y)
    }

    /// [`Camera::ray`] with the pose at hand.
    pub(super) fn ray_posed(&self, pose: &Rotation, x: f64, y: f64) -> Option<Vec3> {
        match *self {
            Self::Pinhole { focal, cx, cy, .. } => {
                Some(Vec3::new((x - cx) / focal, (y - cy) / focal, 1.0).unit())
            }
            Self::Fisheye {
                f,
                cx,
                cy,
                k,
                max_theta,
                ..
            } => {
                let (dx, dy) = ((x - cx) / f, (y - cy) / f);
                let radius = dx.hypot(dy);
                if radius > distorted(max_theta, k) + 1e-12 {
                    return None;
                }
                Some(off_axis(dx, dy, undistorted(radius, k, max_theta)))
            }
            Self::Equirect {
                full_width,
                full_height,
                left,
                top,
                ..
            } => {
                let longitude = (x + f64::from(left)) / f64::from(full_width) * TAU - PI;
                let down = (y + f64::from(top)) / f64::from(full_height);
                if !(-1e-12..=1.0 + 1e-12).contains(&down) || !x.is_finite() {
                    return None;
                }
                let latitude = (0.5 - down) * PI;
                let (sin_longitude, cos_longitude) = longitude.sin_cos();
                let (sin_latitude, cos_latitude) = latitude.sin_cos();
                Some(pose.apply(Vec3::new(
                    sin_longitude * cos_latitude,
                    -sin_latitude,
                    cos_longitude * cos_latitude,
                )))
            }
        }
    }

    /// The picture point (px) of a direction of any length, inside the picture or not (see
    /// [`Camera::contains`]). None behind a pinhole and beyond a fisheye's field.
    #[must_use]
    pub fn project(&self, direction: Vec3) -> Option<(f64, f64)> {
        self.project_posed(&self.pose(), direction)
    }

    /// [`Camera::project`] with the pose at hand.
    pub(super) fn project_posed(&self, pose: &Rotation, direction: Vec3) -> Option<(f64, f64)> {
        match *self {
            Self::Pinhole { focal, cx, cy, .. } => {
                let Vec3 { x, y, z } = direction;
                (z > 1e-12 * direction.norm()).then(|| (cx + focal * x / z, cy + focal * y / z))
            }
            Self::Fisheye {
                f,
                cx,
                cy,
                k,
                max_theta,
                ..
            } => {
                let across = direction.x.hypot(direction.y);
                let theta = across.atan2(direction.z);
                if theta > max_theta + 1e-12 {
                    return None;
                }
                if across < f64::MIN_POSITIVE {
                    return Some((cx, cy));
                }
                let radius = f * distorted(theta, k) / across;
                Some((cx + radius * direction.x, cy + radius * direction.y))
            }
            Self::Equirect {
                full_width,
                full_height,
                left,
                top,
                ..
            } => {
                let Vec3 { x, y, z } = pose.undo(direction);
                let longitude = x.atan2(z);
                let latitude = (-y).atan2(x.hypot(z));
                let full = f64::from(full_width);
                let across = ((longitude / TAU + 0.5) * full).rem_euclid(full);
                let down = (0.5 - latitude / PI) * f64::from(full_height);
                Some((across - f64::from(left), down - f64::from(top)))
            }
        }
    }

    /// How the picture lies in the frame of its directions.
    pub(super) fn pose(&self) -> Rotation {
        match *self {
            Self::Pinhole { .. } | Self::Fisheye { .. } => Rotation::from_angles(0.0, 0.0, 0.0),
            Self::Equirect {
                heading,
                pitch,
                roll,
                ..
            } => Rotation::from_angles(heading, pitch, roll),
        }
    }

    /// Picture px per radian around a unit direction: the geometric mean of both axes, and of a
    /// panorama that along its meridians.
    pub(super) fn density(&self, direction: Vec3) -> f64 {
        match *self {
            Self::Pinhole { focal, .. } => focal / direction.z.max(1e-3).powf(1.5),
            Self::Fisheye {
                f, k, max_theta, ..
            } => {
                let theta = direction.x.hypot(direction.y).atan2(direction.z);
                let theta = theta.clamp(1e-6, max_theta);
                f * (slope(theta, k) * distorted(theta, k) / theta.sin().max(1e-6))
                    .abs()
                    .sqrt()
            }
            Self::Equirect { full_height, .. } => f64::from(full_height) / PI,
        }
    }

    /// Whether these numbers describe a camera.
    ///
    /// # Errors
    /// The first number that does not.
    pub fn check(&self) -> Result<(), GeometryError> {
        let (width, height) = self.size();
        if width == 0 || height == 0 {
            return Err(GeometryError::EmptyPicture { width, height });
        }
        match *self {
            Self::Pinhole { focal, cx, cy, .. } => {
                within("focal length", focal, 1e-3, 1e9)?;
                within("principal point", cx, -1e9, 1e9)?;
                within("principal point", cy, -1e9, 1e9)
            }
            Self::Fisheye {
                f,
                cx,
                cy,
                k,
                max_theta,
                ..
            } => {
                within("focal length", f, 1e-3, 1e9)?;
                within("principal point", cx, -1e9, 1e9)?;
                within("principal point", cy, -1e9, 1e9)?;
                within("field in radians", max_theta, 1e-3, PI)?;
                for coefficient in k {
                    within("distortion coefficient", coefficient, -1e6, 1e6)?;
                }
                let folded = angles_to(max_theta).find(|theta| slope(*theta, k) <= 1e-6);
                folded.map_or(Ok(()), |theta| {
                    Err(GeometryError::FoldedLens {
                        degrees: theta.to_degrees(),
                    })
                })
            }
            Self::Equirect {
                full_width,
                full_height,
                left,
                top,
                heading,
                pitch,
                roll,
                ..
            } => {
                if full_width == 0
                    || full_height == 0
                    || (f64::from(full_width) / f64::from(full_height) / 2.0 - 1.0).abs() > 0.01
                {
                    return Err(GeometryError::PanoramaRatio {
                        full_width,
                        full_height,
                    });
                }
                within("full width", f64::from(full_width), 1.0, MOST_PIXELS)?;
                within("full height", f64::from(full_height), 1.0, MOST_PIXELS)?;
                if left
                    .checked_add(width)
                    .is_none_or(|right| right > full_width)
                    || top
                        .checked_add(height)
                        .is_none_or(|bottom| bottom > full_height)
                {
                    return Err(GeometryError::PanoramaCrop {
                        left,
                        top,
                        width,
                        height,
                        full_width,
                        full_height,
                    });
                }
                within("heading in degrees", heading, -360.0, 360.0)?;
                within("pitch in degrees", pitch, -90.0, 90.0)?;
                within("roll in degrees", roll, -360.0, 360.0)
            }
        }
    }
}

fn within(what: &'static str, value: f64, low: f64, high: f64) -> Result<(), GeometryError> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(GeometryError::Lens { what, value })
    }
}

/// The radius, in focal lengths, at which a ray θ off the axis falls.
pub(super) fn distorted(theta: f64, k: [f64; 4]) -> f64 {
    let square = theta * theta;
    theta * (1.0 + square * (k[0] + square * (k[1] + square * (k[2] + square * k[3]))))
}

/// The derivative of [`distorted`].
pub(super) fn slope(theta: f64, k: [f64; 4]) -> f64 {
    let square = theta * theta;
    let inner = 5.0 * k[1] + square * (7.0 * k[2] + square * 9.0 * k[3]);
    1.0 + square * (3.0 * k[0] + square * inner)
}

/// The inverse of [`distorted`], which grows on [0, `max_theta`]: Newton's steps, halving the bracket
/// where one would leave it. A radius beyond the field gives its edge.
pub(super) fn undistorted(radius: f64, k: [f64; 4], max_theta: f64) -> f64 {
    let (mut low, mut high) = (0.0, max_theta);
    let mut theta = radius.min(max_theta);
    for _ in 0..64 {
        let excess = distorted(theta, k) - radius;
        if excess > 0.0 {
            high = theta;
        } else {
            low = theta;
        }
        let step = excess / slope(theta, k);
        let next = theta - step;
        theta = if (low..=high).contains(&next) {
            next
        } else {
            f64::midpoint(low, high)
        };
        if step.abs() < 1e-15 {
            break;
        }
    }
    theta
}

/// The unit direction `theta` off the axis, towards (dx, dy).
pub(super) fn off_axis(dx: f64, dy: f64, theta: f64) -> Vec3 {
    let radius = dx.hypot(dy);
    if radius < f64::MIN_POSITIVE {
        return Vec3::new(0.0, 0.0, 1.0);
    }
    let (sin, cos) = theta.sin_cos();
    Vec3::new(sin * dx / radius, sin * dy / radius, cos)
}

/// Angles off the axis, from near zero to `max_theta`, close enough together to judge a lens by.
pub(super) fn angles_to(max_theta: f64) -> impl Iterator<Item = f64> {
    (1..=512_u32).map(move |step| max_theta * f64::from(step) / 512.0)
}
