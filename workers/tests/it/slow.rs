//! Shots of few frames: slide shows, time lapses, videos of a few frames per second.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rushes_workers::media::Bounds;
use rushes_workers::segment::{DetectorKind, SegmentParams, ShotScan, segment};

use crate::clips::{Clips, material, open};

/// Pictures with nothing in common, and how they are made.
const PICTURES: [&str; 6] = [
    "testsrc2=s=320x180",
    "mandelbrot=s=320x180:start_scale=0.1",
    "smptehdbars=s=320x180",
    "gradients=s=320x180:c0=navy:c1=orange:x0=0:y0=0:x1=319:y1=179:seed=3",
    "rgbtestsrc=s=320x180",
    "cellauto=s=320x180:rule=110:seed=5",
];

/// A picture for each of [`PICTURES`], made once.
fn picture(clips: &Clips, number: usize) -> PathBuf {
    let name = format!("picture{number}.png");
    let source = PICTURES[number % PICTURES.len()];
    clips.make(&format!("-f lavfi -i {source} -frames:v 1"), &name)
}

/// A slide show: each picture is shown for this many milliseconds per frame.
fn slides(clips: &Clips, shown_ms: &[&[u32]], name: &str) -> PathBuf {
    let mut list = "ffconcat version 1.0\n".to_owned();
    for (number, frames) in shown_ms.iter().enumerate() {
        let picture = picture(clips, number);
        for ms in *frames {
            let file = picture.file_name().unwrap().to_str().unwrap();
            let seconds = f64::from(*ms) / 1000.0;
            writeln!(list, "file {file}\nduration {seconds}").unwrap();
        }
    }
    let list = clips.write(&format!("{name}.txt"), list.as_bytes());
    clips.make(
        &format!(
            "-f concat -safe 0 -i {} -vf format=yuv420p -vsync vfr -enc_time_base 1/1000 -c:v libx264 -preset ultrafast",
            list.display()
        ),
        name,
    )
}

/// The first frames of the shots that both detectors find, with one decoder and with several.
fn starts(video: &Path) -> Vec<u64> {
    let [learned, signal] = [DetectorKind::Learned, DetectorKind::Signal].map(|detector| {
        let [alone, shared] = [(1, 0), (3, 2)].map(|(threads, chunk_frames)| {
            let params = SegmentParams {
                detector,
                threads,
                chunk_frames,
                ..SegmentParams::default()
            };
            starts_with(video, &params)
        });
        assert_eq!(alone, shared, "{}: decoders count", video.display());
        alone
    });
    assert_eq!(learned, signal, "{}: learned and signal", video.display());
    learned
}

fn starts_with(video: &Path, params: &SegmentParams) -> Vec<u64> {
    let found: ShotScan = segment(
        open(video),
        params,
        &Bounds::default(),
        &mut |_done, _total| Ok(()),
    )
    .unwrap();
    found.shots.iter().map(|shot| shot.start).collect()
}

#[test]
fn each_picture_of_a_slide_show_is_a_shot_however_few_frames_it_has() {
    let clips = Clips::new();
    // Frames per picture, and milliseconds per frame.
    for (frames, ms) in [
        (1, 3000),
        (2, 1500),
        (1, 1000),
        (3, 1000),
        (1, 500),
        (2, 500),
        (5, 200),
    ] {
        let picture = vec![ms; frames];
        let show: Vec<&[u32]> = (0..6).map(|_| picture.as_slice()).collect();
        let video = slides(&clips, &show, &format!("{frames}-{ms}.mp4"));
        let expected: Vec<u64> = (0..6).map(|number| number * frames as u64).collect();
        assert_eq!(starts(&video), expected, "{frames} frames of {ms} ms");
    }
}

#[test]
fn pictures_of_two_frames_are_shots_wherever_the_long_one_is() {
    let clips = Clips::new();
    for (name, picture) in [("first.mkv", [9960, 40]), ("last.mkv", [40, 9960])] {
        let show: Vec<&[u32]> = (0..6).map(|_| picture.as_slice()).collect();
        let video = slides(&clips, &show, name);
        assert_eq!(starts(&video), [0, 2, 4, 6, 8, 10], "{name}");
    }
}

#[test]
fn a_picture_that_comes_back_is_a_shot_unless_it_was_gone_for_a_moment() {
    let clips = Clips::new();
    // The second picture is shown for a second, or for a fifth of one.
    for (ms, expected) in [(1000, vec![0, 8, 9]), (200, vec![0])] {
        let (first, second) = (picture(&clips, 0), picture(&clips, 1));
        let rate = 1000 / ms;
        let video = clips.make(
            &format!(
                "-r {rate} -loop 1 -t {} -i {} -r {rate} -loop 1 -t {} -i {} -filter_complex \
                 [0]split[a][b];[a]trim=end_frame=8[a];[1]trim=end_frame=1[m];[b]trim=end_frame=8,setpts=PTS-STARTPTS[b];\
                 [a][m][b]concat=n=3,format=yuv420p -c:v libx264 -preset ultrafast",
                f64::from(10 * ms) / 1000.0,
                first.display(),
                f64::from(3 * ms) / 1000.0,
                second.display(),
            ),
            &format!("back-{ms}.mp4"),
        );
        assert_eq!(starts(&video), expected, "{ms}");
    }
}

#[test]
fn a_time_lapse_of_one_scene_is_one_shot() {
    let clips = Clips::new();
    let scene = picture(&clips, 3);
    for rate in [1, 2, 5] {
        // The light changes, and two small things cross the picture.
        let video = clips.make(
            &format!(
                "-r {rate} -loop 1 -i {} -f lavfi -i color=red:s=24x24:r={rate} -f lavfi -i color=white:s=16x30:r={rate} \
                 -filter_complex [0]eq=brightness='0.2*sin(n/9)':eval=frame[s];\
                 [s][1]overlay=x='mod(37*n\\,300)':y=120[t];[t][2]overlay=x='300-mod(61*n\\,290)':y=60,noise=alls=6:allf=t,format=yuv420p \
                 -frames:v 90 -c:v libx264 -preset ultrafast",
                scene.display()
            ),
            &format!("lapse-{rate}.mp4"),
        );
        assert_eq!(starts(&video), [0], "{rate} frames a second");
    }
}

#[test]
fn a_real_video_of_few_frames_has_the_shots_it_had() {
    let Some(material) = material() else { return };
    let clips = Clips::new();
    let input = material.join("video/big_buck_bunny_0_30.webm");
    // The shots start at frames 283, 376 and 551, at 24 per second.
    for every in [5, 8, 12, 24_u64] {
        let video = clips.make(
            &format!(
                "-i {} -vf select='not(mod(n\\,{every}))' -vsync vfr -c:v libx264 -preset ultrafast -an",
                input.display()
            ),
            &format!("every-{every}.mp4"),
        );
        let expected = [0, 283, 376, 551].map(|frame: u64| frame.div_ceil(every));
        assert_eq!(starts(&video), expected, "each of {every} frames");
    }
}

#[test]
fn a_real_scene_that_is_seen_once_a_second_is_one_shot() {
    let Some(material) = material() else { return };
    let clips = Clips::new();
    for name in [
        "intel_car-detection",
        "intel_one-by-one-person-detection",
        "intel_bottle-detection",
    ] {
        let input = material.join(format!("video/{name}.mp4"));
        let video = clips.make(
            &format!(
                "-i {} -vf fps=1,scale=320:-2 -c:v libx264 -preset ultrafast -an",
                input.display()
            ),
            &format!("{name}.mp4"),
        );
        assert_eq!(starts(&video), [0], "{name}");
    }
}
