//! Lines of text from a map of probabilities: connected pixels, each group in its smallest rectangle.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places in a picture are far below 2^24 and not negative where they are cast"
)]

/// How much a rectangle grows, as a share of its area by its perimeter. The finder is trained on shrunken lines.
const GROWTH: f32 = 1.5;
/// Shorter side of the smallest line, in pixels of the map.
const LEAST_SIDE: f32 = 3.0;

/// A line of text in a picture: a rectangle in any rotation, in pixels from the picture's corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineBox {
    /// The corner where reading begins.
    pub origin: [f32; 2],
    /// From there to the end of the line.
    pub right: [f32; 2],
    /// From there to the lower edge of the line.
    pub down: [f32; 2],
}

impl LineBox {
    pub(super) fn length(vector: [f32; 2]) -> f32 {
        vector[0].hypot(vector[1])
    }

    /// Height of the line.
    #[must_use]
    pub fn height(&self) -> f32 {
        Self::length(self.down)
    }

    pub(super) fn area(&self) -> f32 {
        Self::length(self.right) * Self::length(self.down)
    }

    /// Its length by its height.
    pub(super) fn ratio(&self) -> f32 {
        Self::length(self.right) / Self::length(self.down).max(f32::EPSILON)
    }

    /// Left, top, right and bottom of the upright rectangle around it.
    #[must_use]
    pub fn bounds(&self) -> [f32; 4] {
        let corner =
            |r: f32, d: f32| [0, 1].map(|i| self.origin[i] + r * self.right[i] + d * self.down[i]);
        let corners = [
            corner(0.0, 0.0),
            corner(1.0, 0.0),
            corner(0.0, 1.0),
            corner(1.0, 1.0),
        ];
        let least = |i: usize| corners.iter().map(|c| c[i]).fold(f32::INFINITY, f32::min);
        let most = |i: usize| {
            corners
                .iter()
                .map(|c| c[i])
                .fold(f32::NEG_INFINITY, f32::max)
        };
        [least(0), least(1), most(0), most(1)]
    }

    pub(super) fn top(&self) -> f32 {
        self.bounds()[1]
    }

    pub(super) fn scaled(&self, [x, y]: [f32; 2]) -> Self {
        let scaled = |v: [f32; 2]| [v[0] * x, v[1] * y];
        Self {
            origin: scaled(self.origin),
            right: scaled(self.right),
            down: scaled(self.down),
        }
    }
}

/// A rectangle in any rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rectangle {
    centre: [f32; 2],
    /// Unit vector along its width.
    axis: [f32; 2],
    /// Width and height.
    size: [f32; 2],
}

/// The lines in a map of `width` columns. A pixel counts from the first threshold on, a line from the second.
pub(super) fn lines(map: &[f32], width: usize, (pixel, line): (f32, f32)) -> Vec<LineBox> {
    let mut taken = vec![false; map.len()];
    let mut found = Vec::new();
    for start in 0..map.len() {
        if taken[start] || map[start] <= pixel {
            continue;
        }
        let group = group(map, width, pixel, start, &mut taken);
        let Some(rectangle) = smallest_rectangle(&hull(&group)) else {
            continue;
        };
        let [across, down] = rectangle.size;
        if across.min(down) < LEAST_SIDE || mean_inside(map, width, &rectangle) < line {
            continue;
        }
        found.push(grown(&rectangle));
    }
    found
}

/// The pixels that hang together with `start`, corners included: of each row the outermost ones, which are all that
/// matters for the rectangle around them.
fn group(map: &[f32], width: usize, least: f32, start: usize, taken: &mut [bool]) -> Vec<[f32; 2]> {
    let height = map.len() / width;
    let mut rows = std::collections::BTreeMap::<usize, (usize, usize)>::new();
    let mut waiting = vec![start];
    taken[start] = true;
    while let Some(at) = waiting.pop() {
        let (x, y) = (at % width, at / width);
        let row = rows.entry(y).or_insert((x, x));
        *row = (row.0.min(x), row.1.max(x));
        for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
            for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                let next = ny * width + nx;
                if !taken[next] && map[next] > least {
                    taken[next] = true;
                    waiting.push(next);
                }
            }
        }
    }
    let ends = rows
        .into_iter()
        .flat_map(|(y, (first, last))| [[first, y], [last, y]]);
    // A map has a few hundred columns and rows.
    ends.map(|[x, y]| [x as f32, y as f32]).collect()
}

