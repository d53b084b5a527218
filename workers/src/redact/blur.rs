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
    /// Where a point of the picture lies in the object's plane, in which its box is the unit square.
    pub locate: &'a dyn Fn(f64, f64) -> Option<(f64, f64)>,
    /// About how many pixels the box is wide and high.
    pub size: (f64, f64),
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("class", &self.class)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Cells along the longer side of a face.
const FACE_CELLS: f64 = 6.0;

/// Pixels of the smallest cell: a grid of single pixels would hide nothing.
const LEAST_CELL: f64 = 4.0;

/// How far the grid reaches beyond the object's box, in boxes. What lies further out joins the outermost cells.
const REACH: f64 = 1.0;

/// Averages over the object's plane.
struct Grid {
    /// Cells a box.
    columns: f64,
    rows: f64,
    /// Cells of the whole grid.
    across: usize,
    down: usize,
    /// Sum and count of each cell.
    cells: Vec<(f64, u32)>,
}

/// The samples of one rectangle of one component, and where they lie in the object's plane.
struct Part {
    rect: Rect,
    samples: Vec<f32>,
    /// Place of each sample in cells from the grid's corner; none outside the mask.
    places: Vec<Option<(f32, f32)>>,
}

/// Blurs one object in every component of a picture.
///
/// # Errors
/// The picture is damaged where the object is.
pub fn blur(canvas: &mut dyn Canvas, target: &Target<'_>, fill: Fill) -> Result<(), RedactError> {
    if fill == Fill::None {
        return Ok(());
    }
    for component in 0..canvas.components() {
        let mut grid = Grid::of(target, fill);
        let parts: Vec<Part> = target
            .mask
            .pieces
            .iter()
            .map(|piece| part(canvas, component, piece, target, &grid))
            .collect::<Result<_, _>>()?;
        for part in &parts {
            grid.add(part);
        }
        for Part {
            rect,
            mut samples,
            places,
        } in parts
        {
            for (sample, place) in samples.iter_mut().zip(&places) {
                if let Some(place) = place {
                    *sample = grid.smooth(*place);
                }
            }
            let changed: Vec<bool> = places.iter().map(Option::is_some).collect();
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
    grid: &Grid,
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
            places.push(masked.then(|| {
                let centre = (
                    f64::from(left) + f64::from(step_x) / 2.0,
                    f64::from(top) + f64::from(step_y) / 2.0,
                );
                grid.place((target.locate)(centre.0, centre.1))
            }));
        }
    }
    Ok(Part {
        rect,
        samples,
        places,
    })
}

impl Grid {
    fn of(target: &Target<'_>, fill: Fill) -> Self {
        let (width, height) = target.size;
        let (columns, rows) = match (fill, target.class) {
            (Fill::Solid | Fill::None, _) => (1.0, 1.0),
            // One row: a cell is as high as the plate, so higher than any glyph on it.
            (Fill::Blur, Class::Plate) => (cells(width / height.max(LEAST_CELL)), 1.0),
            (Fill::Blur, Class::Face) => {
                let cell = (width.max(height) / FACE_CELLS).max(LEAST_CELL);
                (cells(width / cell), cells(height / cell))
            }
        };
        // A flat fill has a single cell, which all samples share.
        let reach = if fill == Fill::Solid { 0.0 } else { REACH };
        let across = whole(columns * (1.0 + 2.0 * reach));
        let down = whole(rows * (1.0 + 2.0 * reach));
        Self {
            columns,
            rows,
            across,
            down,
            cells: vec![(0.0, 0); across * down],
        }
    }

