//! The way back: from boxes in views to the picture's pixels.
//!
//! A region is a convex cone of directions, the intersection of half-spaces: four for a box, more for
//! an ellipse (a polygon around it). The picture is halved again and again; a block whose directions
//! (a cap around them) lie outside one half-space is dropped, one that lies inside all of them is
//! filled, and the rest end at single pixels. So the work follows the outline of the region, and
//! seams, poles and cropped panoramas need no cases of their own.

use super::camera::{Camera, angles_to, distorted, off_axis, slope, undistorted};
use serde::{Deserialize, Serialize};

use super::mask::{Mask, Span};
use super::quad::{CARE, Quad};
use super::vector::{Rotation, Vec3};
use super::view::{Frame, Rect, View, sound, widened};
use std::f64::consts::{FRAC_PI_2, PI, SQRT_2, TAU};

/// How a box covers its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The box itself.
    Box,
    /// The ellipse around the box, through its corners: its semi-axes are the box's half sides times
    /// √2, so that nothing of the box stays clear.
    Ellipse,
}

/// A region of a view.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// The view it was seen in.
    pub view: View,
    /// Its box in view px; it may leave the view. One that is not finite covers the whole view.
    pub rect: Rect,
    /// Its corners in view px, which are the region in place of the box. An ellipse is around the box all the same.
    pub quad: Option<Quad>,
    /// Its shape.
    pub shape: Shape,
}

impl Patch {
    /// The patch with `margin` times its size added on each side, and a little more around corners.
    #[must_use]
    pub fn widened(self, margin: f64) -> Self {
        Self {
            rect: widened(self.rect, margin),
            quad: self.quad.and_then(|quad| quad.widened(margin + CARE)),
            ..self
        }
    }
}

/// The mask of all patches together.
///
/// A pixel is in the mask if its area touches the region of a patch (in a perspective view) or
/// overlaps it (in a crop). The test errs towards more: a pixel stays out only if it lies wholly
/// beyond one side of the region, so a turned box may gain a pixel at its corners. It is
/// also wider by 1e-9 of the sphere's radius, and by what the sides of a pixel bulge, so that rounding
/// decides nothing where an edge runs along the pixels: turning a panorama and its views by whole
/// columns turns the mask by as many.
#[must_use]
pub fn rasterise(camera: &Camera, patches: &[Patch]) -> Mask {
    let field = Field::new(camera);
    let mut spans = Vec::new();
    for patch in patches {
        let region = Region::of(patch);
        field.trace(&region, &mut spans);
    }
    Mask::from_spans(spans)
}

/// A convex region as half-spaces: `side · direction ≥ 0` for all sides.
enum Region {
    /// Of directions in the camera's frame; unit normals.
    Sphere(Vec<Vec3>),
    /// Of picture points (x, y, 1).
    Picture(Vec<Vec3>),
}

impl Region {
    fn of(patch: &Patch) -> Self {
        let is_sound = patch.rect.iter().all(|edge| edge.is_finite());
        let sides = match (patch.shape, patch.quad.filter(|_| is_sound)) {
            (Shape::Box, Some(quad)) => quad.half_planes().to_vec(),
            (shape, _) => outline(sound(&patch.view, patch.rect), shape),
        };
        match patch.view.frame() {
            Frame::Sphere(plane) => {
                Self::Sphere(sides.into_iter().map(|side| plane.side(side)).collect())
            }
            Frame::Picture(scale) => {
                let picture = |[a, b, c]: [f64; 3]| {
                    let (a, b) = (a * scale.scale_x, b * scale.scale_y);
                    Vec3::new(a, b, c - a * scale.x - b * scale.y)
                };
                Self::Picture(sides.into_iter().map(picture).collect())
            }
        }
    }
}

/// The half-planes `a·u + b·v + c ≥ 0` whose intersection is the shape or a little more.
fn outline([x0, y0, x1, y1]: Rect, shape: Shape) -> Vec<[f64; 3]> {
    let (left, right) = (x0.min(x1), x0.max(x1));
    let (top, bottom) = (y0.min(y1), y0.max(y1));
    match shape {
        Shape::Box => vec![
            [1.0, 0.0, -left],
            [-1.0, 0.0, right],
            [0.0, 1.0, -top],
            [0.0, -1.0, bottom],
        ],
        Shape::Ellipse => {
            // 24 tangents: 0.6 % more area than the ellipse itself; two of them meet over each corner
            // of the box
            let (cx, cy) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
            let half_width = ((right - left) / 2.0 * SQRT_2).max(1e-9);
            let half_height = ((bottom - top) / 2.0 * SQRT_2).max(1e-9);
            let tangent = |step: u32| {
                let (sin, cos) = ((f64::from(step) + 0.5) / 24.0 * TAU).sin_cos();
                let (a, b) = (cos / half_width, sin / half_height);
                [-a, -b, 1.0 + a * cx + b * cy]
            };
            (0..24).map(tangent).collect()
        }
    }
}

