//! Rewritten videos: pixels change where requested, and everything else stays.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use rushes_workers::media::{
    Bounds, Edit, MediaError, Planes, Rewrite, RewriteOptions, StreamFate, Survey, Written,
    rewrite, survey,
};

use crate::clips::{Clips, ffprobe, ffprobe_pts, material, open};

/// Blackens a square of 32 pixels at 16, 16 in some frames.
struct Blacken(Vec<u64>);

impl Edit for Blacken {
    fn frame(&mut self, number: u64, _pts: i64, planes: &mut Planes) -> Result<(), MediaError> {
        if !self.0.contains(&number) {
            return Ok(());
        }
        for plane in 0..planes.count() {
            let (x, y) = planes.step(plane);
            let area = [16 / x, 16 / y, 32 / x, 32 / y];
            let count = (area[2] * area[3]) as usize;
            // Mid grey at any depth is half of the sample range; black is a sixteenth of it.
            let deep = planes
                .read(plane, area)?
                .iter()
                .any(|&sample| sample > 255.0);
            let scale = if deep { 4.0 } else { 1.0 };
            let value = if plane == 0 { 16.0 } else { 128.0 } * scale;
            planes.write(plane, area, &vec![value; count], &vec![true; count])?;
        }
        Ok(())
    }
}

pub(crate) fn surveyed(path: &Path) -> Survey {
    let extension = path.extension().unwrap().to_string_lossy().into_owned();
    survey(open(path), &extension, &Bounds::default()).unwrap()
}

/// Rewrites a video to a file beside it.
pub(crate) fn again(path: &Path, black: &[u64]) -> (PathBuf, Survey, Written) {
    let survey = surveyed(path);
    let extension = survey.extension.clone().unwrap_or_else(|| {
        let own = path.extension().unwrap();
        own.to_string_lossy().into_owned()
    });
    let output = path.with_extension(format!("again.{extension}"));
    let options = RewriteOptions {
        container: survey.container.clone(),
        copies: survey
            .with_fate(StreamFate::Copied)
            .map(|it| it.index)
            .collect(),
        crf: 12,
        preset: "veryfast".to_owned(),
        threads: 2,
    };
    let work = Rewrite {
        source: open(path),
        bounds: &Bounds::default(),
        options: &options,
        output: File::create(&output).unwrap(),
    };
    let written = rewrite(work, &mut Blacken(black.to_vec()))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (output, survey, written)
}

