//! Videos over HTTP: uploaded or named, hidden in every frame, followed, stopped and killed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::RgbImage;
use reqwest::blocking::multipart;
use serde_json::{Value, json};

use super::{accepted, counts, faces, files, finished, part};
use crate::http::{Server, files_in, nothing_is_left_in, problem};
use crate::support::videos::{ffmpeg, frame_count};
use crate::support::{Rushes, material};

/// Faces that hang on a wall for a second.
fn street(folder: &Path) -> Option<PathBuf> {
    let file = folder.join("street.mp4");
    let faces = material()?.join("faces/blazeface_4faces.png");
    let picture = faces.to_str().unwrap();
    let args = "-t 1 -vf scale=480:-2 -r 10 -c:v libx264 -crf 10 -pix_fmt yuv420p";
    let mut all = vec!["-loop", "1", "-i", picture];
    all.extend(args.split(' '));
    all.push(file.to_str().unwrap());
    ffmpeg(&all);
    Some(file)
}

/// A video without faces.
fn plain(folder: &Path, name: &str, seconds: u32) -> PathBuf {
    let file = folder.join(name);
    let source = format!("testsrc2=r=25:s=320x240:d={seconds}");
    let codec = if name.ends_with("avi") {
        "mpeg4"
    } else {
        "libx264"
    };
    let args = ["-f", "lavfi", "-i", &source, "-c:v", codec];
    ffmpeg(&[&args[..], &["-pix_fmt", "yuv420p", file.to_str().unwrap()]].concat());
    file
}

fn upload(server: &Server, paths: &[&Path]) -> String {
    let form = paths.iter().fold(faces(), |form, path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        form.part("file", part(std::fs::read(path).unwrap(), name))
    });
    send(server, form)
}

fn send(server: &Server, form: multipart::Form) -> String {
    let request = server.post("/v1/redactions").multipart(form);
    accepted(request.send().unwrap())
}

/// The frames of a video, as FFmpeg decodes them.
fn frames(file: &Path) -> Vec<RgbImage> {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("%05d.png");
    let passed = ["-fps_mode", "passthrough", pattern.to_str().unwrap()];
    ffmpeg(&[&["-i", file.to_str().unwrap()], &passed[..]].concat());
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
        .iter()
        .map(|name| image::open(name).unwrap().to_rgb8())
        .collect()
}

/// How much neighbours differ in a box, on average.
fn contrast(picture: &RgbImage, bounds: &Value) -> f64 {
    let side = |at: usize| format!("{:.0}", bounds[at].as_f64().unwrap().max(0.0));
    let [x, y, w, h] = [0, 1, 2, 3].map(|at| side(at).parse::<u32>().unwrap());
    let cut = image::imageops::crop_imm(picture, x, y, w, h).to_image();
    let (mut sum, mut count) = (0.0, 0.0);
    for row in cut.rows() {
        let row: Vec<_> = row.collect();
        for pair in row.windows(2) {
            sum += f64::from(pair[0].0[1].abs_diff(pair[1].0[1]));
            count += 1.0;
        }
    }
    sum / count
}

/// Waits until a file is under way, and says how far it was seen to be.
fn under_way(server: &Server, link: &str) -> f64 {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let file = server.json(&format!("{link}/files"))["files"][0].clone();
        let progress = file["progress"].as_f64().unwrap_or(0.0);
        if file["state"] == "running" && progress > 0.0 {
            return progress;
        }
        assert!(
            matches!(file["state"].as_str(), Some("queued" | "running")),
            "through before it was seen under way: {file:#}"
        );
        assert!(Instant::now() < deadline, "{file:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Decoding children of a server.
fn children(server: &Server) -> usize {
    let parent = format!("PPid:\t{}", server.id());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            let read = |name| std::fs::read_to_string(process.path().join(name));
            let is_ours = |status: String| status.lines().any(|line| line == parent);
            read("status").is_ok_and(is_ours)
                && read("cmdline").is_ok_and(|line| line.contains("decode-child"))
        })
        .count()
}

#[test]
fn an_uploaded_video_comes_back_with_its_faces_hidden() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = rushes.folder.path().to_owned();
    let Some(street) = street(&folder) else {
        return;
    };
    let old = plain(&folder, "old.avi", 1);
    let server = Server::start(&rushes, &[]);
    let link = upload(&server, &[&street, &old]);
    let redaction = finished(&server, &link);
    assert_eq!(
        (&redaction["state"], counts(&redaction)),
        (&json!("done"), [0, 0, 2, 0]),
        "{:#}",
        json!(files(&server, &link))
    );
    let files = files(&server, &link);
    for file in &files {
        assert_eq!(file["links"]["picture"], Value::Null);
        assert_eq!(file["media_type"], "video/mp4");
        assert_eq!(file["progress"], 1.0);
    }
    assert!(files[0]["regions"].as_u64().unwrap() >= 4);
    let get = |at: usize, which: &str| server.get(files[at]["links"][which].as_str().unwrap());
    let answer = get(0, "video").send().unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "video/mp4");
    assert_eq!(header("accept-ranges"), "bytes");
    assert!(header("content-disposition").ends_with("filename=\"street.mp4\""));
    let whole = answer.bytes().unwrap();
    let range = get(0, "video").header("range", "bytes=4-7").send().unwrap();
    assert_eq!(range.status(), 206);
    assert_eq!(range.bytes().unwrap(), whole[4..8]);
    // Its container changed, and the name with it.
    let other = get(1, "video").send().unwrap();
    let named = other.headers()["content-disposition"].to_str().unwrap();
    assert!(named.ends_with("filename=\"old.avi.mp4\""), "{named}");

    let record: Value = get(0, "record").send().unwrap().json().unwrap();
    assert_eq!(record["input"]["name"], "street.mp4");
    assert_eq!(record["output"]["bytes"], whole.len());
    let redacted = folder.join("redacted.mp4");
    std::fs::write(&redacted, &whole).unwrap();
    let (before, after) = (frames(&street), frames(&redacted));
    assert_eq!(before.len(), after.len());
    let tracks = record["tracks"].as_array().unwrap();
    let sure: Vec<_> = tracks
        .iter()
        .filter(|track| track["score"].as_f64().unwrap() > 0.5)
        .collect();
    assert!(sure.len() >= 4, "{} faces", sure.len());
    for track in sure {
        let boxes = track["boxes"].as_array().unwrap();
        assert_eq!(boxes.len(), before.len(), "hidden in every frame");
        for found in boxes {
            let frame = usize::try_from(found["frame"].as_u64().unwrap()).unwrap();
            let sharp = contrast(&before[frame], &found["box"]);
            let soft = contrast(&after[frame], &found["box"]);
            assert!(soft < 0.7 * sharp, "frame {frame}: {soft} of {sharp}");
        }
    }
    let store = rushes.data().join("store/redactions");
    let id = redaction["id"].as_str().unwrap();
    nothing_is_left_in(&store.join(id).join("in"));
    nothing_is_left_in(&rushes.data().join("staging"));
}

