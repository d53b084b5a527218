//! A perfect detector of random rectangles: what its boxes become in the picture.

use super::super::cast::pixel;
use super::super::{Camera, Mask, Patch, Quad, Rotation, Shape, Span, Vec3, View, rasterise};
use super::support::{Dice, beyond, views};

/// A rectangle on the tangent plane at some direction: the truth of the oracle.
pub(super) struct Truth {
    rotation: Rotation,
    /// Half sides on the tangent plane.
    half: (f64, f64),
}

impl Truth {
    pub(super) fn new(direction: Vec3, roll: f64, degrees: (f64, f64)) -> Self {
        let (yaw, pitch) = direction.angles();
        let half = |degrees: f64| (degrees / 2.0).to_radians().tan();
        Self {
            rotation: Rotation::from_angles(yaw, pitch, roll),
            half: (half(degrees.0), half(degrees.1)),
        }
    }

    /// The direction of a point of the rectangle, which is [-1, 1]².
    fn at(&self, u: f64, v: f64) -> Vec3 {
        self.rotation
            .apply(Vec3::new(u * self.half.0, v * self.half.1, 1.0))
            .unit()
    }

    pub(super) fn corners(&self) -> [Vec3; 4] {
        [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(u, v)| self.at(u, v))
    }

    /// What a perfect detector reports in a view: the box around the rectangle, if it is whole in it.
    /// (Straight lines stay straight in a view, so the corners decide.)
    pub(super) fn seen_in(&self, view: &View) -> Option<[f64; 4]> {
        let (width, height) = view.size();
        let rect = self.quad_in(view)?.bounds();
        let inside = rect[0] >= 0.0
            && rect[1] >= 0.0
            && rect[2] <= f64::from(width)
            && rect[3] <= f64::from(height);
        inside.then_some(rect)
    }
}

impl Truth {
    /// The corners that a perfect detector reports in a view, inside it or not.
    pub(super) fn quad_in(&self, view: &View) -> Option<Quad> {
        let camera = Camera::equirect(3600, 1800);
        let [a, b, c, d] = self
            .corners()
            .map(|corner| view.to_view(&camera, camera.project(corner)?));
        Quad::new([a?, b?, c?, d?])
    }
}

/// Solid angle of a convex spherical polygon, by triangles (van Oosterom & Strackee 1983).
fn solid_angle(corners: &[Vec3]) -> f64 {
    let triangle = |a: Vec3, b: Vec3, c: Vec3| {
        let volume = a.dot(b.cross(c)).abs();
        2.0 * volume.atan2(1.0 + a.dot(b) + b.dot(c) + c.dot(a))
    };
    corners
        .windows(2)
        .skip(1)
        .map(|pair| triangle(corners[0], pair[0], pair[1]))
        .sum()
}

fn solid_angle_of_rect(view: &View, [x0, y0, x1, y1]: [f64; 4]) -> f64 {
    let corner = |u, v| view.direction(u, v).unwrap();
    solid_angle(&[
        corner(x0, y0),
        corner(x1, y0),
        corner(x1, y1),
        corner(x0, y1),
    ])
}

fn solid_angle_of_mask(camera: &Camera, mask: &Mask) -> f64 {
    let (width, height) = camera.size();
    let pixel = std::f64::consts::PI / f64::from(height) * std::f64::consts::TAU / f64::from(width);
    let row = |span: Span| {
        let pitch = (0.5 - (f64::from(span.y) + 0.5) / f64::from(height)) * std::f64::consts::PI;
        f64::from(span.x1 - span.x0) * pitch.cos() * pixel
    };
    mask.spans().map(row).sum()
}

/// Fails unless the mask holds every sampled point of the truth.
pub(super) fn assert_covers(camera: &Camera, mask: &Mask, truth: &Truth, steps: u32) {
    for i in 0..=steps {
        for j in 0..=steps {
            let at = |index: u32| 2.0 * f64::from(index) / f64::from(steps) - 1.0;
            let Some((x, y)) = camera.project(truth.at(at(i), at(j))) else {
                continue;
            };
            let (width, height) = camera.size();
            if x < 0.0 || y < 0.0 || x >= f64::from(width) || y >= f64::from(height) {
                continue;
            }
            let (column, row) = (pixel(x), pixel(y));
            assert!(mask.contains(column, row), "({x}, {y}) is missing");
        }
    }
}

#[derive(Default)]
struct Ratios(Vec<f64>);

impl Ratios {
    #[expect(
        clippy::print_stdout,
        reason = "the figures are for whoever asks for them"
    )]
    fn print(&mut self, what: &str) -> (f64, f64) {
        self.0.sort_by(f64::total_cmp);
        let count = self.0.len();
        let mean = self.0.iter().sum::<f64>() / self.0.iter().map(|_| 1.0).sum::<f64>();
        let most = self.0.last().copied().unwrap();
        let at = |hundredth: usize| self.0[(count - 1) * hundredth / 100];
        println!(
            "{what}: {count} regions, mean {mean:.3}, median {:.3}, 90 % {:.3}, 99 % {:.3}, max {most:.3}",
            at(50),
            at(90),
            at(99)
        );
        (mean, most)
    }
}

