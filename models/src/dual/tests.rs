//! Compares the dual encoders with the reference implementations. `fixtures/make.py` describes how the golden
//! files were made.

#![expect(clippy::print_stdout, reason = "tests say what they measured")]

use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::Deserialize;

use crate::testing::cosine;
use crate::{
    Backend, EncoderOptions, ErrorKind, ImageEncoder, Manifest, ManifestSet, ModelError,
    ModelStore, PullOptions, TextEncoder, open_image_encoder, open_text_encoder, pull, testing,
};

mod refused;

const FIXTURES: [(&str, usize); 5] = [
    ("clip", 24),
    ("siglip", 16),
    ("siglip2", 16),
    ("open-clip", 24),
    ("pe-core", 24),
];

#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    ids: Vec<Vec<u32>>,
    text_vectors: Vec<Vec<f32>>,
    pictures: Vec<String>,
    picture_vectors: Vec<Vec<f32>>,
}

fn folder() -> PathBuf {
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&crate_folder).join("fixtures")
}

/// A fixture pulled into its own store, as from a snapshot of the hub.
struct Fixture {
    store: ModelStore,
    golden: Golden,
    name: &'static str,
    /// Removed when the fixture is dropped.
    _root: tempfile::TempDir,
}

impl Fixture {
    fn new(name: &'static str, dims: usize) -> Self {
        Self::of(name, dims, &folder())
    }

    /// From `snapshot/<name>` instead of the committed files.
    fn of(name: &'static str, dims: usize, snapshot: &Path) -> Self {
        let mut files = String::new();
        for entry in std::fs::read_dir(snapshot.join(name)).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            if !file.ends_with(".png") && file != "golden.json" {
                files += &format!(
                    "[[files]]\nname = '{file}'\nsources = [{{ from = 'hf', repo = '{name}', revision = 'main', path = '{file}' }}]\n"
                );
            }
        }
        let manifest = format!(
            "id = '{name}'\nrevision = 'test'\nkind = 'text-to-shot'\nlicence = 'MIT'\ndescription = 'tiny'\n{files}\n\
             [parameters]\narchitecture = 'dual-encoder'\ndims = {dims}\n"
        );
        let mut manifests = ManifestSet::built_in();
        manifests.insert(Manifest::parse(name, &manifest).unwrap());
        let root = tempfile::tempdir().unwrap();
        // This store uses the runtimes that are installed on this machine.
        if let Some(pulled) = testing::model_store() {
            for runtime in ["onnxruntime", "onnxruntime-openvino"] {
                let there = pulled.root().join(runtime);
                if there.is_dir() {
                    std::os::unix::fs::symlink(there, root.path().join(runtime)).unwrap();
                }
            }
        }
        let store = ModelStore::with_manifests(root.path().to_owned(), manifests);
        let options = PullOptions {
            offline_dir: Some(snapshot.to_owned()),
            ..PullOptions::default()
        };
        pull(&store, name, &options, &()).unwrap();
        let golden = std::fs::read(folder().join(name).join("golden.json")).unwrap();
        Self {
            store,
            golden: serde_json::from_slice(&golden).unwrap(),
            name,
            _root: root,
        }
    }

    fn images(&self, backend: Backend) -> Result<Box<dyn ImageEncoder>, ModelError> {
        open_image_encoder(&self.store, self.name, &options(backend))
    }

    fn texts(&self, backend: Backend) -> Result<Box<dyn TextEncoder>, ModelError> {
        open_text_encoder(&self.store, self.name, &options(backend))
    }

    fn pictures(&self) -> Vec<RgbImage> {
        let sources = folder().join("pictures");
        self.golden
            .pictures
            .iter()
            .map(|name| read(&sources.join(format!("{name}.png"))))
            .collect()
    }

    /// The backends that can run here.
    fn backends(&self) -> Vec<Backend> {
        let mut backends = vec![Backend::Candle];
        match crate::runtime::library(&self.store).unwrap() {
            Some(library) => {
                backends.push(Backend::Onnxruntime);
                if library.openvino {
                    backends.push(Backend::OpenvinoF32);
                }
            }
            None => {
                testing::missing("models", "ONNX Runtime is not pulled");
            }
        }
        backends
    }
}

