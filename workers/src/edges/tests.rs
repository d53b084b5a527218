//! Discs at known places, which move a known way.

use image::{Rgb, RgbImage};

use super::*;

const SIZE: (u32, u32) = (320, 180);
/// Seconds between two frames.
const GAP: f64 = 0.08;

/// A bright disc on a dark ground that is not quite even. Places and radius are shares of the width and the height.
fn disc(x: f64, y: f64, radius: f64) -> RgbImage {
    let (width, height) = SIZE;
    RgbImage::from_fn(width, height, |column, row| {
        let across = f64::from(column) / f64::from(width) - x;
        let down = (f64::from(row) / f64::from(height) - y) * f64::from(height) / f64::from(width);
        let inside = across.hypot(down) < radius;
        let ground = u8::try_from((column + 2 * row) % 7).unwrap();
        let level = if inside { 200 } else { 30 + ground };
        Rgb([level, level, level])
    })
}

/// The last frame of a shot in which the disc moves by `speed` widths a second.
fn last((x, y): (f64, f64), speed: (f64, f64)) -> EdgeDescriptor {
    EdgeDescriptor::of(&EdgeFrames {
        edge: disc(x, y, 0.12),
        inner: disc(x - speed.0 * GAP, y - speed.1 * GAP, 0.12),
        seconds: -GAP,
    })
}

/// The first frame of such a shot.
fn first((x, y): (f64, f64), speed: (f64, f64)) -> EdgeDescriptor {
    EdgeDescriptor::of(&EdgeFrames {
        edge: disc(x, y, 0.12),
        inner: disc(x + speed.0 * GAP, y + speed.1 * GAP, 0.12),
        seconds: GAP,
    })
}

const PLACE: (f64, f64) = (0.35, 0.45);
const RIGHT: (f64, f64) = (0.4, 0.0);

#[test]
fn a_disc_that_goes_on_is_a_match_and_others_are_less() {
    let end = last(PLACE, RIGHT);
    let found = |place, speed| end.continued_by(&first(place, speed));
    let same = found(PLACE, RIGHT);
    assert!(same.composition > 0.98 && same.motion > 0.85, "{same:?}");
    for (place, speed) in [
        (PLACE, (-0.4, 0.0)),
        (PLACE, (0.0, 0.0)),
        (PLACE, (0.0, 0.4)),
        ((0.7, 0.45), RIGHT),
        ((0.35, 0.8), RIGHT),
        ((0.7, 0.45), (-0.4, 0.0)),
    ] {
        let other = found(place, speed);
        assert!(
            other.score() < 0.65 * same.score(),
            "{place:?} {speed:?}: {other:?}"
        );
    }
    // Elsewhere is worse than otherwise: the picture must fit.
    let otherwise = found(PLACE, (-0.4, 0.0));
    let elsewhere = found((0.7, 0.45), RIGHT);
    assert!(
        otherwise.composition > 0.95 && otherwise.motion < 0.2,
        "{otherwise:?}"
    );
    assert!(elsewhere.composition < 0.3, "{elsewhere:?}");
    assert!(elsewhere.score() < otherwise.score());
    // A little beside is a little worse.
    let beside = found((0.39, 0.45), RIGHT);
    assert!(
        beside.score() < same.score() && beside.score() > 0.6 * same.score(),
        "{beside:?}"
    );
}

#[test]
fn light_and_colour_do_not_matter() {
    let end = last(PLACE, (0.0, 0.0));
    let mut tinted = disc(PLACE.0, PLACE.1, 0.12);
    for pixel in tinted.pixels_mut() {
        let [level, ..] = pixel.0;
        *pixel = Rgb([level / 2, level / 3, level]);
    }
    let still = EdgeFrames {
        edge: tinted.clone(),
        inner: tinted,
        seconds: GAP,
    };
    let found = end.continued_by(&EdgeDescriptor::of(&still));
    assert!(found.composition > 0.9, "{found:?}");
    assert!(found.motion > 0.99, "{found:?}");
}

#[test]
fn the_field_says_how_fast_and_where() {
    // All of the picture moves by an eighth of its width a second.
    let pattern = |shift: f64| {
        RgbImage::from_fn(SIZE.0, SIZE.1, |column, row| {
            let x = f64::from(column) - shift;
            let wave = (x / 9.0).sin()
                + (x / 23.0 + f64::from(row) / 13.0).sin()
                + (f64::from(row) / 7.0).cos();
            let level = wave.mul_add(35.0, 128.0).clamp(0.0, 255.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is clamped"
            )]
            Rgb([level as u8; 3])
        })
    };
    let speed = 0.125;
    let frames = EdgeFrames {
        edge: pattern(0.0),
        inner: pattern(speed * GAP * f64::from(SIZE.0)),
        seconds: GAP,
    };
    let bytes = EdgeDescriptor::of(&frames).0;
    let (field, _) = bytes[COMPOSITION..].as_chunks::<2>();
    for &[across, down] in field {
        // 64 units are a width a second.
        assert!((6..=10).contains(&across) && down.abs() <= 1, "{field:?}");
    }
}

#[test]
fn what_is_empty_is_like_nothing_and_what_is_one_frame_does_not_move() {
    let black = EdgeFrames {
        edge: RgbImage::new(64, 36),
        inner: RgbImage::new(64, 36),
        seconds: GAP,
    };
    let black = EdgeDescriptor::of(&black);
    assert!(black.continued_by(&black).composition <= 0.0);
    assert!(black.continued_by(&last(PLACE, RIGHT)).score() <= 0.0);
    let alone = EdgeFrames {
        edge: disc(0.3, 0.3, 0.1),
        inner: disc(0.6, 0.3, 0.1),
        seconds: 0.0,
    };
    let bytes = EdgeDescriptor::of(&alone).0;
    assert!(bytes[COMPOSITION..].iter().all(|&byte| byte == 0));
    // The smallest picture.
    let tiny = EdgeFrames {
        edge: RgbImage::new(1, 1),
        inner: RgbImage::new(1, 1),
        seconds: GAP,
    };
    assert_eq!(EdgeDescriptor::of(&tiny), black);
}

#[test]
fn a_descriptor_survives_being_stored() {
    let edge = last(PLACE, RIGHT);
    let bytes = edge.to_bytes();
    assert_eq!(EdgeDescriptor::from_bytes(&bytes), Some(edge));
    assert_eq!(EdgeDescriptor::from_bytes(&bytes[1..]), None);
}
