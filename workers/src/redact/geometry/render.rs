//! Rendering of views: gnomonic, area-filtered where they shrink the picture.
//!
//! A pyramid of halved pictures is made once and shared by all views. Each view pixel is the average of an
//! upright rectangle, its footprint, on a level where that is a few pixels high at most; towards the
//! poles of a panorama it is wider than high.

use std::sync::OnceLock;

use image::RgbImage;

use super::camera::Camera;
use super::cast::{byte, cell, count, index, length, narrow, pixel};
use super::resample::{Axis, resample};
use super::vector::Vec3;
use super::view::{Frame, Plane, Scale, View};
use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// The most pixels of a level that a footprint touches in a row, and its greatest extent.
const MOST_COLUMNS: usize = 20;
const WIDEST: f32 = 18.0;
/// The most pixels of the picture, one above the other, that one of a crop averages. More is slower and truer.
const MOST_ROWS: f64 = 4.0;
/// Levels below this many px a side would serve no view.
const SMALLEST: u32 = 16;

/// A picture with its halves, quarters and so on, made at the first view that needs them.
#[derive(Debug)]
pub struct Pyramid<'a> {
    picture: &'a RgbImage,
    smaller: OnceLock<Vec<RgbImage>>,
}

/// The view of a picture by `camera`: black outside the picture. For several views of one picture, make
/// a [`Pyramid`].
#[must_use]
pub fn render(picture: &RgbImage, camera: &Camera, view: &View) -> RgbImage {
    Pyramid::new(picture).render(camera, view)
}

impl<'a> Pyramid<'a> {
    /// The pyramid of a picture.
    #[must_use]
    pub fn new(picture: &'a RgbImage) -> Self {
        Self {
            picture,
            smaller: OnceLock::new(),
        }
    }

    /// The view of the picture by `camera`: black outside the picture.
    #[must_use]
    pub fn render(&self, camera: &Camera, view: &View) -> RgbImage {
        match view.frame() {
            Frame::Picture(scale) => match self.copy(&scale, view) {
                Some(copy) => copy,
                None => self.crop(&scale, view),
            },
            Frame::Sphere(plane) => match camera {
                Camera::Equirect { .. } => self.draw(camera, view, &Round::new(camera, &plane)),
                Camera::Pinhole { .. } | Camera::Fisheye { .. } => {
                    self.draw(camera, view, &Lens { camera, plane })
                }
            },
        }
    }

    /// A crop that is neither scaled nor off the pixels nor outside the picture.
    fn copy(&self, scale: &Scale, view: &View) -> Option<RgbImage> {
        let (width, height) = view.size();
        let (x, y) = (pixel(scale.x), pixel(scale.y));
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let plain = near(scale.scale_x, 1.0)
            && near(scale.scale_y, 1.0)
            && near(scale.x, f64::from(x))
            && near(scale.y, f64::from(y))
            && x.checked_add(width)? <= self.picture.width()
            && y.checked_add(height)? <= self.picture.height();
        plain.then(|| image::imageops::crop_imm(self.picture, x, y, width, height).to_image())
    }

    /// A crop, read from a copy of the picture on which its pixels average a few.
    fn crop(&self, scale: &Scale, view: &View) -> RgbImage {
        let (mut copy, mut shrink) = (self.picture, (1.0 / scale.scale_x).min(1.0 / scale.scale_y));
        let mut smaller = None;
        while shrink > MOST_ROWS {
            let levels = smaller.get_or_insert_with(|| self.smaller().iter());
            let Some(level) = levels.next() else { break };
            (copy, shrink) = (level, shrink / 2.0);
        }
        let axis = |start, scale, picture, copy, view| Axis {
            start,
            scale,
            picture,
            copy,
            view,
        };
        let ((width, height), (copy_width, copy_height)) =
            (self.picture.dimensions(), copy.dimensions());
        let (view_width, view_height) = view.size();
        let across = axis(scale.x, scale.scale_x, width, copy_width, view_width);
        let along = axis(scale.y, scale.scale_y, height, copy_height, view_height);
        resample(copy, &across, &along)
    }

    fn smaller(&self) -> &[RgbImage] {
        self.smaller.get_or_init(|| halves(self.picture))
    }

