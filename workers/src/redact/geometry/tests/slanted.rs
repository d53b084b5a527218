//! Objects whose four corners are known.

use super::super::{
    Camera, Mask, Patch, Quad, Rect, Shape, Sighting, Vec3, View, merge, rasterise, widened,
};
use super::oracle::{Truth, assert_covers};
use super::support::{Dice, beyond, cropped, fibonacci, fisheye, pinhole, tilted, views};

/// A board of 100 by 20 around (200, 100), turned clockwise.
fn board(degrees: f64) -> [(f64, f64); 4] {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [(-50.0, -10.0), (50.0, -10.0), (50.0, 10.0), (-50.0, 10.0)]
        .map(|(x, y)| (200.0 + x * cos - y * sin, 100.0 + x * sin + y * cos))
}

/// Width and height of a view that has all of it.
const VIEW: (u32, u32) = (640, 480);

fn around(corners: [(f64, f64); 4]) -> Rect {
    Quad::new(corners).unwrap().bounds()
}

fn is_near(one: [(f64, f64); 4], other: [(f64, f64); 4]) -> bool {
    let pairs = one.iter().zip(other);
    pairs.fold(true, |near, (a, b)| {
        near && (a.0 - b.0).hypot(a.1 - b.1) < 1e-9
    })
}

fn area(mask: &Mask) -> f64 {
    f64::from(u32::try_from(mask.area()).unwrap())
}

#[test]
fn corners_that_fit_their_box_are_taken_and_others_are_not() {
    for degrees in [10.0, 45.0, 75.0, 135.0, 200.0, -30.0] {
        let corners = board(degrees);
        let mirrored = [corners[1], corners[0], corners[3], corners[2]];
        for corners in [corners, mirrored] {
            let quad = Quad::fitting(corners, around(corners), VIEW).unwrap();
            assert!(is_near(quad.corners(), corners), "{quad:?}");
            // The corners follow a box that is a third wider.
            let [x0, y0, x1, y1] = around(corners);
            let third = (x1 - x0) / 3.0;
            let wide = [x0 - third / 2.0, y0, x1 + third / 2.0, y1];
            let quad = Quad::fitting(corners, wide, VIEW).unwrap();
            let stretched = corners.map(|(x, y)| (200.0 + (x - 200.0) * 4.0 / 3.0, y));
            assert!(is_near(quad.corners(), stretched), "{quad:?}");
        }
    }
    let good = board(30.0);
    let rect = around(good);
    let with = |at: usize, corner: (f64, f64)| {
        let mut corners = good;
        corners[at] = corner;
        corners
    };
    let shrunk =
        |share: f64| good.map(|(x, y)| (200.0 + (x - 200.0) * share, 100.0 + (y - 100.0) * share));
    let moved = |by: f64| good.map(|(x, y)| (x + by, y));
    let bow = [good[0], good[2], good[1], good[3]];
    // Flat: it cannot be what a box as high as this is around.
    let [x0, y0, x1, y1] = rect;
    let thin = [(x0, y0), (x0 + 4.0, y0), (x1, y1), (x1 - 4.0, y1)];
    let wedge = [(x0, y0), (x1, y0 + 30.0), (x1, y0 + 32.0), (x0, y1)];
    for (what, corners) in [
        ("not a number", with(0, (f64::NAN, 90.0))),
        ("infinite", with(3, (200.0, f64::INFINITY))),
        ("not convex", with(1, (200.0, 100.0))),
        ("crossed", bow),
        ("a point", [(200.0, 100.0); 4]),
        (
            "a line",
            [
                (160.0, 100.0),
                (180.0, 100.0),
                (220.0, 100.0),
                (240.0, 100.0),
            ],
        ),
        ("tiny", shrunk(0.3)),
        ("huge", shrunk(1.8)),
        ("elsewhere", moved(60.0)),
        ("thin", thin),
        ("a wedge", wedge),
        (
            "almost level",
            [(x0, y0), (x1, y0 + 2.0), (x1, y1), (x0, y1 - 2.0)],
        ),
    ] {
        assert_eq!(Quad::fitting(corners, rect, VIEW), None, "{what}");
    }
}

