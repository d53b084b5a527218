//! The streaming embedder: does the device ever lack pictures?
//!
//! `cargo bench --bench embed-stream -- [VIDEO]`. Cuts a video (a procedural one unless VIDEO is given) into
//! proxies of 2 to 5 seconds at 480p, and stores them several times in a local store. Then streams them through
//! devices: one without cost, the real `lite` if `RUSHES_MODELS` has it, and ones that only wait for the time
//! of a batch.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench prints its table and is told by the environment where things are"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and times of a bench are small"
)]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;
use object_store::memory::InMemory;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use rushes_models::device::{Device, DeviceOptions, DeviceStats, Received};
use rushes_models::{
    EncoderOptions, ImageEncoder, ModelError, ModelStore, Prepared, Space, open_image_encoder,
};
use rushes_workers::embed::{EmbedOptions, Embedder, Video};
use rushes_workers::media::{
    Bounds, CutOutput, CutSource, MediaError, ProxyParams, cut, sample_frames,
    sample_frames_plainly,
};
use rushes_workers::segment::{SegmentParams, segment};
use rushes_workers::storage::{S3Options, Storage};
use rushes_workers::watch::Watch;
use tokio::runtime::Runtime;

/// Seconds of the procedural video: 13 shots of 2 to 5 seconds.
const SECONDS: u64 = 44;
/// Frames of the shots, in turn.
const SHOTS: [u64; 4] = [50, 75, 100, 125];
/// Frames sampled per shot.
const FRAMES: usize = 4;
/// How long a measurement should take.
const AIM: Duration = Duration::from_secs(7);
/// The assumed speed of an H200 encoding ViT-B-like pictures: this many pictures in this time.
const H200: (usize, Duration) = (64, Duration::from_millis(8));
/// Assumed number of cores beside such a device.
const H200_CORES: f64 = 16.0;

/// Prepares pictures like the real encoder, and waits instead of encoding.
struct Fake {
    space: Space,
    batch: usize,
    time: Duration,
    lite: Option<Arc<dyn ImageEncoder>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake").finish_non_exhaustive()
    }
}

impl ImageEncoder for Fake {
    fn space(&self) -> &Space {
        &self.space
    }

    fn backend(&self) -> String {
        "a clock".to_owned()
    }

    fn preferred_batch(&self) -> usize {
        self.batch
    }

    fn prepare(&self, picture: &RgbImage) -> Result<Prepared, ModelError> {
        match &self.lite {
            Some(lite) => lite.prepare(picture),
            None => Ok(Prepared::new(image::imageops::thumbnail(picture, 224, 224))),
        }
    }

    fn encode(&self, pictures: &[Prepared]) -> Result<Vec<Vec<f32>>, ModelError> {
        if !self.time.is_zero() {
            std::thread::sleep(self.time);
        }
        Ok(vec![vec![1.0, 0.0]; pictures.len()])
    }
}

struct Bench {
    runtime: Runtime,
    folder: tempfile::TempDir,
    /// Distinct proxies.
    proxies: Vec<Vec<u8>>,
    lite: Option<Arc<dyn ImageEncoder>>,
    cores: usize,
}

/// Result of streaming a video.
struct Streamed {
    pictures: usize,
    wall: Duration,
    stats: DeviceStats,
}

impl Streamed {
    fn rate(&self) -> f64 {
        self.pictures as f64 / self.wall.as_secs_f64()
    }
}

impl Bench {
    fn fake(&self, batch: usize, time: Duration) -> Box<dyn ImageEncoder> {
        Box::new(Fake {
            space: Space {
                id: "fake@1".to_owned(),
                dims: 2,
            },
            batch,
            time,
            lite: self.lite.clone(),
        })
    }

    fn local(&self) -> Storage {
        Storage::open(self.folder.path().to_str().unwrap(), S3Options::default()).unwrap()
    }

    /// An in-memory store with this latency per answer.
    fn distant(&self, latency: Duration) -> Storage {
        let store = InMemory::new();
        let config = ThrottleConfig {
            wait_get_per_call: latency,
            ..ThrottleConfig::default()
        };
        let storage = Storage::over(Arc::new(ThrottledStore::new(store, config)));
        self.fill(&storage);
        storage
    }

    fn fill(&self, storage: &Storage) {
        for (proxy, bytes) in self.proxies.iter().enumerate() {
            let key = key(proxy);
            let put = storage.put(&key, bytes.clone().into());
            self.runtime.block_on(put).unwrap();
        }
    }

