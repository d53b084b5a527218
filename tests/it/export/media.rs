//! Exports with pictures: cuts of the originals, clips, and contact sheets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::frames::{counter, ingested};
use crate::http::{Server, problem};
use crate::support::{Rushes, videos};

/// Spans of frames, out of order and overlapping on purpose.
const SPANS: [(u32, u32); 5] = [(101, 160), (0, 13), (150, 155), (299, 300), (101, 160)];

/// The files of an archive in its order, written into `folder`.
fn unpacked(archive: &Path, folder: &Path) -> Vec<PathBuf> {
    let file = std::fs::File::open(archive).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let mut files = Vec::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let path = folder.join(entry.name().unwrap().into_owned());
        std::fs::write(&path, bytes).unwrap();
        files.push(path);
    }
    // The table first: digits come before letters.
    files.sort_by_key(|file| (file.extension() != Some("csv".as_ref()), file.clone()));
    files
}

/// The numbers that the pictures of a file show.
fn numbers(file: &Path) -> Vec<u32> {
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args([
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-fps_mode",
            "passthrough",
            "-",
        ])
        .output()
        .unwrap();
    assert!(decoded.status.success());
    let frames = decoded.stdout.chunks_exact(320 * 180);
    frames
        .map(|frame| {
            let row = &frame[90 * 320..];
            (0..16)
                .map(|bit| u32::from(row[bit * 20 + 10] > 128) << bit)
                .sum()
        })
        .collect()
}

fn spans(asset: &str) -> Vec<String> {
    SPANS
        .iter()
        .map(|(start, end)| format!("{asset}.{start}-{end}"))
        .collect()
}

fn exported(rushes: &Rushes, picks: &[String], format: &str) -> PathBuf {
    let file = rushes.folder.path().join(format!("out.{format}"));
    let mut args = vec!["export", "-f", format, "-o", file.to_str().unwrap()];
    args.extend(picks.iter().map(String::as_str));
    rushes.json(&args);
    file
}

fn names(files: &[PathBuf]) -> Vec<String> {
    let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
    files.iter().map(name).collect()
}

