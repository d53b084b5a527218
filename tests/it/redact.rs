//! `rushes redact` on pictures: what comes out, what stays, and what happens when things go wrong.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::Value;

use crate::disk_full::SmallDisk;
use crate::support::{Rushes, material, told};

/// The binary, and folders for originals and outputs.
struct Bench {
    rushes: Rushes,
    originals: PathBuf,
    out: PathBuf,
}

impl Bench {
    fn new() -> Option<Self> {
        let rushes = Rushes::new()?;
        let (originals, out) = (
            rushes.folder.path().join("in"),
            rushes.folder.path().join("out"),
        );
        std::fs::create_dir(&originals).unwrap();
        Some(Self {
            rushes,
            originals,
            out,
        })
    }

    fn original(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.originals.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Redacts faces in the originals.
    fn run(&self, more: &[&str]) -> Output {
        self.run_on(&self.originals, more)
    }

    fn run_on(&self, path: &Path, more: &[&str]) -> Output {
        let mut args = vec![
            "redact",
            path.to_str().unwrap(),
            "-o",
            self.out.to_str().unwrap(),
        ];
        args.extend(["--json"]);
        if !more.contains(&"--classes") {
            args.extend(["--classes", "face"]);
        }
        args.extend(more);
        self.rushes.run(&args)
    }

    fn record(&self, name: &str) -> Value {
        let path = self.out.join(format!("{name}.redaction.json"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Every file in the output folder, hidden ones too.
    fn outputs(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.out) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// What was said of a file.
fn line(output: &Output, name: &str) -> Value {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| {
            line["file"]
                .as_str()
                .is_some_and(|file| file.ends_with(name))
        })
        .unwrap_or_else(|| panic!("nothing is said of {name}: {}", told(output)))
}

fn summary(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text
        .lines()
        .last()
        .unwrap_or_else(|| panic!("{}", told(output)));
    serde_json::from_str::<Value>(last).unwrap()["summary"].clone()
}

/// A picture with detail and no face.
fn pattern(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let v = u8::try_from((x / 7 + y / 5 + seed) % 5 * 40).unwrap();
        Rgb([v, 255 - v, u8::try_from((x + seed) % 200).unwrap()])
    })
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture.clone())
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

pub(crate) fn jpeg(seed: u32) -> Vec<u8> {
    encoded(&pattern(160, 120, seed), ImageFormat::Jpeg)
}

/// A JPEG with one more segment behind its start.
fn with_segment(jpeg: &[u8], marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, marker], &length, payload, &jpeg[2..]].concat()
}

fn pixels(path: &Path) -> RgbImage {
    image::ImageReader::open(path)
        .unwrap()
        .with_guessed_format()
        .unwrap()
        .decode()
        .unwrap()
        .to_rgb8()
}