    /// Streams this many shots, as two parallel videos, through a new device.
    fn stream(&self, storage: &Storage, encoder: Box<dyn ImageEncoder>, shots: usize) -> Streamed {
        let device = Device::start("bench", vec![encoder], DeviceOptions::default()).unwrap();
        let device = Arc::new(device);
        let embedder = Embedder::new(EmbedOptions::default());
        let began = Instant::now();
        std::thread::scope(|scope| {
            for video in 0..2 {
                let (device, embedder) = (&device, &embedder);
                let keys = (0..shots).filter(|shot| shot % 2 == video);
                let keys = keys.map(|shot| (shot, key(shot % self.proxies.len())));
                let video = Video {
                    storage,
                    runtime: self.runtime.handle(),
                    device,
                    frames: FRAMES,
                    shots: keys.collect(),
                };
                scope.spawn(move || {
                    let watch = Watch::default();
                    embedder.stream(video, &watch, &mut |_shot| Ok(())).unwrap();
                });
            }
        });
        Streamed {
            pictures: shots * FRAMES,
            wall: began.elapsed(),
            stats: device.stats(),
        }
    }
}

/// Number of shots that keeps the bench busy for a while at `rate` pictures per second.
fn shots(rate: f64) -> usize {
    let shots = (AIM.as_secs_f64() * rate / FRAMES as f64) as usize;
    shots.clamp(50, 20_000)
}

fn key(proxy: usize) -> String {
    format!("video/{proxy:06}.mp4")
}

/// A procedural video with motion, noise and texture.
fn video(folder: &Path) -> PathBuf {
    let path = folder.join("video.mp4");
    let source = format!(
        "mandelbrot=s=854x480:r=25:end_scale=0.01:maxiter=200,trim=duration={SECONDS},noise=alls=6:allf=t"
    );
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &source])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-crf",
            "18",
            "-pix_fmt",
            "yuv420p",
        ])
        .arg(&path)
        .status();
    assert!(status.unwrap().success());
    path
}

/// Cuts a video into proxies of 2 to 5 seconds, regardless of its shots.
fn proxies(path: &Path) -> Vec<Vec<u8>> {
    struct Kept(Vec<Vec<u8>>);
    impl CutOutput for Kept {
        fn progress(&mut self, _done: u64) -> Result<(), MediaError> {
            Ok(())
        }

        fn proxy(&mut self, _index: usize, bytes: Vec<u8>) -> Result<(), MediaError> {
            self.0.push(bytes);
            Ok(())
        }
    }
    let open = || Box::new(std::fs::File::open(path).unwrap());
    let bounds = Bounds::default();
    let scan = segment(open(), &SegmentParams::default(), &bounds, &mut |_, _| {
        Ok(())
    })
    .unwrap();
    let mut spans: Vec<Range<u64>> = Vec::new();
    for length in SHOTS.iter().cycle() {
        let start = spans.last().map_or(0, |span| span.end);
        if start + length > scan.timeline.frames() {
            break;
        }
        spans.push(start..start + length);
    }
    for samples in [0, ProxyParams::default().samples] {
        let params = ProxyParams {
            samples,
            ..ProxyParams::default()
        };
        let video = CutSource {
            source: open(),
            bounds: &bounds,
        };
        let mut stretches = spans.iter().map(|span| Ok(scan.timeline.stretch(span)));
        let mut kept = Kept(Vec::new());
        let began = Instant::now();
        cut(video, &mut stretches, &params, &mut kept).unwrap();
        let wall = began.elapsed().as_secs_f64();
        let bytes: usize = kept.0.iter().map(Vec::len).sum();
        println!(
            "{} proxies, {samples} key frames asked for: made in {wall:.1} s, {} KB each",
            spans.len(),
            bytes / spans.len() / 1000
        );
        let time = |plainly: bool| {
            let began = Instant::now();
            for proxy in &kept.0 {
                let source = Box::new(bytes::Bytes::from(proxy.clone()));
                let sample = if plainly {
                    sample_frames_plainly
                } else {
                    sample_frames
                };
                sample(source, FRAMES, 640).unwrap();
            }
            began.elapsed().as_secs_f64() * 1e3 / kept.0.len() as f64
        };
        println!(
            "  {FRAMES} frames sampled of each on one thread: {:6.1} ms decoding all, {:6.1} ms decoding what they need",
            time(true),
            time(false)
        );
        if samples > 0 {
            return kept.0;
        }
    }
    Vec::new()
}

fn row(name: &str, streamed: &Streamed, bar: Option<f64>) {
    let stats = &streamed.stats;
    let busy = stats.busy_fraction();
    let bar = bar.map_or(String::new(), |bar| {
        format!(
            "  (bar {bar:.2}: {})",
            if busy >= bar { "met" } else { "MISSED" }
        )
    });
    println!(
        "{name:58} {:7.1} pictures/s  {:5} batches, {:5} full  busy {busy:.3}{bar}",
        streamed.rate(),
        stats.batches,
        stats.full,
    );
}