/// A block of pixels, ends excluded.
#[derive(Clone, Copy)]
struct Block {
    x0: u32,
    y0: u32,
    x1: u32,
    y1: u32,
}

impl Block {
    fn is_pixel(self) -> bool {
        self.x1 - self.x0 == 1 && self.y1 - self.y0 == 1
    }

    /// Both halves, across x if asked for and possible.
    fn halves(self, across_x: bool) -> [Self; 2] {
        let Self { x0, y0, x1, y1 } = self;
        if y1 - y0 == 1 || (across_x && x1 - x0 > 1) {
            let middle = x0.midpoint(x1);
            [Self { x1: middle, ..self }, Self { x0: middle, ..self }]
        } else {
            let middle = y0.midpoint(y1);
            [Self { y1: middle, ..self }, Self { y0: middle, ..self }]
        }
    }

    fn edges(self) -> [f64; 4] {
        [self.x0, self.y0, self.x1, self.y1].map(f64::from)
    }

    fn corners(self) -> [(f64, f64); 4] {
        super::view::corners(self.edges())
    }
}

/// How a block lies to a region.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Outside,
    Inside,
    Partly,
}

/// What a block of the picture sees: all its directions lie within `radius` of `centre`.
struct Cap {
    centre: Vec3,
    radius: f64,
    /// Whether the block is wider than high, on the sphere.
    wide: bool,
}

/// A camera with all that tracing asks of it again and again.
struct Field<'a> {
    camera: &'a Camera,
    pose: Rotation,
    /// At most this many radians per px, in any direction (cameras other than panoramas).
    pitch: f64,
    /// By how much the sides of a pixel may bulge from great circles.
    slack: f64,
}

impl<'a> Field<'a> {
    fn new(camera: &'a Camera) -> Self {
        let pitch = match *camera {
            Camera::Pinhole { focal, .. } => 1.0 / focal,
            Camera::Fisheye {
                f, k, max_theta, ..
            } => {
                let steepest = angles_to(max_theta)
                    .map(|theta| (1.0 / slope(theta, k)).max(theta.sin() / distorted(theta, k)))
                    .fold(1.0, f64::max);
                // what lies between two sampled angles differs by far less
                1.02 * steepest / f
            }
            Camera::Equirect {
                full_width,
                full_height,
                ..
            } => TAU / f64::from(full_width.min(full_height.saturating_mul(2))),
        };
        Self {
            camera,
            pose: camera.pose(),
            pitch,
            slack: pitch * pitch / 4.0 + 1e-9,
        }
    }

    fn trace(&self, region: &Region, spans: &mut Vec<Span>) {
        let (width, height) = self.camera.size();
        let mut blocks = vec![Block {
            x0: 0,
            y0: 0,
            x1: width,
            y1: height,
        }];
        while let Some(block) = blocks.pop() {
            if block.x0 == block.x1 || block.y0 == block.y1 {
                continue;
            }
            let (verdict, wide) = match region {
                Region::Picture(sides) => (
                    on_plane(sides, block),
                    block.x1 - block.x0 > block.y1 - block.y0,
                ),
                Region::Sphere(sides) => self.on_sphere(sides, block),
            };
            match verdict {
                Verdict::Outside => {}
                Verdict::Inside => {
                    let Block { x0, x1, .. } = block;
                    spans.extend((block.y0..block.y1).map(|y| Span { y, x0, x1 }));
                }
                Verdict::Partly => blocks.extend(block.halves(wide)),
            }
        }
    }