#[test]
fn a_picture_without_faces_comes_out_as_it_went_in_with_a_record() {
    let Some(bench) = Bench::new() else { return };
    let bytes = jpeg(1);
    bench.original("calm.jpg", &bytes);
    let output = bench.run(&[]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(std::fs::read(bench.out.join("calm.jpg")).unwrap(), bytes);
    let record = bench.record("calm.jpg");
    assert_eq!(record["input"]["sha256"], record["output"]["sha256"]);
    assert_eq!(record["regions"].as_array().unwrap().len(), 0);
    assert!(
        record["detectors"][0]["model"]
            .as_str()
            .unwrap()
            .starts_with("centerface@")
    );
    assert_eq!(bench.outputs(), ["calm.jpg", "calm.jpg.redaction.json"]);
}

#[test]
fn every_bad_picture_is_told_apart_and_has_no_output() {
    let Some(bench) = Bench::new() else { return };
    let good = jpeg(2);
    bench.original("good.jpg", &good);
    bench.original("empty.jpg", b"");
    bench.original("prose.jpg", &b"It was a dark and stormy night. ".repeat(50));
    bench.original("cut.jpg", &good[..good.len() * 2 / 3]);
    let mut holed = good.clone();
    let middle = holed.len() / 2;
    holed[middle..middle + 200].fill(0xFF);
    bench.original("holed.jpg", &holed);
    bench.original(
        "moving.gif",
        &encoded(&pattern(40, 30, 0), ImageFormat::Gif),
    );
    bench.original("notes.txt", b"not a picture, and does not claim to be one");
    // Baseline, but said to be arithmetic-coded.
    let mut arithmetic = good.clone();
    let frame = arithmetic
        .windows(2)
        .position(|w| w == [0xFF, 0xC0])
        .unwrap();
    arithmetic[frame + 1] = 0xC9;
    bench.original("arithmetic.jpg", &arithmetic);
    // A header that promises more pixels than any memory.
    let mut bomb = encoded(&pattern(8, 8, 0), ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0]);
    let checksum = crc32(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&checksum);
    bench.original("bomb.png", &bomb);
    let wrong = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description xmlns:GPano=\"http://ns.google.com/photos/1.0/panorama/\" GPano:ProjectionType=\"equirectangular\" GPano:FullPanoWidthPixels=\"100\" GPano:FullPanoHeightPixels=\"50\" GPano:CroppedAreaImageWidthPixels=\"160\" GPano:CroppedAreaImageHeightPixels=\"120\" GPano:CroppedAreaLeftPixels=\"0\" GPano:CroppedAreaTopPixels=\"0\"/></rdf:RDF></x:xmpmeta>";
    bench.original("gpano.jpg", &with_segment(&good, 0xE1, wrong));

    let output = bench.run(&[]);
    assert!(
        !output.status.success(),
        "a picture was not processed: {}",
        told(&output)
    );
    for (name, part) in [
        ("empty.jpg", "not a JPEG"),
        ("prose.jpg", "not a JPEG"),
        ("cut.jpg", ""),
        ("holed.jpg", ""),
        ("moving.gif", "not a JPEG"),
        ("arithmetic.jpg", "arithmetic"),
        ("bomb.png", ""),
        ("gpano.jpg", "panorama"),
    ] {
        let line = line(&output, name);
        assert_eq!(line["state"], "failed", "{line}");
        assert!(line["error"].as_str().unwrap().contains(part), "{line}");
    }
    assert_eq!(line(&output, "notes.txt")["state"], "skipped");
    assert_eq!(bench.outputs(), ["good.jpg", "good.jpg.redaction.json"]);
}

/// The checksum of PNG (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
        crc
    })
}

#[test]
fn an_old_output_does_not_stand_for_a_picture_that_now_fails() {
    let Some(bench) = Bench::new() else { return };
    let good = jpeg(3);
    bench.original("a.jpg", &good);
    assert!(bench.run(&[]).status.success());
    bench.original("a.jpg", &good[..good.len() / 2]);
    assert!(!bench.run(&["--resume"]).status.success());
    assert_eq!(bench.outputs(), [""; 0]);
}

#[test]
fn a_class_without_a_model_is_refused_before_anything_is_written() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(4));
    let rushes = &bench.rushes;
    let empty = rushes.folder.path().join("no-models");
    std::fs::create_dir(&empty).unwrap();
    let args = [
        "redact",
        bench.originals.to_str().unwrap(),
        "-o",
        bench.out.to_str().unwrap(),
    ];
    let output = rushes
        .command(&args)
        .env("RUSHES_MODELS", &empty)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        told(&output).contains("rushes models pull"),
        "{}",
        told(&output)
    );
    let plates = bench.run(&["--classes", "plate", "--detector", "centerface"]);
    assert!(!plates.status.success());
    assert!(
        told(&plates).contains("rushes models pull lpd-yunet"),
        "{}",
        told(&plates)
    );
    assert_eq!(bench.outputs(), [""; 0]);
}