/// Times in seconds, and digests, of a stream's packets.
pub(crate) fn packets(path: &Path, stream: &str) -> (Vec<f64>, Vec<String>) {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_data_hash", "md5"])
        .args(["-select_streams", stream, "-of", "csv"])
        .args(["-show_entries", "packet=pts_time,data_hash"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let cells = || text.split([',', '\n']).map(str::trim);
    let times = cells().filter_map(|cell| cell.parse().ok());
    let digests = cells().filter(|cell| cell.starts_with("MD5:"));
    (times.collect(), digests.map(str::to_owned).collect())
}

/// Start of a transport stream's clock in seconds; in other containers it starts at 0 there.
fn start(path: &Path) -> f64 {
    if path.extension().is_none_or(|extension| extension != "ts") {
        return 0.0;
    }
    ffprobe(path, "v:0", "format=start_time").parse().unwrap()
}

/// Presentation time of the first frame in seconds.
fn seconds(path: &Path, times: &[i64]) -> f64 {
    let base = ffprobe(path, "v:0", "stream=time_base");
    let units: u32 = base.lines().next().unwrap().trim_end_matches(',')[2..]
        .parse()
        .unwrap();
    f64::from(i32::try_from(times[0]).unwrap()) / f64::from(units)
}

/// Whether all packets are the same, and shown at the same time as far as both containers can express it.
pub(crate) fn same_packets(a: &Path, b: &Path, stream: &str) -> bool {
    let ((a_times, a_digests), (b_times, b_digests)) = (packets(a, stream), packets(b, stream));
    let (a_start, b_start) = (start(a), start(b));
    let near = a_times
        .iter()
        .zip(&b_times)
        .all(|(a, b)| (a - a_start - b + b_start).abs() < 1.1e-3);
    !a_digests.is_empty() && a_digests == b_digests && a_times.len() == b_times.len() && near
}

/// Mean luma of the blackened square in each frame.
fn square(path: &Path) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-noautorotate", "-i"])
        .arg(path)
        .args([
            "-vf",
            "crop=28:28:18:18,scale=1:1:flags=area,format=gray",
            "-vsync",
            "0",
        ])
        .args(["-f", "rawvideo", "-"])
        .output()
        .unwrap();
    output.stdout
}

pub(crate) const VIDEO: &str = "-f lavfi -i testsrc2=r=25:s=192x128:d=2,lutyuv=y='val/2+110'";
const SOUND: &str = "-f lavfi -i sine=d=2:f=300";

#[test]
fn frames_change_where_asked_and_sound_stays_bit_by_bit() {
    let clips = Clips::new();
    for (name, codec) in [
        (
            "video.mp4",
            "-c:v libx264 -pix_fmt yuv420p -bf 3 -c:a aac -shortest",
        ),
        (
            "video.mov",
            "-c:v libx264 -pix_fmt yuv422p10le -c:a pcm_s16le",
        ),
        (
            "video.mkv",
            "-c:v libx264 -pix_fmt yuv444p -c:a libopus -shortest",
        ),
        ("video.avi", "-c:v mpeg4 -c:a mp3"),
        ("video.ts", "-c:v mpeg2video -c:a mp2"),
        ("video.webm", "-c:v libvpx -deadline realtime -c:a libopus"),
    ] {
        let path = clips.make(&format!("{VIDEO} {SOUND} {codec}"), name);
        let black: Vec<u64> = (10..20).collect();
        let (output, survey, written) = again(&path, &black);
        let times = ffprobe_pts(&path);
        assert_eq!(written.frames, times.len() as u64, "{name}");
        let base = |path: &Path| ffprobe(path, "v:0", "stream=time_base");
        if base(&path).starts_with(&base(&output)) {
            let found = ffprobe_pts(&output);
            let steps =
                |times: &[i64]| times.iter().map(|time| time - times[0]).collect::<Vec<_>>();
            assert_eq!(steps(&found), steps(&times), "{name}");
            let off = (seconds(&output, &found) - seconds(&path, &times) + start(&path)).abs();
            assert!(off < 1e-4, "{name}: off by {off} s");
        } else {
            assert_eq!(ffprobe_pts(&output).len(), times.len(), "{name}");
            assert!(survey.extension.is_some(), "{name}");
        }
        assert!(same_packets(&output, &path, "a:0"), "{name}");
        let sound = |path: &Path| {
            let told = ffprobe(path, "a:0", "stream=codec_name");
            told.split([',', '\n']).next().unwrap().to_owned()
        };
        assert_eq!(sound(&output), sound(&path), "{name}");
        let format = ffprobe(&path, "v:0", "stream=pix_fmt");
        // A transport stream repeats it for its programme.
        let format = format.split(',').next().unwrap();
        assert_eq!(ffprobe(&output, "v:0", "stream=pix_fmt"), format, "{name}");
        for (number, luma) in square(&output).into_iter().enumerate() {
            let is_black = (10..20).contains(&number);
            assert_eq!(luma < 60, is_black, "{name}: frame {number} has {luma}");
        }
    }
}

/// The audible sound of a video, in 16-bit samples.
fn heard(path: &Path) -> Vec<i16> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-vn", "-f", "s16le", "-"])
        .output()
        .unwrap();
    let (pairs, _) = output.stdout.as_chunks::<2>();
    pairs.iter().copied().map(i16::from_le_bytes).collect()
}

