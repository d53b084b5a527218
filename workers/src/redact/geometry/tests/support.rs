//! What the tests share.

use super::super::{Camera, Layout, Mask, Vec3, View};

/// A number in [0, 1) from a small generator (`SplitMix64`), the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap()) / 4_294_967_296.0
    }

    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.roll()
    }

    /// Any direction, all alike.
    pub(super) fn direction(&mut self) -> Vec3 {
        let pitch = self.between(-1.0, 1.0).asin().to_degrees();
        Vec3::from_angles(self.between(-180.0, 180.0), pitch)
    }
}

/// `count` directions spread evenly over the sphere (Fibonacci).
pub(super) fn fibonacci(count: u32) -> impl Iterator<Item = Vec3> {
    let golden = 180.0 * (3.0 - 5.0_f64.sqrt());
    (0..count).map(move |i| {
        let pitch = (1.0 - (2.0 * f64::from(i) + 1.0) / f64::from(count))
            .asin()
            .to_degrees();
        Vec3::from_angles(golden * f64::from(i), pitch)
    })
}

pub(super) fn views(layout: &str, camera: &Camera) -> Vec<View> {
    Layout::named(layout).unwrap().views(camera).unwrap()
}

/// The picture in one view, its longer side at most `longest` px.
pub(super) fn whole(longest: u32, camera: &Camera) -> View {
    let text = format!("name = \"x\"\n[[tiers]]\nkind = \"whole\"\nlongest = {longest}");
    Layout::parse(&text).unwrap().views(camera).unwrap()[0]
}

/// Pixels of a mask that are not in another.
pub(super) fn beyond(mask: &Mask, other: &Mask) -> usize {
    let pixels = mask
        .spans()
        .flat_map(|span| (span.x0..span.x1).map(move |x| (x, span.y)));
    pixels.filter(|(x, y)| !other.contains(*x, *y)).count()
}

/// The angle (degrees) by which the direction lies inside the view's nearest side; negative outside.
pub(super) fn depth(view: &View, direction: Vec3) -> f64 {
    let (width, height) = view.size();
    let (w, h) = (f64::from(width), f64::from(height));
    let corner =
        [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].map(|(u, v)| view.direction(u, v).unwrap());
    let sides = corner.iter().zip(corner.iter().cycle().skip(1));
    sides
        .map(|(a, b)| a.cross(*b).unit().dot(direction).asin().to_degrees())
        .fold(f64::MAX, f64::min)
}

pub(super) fn cropped() -> Camera {
    Camera::Equirect {
        width: 900,
        height: 400,
        full_width: 2000,
        full_height: 1000,
        left: 700,
        top: 250,
        heading: 0.0,
        pitch: 0.0,
        roll: 0.0,
    }
}

pub(super) fn tilted() -> Camera {
    Camera::Equirect {
        width: 2048,
        height: 1024,
        full_width: 2048,
        full_height: 1024,
        left: 0,
        top: 0,
        heading: 123.0,
        pitch: 17.0,
        roll: -31.0,
    }
}

pub(super) fn fisheye() -> Camera {
    let k = [0.02, -0.004, 0.001, -0.0002];
    let max_theta = 95.0_f64.to_radians();
    Camera::Fisheye {
        width: 1600,
        height: 1600,
        f: 480.0,
        cx: 803.0,
        cy: 797.0,
        k,
        max_theta,
    }
}

pub(super) fn pinhole() -> Camera {
    Camera::Pinhole {
        width: 1920,
        height: 1080,
        focal: 1400.0,
        cx: 950.0,
        cy: 545.0,
    }
}