#[test]
fn what_was_done_is_not_done_again_and_what_changed_is() {
    let Some(bench) = Bench::new() else { return };
    for i in 0..4 {
        bench.original(&format!("{i}.jpg"), &jpeg(i));
    }
    assert_eq!(summary(&bench.run(&[]))["redacted"], 4);
    bench.original("2.jpg", &jpeg(99));
    std::fs::write(bench.out.join("3.jpg"), b"somebody else's").unwrap();
    let again = summary(&bench.run(&["--resume"]));
    assert_eq!(
        (&again["resumed"], &again["redacted"]),
        (&2.into(), &2.into())
    );
    let other = summary(&bench.run(&["--resume", "--margin", "0.3"]));
    assert_eq!(other["redacted"], 4, "other settings make another output");
}

#[test]
fn one_file_named_twice_is_one_and_two_of_one_name_are_told() {
    let Some(bench) = Bench::new() else { return };
    let first = bench.original("a/x.jpg", &jpeg(5));
    let second = bench.original("b/x.jpg", &jpeg(6));
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    let output = bench.run_on(Path::new(first), &[first]);
    assert_eq!(summary(&output)["redacted"], 1, "{}", told(&output));
    let output = bench.run_on(Path::new(first), &[second]);
    assert!(!output.status.success());
    assert!(
        line(&output, "b/x.jpg")["error"]
            .as_str()
            .unwrap()
            .contains("two folders")
    );
    // Below their folder they have names of their own.
    let output = bench.run(&["--recursive"]);
    assert_eq!(summary(&output)["redacted"], 2, "{}", told(&output));
    assert!(bench.out.join("a/x.jpg").is_file() && bench.out.join("b/x.jpg").is_file());
}

#[test]
fn an_original_is_never_written_over() {
    let Some(bench) = Bench::new() else { return };
    let bytes = jpeg(7);
    bench.original("a.jpg", &bytes);
    let folder = bench.originals.to_str().unwrap().to_owned();
    let output = bench
        .rushes
        .run(&["redact", &folder, "-o", &folder, "--classes", "face"]);
    assert!(!output.status.success());
    assert!(
        told(&output).contains("written over the original"),
        "{}",
        told(&output)
    );
    assert_eq!(std::fs::read(bench.originals.join("a.jpg")).unwrap(), bytes);
}

