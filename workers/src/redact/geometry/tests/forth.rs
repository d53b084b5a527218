//! From the picture to the views: cameras, layouts, rendering.

use image::{Rgb, RgbImage};
use proptest::prelude::*;

use super::super::render::{Map, Round, Spot};
use super::super::view::Frame;
use super::super::{
    Camera, GeometryError, Layout, Panorama, Pyramid, Rotation, Vec3, View, render,
};
use super::support::{Dice, cropped, depth, fibonacci, fisheye, pinhole, tilted, views, whole};

fn assert_round_trip(camera: &Camera, x: f64, y: f64) {
    let Some(ray) = camera.ray(x, y) else { return };
    assert!((ray.norm() - 1.0).abs() < 1e-12);
    let (back_x, back_y) = camera.project(ray).unwrap();
    let mut apart = (back_x - x).abs();
    if camera.wraps() {
        let width = f64::from(camera.size().0);
        apart = apart.min((apart - width).abs());
    }
    assert!(
        apart < 1e-6 && (back_y - y).abs() < 1e-6,
        "({x}, {y}) became ({back_x}, {back_y})"
    );
}

proptest! {
    #[test]
    fn points_survive_the_round_trip(across in 0.0..=1.0_f64, along in 1e-6..0.999_999_f64) {
        for camera in [pinhole(), fisheye(), Camera::equirect(5760, 2880), cropped(), tilted()] {
            camera.check().unwrap();
            let (width, height) = camera.size();
            assert_round_trip(&camera, across * f64::from(width), along * f64::from(height));
        }
    }

    #[test]
    fn views_survive_the_round_trip(
        (yaw, pitch, roll) in (-180.0..180.0_f64, -90.0..=90.0_f64, -180.0..180.0_f64),
        (u, v) in (0.0..640.0_f64, 0.0..480.0_f64),
    ) {
        let camera = tilted();
        let (fov_x, fov_y, out_width, out_height) = (90.0, 70.0, 640, 480);
        let view = View::Perspective { yaw, pitch, roll, fov_x, fov_y, out_width, out_height };
        let point = view.to_picture(&camera, (u, v)).unwrap();
        let (back_u, back_v) = view.to_view(&camera, point).unwrap();
        prop_assert!((back_u - u).abs() < 1e-6 && (back_v - v).abs() < 1e-6);
        let (yaw_back, pitch_back, roll_back) = Rotation::from_angles(yaw, pitch, roll).angles();
        let again = Rotation::from_angles(yaw_back, pitch_back, roll_back);
        let ahead = Vec3::new(0.3, 0.2, 1.0);
        let before = Rotation::from_angles(yaw, pitch, roll).apply(ahead);
        prop_assert!(before.angle_to(again.apply(ahead)) < 1e-9);
    }

    #[test]
    fn any_cap_of_10_degrees_lies_whole_in_a_view(seed: u64) {
        let direction = Dice(seed).direction();
        let camera = Camera::equirect(5760, 2880);
        let best = views("sphere-22", &camera).iter().map(|view| depth(view, direction)).fold(0.0, f64::max);
        prop_assert!(best >= 10.0, "only {best}° at {:?}", direction.angles());
    }
}

#[test]
fn poles_and_seam_are_where_they_belong() {
    let camera = Camera::equirect(4000, 2000);
    let near = |a: Vec3, b: Vec3| assert!(a.angle_to(b) < 1e-9, "{a:?} is not {b:?}");
    near(
        camera.ray(2000.0, 1000.0).unwrap(),
        Vec3::new(0.0, 0.0, 1.0),
    );
    near(
        camera.ray(3000.0, 1000.0).unwrap(),
        Vec3::new(1.0, 0.0, 0.0),
    );
    near(camera.ray(1234.0, 0.0).unwrap(), Vec3::new(0.0, -1.0, 0.0));
    near(camera.ray(77.0, 2000.0).unwrap(), Vec3::new(0.0, 1.0, 0.0));
    near(
        camera.ray(0.0, 1000.0).unwrap(),
        camera.ray(4000.0, 1000.0).unwrap(),
    );
    assert!(camera.ray(0.0, -1.0).is_none());
    assert!(pinhole().project(Vec3::new(0.0, 0.0, -1.0)).is_none());
    assert!(fisheye().project(Vec3::new(0.0, 0.1, -1.0)).is_none());
    assert!(fisheye().ray(0.0, 0.0).is_none());
    // the horizon turns counterclockwise in the picture as the roll grows: it rises to the right
    let level = Camera::panorama(2000, 1000, &full(2000, 1000, 20.0)).unwrap();
    let (_, right) = level.project(Vec3::from_angles(60.0, 0.0)).unwrap();
    assert!(right < 500.0);
}