    fn draw<M: Map>(&self, camera: &Camera, view: &View, map: &M) -> RgbImage {
        let (width, height) = view.size();
        let mut spots = vec![Spot::OUTSIDE; width as usize];
        let mut drawn = RgbImage::new(width, height);
        let mut levels = vec![Level::new(self.picture, self.picture, camera)];
        for (row, pixels) in drawn.enumerate_rows_mut() {
            map.row(row, &mut spots);
            if levels.len() == 1 && spots.iter().any(|spot| spot.shrink > 1.0) {
                let smaller = self.smaller().iter();
                levels.extend(smaller.map(|it| Level::new(it, self.picture, camera)));
            }
            for ((_, _, pixel), spot) in pixels.zip(&spots) {
                if spot.shrink > 0.0 {
                    pixel.0 = level_of(&levels, spot, M::ROWS).average(spot).map(byte);
                }
            }
        }
        drawn
    }
}

/// Each half of the one before.
fn halves(picture: &RgbImage) -> Vec<RgbImage> {
    let mut levels: Vec<RgbImage> = Vec::new();
    loop {
        let last = levels.last().unwrap_or(picture);
        if last.width().min(last.height()) < 2 * SMALLEST {
            return levels;
        }
        levels.push(halved(last));
    }
}

/// Averages of 2×2 px; an odd last column or row joins its neighbour's average.
fn halved(picture: &RgbImage) -> RgbImage {
    let (width, height) = (picture.width() / 2, picture.height() / 2);
    if picture.width() % 2 == 1 || picture.height() % 2 == 1 {
        // the rare odd size: every average covers its exact share of the picture
        return image::imageops::resize(
            picture,
            width,
            height,
            image::imageops::FilterType::Triangle,
        );
    }
    let stride = picture.width() as usize * 3;
    let mut small = RgbImage::new(width, height);
    let rows = picture.as_raw().chunks_exact(2 * stride);
    for (target, source) in small.chunks_exact_mut(width as usize * 3).zip(rows) {
        let (upper, lower) = source.split_at(stride);
        let pairs = upper.chunks_exact(6).zip(lower.chunks_exact(6));
        for (target, (a, b)) in target.chunks_exact_mut(3).zip(pairs) {
            for channel in 0..3 {
                let sum = [a[channel], a[channel + 3], b[channel], b[channel + 3]].map(u16::from);
                target[channel] =
                    u8::try_from((sum.iter().sum::<u16>() + 2) / 4).unwrap_or(u8::MAX);
            }
        }
    }
    small
}

/// Where a view pixel lies in the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    /// Picture px.
    pub(super) x: f32,
    /// Picture px.
    pub(super) y: f32,
    /// Picture px per view px; zero outside the picture.
    pub(super) shrink: f32,
    /// How many times wider than high its footprint is in the picture.
    stretch: f32,
}

impl Spot {
    pub(super) const OUTSIDE: Self = Self {
        x: 0.0,
        y: 0.0,
        shrink: 0.0,
        stretch: 1.0,
    };
}

/// From view pixels to the picture, a row at a time.
pub(super) trait Map {
    /// The most rows of a level that a footprint covers before a coarser level serves it: more is slower
    /// and truer.
    const ROWS: f32;

    fn row(&self, row: u32, spots: &mut [Spot]);
}

/// A perspective view through a lens.
struct Lens<'a> {
    camera: &'a Camera,
    plane: Plane,
}

impl Map for Lens<'_> {
    const ROWS: f32 = 4.0;

    fn row(&self, row: u32, spots: &mut [Spot]) {
        let focal = (self.plane.focal_x * self.plane.focal_y).sqrt();
        for (column, spot) in (0_u32..).zip(spots) {
            let ray = self
                .plane
                .direction(f64::from(column) + 0.5, f64::from(row) + 0.5);
            *spot = match self.camera.project(ray) {
                Some((x, y)) if self.camera.contains(x, y) => {
                    let length = ray.norm();
                    let density = self.camera.density(ray * (1.0 / length));
                    let shrink = narrow(density / (focal * length.powf(1.5)));
                    Spot {
                        x: narrow(x),
                        y: narrow(y),
                        shrink,
                        stretch: 1.0,
                    }
                }
                _ => Spot::OUTSIDE,
            };
        }
    }
}