#[test]
fn a_region_by_hand_changes_its_pixels_and_no_others() {
    let Some(bench) = Bench::new() else { return };
    let picture = pattern(160, 120, 8);
    bench.original("a.png", &encoded(&picture, ImageFormat::Png));
    let regions = bench.rushes.folder.path().join("regions.json");
    std::fs::write(
        &regions,
        r#"{"a.png": {"add": [{"class": "plate", "box": [40, 30, 50, 20]}]}}"#,
    )
    .unwrap();
    let path = regions.to_str().unwrap().to_owned();
    let output = bench.run(&["--regions", &path, "--margin", "0"]);
    assert!(output.status.success(), "{}", told(&output));
    let redacted = pixels(&bench.out.join("a.png"));
    for (x, y, pixel) in redacted.enumerate_pixels() {
        let inside = (40..90).contains(&x) && (30..50).contains(&y);
        assert!(inside || pixel == picture.get_pixel(x, y), "{x} {y}");
    }
    assert_ne!(redacted.get_pixel(60, 40), picture.get_pixel(60, 40));
    assert_eq!(bench.record("a.png")["regions"][0]["source"], "added");

    std::fs::write(&regions, r#"{"b.png": {"add": []}}"#).unwrap();
    let output = bench.run(&["--regions", &path]);
    assert!(
        !output.status.success() && told(&output).contains("b.png"),
        "{}",
        told(&output)
    );
}

#[test]
fn among_ten_thousand_files_every_picture_is_found() {
    let Some(bench) = Bench::new() else { return };
    for i in 0..10_000 {
        if i % 500 == 0 {
            bench.original(
                &format!("{i:05}.jpg"),
                &encoded(&pattern(32, 24, i), ImageFormat::Jpeg),
            );
        } else {
            bench.original(&format!("{i:05}.txt"), b"a note");
        }
    }
    let output = bench.run(&[]);
    let summary = summary(&output);
    assert_eq!(
        (&summary["redacted"], &summary["skipped"]),
        (&20.into(), &9980.into())
    );
}

#[test]
fn a_batch_killed_in_the_middle_leaves_nothing_half_written_and_goes_on() {
    let Some(bench) = Bench::new() else { return };
    const PICTURES: u32 = 40;
    for i in 0..PICTURES {
        bench.original(
            &format!("{i:02}.jpg"),
            &encoded(&pattern(800, 600, i), ImageFormat::Jpeg),
        );
    }
    let folder = bench.originals.to_str().unwrap();
    let args = [
        "redact",
        folder,
        "-o",
        bench.out.to_str().unwrap(),
        "--classes",
        "face",
    ];
    let mut child = bench
        .rushes
        .command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Killed while at work: as soon as some are there, and not all.
    while bench.outputs().len() < 9 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let pictures: Vec<String> = bench
        .outputs()
        .into_iter()
        .filter(|name| name.ends_with(".jpg"))
        .collect();
    for name in &pictures {
        let record = bench.record(name);
        let bytes = std::fs::metadata(bench.out.join(name)).unwrap().len();
        assert_eq!(record["output"]["bytes"], bytes, "{name}");
        pixels(&bench.out.join(name));
    }
    let done = summary(&bench.run(&["--resume"]));
    assert_eq!(
        done["redacted"].as_u64().unwrap() + done["resumed"].as_u64().unwrap(),
        u64::from(PICTURES)
    );
    assert!(done["resumed"].as_u64().unwrap() >= pictures.len() as u64 - 1);
    assert!(
        bench.outputs().iter().all(|name| !name.starts_with('.')),
        "what lay aside is gone"
    );
}

#[test]
fn a_full_disk_is_told_and_leaves_no_output() {
    let Some(bench) = Bench::new() else { return };
    let Some(_disk) = SmallDisk::mount(&bench.out) else {
        return;
    };
    let large = encoded(&pattern(900, 700, 1), ImageFormat::Png);
    assert!(large.len() > 64 << 10);
    bench.original("large.png", &large);
    let output = bench.run(&[]);
    assert!(!output.status.success());
    let line = line(&output, "large.png");
    assert!(
        line["error"].as_str().unwrap().contains("No space left"),
        "{line}"
    );
    assert_eq!(bench.outputs(), [""; 0]);
}

#[test]
fn an_output_folder_that_cannot_be_made_is_told() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(1));
    std::fs::write(&bench.out, b"a file").unwrap();
    let output = bench.run(&[]);
    assert!(!output.status.success());
    assert!(
        told(&output).contains("make the folder"),
        "{}",
        told(&output)
    );
}

#[test]
fn faces_of_real_people_are_gone_and_the_rest_of_the_picture_is_not() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let city = material.join("faces/deface_city.jpg");
    let report = bench.rushes.folder.path().join("report.html");
    let output = bench.run_on(&city, &["--report", report.to_str().unwrap()]);
    assert!(output.status.success(), "{}", told(&output));
    let found = bench.record("deface_city.jpg");
    let regions = found["regions"].as_array().unwrap();
    assert!(regions.len() >= 10, "{found:#}");
    let (before, after) = (pixels(&city), pixels(&bench.out.join("deface_city.jpg")));
    // What lies 40 pixels and more from every region is the same to the bit.
    let far = |x: u32, y: u32| {
        regions.iter().all(|region| {
            let b: Vec<f64> = region["box"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap())
                .collect();
            let (x, y) = (f64::from(x), f64::from(y));
            x < b[0] - 40.0 || y < b[1] - 40.0 || x > b[0] + b[2] + 40.0 || y > b[1] + b[3] + 40.0
        })
    };
    let same = before.enumerate_pixels().filter(|(x, y, _)| far(*x, *y));
    let (mut looked, mut differ) = (0, 0);
    for (x, y, pixel) in same {
        looked += 1;
        differ += u32::from(after.get_pixel(x, y) != pixel);
    }
    assert!(looked > 100_000 && differ == 0, "{differ} of {looked}");
    let page = std::fs::read_to_string(&report).unwrap();
    assert!(page.contains("1 processed") && page.contains("data:image/jpeg;base64,"));

    let judged = without_detail(regions, &before, &after);
    assert!(judged >= 5, "{judged}");
}