fn full(width: u32, height: u32, roll: f64) -> Panorama {
    Panorama {
        full_width: width,
        full_height: height,
        width,
        height,
        roll,
        ..Panorama::default()
    }
}

#[test]
fn wrong_numbers_are_typed_errors() {
    let said = |full_width, full_height, width, height, left, top| Panorama {
        full_width,
        full_height,
        width,
        height,
        left,
        top,
        ..Panorama::default()
    };
    let of = |said: Panorama| Camera::panorama(1000, 500, &said);
    let error = of(said(800, 400, 1000, 500, 0, 0)).unwrap_err();
    assert!(matches!(
        error,
        GeometryError::PanoramaCrop {
            full_width: 800,
            width: 1000,
            ..
        }
    ));
    let error = of(said(2000, 1000, 1000, 500, 1001, 0)).unwrap_err();
    assert!(matches!(
        error,
        GeometryError::PanoramaCrop { left: 1001, .. }
    ));
    let error = of(said(2000, 1000, 1000, 500, u32::MAX, 0)).unwrap_err();
    assert!(matches!(error, GeometryError::PanoramaCrop { .. }));
    let error = of(said(0, 0, 1000, 500, 0, 0)).unwrap_err();
    assert!(matches!(
        error,
        GeometryError::PanoramaRatio { full_width: 0, .. }
    ));
    let error = of(said(2000, 900, 1000, 500, 0, 0)).unwrap_err();
    assert!(matches!(
        error,
        GeometryError::PanoramaRatio {
            full_height: 900,
            ..
        }
    ));
    let error = of(said(2000, 1000, 0, 0, 0, 0)).unwrap_err();
    assert!(matches!(error, GeometryError::EmptyPicture { .. }));
    let error = of(said(2000, 1000, 1000, 600, 0, 0)).unwrap_err();
    assert!(matches!(
        error,
        GeometryError::PanoramaSize {
            height: 500,
            said_height: 600,
            ..
        }
    ));
    let error = of(Panorama {
        pitch: f64::NAN,
        ..full(1000, 500, 0.0)
    })
    .unwrap_err();
    assert!(matches!(error, GeometryError::Lens { .. }));
    assert!(Camera::equirect(1000, 600).check().is_err());
    // resized since: the numbers follow
    let half = of(said(4000, 2000, 2000, 1000, 600, 300)).unwrap();
    assert!(matches!(
        half,
        Camera::Equirect {
            full_width: 2000,
            left: 300,
            top: 150,
            ..
        }
    ));
    let (width, height, f, cx, cy) = (100, 100, 50.0, 50.0, 50.0);
    let k = [-0.5, 0.0, 0.0, 0.0];
    let folded = Camera::Fisheye {
        width,
        height,
        f,
        cx,
        cy,
        k,
        max_theta: 1.5,
    };
    assert!(matches!(
        folded.check(),
        Err(GeometryError::FoldedLens { .. })
    ));
}

