//! Blurring that cannot be undone: averages over a coarse grid laid over the object, then smoothed.
//!
//! A Gaussian alone can be reversed; what is averaged over cells larger than a glyph, or than a sixth of a
//! face, is gone. The grid lies in the object's own plane, not in the picture's, so that it is the same
//! at the horizon, at a pole and across the seam of a panorama. Only samples under the mask go into an
//! average, and only those are changed.

use rushes_models::Class;
use serde::{Deserialize, Serialize};

use super::RedactError;
use super::canvas::Canvas;
use super::geometry::{Mask, Piece};
use super::picture::Rect;

/// What takes the place of a region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// A smoothed grid of averages: one sees that there was something, not who.
    #[default]
    Blur,
    /// One flat colour, the region's average.
    Solid,
    /// Nothing: regions are reported, and no picture is written.
    None,
}

/// One object to blur.
pub struct Target<'a> {
    /// What it is, which says how coarse the grid must be.
    pub class: Class,
    /// The pixels that change.
    pub mask: &'a Mask,
    /// Where a point of the picture lies in the object's plane, in which its reported box is the unit square.
    pub locate: &'a dyn Fn(f64, f64) -> Option<(f64, f64)>,
    /// Width over height of that box in the object's plane.
    pub aspect: f64,
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("class", &self.class)
            .field("aspect", &self.aspect)
            .finish_non_exhaustive()
    }
}

/// Cells along the longer side of a face.
const FACE_CELLS: f64 = 6.0;

/// Pixels of the smallest cell: a grid of single pixels would hide nothing.
const LEAST_CELL: f64 = 4.0;

/// Averages over all that changes, laid out in the object's plane.
struct Grid {
    /// Left and top of the mask in the plane, and cells a unit of it.
    origin: (f32, f32),
    scale: (f32, f32),
    across: usize,
    down: usize,
    /// Sum and count of each cell.
    cells: Vec<(f64, u32)>,
}

/// The samples of one rectangle of one component, and where they lie in the object's plane.
struct Part {
    rect: Rect,
    samples: Vec<f32>,
    places: Vec<Place>,
}

/// Where a sample lies.
#[derive(Clone, Copy)]
enum Place {
    /// Not under the mask.
    Outside,
    /// Under the mask, behind the object's plane.
    Behind,
    /// Under the mask.
    At(f32, f32),
}

/// Blurs one object in every component of a picture.
///
/// # Errors
/// The picture is damaged where the object is.
pub fn blur(canvas: &mut dyn Canvas, target: &Target<'_>, fill: Fill) -> Result<(), RedactError> {
    if fill == Fill::None {
        return Ok(());
    }
    let mut shape = None;
    for component in 0..canvas.components() {
        let parts: Vec<Part> = target
            .mask
            .pieces
            .iter()
            .map(|piece| part(canvas, component, piece, target))
            .collect::<Result<_, _>>()?;
        // All components share the grid of the first, which is the finest.
        let mut grid = Grid::new(*shape.get_or_insert_with(|| Shape::of(&parts, target, fill)));
        for part in &parts {
            grid.add(part);
        }
        let means = grid.means();
        for Part {
            rect,
            mut samples,
            places,
        } in parts
        {
            let mut changed = Vec::with_capacity(places.len());
            for (sample, place) in samples.iter_mut().zip(&places) {
                let at = grid.locate(*place);
                if let Some(at) = at {
                    *sample = grid.smooth(&means, at);
                }
                changed.push(at.is_some());
            }
            canvas.write(component, rect, &samples, &changed)?;
        }
    }
    Ok(())
}

/// Reads the samples that a piece of the mask touches.
fn part(
    canvas: &dyn Canvas,
    component: usize,
    piece: &Piece,
    target: &Target<'_>,
) -> Result<Part, RedactError> {
    let (step_x, step_y) = canvas.step(component);
    let (width, height) = canvas.size(component);
    let x = (piece.x / step_x).min(width);
    let y = (piece.y / step_y).min(height);
    let rect = Rect {
        x,
        y,
        width: (piece.x + piece.width).div_ceil(step_x).min(width) - x,
        height: (piece.y + piece.height).div_ceil(step_y).min(height) - y,
    };
    let samples = canvas.read(component, rect)?;
    let mut places = Vec::with_capacity(samples.len());
    for row in rect.y..rect.y + rect.height {
        for column in rect.x..rect.x + rect.width {
            // A sample of coarse chroma changes if any pixel it colours is under the mask.
            let (left, top) = (column * step_x, row * step_y);
            let masked =
                (top..top + step_y).any(|y| (left..left + step_x).any(|x| piece.contains(x, y)));
            if !masked {
                places.push(Place::Outside);
                continue;
            }
            let centre = (
                f64::from(left) + f64::from(step_x) / 2.0,
                f64::from(top) + f64::from(step_y) / 2.0,
            );
            places.push(Place::of((target.locate)(centre.0, centre.1)));
        }
    }
    Ok(Part {
        rect,
        samples,
        places,
    })
}

impl Place {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a place to a hundredth of a cell is enough"
    )]
    fn of(located: Option<(f64, f64)>) -> Self {
        match located {
            Some((u, v)) if u.is_finite() && v.is_finite() => Self::At(u as f32, v as f32),
            Some(_) | None => Self::Behind,
        }
    }
}