/// A panorama's packet that names the projection alone, as phones write it for a part of one.
const PROJECTION_ALONE: &[u8] =
    b"http://ns.adobe.com/xap/1.0/\0<x xmlns:GPano=\"http://ns.google.com/photos/1.0/panorama/\" \
GPano:ProjectionType=\"equirectangular\"/>";

#[test]
fn a_part_of_a_panorama_without_its_place_is_refused_with_the_way_out() {
    let Some(bench) = Bench::new() else { return };
    let picture = with_segment(&jpeg(1), 0xE1, PROJECTION_ALONE);
    bench.original("part.jpg", &picture);
    let output = bench.run(&[]);
    let error = line(&output, "part.jpg")["error"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(error.contains("--camera planar"), "{error}");
    let output = bench.run(&["--camera", "planar"]);
    assert_eq!(line(&output, "part.jpg")["state"], "redacted");
}

#[cfg(unix)]
#[test]
fn a_file_whose_name_is_not_utf8_has_its_line() {
    use std::os::unix::ffi::OsStrExt as _;
    let Some(bench) = Bench::new() else { return };
    let name = std::ffi::OsStr::from_bytes(b"gr\xFC\xDFe.jpg");
    std::fs::write(bench.originals.join(name), jpeg(1)).unwrap();
    bench.original("plain.jpg", &jpeg(2));
    let output = bench.run(&[]);
    assert!(output.status.success(), "{}", told(&output));
    let lossy = line(&output, "gr\u{FFFD}\u{FFFD}e.jpg");
    assert_eq!(lossy["state"], "redacted");
    assert_eq!(lossy["name_is_lossy"], true);
    assert!(line(&output, "plain.jpg").get("name_is_lossy").is_none());
    assert!(bench.out.join(name).try_exists().unwrap());
}

#[test]
fn a_face_that_only_alpha_shows_is_hidden() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let city = pixels(&material.join("faces/deface_city.jpg"));
    let grey = DynamicImage::from(city).into_luma8();
    // Black all over; brightness is transparency, so that a white page shows the picture.
    let drawn = image::RgbaImage::from_fn(grey.width(), grey.height(), |x, y| {
        image::Rgba([0, 0, 0, 255 - grey.get_pixel(x, y).0[0]])
    });
    for (name, format) in [
        ("a.png", ImageFormat::Png),
        ("a.webp", ImageFormat::WebP),
        ("a.tif", ImageFormat::Tiff),
    ] {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(drawn.clone())
            .write_to(&mut bytes, format)
            .unwrap();
        let path = bench.original(name, &bytes.into_inner());
        let output = bench.run_on(&path, &[]);
        assert!(output.status.success(), "{}", told(&output));
        let found = bench.record(name);
        let regions = found["regions"].as_array().unwrap();
        assert!(regions.len() >= 8, "{name}: {}", regions.len());
        let shown = |path: &Path| {
            let picture = image::ImageReader::open(path)
                .unwrap()
                .with_guessed_format()
                .unwrap()
                .decode()
                .unwrap()
                .into_rgba8();
            RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
                Rgb([255 - picture.get_pixel(x, y).0[3]; 3])
            })
        };
        let (before, after) = (shown(&path), shown(&bench.out.join(name)));
        let judged = without_detail(regions, &before, &after);
        assert!(judged >= 4, "{name}: {judged}");
    }
}