#[test]
fn layouts_are_data() {
    let camera = Camera::equirect(5760, 2880);
    for name in Layout::names() {
        assert_eq!(Layout::named(name).unwrap().name, name);
        assert!(!views(name, &camera).is_empty());
    }
    assert_eq!(views("sphere-22", &camera).len(), 22);
    assert_eq!(views("sphere", &camera).len(), 28);
    assert!(matches!(
        Layout::named("cube"),
        Err(GeometryError::UnknownLayout { .. })
    ));
    assert!(matches!(
        Layout::parse("name = 3"),
        Err(GeometryError::LayoutSyntax(_))
    ));
    let text = "name = \"x\"\n[[tiers]]\nkind = \"rows\"\nfov = 190\nside = 64\nrows = [{ pitch = 0, count = 1 }]";
    assert!(matches!(
        Layout::parse(text),
        Err(GeometryError::LayoutValue { .. })
    ));
    assert!(Layout::parse(&text.replace("190", "90")).is_ok());
    assert!(Layout::parse(&text.replace("190", "90").replace("side", "sides")).is_err());
    assert!(Layout::parse(&text.replace("fov = 190\nside = 64", "fov = 90")).is_err());
    assert!(Layout::parse(&text.replace("count = 1", "count = 0").replace("190", "90")).is_err());
    let dense = text.replace("side = 64", "pixels_per_degree = 100");
    assert!(Layout::parse(&dense.replace("190", "90")).is_ok());
    assert!(Layout::parse(&dense.replace("190", "150")).is_err());
    let more = |included: &str| {
        let head = format!("name = \"x\"\ninclude = [{included:?}]");
        Layout::parse(&text.replace("190", "90").replace("name = \"x\"", &head))
    };
    assert_eq!(more("sphere-22").unwrap().views(&camera).unwrap().len(), 23);
    assert!(matches!(
        more("x"),
        Err(GeometryError::UnknownLayout { .. })
    ));
}

#[test]
fn sphere_22_and_the_fine_tiers_cover_the_sphere() {
    let camera = Camera::equirect(5760, 2880);
    let worst = |views: &[View]| {
        let best = |it| {
            views
                .iter()
                .map(|view| depth(view, it))
                .fold(f64::MIN, f64::max)
        };
        fibonacci(20_000).map(best).fold(f64::MAX, f64::min)
    };
    let margin = worst(&views("sphere-22", &camera));
    assert!(margin >= 10.0, "{margin}");
    assert!(worst(&views("sphere-coarse", &camera)) > 9.0);
    for width in [2048, 5760, 11008] {
        let camera = Camera::equirect(width, width / 2);
        let fine = views("sphere-fine", &camera);
        let View::Perspective { fov_x, .. } = fine[0] else {
            panic!("a crop")
        };
        let margin = worst(&fine);
        assert!(margin >= 0.1 * fov_x, "{width}: {margin} of {fov_x}");
    }
}

#[test]
fn layouts_leave_out_what_the_camera_does_not_see() {
    assert!(views("sphere-22", &cropped()).len() < 22);
    let seen = views("fisheye", &fisheye());
    assert!((10..28).contains(&seen.len()), "{}", seen.len());
    for x in 0..160 {
        for y in 0..160 {
            if let Some(ray) = fisheye().ray(f64::from(x) * 10.0, f64::from(y) * 10.0) {
                assert!(seen.iter().any(|view| depth(view, ray) > 0.0));
            }
        }
    }
}

#[test]
fn tiles_cover_large_pictures_with_overlap() {
    let starts = |camera: &Camera| {
        let tiles = views("planar", camera);
        let of = |view: &View| match *view {
            View::Crop {
                x,
                y,
                width,
                height,
                ..
            } => (x, y, width, height),
            View::Perspective { .. } => panic!("a perspective view"),
        };
        tiles.iter().map(of).collect::<Vec<_>>()
    };
    let small = starts(&Camera::planar(320, 240));
    assert_eq!(small, [(0.0, 0.0, 320.0, 240.0)]);
    let tiles = starts(&Camera::planar(4032, 3024));
    assert_eq!(tiles[0], (0.0, 0.0, 4032.0, 3024.0));
    // The second and third are the whole once more, smaller.
    let mut columns: Vec<f64> = tiles[3..].iter().map(|tile| tile.0).collect();
    columns.sort_by(f64::total_cmp);
    columns.dedup();
    // Three tiles of at most 1920 pixels that have 257 or more in common, and no longer than that takes.
    let width = tiles[3].2;
    assert_eq!(columns.len(), 3);
    assert!((1500.0..1550.0).contains(&width), "{width}");
    let steps = columns.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(steps.into_iter().all(|step| step <= width - 257.0));
    assert_eq!(columns.last().copied(), Some(4032.0 - width));
    let one = starts(&Camera::planar(1920, 1080))[3];
    assert_eq!(one, (0.0, 0.0, 1920.0, 1080.0));
    let camera = Camera::planar(4032, 3024);
    assert_eq!(views("planar", &camera)[0].size(), (1280, 960));
    assert_eq!(whole(640, &camera).size(), (640, 480));
    assert_eq!(views("whole", &camera)[0].size(), (4032, 3024));
}

