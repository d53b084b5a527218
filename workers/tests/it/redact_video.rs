//! Videos redacted as a whole: detectors, tracks, two passes through decoding children, records.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use image::RgbImage;
use rushes_models::{Class, Detector, DetectorOptions, ModelStore};
use rushes_workers::media::{Bounds, FrameReader, ReadOptions, RgbMaker};
use rushes_workers::redact::geometry::{Camera, Patch, Shape, View, rasterise, widened};
use rushes_workers::redact::{
    BatchObserver, BatchOptions, CameraChoice, FoundBy, HandRegions, Item, MediaKind, Outcome,
    OutputRecord, RECORD_SUFFIX, RedactError, Settings, VideoOptions, VideoRecord, redact_all,
};
use rushes_workers::sandbox::Limits;
use tempfile::TempDir;

use crate::clips::{Clips, ffprobe, ffprobe_pts, material, open, sandbox};

/// The store with `CenterFace` in it, if it was pulled.
fn store() -> Option<ModelStore> {
    crate::clips::models(&["centerface"]).map(ModelStore::new)
}

struct Bench {
    store: ModelStore,
    out: TempDir,
    every: Option<u32>,
    resume: bool,
    limits: Limits,
}

/// The record, the output, and whether it was there before.
type Answer = Result<(OutputRecord, Option<PathBuf>, bool), String>;

#[derive(Default)]
struct Seen {
    outcomes: Vec<Answer>,
    shares: Vec<f64>,
    stop_at: Option<f64>,
}

struct Watch<'a>(&'a mut Seen, &'a AtomicBool);

impl BatchObserver for Watch<'_> {
    fn done(&mut self, outcome: &Outcome) {
        self.0.outcomes.push(match &outcome.result {
            Ok(done) => Ok((done.record.clone(), outcome.output.clone(), done.resumed)),
            Err(error) => Err(error.to_string()),
        });
    }

    fn progress(&mut self, _item: &Item, share: f64) {
        self.0.shares.push(share);
        if self.0.stop_at.is_some_and(|stop| share >= stop) {
            self.1.store(true, Ordering::Relaxed);
        }
    }
}

impl Bench {
    fn new() -> Option<Self> {
        Some(Self {
            store: store()?,
            out: tempfile::tempdir().unwrap(),
            every: Some(1),
            resume: false,
            limits: VideoOptions::limits(),
        })
    }

    fn settings() -> Settings {
        Settings {
            classes: [Class::Face].into(),
            detectors: vec!["centerface".to_owned()],
            camera: CameraChoice::Auto,
            ..Settings::default()
        }
    }

    fn run(&self, path: &Path, seen: &mut Seen) -> Result<(), RedactError> {
        let options = BatchOptions {
            out: self.out.path().to_owned(),
            jobs: 1,
            threads: 2,
            memory_bytes: 4 << 30,
            resume: self.resume,
            hand: HandRegions::default(),
            videos: VideoOptions {
                every: self.every,
                sandbox: sandbox(self.limits.clone()),
                longest: u64::MAX,
            },
        };
        let item = Item {
            path: path.to_owned(),
            relative: path.file_name().unwrap().into(),
            kind: MediaKind::Video,
        };
        let stop = AtomicBool::new(false);
        redact_all(
            &self.store,
            &Self::settings(),
            &options,
            vec![item],
            &stop,
            &mut Watch(seen, &stop),
        )
    }

    /// Redacts a video that can be.
    fn redact(&self, path: &Path) -> (VideoRecord, PathBuf, bool) {
        let mut seen = Seen::default();
        self.run(path, &mut seen).unwrap();
        let (made, output, resumed) = seen.outcomes.remove(0).unwrap();
        assert!(seen.shares.iter().all(|share| (0.0..=1.0).contains(share)));
        match made {
            OutputRecord::Video(record) => (*record, output.unwrap(), resumed),
            OutputRecord::Picture(_) => panic!("no video"),
        }
    }

    /// Redacts a video that cannot be, and checks that nothing is left.
    fn fails(&self, path: &Path) -> String {
        let mut seen = Seen::default();
        self.run(path, &mut seen).unwrap();
        let error = seen.outcomes.remove(0).unwrap_err();
        self.is_empty();
        error
    }

