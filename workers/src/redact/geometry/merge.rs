//! One object, seen in several views.

use serde::{Deserialize, Serialize};

use super::camera::Camera;
use super::rasterise::{Patch, Shape, rasterise};
use super::vector::{Rotation, Vec3};
use super::view::{Frame, Plane, Rect, Scale, View, corners, sound, widened};

/// Two sightings are of one object from this share of their common area in their joint area.
const SAME: f64 = 0.4;
/// A sighting cut off by its view's edge is of the object that holds this share of it, or that it
/// holds this share of.
const PART: f64 = 0.7;
/// It is not of one whose reported box has less than this share of its area: a large face cut off
/// shows no small one within it.
const SMALLEST: f64 = 0.25;

/// A box that a detector found in a view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting<C> {
    /// Index of the view.
    pub view: usize,
    /// The box in view px.
    pub rect: Rect,
    /// How sure the detector is.
    pub score: f32,
    /// What it saw.
    pub class: C,
}

/// Something that one or more views saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<C> {
    /// What it is.
    pub class: C,
    /// The score of the reported sighting.
    pub score: f32,
    /// Indices of all its sightings; the first is the one reported.
    pub sightings: Vec<usize>,
    /// The reported box in picture px. Across the seam of a panorama it ends beyond the picture's width.
    pub bounds: Rect,
    /// The reported box on the sphere; None if it was seen in a crop.
    pub tangent: Option<Tangent>,
}

/// A box on the tangent plane at its middle; all in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tangent {
    /// Direction of its middle, positive to the right.
    pub yaw: f64,
    /// Direction of its middle, above the horizon.
    pub pitch: f64,
    /// By how much it is turned clockwise.
    pub roll: f64,
    /// Angle from its middle to the middle of its left and right side.
    pub half_width: f64,
    /// Angle from its middle to the middle of its upper and lower side.
    pub half_height: f64,
}

impl<C: Copy + Eq> Object<C> {
    /// The patches to blur: those of *all* sightings, each widened by `margin` times its size on each
    /// side.
    #[must_use]
    pub fn patches<'v>(
        &self,
        views: &'v [View],
        sightings: &[Sighting<C>],
        shape: Shape,
        margin: f64,
    ) -> Vec<Patch<'v>> {
        let patch = |index: &usize| {
            let Sighting { view, rect, .. } = sightings[*index];
            Patch {
                view: &views[view],
                rect: widened(rect, margin),
                shape,
            }
        };
        self.sightings.iter().map(patch).collect()
    }
}

