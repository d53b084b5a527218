//! Four corners: the outline of something flat that a view shows slanted, as a number plate.

use serde::{Deserialize, Serialize};

use super::polygon::{bounds, signed_area};
use super::view::Rect;

/// How far beyond the box a corner may lie, as a share of the box's longer side.
const BEYOND: f64 = 0.25;
/// The box around the corners and the detector's box have this share of their joint area in common at least.
const ALIKE: f64 = 0.3;
/// The corners enclose this share of the box at least. A plate of 5:1 on the diagonal has 0.28 of it.
const LEAST: f64 = 0.12;
/// And this share at most: the box of what stands almost level is more exact than its corners.
const MOST: f64 = 0.7;
/// Corners are less exact than boxes: each side of a region is moved out by this share of the depth behind it, besides
/// the margin.
pub(super) const CARE: f64 = 0.15;
/// A box that ends this close to an edge of its view, in px, may be of something that is cut off there.
const HAIR: f64 = 2.0;
/// A side has this share of the one opposite at least. Perspective makes none so unequal.
const TAPER: f64 = 0.25;

/// A convex quadrilateral in view px.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[[f64; 2]; 4]", into = "[[f64; 2]; 4]")]
pub struct Quad([(f64, f64); 4]);

impl Quad {
    /// The quadrilateral of these corners, going round either way; none unless it is strictly convex.
    #[must_use]
    pub fn new(corners: [(f64, f64); 4]) -> Option<Self> {
        let turns: [f64; 4] = std::array::from_fn(|at| {
            let [p, q, r] = [0, 1, 2].map(|step| corners[(at + step) % 4]);
            (q.0 - p.0) * (r.1 - q.1) - (q.1 - p.1) * (r.0 - q.0)
        });
        // Not a number is neither.
        let is_convex =
            turns.iter().all(|turn| *turn > 1e-9) || turns.iter().all(|turn| *turn < -1e-9);
        let is_finite = turns.iter().all(|turn| turn.is_finite());
        (is_convex && is_finite).then_some(Self(corners))
    }

    /// The corners that a detector gives for what is in a box, stretched so that they touch all four sides of it: the
    /// box is the surer of the two. None if they can hardly be of what the box is around, or if that may be cut off by
    /// an edge of the view, which has this width and height: the visible part is another shape then.
    #[must_use]
    pub fn fitting(
        corners: [(f64, f64); 4],
        [x0, y0, x1, y1]: Rect,
        (width, height): (u32, u32),
    ) -> Option<Self> {
        let (right, bottom) = (f64::from(width) - HAIR, f64::from(height) - HAIR);
        if x0 <= HAIR || y0 <= HAIR || x1 >= right || y1 >= bottom {
            return None;
        }
        let quad = Self::new(corners)?;
        let reach = BEYOND * (x1 - x0).max(y1 - y0);
        let is_near = |(x, y): &(f64, f64)| {
            (x0 - reach..=x1 + reach).contains(x) && (y0 - reach..=y1 + reach).contains(y)
        };
        let own = quad.bounds();
        let area = |r: Rect| (r[2] - r[0]).max(0.0) * (r[3] - r[1]).max(0.0);
        let boxed = area([x0, y0, x1, y1]);
        let common = area([
            own[0].max(x0),
            own[1].max(y0),
            own[2].min(x1),
            own[3].min(y1),
        ]);
        let lengths = quad.sides().map(|(p, q)| (q.0 - p.0).hypot(q.1 - p.1));
        let tapers = |a: f64, b: f64| a.min(b) < TAPER * a.max(b);
        let fits = quad.0.iter().all(is_near)
            && common >= ALIKE * (area(own) + boxed - common)
            && signed_area(&quad.0).abs() >= LEAST * boxed
            && signed_area(&quad.0).abs() <= MOST * area(own)
            && !tapers(lengths[0], lengths[2])
            && !tapers(lengths[1], lengths[3]);
        let stretched = |(x, y): (f64, f64)| {
            let across = (x - own[0]) / (own[2] - own[0]);
            let down = (y - own[1]) / (own[3] - own[1]);
            (x0 + across * (x1 - x0), y0 + down * (y1 - y0))
        };
        fits.then(|| quad.0.map(stretched)).and_then(Self::new)
    }

    /// The corners, going round.
    #[must_use]
    pub const fn corners(&self) -> [(f64, f64); 4] {
        self.0
    }

    /// The box around it.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        bounds(&self.0)
    }

    /// Each side moved out by `margin` times the depth behind it, so that a rectangle grows as a box does; none if that
    /// is no quadrilateral any more.
    #[must_use]
    pub fn widened(&self, margin: f64) -> Option<Self> {
        let lines = self.half_planes().map(|[a, b, c]| {
            let depths = self.0.iter().map(|(x, y)| a * x + b * y + c);
            [a, b, c + margin * depths.fold(0.0, f64::max)]
        });
        let meet = |p: [f64; 3], q: [f64; 3]| {
            let turn = p[0] * q[1] - p[1] * q[0];
            (
                (p[1] * q[2] - q[1] * p[2]) / turn,
                (q[0] * p[2] - p[0] * q[2]) / turn,
            )
        };
        let wider = Self::new(std::array::from_fn(|at| {
            meet(lines[(at + 3) % 4], lines[at])
        }))?;
        // Sides that are almost parallel meet where rounding sends them.
        let sides = wider.half_planes();
        let holds = |(x, y): &(f64, f64)| sides.iter().all(|[a, b, c]| a * x + b * y + c >= -1e-6);
        self.0.iter().all(holds).then_some(wider)
    }

    /// The half-planes `a·u + b·v + c ≥ 0` whose intersection it is; (a, b) is of length one.
    #[must_use]
    pub fn half_planes(&self) -> [[f64; 3]; 4] {
        let turn = signed_area(&self.0).signum();
        self.sides().map(|(p, q)| {
            let (a, b) = (turn * (p.1 - q.1), turn * (q.0 - p.0));
            let length = a.hypot(b);
            let (a, b) = (a / length, b / length);
            [a, b, -(a * p.0 + b * p.1)]
        })
    }

    fn sides(&self) -> [((f64, f64), (f64, f64)); 4] {
        std::array::from_fn(|at| (self.0[at], self.0[(at + 1) % 4]))
    }
}

impl From<Quad> for [[f64; 2]; 4] {
    fn from(quad: Quad) -> Self {
        quad.0.map(|(x, y)| [x, y])
    }
}

impl TryFrom<[[f64; 2]; 4]> for Quad {
    type Error = &'static str;

    fn try_from(corners: [[f64; 2]; 4]) -> Result<Self, Self::Error> {
        Self::new(corners.map(|[x, y]| (x, y)))
            .ok_or("four corners that are no convex quadrilateral")
    }
}
