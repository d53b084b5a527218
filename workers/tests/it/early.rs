//! Shots that are final before the end of the video, and proxies that are cut before their run starts.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use rushes_models::{EncoderOptions, ModelStore};
use rushes_workers::media::{
    Bounds, MediaError, ProxyParams, SmallFrame, SmallFrames, SmallOptions,
};
use rushes_workers::sandbox::Limits;
use rushes_workers::segment::{
    BoundaryDetector, DetectorKind, LearnedDetector, SegmentOutput, SegmentParams, Shot, segment,
};
use rushes_workers::stages::{
    EarlyProxies, Output, ProxiesOutput, ProxiesTask, ShotsOutput, ShotsTask, Stages, Task,
};
use rushes_workers::storage::{S3Options, Storage};
use rushes_workers::time::{Rate, Stretch};
use rushes_workers::watch::Watch;

use crate::clips::{Clips, material, open, sandbox, scan};

/// 40 seconds with cuts, fades and flashes.
fn video(clips: &Clips) -> PathBuf {
    let sources = [
        "testsrc2",
        "smptehdbars",
        "mandelbrot",
        "rgbtestsrc",
        "testsrc",
        "pal75bars",
    ];
    let mut graph = String::new();
    for part in 0..16 {
        let source = sources[part % sources.len()];
        let frames = 37 + 11 * (part % 5);
        let extra = match part % 4 {
            1 => "fade=out:s=20:n=15".to_owned(),
            2 => "fade=in:s=0:n=12".to_owned(),
            3 => "drawbox=c=white:t=fill:enable='between(n,20,22)'".to_owned(),
            _ => format!("hue=h={}", 40 * part),
        };
        graph += &format!(
            "{source}=r=25:s=320x180,trim=end_frame={frames},{extra},format=yuv420p,setsar=1[p{part}];"
        );
    }
    let order: String = (0..16).map(|part| format!("[p{part}]")).collect();
    let graph = format!("{graph}{order}concat=n=16:v=1:a=0[v]").replace(' ', "");
    clips.make(
        &format!("-filter_complex {graph} -map [v] -c:v libx264 -preset ultrafast"),
        "video.mp4",
    )
}

/// With more threads, x264 occasionally decides a few blocks differently, at about 70 dB.
fn exact() -> ProxyParams {
    ProxyParams {
        threads: 1,
        ..ProxyParams::default()
    }
}

struct Told(Vec<Stretch>);

impl SegmentOutput for Told {
    fn progress(&mut self, _done: u64, _total: Option<u64>) -> Result<(), MediaError> {
        Ok(())
    }

    fn settled(&mut self, shot: &Stretch) -> Result<(), MediaError> {
        self.0.push(shot.clone());
        Ok(())
    }
}

fn assert_early_is_final(video: &Path) {
    let mut told = Told(Vec::new());
    let params = SegmentParams::default();
    let bounds = Bounds::default();
    let found = segment(open(video), &params, &bounds, &mut told).unwrap();
    let count = told.0.len();
    assert!(count > 0, "{}: none told", video.display());
    let frames = found.shots.iter().map(Shot::frames).take(count);
    let expected: Vec<_> = frames
        .map(|frames| found.timeline.stretch(&frames))
        .collect();
    assert_eq!(told.0, expected, "{}", video.display());
}

#[test]
fn shots_told_early_are_those_found_in_the_end() {
    let clips = Clips::new();
    assert_early_is_final(&video(&clips));
    let Some(material) = material() else { return };
    assert_early_is_final(&material.join("video/big_buck_bunny_0_30.webm"));
}

#[test]
fn asking_what_is_settled_changes_nothing() {
    let clips = Clips::new();
    let video = video(&clips);
    let params = SegmentParams::default();
    let mut asked = LearnedDetector::new(&params).unwrap();
    let mut left_alone = LearnedDetector::new(&params).unwrap();
    let options = SmallOptions {
        decoders: 1,
        chunk_frames: 0,
    };
    let mut reader = SmallFrames::open(open(&video), options, &Bounds::default()).unwrap();
    let mut small = SmallFrame::grey();
    let mut settled = Vec::new();
    while let Some((number, pts)) = reader.next_frame(&mut small).unwrap() {
        let shown_ms = reader
            .time_base()
            .rescale(pts, Rate::MILLISECONDS)
            .unsigned_abs();
        asked.push(&small, number, shown_ms).unwrap();
        settled.extend(asked.settled());
        left_alone.push(&small, number, shown_ms).unwrap();
    }
    assert!(!settled.is_empty());
    settled.extend(asked.finish().unwrap());
    assert_eq!(settled, left_alone.finish().unwrap());
}