/// 10,000 random rectangles: the mask of a perfect detector's box, from any view that has it whole, covers
/// the rectangle.
#[test]
fn masks_cover_what_an_oracle_sees() {
    let camera = Camera::equirect(1440, 720);
    let views = views("sphere-22", &camera);
    let mut dice = Dice(7);
    let mut nowhere = 0;
    let (mut boxes, mut ellipses) = (Ratios::default(), Ratios::default());
    for index in 0..10_000_u32 {
        let mut direction = dice.direction();
        match index % 5 {
            // beside the seam; on the poles
            0 => {
                direction =
                    Vec3::from_angles(180.0 + dice.between(-8.0, 8.0), direction.angles().1);
            }
            1 => {
                let pitch = dice.between(80.0, 90.0) * if index % 2 == 0 { 1.0 } else { -1.0 };
                direction = Vec3::from_angles(dice.between(-180.0, 180.0), pitch);
            }
            _ => {}
        }
        let degrees = (dice.between(1.0, 15.0), dice.between(1.0, 15.0));
        let truth = Truth::new(direction, dice.between(-180.0, 180.0), degrees);
        let mut seen: Vec<(&View, [f64; 4])> = views
            .iter()
            .filter_map(|view| Some((view, truth.seen_in(view)?)))
            .collect();
        if seen.is_empty() {
            nowhere += 1;
            continue;
        }
        let pick = pixel(dice.between(0.0, 1.0) * 1e6) as usize % seen.len();
        let (view, rect) = seen.swap_remove(pick);
        let mask = rasterise(
            &camera,
            &[Patch {
                view: *view,
                rect,
                quad: None,
                shape: Shape::Box,
            }],
        );
        assert_covers(&camera, &mask, &truth, 24);
        assert!(mask.pieces.len() <= 2);
        boxes
            .0
            .push(solid_angle_of_rect(view, rect) / solid_angle(&truth.corners()));
        if index % 10 == 2 {
            let round = rasterise(
                &camera,
                &[Patch {
                    view: *view,
                    rect,
                    quad: None,
                    shape: Shape::Ellipse,
                }],
            );
            assert_covers(&camera, &round, &truth, 24);
            // at most a pixel that only seems to touch a turned corner of the box
            assert!(beyond(&mask, &round) <= 4);
            ellipses
                .0
                .push(solid_angle_of_mask(&camera, &round) / solid_angle_of_mask(&camera, &mask));
        }
    }
    assert!(nowhere < 100, "{nowhere} of 10,000 lie whole in no view");
    boxes.print("box around a turned rectangle / rectangle, any view");
    ellipses.print("ellipse mask / box mask");
}

/// How much more than the object a box in the view nearest to it covers, on the sphere: of rectangles
/// parallel to the view's axes, and of rectangles upright in the world, which the views at ±40° and the
/// poles see turned.
#[test]
fn boxes_are_not_much_larger_than_their_objects() {
    let camera = Camera::equirect(5760, 2880);
    let views = views("sphere-22", &camera);
    let mut dice = Dice(11);
    let [mut aligned, mut upright, mut masks] = [const { Ratios(Vec::new()) }; 3];
    for index in 0..2_000 {
        let direction = dice.direction();
        let nearest = |view: &&View| {
            let off = view.direction(320.0, 320.0).unwrap().angle_to(direction);
            pixel(off * 1e9)
        };
        let view = views.iter().min_by_key(nearest).unwrap();
        // as long as plates and no longer
        let (side, aspect) = (dice.between(1.0, 15.0), dice.between(1.0, 5.0));
        let other = (side / aspect).max(1.0);
        let degrees = if index % 2 == 0 {
            (side, other)
        } else {
            (other, side)
        };
        let truth = Truth::new(direction, 0.0, degrees);
        let Some(rect) = truth.seen_in(view) else {
            continue;
        };
        upright
            .0
            .push(solid_angle_of_rect(view, rect) / solid_angle(&truth.corners()));

        let (yaw, pitch) = direction.angles();
        let right =
            view.direction(330.0, 320.0).unwrap() + view.direction(310.0, 320.0).unwrap() * -1.0;
        let right = Rotation::from_angles(yaw, pitch, 0.0).undo(right);
        let truth = Truth::new(direction, right.y.atan2(right.x).to_degrees(), degrees);
        let Some(rect) = truth.seen_in(view) else {
            continue;
        };
        aligned
            .0
            .push(solid_angle_of_rect(view, rect) / solid_angle(&truth.corners()));
        if index % 10 == 0 {
            let mask = rasterise(
                &camera,
                &[Patch {
                    view: *view,
                    rect,
                    quad: None,
                    shape: Shape::Box,
                }],
            );
            masks
                .0
                .push(solid_angle_of_mask(&camera, &mask) / solid_angle(&truth.corners()));
        }
    }
    let (_, most) = aligned.print("box / rectangle parallel to the view");
    upright.print("box / rectangle upright in the world");
    masks.print("mask of 5760 px / rectangle parallel to the view");
    assert!(most <= 1.8, "{most}");
}
