//! Videos, proxies and thumbnails in S3: the same hits as on a local disk.

use std::path::Path;

use rushes_workers::storage::{S3Options, Storage};
use serde_json::Value;

use crate::support::s3_server::{KEY, S3Server, SECRET};
use crate::support::{Rushes, first, frames, material, told, videos};

pub(crate) fn on_s3(server: &S3Server) -> Option<Rushes> {
    Some(
        Rushes::new()?
            .with("AWS_ACCESS_KEY_ID", KEY)
            .with("AWS_SECRET_ACCESS_KEY", SECRET)
            .with("AWS_REGION", "us-east-1")
            .with("AWS_ENDPOINT", &server.endpoint),
    )
}

fn videos_in(folder: &Path) {
    videos::made(&folder.join("one.mp4"), 3, 40, 2);
    videos::made(&folder.join("two words.mp4"), 2, 40, 4);
    std::fs::write(
        folder.join("one.srt"),
        "1\n00:00:01,700 --> 00:00:02,900\nlook, a rabbit\n",
    )
    .unwrap();
}

/// The hits of a search without ids, which differ between catalogues.
fn found(answer: &Value) -> Vec<(String, u64, u64)> {
    let hits = answer["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| {
            (
                hit["title"].as_str().unwrap().to_owned(),
                frames(hit).0,
                frames(hit).1,
            )
        })
        .collect()
}

#[test]
fn the_same_ingest_with_everything_on_s3_has_the_same_hits() {
    let buckets = tempfile::tempdir().unwrap();
    let (archive, features) = (
        buckets.path().join("archive"),
        buckets.path().join("features"),
    );
    std::fs::create_dir_all(archive.join("videos")).unwrap();
    std::fs::create_dir_all(&features).unwrap();
    videos_in(&archive.join("videos"));
    let real = material();
    for name in ["bikes.mp4", "intel_bottle-detection.mp4"] {
        if let Some(material) = &real {
            let copy = archive.join("videos").join(name);
            std::fs::write(
                copy,
                std::fs::read(material.join("video").join(name)).unwrap(),
            )
            .unwrap();
        }
    }
    let server = S3Server::start(buckets.path());
    let (Some(remote), Some(local)) = (on_s3(&server), Rushes::new()) else {
        return;
    };
    let remote = remote.with("RUSHES_STORAGE__URL", "s3://features/rushes");

    remote.json(&["ingest", "s3://archive/videos/"]);
    local.ingest(&[&archive.join("videos")]);
    for query in [
        &["search", "--in", "visual", "colour bars", "-n", "10"][..],
        &["search", "--in", "dialogue", "rabbit"],
        &["search", "a rabbit on a test pattern", "-n", "10"],
        &["search", "bottles", "-n", "10"],
        &["search", "bicycle", "-n", "10"],
    ] {
        assert_eq!(
            found(&remote.json(query)),
            found(&local.json(query)),
            "{query:?}"
        );
    }
    if real.is_some() {
        let bottles = remote.json(&["search", "bottles"]);
        assert_eq!(first(&bottles)["title"], "intel_bottle-detection");
        assert_eq!(
            first(&remote.json(&["search", "bicycle"]))["title"],
            "bikes"
        );
    }
    let spoken = remote.json(&["search", "--in", "dialogue", "rabbit"]);
    assert_eq!(frames(first(&spoken)), (40, 80));
    // The results are in the bucket, and none beside the catalogue.
    assert!(features.join("rushes").join("runs").is_dir());
    assert!(!remote.data().join("store").is_dir());
    let sheet = remote.folder.path().join("sheet.png");
    let drawn = remote.run(&["search", "bars", "--sheet", sheet.to_str().unwrap()]);
    assert!(drawn.status.success(), "{}", told(&drawn));
    assert!(image::open(&sheet).unwrap().width() > 600);
    // Without a catalogue too.
    let listed = std::fs::read_dir(archive.join("videos")).unwrap();
    let local_video = listed
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "mp4"))
        .unwrap();
    let name = local_video.file_name().unwrap().to_str().unwrap();
    let over_s3 = remote.json(&["shots", &format!("s3://archive/videos/{name}")]);
    let from_disk = local.json(&["shots", local_video.to_str().unwrap()]);
    assert_eq!(over_s3["shots"], from_disk["shots"]);
}

#[test]
fn a_bucket_that_does_not_answer_is_named() {
    let Some(rushes) = Rushes::new() else { return };
    // Nothing listens on loopback's discard port.
    let rushes = rushes
        .with("AWS_ACCESS_KEY_ID", KEY)
        .with("AWS_SECRET_ACCESS_KEY", SECRET)
        .with("AWS_ENDPOINT", "http://127.0.0.1:9");
    let video = videos::made(&rushes.folder.path().join("here.mp4"), 1, 30, 0);
    let (summary, output) =
        rushes.json_any(&["ingest", "s3://gone/video.mp4", video.to_str().unwrap()]);
    assert!(!output.status.success());
    let reason = summary["refused"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("s3://gone/video.mp4") && reason.contains("does not answer"),
        "{reason}"
    );
    // The rest of the batch continued.
    assert_eq!(summary["videos"][0]["state"], "ready");
}

#[test]
fn names_in_a_bucket_are_those_that_the_api_and_the_records_say() {
    let buckets = tempfile::tempdir().unwrap();
    std::fs::create_dir(buckets.path().join("out")).unwrap();
    let server = S3Server::start(buckets.path());
    let options = S3Options::new(
        [
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT", &server.endpoint),
            ("AWS_ALLOW_HTTP", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.into())),
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let storage = Storage::open("s3://out/a~b", options).unwrap();
    for name in ["Müller [1].jpg", "100%.jpg", "t ü/a {2}.jpg"] {
        let put = storage.put(name, bytes::Bytes::from_static(b"x"));
        runtime.block_on(put).unwrap();
        let place = buckets.path().join("out/a~b").join(name);
        assert!(place.try_exists().unwrap(), "{name}");
        let listed = runtime.block_on(storage.list("s3://out/a~b/")).unwrap();
        let uri = format!("s3://out/a~b/{name}");
        assert!(
            listed.files.iter().any(|file| file.uri == uri),
            "{uri}: {listed:?}"
        );
        assert_eq!(runtime.block_on(storage.locate(&uri)).unwrap().size, 1);
    }
}