fn main() {
    let named = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let folder = tempfile::tempdir().unwrap();
    let path = named.map_or_else(|| video(folder.path()), PathBuf::from);
    let proxies = proxies(&path);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let store = std::env::var("RUSHES_MODELS")
        .ok()
        .map(|models| ModelStore::new(models.into()));
    let lite = store
        .and_then(|store| open_image_encoder(&store, "lite", &EncoderOptions::threads(cores)).ok());
    let bench = Bench {
        runtime: Runtime::new().unwrap(),
        folder: tempfile::tempdir().unwrap(),
        proxies,
        lite: lite.map(Arc::from),
        cores,
    };
    let local = bench.local();
    bench.fill(&local);
    println!("{cores} cores; two videos at a time, {FRAMES} frames a shot");

    let free = bench.stream(&local, bench.fake(8, Duration::ZERO), 200);
    let free = bench.stream(&local, bench.fake(8, Duration::ZERO), shots(free.rate()));
    println!(
        "feeding alone, into a device that costs nothing: {:.1} pictures/s",
        free.rate()
    );
    match &bench.lite {
        Some(_) => real(&bench, &local, free.rate()),
        None => println!("lite: skipped, RUSHES_MODELS names no folder that has it"),
    }
    timed(&bench, &local, free.rate());
    prepared(&bench);
}

/// The real encoder, which shares the cores with the decoders.
fn real(bench: &Bench, local: &Storage, feeding: f64) {
    let Some(lite) = bench.lite.clone() else {
        return;
    };
    let picture = RgbImage::from_fn(640, 360, |x, y| image::Rgb([x as u8, y as u8, 127]));
    let batch = vec![lite.prepare(&picture).unwrap(); lite.preferred_batch()];
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < AIM / 2 {
        lite.encode(&batch).unwrap();
        count += batch.len();
    }
    let encoding = f64::from(u32::try_from(count).unwrap()) / began.elapsed().as_secs_f64();
    let bound = 1.0 / (1.0 / feeding + 1.0 / encoding);
    let streamed = bench.stream(local, Box::new(Shared(lite)), shots(bound));
    println!(
        "lite on the same {} cores: encoding alone {encoding:.1}, bound {bound:.1}, streamed {:.1} pictures/s: {:.3} of the bound (bar 0.90: {})",
        bench.cores,
        streamed.rate(),
        streamed.rate() / bound,
        if streamed.rate() >= 0.9 * bound {
            "met"
        } else {
            "MISSED"
        }
    );
}

/// Devices that only wait.
fn timed(bench: &Bench, local: &Storage, feeding: f64) {
    let batch = 16;
    let device = 0.7 * feeding;
    let time = Duration::from_secs_f64(batch as f64 / device);
    println!(
        "a device of {batch} pictures in {:.1} ms, 0.7 of what feeding allows:",
        time.as_secs_f64() * 1e3
    );
    let count = shots(device);
    let distant = bench.distant(Duration::from_millis(20));
    for (name, storage, bar) in [
        ("  local store", local, 0.95),
        ("  20 ms more a request", &distant, 0.9),
    ] {
        let streamed = bench.stream(storage, bench.fake(batch, time), count);
        row(name, &streamed, Some(bar));
    }
    let share = bench.cores as f64 / H200_CORES;
    let time = H200.1.div_f64(share);
    println!(
        "an assumed H200 ({} pictures in {:?}) beside {H200_CORES} cores, slowed to the {} here: {:.1} ms a batch:",
        H200.0,
        H200.1,
        bench.cores,
        time.as_secs_f64() * 1e3
    );
    let streamed = bench.stream(local, bench.fake(H200.0, time), count);
    row("  local store", &streamed, None);
}

/// The pipeline's own cost: pictures prepared in advance, at the assumed speed.
fn prepared(bench: &Bench) {
    let (batch, time) = H200;
    let encoder = bench.fake(batch, time);
    let picture = Prepared::new(RgbImage::new(224, 224));
    let device = Device::start("bench", vec![encoder], DeviceOptions::default()).unwrap();
    let count = batch * 500;
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _video in 0..2 {
            let (feed, answers) = device.open(4 * batch).unwrap();
            let picture = &picture;
            scope.spawn(move || {
                for tag in 0..count / 2 {
                    feed.push(tag as u64, picture.clone()).unwrap();
                }
            });
            scope.spawn(
                move || {
                    while !matches!(answers.receive(AIM).unwrap(), Received::Finished) {}
                },
            );
        }
    });
    let streamed = Streamed {
        pictures: count,
        wall: began.elapsed(),
        stats: device.stats(),
    };
    println!("prepared pictures into {batch} in {time:?}: the queue's own cost");
    row("  two videos, two threads", &streamed, None);
}

/// An encoder that others use too.
#[derive(Debug)]
struct Shared(Arc<dyn ImageEncoder>);

impl ImageEncoder for Shared {
    fn space(&self) -> &Space {
        self.0.space()
    }

    fn backend(&self) -> String {
        self.0.backend()
    }

    fn preferred_batch(&self) -> usize {
        self.0.preferred_batch()
    }

    fn prepare(&self, picture: &RgbImage) -> Result<Prepared, ModelError> {
        self.0.prepare(picture)
    }

    fn encode(&self, pictures: &[Prepared]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.0.encode(pictures)
    }
}