#[test]
fn proxies_can_be_cut_while_shots_are_looked_for() {
    let clips = Clips::new();
    let video = video(&clips);
    let (sender, receiver) = mpsc::channel();
    let params = exact();
    let cut = |stretches: &mut dyn Iterator<Item = Stretch>| {
        let mut proxies = Vec::new();
        let mut sink = |_frames, bytes| {
            proxies.push(bytes);
            Ok::<_, Infallible>(())
        };
        let (sandbox, mut source) = (sandbox(Limits::default()), open(&video));
        sandbox
            .proxies(source.as_mut(), &params, stretches, &mut (), &mut sink)
            .unwrap();
        proxies
    };
    let (found, early) = std::thread::scope(|scope| {
        let early = scope.spawn(|| cut(&mut receiver.into_iter()));
        let found = sandbox(Limits::default())
            .shots_as_they_settle(
                open(&video).as_mut(),
                &SegmentParams::default(),
                &mut (),
                &mut |shot| sender.send(shot).unwrap(),
            )
            .unwrap();
        drop(sender);
        (found, early.join().unwrap())
    });
    assert_eq!(found, scan(&video));
    assert!(early.len() > 2);
    let spans = found.shots.iter().map(Shot::frames).take(early.len());
    let later = cut(&mut spans.map(|span| found.timeline.stretch(&span)));
    assert!(early == later, "what is cut early is another proxy");
}

/// Stages with their own store.
struct Workshop {
    stages: Stages,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let store = folder.path().join("store");
        let storage = Storage::open(store.to_str().unwrap(), S3Options::default()).unwrap();
        let models = ModelStore::new(folder.path().join("models"));
        let guard = runtime.enter();
        let sandbox = sandbox(Limits::default());
        let mut stages = Stages::new(storage, sandbox, models, EncoderOptions::threads(1));
        stages.proxy = exact();
        drop(guard);
        Self {
            stages,
            runtime,
            _folder: folder,
        }
    }

    fn compute(&self, prefix: &str, task: &Task) -> Output {
        self.stages
            .compute(task, prefix, &Watch::default())
            .unwrap()
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let keys = self.stages.storage.keys_under(prefix);
        self.runtime.block_on(keys).unwrap()
    }

    fn get(&self, key: &str) -> bytes::Bytes {
        self.runtime.block_on(self.stages.storage.get(key)).unwrap()
    }
}

#[test]
fn a_run_of_proxies_goes_on_from_those_that_are_there() {
    let clips = Clips::new();
    let video = video(&clips);
    let workshop = Workshop::new();
    let uri = format!("file://{}", video.display());
    let media = workshop
        .runtime
        .block_on(workshop.stages.storage.locate(&uri))
        .unwrap();
    let shots_task = |prefix: Option<&str>| {
        Task::Shots(ShotsTask {
            media: media.clone(),
            detector: DetectorKind::Learned,
            proxies: prefix.map(|prefix| EarlyProxies {
                prefix: prefix.to_owned(),
                height: 90,
            }),
        })
    };
    let found = workshop.compute("runs/shots", &shots_task(Some("runs/proxies")));
    assert_eq!(found, workshop.compute("runs/shots", &shots_task(None)));
    let Output::Shots(ShotsOutput {
        timeline, shots, ..
    }) = found
    else {
        panic!("{found:?}")
    };
    let proxies_task = || {
        Task::Proxies(ProxiesTask {
            media: media.clone(),
            timeline: timeline.clone(),
            shots: shots.iter().map(|shot| (shot.start, shot.end)).collect(),
            height: 90,
        })
    };
    let proxies = |prefix: &str| {
        let Output::Proxies(ProxiesOutput { keys }) = workshop.compute(prefix, &proxies_task())
        else {
            panic!("no proxies")
        };
        assert_eq!(keys.len(), shots.len());
        keys
    };
    let mut early = workshop.keys("runs/proxies");
    // An additional and a foreign one, which cannot come from the video: they stay if nothing is made twice.
    let mark = bytes::Bytes::from_static(b"made before");
    let digest = &blake3::hash(&mark).to_hex()[..32];
    let first = format!("runs/proxies/{}-{}.", shots[0].start, shots[0].end);
    let storage = &workshop.stages.storage;
    let (replaced, mut others): (Vec<_>, Vec<_>) =
        early.into_iter().partition(|key| key.starts_with(&first));
    for key in &replaced {
        workshop.runtime.block_on(storage.delete(key)).unwrap();
    }
    let marked = format!("{first}{digest}.mp4");
    let put = storage.put(&marked, mark.clone());
    workshop.runtime.block_on(put).unwrap();
    others.push(marked);
    early = others;
    let keys = proxies("runs/proxies");
    assert_eq!(workshop.keys("runs/proxies").len(), keys.len());
    assert!(early.iter().all(|key| keys.contains(key)), "{early:?}");
    assert_eq!(workshop.get(&keys[0]), mark);
    // The others are the results of an undisturbed run.
    for (key, alone) in keys.iter().zip(proxies("runs/alone")).skip(1) {
        assert!(workshop.get(key) == workshop.get(&alone), "{key}");
    }
}