/// A smooth picture whose left edge continues at its right one and that is calm towards the poles, as
/// pictures of the world are, with blocks of detail.
fn scene(camera: &Camera) -> RgbImage {
    let (width, height) = camera.size();
    RgbImage::from_fn(width, height, |x, y| {
        let Some(Vec3 { x, y, z }) = camera.ray(f64::from(x) + 0.5, f64::from(y) + 0.5) else {
            return Rgb([0; 3]);
        };
        let wave = |phase: f64| 127.5 + 127.5 * phase.sin();
        let checks = f64::from(u8::from(
            (x * 7.0).sin() * (y * 9.0).sin() * (z * 8.0).sin() > 0.0,
        ));
        let colour = [
            wave(23.0 * x + 5.0 * z),
            40.0 + 170.0 * checks,
            wave(50.0 * y * z + 3.0 * x),
        ];
        Rgb(colour
            .map(super::super::cast::narrow)
            .map(super::super::cast::byte))
    })
}

/// The view by 8×8 samples of the nearest pixel: slow, simple, and nothing shared with the renderer.
fn supersampled(picture: &RgbImage, camera: &Camera, view: &View) -> RgbImage {
    let (width, height) = view.size();
    RgbImage::from_fn(width, height, |column, row| {
        let mut sum = [0_u32; 3];
        for step in 0..64_u32 {
            let u = f64::from(column) + (f64::from(step % 8) + 0.5) / 8.0;
            let v = f64::from(row) + (f64::from(step / 8) + 0.5) / 8.0;
            let point = view.to_picture(camera, (u, v));
            if let Some((x, y)) = point.filter(|(x, y)| camera.contains(*x, *y)) {
                let (x, y) = (super::super::cast::pixel(x), super::super::cast::pixel(y));
                let pixel =
                    picture.get_pixel(x.min(picture.width() - 1), y.min(picture.height() - 1));
                for (sum, value) in sum.iter_mut().zip(pixel.0) {
                    *sum += u32::from(value);
                }
            }
        }
        Rgb(sum.map(|sum| u8::try_from((sum + 32) / 64).unwrap()))
    })
}

fn mean_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: f64 = a
        .iter()
        .zip(b.iter())
        .map(|(a, b)| f64::from(a.abs_diff(*b)))
        .sum();
    sum / f64::from(a.width() * a.height() * 3)
}

#[test]
fn views_look_as_a_slow_renderer_draws_them() {
    let cameras = [
        Camera::equirect(1600, 800),
        tilted(),
        cropped(),
        fisheye(),
        pinhole(),
        Camera::equirect(1201, 601),
    ];
    for camera in cameras {
        let picture = scene(&camera);
        let pyramid = Pyramid::new(&picture);
        for (yaw, pitch, side) in [
            (0.0, 0.0, 200),
            (180.0, 20.0, 97),
            (15.0, 90.0, 150),
            (-30.0, -60.0, 80),
        ] {
            let (out_width, out_height) = (side, side * 3 / 4);
            let view = View::Perspective {
                yaw,
                pitch,
                roll: 10.0,
                fov_x: 75.0,
                fov_y: 60.0,
                out_width,
                out_height,
            };
            let drawn = pyramid.render(&camera, &view);
            let apart = mean_difference(&drawn, &supersampled(&picture, &camera, &view));
            assert!(apart < 1.5, "{camera:?} {view:?}: {apart}");
        }
        let whole = whole(300, &camera);
        let apart = mean_difference(
            &pyramid.render(&camera, &whole),
            &supersampled(&picture, &camera, &whole),
        );
        assert!(apart < 1.5, "{camera:?}: {apart}");
    }
}

