//! Videos decoded by several parallel decoders give the same result as with one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rushes_workers::media::CorruptSpan;
use rushes_workers::media::{
    Bounds, FrameReader, MediaError, ReadOptions, Shrinker, SmallFrame, SmallFrames, SmallOptions,
};
use rushes_workers::segment::{SegmentParams, segment};

use crate::clips::{Clips, material, open};

const ALONE: SmallOptions = SmallOptions {
    decoders: 1,
    chunk_frames: 0,
};

/// All properties of a video's small frames.
#[derive(PartialEq)]
struct Strip {
    frames: Vec<(u64, i64, SmallFrame)>,
    end_pts: i64,
    corrupt: Vec<CorruptSpan>,
}

/// Deterministic random numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, range: std::ops::RangeInclusive<u32>) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let sides = u64::from(range.end() - range.start()) + 1;
        range.start() + u32::try_from(self.0 % sides).unwrap()
    }
}

/// Reads a video on a thread, with a time limit.
fn guarded<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = channel();
    let thread = std::thread::Builder::new().name("guarded".to_owned());
    let thread = thread.spawn(move || send.send(work()).unwrap()).unwrap();
    match receive.recv_timeout(Duration::from_secs(300)) {
        Ok(result) => {
            thread.join().unwrap();
            result
        }
        Err(RecvTimeoutError::Timeout) => panic!("{what} hangs"),
        Err(RecvTimeoutError::Disconnected) => panic!("{what} panicked"),
    }
}

fn read(video: &Path, options: SmallOptions) -> Result<(Strip, bool), MediaError> {
    let path = video.to_owned();
    guarded(&format!("{} {options:?}", video.display()), move || {
        let mut reader = SmallFrames::open(open(&path), options, &Bounds::default())?;
        let is_split = reader.is_split();
        let mut frames = Vec::new();
        let mut small = SmallFrame::grey();
        while let Some((number, pts)) = reader.next_frame(&mut small)? {
            frames.push((number, pts, small.clone()));
        }
        let strip = Strip {
            frames,
            end_pts: reader.end_pts(),
            corrupt: reader.corrupt().to_vec(),
        };
        Ok((strip, is_split))
    })
}

/// Reports where two strips differ, without printing all pixels.
fn assert_same(found: &Strip, expected: &Strip, what: &str) {
    let times = |strip: &Strip| strip.frames.iter().map(|frame| frame.1).collect::<Vec<_>>();
    assert_eq!(times(found), times(expected), "{what}");
    assert_eq!(found.end_pts, expected.end_pts, "{what}");
    assert_eq!(found.corrupt, expected.corrupt, "{what}");
    let concealed = concealed(expected);
    for (found, expected) in found.frames.iter().zip(&expected.frames) {
        let (number, pts, _) = *expected;
        let is_same = found == expected || concealed.contains(&pts);
        assert!(is_same, "{what}: frame {number} differs");
    }
}

/// Times of frames that concealment of damaged data may have affected: those no further from damage than the
/// distance of two key frames in the damaged videos of these tests.
fn concealed(strip: &Strip) -> HashSet<i64> {
    const REACH: usize = 12;
    let times: Vec<i64> = strip.frames.iter().map(|frame| frame.1).collect();
    let near = |span: &CorruptSpan| {
        let first = times.partition_point(|&pts| pts < span.start_pts);
        let after = times.partition_point(|&pts| pts <= span.end_pts);
        first.saturating_sub(REACH)..times.len().min(after + REACH)
    };
    let near = strip.corrupt.iter().flat_map(near);
    near.map(|index| times[index]).collect()
}

/// Compares random numbers of decoders and chunk lengths, up to `longest`, with one decoder. Returns whether
/// any of them split the video.
fn assert_equal_to_one(video: &Path, rounds: u32, longest: u32) -> bool {
    let expected = read(video, ALONE);
    let mut dice = Dice(0x5eed_0000 + u64::from(longest) + video.as_os_str().len() as u64);
    let mut any_split = false;
    for round in 0..rounds {
        let options = SmallOptions {
            decoders: dice.roll(if round == 0 { 3..=5 } else { 1..=5 }),
            chunk_frames: dice.roll(1..=if round == 0 { longest.min(12) } else { longest }),
        };
        let what = format!("{} {options:?}", video.display());
        match (&expected, read(video, options)) {
            (Ok((expected, _)), Ok((found, is_split))) => {
                assert_same(&found, expected, &what);
                any_split |= is_split;
            }
            (Err(expected), Err(found)) => assert_eq!(expected, &found, "{what}"),
            (expected, found) => panic!(
                "{what}: {:?} instead of {:?}",
                found.map(drop),
                expected.as_ref().map(drop)
            ),
        }
    }
    any_split
}