#[test]
fn a_video_that_is_broken_fails_with_a_code_and_without_a_result() {
    let Some(rushes) = Rushes::new() else { return };
    let rushes = rushes.with("RUSHES_SERVER__PICTURE_LIMIT_MIB", "1");
    let folder = rushes.folder.path().to_owned();
    let whole = std::fs::read(plain(&folder, "whole.mp4", 2)).unwrap();
    let server = Server::start(&rushes, &[]);
    let form = faces()
        .part(
            "file",
            part(whole[..whole.len() / 2].to_vec(), "truncated.mp4"),
        )
        .part("file", part(b"no video".to_vec(), "text.mp4"))
        .part("file", part(Vec::new(), "empty.mp4"));
    let link = send(&server, form);
    let redaction = finished(&server, &link);
    assert_eq!(counts(&redaction), [0, 0, 0, 3]);
    let files = files(&server, &link);
    let codes: Vec<_> = files.iter().map(|file| &file["error"]["code"]).collect();
    assert_eq!(codes, ["media-truncated", "not-media", "media-empty"]);
    for (n, file) in files.iter().enumerate() {
        assert_eq!(file["links"]["video"], Value::Null);
        let missing = server.get(&format!("{link}/files/{n}")).send().unwrap();
        assert_eq!(problem(missing), (404, "redaction-failed".to_owned()));
    }
    nothing_is_left_in(&rushes.data().join("store"));
    // The limit of pictures bounds pictures, by their content, and not videos.
    let mut large = whole;
    large.resize(2 << 20, 0);
    let form = faces().part("file", part(large, "video.mp4"));
    let answer = server.post("/v1/redactions").multipart(form);
    accepted(answer.send().unwrap());
    let mut picture = super::jpeg(1);
    picture.resize(2 << 20, 0);
    let form = faces().part("file", part(picture, "video.mp4"));
    let answer = server.post("/v1/redactions").multipart(form);
    assert_eq!(problem(answer.send().unwrap()).0, 413);
}

#[test]
fn deleting_a_redaction_stops_its_video_and_leaves_nothing() {
    let Some(rushes) = Rushes::new() else { return };
    let long = plain(rushes.folder.path(), "long.mp4", 240);
    let server = Server::start(&rushes, &[]);
    let link = upload(&server, &[&long]);
    let progress = under_way(&server, &link);
    assert!(progress < 1.0);
    assert_eq!(children(&server), 1);
    let url = format!("{}{link}", server.address);
    assert_eq!(server.client.delete(&url).send().unwrap().status(), 204);
    nothing_is_left_in(&rushes.data().join("store"));
    nothing_is_left_in(&rushes.data().join("staging"));
    assert_eq!(children(&server), 0);
    let gone = server.get(&link).send().unwrap();
    assert_eq!(problem(gone), (404, "redaction-not-found".to_owned()));
}

#[test]
fn a_video_completes_though_the_server_is_killed_in_the_middle_of_it() {
    let Some(rushes) = Rushes::new() else { return };
    let video = plain(rushes.folder.path(), "video.mp4", 8);
    let server = Server::start(&rushes, &[]);
    let link = upload(&server, &[&video]);
    assert!(under_way(&server, &link) < 1.0);
    drop(server);
    assert_eq!(files_in(&rushes.data().join("staging")), "");
    let server = Server::start(&rushes, &[]);
    let redaction = finished(&server, &link);
    assert_eq!(counts(&redaction), [0, 0, 1, 0], "{redaction:#}");
    let file = files(&server, &link).remove(0);
    let bytes = server
        .get(file["links"]["video"].as_str().unwrap())
        .send()
        .unwrap()
        .bytes()
        .unwrap();
    let redacted = rushes.folder.path().join("redacted.mp4");
    std::fs::write(&redacted, &bytes).unwrap();
    assert_eq!(frame_count(&redacted), frame_count(&video));
    let id = redaction["id"].as_str().unwrap();
    let store = rushes.data().join("store/redactions").join(id);
    nothing_is_left_in(&store.join("in"));
    // The result and its record, of the attempt that completed.
    assert_eq!(files_in(&store.join("out")).lines().count(), 2);
}