    fn is_empty(&self) {
        let left: Vec<_> = std::fs::read_dir(self.out.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// The frames of a video as stored, from `first` on, every n-th.
fn frames(path: &Path, every: usize) -> Vec<RgbImage> {
    let mut reader =
        FrameReader::open(open(path), ReadOptions::default(), &Bounds::default()).unwrap();
    let mut maker = RgbMaker::default();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        if frame.number.is_multiple_of(every as u64) {
            frames.push(maker.make(frame).unwrap());
        }
    }
    frames
}

/// A face that hangs on a grey wall, is gone, and comes back elsewhere.
fn visits(clips: &Clips) -> Option<PathBuf> {
    let faces = material()?.join("faces/blazeface_4faces.png");
    Some(clips.make(
        &format!(
            "-f lavfi -i color=c=gray:s=640x480:r=20:d=4 -loop 1 -i {} -f lavfi -i sine=d=4 -filter_complex \
             [1:v]scale=300:-2[f];[0:v][f]overlay=x='20+40*t':y=100:enable='between(t,1,2)':shortest=1 \
             -map 2:a -c:v libx264 -crf 12 -pix_fmt yuv420p -c:a aac -t 4",
            faces.display()
        ),
        "visits.mp4",
    ))
}

/// How much neighbours differ in a box, on average.
fn contrast(picture: &RgbImage, [x, y, w, h]: [f64; 4]) -> f64 {
    let whole = |side: f64| format!("{side:.0}").parse::<u32>().unwrap();
    let (left, top) = (whole(x), whole(y));
    let cut = image::imageops::crop_imm(picture, left, top, whole(w), whole(h)).to_image();
    let (mut sum, mut count) = (0.0, 0.0);
    for row in cut.rows() {
        let row: Vec<_> = row.collect();
        for pair in row.windows(2) {
            sum += f64::from(pair[0].0[1].abs_diff(pair[1].0[1]));
            count += 1.0;
        }
    }
    sum / count
}

#[test]
fn faces_are_hidden_while_they_are_there_and_a_little_longer() {
    let (Some(bench), clips) = (Bench::new(), Clips::new()) else {
        return;
    };
    let Some(path) = visits(&clips) else { return };
    let (record, output, _) = bench.redact(&path);
    // A detector may say of one face twice where it is.
    let sure = record.tracks.iter().filter(|track| track.score > 0.5);
    assert_eq!(sure.count(), 4);
    for track in &record.tracks {
        let detected: Vec<usize> = track
            .boxes
            .iter()
            .filter(|it| it.by == FoundBy::Detected)
            .map(|it| it.frame)
            .collect();
        assert!((20..=22).contains(&detected[0]), "{detected:?}");
        assert!(
            track.first >= 15 && track.last <= 46,
            "{} {}",
            track.first,
            track.last
        );
    }
    // What nobody saw is as it was, up to the encoder.
    let (before, after) = (frames(&path, 1), frames(&output, 1));
    assert_eq!(before.len(), after.len());
    let largest = |number: usize| {
        let pairs = before[number].as_raw().iter().zip(after[number].as_raw());
        pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    };
    assert!(
        largest(5) < 12 && largest(70) < 12,
        "{} {}",
        largest(5),
        largest(70)
    );
    assert!(largest(30) > 40);
    assert_eq!(ffprobe_pts(&output), ffprobe_pts(&path));
    // The same again with every other frame only is left to tracks.
    let half = Bench {
        every: Some(2),
        out: tempfile::tempdir().unwrap(),
        ..bench
    };
    let (record, output, _) = half.redact(&path);
    assert_eq!(record.every, Some(2));
    assert!(
        record
            .tracks
            .iter()
            .all(|track| track.boxes.iter().any(|it| it.by == FoundBy::Interpolated))
    );
    let after = frames(&output, 1);
    for number in 20..40 {
        for track in record.tracks.iter().filter(|track| track.score > 0.5) {
            let found = track.boxes.iter().find(|it| it.frame == number).unwrap();
            let (sharp, soft) = (
                contrast(&before[number], found.bounds),
                contrast(&after[number], found.bounds),
            );
            assert!(soft < 0.7 * sharp, "frame {number}: {soft} of {sharp}");
        }
    }
}

/// A video's first frame as players show it.
fn shown(path: &Path) -> RgbImage {
    let options = ReadOptions::default();
    let mut reader = FrameReader::open(open(path), options, &Bounds::default()).unwrap();
    let mut maker = reader.picture_maker(4000, 4000);
    let frame = reader.next_frame().unwrap().unwrap();
    maker.make(frame).unwrap()
}

#[test]
fn faces_are_hidden_where_a_mirrored_video_shows_them() {
    let (Some(mut bench), Some(material), clips) = (Bench::new(), material(), Clips::new()) else {
        return;
    };
    let faces = material.join("faces/blazeface_4faces.png");
    let video = |filter: &str, exif: usize| {
        let arguments = format!(
            "-loop 1 -i {} -vf scale=480:-2{filter} -r 10 -t 0.5 -c:v libx264 -crf 10 -pix_fmt yuv420p",
            faces.display()
        );
        clips.make_oriented(&arguments, exif, &format!("video-{exif}.mp4"))
    };
    let boxes = |record: &VideoRecord| {
        let sure = record.tracks.iter().filter(|track| track.score > 0.5);
        let mut boxes: Vec<[f64; 4]> = sure.map(|track| track.boxes[0].bounds).collect();
        boxes.sort_by(|a, b| a[0].total_cmp(&b[0]));
        boxes
    };
    let plain = video("", 1);
    let before = shown(&plain);
    let (record, ..) = bench.redact(&plain);
    let expected = boxes(&record);
    assert_eq!(expected.len(), 4);
    for (exif, filter) in [(2, ",hflip"), (4, ",vflip"), (5, ",transpose=cclock_flip")] {
        bench.out = tempfile::tempdir().unwrap();
        let path = video(filter, exif);
        let (record, output, _) = bench.redact(&path);
        let found = boxes(&record);
        assert_eq!(found.len(), 4, "{exif}");
        let after = shown(&output);
        assert_eq!(after.dimensions(), before.dimensions());
        for (found, expected) in found.iter().zip(&expected) {
            let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
            assert!(
                off.fold(0.0, f64::max) < 6.0,
                "{exif}: {found:?}, not {expected:?}"
            );
            let (sharp, soft) = (contrast(&before, *found), contrast(&after, *found));
            assert!(soft < 0.7 * sharp, "{exif}: {soft} of {sharp}");
        }
    }
}

#[test]
fn a_video_without_faces_passes_and_is_not_done_twice() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let clips = Clips::new();
    let path = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x240:d=1 -c:v mpeg4",
        "test.avi",
    );
    let (record, output, resumed) = bench.redact(&path);
    assert!(record.tracks.is_empty() && !resumed);
    assert_eq!(output.file_name().unwrap(), "test.avi.mp4");
    assert_eq!(record.output.as_ref().unwrap().name, "test.avi.mp4");
    let beside = bench
        .out
        .path()
        .join(format!("test.avi.mp4{RECORD_SUFFIX}"));
    let kept: VideoRecord = serde_json::from_slice(&std::fs::read(beside).unwrap()).unwrap();
    assert_eq!(kept, record);
    bench.resume = true;
    assert!(bench.redact(&path).2);
    bench.every = Some(3);
    assert!(!bench.redact(&path).2);
    // Without a wish it follows from the times of frames, and what was wished for is not taken for it.
    bench.every = None;
    let (record, _, resumed) = bench.redact(&path);
    assert!(record.every.is_none() && !resumed);
    assert!(bench.redact(&path).2);
    std::fs::write(&output, "torn").unwrap();
    assert!(!bench.redact(&path).2);
}