fn options(backend: Backend) -> EncoderOptions {
    EncoderOptions {
        backend: Some(backend),
        ..EncoderOptions::threads(2)
    }
}

fn read(path: &Path) -> RgbImage {
    image::open(path).unwrap().to_rgb8()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

fn assert_same(what: &str, ours: &[Vec<f32>], reference: &[Vec<f32>]) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    let mut worst = (1.0_f32, 0.0_f32);
    for (ours, reference) in ours.iter().zip(reference) {
        worst.0 = worst.0.min(cosine(ours, reference));
        worst.1 = worst.1.max(largest_difference(ours, reference));
    }
    println!(
        "{what}: cosine {:.7}, largest difference {:.1e}",
        worst.0, worst.1
    );
    assert!(worst.0 > 0.9999 && worst.1 < 1e-3, "{what}: {worst:?}");
}

#[test]
fn vectors_are_those_of_the_reference_on_every_back_end() {
    for (name, dims) in FIXTURES {
        let fixture = Fixture::new(name, dims);
        let golden = &fixture.golden;
        let texts: Vec<&str> = golden.texts.iter().map(String::as_str).collect();
        for backend in fixture.backends() {
            let images = fixture.images(backend).unwrap();
            let vectors = images.encode_pictures(&fixture.pictures()).unwrap();
            assert_same(
                &format!("{name}, pictures, {backend}"),
                &vectors,
                &golden.picture_vectors,
            );
            let vectors = fixture.texts(backend).unwrap().encode(&texts).unwrap();
            assert_same(
                &format!("{name}, texts, {backend}"),
                &vectors,
                &golden.text_vectors,
            );
        }
    }
}

#[test]
fn pictures_are_prepared_as_by_the_reference_to_one_step_of_255() {
    for (name, dims) in FIXTURES {
        let fixture = Fixture::new(name, dims);
        let images = fixture.images(Backend::Candle).unwrap();
        for (picture, of) in fixture.pictures().iter().zip(&fixture.golden.pictures) {
            let prepared = images.prepare(picture).unwrap();
            let reference = read(&folder().join(name).join(format!("{of}.png")));
            assert_eq!(prepared.picture().dimensions(), reference.dimensions());
            let worst = prepared
                .as_bytes()
                .iter()
                .zip(reference.as_raw())
                .map(|(a, b)| a.abs_diff(*b))
                .max();
            assert!(worst <= Some(1), "{name}, {of}: {worst:?}");
        }
    }
}

#[test]
fn texts_are_cut_into_the_tokens_of_the_reference() {
    for (name, dims) in FIXTURES {
        let fixture = Fixture::new(name, dims);
        let manifest = fixture.store.manifests().get(name).unwrap();
        let folder = super::Folder {
            store: &fixture.store,
            manifest,
        };
        let crate::Parameters::DualEncoder(parameters) = &manifest.parameters else {
            panic!("{name} is no dual encoder");
        };
        let spec = folder.spec(parameters).unwrap();
        let file = folder.read("tokenizer.json").unwrap();
        let options = folder.optional("tokenizer_config.json").unwrap();
        let tokens = super::Tokens::open(&spec, &file, options.as_deref()).unwrap();
        for (text, expected) in fixture.golden.texts.iter().zip(&fixture.golden.ids) {
            let ids = tokens.ids(&[text]).unwrap();
            assert_eq!(&ids.ids, expected, "{name}: {text:?}");
            assert_eq!(ids.places, [u32::try_from(expected.len() - 1).unwrap()]);
        }
    }
}