#[test]
fn cuts_have_exactly_the_picked_frames_of_the_originals() {
    let Some(rushes) = Rushes::new() else { return };
    let file = rushes.folder.path().join("day.mov");
    counter(&file, "24000/1001", &["-timecode", "18:45:23:23"]);
    let asset = ingested(&rushes, &file);
    let archive = exported(&rushes, &spans(&asset), "cuts");
    let folder = tempfile::tempdir().unwrap();
    let files = unpacked(&archive, folder.path());
    let names = names(&files);
    assert_eq!(names[0], "picks.csv");
    for (at, (file, span)) in files[1..].iter().zip(SPANS).enumerate() {
        assert!(
            names[at + 1].starts_with(&format!("{:04} day ", at + 1)),
            "{names:?}"
        );
        assert_eq!(
            numbers(file),
            (span.0..span.1).collect::<Vec<_>>(),
            "{}",
            file.display()
        );
    }
    assert_eq!(files.len(), 1 + SPANS.len());
    // They keep the size of the original, its sound, and its rate.
    let shown = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_type,width,height,avg_frame_rate",
            "-of",
            "json",
        ])
        .arg(&files[1])
        .output()
        .unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let streams = shown["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 2, "{shown:#}");
    assert_eq!(
        (&streams[0]["width"], &streams[0]["height"]),
        (&json!(320), &json!(180))
    );
    assert_eq!(streams[0]["avg_frame_rate"], "24000/1001");

    // Handles are part of a cut. The same over HTTP.
    let server = Server::start(&rushes, &[]);
    let body = json!({ "picks": [{ "asset": asset, "start": 20, "end": 30 }], "format": "cuts", "handles": 5 });
    let answer = server.post("/v1/exports").json(&body).send().unwrap();
    assert_eq!(answer.headers()["content-type"], "application/zip");
    let archive = rushes.folder.path().join("http.zip");
    std::fs::write(&archive, answer.bytes().unwrap()).unwrap();
    let files = unpacked(&archive, folder.path());
    assert_eq!(numbers(&files[1]), (15..35).collect::<Vec<_>>());

    // What is gone cannot be cut, and is named.
    drop(server);
    std::fs::remove_file(&file).unwrap();
    let refused = rushes.run(&["export", &format!("{asset}.0-5"), "-f", "cuts", "-o", "-"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("day.mov"), "{said}");
}

#[test]
fn clips_are_numbered_by_pick() {
    let Some(rushes) = Rushes::new() else { return };
    let file = videos::made(&rushes.folder.path().join("day.mp4"), 3, 40, 0);
    let asset = ingested(&rushes, &file);
    // The last shot, the first two at once, and the last again.
    let picks = ["80-120", "0-80", "85-90"].map(|span| format!("{asset}.{span}"));
    let folder = tempfile::tempdir().unwrap();
    let files = unpacked(&exported(&rushes, &picks, "clips"), folder.path());
    let names = names(&files);
    let starts: Vec<&str> = names
        .iter()
        .map(|name| name.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        starts,
        ["picks.csv", "0001", "0002.1", "0002.2", "0003"],
        "{names:?}"
    );
    let read = |at: usize| std::fs::read(&files[at]).unwrap();
    assert_eq!(read(1), read(4));
    assert_ne!(read(2), read(3));
}

#[test]
fn a_contact_sheet_shows_every_pick_as_a_picture_and_on_pages() {
    let Some(rushes) = Rushes::new() else { return };
    let file = videos::made(&rushes.folder.path().join("day.mp4"), 3, 40, 0);
    let asset = ingested(&rushes, &file);
    let picks: Vec<String> = (0..18)
        .map(|at| format!("{asset}.{}-{}", at * 5, at * 5 + 5))
        .collect();
    let png = image::open(exported(&rushes, &picks, "png"))
        .unwrap()
        .into_rgb8();
    // Four in a row, so five rows.
    assert_eq!(png.dimensions(), (12 + 4 * 332, 12 + 5 * 236));
    let colours = |left: u32, top: u32| {
        let pixels = (0..320).flat_map(|x| (0..180).map(move |y| (x, y)));
        let seen: std::collections::HashSet<_> = pixels
            .map(|(x, y)| png.get_pixel(left + x, top + y).0)
            .collect();
        seen.len()
    };
    // Each cell has its picture; there is none after the last.
    for at in 0..18 {
        assert!(
            colours(12 + at % 4 * 332, 12 + at / 4 * 236) > 3,
            "pick {at}"
        );
    }
    assert_eq!(colours(12 + 2 * 332, 12 + 4 * 236), 1);

    let pdf = std::fs::read(exported(&rushes, &picks, "pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    let text = String::from_utf8_lossy(&pdf);
    assert_eq!(
        text.matches("/Type /Page\n").count(),
        2,
        "sixteen on a page"
    );
    // A page holds a picture that any reader decodes.
    let start = pdf
        .windows(3)
        .position(|bytes| bytes == [0xFF, 0xD8, 0xFF])
        .unwrap();
    let page =
        image::load_from_memory_with_format(&pdf[start..], image::ImageFormat::Jpeg).unwrap();
    assert_eq!((page.width(), page.height()), (12 + 4 * 332, 12 + 4 * 236));

    let server = Server::start(&rushes, &[]);
    for (format, kind) in [("png", "image/png"), ("pdf", "application/pdf")] {
        let picks: Vec<Value> = picks.iter().map(|shot| json!({ "shot": shot })).collect();
        let body = json!({ "picks": picks, "format": format });
        let answer = server.post("/v1/exports").json(&body).send().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], kind);
    }
    let many: Vec<Value> = (0..401)
        .map(|_| json!({ "asset": asset, "start": 0, "end": 1 }))
        .collect();
    let body = json!({ "picks": many, "format": "png" });
    let refused = server.post("/v1/exports").json(&body).send().unwrap();
    assert_eq!(problem(refused), (413, "too-many-picks".to_owned()));
}

#[test]
fn the_exported_path_is_one_that_exists() {
    let Some(rushes) = Rushes::new() else { return };
    let first = videos::made(&rushes.folder.path().join("first.mp4"), 1, 40, 0);
    let asset = ingested(&rushes, &first);
    let second = rushes.folder.path().join("second.mp4");
    std::fs::copy(&first, &second).unwrap();
    rushes.ingest(&[&second]);
    let path = || {
        let list = exported(&rushes, &[format!("{asset}.0-10")], "json");
        let list: Value = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
        list["picks"][0]["path"].as_str().unwrap().to_owned()
    };
    assert!(Path::new(&path()).is_file());
    for (gone, there) in [(&second, &first), (&first, &second)] {
        let bytes = std::fs::read(there).unwrap();
        std::fs::remove_file(gone).unwrap();
        assert_eq!(
            Path::new(&path()),
            there.as_path(),
            "{} is gone",
            gone.display()
        );
        std::fs::write(gone, bytes).unwrap();
    }
}

/// Whether a process of the server is decoding.
fn is_decoding(server: &Server) -> bool {
    let parent = format!("PPid:\t{}\n", server.id());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let read = |process: &std::fs::DirEntry, file: &str| {
        std::fs::read_to_string(process.path().join(file)).unwrap_or_default()
    };
    let mut children = processes.filter(|process| read(process, "status").contains(&parent));
    children.any(|child| read(&child, "cmdline").contains("decode-child"))
}

#[test]
fn a_client_that_leaves_stops_its_cuts() {
    let Some(rushes) = Rushes::new() else { return };
    let assets = [0, 1, 2, 3].map(|seed| {
        let file = rushes.folder.path().join(format!("day {seed}.mp4"));
        ingested(&rushes, &videos::made(&file, 20, 60, seed))
    });
    let server = Server::start(&rushes, &[]);
    // Each of these takes a pass over a whole video.
    let whole = |asset: &String| vec![json!({ "asset": asset, "start": 0, "end": 1200 }); 16];
    let picks: Vec<Value> = assets.iter().flat_map(whole).collect();
    let body = json!({ "picks": picks, "format": "cuts" }).to_string();
    let host = server.address.strip_prefix("http://").unwrap();
    let mut line = TcpStream::connect(host).unwrap();
    let head = format!(
        "POST /v1/exports HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    line.write_all(head.as_bytes()).unwrap();
    line.write_all(body.as_bytes()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_decoding(&server) {
        assert!(Instant::now() < deadline, "nothing is being cut");
    }
    let export = |picks: &[Value]| {
        let body = json!({ "picks": picks, "format": "cuts" });
        server.post("/v1/exports").json(&body).send().unwrap()
    };
    let small = [json!({ "asset": assets[0], "start": 0, "end": 5 })];
    assert_eq!(
        problem(export(&small)),
        (429, "too-many-exports".to_owned())
    );
    let overlaps = vec![small[0].clone(); 17];
    assert_eq!(
        problem(export(&overlaps)),
        (413, "too-many-overlaps".to_owned())
    );
    drop(line);
    let deadline = Instant::now() + Duration::from_secs(30);
    while export(&small).status() != 200 {
        assert!(Instant::now() < deadline, "the export is still cutting");
    }
    while is_decoding(&server) {
        assert!(
            Instant::now() < deadline + Duration::from_secs(60),
            "the export is still decoding"
        );
    }
}
