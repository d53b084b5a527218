//! Directions and rotations in a camera's frame: x right, y down, z forward.

use std::ops::{Add, Mul};

/// A direction (or a vector) in a camera's frame: x right, y down, z forward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vec3 {
    /// Towards the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
    /// Forwards.
    pub z: f64,
}

impl Vec3 {
    /// A vector of these components.
    #[must_use]
    pub fn new(x: f64, y: f64, z: f64) -> Self {
        Self { x, y, z }
    }

    /// The unit vector at `yaw` (positive to the right) and `pitch` (positive up), in degrees.
    #[must_use]
    pub fn from_angles(yaw: f64, pitch: f64) -> Self {
        let (sin_yaw, cos_yaw) = yaw.to_radians().sin_cos();
        let (sin_pitch, cos_pitch) = pitch.to_radians().sin_cos();
        Self::new(sin_yaw * cos_pitch, -sin_pitch, cos_yaw * cos_pitch)
    }

    /// Yaw in (-180, 180] and pitch in [-90, 90], in degrees.
    #[must_use]
    pub fn angles(self) -> (f64, f64) {
        let yaw = self.x.atan2(self.z);
        let pitch = (-self.y).atan2(self.x.hypot(self.z));
        (yaw.to_degrees(), pitch.to_degrees())
    }

    /// Scalar product.
    #[must_use]
    pub fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    /// Vector product.
    #[must_use]
    pub fn cross(self, other: Self) -> Self {
        Self::new(
            self.y * other.z - self.z * other.y,
            self.z * other.x - self.x * other.z,
            self.x * other.y - self.y * other.x,
        )
    }

    /// Length.
    #[must_use]
    pub fn norm(self) -> f64 {
        self.dot(self).sqrt()
    }

    /// The same direction at length one.
    #[must_use]
    pub fn unit(self) -> Self {
        self * (1.0 / self.norm())
    }

    /// The angle to another direction, in radians; exact for small angles too.
    #[must_use]
    pub fn angle_to(self, other: Self) -> f64 {
        self.cross(other).norm().atan2(self.dot(other))
    }
}

impl Add for Vec3 {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y, self.z + other.z)
    }
}

impl Mul<f64> for Vec3 {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self::new(self.x * factor, self.y * factor, self.z * factor)
    }
}

/// A rotation, as the images of the three axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotation {
    right: Vec3,
    down: Vec3,
    forward: Vec3,
}

impl Rotation {
    /// The rotation that aims a level camera at `yaw` and `pitch` and then turns it clockwise about
    /// its axis by `roll`; all in degrees.
    #[must_use]
    pub fn from_angles(yaw: f64, pitch: f64, roll: f64) -> Self {
        let forward = Vec3::from_angles(yaw, pitch);
        let (sin_yaw, cos_yaw) = yaw.to_radians().sin_cos();
        let level = Vec3::new(cos_yaw, 0.0, -sin_yaw);
        let plumb = forward.cross(level);
        let (sin, cos) = roll.to_radians().sin_cos();
        Self {
            right: level * cos + plumb * sin,
            down: plumb * cos + level * -sin,
            forward,
        }
    }

    /// The rotation that aims at `forward`, its right axis as near to `right` as can be.
    #[must_use]
    pub(super) fn aiming(forward: Vec3, right: Vec3) -> Self {
        let forward = forward.unit();
        let down = forward.cross(right).unit();
        Self {
            right: down.cross(forward),
            down,
            forward,
        }
    }

    /// Yaw, pitch and roll in degrees: the inverse of [`Rotation::from_angles`].
    #[must_use]
    pub fn angles(&self) -> (f64, f64, f64) {
        let (yaw, pitch) = self.forward.angles();
        let level = Self::from_angles(yaw, pitch, 0.0);
        let roll = self
            .right
            .dot(level.down)
            .atan2(self.right.dot(level.right));
        (yaw, pitch, roll.to_degrees())
    }

    /// Where the rotation takes `v`.
    #[must_use]
    pub fn apply(&self, v: Vec3) -> Vec3 {
        self.right * v.x + self.down * v.y + self.forward * v.z
    }

    /// What the rotation takes to `v`.
    #[must_use]
    pub fn undo(&self, v: Vec3) -> Vec3 {
        Vec3::new(self.right.dot(v), self.down.dot(v), self.forward.dot(v))
    }

    /// The image of the forward axis.
    #[must_use]
    pub fn forward(&self) -> Vec3 {
        self.forward
    }

    /// The image of the axis to the right.
    #[must_use]
    pub fn right(&self) -> Vec3 {
        self.right
    }
}