    fn on_sphere(&self, sides: &[Vec3], block: Block) -> (Verdict, bool) {
        let (touched, covered) = self.in_field(block);
        if !touched {
            return (Verdict::Outside, false);
        }
        if block.is_pixel() {
            let corners = block.corners().map(|corner| self.ray(corner));
            let beyond = |side: &Vec3| corners.iter().all(|ray| side.dot(*ray) < -self.slack);
            let outside = sides.iter().any(beyond);
            return (
                if outside {
                    Verdict::Outside
                } else {
                    Verdict::Inside
                },
                false,
            );
        }
        let cap = self.cap(block);
        if cap.radius >= FRAC_PI_2 {
            return (Verdict::Partly, cap.wide);
        }
        let reach = cap.radius.sin() + self.slack;
        let mut verdict = if covered {
            Verdict::Inside
        } else {
            Verdict::Partly
        };
        for side in sides {
            let distance = side.dot(cap.centre);
            if distance < -reach {
                return (Verdict::Outside, cap.wide);
            }
            if distance < reach {
                verdict = Verdict::Partly;
            }
        }
        (verdict, cap.wide)
    }

    /// Whether some and whether all of the block lies in the camera's field.
    fn in_field(&self, block: Block) -> (bool, bool) {
        match *self.camera {
            Camera::Pinhole { .. } | Camera::Equirect { .. } => (true, true),
            Camera::Fisheye {
                f,
                cx,
                cy,
                k,
                max_theta,
                ..
            } => {
                let edge = f * distorted(max_theta, k);
                let [x0, y0, x1, y1] = block.edges();
                let nearest = (cx.clamp(x0, x1) - cx).hypot(cy.clamp(y0, y1) - cy);
                let farthest = (x0 - cx)
                    .abs()
                    .max((x1 - cx).abs())
                    .hypot((y0 - cy).abs().max((y1 - cy).abs()));
                (nearest <= edge, farthest <= edge)
            }
        }
    }

    /// The direction of a picture point; beyond a fisheye's field, that of the field's edge.
    fn ray(&self, (x, y): (f64, f64)) -> Vec3 {
        match *self.camera {
            Camera::Fisheye {
                f,
                cx,
                cy,
                k,
                max_theta,
                ..
            } => {
                let (dx, dy) = ((x - cx) / f, (y - cy) / f);
                off_axis(dx, dy, undistorted(dx.hypot(dy), k, max_theta))
            }
            Camera::Pinhole { .. } | Camera::Equirect { .. } => {
                let ray = self.camera.ray_posed(&self.pose, x, y);
                // every point of a panorama or a pinhole's picture has a direction
                ray.unwrap_or(Vec3::new(f64::NAN, f64::NAN, f64::NAN))
            }
        }
    }

    fn cap(&self, block: Block) -> Cap {
        let [x0, y0, x1, y1] = block.edges();
        let centre = self.ray((f64::midpoint(x0, x1), f64::midpoint(y0, y1)));
        let (half_width, half_height) = match *self.camera {
            Camera::Pinhole { .. } | Camera::Fisheye { .. } => {
                (self.pitch * (x1 - x0) / 2.0, self.pitch * (y1 - y0) / 2.0)
            }
            Camera::Equirect {
                full_width,
                full_height,
                top,
                ..
            } => {
                let latitude = |y: f64| (0.5 - (y + f64::from(top)) / f64::from(full_height)) * PI;
                let (upper, lower) = (latitude(y0), latitude(y1));
                let nearest = 0.0_f64.clamp(lower, upper);
                let half = (x1 - x0) / f64::from(full_width) * PI;
                (half * nearest.cos(), (upper - lower) / 2.0)
            }
        };
        let radius = match self.camera {
            // along the meridian, then along the parallel
            Camera::Equirect { .. } => half_width + half_height,
            Camera::Pinhole { .. } | Camera::Fisheye { .. } => half_width.hypot(half_height),
        };
        Cap {
            centre,
            radius,
            wide: half_width > half_height,
        }
    }
}

/// How a block lies to half-planes of picture points; touching is not enough to be in.
fn on_plane(sides: &[Vec3], block: Block) -> Verdict {
    let mut verdict = Verdict::Inside;
    for side in sides {
        let distances = block
            .corners()
            .map(|(x, y)| side.x * x + side.y * y + side.z);
        let hair = 1e-9 * (side.x.abs() + side.y.abs());
        if distances.iter().all(|distance| *distance <= hair) {
            return Verdict::Outside;
        }
        if distances.iter().any(|distance| *distance < -hair) {
            verdict = Verdict::Partly;
        }
    }
    if block.is_pixel() {
        Verdict::Inside
    } else {
        verdict
    }
}
