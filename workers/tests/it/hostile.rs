//! Files that are not videos, name other files, or are damaged.

use rushes_workers::media::{Bounds, FrameReader, MediaError, ReadOptions, probe};
use rushes_workers::segment::{SegmentParams, segment};

use crate::clips::{Clips, open, scan, try_scan};

fn code(clips: &Clips, name: &str, bytes: &[u8]) -> &'static str {
    let path = clips.write(name, bytes);
    match probe(open(&path), &Bounds::default()) {
        Ok(info) => panic!("{name} was opened as {}", info.container),
        Err(error) => error.code(),
    }
}

#[test]
fn files_that_name_other_files_are_refused() {
    let clips = Clips::new();
    clips.make(
        "-f lavfi -i testsrc2=r=25:s=64x64:d=1 -c:v libx264",
        "other.mp4",
    );
    let other = clips.path("other.mp4").display().to_string();
    for (name, text) in [
        ("concat.mp4", format!("ffconcat version 1.0\nfile {other}\n")),
        ("hls.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n")),
        ("sdp.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n".to_owned()),
        ("dash.mp4", format!("<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:full:2011\" type=\"static\"><Period><AdaptationSet><Representation id=\"1\"><BaseURL>file:{other}</BaseURL></Representation></AdaptationSet></Period></MPD>")),
        ("list.mp4", format!("file '{other}'\nfile '{other}'\n")),
    ] {
        let code = code(&clips, name, text.as_bytes());
        assert!(matches!(code, "forbidden-container" | "not-media"), "{name}: {code}");
    }
}

#[test]
fn files_that_are_no_videos_are_refused_by_what_they_are() {
    let clips = Clips::new();
    assert_eq!(code(&clips, "empty.mp4", b""), "media-empty");
    assert_eq!(
        code(&clips, "text.mp4", "just a letter\n".repeat(99).as_bytes()),
        "not-media"
    );
    let png = clips.make(
        "-f lavfi -i testsrc2=s=64x64:d=1 -frames:v 1",
        "picture.png",
    );
    let error = probe(open(&png), &Bounds::default()).unwrap_err();
    assert_eq!(error, MediaError::ForbiddenContainer("png_pipe".to_owned()));
    let sound = clips.make("-f lavfi -i sine=d=1", "sound.wav");
    assert_eq!(try_scan(&sound).unwrap_err(), MediaError::NoVideo);
    assert_eq!(
        probe(open(&sound), &Bounds::default()).unwrap().main_video,
        None
    );
}

#[test]
fn a_video_without_frames_is_refused() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=64x64:d=1 -frames:v 0 -c:v mpeg4 -f avi",
        "none.avi",
    );
    let error = try_scan(&video).unwrap_err();
    assert!(
        matches!(
            error,
            MediaError::NoFrames | MediaError::NoVideo | MediaError::Truncated(_)
        ),
        "{error}"
    );
}

#[test]
fn a_video_that_is_cut_short_plays_as_far_as_it_can() {
    let clips = Clips::new();
    for name in ["video.mp4", "video.mkv", "video.ts", "fragments.mp4"] {
        let fragments = if name.starts_with("frag") {
            "-movflags frag_keyframe+empty_moov"
        } else {
            ""
        };
        let video = clips.make(
            &format!("-f lavfi -i testsrc2=r=25:s=320x180:d=4 -c:v libx264 -g 25 {fragments}"),
            name,
        );
        let bytes = std::fs::read(&video).unwrap();
        let half = clips.write("half", &bytes[..bytes.len() / 2]);
        match try_scan(&half) {
            Ok(scan) => {
                assert_ne!(name, "video.mp4");
                assert!((10..100).contains(&scan.timeline.frames()), "{name}");
            }
            Err(error) => {
                assert_eq!((name, error.code()), ("video.mp4", "media-truncated"));
            }
        }
    }
}

#[test]
fn damage_in_the_middle_is_passed_over_and_recorded() {
    let clips = Clips::new();
    for name in ["video.mp4", "video.mkv", "video.ts"] {
        let video = clips.make(
            "-f lavfi -i testsrc2=r=25:s=320x180:d=6 -c:v libx264 -g 25 -bf 2",
            name,
        );
        let whole = scan(&video);
        assert_eq!(whole.corrupt, [], "{name}");
        let mut bytes = std::fs::read(&video).unwrap();
        let middle = bytes.len() / 2;
        for byte in &mut bytes[middle..middle + 20_000] {
            *byte = byte.wrapping_mul(167).wrapping_add(13);
        }
        let damaged = clips.write("damaged", &bytes);
        // With several threads FFmpeg 5.1 may output a frame before it knows of its damage.
        let params = SegmentParams {
            threads: 1,
            ..SegmentParams::default()
        };
        let mut progress = |_done, _total| Ok(());
        let damaged = segment(open(&damaged), &params, &Bounds::default(), &mut progress).unwrap();
        assert!(!damaged.corrupt.is_empty(), "{name}");
        let frames = damaged.timeline.frames();
        assert!((100..=150).contains(&frames), "{name}: {frames}");
        let ascends = damaged
            .timeline
            .pts
            .windows(2)
            .all(|pair| pair[0] < pair[1]);
        assert!(ascends, "{name}");
        // The video continues after the damage, at the right time.
        assert_eq!(
            damaged.timeline.pts.last(),
            whole.timeline.pts.last(),
            "{name}"
        );
        let (first, last) = (whole.timeline.pts[0], whole.timeline.end_pts);
        assert!(
            damaged
                .corrupt
                .iter()
                .all(|span| span.start_pts > first && span.end_pts < last),
            "{name}: {:?}",
            damaged.corrupt
        );
    }
}