/// The result of a plain frame reader for a video.
fn plainly(video: &Path) -> Strip {
    let options = ReadOptions {
        threads: 1,
        rough: true,
        ..ReadOptions::default()
    };
    let mut reader = FrameReader::open(open(video), options, &Bounds::default()).unwrap();
    let mut shrinker = Shrinker::default();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        let mut small = SmallFrame::grey();
        shrinker.shrink(&frame, &mut small).unwrap();
        frames.push((frame.number, frame.pts, small));
    }
    Strip {
        frames,
        end_pts: reader.end_pts(),
        corrupt: reader.corrupt().to_vec(),
    }
}

const MOVING: &str = "-f lavfi -i testsrc2=r=25:s=320x180:d=8";

/// Videos that can be split, by their encoding.
const SPLIT: &[(&str, &str)] = &[
    (
        "-c:v libx264 -x264-params open-gop=1:keyint=24:bframes=3",
        "open.mp4",
    ),
    (
        "-c:v libx264 -x264-params open-gop=1:keyint=24:bframes=3:b-pyramid=normal",
        "open.ts",
    ),
    (
        "-c:v libx264 -x264-params open-gop=1:keyint=12:bframes=5",
        "open.mkv",
    ),
    ("-c:v libx264 -g 24 -bf 3", "closed.mp4"),
    ("-c:v libx264 -g 1", "intra.mp4"),
    ("-c:v libx264 -g 20 -bf 2", "closed.ts"),
    ("-c:v libvpx -g 24 -b:v 300k", "vp8.webm"),
    (
        "-c:v libvpx-vp9 -g 24 -b:v 300k -deadline realtime -cpu-used 8 -lag-in-frames 16 -auto-alt-ref 1",
        "vp9.mkv",
    ),
    ("-c:v mpeg2video -g 12 -bf 2 -b:v 2M", "mpeg2.ts"),
    ("-c:v mpeg4 -g 24 -bf 2", "mpeg4.mp4"),
    ("-c:v mjpeg -q:v 5", "mjpeg.mkv"),
    ("-c:v prores_ks -profile:v 0", "prores.mov"),
    (
        "-c:v libx264 -g 24 -bf 2 -pix_fmt yuv420p10le",
        "ten_bits.mp4",
    ),
    (
        "-c:v libx264 -g 24 -flags +ildct+ilme -x264-params interlaced=1",
        "fields.mp4",
    ),
    (
        "-vf select='not(mod(n\\,3))+gt(n\\,90)' -vsync vfr -c:v libx264 -g 24 -bf 2",
        "varies.mp4",
    ),
    (
        "-c:v libx264 -g 24 -bf 2 -movflags frag_keyframe+empty_moov",
        "fragments.mp4",
    ),
    ("-c:v libx264 -g 24 -bf 2 -output_ts_offset 7", "late.ts"),
];

#[test]
fn videos_of_many_kinds_are_the_same_by_one_decoder_and_by_many() {
    let clips = Clips::new();
    for (arguments, name) in SPLIT {
        let video = clips.make(&format!("{MOVING} {arguments}"), name);
        assert!(assert_equal_to_one(&video, 6, 60), "{name} was not split");
        let (alone, _) = read(&video, ALONE).unwrap();
        assert_same(&alone, &plainly(&video), name);
    }
}

#[test]
fn videos_whose_key_frames_are_no_beginnings_are_decoded_all_the_same() {
    let clips = Clips::new();
    for (arguments, name) in [
        (
            "-c:v libx264 -x264-params intra-refresh=1:keyint=24:bframes=0",
            "refresh.ts",
        ),
        (
            "-c:v libx264 -x264-params intra-refresh=1:keyint=24",
            "refresh.mp4",
        ),
        ("-c:v libx264 -x264-params keyint=infinite", "endless.mp4"),
        ("-c:v mpeg4 -g 24 -bf 2", "no_times.avi"),
        ("-c:v mpeg2video -g 12 -bf 2 -f vob", "program.mpg"),
        ("-c:v libtheora -g 24", "theora.ogv"),
        ("-frames:v 1 -c:v libx264", "one_frame.mp4"),
    ] {
        let video = clips.make(&format!("{MOVING} {arguments}"), name);
        assert_equal_to_one(&video, 6, 60);
        let (alone, _) = read(&video, ALONE).unwrap();
        assert_same(&alone, &plainly(&video), name);
    }
}

