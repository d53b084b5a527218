//! One picture: what changes, what stays, and what is refused.

use super::*;

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
