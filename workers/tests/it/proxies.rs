//! Proxies have exactly the frames and the sound of their spans.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::RgbImage;
use rushes_workers::media::{
    Bounds, CutOutput, CutSource, FrameReader, MediaError, ProxyParams, ReadOptions, cut,
};
use rushes_workers::segment::ShotScan;

use crate::clips::{Clips, ffprobe, ffprobe_pts, material, open, scan};

#[derive(Default)]
struct Kept {
    proxies: Vec<Vec<u8>>,
    done: u64,
}

impl CutOutput for Kept {
    fn progress(&mut self, done: u64) -> Result<(), MediaError> {
        assert_eq!(done, self.done + 1);
        self.done = done;
        Ok(())
    }

    fn proxy(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), MediaError> {
        assert_eq!(index, self.proxies.len());
        self.proxies.push(bytes);
        Ok(())
    }
}

fn proxies(
    path: &Path,
    scan: &ShotScan,
    spans: &[Range<u64>],
    params: &ProxyParams,
) -> Result<Vec<Vec<u8>>, MediaError> {
    let mut kept = Kept::default();
    let video = CutSource {
        source: open(path),
        bounds: &Bounds::default(),
    };
    let mut stretches = spans.iter().map(|span| Ok(scan.timeline.stretch(span)));
    cut(video, &mut stretches, params, &mut kept)?;
    Ok(kept.proxies)
}

/// Cuts a video and writes the proxies beside it.
pub(crate) fn cut_to(clips: &Clips, path: &Path, spans: &[Range<u64>]) -> (ShotScan, Vec<PathBuf>) {
    let scan = scan(path);
    let proxies = proxies(path, &scan, spans, &ProxyParams::default()).unwrap();
    assert_eq!(proxies.len(), spans.len());
    let write =
        |(index, bytes): (usize, Vec<u8>)| clips.write(&format!("proxy{index}.mp4"), &bytes);
    (scan, proxies.into_iter().enumerate().map(write).collect())
}

/// All pictures of a clip, at most 160 pixels wide.
fn pictures(path: &Path) -> Vec<RgbImage> {
    let options = ReadOptions::default();
    let mut reader = FrameReader::open(open(path), options, &Bounds::default()).unwrap();
    let mut maker = reader.picture_maker(160, 160);
    let mut pictures = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        pictures.push(maker.make(frame).unwrap());
    }
    pictures
}

/// Peak signal-to-noise ratio in decibels.
fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
    let sum: f64 = a.as_raw().iter().zip(b.as_raw()).map(square).sum();
    let pixels = u32::try_from(a.as_raw().len()).unwrap();
    10.0 * (255.0 * 255.0 * f64::from(pixels) / sum.max(1.0)).log10()
}

/// Checks number, key frame, timing and pictures of proxies against their video.
fn assert_exact(video: &Path, scan: &ShotScan, spans: &[Range<u64>], proxies: &[PathBuf]) {
    let originals = pictures(video);
    assert_eq!(originals.len() as u64, scan.timeline.frames());
    for (span, proxy) in spans.iter().zip(proxies) {
        let pts = ffprobe_pts(proxy);
        assert_eq!(pts.len() as u64, span.end - span.start, "{span:?}");
        let keys = ffprobe(proxy, "v:0", "frame=key_frame");
        assert!(keys.starts_with('1'), "{span:?}");
        let copy = crate::clips::scan(proxy).timeline;
        for (number, frame) in span.clone().zip(0_u64..) {
            let original = scan.timeline.ms_of(number) - scan.timeline.ms_of(span.start);
            let off = copy.ms_of(frame).abs_diff(original);
            assert!(off <= 1, "{span:?}: frame {frame} is {off} ms off");
        }
        let length = scan.timeline.ms_of(span.end) - scan.timeline.ms_of(span.start);
        assert!(copy.ms_of(copy.frames()).abs_diff(length) <= 1, "{span:?}");
        for (number, picture) in span.clone().zip(pictures(proxy)) {
            let quality = psnr(&originals[usize::try_from(number).unwrap()], &picture);
            assert!(quality > 26.0, "{span:?}: frame {number} has {quality} dB");
            // The neighbours resemble it less, so it is exactly this frame.
            for other in [number.wrapping_sub(1), number + 1] {
                let other = usize::try_from(other)
                    .ok()
                    .and_then(|other| originals.get(other));
                assert!(other.is_none_or(|other| psnr(other, &picture) < quality));
            }
        }
    }
}