#[test]
fn what_a_video_may_demand_is_limited() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x180:d=3 -f lavfi -i sine=d=3 -c:v libx264",
        "video.mp4",
    );
    let defaults = Bounds::default();
    for (bounds, what) in [
        (
            Bounds {
                max_pixels: 1000,
                ..defaults
            },
            "pixels per frame",
        ),
        (
            Bounds {
                max_streams: 1,
                ..defaults
            },
            "streams",
        ),
        (
            Bounds {
                max_duration_ms: 2000,
                ..defaults
            },
            "milliseconds of video",
        ),
        (
            Bounds {
                max_frames: 70,
                ..defaults
            },
            "frames per video",
        ),
    ] {
        let mut progress = |_done, _total| Ok(());
        let error = segment(open(&video), &Default::default(), &bounds, &mut progress);
        match error.unwrap_err() {
            MediaError::Limit { what: found, .. } => assert_eq!(found, what),
            other => panic!("{what}: {other}"),
        }
    }
}

#[test]
fn an_encrypted_video_is_refused_for_that() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x180:d=1 -c:v libx264 -encryption_scheme cenc-aes-ctr \
         -encryption_key 00112233445566778899aabbccddeeff -encryption_kid 00112233445566778899aabbccddee00",
        "secret.mp4",
    );
    let error = try_scan(&video).unwrap_err();
    assert_eq!(error, MediaError::Encrypted);
    assert_eq!(error.code(), "media-encrypted");
    assert!(error.to_string().contains("encrypted"), "{error}");
}

#[test]
fn a_codec_that_nobody_knows_is_named() {
    let clips = Clips::new();
    let video = "-f lavfi -i testsrc2=r=25:s=320x180:d=1";
    for (name, codec, from, to) in [
        ("video.mp4", "-c:v libx264", &b"avc1"[..], &b"zzzz"[..]),
        ("video.mov", "-c:v mjpeg", b"jpeg", b"qqqq"),
        ("video.avi", "-c:v mpeg4", b"FMP4", b"ZZ1\x07"),
        (
            "video.mkv",
            "-c:v libx264",
            b"V_MPEG4/ISO/AVC",
            b"V_WHAT/ISO/NONE",
        ),
    ] {
        let path = clips.make(&format!("{video} {codec}"), name);
        let mut bytes = std::fs::read(path).unwrap();
        let places: Vec<usize> = (0..bytes.len() - from.len())
            .filter(|&at| bytes[at..].starts_with(from))
            .collect();
        assert!(!places.is_empty(), "{name}");
        for at in places {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
        let path = clips.write(&format!("unknown-{name}"), &bytes);
        let error = try_scan(&path).unwrap_err();
        assert_eq!(error.code(), "unsupported-codec", "{name}: {error}");
        let expected = match name {
            "video.mkv" => "unknown codec 'unnamed'".to_owned(),
            _ => format!("unknown codec '{}'", to.escape_ascii()),
        };
        assert!(error.to_string().starts_with(&expected), "{name}: {error}");
    }
}

/// The damaged places of a video for a reader with this many threads, and the number of frames.
fn damage(path: &std::path::Path, threads: u32) -> (u64, Vec<(i64, i64)>) {
    let options = ReadOptions {
        threads,
        exact_damage: true,
        ..ReadOptions::default()
    };
    let mut reader = FrameReader::open(open(path), options, &Bounds::default()).unwrap();
    let mut frames = 0;
    while reader.next_frame().unwrap().is_some() {
        frames += 1;
    }
    let spans = reader.corrupt().iter();
    (
        frames,
        spans.map(|span| (span.start_pts, span.end_pts)).collect(),
    )
}

#[test]
fn damage_is_the_same_for_any_number_of_threads() {
    let clips = Clips::new();
    let video = "-f lavfi -i testsrc2=r=25:s=320x180:d=6";
    for (name, codec) in [
        ("video.mkv", "-c:v libx264 -g 20 -bf 2 -threads 1"),
        (
            "slices.mkv",
            "-c:v libx264 -g 20 -bf 2 -slices 4 -threads 1",
        ),
        ("video.ts", "-c:v mpeg2video -g 20 -bf 2 -threads 1"),
        ("video.avi", "-c:v mpeg4 -g 20"),
    ] {
        let mut bytes = std::fs::read(clips.make(&format!("{video} {codec}"), name)).unwrap();
        let length = bytes.len();
        for part in 2..9 {
            let at = length * part / 10;
            bytes[at..at + 60].fill(0x55);
        }
        let path = clips.write(&format!("damaged-{name}"), &bytes);
        let (frames, spans) = damage(&path, 1);
        assert!(!spans.is_empty(), "{name}");
        for threads in [2, 4] {
            assert_eq!(
                damage(&path, threads),
                (frames, spans.clone()),
                "{name}: {threads}"
            );
        }
    }
}
