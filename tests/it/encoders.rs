//! A dual encoder pulled from a copy of the hub, from video to answer, on each backend.

use std::path::{Path, PathBuf};

use rushes::catalog::database;
use rushes::catalog::{AssetId, vectors};
use rushes_models::{Sample, write_sample};

use crate::support::{Rushes, models, told, videos};

/// A copy of the hub with one model of random weights, and an empty models folder with the runtimes.
pub(crate) struct Hub {
    folder: tempfile::TempDir,
}

impl Hub {
    /// `None` if the models are not installed.
    pub(crate) fn new() -> Option<Self> {
        let pulled = models()?;
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("hub/openai/clip-vit-base-patch32");
        std::fs::create_dir_all(&repository).unwrap();
        write_sample(Sample::ClipThin, &repository).unwrap();
        let fixture = fixture("clip");
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(fixture.join(name), repository.join(name)).unwrap();
        }
        std::fs::write(repository.join("preprocessor_config.json"), "{}").unwrap();
        std::fs::create_dir(folder.path().join("models")).unwrap();
        for runtime in ["onnxruntime", "onnxruntime-openvino"] {
            let there = pulled.join(runtime);
            if there.is_dir() {
                std::os::unix::fs::symlink(there, folder.path().join("models").join(runtime))
                    .unwrap();
            }
        }
        Some(Self { folder })
    }

    /// With `lite` in the models folder too, and the model of the hub pulled beside it.
    pub(crate) fn beside_lite() -> Option<(Self, Rushes)> {
        let (hub, pulled) = (Self::new()?, models()?);
        let models = hub.folder.path().join("models");
        for model in ["lite", "minilm"] {
            std::os::unix::fs::symlink(pulled.join(model), models.join(model)).unwrap();
        }
        let rushes = Rushes::new()?.with("RUSHES_MODELS", models.to_str().unwrap());
        let snapshot = hub.folder.path().join("hub");
        let from = snapshot.to_str().unwrap();
        let pulled = rushes.run(&["models", "pull", "clip-vit-b32", "--from", from]);
        assert!(pulled.status.success(), "{}", told(&pulled));
        Some((hub, rushes))
    }

    fn rushes(&self, model: &str, backend: &str) -> Rushes {
        let models = self.folder.path().join("models");
        Rushes::new()
            .unwrap()
            .with("RUSHES_MODELS", models.to_str().unwrap())
            .with("RUSHES_MODELS__TEXT_TO_SHOT", model)
            .with("RUSHES_MODELS__BACKEND", backend)
    }
}

fn fixture(name: &str) -> PathBuf {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&root).join("models/fixtures").join(name)
}

async fn vectors(rushes: &Rushes) -> (String, Vec<Vec<f32>>) {
    let catalog = rushes.catalog().await;
    let mut db = catalog.read().await.unwrap();
    let assets: Vec<AssetId> = database::query_scalar("SELECT id FROM assets")
        .fetch_all(&mut db)
        .await
        .unwrap();
    let mut spaces = vectors::of_asset(&mut db, &assets[0]).await.unwrap();
    assert_eq!(spaces.len(), 1);
    spaces.remove(0)
}

#[tokio::test]
async fn a_model_of_the_hub_finds_shots_on_both_back_ends_alike() {
    let Some(hub) = Hub::new() else { return };
    let video = videos::made(&hub.folder.path().join("video.mp4"), 4, 40, 7);
    let snapshot = hub.folder.path().join("hub");
    let mut both = Vec::new();
    for backend in ["candle", "onnxruntime"] {
        let rushes = hub.rushes("clip-vit-b32", backend);
        let pulled = rushes.run(&[
            "models",
            "pull",
            "clip-vit-b32",
            "--from",
            snapshot.to_str().unwrap(),
        ]);
        assert!(pulled.status.success(), "{}", told(&pulled));
        let verified = rushes.run(&["models", "verify", "clip-vit-b32"]);
        assert!(verified.status.success(), "{}", told(&verified));
        let summary = rushes.ingest(&[&video]);
        assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
        let answer = rushes.json(&["search", "a car exploding"]);
        assert_eq!(answer["hits"].as_array().unwrap().len(), 4, "{answer:#}");
        both.push(vectors(&rushes).await);
    }
    let [(space, a), (other, b)] = both.as_slice() else {
        panic!("two back ends");
    };
    // Nobody has published a digest of these weights, so the space is named after them.
    let digest = space.strip_prefix("clip-vit-b32@").unwrap();
    assert!(
        digest.len() == 12 && digest.bytes().all(|b| b.is_ascii_hexdigit()),
        "{space}"
    );
    assert_eq!(space, other);
    assert_eq!(a.len(), 4);
    for (a, b) in a.iter().zip(b) {
        let cosine: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        assert!(a.len() == 512 && cosine > 0.9999, "{cosine}");
    }
}

