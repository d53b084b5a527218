//! One object, seen in several views.

use serde::{Deserialize, Serialize};

use super::camera::Camera;
use super::polygon::{Polygon, area, bounds, clipped};
use super::quad::Quad;
use super::rasterise::{Patch, Shape, rasterise};
use super::vector::{Rotation, Vec3};
use super::view::{Frame, Plane, Rect, View, corners, sound};

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
    /// Its corners in view px, if the detector knows them.
    pub quad: Option<Quad>,
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
    /// The reported box on the sphere, turned as the object is if its corners are known; None if it was seen in a crop.
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
    pub fn patches(
        &self,
        views: &[View],
        sightings: &[Sighting<C>],
        shape: Shape,
        margin: f64,
    ) -> Vec<Patch> {
        let patch = |index: &usize| sightings[*index].patch(views, shape).widened(margin);
        self.sightings.iter().map(patch).collect()
    }
}

impl<C> Sighting<C> {
    /// Its corners in view px, going round: those of the object if they are known, else of the box.
    #[must_use]
    pub fn outline(&self) -> [(f64, f64); 4] {
        self.quad.map_or(corners(self.rect), |quad| quad.corners())
    }

    /// What it covers.
    ///
    /// # Panics
    /// If its view is not among `views`.
    #[must_use]
    pub fn patch(&self, views: &[View], shape: Shape) -> Patch {
        Patch {
            view: views[self.view],
            rect: self.rect,
            quad: self.quad,
            shape,
        }
    }
}

