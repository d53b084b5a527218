//! Videos whose clock starts late, jumps ahead, falls back or wraps have one continuous timeline everywhere.

use std::path::{Path, PathBuf};

use rushes_workers::media::{Bounds, FrameReader, ReadOptions};
use rushes_workers::segment::ShotScan;

use crate::clips::{Clips, ffprobe, open, scan};
use crate::proxies::cut_to;
use crate::rewriting::{again, packets};

/// Two seconds of pictures and sound as a transport stream whose clock starts at this many seconds.
fn stream(clips: &Clips, start: &str, codec: &str) -> Vec<u8> {
    let video = "-f lavfi -i testsrc2=r=25:s=192x128:d=2 -f lavfi -i sine=d=2:f=300";
    let name = format!("part-{start}.ts");
    let made = clips.make(
        &format!("{video} {codec} -c:a aac -output_ts_offset {start}"),
        &name,
    );
    std::fs::read(made).unwrap()
}

const H264: &str = "-c:v libx264 -g 12 -bf 2";

/// A video of such parts, concatenated.
fn video(clips: &Clips, starts: &[&str], codec: &str) -> PathBuf {
    let bytes: Vec<u8> = starts
        .iter()
        .flat_map(|start| stream(clips, start, codec))
        .collect();
    clips.write(&format!("{}.ts", starts.join("-")), &bytes)
}

fn steps(pts: &[i64]) -> Vec<i64> {
    pts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn assert_even(scan: &ShotScan, frames: usize, what: &str) {
    let timeline = &scan.timeline;
    assert_eq!(timeline.pts.len(), frames, "{what}");
    assert_eq!(steps(&timeline.pts), vec![3600; frames - 1], "{what}");
    assert_eq!(timeline.end_pts, timeline.pts[frames - 1] + 3600, "{what}");
    assert!(!timeline.variable, "{what}");
    assert_eq!(timeline.rate.to_string(), "25/1", "{what}");
}

/// Times in milliseconds of the packets of the video and of its sound, and the duration of the video.
fn assert_plays(path: &Path, frames: usize, what: &str) {
    let (mut times, _) = packets(path, "v:0");
    times.sort_by(f64::total_cmp);
    assert_eq!(times.len(), frames, "{what}");
    for (number, time) in times.iter().enumerate() {
        let expected = times[0] + f64::from(u32::try_from(number).unwrap()) * 0.04;
        assert!((time - expected).abs() < 2e-3, "{what}: {number} at {time}");
    }
    assert!(times[0] < 0.1, "{what} begins at {}", times[0]);
    let seconds = f64::from(u32::try_from(frames).unwrap()) * 0.04;
    let (sound, _) = packets(path, "a:0");
    let last = sound.last().unwrap();
    assert!((last - seconds).abs() < 0.15, "{what}: sound until {last}");
    assert!(sound[0].abs() < 0.1, "{what}: sound from {}", sound[0]);
    // No gap is larger than the one between the two parts of the video.
    let gaps = sound.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.fold(0.0, f64::max) < 0.1, "{what}");
    let whole: f64 = ffprobe(path, "v:0", "format=duration").parse().unwrap();
    assert!((whole - seconds).abs() < 0.2, "{what} plays {whole} s");
    // The frames that a player shows: no edit list cuts any off.
    assert_eq!(crate::clips::ffprobe_pts(path).len(), frames, "{what}");
}

#[test]
fn a_broken_clock_makes_one_continuous_video_everywhere() {
    let clips = Clips::new();
    for (starts, jumps) in [
        (&["0", "5000"][..], &[4998][..]),
        (&["5000", "0"], &[-5002]),
        (&["0", "0"], &[-2]),
        (&["0", "5000", "100", "0"], &[4998, -4902, -102]),
        (&["5000"], &[]),
        (&["95442"], &[]),
        (&["95440", "95442"], &[]),
        (&["95300", "95442"], &[140]),
    ] {
        let path = video(&clips, starts, H264);
        let what = format!("{starts:?}");
        let frames = 50 * starts.len();
        let found = scan(&path);
        assert_even(&found, frames, &what);
        let by: Vec<i64> = found
            .clock_breaks
            .iter()
            .map(|found| (found.by_ms + 500).div_euclid(1000))
            .collect();
        assert_eq!(by, jumps, "{what}");
        for (index, clock) in found.clock_breaks.iter().enumerate() {
            let number = 50 * (index + 1);
            assert_eq!(clock.at_pts, found.timeline.pts[number], "{what}");
        }
        // Frame by frame, the reader for proxies and redaction gives the same times.
        let options = ReadOptions {
            threads: 1,
            ..ReadOptions::default()
        };
        let mut reader = FrameReader::open(open(&path), options, &Bounds::default()).unwrap();
        let mut pts = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            pts.push(frame.pts);
        }
        assert_eq!(pts, found.timeline.pts, "{what}");
        assert_eq!(reader.clock_breaks(), found.clock_breaks, "{what}");
        let (output, ..) = again(&path, &[]);
        assert_plays(&output, frames, &what);
    }
}