    /// Where a place of the object's plane lies in the grid, in cells from its corner. What has no place (a pixel behind
    /// the plane) joins the first cell.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "places in a small grid"
    )]
    fn place(&self, located: Option<(f64, f64)>) -> (f32, f32) {
        let along = |at: f64, cells: f64, all: usize| {
            let margin = (all as f64 - cells) / 2.0;
            (at * cells + margin).clamp(0.0, all as f64 - 1e-3) as f32
        };
        located.map_or((0.0, 0.0), |(u, v)| {
            (
                along(u, self.columns, self.across),
                along(v, self.rows, self.down),
            )
        })
    }

    fn add(&mut self, part: &Part) {
        for (sample, place) in part.samples.iter().zip(&part.places) {
            if let &Some((u, v)) = place {
                let cell = &mut self.cells[floor(v) * self.across + floor(u)];
                cell.0 += f64::from(*sample);
                cell.1 += 1;
            }
        }
    }

    /// The averages around a place, each weighted by how near its centre is (bilinear). Empty cells have no say.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "samples and places in a small grid"
    )]
    fn smooth(&self, (u, v): (f32, f32)) -> f32 {
        let (own_column, own_row) = (floor(u), floor(v));
        let (mut sum, mut weight) = (0.0, 0.0);
        for row in own_row.saturating_sub(1)..=(own_row + 1).min(self.down - 1) {
            let near_v = 1.0 - f64::from((v - (row as f32 + 0.5)).abs());
            for column in own_column.saturating_sub(1)..=(own_column + 1).min(self.across - 1) {
                let near_u = 1.0 - f64::from((u - (column as f32 + 0.5)).abs());
                let (total, count) = self.cells[row * self.across + column];
                if near_u > 0.0 && near_v > 0.0 && count > 0 {
                    sum += near_u * near_v * total / f64::from(count);
                    weight += near_u * near_v;
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

/// Cells a box, rounded down: rather larger cells than smaller ones.
fn cells(exact: f64) -> f64 {
    exact.floor().clamp(1.0, 64.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 3 × 64 cells"
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
mod tests {
    use super::*;
    use crate::redact::geometry::Span;

    /// One plane, and one at half the resolution.
    struct Planes([Vec<f32>; 2]);

    const SIDE: u32 = 64;

    impl Canvas for Planes {
        fn components(&self) -> usize {
            2
        }
        fn step(&self, component: usize) -> (u32, u32) {
            [(1, 1), (2, 2)][component]
        }
        fn size(&self, component: usize) -> (u32, u32) {
            [(SIDE, SIDE), (SIDE / 2, SIDE / 2)][component]
        }
        fn read(&self, component: usize, r: Rect) -> Result<Vec<f32>, RedactError> {
            let width = self.size(component).0;
            Ok((r.y..r.y + r.height)
                .flat_map(|y| (r.x..r.x + r.width).map(move |x| (y * width + x) as usize))
                .map(|at| self.0[component][at])
                .collect())
        }
        fn write(
            &mut self,
            component: usize,
            r: Rect,
            samples: &[f32],
            changed: &[bool],
        ) -> Result<(), RedactError> {
            let width = self.size(component).0;
            let places = (r.y..r.y + r.height)
                .flat_map(|y| (r.x..r.x + r.width).map(move |x| (y * width + x) as usize));
            for ((at, sample), changed) in places.zip(samples).zip(changed) {
                if *changed {
                    self.0[component][at] = *sample;
                }
            }
            Ok(())
        }
    }

    fn filled(x: u32, y: u32, width: u32, height: u32) -> Mask {
        let span = |y| Span {
            y,
            x0: x,
            x1: x + width,
        };
        Mask::from_spans((y..y + height).map(span).collect())
    }

    fn noise(seed: u32, count: u32) -> Vec<f32> {
        (0..count)
            .map(|i| f32::from(u8::try_from((i ^ seed).wrapping_mul(2_654_435_761) >> 24).unwrap()))
            .collect()
    }

    fn blurred(class: Class, fill: Fill, seed: u32) -> Planes {
        let mut planes = Planes([noise(seed, SIDE * SIDE), noise(seed + 1, SIDE * SIDE / 4)]);
        let mask = filled(10, 11, 41, 31);
        let target = Target {
            class,
            mask: &mask,
            locate: &|x, y| Some(((x - 10.0) / 41.0, (y - 11.0) / 31.0)),
            size: (41.0, 31.0),
        };
        blur(&mut planes, &target, fill).unwrap();
        planes
    }

    #[test]
    fn only_what_is_under_the_mask_changes_and_all_of_it() {
        let (before, after) = (noise(7, SIDE * SIDE), blurred(Class::Face, Fill::Blur, 7));
        for (at, (old, new)) in before.iter().zip(&after.0[0]).enumerate() {
            let (x, y) = (at % SIDE as usize, at / SIDE as usize);
            let inside = (10..51).contains(&x) && (11..42).contains(&y);
            if !inside {
                assert!((old - new).abs() < f32::EPSILON, "{x} {y}");
            }
        }
        // Neighbours under the mask are nearly equal: noise of full contrast is gone.
        let steps = (12..40).flat_map(|y| (11..49).map(move |x| y * SIDE as usize + x));
        let largest = steps
            .map(|at| (after.0[0][at] - after.0[0][at + 1]).abs())
            .fold(0.0, f32::max);
        assert!(largest < 12.0, "{largest}");
        // The coarse plane changes wherever it colours a masked pixel: from 10/2, 11/2 on.
        let coarse = noise(8, SIDE * SIDE / 4);
        let changed =
            |x: usize, y: usize| (coarse[y * 32 + x] - after.0[1][y * 32 + x]).abs() > 1e-6;
        assert!(changed(5, 5) && changed(25, 20));
        assert!(!changed(4, 5) && !changed(26, 20));
    }

    #[test]
    fn what_remains_is_no_more_than_the_averages() {
        // Two faces with the same averages become the same picture: nothing else got through.
        let mut planes = [0_u32, 1].map(|phase| {
            let stripes = (0..SIDE * SIDE)
                .map(|i| {
                    if (i % SIDE + phase).is_multiple_of(2) {
                        0.0
                    } else {
                        200.0
                    }
                })
                .collect();
            Planes([stripes, vec![0.0; 1024]])
        });
        let mask = filled(8, 8, 48, 48);
        for plane in &mut planes {
            let target = Target {
                class: Class::Face,
                mask: &mask,
                locate: &|x, y| Some(((x - 8.0) / 48.0, (y - 8.0) / 48.0)),
                size: (48.0, 48.0),
            };
            blur(plane, &target, Fill::Blur).unwrap();
        }
        let inside = |p: &Planes| -> Vec<f32> {
            p.read(
                0,
                Rect {
                    x: 8,
                    y: 8,
                    width: 48,
                    height: 48,
                },
            )
            .unwrap()
        };
        let [a, b] = &planes;
        for (x, y) in inside(a).iter().zip(inside(b)) {
            assert!((x - y).abs() < 1e-3, "{x} {y}");
        }
    }

    #[test]
    fn solid_is_one_colour_and_none_changes_nothing() {
        let solid = blurred(Class::Plate, Fill::Solid, 3);
        let r = Rect {
            x: 10,
            y: 11,
            width: 41,
            height: 31,
        };
        let inside = solid.read(0, r).unwrap();
        assert!(inside.iter().all(|v| (v - inside[0]).abs() < 1e-4));
        assert!(blurred(Class::Plate, Fill::None, 3).0[0] == noise(3, SIDE * SIDE));
    }

    #[test]
    fn a_cell_of_a_plate_is_as_high_as_the_plate() {
        // Rows of different brightness in a plate: all become the same.
        let mut planes = Planes([
            (0..SIDE * SIDE)
                .map(|i| if i / SIDE % 4 < 2 { 0.0 } else { 255.0 })
                .collect(),
            vec![0.0; 1024],
        ]);
        let mask = filled(4, 8, 56, 16);
        let target = Target {
            class: Class::Plate,
            mask: &mask,
            locate: &|x, y| Some(((x - 4.0) / 56.0, (y - 8.0) / 16.0)),
            size: (56.0, 16.0),
        };
        blur(&mut planes, &target, Fill::Blur).unwrap();
        let column: Vec<f32> = (8..24).map(|y| planes.0[0][y * 64 + 30]).collect();
        assert!(
            column.iter().all(|v| (v - column[0]).abs() < 1e-3),
            "{column:?}"
        );
    }
}