/// A perspective view of a panorama. Its inner loop is in f32 with an arctangent of its own: together
/// off by less than 1e-3 px in panoramas up to 8K, 2e-3 px up to 16K.
pub(super) struct Round {
    /// The ray of the first pixel's centre in the panorama's own frame, and its steps to the right and
    /// down.
    first: Vec3,
    right: Vec3,
    down: Vec3,
    /// Panorama px per radian.
    across: f32,
    along: f32,
    /// Where the middle of the whole sphere is in the picture.
    middle: (f32, f32),
    size: (f32, f32),
    /// View px per radian, in the middle.
    focal: f32,
}

impl Round {
    pub(super) fn new(camera: &Camera, plane: &Plane) -> Self {
        let (width, height) = camera.size();
        let (full_width, full_height, left, top) = match *camera {
            Camera::Equirect {
                full_width,
                full_height,
                left,
                top,
                ..
            } => (full_width, full_height, left, top),
            Camera::Pinhole { .. } | Camera::Fisheye { .. } => (width, height, 0, 0),
        };
        let pose = camera.pose();
        let ray = |u: f64, v: f64| pose.undo(plane.direction(u, v));
        let first = ray(0.5, 0.5);
        let middle = |full: u32, start: u32| narrow(f64::from(full) / 2.0 - f64::from(start));
        Self {
            first,
            right: ray(1.5, 0.5) + first * -1.0,
            down: ray(0.5, 1.5) + first * -1.0,
            across: count(full_width) / (2.0 * PI),
            along: count(full_height) / PI,
            middle: (middle(full_width, left), middle(full_height, top)),
            size: (count(width), count(height)),
            focal: narrow((plane.focal_x * plane.focal_y).sqrt()),
        }
    }
}

impl Map for Round {
    const ROWS: f32 = 2.0;

    fn row(&self, row: u32, spots: &mut [Spot]) {
        let start = self.first + self.down * f64::from(row);
        let [x0, y0, z0] = [start.x, start.y, start.z].map(narrow);
        let [dx, dy, dz] = [self.right.x, self.right.y, self.right.z].map(narrow);
        let scale = self.along / self.focal;
        for (column, spot) in (0_u16..).zip(spots) {
            let step = f32::from(column);
            let (x, y, z) = (x0 + step * dx, y0 + step * dy, z0 + step * dz);
            let level = (x * x + z * z).sqrt();
            let length = (level * level + y * y).sqrt();
            let across = self.middle.0 + self.across * arctangent(x, z);
            let along = self.middle.1 + self.along * arctangent(y, level);
            let inside =
                across >= 0.0 && across <= self.size.0 && along >= 0.0 && along <= self.size.1;
            let shrink = scale / (length * length.sqrt());
            *spot = Spot {
                x: across,
                y: along,
                shrink: if inside { shrink } else { 0.0 },
                stretch: length / level.max(1e-6),
            };
        }
    }
}

/// The angle of (x, y) by y over x, in (-π, π], to 2e-7: the Cephes polynomial for single precision.
fn arctangent(y: f32, x: f32) -> f32 {
    const TAN_PI_8: f32 = 0.414_213_56;
    let (wide, high) = (x.abs(), y.abs());
    let (small, large) = (wide.min(high), wide.max(high));
    let turned = small > TAN_PI_8 * large;
    let (top, bottom) = if turned {
        (small - large, small + large)
    } else {
        (small, large)
    };
    let t = top / bottom.max(f32::MIN_POSITIVE);
    let square = t * t;
    let series = ((8.053_744_5e-2 * square - 1.387_768_6e-1) * square + 1.997_771_1e-1) * square
        - 3.333_295e-1;
    let angle = series * square * t + t + if turned { FRAC_PI_4 } else { 0.0 };
    let angle = if high > wide {
        FRAC_PI_2 - angle
    } else {
        angle
    };
    let angle = if x < 0.0 { PI - angle } else { angle };
    angle.copysign(y)
}

/// One picture of the pyramid.
struct Level<'a> {
    data: &'a [u8],
    width: i32,
    height: i32,
    /// Bytes of a row.
    stride: usize,
    /// The widest footprint, in px of this level.
    widest: f32,
    /// Its px per px of the picture.
    scale: (f32, f32),
    wraps: bool,
    poles: (bool, bool),
}