#[test]
fn a_proxy_across_a_break_has_its_frames_and_sound() {
    let clips = Clips::new();
    let path = video(&clips, &["0", "5000"], H264);
    let whole = 0..100;
    let (_, proxies) = cut_to(&clips, &path, &[whole]);
    assert_plays(&proxies[0], 100, "proxy");
    let silence = std::process::Command::new("ffmpeg")
        .args(["-v", "info", "-i"])
        .arg(&proxies[0])
        .args(["-af", "silencedetect=n=-40dB:d=0.1", "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&silence.stderr);
    assert!(!text.contains("silence_start"), "{text}");
}

#[test]
fn other_streams_whose_clock_may_break_are_joined_as_well() {
    let clips = Clips::new();
    let video = "-f lavfi -i testsrc2=r=25:s=192x128:d=2 -f lavfi -i sine=d=2:f=300";
    for (name, codec) in [
        ("a.mpg", "-c:v mpeg2video -bf 2 -c:a mp2"),
        (
            "a.ts",
            "-c:v libx264 -x264-params open-gop=1:keyint=12 -c:a aac",
        ),
        ("a.m2v.ts", "-c:v mpeg2video -bf 2 -g 12 -c:a mp2"),
    ] {
        let part = std::fs::read(clips.make(&format!("{video} {codec}"), name)).unwrap();
        let joined = clips.write(&format!("joined-{name}"), &[&part[..], &part].concat());
        let found = scan(&joined);
        assert_even(&found, 100, name);
        assert_eq!(found.clock_breaks.len(), 1, "{name}");
        let (output, ..) = again(&joined, &[]);
        assert_plays(&output, 100, name);
    }
}

#[test]
fn matroska_files_joined_end_to_end_are_one_video() {
    let clips = Clips::new();
    let video = "-f lavfi -i testsrc2=r=25:s=192x128:d=2 -f lavfi -i sine=d=2:f=300";
    for (name, codec) in [
        ("a.mkv", "-c:v libx264 -g 12 -bf 2 -c:a aac"),
        ("a.webm", "-c:v libvpx -deadline realtime -c:a libopus"),
    ] {
        let part = std::fs::read(clips.make(&format!("{video} {codec}"), name)).unwrap();
        let joined = clips.write(&format!("joined-{name}"), &[&part[..], &part].concat());
        let found = scan(&joined);
        assert_eq!(found.timeline.pts.len(), 100, "{name}");
        let wrong = steps(&found.timeline.pts)
            .into_iter()
            .filter(|step| *step != 40);
        assert_eq!(wrong.count(), 0, "{name}: {:?}", found.timeline.pts);
        assert_eq!(found.clock_breaks.len(), 1, "{name}");
        assert!(found.clock_breaks[0].by_ms < -1900, "{name}");
        let (output, ..) = again(&joined, &[]);
        assert_plays(&output, 100, name);
    }
}

#[test]
fn a_picture_that_a_matroska_file_shows_for_long_is_no_break() {
    let clips = Clips::new();
    let path = clips.make(
        "-f lavfi -i testsrc2=r=25:s=192x128:d=40 -vf select='lt(t\\,3)+gt(t\\,36)' -vsync vfr -c:v libx264 -bf 2",
        "screen.mkv",
    );
    let found = scan(&path);
    assert!(found.clock_breaks.is_empty(), "{:?}", found.clock_breaks);
    let longest = steps(&found.timeline.pts).into_iter().max().unwrap();
    assert!(longest > 33_000, "{longest}");
}

#[test]
fn a_long_gap_of_pictures_with_sound_is_no_break() {
    let clips = Clips::new();
    let path = clips.make(
        "-f lavfi -i testsrc2=r=25:s=192x128:d=20 -f lavfi -i sine=d=20:f=300 \
         -vf select='lt(t\\,3)+gt(t\\,16)' -vsync vfr -c:v libx264 -bf 0 -c:a aac",
        "gap.ts",
    );
    let found = scan(&path);
    assert!(found.clock_breaks.is_empty());
    let longest = steps(&found.timeline.pts).into_iter().max().unwrap();
    assert_eq!(longest, 1_177_200);
}

#[test]
fn a_video_of_a_frame_in_many_seconds_has_no_breaks() {
    let clips = Clips::new();
    let path = clips.make(
        "-f lavfi -i testsrc2=r=1/20:s=192x128:d=200 -c:v libx264 -bf 0",
        "slow.ts",
    );
    let found = scan(&path);
    assert!(found.clock_breaks.is_empty(), "{:?}", found.clock_breaks);
    assert_eq!(found.timeline.pts.len(), 10);
    assert_eq!(steps(&found.timeline.pts), [1_800_000; 9]);
}

#[test]
fn one_wrong_timestamp_is_no_new_clock() {
    let clips = Clips::new();
    let path = video(&clips, &["0"], "-c:v libx264 -g 1 -bf 0");
    let mut bytes = std::fs::read(&path).unwrap();
    // The 20th packet of the video: its presentation time, 5 bytes after the header of its PES packet.
    let starts: Vec<usize> = (0..bytes.len() - 20)
        .filter(|&at| bytes[at..at + 4] == [0, 0, 1, 0xe0])
        .collect();
    let at = starts[20] + 9;
    // The top three bits of 33: ahead by 2^30 units.
    bytes[at] ^= 0x02;
    let wild = clips.write("wild.ts", &bytes);
    let (plain, found) = (scan(&path), scan(&wild));
    assert_eq!(found.timeline.pts.len(), plain.timeline.pts.len());
    let off = found.timeline.pts.iter().zip(&plain.timeline.pts);
    let off = off.map(|(a, b)| (a - b).abs()).max().unwrap();
    assert!(off <= 3600, "{off}");
}