#[test]
fn what_an_edge_of_the_view_cuts_off_keeps_its_box() {
    let corners = board(45.0);
    let [x0, y0, x1, y1] = around(corners);
    assert!(Quad::fitting(corners, [x0, y0, x1, y1], VIEW).is_some());
    // A quarter of it is beyond one of the edges.
    let (across, down) = ((x1 - x0) / 4.0, (y1 - y0) / 4.0);
    let by = |dx: f64, dy: f64| corners.map(|(x, y)| (x + dx, y + dy));
    let (right, bottom) = (f64::from(VIEW.0), f64::from(VIEW.1));
    for corners in [
        by(-x0 - across, 0.0),
        by(0.0, -y0 - down),
        by(right - x1 + across, 0.0),
        by(0.0, bottom - y1 + down),
    ] {
        let [x0, y0, x1, y1] = around(corners);
        let seen = [x0.max(0.0), y0.max(0.0), x1.min(right), y1.min(bottom)];
        assert_eq!(Quad::fitting(corners, seen, VIEW), None, "{seen:?}");
    }
}

#[test]
fn a_widened_quadrilateral_holds_what_it_was() {
    let rect = [10.0, 20.0, 110.0, 50.0];
    let level = Quad::new([(10.0, 20.0), (110.0, 20.0), (110.0, 50.0), (10.0, 50.0)]).unwrap();
    for margin in [0.0, 0.1, 4.0] {
        let wider = level.widened(margin).unwrap().bounds();
        for (a, b) in wider.iter().zip(widened(rect, margin)) {
            assert!((a - b).abs() < 1e-9, "{wider:?}");
        }
    }
    let mut dice = Dice(7);
    let mut seen = 0;
    for _ in 0..20_000 {
        let corners = board(dice.between(-180.0, 180.0))
            .map(|(x, y)| (x + dice.between(-9.0, 9.0), y + dice.between(-9.0, 9.0)));
        let Some(quad) = Quad::fitting(corners, around(board(30.0)), VIEW) else {
            continue;
        };
        let margin = dice.between(0.0, 4.0);
        // What is no quadrilateral any more is left to the box.
        let Some(wider) = quad.widened(margin) else {
            continue;
        };
        seen += 1;
        for (x, y) in quad.corners() {
            for [a, b, c] in wider.half_planes() {
                assert!(a * x + b * y + c > -1e-6, "{quad:?} by {margin}");
            }
        }
    }
    assert!(seen > 1000, "{seen}");
}

#[test]
fn the_region_covers_the_corners_in_every_projection_and_less_than_the_box() {
    let cameras = [
        Camera::equirect(2880, 1440),
        pinhole(),
        fisheye(),
        cropped(),
        tilted(),
    ];
    let (mut compared, mut slanted, mut boxed) = (0, 0.0, 0.0);
    for camera in cameras {
        for (index, direction) in fibonacci(150).enumerate() {
            let roll = f64::from(u32::try_from(index).unwrap()) * 37.0;
            let truth = Truth::new(direction, roll, (9.0, 2.0));
            for view in views("sphere-22", &camera) {
                let Some((rect, quad)) = truth.seen_in(&view).zip(truth.quad_in(&view)) else {
                    continue;
                };
                // What stands almost level keeps its box.
                let Some(quad) = Quad::fitting(quad.corners(), rect, view.size()).map(Some) else {
                    continue;
                };
                let shape = Shape::Box;
                let patch = |quad| Patch {
                    view,
                    rect,
                    quad,
                    shape,
                };
                let mask = rasterise(&camera, &[patch(quad)]);
                assert_covers(&camera, &mask, &truth, 24);
                let whole = rasterise(&camera, &[patch(None)]);
                // At most pixels that only seem to touch a corner.
                assert!(beyond(&mask, &whole) <= 4);
                compared += 1;
                slanted += area(&mask);
                boxed += area(&whole);
            }
        }
    }
    assert!(compared > 200, "{compared}");
    assert!(slanted < 0.62 * boxed, "{slanted} of {boxed}");
}