#[test]
fn a_damaged_video_is_redacted_as_far_as_it_plays() {
    let Some(bench) = Bench::new() else { return };
    let clips = Clips::new();
    let path = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x240:d=4 -c:v libx264 -g 10 -threads 1",
        "video.mkv",
    );
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 3000].fill(0x55);
    let damaged = clips.write("damaged.mkv", &bytes);
    let (record, output, _) = bench.redact(&damaged);
    assert!(
        record.warnings.iter().any(|it| it.contains("damaged")),
        "{:?}",
        record.warnings
    );
    assert_eq!(
        ffprobe_pts(&output).len() as u64,
        record.video.frames,
        "as many as were looked at"
    );
    let empty = Bench {
        out: tempfile::tempdir().unwrap(),
        ..bench
    };
    let cut = clips.write("cut.mp4", &std::fs::read(&path).unwrap()[..2000]);
    assert!(empty.fails(&cut).contains("damaged") || !empty.fails(&cut).is_empty());
    assert!(
        !empty
            .fails(&clips.write("text.mp4", b"no video"))
            .is_empty()
    );
}

#[test]
fn a_child_that_dies_and_a_person_who_stops_leave_nothing() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let clips = Clips::new();
    let path = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x240:d=6 -c:v libx264",
        "video.mp4",
    );
    bench.limits.memory_bytes = 120 << 20;
    assert!(!bench.fails(&path).is_empty());
    bench.limits = VideoOptions::limits();
    for stop_at in [0.1, 0.8] {
        let mut seen = Seen {
            stop_at: Some(stop_at),
            ..Seen::default()
        };
        bench.run(&path, &mut seen).unwrap();
        assert!(seen.outcomes.is_empty(), "stopped before it was done");
        bench.is_empty();
    }
}

