//! From the views back to the picture: masks, objects, charts.

use proptest::prelude::*;

use super::super::cast::pixel;
use super::super::{
    Camera, Chart, Mask, Patch, Shape, Sighting, Span, Vec3, View, merge, rasterise, widened,
};
use super::oracle::{Truth, assert_covers};
use super::support::{beyond, cropped, fibonacci, fisheye, pinhole, tilted, views};

fn turned(view: &View, columns: u32, width: u32) -> View {
    match *view {
        View::Crop { .. } => *view,
        View::Perspective {
            yaw,
            pitch,
            roll,
            fov_x,
            fov_y,
            out_width,
            out_height,
        } => {
            let yaw = yaw + f64::from(columns) * 360.0 / f64::from(width);
            View::Perspective {
                yaw,
                pitch,
                roll,
                fov_x,
                fov_y,
                out_width,
                out_height,
            }
        }
    }
}

fn columns_turned(mask: &Mask, columns: u32, width: u32) -> Mask {
    let pixels = mask
        .spans()
        .flat_map(|span| (span.x0..span.x1).map(move |x| (x, span.y)));
    let moved = pixels.map(|(x, y)| {
        let x0 = (x + columns) % width;
        Span { y, x0, x1: x0 + 1 }
    });
    Mask::from_spans(moved.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn turning_the_panorama_turns_the_mask(
        columns in 0..1440_u32,
        view in 0..28_usize,
        rect in (0..600_u32, 0..600_u32, 1..200_u32, 1..200_u32),
        round: bool,
    ) {
        let camera = Camera::equirect(1440, 720);
        let view = views("sphere", &camera)[view];
        let rect = [rect.0, rect.1, rect.0 + rect.2, rect.1 + rect.3].map(f64::from);
        let shape = if round { Shape::Ellipse } else { Shape::Box };
        let mask = rasterise(&camera, &[Patch { view, rect, quad: None, shape }]);
        let turned = turned(&view, columns, 1440);
        let moved = rasterise(&camera, &[Patch { view: turned, rect, quad: None, shape }]);
        prop_assert_eq!(columns_turned(&mask, columns, 1440), moved);
    }

    /// Every pixel one by one against the definition.
    #[test]
    fn masks_hold_what_touches_the_region_and_little_else(
        which in 0..4_usize,
        (yaw, pitch, roll) in (-180.0..180.0_f64, -90.0..=90.0_f64, -180.0..180.0_f64),
        rect in (0.0..500.0_f64, 0.0..500.0_f64, 0.0..120.0_f64, 0.0..120.0_f64),
    ) {
        let camera = [pinhole(), fisheye(), cropped(), tilted()][which].clone();
        let (fov_x, fov_y, out_width, out_height) = (80.0, 80.0, 640, 640);
        let yaw = if which < 2 { yaw / 4.0 } else { yaw };
        let view = View::Perspective { yaw, pitch, roll, fov_x, fov_y, out_width, out_height };
        let rect = [rect.0, rect.1, rect.0 + rect.2, rect.1 + rect.3];
        let mask = rasterise(&camera, &[Patch { view, rect, quad: None, shape: Shape::Box }]);
        let inside = |x: f64, y: f64, [x0, y0, x1, y1]: [f64; 4]| {
            view.to_view(&camera, (x, y)).is_some_and(|(u, v)| u >= x0 && u <= x1 && v >= y0 && v <= y1)
        };
        let (width, height) = camera.size();
        // a pixel is at most 0.25° and that is up to 5 px of the view
        let near = [rect[0] - 5.0, rect[1] - 5.0, rect[2] + 5.0, rect[3] + 5.0];
        for y in (0..height).step_by(3) {
            for x in (0..width).step_by(3) {
                let (left, top) = (f64::from(x), f64::from(y));
                if inside(left + 0.5, top + 0.5, rect) || inside(left + 1.0, top, rect) {
                    prop_assert!(mask.contains(x, y), "({}, {}) is missing", x, y);
                } else if mask.contains(x, y) && camera.ray(left + 0.5, top + 0.5).is_some() {
                    prop_assert!(inside(left + 0.5, top + 0.5, near), "({}, {}) is too far", x, y);
                }
            }
        }
    }
}

fn perspective(yaw: f64, pitch: f64) -> View {
    let (roll, fov_x, fov_y, out_width, out_height) = (0.0, 75.0, 75.0, 640, 640);
    View::Perspective {
        yaw,
        pitch,
        roll,
        fov_x,
        fov_y,
        out_width,
        out_height,
    }
}

#[test]
fn a_box_on_a_pole_takes_whole_rows() {
    let camera = Camera::equirect(1440, 720);
    let view = perspective(33.0, 90.0);
    let rect = [280.0, 290.0, 400.0, 350.0];
    let mask = rasterise(
        &camera,
        &[Patch {
            view,
            rect,
            quad: None,
            shape: Shape::Box,
        }],
    );
    let [piece] = mask.pieces.as_slice() else {
        panic!("{} pieces", mask.pieces.len())
    };
    assert_eq!((piece.x, piece.y, piece.width), (0, 0, 1440));
    for y in 0..10 {
        assert!((0..1440).all(|x| mask.contains(x, y)));
    }
    assert_eq!(mask.bounds(&camera).map(|bounds| bounds[2]), Some(1440.0));
    // a box that is not a number covers its view rather than nothing
    let broken = Patch {
        view,
        rect: [f64::NAN; 4],
        quad: None,
        shape: Shape::Ellipse,
    };
    assert!(rasterise(&camera, &[broken]).area() > mask.area());
}

#[test]
fn a_box_across_the_seam_has_two_pieces() {
    let camera = Camera::equirect(1440, 720);
    let view = perspective(180.0, 0.0);
    let rect = [280.0, 300.0, 340.0, 340.0];
    let mask = rasterise(
        &camera,
        &[Patch {
            view,
            rect,
            quad: None,
            shape: Shape::Box,
        }],
    );
    assert_eq!(mask.pieces.len(), 2);
    assert_eq!(mask.pieces[0].x, 0);
    assert_eq!(mask.pieces[1].x + mask.pieces[1].width, 1440);
    let [x0, _, x1, _] = mask.bounds(&camera).unwrap();
    assert!(x0 < 1440.0 && x1 > 1440.0 && x1 - x0 < 60.0);
}

#[test]
fn crops_give_their_very_pixels() {
    let camera = Camera::planar(4000, 3000);
    let (x, y, width, height, out_width, out_height) = (1000.0, 500.0, 1280.0, 1280.0, 640, 640);
    let view = View::Crop {
        x,
        y,
        width,
        height,
        out_width,
        out_height,
    };
    let rect = [10.0, 20.0, 30.0, 50.0];
    let mask = rasterise(
        &camera,
        &[Patch {
            view,
            rect,
            quad: None,
            shape: Shape::Box,
        }],
    );
    assert_eq!(mask.bounds(&camera), Some([1020.0, 540.0, 1060.0, 600.0]));
    assert_eq!(mask.area(), 40 * 60);
    let round = rasterise(
        &camera,
        &[Patch {
            view,
            rect,
            quad: None,
            shape: Shape::Ellipse,
        }],
    );
    assert_eq!(beyond(&mask, &round), 0);
    let expected = std::f64::consts::FRAC_PI_2 * 40.0 * 60.0;
    let [_, top, _, bottom] = round.bounds(&camera).unwrap();
    assert!((bottom - top - 60.0 * 2.0_f64.sqrt()).abs() <= 2.0);
    let area = f64::from(u32::try_from(round.area()).unwrap());
    assert!(
        area > expected && area < expected * 1.1,
        "{area} of {expected}"
    );
    let wider = widened([10.0, 10.0, 20.0, 30.0], 0.1);
    assert_eq!(wider.map(pixel), [9, 8, 21, 32]);
}

#[test]
fn views_of_one_object_become_one_object() {
    let camera = Camera::equirect(5760, 2880);
    let views = views("sphere", &camera);
    for (index, direction) in fibonacci(60).enumerate() {
        let truth = Truth::new(direction, 0.0, (6.0, 7.0));
        let mut sightings: Vec<Sighting<u8>> = Vec::new();
        for (view, it) in views.iter().enumerate() {
            if let Some(rect) = truth.seen_in(it) {
                sightings.push(Sighting {
                    view,
                    rect,
                    quad: None,
                    score: 0.5,
                    class: 1,
                });
            }
        }
        let whole = sightings.len();
        let other = Sighting {
            class: 2,
            ..sightings[0]
        };
        sightings.push(other);
        let objects = merge(&camera, &views, &sightings);
        let faces: Vec<_> = objects.iter().filter(|it| it.class == 1).collect();
        assert_eq!(faces.len(), 1, "{index}: {:?}", direction.angles());
        assert_eq!(faces[0].sightings.len(), whole);
        assert_eq!(objects.len(), 2);
        let tangent = faces[0].tangent.unwrap();
        assert!(Vec3::from_angles(tangent.yaw, tangent.pitch).angle_to(direction) < 0.01);
        let [x0, _, x1, _] = faces[0].bounds;
        assert!((0.0..5760.0).contains(&x0) && x1 > x0);
        let patches = faces[0].patches(&views, &sightings, Shape::Ellipse, 0.1);
        assert_covers(&camera, &rasterise(&camera, &patches), &truth, 30);

        let chart = Chart::of(&camera, faces[0]);
        assert!(chart.aspect() > 0.4 && chart.aspect() < 2.0);
        for corner in truth.corners() {
            let (x, y) = camera.project(corner).unwrap();
            let (u, v) = chart.locate(x, y).unwrap();
            assert!(u > -0.01 && u < 1.01 && v > -0.01 && v < 1.01, "({u}, {v})");
        }
        let (x, y) = camera.project(direction).unwrap();
        let (u, v) = chart.locate(x, y).unwrap();
        assert!((u - 0.5).abs() < 0.1 && (v - 0.5).abs() < 0.1);
    }
}

#[test]
fn a_cut_sighting_joins_but_does_not_speak() {
    let camera = Camera::planar(4000, 3000);
    let tile = |x: f64| {
        let (y, width, height, out_width, out_height) = (0.0, 1280.0, 1280.0, 1280, 1280);
        View::Crop {
            x,
            y,
            width,
            height,
            out_width,
            out_height,
        }
    };
    let views = [tile(0.0), tile(1000.0)];
    let sighting = |view, rect, score| Sighting {
        view,
        rect,
        quad: None,
        score,
        class: 'f',
    };
    let sightings = [
        sighting(0, [1200.0, 100.0, 1280.0, 220.0], 0.9),
        sighting(1, [200.0, 98.0, 320.0, 223.0], 0.6),
        sighting(1, [600.0, 98.0, 720.0, 223.0], 0.3),
        sighting(0, [0.0, 0.0, 50.0, 50.0], 0.2),
    ];
    let objects = merge(&camera, &views, &sightings);
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0].sightings, [1, 0]);
    assert_eq!(objects[0].bounds.map(pixel), [1200, 98, 1320, 223]);
    assert!(objects[0].tangent.is_none());
    let chart = Chart::of(&camera, &objects[0]);
    assert_eq!(chart.locate(1260.0, 98.0), Some((0.5, 0.0)));
    assert!((chart.aspect() - 120.0 / 125.0).abs() < 1e-12);
    assert_eq!(objects[2].sightings, [3]);
    // A large one cut off is not of the small one within it, unless that is a good part of it.
    let within = |side: f64| {
        let small = [900.0, 400.0, 900.0 + side, 400.0 + side];
        let large = [880.0, 300.0, 1280.0, 700.0];
        merge(
            &camera,
            &views,
            &[sighting(0, small, 0.9), sighting(0, large, 0.8)],
        )
        .len()
    };
    assert_eq!((within(190.0), within(210.0)), (2, 1));
    let broken = merge(&camera, &views, &[sighting(0, [f64::NAN; 4], 0.9)]);
    assert_eq!(broken[0].bounds.map(pixel), [0, 0, 1280, 1280]);
}