/// Where a grid lies, and its cells.
#[derive(Clone, Copy)]
struct Shape {
    origin: (f32, f32),
    size: (f32, f32),
    columns: f64,
    rows: f64,
}

impl Shape {
    /// The grid over all that changes. It is as large as the mask, not as the reported box: where one sighting of an
    /// object is much larger than the reported one, its cells must be as well.
    #[expect(clippy::cast_precision_loss, reason = "counts of pixels")]
    fn of(parts: &[Part], target: &Target<'_>, fill: Fill) -> Self {
        let (mut low, mut high) = ((f32::MAX, f32::MAX), (f32::MIN, f32::MIN));
        let mut pixels = 0_usize;
        for place in parts.iter().flat_map(|part| &part.places) {
            if let &Place::At(u, v) = place {
                low = (low.0.min(u), low.1.min(v));
                high = (high.0.max(u), high.1.max(v));
                pixels += 1;
            }
        }
        if pixels == 0 {
            (low, high) = ((0.0, 0.0), (1.0, 1.0));
        }
        let size = ((high.0 - low.0).max(1e-6), (high.1 - low.1).max(1e-6));
        let aspect = (target.aspect * f64::from(size.0) / f64::from(size.1)).clamp(1e-3, 1e3);
        // As wide and high as a box of this shape with as many pixels.
        let (width, height) = (
            (pixels as f64 * aspect).sqrt(),
            (pixels as f64 / aspect).sqrt(),
        );
        let (columns, rows) = match (fill, target.class) {
            (Fill::Solid | Fill::None, _) => (1.0, 1.0),
            // One row: a cell is as high as the plate, so higher than any glyph on it.
            (Fill::Blur, Class::Plate) => (cells(width / height.max(LEAST_CELL)), 1.0),
            (Fill::Blur, Class::Face) => {
                let cell = (width.max(height) / FACE_CELLS).max(LEAST_CELL);
                (cells(width / cell), cells(height / cell))
            }
        };
        Self {
            origin: low,
            size,
            columns,
            rows,
        }
    }
}

impl Grid {
    #[expect(clippy::cast_possible_truncation, reason = "at most 64 cells")]
    fn new(shape: Shape) -> Self {
        let (across, down) = (whole(shape.columns), whole(shape.rows));
        Self {
            origin: shape.origin,
            scale: (
                shape.columns as f32 / shape.size.0,
                shape.rows as f32 / shape.size.1,
            ),
            across,
            down,
            cells: vec![(0.0, 0); across * down],
        }
    }

    /// Where a place lies in the grid, in cells from its corner; none outside the mask. What lies behind the plane joins
    /// the first cell.
    #[expect(clippy::cast_precision_loss, reason = "at most 64 cells")]
    fn locate(&self, place: Place) -> Option<(f32, f32)> {
        let along = |at: f32, origin: f32, scale: f32, cells: usize| {
            ((at - origin) * scale).clamp(0.0, cells as f32 - 1e-3)
        };
        match place {
            Place::Outside => None,
            Place::Behind => Some((0.0, 0.0)),
            Place::At(u, v) => Some((
                along(u, self.origin.0, self.scale.0, self.across),
                along(v, self.origin.1, self.scale.1, self.down),
            )),
        }
    }

    fn add(&mut self, part: &Part) {
        for (sample, place) in part.samples.iter().zip(&part.places) {
            if let Some((u, v)) = self.locate(*place) {
                let cell = &mut self.cells[floor(v) * self.across + floor(u)];
                cell.0 += f64::from(*sample);
                cell.1 += 1;
            }
        }
    }

    /// The average of each cell; none of an empty one.
    fn means(&self) -> Vec<Option<f64>> {
        let mean = |&(total, count): &(f64, u32)| (count > 0).then(|| total / f64::from(count));
        self.cells.iter().map(mean).collect()
    }

    /// The averages around a place, each weighted by how near its centre is (bilinear). Empty cells have no say.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "samples and places in a small grid"
    )]
    fn smooth(&self, means: &[Option<f64>], (u, v): (f32, f32)) -> f32 {
        // The two cells whose centres lie around a place, or the one beside the edge.
        let around = |at: f32, cells: usize| {
            let edge = floor(at + 0.5);
            edge.saturating_sub(1)..=edge.min(cells - 1)
        };
        let near = |at: f32, cell: usize| 1.0 - f64::from((at - (cell as f32 + 0.5)).abs());
        let (mut sum, mut weight) = (0.0, 0.0);
        for row in around(v, self.down) {
            let near_v = near(v, row);
            for column in around(u, self.across) {
                if let Some(mean) = means[row * self.across + column] {
                    let share = near(u, column) * near_v;
                    sum += share * mean;
                    weight += share;
                }
            }
        }
        if weight > 0.0 {
            (sum / weight) as f32
        } else {
            0.0
        }
    }
}

/// Cells a side, rounded down: rather larger cells than smaller ones.
fn cells(exact: f64) -> f64 {
    exact.floor().clamp(1.0, 64.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "1 to 64 cells"
)]
fn whole(cells: f64) -> usize {
    cells.ceil().max(1.0) as usize
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places are clamped to the grid"
)]
fn floor(place: f32) -> usize {
    place as usize
}

#[cfg(test)]
mod tests;
