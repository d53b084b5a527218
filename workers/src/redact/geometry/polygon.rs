//! Polygons of a plane.

use super::view::Rect;

/// The corners of a polygon, going round.
pub(super) type Polygon = Vec<(f64, f64)>;

/// The box around some points.
pub(in crate::redact) fn bounds(points: &[(f64, f64)]) -> Rect {
    let start = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
    points.iter().fold(start, |it, (x, y)| {
        [it[0].min(*x), it[1].min(*y), it[2].max(*x), it[3].max(*y)]
    })
}

/// The area of a polygon, whichever way it goes round.
pub(super) fn area(polygon: &[(f64, f64)]) -> f64 {
    signed_area(polygon).abs()
}

pub(super) fn signed_area(polygon: &[(f64, f64)]) -> f64 {
    let next = polygon.iter().cycle().skip(1);
    polygon
        .iter()
        .zip(next)
        .map(|(a, b)| a.0 * b.1 - b.0 * a.1)
        .sum::<f64>()
        / 2.0
}

/// The part of a convex polygon that lies in another (Sutherland & Hodgman).
pub(super) fn clipped(polygon: &[(f64, f64)], by: &[(f64, f64)]) -> Polygon {
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
