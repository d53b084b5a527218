//! Metadata around the pictures of a rewritten video: light, panoramas, telemetry, camera data.

use std::path::Path;
use std::process::Command;

use rushes_workers::media::StreamFate;

use crate::clips::{Clips, ffprobe};
use crate::rewriting::{VIDEO, again, same_packets, surveyed};

fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes(), &kind[..], body].concat()
}

/// Inserts boxes before a box of an MP4 whose index follows the pictures, so that only the lengths of enclosing
/// boxes change.
fn insert(mp4: &[u8], before: [u8; 4], enclosing: &[&[u8; 4]], added: Vec<u8>) -> Vec<u8> {
    let find = |kind: &[u8; 4]| mp4.windows(4).rposition(|window| window == kind).unwrap() - 4;
    let at = find(&before);
    let mut bytes = mp4.to_vec();
    for kind in enclosing {
        let start = find(kind);
        let length = u32::from_be_bytes(bytes[start..start + 4].try_into().unwrap());
        let longer = length + u32::try_from(added.len()).unwrap();
        bytes[start..start + 4].copy_from_slice(&longer.to_be_bytes());
    }
    bytes.splice(at..at, added);
    bytes
}

/// The boxes around a codec description.
const TO_CODEC: [&[u8; 4]; 6] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"];

/// The light metadata of a video, and those of its mastering display.
fn light(path: &Path) -> Vec<String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_streams"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let keys = [
        "red_x",
        "green_y",
        "blue_x",
        "white_point_y",
        "min_lum",
        "max_lum",
        "max_con",
        "max_ave",
    ];
    let lines = text
        .lines()
        .filter(|line| keys.iter().any(|key| line.starts_with(key)));
    // Fractions with other denominators are the same numbers.
    let lines = lines.map(|line| {
        let (key, value) = line.split_once('=').unwrap();
        let number = match value.split_once('/') {
            Some((top, bottom)) => top.parse::<f64>().unwrap() / bottom.parse::<f64>().unwrap(),
            None => value.parse().unwrap(),
        };
        format!("{key} {number:.4}")
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort_unstable();
    lines
}

#[test]
fn what_is_said_of_high_dynamic_range_stays() {
    let clips = Clips::new();
    let tags = "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -color_range tv";
    // ST 2086 and CTA-861.3: once in the codec's messages, once in the container's boxes.
    let expected = [
        "blue_x 0.1500",
        "green_y 0.6900",
        "max_average 400.0000",
        "max_content 900.0000",
        "max_luminance 1000.0000",
        "min_luminance 0.0050",
        "red_x 0.6800",
        "white_point_y 0.3290",
    ];
    let x265 = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=error:\
        master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=900,400";
    for name in ["message.mp4", "message.mov", "message.mkv"] {
        let path = clips.make(&format!("{VIDEO} {x265} {tags}"), name);
        let (output, ..) = again(&path, &[2]);
        assert_eq!(light(&output), expected, "{name}");
    }
    let plain = clips.make(
        &format!("{VIDEO} -c:v libx264 -pix_fmt yuv420p10le {tags}"),
        "plain.mp4",
    );
    let numbers = |values: &[u16]| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect()
    };
    let primaries = numbers(&[13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450]);
    let lights = [10_000_000_u32.to_be_bytes(), 50_u32.to_be_bytes()].concat();
    let added = [
        boxed(*b"mdcv", &[primaries, lights].concat()),
        boxed(*b"clli", &numbers(&[900, 400])),
    ];
    let path = [&TO_CODEC[..], &[b"avc1"]].concat();
    let bytes = insert(
        &std::fs::read(&plain).unwrap(),
        *b"avcC",
        &path,
        added.concat(),
    );
    let path = clips.write("boxes.mp4", &bytes);
    assert_eq!(light(&path), expected);
    let (output, ..) = again(&path, &[2]);
    assert_eq!(light(&output), expected);
}

#[test]
fn a_video_is_not_called_dolby_vision_without_its_messages() {
    let clips = Clips::new();
    let plain = clips.make(&format!("{VIDEO} -c:v libx264"), "plain.mp4");
    // Version 1.0, profile 9, level 1, RPU and base layer, compatible with standard range (2).
    let body = [&[1, 0, 9 << 1, 1 << 3 | 0b101, 2 << 4][..], &[0; 19]].concat();
    let path = [&TO_CODEC[..], &[b"avc1"]].concat();
    let bytes = insert(
        &std::fs::read(&plain).unwrap(),
        *b"avcC",
        &path,
        boxed(*b"dvvC", &body),
    );
    let path = clips.write("dolby.mp4", &bytes);
    let says = |path: &Path| {
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-show_streams"])
            .arg(path)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).contains("DOVI")
    };
    assert!(says(&path));
    let (output, survey, _) = again(&path, &[]);
    assert!(!says(&output));
    let told = survey.warnings.iter().any(|it| it.contains("Dolby Vision"));
    assert!(told, "{:?}", survey.warnings);
}