#[test]
fn frames_that_are_wrongly_called_key_frames_are_found_out() {
    let clips = Clips::new();
    for (arguments, name) in [("-bf 0", "plain.mp4"), ("-bf 2", "reordered.mp4")] {
        let honest = clips.make(&format!("{MOVING} -c:v libx264 -g 60 {arguments}"), name);
        let mut bytes = std::fs::read(honest).unwrap();
        // Without the table of key frames, every frame counts as one.
        let table = bytes.windows(4).rposition(|four| four == b"stss").unwrap();
        bytes[table..table + 4].copy_from_slice(b"free");
        let liar = clips.write(&format!("liar_{name}"), &bytes);
        assert!(assert_equal_to_one(&liar, 6, 60), "{name} was not split");
        assert_eq!(read(&liar, ALONE).unwrap().0.frames.len(), 200);
    }
}

#[test]
fn hevc_is_the_same_by_one_decoder_and_by_many() {
    let clips = Clips::new();
    for (parameters, name) in [
        ("open-gop=1:keyint=24:bframes=3:log-level=none", "open.mp4"),
        ("open-gop=0:keyint=24:log-level=none", "closed.mkv"),
    ] {
        let arguments =
            format!("{MOVING} -c:v libx265 -preset ultrafast -x265-params {parameters}");
        let video = clips.make(&arguments, name);
        assert!(assert_equal_to_one(&video, 6, 60), "{name} was not split");
    }
}

#[test]
fn a_video_of_many_frames_a_second_is_the_same_by_many_decoders() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=120:s=320x180:d=4 -c:v libx264 -preset ultrafast -g 48 -bf 2",
        "fast.mp4",
    );
    assert!(assert_equal_to_one(&video, 4, 120));
}

/// A truncated video, and videos with overwritten bytes, in a few places.
fn damaged(clips: &Clips, video: &Path) -> Vec<PathBuf> {
    let name = video.file_name().unwrap().to_string_lossy().into_owned();
    let bytes = std::fs::read(video).unwrap();
    let mut videos = vec![clips.write(&format!("half_{name}"), &bytes[..bytes.len() / 2])];
    let eighth = bytes.len() / 8;
    // The first is in the first picture.
    for (start, length) in [
        (4_000, 300),
        (3 * eighth, 200),
        (4 * eighth, 20_000),
        (5 * eighth, 3),
    ] {
        let mut bytes = bytes.clone();
        let end = bytes.len().min(start + length);
        for byte in &mut bytes[start..end] {
            *byte = byte.wrapping_mul(167).wrapping_add(13);
        }
        videos.push(clips.write(&format!("damaged_{length}_{name}"), &bytes));
    }
    videos
}

#[test]
fn damage_is_the_same_by_one_decoder_and_by_many() {
    let clips = Clips::new();
    for (arguments, name) in [
        ("-c:v libx264 -g 12 -bf 2", "video.mp4"),
        ("-c:v libx264 -g 12 -bf 2", "video.ts"),
        (
            "-c:v libx264 -x264-params open-gop=1:keyint=12:bframes=3",
            "video.mkv",
        ),
        ("-c:v mpeg2video -g 12 -bf 2 -b:v 2M", "mpeg2.ts"),
        ("-c:v libvpx -g 12 -b:v 300k", "vp8.webm"),
        ("-c:v mjpeg -q:v 5", "mjpeg.mkv"),
    ] {
        let video = clips.make(&format!("{MOVING} {arguments}"), name);
        for video in damaged(&clips, &video) {
            assert_equal_to_one(&video, 5, 40);
        }
    }
}

#[test]
fn damage_in_the_first_picture_is_told() {
    let clips = Clips::new();
    for name in ["video.mp4", "video.ts"] {
        let video = clips.make(&format!("{MOVING} -c:v libx264 -g 12 -bf 2"), name);
        let video = &damaged(&clips, &video)[1];
        for decoders in [1, 5] {
            let options = SmallOptions {
                decoders,
                chunk_frames: 40,
            };
            let (strip, _) = read(video, options).unwrap();
            let (_, second, _) = strip.frames[1];
            let told = strip.corrupt.first().unwrap();
            assert!(told.start_pts <= second, "{name}: {told:?}");
        }
    }
}