#[test]
fn people_are_named_no_longer_unless_it_is_asked_for() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let packet = b"http://ns.adobe.com/xap/1.0/\0<x xmlns:mwg-rs=\"http://www.metadataworkinggroup.com/schemas/regions/\" \
        mwg-rs:Name=\"Jane Doe\" title=\"Street\"/>";
    let city = std::fs::read(material.join("faces/deface_city.jpg")).unwrap();
    bench.original("city.jpg", &with_segment(&city, 0xE1, packet));
    bench.original("nobody.jpg", &with_segment(&jpeg(1), 0xE1, packet));
    let has = |name: &str, word: &[u8]| {
        let bytes = std::fs::read(bench.out.join(name)).unwrap();
        bytes.windows(word.len()).any(|w| w == word)
    };
    let told = |name: &str| {
        let record = bench.record(name);
        let hidden = record["hidden"].as_array().unwrap();
        hidden.iter().any(|copy| copy["kind"] == "person-name")
    };
    assert!(bench.run(&[]).status.success());
    assert!(!has("city.jpg", b"Jane") && has("city.jpg", b"title=\"Street\""));
    assert!(told("city.jpg"));
    // Nobody was hidden there.
    assert!(has("nobody.jpg", b"Jane") && !told("nobody.jpg"));
    assert!(bench.run(&["--keep-names"]).status.success());
    assert!(has("city.jpg", b"Jane") && !told("city.jpg"));
}

/// Asserts that detail is gone in all regions but small ones: steps between neighbours are a small part of what they
/// were. How many regions that were.
fn without_detail(regions: &[Value], before: &RgbImage, after: &RgbImage) -> usize {
    let mut judged = 0;
    for region in regions {
        let b: [f64; 4] = serde_json::from_value(region["box"].clone()).unwrap();
        if b[2].min(b[3]) < 24.0 {
            continue;
        }
        let (old, new) = (detail(before, b), detail(after, b));
        assert!(new < 0.4 * old, "{old} then {new}: {region:#}");
        judged += 1;
    }
    judged
}

/// Mean step between horizontal neighbours in a box.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "inside the picture"
)]
fn detail(picture: &RgbImage, [x, y, width, height]: [f64; 4]) -> f64 {
    let columns = (x.max(0.0) as u32)..((x + width) as u32).min(picture.width() - 1);
    let rows = (y.max(0.0) as u32)..((y + height) as u32).min(picture.height());
    let (mut sum, mut count) = (0.0, 0.0);
    for y in rows {
        for x in columns.clone() {
            let (a, b) = (picture.get_pixel(x, y), picture.get_pixel(x + 1, y));
            sum += f64::from(a.0[1].abs_diff(b.0[1]));
            count += 1.0;
        }
    }
    sum / count
}

#[test]
fn a_picture_stored_on_its_side_is_blurred_where_its_faces_are() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let upright = pixels(&material.join("faces/deface_city.jpg"));
    bench.original("upright.jpg", &encoded(&upright, ImageFormat::Jpeg));
    // Orientation 6: to be turned a quarter clockwise, so stored a quarter counter-clockwise.
    let stored = encoded(&image::imageops::rotate270(&upright), ImageFormat::Jpeg);
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    bench.original("sideways.jpg", &with_segment(&stored, 0xE1, exif));
    let output = bench.run(&[]);
    assert!(output.status.success(), "{}", told(&output));
    let boxes = |name: &str| -> Vec<[f64; 4]> {
        let record = bench.record(name);
        let regions = record["regions"].as_array().unwrap();
        let sure = regions
            .iter()
            .filter(|region| region["score"].as_f64().unwrap() > 0.6);
        let mut boxes: Vec<[f64; 4]> = sure
            .map(|region| serde_json::from_value(region["box"].clone()).unwrap())
            .collect();
        boxes.sort_by(|a, b| a[0].total_cmp(&b[0]));
        boxes
    };
    let (a, b) = (boxes("upright.jpg"), boxes("sideways.jpg"));
    assert_eq!(a.len(), b.len());
    assert!(
        a.iter()
            .zip(&b)
            .all(|(a, b)| a.iter().zip(b).all(|(p, q)| (p - q).abs() < 4.0))
    );
    // The blurred pixels themselves, turned back, are those of the upright picture.
    let turned = image::imageops::rotate90(&pixels(&bench.out.join("sideways.jpg")));
    let straight = pixels(&bench.out.join("upright.jpg"));
    for b in a {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "inside the picture"
        )]
        let middle = ((b[0] + b[2] / 2.0) as u32, (b[1] + b[3] / 2.0) as u32);
        let (p, q) = (
            turned.get_pixel(middle.0, middle.1),
            straight.get_pixel(middle.0, middle.1),
        );
        assert!(
            p.0.iter().zip(q.0).all(|(p, q)| p.abs_diff(q) < 48),
            "{p:?} {q:?} at {middle:?}"
        );
    }
}