/// Joins the sightings of one class that show one object: on the tangent plane between them if a
/// perspective view is among them, else in the picture's plane.
///
/// The surest sighting speaks for an object, those cut off by their view's edge after all others;
/// every sighting stays with the object it belongs to, for the mask, but a large one cut off does not
/// join a small object within it. Sightings that touch no pixel of
/// the picture (in a view that reaches beyond a cropped panorama) are left out.
///
/// # Panics
/// If a sighting's view is not among `views`.
#[must_use]
pub fn merge<C: Copy + Eq>(
    camera: &Camera,
    views: &[View],
    sightings: &[Sighting<C>],
) -> Vec<Object<C>> {
    let seen: Vec<PlacedSighting> = sightings
        .iter()
        .map(|it| PlacedSighting::of(camera, &views[it.view], it.rect))
        .collect();
    let mut order: Vec<usize> = (0..sightings.len()).collect();
    order.sort_by(|a, b| {
        let by_cut = seen[*a].cut.cmp(&seen[*b].cut);
        by_cut
            .then(sightings[*b].score.total_cmp(&sightings[*a].score))
            .then(a.cmp(b))
    });
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for index in order {
        let of_one = |group: &&mut Vec<usize>| {
            let best = group[0];
            sightings[best].class == sightings[index].class && seen[best].shows_same(&seen[index])
        };
        match groups.iter_mut().find(of_one) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
        .into_iter()
        .filter_map(|members| {
            let best = &sightings[members[0]];
            let (bounds, tangent) = report(camera, &views[best.view], best.rect).or_else(|| {
                // the best one lies outside the picture; some other may not
                let mut rest = members.iter().skip(1).map(|index| &sightings[*index]);
                rest.find_map(|it| report(camera, &views[it.view], it.rect))
            })?;
            Some(Object {
                class: best.class,
                score: best.score,
                sightings: members,
                bounds,
                tangent,
            })
        })
        .collect()
}

/// The corners of a polygon, going round.
type Polygon = Vec<(f64, f64)>;

/// Where a sighting is: its box in the picture, on the sphere, or both.
struct PlacedSighting {
    cut: bool,
    /// In picture px, of a crop.
    flat: Option<Rect>,
    /// Corner directions.
    corners: Option<[Vec3; 4]>,
    /// Direction of the middle.
    middle: Vec3,
    /// The widest angle from the middle to a corner.
    radius: f64,
}

impl PlacedSighting {
    fn of(camera: &Camera, view: &View, rect: Rect) -> Self {
        let rect = sound(view, rect);
        let (flat, corners) = match view.frame() {
            Frame::Picture(scale) => {
                let flat = in_picture(scale, rect);
                let [a, b, c, d] = corners(flat).map(|(x, y)| camera.ray(x, y));
                (
                    Some(flat),
                    a.zip(b).zip(c.zip(d)).map(|((a, b), (c, d))| [a, b, c, d]),
                )
            }
            Frame::Sphere(plane) => (
                None,
                Some(corners(rect).map(|(u, v)| plane.direction(u, v).unit())),
            ),
        };
        let sum = corners
            .iter()
            .flatten()
            .fold(Vec3::new(0.0, 0.0, 0.0), |sum, it| sum + *it);
        let middle = sum.unit();
        let radius = corners
            .iter()
            .flatten()
            .map(|it| it.angle_to(middle))
            .fold(0.0, f64::max);
        Self {
            cut: is_cut(camera, view, rect),
            flat,
            corners,
            middle,
            radius,
        }
    }

    /// Whether `other`, which is less sure, shows the same object.
    fn shows_same(&self, other: &Self) -> bool {
        let (own, its) = match (self.flat, other.flat) {
            (Some(own), Some(its)) => {
                // Boxes of tiles mostly lie apart.
                if own[2] <= its[0] || its[2] <= own[0] || own[3] <= its[1] || its[3] <= own[1] {
                    return false;
                }
                (corners(own).to_vec(), corners(its).to_vec())
            }
            (Some(_) | None, Some(_) | None) => {
                if self.middle.angle_to(other.middle) > self.radius + other.radius {
                    return false;
                }
                match self.on_tangent_plane(other) {
                    Some(both) => both,
                    None => return false,
                }
            }
        };
        let common = area(&clipped(&own, &its));
        let (own, its) = (area(&own), area(&its));
        // Cut ones come last: where this one is cut, the other is as well.
        common >= SAME * (own + its - common)
            || (other.cut && own >= SMALLEST * its && common >= PART * own.min(its))
    }

    /// Both boxes on the tangent plane at the direction between them; None if they are too far apart
    /// or too large to be seen on one plane.
    fn on_tangent_plane(&self, other: &Self) -> Option<(Polygon, Polygon)> {
        let towards = self.middle + other.middle;
        let across = if towards.unit().y.abs() < 0.9 {
            Vec3::new(0.0, 1.0, 0.0).cross(towards)
        } else {
            Vec3::new(1.0, 0.0, 0.0)
        };
        let plane = Plane::tangent(Rotation::aiming(towards, across));
        let on_plane = |corners: &Option<[Vec3; 4]>| {
            corners
                .as_ref()?
                .iter()
                .map(|it| plane.project(*it))
                .collect::<Option<Vec<_>>>()
        };
        Some((on_plane(&self.corners)?, on_plane(&other.corners)?))
    }
}

/// Whether the box touches an edge of its view behind which the picture goes on.
fn is_cut(camera: &Camera, view: &View, [x0, y0, x1, y1]: Rect) -> bool {
    let (width, height) = view.size();
    let (right, bottom) = (f64::from(width), f64::from(height));
    let hair = 2.0;
    let touching = [
        (x0 <= hair, (0.0, bottom / 2.0), (-1.0, 0.0)),
        (y0 <= hair, (right / 2.0, 0.0), (0.0, -1.0)),
        (x1 >= right - hair, (right, bottom / 2.0), (1.0, 0.0)),
        (y1 >= bottom - hair, (right / 2.0, bottom), (0.0, 1.0)),
    ];
    touching.into_iter().any(|(touches, (u, v), (du, dv))| {
        let beyond = || match view {
            View::Perspective { .. } => true,
            View::Crop { .. } => view
                .to_picture(camera, (u + du, v + dv))
                .is_some_and(|(x, y)| camera.wraps() || camera.contains(x, y)),
        };
        touches && beyond()
    })
}

fn in_picture(scale: Scale, [x0, y0, x1, y1]: Rect) -> Rect {
    let ((x0, y0), (x1, y1)) = (scale.to_picture(x0, y0), scale.to_picture(x1, y1));
    [x0, y0, x1, y1]
}

/// The box in the picture and on the sphere; None if it touches no pixel.
fn report(camera: &Camera, view: &View, rect: Rect) -> Option<(Rect, Option<Tangent>)> {
    let rect = sound(view, rect);
    let patch = Patch {
        view,
        rect,
        shape: Shape::Box,
    };
    let pixels = rasterise(camera, &[patch]).bounds(camera)?;
    match view.frame() {
        Frame::Picture(scale) => {
            let [x0, y0, x1, y1] = in_picture(scale, rect);
            let [left, top, right, bottom] = pixels;
            Some((
                [x0.max(left), y0.max(top), x1.min(right), y1.min(bottom)],
                None,
            ))
        }
        Frame::Sphere(plane) => Some((pixels, Some(tangent(&plane, rect)))),
    }
}

/// The box around a view's box on the tangent plane at its middle, turned as the view is there.
fn tangent(plane: &Plane, rect: Rect) -> Tangent {
    let [x0, y0, x1, y1] = rect;
    let (u, v) = (f64::midpoint(x0, x1), f64::midpoint(y0, y1));
    let aim = |forward: Vec3, right: Vec3| Plane::tangent(Rotation::aiming(forward, right));
    let around = |plane: &Plane, rect: Rect, origin: &Plane| {
        let points = corners(rect).map(|(u, v)| plane.project(origin.direction(u, v)));
        points
            .iter()
            .flatten()
            .fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |it, (u, v)| {
                [it[0].min(*u), it[1].min(*v), it[2].max(*u), it[3].max(*v)]
            })
    };
    let first = aim(plane.direction(u, v), plane.rotation.right());
    let [x0, y0, x1, y1] = around(&first, rect, plane);
    // perspective moves the middle of the box around a little; aim once more
    let centre = first.direction(f64::midpoint(x0, x1), f64::midpoint(y0, y1));
    let second = aim(centre, first.rotation.right());
    let [x0, y0, x1, y1] = around(&second, rect, plane);
    let (yaw, pitch, roll) = second.rotation.angles();
    let half = |low: f64, high: f64| low.abs().max(high.abs()).max(1e-9).atan().to_degrees();
    Tangent {
        yaw,
        pitch,
        roll,
        half_width: half(x0, x1),
        half_height: half(y0, y1),
    }
}