/// The committed table of faces labelled by eye.
fn labels() -> Vec<(usize, [f64; 4])> {
    let path = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
        .join("../benches/redact/egoblur_faces.tsv");
    let table = std::fs::read_to_string(path).unwrap();
    let rows = table
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    rows.map(|line| {
        let numbers: Vec<f64> = line.split('\t').map(|cell| cell.parse().unwrap()).collect();
        let frame = line.split('\t').next().unwrap().parse().unwrap();
        (frame, [numbers[1], numbers[2], numbers[3], numbers[4]])
    })
    .collect()
}

/// The share of a labelled box that the record's boxes cover in its frame, each widened and shaped as it was blurred.
fn covered(record: &VideoRecord, frame: usize, label: [f64; 4]) -> f64 {
    let (width, height) = (record.video.width, record.video.height);
    let view = View::Crop {
        x: 0.0,
        y: 0.0,
        width: f64::from(width),
        height: f64::from(height),
        out_width: width,
        out_height: height,
    };
    let patches: Vec<Patch> = record
        .tracks
        .iter()
        .flat_map(|track| track.boxes.iter().filter(|it| it.frame == frame))
        .map(|it| {
            let [x, y, w, h] = it.bounds;
            let rect = widened([x, y, x + w, y + h], record.settings.margin);
            Patch {
                view,
                rect,
                quad: None,
                shape: Shape::Ellipse,
            }
        })
        .collect();
    let mask = rasterise(&Camera::planar(width, height), &patches);
    let [x, y, w, h] = label.map(|side| format!("{side:.0}").parse::<u32>().unwrap());
    let inside = (y..y + h)
        .flat_map(|y| (x..x + w).map(move |x| (x, y)))
        .filter(|&(x, y)| mask.pieces.iter().any(|piece| piece.contains(x, y)))
        .count();
    f64::from(u32::try_from(inside).unwrap()) / f64::from(w * h)
}

#[test]
fn every_labelled_face_is_covered_and_none_is_found_afterwards() {
    let (Some(bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    let path = material.join("video/egoblur_gen1_test_video.mp4");
    let (record, output, _) = bench.redact(&path);
    let labels = labels();
    assert_eq!(labels.len(), 50);
    for (frame, label) in labels {
        let share = covered(&record, frame, label);
        assert!(share >= 0.95, "frame {frame}: {share}");
    }
    assert_eq!(ffprobe_pts(&output), ffprobe_pts(&path));
    let mut centerface = Detector::open(
        &bench.store,
        "centerface",
        DetectorOptions {
            threads: 2,
            weights: None,
            precision: None,
        },
    )
    .unwrap();
    let threshold = centerface.default_threshold();
    let pictures = frames(&output, 6);
    let found = centerface.detect(&pictures, threshold).unwrap();
    let with_faces = found.iter().filter(|faces| !faces.is_empty()).count();
    assert!(
        with_faces * 50 <= pictures.len(),
        "{with_faces} of {}",
        pictures.len()
    );
}

#[test]
fn videos_of_the_material_pass() {
    let (Some(mut bench), Some(material)) = (Bench::new(), material()) else {
        return;
    };
    bench.every = Some(10);
    for name in ["mapillary_sample-5s.mp4", "delayed_start.mp4"] {
        let path = material.join("video").join(name);
        let (record, output, _) = bench.redact(&path);
        assert_eq!(ffprobe_pts(&output), ffprobe_pts(&path), "{name}");
        assert_eq!(record.video.frames, ffprobe_pts(&path).len() as u64);
        let entries = "stream=width,height,time_base,start_pts,nb_frames";
        assert_eq!(
            ffprobe(&output, "v:0", entries),
            ffprobe(&path, "v:0", entries)
        );
    }
}
