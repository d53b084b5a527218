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
        aspect: 41.0 / 31.0,
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
    let changed = |x: usize, y: usize| (coarse[y * 32 + x] - after.0[1][y * 32 + x]).abs() > 1e-6;
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
            aspect: 1.0,
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
fn cells_are_as_large_as_what_is_hidden_not_as_what_is_reported() {
    // The reported box is a tenth of the mask, as where a small sighting speaks for a large one.
    let mut planes = Planes([noise(5, SIDE * SIDE), vec![0.0; 1024]]);
    let mask = filled(2, 2, 60, 60);
    let target = Target {
        class: Class::Face,
        mask: &mask,
        locate: &|x, y| Some(((x - 30.0) / 6.0, (y - 30.0) / 6.0)),
        aspect: 1.0,
    };
    blur(&mut planes, &target, Fill::Blur).unwrap();
    let row: Vec<f32> = (4..59).map(|x| planes.0[0][20 * 64 + x]).collect();
    let largest = row
        .windows(2)
        .map(|w| (w[0] - w[1]).abs())
        .fold(0.0, f32::max);
    assert!(largest < 12.0, "{largest}");
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
        aspect: 56.0 / 16.0,
    };
    blur(&mut planes, &target, Fill::Blur).unwrap();
    let column: Vec<f32> = (8..24).map(|y| planes.0[0][y * 64 + 30]).collect();
    assert!(
        column.iter().all(|v| (v - column[0]).abs() < 1e-3),
        "{column:?}"
    );
}