/// Sound packets, and those among them that a player skips.
fn sound_packets(path: &Path) -> (usize, usize) {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "a", "-of", "csv=p=0"])
        .args(["-show_entries", "packet=flags"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let left_out = text.lines().filter(|line| line.contains('D')).count();
    (text.lines().count(), left_out)
}

#[test]
fn sound_outside_an_edit_list_does_not_stay() {
    let clips = Clips::new();
    // A chirp, so that no two parts are alike.
    let chirp = "-f lavfi -i aevalsrc='0.5*sin(300*PI*t*t)':d=2:s=48000";
    for (codec, extension, primes) in [
        // The noise that a decoder generates depends on all that it has read.
        ("aac -aac_pns 0", "mp4", 1),
        ("libopus", "mp4", 4),
        ("libmp3lame", "mp4", 4),
        ("pcm_s16le", "mov", 0),
    ] {
        let name = codec.split(' ').next().unwrap_or_default();
        let whole = format!("whole-{name}.{extension}");
        clips.make(
            &format!("{VIDEO} {chirp} -c:v libx264 -g 50 -c:a {codec}"),
            &whole,
        );
        let video = clips.make(
            &format!("-ss 1.21 -i {whole} -c copy"),
            &format!("cut-{name}.{extension}"),
        );
        let (all, left_out) = sound_packets(&video);
        assert!(left_out > primes + 8, "{codec}: {left_out} of {all}");
        let (output, ..) = again(&video, &[0]);
        let (kept, outside) = sound_packets(&output);
        assert!(outside <= primes, "{codec}: {outside} of {kept}");
        assert!(
            kept >= all - left_out && kept <= all - left_out + primes,
            "{codec}: {kept} of {all}, of which {left_out} were left out"
        );
        let (before, after) = (heard(&video), heard(&output));
        // The state of an Opus decoder comes close to the original, but is never quite the same.
        let apart = if name == "libopus" { 250.0 } else { 0.0 };
        assert!(!before.is_empty() && before.len() == after.len(), "{codec}");
        let pairs = before.iter().zip(&after);
        let squares: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
        let difference = (squares / f64::from(u32::try_from(before.len()).unwrap())).sqrt();
        assert!(difference <= apart, "{codec}: {difference}");
    }
}

#[test]
fn times_stay_whatever_they_are() {
    let clips = Clips::new();
    let vfr = clips.make(
        "-f lavfi -i testsrc2=r=30:s=96x64:d=3,select='not(mod(n\\,3))+lt(n\\,20)' -vsync vfr -c:v libx264 -bf 2 -video_track_timescale 90000",
        "vfr.mp4",
    );
    let sound_first = clips.make(
        &format!("-itsoffset 0.48 {VIDEO} {SOUND} -map 0 -map 1 -c:v libx264 -c:a aac"),
        "late.mp4",
    );
    let odd = clips.make(
        "-f lavfi -i testsrc2=r=24000/1001:s=96x64:d=2 -c:v libx264 -video_track_timescale 24000",
        "odd.mov",
    );
    let mut videos = vec![vfr, sound_first, odd];
    if let Some(material) = material() {
        let path = material.join("video/delayed_start.mp4");
        videos.push(clips.write("delayed.mp4", &std::fs::read(path).unwrap()));
    }
    for path in videos {
        let (output, ..) = again(&path, &[]);
        let base = ffprobe(&path, "v:0", "stream=time_base,start_pts");
        assert_eq!(
            ffprobe(&output, "v:0", "stream=time_base,start_pts"),
            base,
            "{path:?}"
        );
        assert_eq!(ffprobe_pts(&output), ffprobe_pts(&path), "{path:?}");
    }
}

#[test]
fn what_surrounds_the_pictures_stays() {
    let clips = Clips::new();
    clips.write(
        "chapters.txt",
        b";FFMETADATA1\ntitle=A day\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=900\nEND=2000\ntitle=Two\n",
    );
    clips.write(
        "lines.srt",
        b"1\n00:00:00,200 --> 00:00:01,000\nHello\n\n2\n00:00:01,100 --> 00:00:01,900\nYou\n",
    );
    let path = clips.make(
        &format!(
            "{VIDEO} {SOUND} -i chapters.txt -i lines.srt -map 0 -map 1 -map 3 -map_metadata 2 -map_chapters 2 \
             -c:v libx264 -c:a aac -c:s mov_text -vf setsar=4/3 -color_primaries bt709 -color_trc bt709 -colorspace bt709 \
             -color_range tv -metadata:s:a language=deu -timecode 01:02:03:04"
        ),
        "rich.mp4",
    );
    let (output, survey, _) = again(&path, &[3]);
    for entries in [
        "stream=sample_aspect_ratio,color_primaries,color_transfer,color_space,color_range,avg_frame_rate",
        "stream_tags=timecode",
        "format_tags=title",
    ] {
        let before = ffprobe(&path, "v:0", entries);
        assert_eq!(ffprobe(&output, "v:0", entries), before);
        assert!(!before.is_empty(), "{entries}");
    }
    assert_eq!(ffprobe(&output, "a:0", "stream_tags=language"), "deu");
    assert!(same_packets(&output, &path, "s:0"));
    let after = surveyed(&output);
    assert_eq!(after.info.chapters, survey.info.chapters);
    assert_eq!(after.info.chapters.len(), 2);
    assert_eq!(after.info.start_timecode.as_deref(), Some("01:02:03:04"));
}

#[test]
fn further_pictures_are_left_out() {
    let clips = Clips::new();
    clips.make("-f lavfi -i testsrc2=s=64x64 -frames:v 1", "cover.jpg");
    let path = clips.make(
        &format!(
            "{VIDEO} {SOUND} -i cover.jpg -f lavfi -i testsrc2=s=64x64:d=2 -map 0 -map 1 -map 2 -map 3 -c:v libx264 -c:v:1 mjpeg -c:a aac -disposition:v:1 attached_pic"
        ),
        "cover.mp4",
    );
    let (output, survey, _) = again(&path, &[]);
    let kinds: Vec<(&str, StreamFate)> = survey
        .streams
        .iter()
        .map(|it| (it.kind.as_str(), it.fate))
        .collect();
    assert_eq!(
        kinds,
        [
            ("video", StreamFate::Redacted),
            ("audio", StreamFate::Copied),
            ("video", StreamFate::Dropped),
            ("picture", StreamFate::Dropped)
        ]
    );
    let after = surveyed(&output);
    assert_eq!(after.streams.len(), 2);
}

#[test]
fn odd_sizes_and_rgb_are_converted() {
    let clips = Clips::new();
    for (name, codec) in [
        ("odd.mkv", "-vf scale=91:61 -c:v ffv1 -pix_fmt yuv420p"),
        ("rgb.mkv", "-c:v ffv1 -pix_fmt bgr0"),
        ("grey.mkv", "-c:v ffv1 -pix_fmt gray10le"),
    ] {
        let path = clips.make(&format!("{VIDEO} {codec}"), name);
        let (output, _, written) = again(&path, &[4]);
        assert!(written.converted, "{name}");
        assert_eq!(
            ffprobe(&output, "v:0", "stream=width,height"),
            ffprobe(&path, "v:0", "stream=width,height")
        );
        let luma = square(&output);
        assert!(luma[4] < 60 && luma[5] > 90, "{name}: {luma:?}");
    }
}
