//! The detector of plates that is compiled into this program.

use image::{Rgb, RgbImage};

use super::tests::annotated_plates;
use super::*;
use crate::kind::ErrorKind;
use crate::testing::{material, store_with};

/// The picture of `models/plates/golden.py`.
fn board() -> RgbImage {
    RgbImage::from_fn(224, 160, |x, y| {
        let panel = (40..184).contains(&x) && (50..116).contains(&y);
        let plate = (64..160).contains(&x) && (72..96).contains(&y);
        let bar = (68..157).contains(&x) && (76..92).contains(&y) && (x - 68) % 13 < 5;
        let grey = match (bar, plate, panel) {
            (true, ..) => 25,
            (_, true, _) => 225,
            (_, _, true) => 35,
            _ => u8::try_from(60 + (x + 2 * y) / 6).unwrap(),
        };
        Rgb([grey; 3])
    })
}

fn opened(store: &ModelStore, weights: Option<&Path>) -> Result<Detector, ModelError> {
    let options = DetectorOptions {
        threads: 2,
        weights,
        precision: Some(Precision::F32),
    };
    Detector::open(store, "plates", options)
}

#[test]
fn the_network_finds_what_it_found_when_it_was_made() {
    let Some(store) = store_with("plates") else {
        return;
    };
    let golden: Vec<[f32; 5]> =
        serde_json::from_str(include_str!("../../plates/golden.json")).unwrap();
    let found = opened(&store, None)
        .unwrap()
        .detect(&[board()], 0.05)
        .unwrap()
        .remove(0);
    assert!(!found.is_empty());
    for detection in &found {
        let [left, top, right, bottom] = detection.rect;
        let near = golden.iter().any(|row| {
            let values = [detection.score, left, top, right, bottom];
            row.iter()
                .zip(values)
                .all(|(a, b)| (a - b).abs() < 0.02 * a.abs().max(1.0))
        });
        assert!(near, "{detection:?} is not in {golden:?}");
    }
    assert!((found[0].score - golden[0][0]).abs() < 0.01);
    assert!(overlap(found[0].rect, [64.0, 72.0, 160.0, 96.0]) > 0.7);
}

#[test]
fn plates_of_photographs_are_found() {
    let Some((store, material)) = store_with("plates").zip(material()) else {
        return;
    };
    let mut detector = opened(&store, None).unwrap();
    let threshold = detector.default_threshold();
    let (mut plates, mut found, mut spurious) = (0_u32, 0_u32, 0_usize);
    for (picture, truth) in annotated_plates(&material) {
        let boxes = detector.detect(&[picture], threshold).unwrap().remove(0);
        plates += 1;
        found += u32::from(boxes.iter().any(|b| overlap(b.rect, truth) >= 0.5));
        spurious += boxes
            .iter()
            .filter(|b| overlap(b.rect, truth) < 0.1)
            .count();
    }
    assert_eq!(plates, 108);
    assert!(found >= 103, "{found} of {plates}");
    assert!(spurious <= 16, "{spurious} beside {plates}");
}

#[test]
fn weights_that_are_damaged_are_refused() {
    let Some(store) = store_with("plates") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let manifest = store.manifests().get("plates").unwrap();
    let whole = std::fs::read(store.file(manifest, "plates.onnx").unwrap()).unwrap();
    let variant = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let cut = variant("cut.onnx", &whole[..whole.len() / 2]);
    assert_eq!(
        opened(&store, Some(&cut)).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    // A weight that is not a number spreads to the scores, and is no empty answer.
    let mut spoilt = whole.clone();
    let middle = spoilt.len() / 2;
    spoilt[middle..middle + 64].copy_from_slice(&f32::NAN.to_le_bytes().repeat(16));
    let spoilt = variant("spoilt.onnx", &spoilt);
    let error = opened(&store, Some(&spoilt))
        .and_then(|mut detector| detector.detect(&[board()], 0.3))
        .unwrap_err();
    assert!(error.to_string().contains("plates"), "{error}");
    // Weights of another network.
    let Some(material) = material() else { return };
    let other = material.join("weights/yunet_s_dynamic.onnx");
    let error = opened(&store, Some(&other))
        .and_then(|mut detector| detector.detect(&[board()], 0.3))
        .unwrap_err();
    assert!(error.to_string().contains("plates"), "{error}");
}