/// Noise that differs in every frame, coarse enough to survive compression.
const NOISE: &str =
    "-f lavfi -i nullsrc=s=16x9:r=25:d=3,geq=random(1)*255:128:128,scale=640:360:flags=neighbor";

#[test]
fn a_proxy_has_exactly_the_frames_of_its_span() {
    let clips = Clips::new();
    let video = clips.make(
        &format!("{NOISE} -c:v libx264 -bf 3 -g 30 -crf 12"),
        "video.mp4",
    );
    let spans = [0..20, 20..21, 33..60, 60..75];
    let (scan, proxies) = cut_to(&clips, &video, &spans);
    assert_exact(&video, &scan, &spans, &proxies);
}

#[test]
fn a_proxy_keeps_the_timing_of_a_video_whose_rate_varies() {
    let clips = Clips::new();
    let arguments =
        format!("{NOISE} -vf select='not(mod(n\\,3))+gt(n\\,50)' -vsync vfr -c:v libx264 -crf 12");
    let video = clips.make(&arguments, "video.mkv");
    let spans = [0..7, 7..30, 30..41];
    let (scan, proxies) = cut_to(&clips, &video, &spans);
    assert!(scan.timeline.variable);
    assert_exact(&video, &scan, &spans, &proxies);
}

#[test]
fn every_kind_of_video_becomes_upright_square_even_pictures() {
    let clips = Clips::new();
    let source = "-f lavfi -i testsrc2=r=25:d=1:s=";
    for (size, arguments, name, expected) in [
        ("1280x720", "-c:v libx264", "hd.mp4", "852,480"),
        ("320x180", "-c:v libx264", "small.mp4", "320,180"),
        (
            "321x181",
            "-pix_fmt yuv444p -c:v libx264",
            "odd.mp4",
            "320,180",
        ),
        ("320x180", "-c:v libx264", "turned.mp4", "180,320"),
        (
            "720x576",
            "-vf setsar=16/11 -c:v libx264",
            "wide.mp4",
            "872,480",
        ),
        (
            "320x180",
            "-pix_fmt yuv420p10le -c:v libx264",
            "deep.mp4",
            "320,180",
        ),
        ("352x288", "-c:v mpeg1video", "old.mpg", "352,288"),
        ("320x180", "-c:v libvpx -b:v 500k", "web.webm", "320,180"),
    ] {
        let arguments = format!("{source}{size} {arguments}");
        let video = match name {
            "turned.mp4" => clips.make_oriented(&arguments, 6, name),
            _ => clips.make(&arguments, name),
        };
        let (_, proxies) = cut_to(&clips, &video, std::slice::from_ref(&(0..25)));
        let stream = "stream=width,height,pix_fmt,sample_aspect_ratio,codec_name";
        let found = ffprobe(&proxies[0], "v:0", stream);
        assert_eq!(found, format!("h264,{expected},1:1,yuv420p"), "{name}");
        assert_eq!(ffprobe_pts(&proxies[0]).len(), 25, "{name}");
    }
}

/// The sound of a clip as `ffmpeg` decodes it: samples of the first channel.
fn samples(path: &Path) -> Vec<f32> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args(["-f", "f32le", "-ac", "1", "-"])
        .output()
        .unwrap();
    output
        .stdout
        .as_chunks()
        .0
        .iter()
        .map(|&sample| f32::from_le_bytes(sample))
        .collect()
}