#[test]
fn a_batch_of_many_equals_as_many_batches_of_one() {
    for (name, dims) in FIXTURES {
        let fixture = Fixture::new(name, dims);
        let texts: Vec<&str> = fixture.golden.texts.iter().map(String::as_str).collect();
        for backend in fixture.backends() {
            let images = fixture.images(backend).unwrap();
            let pictures = fixture.pictures();
            let alone: Vec<Vec<f32>> = pictures
                .iter()
                .flat_map(|picture| {
                    images
                        .encode_pictures(std::slice::from_ref(picture))
                        .unwrap()
                })
                .collect();
            let together = images.encode_pictures(&pictures).unwrap();
            assert_same(&format!("{name}, batch, {backend}"), &together, &alone);
            let encoder = fixture.texts(backend).unwrap();
            let alone: Vec<Vec<f32>> = texts
                .iter()
                .flat_map(|text| encoder.encode(&[text]).unwrap())
                .collect();
            let together = encoder.encode(&texts).unwrap();
            assert_same(&format!("{name}, batch, {backend}"), &together, &alone);
            assert!(encoder.encode(&[]).unwrap().is_empty());
            assert!(images.encode(&[]).unwrap().is_empty());
        }
    }
}

#[test]
fn pictures_of_every_shape_are_encoded() {
    let fixture = Fixture::new("siglip", 16);
    let images = fixture.images(Backend::Candle).unwrap();
    let pictures = [(1, 1), (20_000, 10), (3, 4_000)].map(|(w, h)| RgbImage::new(w, h));
    let vectors = images.encode_pictures(&pictures).unwrap();
    assert!(vectors.iter().flatten().all(|x| x.is_finite()));
    let error = images.encode_pictures(&[RgbImage::new(0, 3)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn cuda_without_the_feature_is_an_error_that_says_so() {
    if cfg!(feature = "cuda") {
        return;
    }
    let fixture = Fixture::new("clip", 24);
    let error = fixture.images(Backend::Cuda).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("--features cuda"), "{error}");
}

#[test]
fn the_names_of_back_ends_are_read_back() {
    for (backend, name) in Backend::ALL {
        assert_eq!(name.parse::<Backend>().unwrap(), backend);
        assert_eq!(backend.as_str(), name);
        assert_eq!(serde_json::to_value(backend).unwrap(), name);
    }
    assert!(
        "gpu"
            .parse::<Backend>()
            .unwrap_err()
            .to_string()
            .contains("openvino")
    );
}

#[test]
fn golden_vectors_of_a_manifest_are_made_again_or_the_model_is_not_sound() {
    let fixture = Fixture::new("clip", 24);
    let mut manifest = fixture.store.manifests().get("clip").unwrap().clone();
    let options = options(Backend::Candle);
    let golden = |text: &str, vector: &[f32]| crate::Golden {
        text: text.to_owned(),
        vector: vector.to_vec(),
    };
    assert!(
        crate::verify_vectors(&fixture.store, &manifest, &options)
            .unwrap()
            .is_empty()
    );
    let Golden {
        texts,
        text_vectors,
        ..
    } = &fixture.golden;
    manifest.goldens = vec![
        golden(&texts[0], &text_vectors[0]),
        golden(&texts[1], &text_vectors[0]),
        golden(&texts[0], &text_vectors[0][1..]),
    ];
    let sound: Vec<bool> = crate::verify_vectors(&fixture.store, &manifest, &options)
        .unwrap()
        .iter()
        .map(|vector| vector.sound)
        .collect();
    assert_eq!(sound, [true, false, false]);
}

#[test]
fn bfloat16_strays_little_where_it_can_be_had() {
    let fixture = Fixture::new("clip", 24);
    if !fixture.backends().contains(&Backend::OpenvinoF32) {
        testing::missing("openvino", "onnxruntime-openvino is not pulled");
        return;
    }
    let images = fixture.images(Backend::Openvino).unwrap();
    let vectors = images.encode_pictures(&fixture.pictures()).unwrap();
    for (ours, reference) in vectors.iter().zip(&fixture.golden.picture_vectors) {
        // A network this tiny averages out less than a real one.
        assert!(
            cosine(ours, reference) > 0.999,
            "{}",
            cosine(ours, reference)
        );
    }
}
