//! The geometry of redaction: cameras, planar views of any picture, and exact masks in picture pixels.
//!
//! A [`Layout`] cuts a picture of any [`Camera`] into planar [`View`]s; a [`Pyramid`] renders them for
//! the detectors; [`merge()`] joins what several views saw of one object; [`rasterise()`] turns the
//! boxes back into a [`Mask`] of the picture: pixel by pixel from the picture's side, since mapping
//! corners alone would miss up to a quarter of a region beside a pole and all of one on it. A
//! [`Chart`] is the plane in which an object is averaged.
//!
//! Picture coordinates are continuous pixels of the *upright* picture: (0, 0) is the outer corner of the
//! first pixel, pixel centres are at +0.5. In a camera's frame x points right, y down, z forward; yaw
//! is positive to the right, pitch positive up, roll clockwise.

mod camera;
mod cast;
mod chart;
mod error;
mod layout;
mod mask;
mod merge;
mod polygon;
mod quad;
mod rasterise;
mod render;
mod resample;
#[cfg(test)]
mod tests;
mod tiles;
mod vector;
mod view;

pub use camera::{Camera, Panorama};
pub use chart::Chart;
pub use error::GeometryError;
pub use layout::Layout;
pub use mask::{Mask, Piece, Span};
pub use merge::{Object, Sighting, Tangent, merge};
pub(super) use polygon::bounds;
pub use quad::Quad;
pub use rasterise::{Patch, Shape, rasterise};
pub use render::{Pyramid, render};
pub use vector::{Rotation, Vec3};
pub use view::{Rect, View, widened};
