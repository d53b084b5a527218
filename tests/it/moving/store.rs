//! `rushes store copy`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use bytes::Bytes;
use rushes_workers::storage::{S3Options, Storage};

use super::content::{answers, fill, with_webhooks};
use crate::http::Server;
use crate::s3::on_s3;
use crate::support::s3_server::S3Server;
use crate::support::{Rushes, told};

/// The files below a folder by name, but for the identity of a store and what the server of the tests keeps of its own.
fn objects(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let files = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap);
    for entry in files.filter(|entry| entry.file_type().is_file()) {
        let name = entry.path().strip_prefix(folder).unwrap();
        let name = name.to_str().unwrap().to_owned();
        let is_own = entry.file_name().to_str().unwrap().starts_with('.');
        if name != "rushes-store" && !is_own {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn a_store_is_copied_to_a_bucket_and_back_to_a_folder() {
    let buckets = tempfile::tempdir().unwrap();
    std::fs::create_dir(buckets.path().join("features")).unwrap();
    let server = S3Server::start(buckets.path());
    let Some(rushes) = on_s3(&server) else { return };
    let rushes = with_webhooks(rushes);
    let folder = tempfile::tempdir().unwrap();
    fill(&rushes, folder.path());
    let before = answers(&rushes);
    let all = objects(&rushes.data().join("store"));
    for prefix in ["runs/", "uploads/", "redactions/"] {
        assert!(all.keys().any(|key| key.starts_with(prefix)), "{prefix}");
    }
    let total = all.len() as u64;
    let there = rushes.json(&["store", "copy", "--to", "s3://features/rushes"]);
    assert_eq!(there["objects"]["copied"], total, "{there:#}");
    assert_eq!(there["objects"]["missing"], 0, "{there:#}");
    assert_eq!(objects(&buckets.path().join("features/rushes")), all);

    // What is damaged there is copied again, and the rest is left alone.
    let (key, bytes) = all.iter().find(|(_, bytes)| bytes.len() > 10).unwrap();
    let damaged = buckets.path().join("features/rushes").join(key);
    std::fs::write(&damaged, vec![7; bytes.len()]).unwrap();
    let again = rushes.json(&["store", "copy", "--to", "s3://features/rushes"]);
    assert_eq!(again["objects"]["copied"], 1, "{again:#}");
    assert_eq!(again["objects"]["same"], total - 1);
    assert_eq!(std::fs::read(&damaged).unwrap(), *bytes);

    // The old store is not needed any more.
    std::fs::rename(rushes.data().join("store"), folder.path().join("old")).unwrap();
    let rushes = rushes.with("RUSHES_STORAGE__URL", "s3://features/rushes");
    assert_eq!(answers(&rushes), before);
    let serving = Server::start(&rushes, &[]);
    let shot = before[0]["hits"][0]["shot"].as_str().unwrap();
    let clip = serving.get(&format!("/v1/shots/{shot}/clip.mp4")).send();
    assert_eq!(clip.unwrap().status(), 200);
    // While the server runs, it says that there may be more.
    let elsewhere = folder.path().join("new");
    let uri = format!("file://{}", elsewhere.display());
    let output = rushes.run(&["store", "copy", "--to", &uri]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(
        told(&output).contains("rushes is running"),
        "{}",
        told(&output)
    );
    drop(serving);
    assert_eq!(objects(&elsewhere), all);
}

#[test]
fn objects_that_are_in_neither_store_are_named() {
    let Some(rushes) = Rushes::new() else { return };
    let rushes = with_webhooks(rushes);
    let folder = tempfile::tempdir().unwrap();
    fill(&rushes, folder.path());
    let store = rushes.data().join("store");
    let all = objects(&store);
    let lost = all.keys().find(|key| key.starts_with("uploads/")).unwrap();
    std::fs::remove_file(store.join(lost)).unwrap();
    let target = folder.path().join("target");
    let args = ["store", "copy", "--to", target.to_str().unwrap()];
    let (copied, output) = rushes.json_any(&args);
    assert!(!output.status.success(), "{}", told(&output));
    assert_eq!(copied["objects"]["missing"], 1, "{copied:#}");
    assert_eq!(copied["objects"]["missing_keys"][0], *lost);
    assert_eq!(copied["objects"]["copied"], all.len() as u64 - 1);
}

#[test]
fn a_copy_that_was_killed_half_way_is_resumed() {
    let buckets = tempfile::tempdir().unwrap();
    std::fs::create_dir(buckets.path().join("features")).unwrap();
    let server = S3Server::start(buckets.path());
    let Some(rushes) = on_s3(&server) else { return };
    rushes.begin();
    let total = 600;
    let source = Storage::open(
        rushes.data().join("store").to_str().unwrap(),
        S3Options::default(),
    );
    let source = source.unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for at in 0..total {
            let bytes = Bytes::from(vec![u8::try_from(at % 251).unwrap(); 20_000 + at]);
            source
                .put(&format!("runs/r/{at}.bin"), bytes)
                .await
                .unwrap();
        }
    });
    let args = ["store", "copy", "--to", "s3://features/rushes"];
    let mut child = rushes
        .command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let target = buckets.path().join("features/rushes");
    let there = |folder: &Path| {
        let files = std::fs::read_dir(folder.join("runs/r"))
            .into_iter()
            .flatten();
        files.count()
    };
    while there(&target) < 50 {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before: {ended:?}");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(there(&target) < total, "the kill came too late");
    let copied = rushes.json(&args);
    let (new, same) = (&copied["objects"]["copied"], &copied["objects"]["same"]);
    assert_eq!(new.as_u64().unwrap() + same.as_u64().unwrap(), total as u64);
    assert!(same.as_u64().unwrap() >= 30, "{copied:#}");
    assert_eq!(objects(&target), objects(&rushes.data().join("store")));
}

#[test]
fn a_store_that_cannot_be_written_is_named() {
    let Some(rushes) = Rushes::new() else { return };
    let rushes = rushes
        .with("AWS_ACCESS_KEY_ID", "a")
        .with("AWS_SECRET_ACCESS_KEY", "b")
        .with("AWS_ENDPOINT", "http://127.0.0.1:9");
    rushes.begin();
    let store = rushes.data().join("store/runs/r");
    std::fs::create_dir_all(&store).unwrap();
    std::fs::write(store.join("clip.bin"), "clip").unwrap();
    let output = rushes.run(&["store", "copy", "--to", "s3://gone/rushes"]);
    assert!(!output.status.success());
    let text = told(&output);
    assert!(text.contains("runs/r/clip.bin"), "{text}");
    assert!(text.contains("does not answer"), "{text}");
    let output = rushes.run(&["store", "copy", "--to", "ftp://host/rushes"]);
    assert!(
        told(&output).contains("ftp://host/rushes"),
        "{}",
        told(&output)
    );
}