impl<'a> Level<'a> {
    fn new(level: &'a RgbImage, picture: &RgbImage, camera: &Camera) -> Self {
        let poles = match *camera {
            Camera::Equirect {
                height,
                full_height,
                top,
                ..
            } if camera.wraps() => (top == 0, top + height == full_height),
            Camera::Equirect { .. } | Camera::Pinhole { .. } | Camera::Fisheye { .. } => {
                (false, false)
            }
        };
        let scale = |small: u32, large: u32| narrow(f64::from(small) / f64::from(large));
        Self {
            data: level.as_raw(),
            width: i32::try_from(level.width()).unwrap_or(i32::MAX),
            height: i32::try_from(level.height()).unwrap_or(i32::MAX),
            stride: level.width() as usize * 3,
            widest: WIDEST.min(count(level.width())),
            scale: (
                scale(level.width(), picture.width()),
                scale(level.height(), picture.height()),
            ),
            wraps: camera.wraps(),
            poles,
        }
    }

    /// Where the pixel is in `data`; beyond an edge its neighbour on the sphere, or the edge itself.
    fn offset(&self, x: i32, y: i32) -> usize {
        let over = (y < 0 && self.poles.0) || (y >= self.height && self.poles.1);
        let x = if over { x + self.width / 2 } else { x };
        let x = if self.wraps {
            x.rem_euclid(self.width)
        } else {
            x.clamp(0, self.width - 1)
        };
        let y = match (over, y < 0) {
            (true, true) => -1 - y,
            (true, false) => 2 * self.height - 1 - y,
            (false, true | false) => y,
        };
        let y = y.clamp(0, self.height - 1);
        index(y) * self.stride + index(x) * 3
    }

    /// The average colour of a spot's footprint: an upright rectangle of at least one pixel, which makes
    /// it the bilinear blend of the nearest four where the view enlarges.
    fn average(&self, spot: &Spot) -> [f32; 3] {
        let width = (spot.shrink * spot.stretch * self.scale.0).clamp(1.0, self.widest);
        let height = (spot.shrink * self.scale.1).clamp(1.0, WIDEST);
        let ((first, before), (top, above)) = (
            cell(spot.x * self.scale.0 - width / 2.0),
            cell(spot.y * self.scale.1 - height / 2.0),
        );
        let mut shares = [0.0; MOST_COLUMNS];
        let columns = spread(before, width, &mut shares);
        let mut row_shares = [0.0; MOST_COLUMNS];
        let rows = spread(above, height, &mut row_shares);
        let inside = first >= 0
            && top >= 0
            && first + length(columns) <= self.width
            && top + length(rows) <= self.height;
        let mut sum = [0.0; 3];
        for (y, row_share) in (top..).zip(&row_shares[..rows]) {
            let mut line = [0.0; 3];
            if inside {
                let start = index(y) * self.stride + index(first) * 3;
                let pixels = self.data[start..start + columns * 3].chunks_exact(3);
                for (pixel, share) in pixels.zip(&shares[..columns]) {
                    add(&mut line, *share, pixel);
                }
            } else {
                for (x, share) in (first..).zip(&shares[..columns]) {
                    add(&mut line, *share, &self.data[self.offset(x, y)..][..3]);
                }
            }
            sum = std::array::from_fn(|channel| sum[channel] + row_share * line[channel]);
        }
        sum.map(|channel| channel / (width * height))
    }
}

fn add(sum: &mut [f32; 3], share: f32, pixel: &[u8]) {
    for (sum, value) in sum.iter_mut().zip(pixel) {
        *sum += share * f32::from(*value);
    }
}

/// How much of each pixel lies in a stretch that begins `before` behind the first one's edge; the
/// number of pixels it touches.
fn spread(before: f32, extent: f32, shares: &mut [f32; MOST_COLUMNS]) -> usize {
    let end = before + extent;
    shares[0] = (1.0 - before).min(extent);
    let (mut edge, mut touched) = (1.0, 1);
    while edge < end && touched < MOST_COLUMNS {
        shares[touched] = (end - edge).min(1.0);
        edge += 1.0;
        touched += 1;
    }
    touched
}

/// The first level on which a spot's footprint is at most `rows` pixels high.
fn level_of<'l, 'a>(levels: &'l [Level<'a>], spot: &Spot, rows: f32) -> &'l Level<'a> {
    let (mut depth, mut left) = (0, spot.shrink * spot.stretch.min(1.0));
    while left > rows && depth + 1 < levels.len() {
        left *= 0.5;
        depth += 1;
    }
    &levels[depth]
}