/// The convex hull of points that are sorted by row, by Andrew's monotone chain.
fn hull(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let turns = |a: [f32; 2], b: [f32; 2], c: [f32; 2]| {
        (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    };
    let chain = |points: &mut dyn Iterator<Item = [f32; 2]>| {
        let mut chain: Vec<[f32; 2]> = Vec::new();
        for point in points {
            while let [.., a, b] = chain[..]
                && turns(a, b, point) <= 0.0
            {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    sorted.dedup();
    let mut hull = chain(&mut sorted.iter().copied());
    hull.extend(chain(&mut sorted.iter().rev().copied()));
    hull
}

/// The smallest rectangle around a convex hull. One of its sides lies on a side of the hull (Freeman and Shapira 1975).
fn smallest_rectangle(hull: &[[f32; 2]]) -> Option<Rectangle> {
    if hull.len() < 3 {
        return None;
    }
    let sides = hull.iter().zip(hull.iter().cycle().skip(1));
    let around = sides.filter_map(|(a, b)| {
        let side = [b[0] - a[0], b[1] - a[1]];
        let length = LineBox::length(side);
        if length == 0.0 {
            return None;
        }
        let axis = [side[0] / length, side[1] / length];
        let normal = [-axis[1], axis[0]];
        let (along, across) = (extent(hull, axis), extent(hull, normal));
        let middle = [
            f32::midpoint(along.0, along.1),
            f32::midpoint(across.0, across.1),
        ];
        Some(Rectangle {
            centre: [0, 1].map(|i| middle[0] * axis[i] + middle[1] * normal[i]),
            axis,
            size: [along.1 - along.0, across.1 - across.0],
        })
    });
    around.min_by(|a, b| (a.size[0] * a.size[1]).total_cmp(&(b.size[0] * b.size[1])))
}

/// Where points begin and end along an axis.
fn extent(points: &[[f32; 2]], axis: [f32; 2]) -> (f32, f32) {
    let places = points.iter().map(|p| p[0] * axis[0] + p[1] * axis[1]);
    places.fold(
        (f32::INFINITY, f32::NEG_INFINITY),
        |(least, most), place| (least.min(place), most.max(place)),
    )
}

/// Mean probability of the pixels inside a rectangle.
fn mean_inside(map: &[f32], width: usize, rectangle: &Rectangle) -> f32 {
    let Rectangle { centre, axis, size } = *rectangle;
    let height = map.len() / width;
    let reach = [0, 1].map(|i| (size[0] * axis[i].abs() + size[1] * axis[1 - i].abs()) / 2.0);
    let range = |i: usize, end: usize| {
        let first = (centre[i] - reach[i]).floor().max(0.0) as usize;
        let last = (centre[i] + reach[i]).ceil().max(0.0) as usize;
        first..(last + 1).min(end)
    };
    let (mut sum, mut count) = (0.0, 0.0);
    for y in range(1, height) {
        for x in range(0, width) {
            let (dx, dy) = (x as f32 - centre[0], y as f32 - centre[1]);
            let along = (dx * axis[0] + dy * axis[1]).abs();
            let across = (dy * axis[0] - dx * axis[1]).abs();
            if along <= size[0] / 2.0 + 0.5 && across <= size[1] / 2.0 + 0.5 {
                sum += map[y * width + x];
                count += 1.0;
            }
        }
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

/// The line in a rectangle: it grows, since lines are found shrunken, and gets a direction of reading.
fn grown(rectangle: &Rectangle) -> LineBox {
    let Rectangle {
        centre,
        mut axis,
        size,
    } = *rectangle;
    let [mut length, mut height] = size;
    let growth = GROWTH * length * height / (2.0 * (length + height));
    (length, height) = (length + 2.0 * growth, height + 2.0 * growth);
    // The width is what is closer to level, from left to right.
    if axis[0].abs() < axis[1].abs() {
        axis = [-axis[1], axis[0]];
        (length, height) = (height, length);
    }
    if axis[0] < 0.0 {
        axis = [-axis[0], -axis[1]];
    }
    let mut down = [-axis[1], axis[0]];
    if height >= 1.5 * length {
        // Writing that stands on its side is read downwards.
        (axis, down) = (down, [-axis[0], -axis[1]]);
        (length, height) = (height, length);
    }
    let half = |i: usize| (length * axis[i] + height * down[i]) / 2.0;
    // Pixels have a size, and the map names them by their corner.
    let corner = |i: usize| centre[i] + 0.5 - half(i);
    LineBox {
        origin: [corner(0), corner(1)],
        right: axis.map(|a| a * length),
        down: down.map(|d| d * height),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with a filled rectangle in any rotation.
    fn map(
        width: usize,
        height: usize,
        centre: [f32; 2],
        axis: [f32; 2],
        size: [f32; 2],
    ) -> Vec<f32> {
        let mut map = vec![0.0; width * height];
        for (at, value) in map.iter_mut().enumerate() {
            let (x, y) = (
                (at % width) as f32 - centre[0],
                (at / width) as f32 - centre[1],
            );
            let along = (x * axis[0] + y * axis[1]).abs() <= size[0] / 2.0;
            let across = (y * axis[0] - x * axis[1]).abs() <= size[1] / 2.0;
            *value = if along && across { 0.9 } else { 0.0 };
        }
        map
    }

    #[test]
    fn a_level_line_grows_to_its_letters() {
        let map = map(200, 100, [100.0, 40.0], [1.0, 0.0], [120.0, 12.0]);
        let found = lines(&map, 200, (0.3, 0.6));
        assert_eq!(found.len(), 1);
        let [left, top, right, bottom] = found[0].bounds();
        // 120 × 12 grows by 1.5 × 1440 / 264 = 8.2 on each side.
        assert!(
            (left - 32.3).abs() < 1.0 && (right - 168.7).abs() < 1.0,
            "{left} {right}"
        );
        assert!(
            (top - 26.3).abs() < 1.0 && (bottom - 54.7).abs() < 1.0,
            "{top} {bottom}"
        );
        assert!(found[0].right[0] > 0.0 && found[0].down[1] > 0.0);
    }

    #[test]
    fn a_slanted_line_keeps_its_slant() {
        let axis = [0.9397, -0.3420];
        let map = map(300, 200, [150.0, 100.0], axis, [160.0, 14.0]);
        let found = lines(&map, 300, (0.3, 0.6));
        assert_eq!(found.len(), 1);
        let [x, y] = found[0].right;
        let slant = y.atan2(x).to_degrees();
        assert!((slant + 20.0).abs() < 1.5, "{slant}");
    }

    #[test]
    fn two_lines_are_two_and_specks_are_none() {
        let mut map = map(200, 100, [100.0, 30.0], [1.0, 0.0], [120.0, 10.0]);
        for x in 40..160 {
            for y in 60..70 {
                map[y * 200 + x] = 0.9;
            }
        }
        map[90 * 200 + 5] = 1.0;
        assert_eq!(lines(&map, 200, (0.3, 0.6)).len(), 2);
        // What is only just above the threshold of pixels is no line.
        let faint: Vec<f32> = map.iter().map(|p| p * 0.4).collect();
        assert!(lines(&faint, 200, (0.3, 0.6)).is_empty());
    }

    #[test]
    fn writing_on_its_side_is_read_downwards() {
        let map = map(100, 200, [50.0, 100.0], [0.0, 1.0], [120.0, 12.0]);
        let found = lines(&map, 100, (0.3, 0.6));
        assert!(found[0].right[1] > 100.0, "{found:?}");
    }
}
