//! Results that are written to a bucket, and what lies there already.

use image::ImageFormat;
use serde_json::{Value, json};

use super::{accepted, counts, files, finished, jpeg, picture, submit};
use crate::http::{Server, problem};
use crate::support::Rushes;
use crate::support::s3_server::{KEY, S3Server, SECRET};
use crate::support::videos::{ffmpeg, frame_count};

fn on_s3(rushes: Rushes, server: &S3Server) -> Rushes {
    rushes
        .with("AWS_ACCESS_KEY_ID", KEY)
        .with("AWS_SECRET_ACCESS_KEY", SECRET)
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ENDPOINT", &server.endpoint)
}

#[test]
fn a_prefix_is_redacted_to_another() {
    let Some(rushes) = Rushes::new() else { return };
    let buckets = tempfile::tempdir().unwrap();
    let archive = buckets.path().join("archive");
    std::fs::create_dir_all(archive.join("trip/day 2")).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(archive.join(name), bytes).unwrap();
    write("trip/a.jpg", &jpeg(1));
    write("trip/day 2/b.png", &picture(2, ImageFormat::Png));
    write("trip/day 2/notes.txt", b"x");
    write("trip/day 2/broken.jpg", b"x");
    // Its result has another container, and so another name.
    let video = archive.join("trip/old.avi");
    let source = ["-f", "lavfi", "-i", "testsrc2=r=10:s=320x240:d=1"];
    let file = ["-c:v", "mpeg4", video.to_str().unwrap()];
    ffmpeg(&[&source[..], &file].concat());
    let s3 = S3Server::start(buckets.path());
    let rushes = on_s3(rushes, &s3);
    let server = Server::start(&rushes, &["--media-root", "s3://archive"]);
    let body = json!({"inputs": ["s3://archive/trip/", "s3://archive/trip/a.jpg", "s3://archive/no/"],
                      "output": "s3://archive/redacted/trip/", "settings": {"classes": ["face"]}});
    let link = accepted(submit(&server, &body));
    let redaction = finished(&server, &link);
    assert_eq!(
        (counts(&redaction), &redaction["skipped"]),
        ([0, 0, 4, 2], &json!(1))
    );
    let files = files(&server, &link);
    let failed = |name: &str| {
        let file = files.iter().find(|file| file["name"] == name);
        file.unwrap()["error"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(failed("day 2/broken.jpg"), "not-picture");
    assert_eq!(failed("no"), "file-not-found");
    let picture = files.iter().find(|file| file["name"] == "a.jpg").unwrap();
    assert_eq!(
        picture["links"]["picture"],
        "s3://archive/redacted/trip/a.jpg"
    );
    let elsewhere = server.get(&format!("{link}/files/0")).send().unwrap();
    assert_eq!(problem(elsewhere), (404, "written-elsewhere".to_owned()));

    let video = files.iter().find(|file| file["name"] == "old.avi").unwrap();
    let result = "s3://archive/redacted/trip/old.avi.mp4";
    assert_eq!(video["links"]["video"], result);
    assert_eq!(video["links"]["record"], format!("{result}.redaction.json"));

    let written = |name: &str| archive.join("redacted/trip").join(name);
    assert_eq!(std::fs::read(written("a.jpg")).unwrap(), jpeg(1));
    for there in [
        "a-2.jpg",
        "a.jpg.redaction.json",
        "day 2/b.png",
        "day 2/b.png.redaction.json",
        "old.avi.mp4",
        "old.avi.mp4.redaction.json",
    ] {
        assert!(written(there).is_file(), "{there}");
    }
    assert_eq!(frame_count(&written("old.avi.mp4")), 10);
    assert!(!written("day 2/broken.jpg").is_file());
    assert_eq!(std::fs::read(archive.join("trip/a.jpg")).unwrap(), jpeg(1));
    assert!(!rushes.data().join("store/redactions").is_dir());
}

#[test]
fn originals_in_the_output_stay_and_old_results_go() {
    let Some(rushes) = Rushes::new() else { return };
    let buckets = tempfile::tempdir().unwrap();
    let archive = buckets.path().join("archive");
    for folder in ["in", "out"] {
        std::fs::create_dir_all(archive.join(folder)).unwrap();
    }
    let write = |name: &str, bytes: &[u8]| std::fs::write(archive.join(name), bytes).unwrap();
    let read = |name: &str| std::fs::read(archive.join(name)).ok();
    write("in/original.jpg", &jpeg(1));
    write("in/record.jpg", &jpeg(2));
    write("in/again.jpg", &jpeg(3));
    write("in/broken later.jpg", &jpeg(4));
    write("out/original.jpg", b"an original");
    write("out/record.jpg.redaction.json", b"{}");
    let s3 = S3Server::start(buckets.path());
    let rushes = on_s3(rushes, &s3);
    let server = Server::start(&rushes, &["--media-root", "s3://archive"]);
    let body = json!({"inputs": ["s3://archive/in/"], "output": "s3://archive/out/",
                      "settings": {"classes": ["face"]}});
    let codes = || {
        let link = accepted(submit(&server, &body));
        finished(&server, &link);
        let files = files(&server, &link);
        let code = |file: &Value| file["error"]["code"].as_str().unwrap_or("").to_owned();
        // By name: again, broken later, original, record.
        files.iter().map(code).collect::<Vec<_>>()
    };
    assert_eq!(codes(), ["", "", "output-taken", "output-taken"]);
    assert_eq!(read("out/broken later.jpg"), Some(jpeg(4)));

    write("in/again.jpg", &jpeg(5));
    write("in/broken later.jpg", b"no picture");
    let second = codes();
    assert_eq!(second, ["", "not-picture", "output-taken", "output-taken"]);
    assert_eq!(read("out/again.jpg"), Some(jpeg(5)));
    for gone in ["broken later.jpg", "broken later.jpg.redaction.json"] {
        assert_eq!(read(&format!("out/{gone}")), None, "{gone}");
    }
    assert_eq!(read("out/original.jpg").unwrap(), b"an original");
    assert_eq!(read("out/original.jpg.redaction.json"), None);
    assert_eq!(read("out/record.jpg"), None);
    assert_eq!(read("out/record.jpg.redaction.json").unwrap(), b"{}");
}