#[test]
fn a_proxy_has_the_sound_of_its_span() {
    let clips = Clips::new();
    // Silence, and a tone from second 1.5 on.
    for (name, codecs, rate) in [
        ("video.mp4", "-c:v libx264 -c:a aac", 44_100.0),
        ("video.mkv", "-c:v libx264 -c:a flac", 44_100.0),
        ("video.webm", "-c:v libvpx -c:a libopus -ac 2", 48_000.0),
        ("video.ts", "-c:v libx264 -c:a mp2", 44_100.0),
    ] {
        let arguments = format!(
            "-f lavfi -i testsrc2=r=25:s=320x180:d=3 \
             -f lavfi -i aevalsrc='gte(t,1.5)*sin(t*3000)*0.5':d=3:s=44100 {codecs}"
        );
        let arguments = arguments.replace("(t,", "(t\\,");
        let video = clips.make(&arguments, name);
        let spans = [0..25, 25..50, 50..75];
        let (_, proxies) = cut_to(&clips, &video, &spans);
        for proxy in &proxies {
            let count = samples(proxy).len() as f64;
            assert!((count - rate).abs() <= 1024.0, "{name}: {count} samples");
        }
        let sound = samples(&proxies[1]);
        let onset = sound.iter().position(|sample| sample.abs() > 0.2).unwrap() as f64;
        // The tone starts half a second into the second span, regardless of its codec's delay.
        assert!(
            (onset / rate - 0.5).abs() < 0.01,
            "{name}: {}",
            onset / rate
        );
        assert!(
            samples(&proxies[0])
                .iter()
                .all(|sample| sample.abs() < 0.05),
            "{name}"
        );
        assert!(
            samples(&proxies[2]).iter().any(|sample| sample.abs() > 0.3),
            "{name}"
        );
    }
}

#[test]
fn the_index_of_a_proxy_comes_first() {
    let clips = Clips::new();
    let video = clips.make(&format!("{NOISE} -c:v libx264"), "video.mp4");
    let (_, proxies) = cut_to(&clips, &video, std::slice::from_ref(&(0..75)));
    let bytes = std::fs::read(&proxies[0]).unwrap();
    let place = |kind: &[u8]| bytes.windows(4).position(|window| window == kind).unwrap();
    assert!(place(b"moov") < place(b"mdat"));
}

#[test]
fn wrong_spans_and_too_large_proxies_are_refused() {
    let clips = Clips::new();
    let video = clips.make(&format!("{NOISE} -c:v libx264"), "video.mp4");
    let scan = scan(&video);
    for spans in [
        vec![0..76],
        vec![10..10],
        vec![20..30, 10..20],
        vec![0..20, 19..30],
    ] {
        let error = proxies(&video, &scan, &spans, &ProxyParams::default()).unwrap_err();
        assert_eq!(error.code(), "wrong-spans", "{spans:?}");
    }
    let params = ProxyParams {
        max_bytes: 10_000,
        ..ProxyParams::default()
    };
    let error = proxies(&video, &scan, std::slice::from_ref(&(0..75)), &params).unwrap_err();
    assert_eq!(error.code(), "media-limit");
}

#[test]
fn a_proxy_does_not_depend_on_what_else_is_cut() {
    let clips = Clips::new();
    let sound = "-f lavfi -i sine=d=3:r=44100 -c:a aac";
    let video = clips.make(&format!("{NOISE} {sound} -c:v libx264 -bf 3"), "video.mp4");
    let scan = scan(&video);
    // With more threads, x264 occasionally decides a few blocks differently.
    let params = ProxyParams {
        threads: 1,
        ..ProxyParams::default()
    };
    let all = proxies(&video, &scan, &[0..20, 20..33, 33..75], &params).unwrap();
    let later = proxies(&video, &scan, &[20..33], &params).unwrap();
    let last = proxies(&video, &scan, &[33..75], &params).unwrap();
    assert!(all[1] == later[0] && all[2] == last[0]);
}

#[test]
fn a_real_video_becomes_one_proxy_a_shot() {
    let Some(material) = material() else { return };
    let clips = Clips::new();
    for (name, has_sound) in [
        ("video/bikes.mp4", false),
        ("video/big_buck_bunny_0_30.webm", true),
        ("video/delayed_start.mp4", false),
        ("grid/bbaf2n.mpg", true),
    ] {
        let video = material.join(name);
        let spans: Vec<_> = scan(&video)
            .shots
            .iter()
            .map(|shot| shot.frames())
            .collect();
        let (_, proxies) = cut_to(&clips, &video, &spans);
        for (proxy, span) in proxies.iter().zip(&spans) {
            assert_eq!(
                ffprobe_pts(proxy).len() as u64,
                span.end - span.start,
                "{name}"
            );
            assert_eq!(
                !ffprobe(proxy, "a:0", "stream=codec_name").is_empty(),
                has_sound,
                "{name}"
            );
        }
    }
}
