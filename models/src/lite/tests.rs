//! Tests that need weights; see `crate::testing` for their source.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::kind::ErrorKind;
use crate::testing::{cosine, material, model_store, store_with};
use crate::{EncoderOptions, open_image_encoder, open_text_encoder};

fn pictures_in(folder: &Path) -> Vec<(String, RgbImage)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        // This crate's picture reader does not support PPM.
        .filter(|path| path.extension().is_some_and(|extension| extension != "ppm"))
        .map(|path| {
            (
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                image::open(&path).unwrap().into_rgb8(),
            )
        })
        .collect()
}

#[test]
fn pictures_of_any_size_become_unit_vectors_and_none_an_empty_answer() {
    let Some(store) = model_store() else { return };
    let encoder = open_image_encoder(&store, "lite", &EncoderOptions::threads(2)).unwrap();
    assert_eq!(encoder.space(), &crate::space_of(&store, "lite").unwrap());
    let pictures = [(1, 1), (20_000, 10), (10, 2_000), (640, 360)]
        .map(|(w, h)| RgbImage::from_pixel(w, h, image::Rgb([200, 80, 30])));
    for vector in encoder.encode_pictures(&pictures).unwrap() {
        assert_eq!(vector.len(), encoder.space().dims);
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-4);
    }
    assert!(encoder.encode_pictures(&[]).unwrap().is_empty());
    let error = encoder.encode_pictures(&[RgbImage::new(0, 7)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "any colours will do")]
fn a_picture_has_the_same_vector_alone_and_in_a_batch() {
    let Some(store) = model_store() else { return };
    let encoder = open_image_encoder(&store, "lite", &EncoderOptions::threads(2)).unwrap();
    let pictures: Vec<_> = (0..BATCH as u32 + 3)
        .map(|i| {
            RgbImage::from_fn(300, 200 + i, |x, y| {
                image::Rgb([(x * (i + 1)) as u8, y as u8, (x ^ y) as u8])
            })
        })
        .collect();
    let together = encoder.encode_pictures(&pictures).unwrap();
    for (picture, vector) in pictures.iter().zip(&together) {
        let alone = &encoder
            .encode_pictures(std::slice::from_ref(picture))
            .unwrap()[0];
        assert!(cosine(alone, vector) > 0.99999);
    }
}

#[test]
fn damaged_class_vectors_are_computed_again() {
    let Some(store) = model_store() else { return };
    let manifest = store.manifests().get("lite").unwrap();
    let parameters = manifest.conse().unwrap();
    let open = |store: &ModelStore| {
        ClassVectors::open(store, manifest, parameters, || {
            MiniLm::open(store, &parameters.text)
        })
        .unwrap()
    };
    let sound = open(&store);
    // A second store that borrows the installed files, so that other tests keep their class vectors.
    let root = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(store.root().join("minilm"), root.path().join("minilm")).unwrap();
    let copy = ModelStore::new(root.path().to_owned());
    assert_eq!(open(&copy), sound);
    let derived = copy.derived_path(manifest, "");
    let kept = fs::read_dir(&derived)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::write(&kept, b"damaged").unwrap();
    assert_eq!(open(&copy), sound);
    assert_eq!(
        fs::read(&kept).unwrap().len(),
        CLASSES * parameters.dims * 4 + 64
    );
}

#[test]
fn the_words_of_a_file_name_find_its_picture() {
    let (Some(store), Some(material)) = (model_store(), material()) else {
        return;
    };
    let pictures = pictures_in(&material.join("labelled/rclip_images"));
    let (names, pictures): (Vec<_>, Vec<_>) = pictures.into_iter().unzip();
    let images = open_image_encoder(&store, "lite", &EncoderOptions::threads(2))
        .unwrap()
        .encode_pictures(&pictures)
        .unwrap();
    let text = open_text_encoder(&store, "lite", &EncoderOptions::threads(2)).unwrap();
    let found_first = |query: &str| {
        let vector = &text.encode(&[query]).unwrap()[0];
        let best = (0..images.len())
            .max_by(|&a, &b| cosine(&images[a], vector).total_cmp(&cosine(&images[b], vector)));
        names[best.unwrap()].clone()
    };
    assert_eq!(found_first("a bee"), "bee");
    assert_eq!(found_first("boats on a lake"), "boats on a lake");
    assert!(found_first("camera").starts_with("camera"));
}

#[test]
fn most_photographs_are_given_their_class() {
    let (Some(store), Some(material)) = (model_store(), material()) else {
        return;
    };
    let probe = LiteProbe::open(&store, 2).unwrap();
    let table = include_str!("imagenet_classes.tsv");
    let class_of = |wordnet: &str| {
        table
            .lines()
            .position(|line| line.split('\t').nth(1) == Some(wordnet))
            .unwrap()
    };
    let samples = pictures_in(&material.join("labelled/imagenet_samples"));
    let (names, pictures): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
    let logits = probe.logits(&pictures).unwrap();
    let right = names
        .iter()
        .zip(logits.chunks_exact(CLASSES))
        .filter(|(name, logits)| {
            let best = (0..CLASSES)
                .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
                .unwrap();
            best == class_of(name.split('_').next().unwrap())
        });
    let right = right.count();
    // The original network, run by PyTorch on pictures read by Pillow, gets 217.
    assert!((214..=220).contains(&right), "{right} of {}", names.len());
}

/// Mean reciprocal rank of the first right photograph of the held-out scene queries.
fn reciprocal_rank(
    store: &ModelStore,
    model: &str,
    names: &[String],
    pictures: &[RgbImage],
) -> f32 {
    let options = EncoderOptions::threads(2);
    let images = open_image_encoder(store, model, &options).unwrap();
    let images = images.encode_pictures(pictures).unwrap();
    let texts = open_text_encoder(store, model, &options).unwrap();
    let queries = include_str!("../../../benches/sight/queries.tsv");
    let (mut sum, mut count) = (0.0, 0.0);
    for line in queries.lines().filter(|line| !line.starts_with('#')) {
        let [query, half, right] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line:?} has not three fields");
        };
        let right: Vec<&str> = right
            .split('|')
            .filter_map(|name| name.strip_suffix(".JPEG"))
            .collect();
        if half != "held" || right.is_empty() {
            continue;
        }
        let text = &texts.encode(&[query]).unwrap()[0];
        let mut order: Vec<usize> = (0..images.len()).collect();
        order.sort_by(|&a, &b| cosine(&images[b], text).total_cmp(&cosine(&images[a], text)));
        let rank = order
            .iter()
            .position(|&at| right.contains(&names[at].as_str()));
        #[expect(clippy::cast_precision_loss, reason = "ranks are small")]
        let rank = (rank.unwrap() + 1) as f32;
        sum += rank.recip();
        count += 1.0;
    }
    assert!(count > 30.0, "{count} queries");
    sum / count
}

#[test]
fn scenes_are_found_earlier_by_the_model_for_them() {
    let (Some(store), Some(material)) = (store_with("scenes"), material()) else {
        return;
    };
    let samples = pictures_in(&material.join("labelled/imagenet_samples"));
    let (names, pictures): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
    let lite = reciprocal_rank(&store, "lite", &names, &pictures);
    let scenes = reciprocal_rank(&store, "scenes", &names, &pictures);
    assert!(scenes > 1.15 * lite, "{scenes} against {lite}");
    assert!(scenes > 0.7, "{scenes}");
}