#[test]
fn corners_in_a_crop_are_those_of_the_picture() {
    let camera = Camera::planar(800, 600);
    let view = View::Crop {
        x: 100.0,
        y: 50.0,
        width: 800.0,
        height: 400.0,
        out_width: 400,
        out_height: 200,
    };
    let corners = board(40.0);
    let rect = around(corners);
    let quad = Quad::fitting(corners, rect, view.size());
    let patch = |quad, shape| Patch {
        view,
        rect,
        quad,
        shape,
    };
    let mask = rasterise(&camera, &[patch(quad, Shape::Box)]);
    // 100 by 20 px of the view are 200 by 40 of the picture.
    assert!(
        area(&mask) > 8000.0 && area(&mask) < 8800.0,
        "{}",
        area(&mask)
    );
    let (u, v) = (corners[0].0 + 1.0, corners[0].1 + 1.0);
    let (x, y) = view.to_picture(&camera, (u, v)).unwrap();
    assert!(mask.contains(super::super::cast::pixel(x), super::super::cast::pixel(y)));
    // An ellipse is around the box, and a box that is not a number covers its view, whatever the corners are.
    let round = |quad| rasterise(&camera, &[patch(quad, Shape::Ellipse)]);
    assert_eq!(round(quad), round(None));
    let broken = Patch {
        rect: [f64::NAN; 4],
        ..patch(quad, Shape::Box)
    };
    assert!(area(&rasterise(&camera, &[broken])) > 200_000.0);
}

#[test]
fn sightings_of_something_slanted_become_one_object_that_is_turned() {
    let camera = Camera::equirect(2880, 1440);
    let views = views("sphere", &camera);
    for (index, direction) in fibonacci(40).enumerate() {
        let roll = f64::from(u32::try_from(index).unwrap()) * 9.0 - 180.0;
        let truth = Truth::new(direction, roll, (10.0, 2.5));
        let mut sightings: Vec<Sighting<u8>> = Vec::new();
        for (view, it) in views.iter().enumerate() {
            if let Some(rect) = truth.seen_in(it) {
                let quad = truth.quad_in(it);
                // The least sure one has corners that do not fit.
                let is_first = sightings.is_empty();
                let (quad, score) = if is_first { (None, 0.5) } else { (quad, 0.9) };
                sightings.push(Sighting {
                    view,
                    rect,
                    quad,
                    score,
                    class: 1,
                });
            }
        }
        let objects = merge(&camera, &views, &sightings);
        assert!(sightings.len() > 1);
        assert_eq!(objects.len(), 1, "{index}: {sightings:?}");
        assert_eq!(objects[0].sightings.len(), sightings.len());
        let tangent = objects[0].tangent.unwrap();
        assert!(Vec3::from_angles(tangent.yaw, tangent.pitch).angle_to(direction) < 0.01);
        assert!((2.0 * tangent.half_width - 10.0).abs() < 0.4, "{tangent:?}");
        assert!((2.0 * tangent.half_height - 2.5).abs() < 0.2, "{tangent:?}");
        let turn = (tangent.roll - roll).rem_euclid(360.0);
        assert!(turn.min(360.0 - turn) < 3.0, "{tangent:?} of {roll}");
        // Upright, it is the box around.
        let upright = tangent.upright();
        let (sin, cos) = tangent.roll.to_radians().sin_cos();
        let expected = 5.0 * cos.abs() + 1.25 * sin.abs();
        assert!((upright.half_width - expected).abs() < 0.3, "{upright:?}");
        assert!(upright.roll == 0.0 && upright.half_height >= tangent.half_height - 0.1);
    }
}
