//! Does a search say that something is not there?
//!
//! `cargo bench --bench cutoff`. 250 photographs with one class each (`RUSHES_MATERIAL/labelled`) are indexed with
//! `lite`. The names of their classes should keep the right photograph on a page that is not weak; the names of the
//! other ImageNet classes should get a weak page. Every other class chose the calibration, and the rest is tested.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its table"
)]

#[path = "../search/catalogue.rs"]
mod catalogue;

use std::path::{Path, PathBuf};

use rushes::catalog::Catalog;
use rushes::index::{Follower, Index};
use rushes::search::{LIKELY, confidence};
use rushes_models::{
    EncoderOptions, ModelStore, TextEncoder, open_image_encoder, open_text_encoder,
};

use catalogue::{SHOTS, SPACE, fill};

/// Hits on a page.
const PAGE: usize = 20;
/// A class whose name is closer to that of a class that is there has near matches, and is not simply absent.
const UNRELATED: [f32; 3] = [0.5, 0.6, 2.0];
const CLASSES: &str = include_str!("../../models/src/lite/imagenet_classes.tsv");

fn main() {
    let Some(material) = std::env::var_os("RUSHES_MATERIAL") else {
        println!("set RUSHES_MATERIAL to a folder with labelled/imagenet_samples");
        return;
    };
    let models =
        std::env::var_os("RUSHES_MODELS").expect("set RUSHES_MODELS to a folder with lite");
    let store = ModelStore::open(models.into()).unwrap();
    let options = EncoderOptions::threads(2);
    let pictures = pictures(&Path::new(&material).join("labelled/imagenet_samples"));
    let encoder = open_image_encoder(&store, "lite", &options).unwrap();
    let vectors: Vec<Vec<f32>> = pictures
        .iter()
        .map(|(path, _)| {
            let picture = image::open(path).unwrap().to_rgb8();
            encoder.encode_pictures(&[picture]).unwrap().remove(0)
        })
        .collect();
    let texts = open_text_encoder(&store, "lite", &options).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let index = runtime.block_on(async {
        let catalog = Catalog::open(&folder.path().join("catalog.db"))
            .await
            .unwrap();
        let rows = vectors.iter().cloned();
        let assets = fill("video", &catalog, rows).await;
        let mut follower = Follower::open(&folder.path().join("index"), catalog).unwrap();
        follower.catch_up().await.unwrap();
        follower.publish().await.unwrap();
        (Index::open(&folder.path().join("index")).unwrap(), assets)
    });
    let (index, assets) = index;
    let row = |near: &rushes::index::Near| {
        let asset = assets
            .iter()
            .position(|asset| *asset == near.shot.asset)
            .unwrap();
        asset * SHOTS + near.ordinal as usize
    };

    let (mut present, mut found, mut kept) = (0, 0, 0);
    for (at, (_, class)) in pictures.iter().enumerate().skip(1).step_by(2) {
        let (near, likely) = page(&index, texts.as_ref(), class);
        let is_found = near.iter().any(|near| row(near) == at);
        present += 1;
        found += usize::from(is_found);
        kept += usize::from(is_found && likely);
    }
    println!(
        "classes that are there: the right photograph is on {found} of {present} pages; {kept} of them ({:.1} %) are not weak (wanted: 95 %)",
        100.0 * kept as f32 / found as f32
    );

    let names: Vec<&str> = CLASSES
        .lines()
        .filter_map(|line| line.split('\t').nth(2))
        .collect();
    let there: Vec<Vec<f32>> = pictures
        .iter()
        .map(|(_, class)| vector(texts.as_ref(), class))
        .collect();
    let absent = names.iter().filter(|name| {
        pictures
            .iter()
            .all(|(_, class)| !class.eq_ignore_ascii_case(name))
    });
    let tested: Vec<(f32, bool)> = absent
        .skip(1)
        .step_by(2)
        .map(|name| {
            let query = vector(texts.as_ref(), name);
            let closest = there
                .iter()
                .map(|class| dot(&query, class))
                .fold(-1.0, f32::max);
            (closest, page(&index, texts.as_ref(), name).1)
        })
        .collect();
    for limit in UNRELATED {
        let of: Vec<bool> = tested
            .iter()
            .filter(|(near, _)| *near < limit)
            .map(|(_, likely)| *likely)
            .collect();
        let weak = of.iter().filter(|likely| !**likely).count();
        println!(
            "classes that are not there, whose names are closer than {limit} to none that is: {weak} of {} pages are weak ({:.1} %, wanted: 90 %)",
            of.len(),
            100.0 * weak as f32 / of.len() as f32
        );
    }
}

/// The photographs and their classes.
fn pictures(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut pictures: Vec<(PathBuf, String)> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let class = name.split_once('_').unwrap().1.replace('_', " ");
            (path, class)
        })
        .collect();
    pictures.sort();
    pictures
}

fn vector(encoder: &dyn TextEncoder, text: &str) -> Vec<f32> {
    encoder.encode(&[text]).unwrap().remove(0)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The hits for a text, and whether the best is likely.
fn page(index: &Index, encoder: &dyn TextEncoder, text: &str) -> (Vec<rushes::index::Near>, bool) {
    let query = vector(encoder, text);
    let (near, _) = index.nearest(SPACE, &query, PAGE, None);
    let background = index.background(SPACE, &query, None).unwrap();
    let likely = confidence("lite", &background, near[0].similarity) >= LIKELY;
    (near, likely)
}
