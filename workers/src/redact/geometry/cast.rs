//! The few narrowing conversions of this module, each at one place and saturating.

/// The whole pixel of a coordinate: rounded down, nothing below zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted of a coordinate outside the picture"
)]
pub(super) fn pixel(value: f64) -> u32 {
    value.floor() as u32
}

/// A coordinate at the precision of the inner loop of rendering.
#[expect(
    clippy::cast_possible_truncation,
    reason = "24 bits keep a coordinate of an 8K picture to 5e-4 px"
)]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}

/// A count of pixels at the precision of the inner loop of rendering.
pub(super) fn count(value: u32) -> f32 {
    narrow(f64::from(value))
}

/// The pixel at or before a coordinate, and how far behind it the coordinate is. (`f32::floor` would be
/// a call on processors without SSE 4.1.)
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates; sampling bounds it"
)]
#[expect(
    clippy::cast_precision_loss,
    reason = "pictures are less than 2²⁴ px wide"
)]
pub(super) fn cell(value: f32) -> (i32, f32) {
    let towards_zero = value as i32;
    let below = towards_zero - i32::from(value < towards_zero as f32);
    (below, value - below as f32)
}

/// An offset that was computed from coordinates inside a picture.
pub(super) fn index(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// A small number of pixels.
pub(super) fn length(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// A channel's value, rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an average of bytes is a byte; the cast saturates"
)]
pub(super) fn byte(value: f32) -> u8 {
    (value + 0.5) as u8
}

/// A small number of things.
pub(super) fn count_of(value: usize) -> f64 {
    u32::try_from(value).map_or(f64::MAX, f64::from)
}