#[test]
fn a_video_whose_size_changes_is_the_same_by_many_decoders() {
    let clips = Clips::new();
    let mut bytes = Vec::new();
    for (size, name) in [("320x180", "one.ts"), ("256x144", "two.ts")] {
        let video = clips.make(
            &format!("-f lavfi -i testsrc2=r=25:s={size}:d=4 -c:v libx264 -g 12 -bf 2"),
            name,
        );
        bytes.extend(std::fs::read(video).unwrap());
    }
    // The clock starts again in the second half.
    let video = clips.write("both.ts", &bytes);
    assert!(assert_equal_to_one(&video, 6, 30));
    let (strip, _) = read(&video, ALONE).unwrap();
    assert!(strip.frames.len() >= 195, "{}", strip.frames.len());
}

#[test]
fn real_videos_are_the_same_by_one_decoder_and_by_many() {
    let Some(material) = material() else { return };
    for folder in ["video", "grid"] {
        for entry in std::fs::read_dir(material.join(folder)).unwrap() {
            let video = entry.unwrap().path();
            if video
                .extension()
                .is_some_and(|extension| extension != "align")
            {
                assert_equal_to_one(&video, 3, 300);
            }
        }
    }
}

#[test]
fn real_videos_are_the_same_as_read_plainly() {
    let Some(material) = material() else { return };
    for name in ["video/bikes.mp4", "video/fades.mp4", "grid/bbaf2n.mpg"] {
        let video = material.join(name);
        let (alone, _) = read(&video, ALONE).unwrap();
        assert_same(&alone, &plainly(&video), name);
    }
}

#[test]
fn shots_do_not_depend_on_the_number_of_decoders() {
    let Some(material) = material() else { return };
    let scan = |threads, chunk_frames| {
        let params = SegmentParams {
            threads,
            chunk_frames,
            ..SegmentParams::default()
        };
        let video = open(&material.join("video/bikes.mp4"));
        segment(video, &params, &Bounds::default(), &mut |_, _| Ok(())).unwrap()
    };
    assert_eq!(scan(4, 20), scan(1, 0));
}

#[test]
fn a_pass_that_is_stopped_ends_all_its_threads() {
    let clips = Clips::new();
    let video = clips.make(&format!("{MOVING} -c:v libx264 -g 10"), "video.mp4");
    for stop_at in [1, 7, 60] {
        let video = video.clone();
        let error = guarded("a stopped pass", move || {
            let params = SegmentParams {
                threads: 3,
                chunk_frames: 10,
                ..SegmentParams::default()
            };
            segment(open(&video), &params, &Bounds::default(), &mut |done, _| {
                if done == stop_at {
                    Err(MediaError::Cancelled)
                } else {
                    Ok(())
                }
            })
        });
        assert_eq!(error.unwrap_err(), MediaError::Cancelled);
    }
}

/// A video whose source fails in the middle.
struct Failing(Box<dyn rushes_workers::source::ByteSource>);

impl rushes_workers::source::ByteSource for Failing {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        if offset > self.0.len() / 2 {
            return Err(std::io::Error::other("the disk is gone"));
        }
        self.0.read_at(offset, buffer)
    }
}

#[test]
fn limits_and_failing_sources_are_told_in_any_mode() {
    let clips = Clips::new();
    let video = clips.make(&format!("{MOVING} -c:v libx264 -g 10"), "video.mkv");
    for decoders in [1, 3] {
        let options = SmallOptions {
            decoders,
            chunk_frames: 10,
        };
        let bounds = Bounds {
            max_frames: 150,
            ..Bounds::default()
        };
        let path = video.clone();
        let error = guarded("a limited video", move || {
            let mut reader = SmallFrames::open(open(&path), options, &bounds).unwrap();
            let mut small = SmallFrame::grey();
            while reader.next_frame(&mut small)?.is_some() {}
            Ok::<_, MediaError>(())
        });
        assert!(matches!(error, Err(MediaError::Limit { .. })), "{error:?}");
        let path = video.clone();
        let error = guarded("a failing video", move || {
            let source = Box::new(Failing(open(&path)));
            let mut reader = SmallFrames::open(source, options, &Bounds::default())?;
            let mut small = SmallFrame::grey();
            while reader.next_frame(&mut small)?.is_some() {}
            Ok(())
        });
        assert!(matches!(error, Err(MediaError::Io(_))), "{error:?}");
    }
}