impl Tangent {
    /// The upright box around it.
    #[must_use]
    pub fn upright(self) -> Self {
        let (sin, cos) = self.roll.to_radians().sin_cos();
        let (width, height) = (
            self.half_width.to_radians().tan(),
            self.half_height.to_radians().tan(),
        );
        let half = |across: f64, down: f64| {
            (width * across.abs() + height * down.abs())
                .atan()
                .to_degrees()
        };
        Self {
            roll: 0.0,
            half_width: half(cos, sin),
            half_height: half(sin, cos),
            ..self
        }
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
        .map(|it| PlacedSighting::of(camera, &views[it.view], it))
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
            let (bounds, tangent) = report(camera, views, best).or_else(|| {
                // the best one lies outside the picture; some other may not
                let mut rest = members.iter().skip(1).map(|index| &sightings[*index]);
                rest.find_map(|it| report(camera, views, it))
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

/// Where a sighting is.
struct PlacedSighting {
    cut: bool,
    boxed: PlacedOutline,
    /// Its corners, where they are known.
    slanted: Option<PlacedOutline>,
}

impl PlacedSighting {
    fn of<C>(camera: &Camera, view: &View, sighting: &Sighting<C>) -> Self {
        let rect = sound(view, sighting.rect);
        let place = |outline| PlacedOutline::of(camera, view, outline);
        Self {
            cut: is_cut(camera, view, rect),
            boxed: place(corners(rect)),
            slanted: sighting.quad.map(|quad| place(quad.corners())),
        }
    }

    /// Whether `other`, which is less sure, shows the same object.
    fn shows_same(&self, other: &Self) -> bool {
        // Cut ones come last: where this one is cut, the other is as well.
        let same = |own: &PlacedOutline, its: &PlacedOutline| own.shows_same(its, other.cut);
        // A box around something slanted is much larger than what it is around; one around what stands level is not.
        let [own, its] = [self, other].map(|it| it.slanted.as_ref().unwrap_or(&it.boxed));
        same(own, its) || same(&self.boxed, &other.boxed)
    }
}

/// Where a convex outline of a view is: in the picture, on the sphere, or both.
struct PlacedOutline {
    /// In picture px, of a crop.
    flat: Option<[(f64, f64); 4]>,
    /// Corner directions.
    corners: Option<[Vec3; 4]>,
    /// Direction of the middle.
    middle: Vec3,
    /// The widest angle from the middle to a corner.
    radius: f64,
}

impl PlacedOutline {
    fn of(camera: &Camera, view: &View, outline: [(f64, f64); 4]) -> Self {
        let (flat, corners) = match view.frame() {
            Frame::Picture(scale) => {
                let flat = outline.map(|(u, v)| scale.to_picture(u, v));
                let [a, b, c, d] = flat.map(|(x, y)| camera.ray(x, y));
                (
                    Some(flat),
                    a.zip(b).zip(c.zip(d)).map(|((a, b), (c, d))| [a, b, c, d]),
                )
            }
            Frame::Sphere(plane) => (
                None,
                Some(outline.map(|(u, v)| plane.direction(u, v).unit())),
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
            flat,
            corners,
            middle,
            radius,
        }
    }

    /// Whether `other` shows the same; `cut`: it shows perhaps a part only.
    fn shows_same(&self, other: &Self, cut: bool) -> bool {
        let (own, its) = match (self.flat, other.flat) {
            (Some(own), Some(its)) => {
                // Boxes of tiles mostly lie apart.
                let [a, b] = [own, its].map(|outline| bounds(&outline));
                if a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1] {
                    return false;
                }
                (own.to_vec(), its.to_vec())
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
        common >= SAME * (own + its - common)
            || (cut && own >= SMALLEST * its && common >= PART * own.min(its))
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

/// The box in the picture and on the sphere; None if it touches no pixel.
fn report<C>(
    camera: &Camera,
    views: &[View],
    sighting: &Sighting<C>,
) -> Option<(Rect, Option<Tangent>)> {
    let patch = sighting.patch(views, Shape::Box);
    let pixels = rasterise(camera, &[patch]).bounds(camera)?;
    let rect = sound(&patch.view, patch.rect);
    match patch.view.frame() {
        Frame::Picture(scale) => {
            let outline = patch.quad.map_or(corners(rect), |quad| quad.corners());
            let [x0, y0, x1, y1] = bounds(&outline.map(|(u, v)| scale.to_picture(u, v)));
            let [left, top, right, bottom] = pixels;
            Some((
                [x0.max(left), y0.max(top), x1.min(right), y1.min(bottom)],
                None,
            ))
        }
        Frame::Sphere(plane) => Some((pixels, Some(tangent(&plane, rect, patch.quad)))),
    }
}

/// The box around a view's box or corners on the tangent plane at its middle, turned as the view is there, or as the
/// corners are.
fn tangent(plane: &Plane, rect: Rect, quad: Option<Quad>) -> Tangent {
    let outline = quad.map_or(corners(rect), |quad| quad.corners());
    let [x0, y0, x1, y1] = bounds(&outline);
    let (u, v) = (f64::midpoint(x0, x1), f64::midpoint(y0, y1));
    let right = quad.map_or(plane.rotation.right(), |quad| {
        // From the middle of the side before the first corner to the middle of the one opposite.
        let [a, b, c, d] = quad.corners().map(|(u, v)| plane.direction(u, v));
        b + c + (a + d) * -1.0
    });
    let aim = |forward: Vec3, right: Vec3| Plane::tangent(Rotation::aiming(forward, right));
    let around = |plane: &Plane, origin: &Plane| {
        let points = outline.map(|(u, v)| plane.project(origin.direction(u, v)));
        points
            .iter()
            .flatten()
            .fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |it, (u, v)| {
                [it[0].min(*u), it[1].min(*v), it[2].max(*u), it[3].max(*v)]
            })
    };
    let first = aim(plane.direction(u, v), right);
    let [x0, y0, x1, y1] = around(&first, plane);
    // perspective moves the middle of the box around a little; aim once more
    let centre = first.direction(f64::midpoint(x0, x1), f64::midpoint(y0, y1));
    let second = aim(centre, first.rotation.right());
    let [x0, y0, x1, y1] = around(&second, plane);
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