#[test]
fn odd_pictures_are_looked_at_and_what_is_none_is_told() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 2, 30, 9);
    rushes.ingest(&[&video]);
    for name in [
        "cmyk.jpg",
        "animated.gif",
        "deep.png",
        "transparent.png",
        "dot.png",
        "long.png",
    ] {
        let picture = fixture("odd").join(name);
        let answer = rushes.json(&["similar", picture.to_str().unwrap()]);
        assert_eq!(
            answer["hits"].as_array().unwrap().len(),
            2,
            "{name}: {answer:#}"
        );
    }
    let cut = rushes.folder.path().join("cut.png");
    let whole = std::fs::read(fixture("odd").join("deep.png")).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let refused = rushes.run(&["similar", cut.to_str().unwrap()]);
    assert!(!refused.status.success());
    assert!(told(&refused).contains("cut.png"), "{}", told(&refused));
}

#[test]
fn a_model_that_cannot_work_is_not_taken_in() {
    let Some(hub) = Hub::new() else { return };
    let copied = |name: &str| {
        let copy = hub.folder.path().join(name);
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(fixture("siglip")).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, copy.join(from.file_name().unwrap())).unwrap();
        }
        copy
    };
    let silent = copied("silent");
    std::fs::remove_file(silent.join("tokenizer.json")).unwrap();
    let cut = copied("cut");
    let weights = std::fs::read(cut.join("model.safetensors")).unwrap();
    std::fs::write(cut.join("model.safetensors"), &weights[..5_000]).unwrap();
    let rushes = hub.rushes("lite", "candle");
    let refused = |id: &str, folder: &Path| {
        let output = rushes.run(&[
            "models",
            "pull",
            id,
            "--model-dir",
            folder.to_str().unwrap(),
        ]);
        assert!(!output.status.success(), "{}", told(&output));
        let listed = rushes.run(&["models", "list"]);
        assert!(
            !told(&listed).contains("imported from"),
            "{}",
            told(&listed)
        );
        told(&output)
    };
    assert!(refused("ours", &silent).contains("tokenizer.json"));
    assert!(refused("ours", &cut).contains("model.safetensors"));
    assert!(refused("lite", &fixture("siglip")).contains("another"));
    assert!(refused("../ours", &fixture("siglip")).contains("letters"));
}

#[test]
fn a_model_in_a_folder_is_taken_in_and_an_unknown_back_end_is_told() {
    let Some(hub) = Hub::new() else { return };
    let rushes = hub.rushes("ours", "candle");
    let folder = fixture("siglip");
    let pulled = rushes.run(&[
        "models",
        "pull",
        "ours",
        "--model-dir",
        folder.to_str().unwrap(),
    ]);
    assert!(pulled.status.success(), "{}", told(&pulled));
    let video = videos::made(&hub.folder.path().join("video.mp4"), 2, 30, 8);
    let summary = rushes.ingest(&[&video]);
    assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
    let answer = rushes.json(&["search", "a city at night"]);
    assert_eq!(answer["hits"].as_array().unwrap().len(), 2, "{answer:#}");

    let wrong = hub.rushes("ours", "gpu").run(&["doctor"]);
    assert!(!wrong.status.success());
    assert!(told(&wrong).contains("models.backend"), "{}", told(&wrong));
    let cuda = hub.rushes("ours", "cuda");
    cuda.begin();
    let cuda = cuda.run(&["search", "a city"]);
    assert!(!cuda.status.success());
    assert!(
        told(&cuda).contains("--features cuda") || cfg!(feature = "cuda"),
        "{}",
        told(&cuda)
    );
}