/// The area of a polygon, whichever way it goes round.
fn area(polygon: &[(f64, f64)]) -> f64 {
    signed_area(polygon).abs()
}

fn signed_area(polygon: &[(f64, f64)]) -> f64 {
    let next = polygon.iter().cycle().skip(1);
    polygon
        .iter()
        .zip(next)
        .map(|(a, b)| a.0 * b.1 - b.0 * a.1)
        .sum::<f64>()
        / 2.0
}

/// The part of a convex polygon that lies in another (Sutherland & Hodgman).
fn clipped(polygon: &[(f64, f64)], by: &[(f64, f64)]) -> Polygon {
    let turn = signed_area(by).signum();
    let mut kept = polygon.to_vec();
    for (a, b) in by.iter().zip(by.iter().cycle().skip(1)) {
        let inside =
            |p: &(f64, f64)| turn * ((b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0));
        let mut next = Vec::with_capacity(kept.len() + 1);
        for (p, q) in kept.iter().zip(kept.iter().cycle().skip(1)) {
            let (from, to) = (inside(p), inside(q));
            if from >= 0.0 {
                next.push(*p);
            }
            if (from < 0.0) != (to < 0.0) {
                let t = from / (from - to);
                next.push((p.0 + t * (q.0 - p.0), p.1 + t * (q.1 - p.1)));
            }
        }
        kept = next;
    }
    kept
}