#[test]
fn a_constant_picture_renders_constant() {
    for width in [1024, 1023, 130] {
        let camera = Camera::equirect(width, width.div_ceil(2));
        let picture = RgbImage::from_pixel(width, width.div_ceil(2), Rgb([201, 3, 255]));
        let pyramid = Pyramid::new(&picture);
        for view in views("sphere", &camera)
            .iter()
            .chain(&views("whole", &camera))
        {
            assert!(
                pyramid
                    .render(&camera, view)
                    .pixels()
                    .all(|pixel| pixel.0 == [201, 3, 255])
            );
        }
    }
}

#[test]
fn outside_the_picture_is_black_and_unscaled_crops_are_copies() {
    let camera = cropped();
    let picture = RgbImage::from_pixel(900, 400, Rgb([200; 3]));
    for view in views("sphere-22", &camera) {
        let drawn = render(&picture, &camera, &view);
        let (mut black, mut bright) = (0, 0);
        for (u, v, pixel) in drawn.enumerate_pixels() {
            let point = view.to_picture(&camera, (f64::from(u) + 0.5, f64::from(v) + 0.5));
            let inside = point.is_some_and(|(x, y)| camera.contains(x, y));
            black += u32::from(!inside && pixel.0 == [0; 3]);
            bright += u32::from(inside && pixel.0 == [200; 3]);
        }
        assert!(black + bright + 20 >= 640 * 640, "{black} {bright}");
    }
    let picture = scene(&pinhole());
    let (x, y, width, height, out_width, out_height) = (100.0, 50.0, 320.0, 200.0, 320, 200);
    let crop = View::Crop {
        x,
        y,
        width,
        height,
        out_width,
        out_height,
    };
    let copy = image::imageops::crop_imm(&picture, 100, 50, 320, 200).to_image();
    assert_eq!(render(&picture, &pinhole(), &crop), copy);
    let off = View::Crop {
        x: 1800.0,
        y,
        width,
        height,
        out_width,
        out_height,
    };
    let drawn = render(&picture, &pinhole(), &off);
    assert_eq!(drawn.get_pixel(119, 7), picture.get_pixel(1919, 57));
    assert_eq!(drawn.get_pixel(120, 7).0, [0; 3]);
}

#[test]
fn the_fast_map_of_panoramas_is_true_to_thousandths_of_a_pixel() {
    for camera in [
        Camera::equirect(5760, 2880),
        Camera::equirect(11008, 5504),
        tilted(),
    ] {
        let width = f64::from(camera.size().0);
        let most = if width > 8192.0 { 2e-3 } else { 1e-3 };
        for view in views("sphere", &camera) {
            let Frame::Sphere(plane) = view.frame() else {
                panic!("a crop")
            };
            let map = Round::new(&camera, &plane);
            let mut spots = vec![Spot::OUTSIDE; 640];
            for row in (0..640).step_by(53) {
                map.row(row, &mut spots);
                for (column, spot) in (0_u32..).zip(&spots) {
                    let ray = plane.direction(f64::from(column) + 0.5, f64::from(row) + 0.5);
                    let (x, y) = camera.project(ray).unwrap();
                    let apart = (f64::from(spot.x) - x).abs();
                    // columns crowd together towards the poles
                    let across =
                        apart.min(width - apart) * camera.pose().undo(ray.unit()).y.acos().sin();
                    assert!(across < most, "{view:?} {across}");
                    assert!((f64::from(spot.y) - y).abs() < most, "{view:?} {y}");
                }
            }
        }
    }
}