#[test]
fn plates_are_found_more_often_than_by_one_pass() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let weights = material.join("weights/license_plate_detection_lpd_yunet_2022may.onnx");
    let scores = bench.rushes.json(&[
        "redact",
        "eval",
        material.join("plates_eu").to_str().unwrap(),
        "--classes",
        "plate",
        "--weights",
        &format!("lpd-yunet={}", weights.display()),
    ]);
    let plates = &scores["classes"]["plate"];
    assert_eq!(plates["truths"], 108);
    // One pass at 320 x 240, with a score of 0.5 and an IoU of 0.3, finds 64.
    assert!(plates["found"].as_u64().unwrap() > 95, "{plates:#}");
    assert!(plates["covered"].as_u64().unwrap() > 95, "{plates:#}");
}

#[test]
fn votes_that_no_object_can_get_are_refused() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(1));
    for more in [
        &["--votes", "2"][..],
        &["--votes", "2", "--detector", "centerface,centerface"],
    ] {
        let output = bench.run(more);
        assert!(!output.status.success());
        assert!(
            told(&output).contains("name more detectors"),
            "{}",
            told(&output)
        );
    }
}

#[test]
fn files_that_others_made_are_not_written_over() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(1));
    std::fs::create_dir(&bench.out).unwrap();
    let theirs = jpeg(2);
    std::fs::write(bench.out.join("a.jpg"), &theirs).unwrap();
    let output = bench.run(&[]);
    assert!(!output.status.success());
    assert!(
        line(&output, "a.jpg")["error"]
            .as_str()
            .unwrap()
            .contains("not made by a redaction")
    );
    assert_eq!(std::fs::read(bench.out.join("a.jpg")).unwrap(), theirs);
}

#[test]
fn a_run_with_other_views_or_another_camera_is_not_taken_for_done() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(1));
    assert_eq!(summary(&bench.run(&["--layout", "whole"]))["redacted"], 1);
    assert_eq!(
        summary(&bench.run(&["--layout", "whole", "--resume"]))["resumed"],
        1
    );
    assert_eq!(summary(&bench.run(&["--resume"]))["redacted"], 1);
    assert_eq!(
        summary(&bench.run(&["--resume", "--camera", "planar"]))["redacted"],
        1
    );
    assert_eq!(
        summary(&bench.run(&["--resume", "--camera", "planar"]))["resumed"],
        1
    );
}

#[test]
fn corrections_that_could_mean_two_files_or_no_pixel_are_refused() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a/x.jpg", &jpeg(1));
    bench.original("b/x.jpg", &jpeg(2));
    let regions = bench.rushes.folder.path().join("regions.json");
    let path = regions.to_str().unwrap().to_owned();
    std::fs::write(&regions, r#"{"x.jpg": {"add": []}}"#).unwrap();
    let output = bench.run(&["--recursive", "--regions", &path]);
    assert!(
        !output.status.success() && told(&output).contains("with its folder"),
        "{}",
        told(&output)
    );
    std::fs::write(
        &regions,
        r#"{"a/x.jpg": {"add": [{"box": [-100, 0, 50, 50]}]}}"#,
    )
    .unwrap();
    let output = bench.run(&["--recursive", "--regions", &path]);
    assert_eq!(summary(&output)["failed"], 1, "{}", told(&output));
    assert!(!bench.out.join("a/x.jpg").is_file() && bench.out.join("b/x.jpg").is_file());
}