#[test]
fn what_a_camera_says_of_itself_stays_or_is_reported() {
    let clips = Clips::new();
    for name in ["plain.mp4", "plain.mov"] {
        let plain = clips.make(&format!("{VIDEO} -c:v libx264"), name);
        let text = |kind: &[u8; 4], text: &str| {
            let length = u16::try_from(text.len()).unwrap().to_be_bytes();
            boxed(
                *kind,
                &[&length[..], &[0x15, 0xc7], text.as_bytes()].concat(),
            )
        };
        let added = boxed(
            *b"udta",
            &[
                boxed(*b"FIRM", b"HD8.01.01.20.00"),
                text(b"\xa9mak", "GoPro"),
                text(b"\xa9mod", "HERO8"),
                text(b"\xa9xyz", "+48.8577+002.2950/"),
                boxed(*b"CAME", &[7; 16]),
                boxed(*b"MUID", &[8; 32]),
                boxed(*b"MUID", &[9; 32]),
            ]
            .concat(),
        );
        let bytes = insert(&std::fs::read(&plain).unwrap(), *b"trak", &[b"moov"], added);
        let path = clips.write(&format!("camera-{name}"), &bytes);
        let (output, survey, _) = again(&path, &[]);
        let told: Vec<&String> = survey
            .warnings
            .iter()
            .filter(|it| it.contains("user data"))
            .collect();
        assert_eq!(
            told,
            ["camera user data that is not carried over: CAME, MUID"],
            "{name}"
        );
        for tag in ["firmware", "make", "model", "location"] {
            let of = |path: &Path| ffprobe(path, "v:0", &format!("format_tags={tag}"));
            assert!(!of(&path).is_empty(), "{name}: {tag}");
            assert_eq!(of(&output), of(&path), "{name}: {tag}");
        }
        assert!(survey.warnings.len() == 1, "{:?}", survey.warnings);
        assert!(surveyed(&plain).warnings.is_empty());
    }
}

/// Inserts boxes for "equirectangular" into the description of an MP4's H.264.
fn as_panorama(mp4: &[u8]) -> Vec<u8> {
    let st3d = [0, 0, 0, 13, b's', b't', b'3', b'd', 0, 0, 0, 0, 0];
    let head = boxed(*b"svhd", b"\0\0\0\0test\0");
    let pose = boxed(*b"prhd", &[0; 16]);
    let whole = boxed(*b"equi", &[0; 20]);
    let added = [
        &st3d[..],
        &boxed(
            *b"sv3d",
            &[head, boxed(*b"proj", &[pose, whole].concat())].concat(),
        ),
    ]
    .concat();
    let path = [&TO_CODEC[..], &[b"avc1"]].concat();
    insert(mp4, *b"avcC", &path, added)
}

#[test]
fn a_panorama_stays_one() {
    let clips = Clips::new();
    let path = clips.make(&format!("{VIDEO} -c:v libx264"), "flat.mp4");
    assert_eq!(surveyed(&path).panorama, None);
    let bytes = as_panorama(&std::fs::read(&path).unwrap());
    let path = clips.write("round.mp4", &bytes);
    assert_eq!(surveyed(&path).panorama, Some([0.0; 4]));
    let (output, ..) = again(&path, &[1]);
    assert_eq!(surveyed(&output).panorama, Some([0.0; 4]));
}

#[test]
fn telemetry_of_cameras_stays_and_other_data_goes() {
    let clips = Clips::new();
    let coded = clips.make(
        &format!("{VIDEO} -c:v libx264 -timecode 01:00:00:00"),
        "coded.mp4",
    );
    // The timecode track becomes a telemetry track by its two names: of its handler and of its samples.
    let bytes = std::fs::read(&coded).unwrap();
    let named = |tag: &[u8; 4]| {
        let mut bytes = bytes.clone();
        let names = |from: &[u8]| {
            from.windows(4)
                .rposition(|window| window == b"tmcd")
                .unwrap()
        };
        let sample = names(&bytes);
        bytes[sample..sample + 4].copy_from_slice(tag);
        let is_handler = |window: &[u8]| &window[..4] == b"hdlr" && &window[12..] == b"tmcd";
        let handler = bytes.windows(16).position(is_handler).unwrap() + 12;
        bytes[handler..handler + 4].copy_from_slice(b"meta");
        bytes
    };
    let path = clips.write("sport.mp4", &named(b"gpmd"));
    let (output, survey, _) = again(&path, &[]);
    assert_eq!(survey.streams[1].codec, "gpmd");
    assert_eq!(survey.streams[1].fate, StreamFate::Copied);
    assert!(same_packets(&output, &path, "d:0"));
    // Telemetry of cameras for panoramas (CAMM).
    let path = clips.write("street.mp4", &named(b"camm"));
    let (output, survey, _) = again(&path, &[]);
    assert_eq!(survey.streams[1].codec, "camm");
    assert_eq!(survey.streams[1].fate, StreamFate::Copied);
    assert!(same_packets(&output, &path, "d:0"));
    let after = surveyed(&output);
    assert_eq!(after.streams.len(), 2);
    assert_eq!(after.streams[1].codec, "camm");
    assert!(same_packets(&again(&output, &[]).0, &path, "d:0"));
    let path = clips.write("other.mp4", &named(b"abcd"));
    let (output, survey, _) = again(&path, &[]);
    assert_eq!(survey.streams[1].fate, StreamFate::Dropped);
    assert_eq!(surveyed(&output).streams.len(), 1);
}
