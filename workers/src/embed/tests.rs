//! The way from stored proxies to vectors, with fake encoders and small real proxies.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use image::RgbImage;
use rushes_models::device::Device;
use rushes_models::{ErrorKind, ImageEncoder, ModelError, Prepared, Space};
use tokio::runtime::Runtime;

use super::*;
use crate::media::{Bounds, CutOutput, Film as MediaFilm, MediaError, ProxyParams, cut};
use crate::segment::{SegmentParams, segment};
use crate::stages::StageError;
use crate::storage::{S3Options, Storage};
use crate::worker::Watch;

/// The mean of the picture's colours, scaled to length 1, is the vector.
struct Fake {
    space: Space,
    batch: usize,
    /// Pictures encoded.
    count: Arc<AtomicUsize>,
    /// Closed, it holds batches up.
    gate: Arc<Gate>,
    panics_after: usize,
}

#[derive(Default)]
struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, is_closed: bool) {
        *self.is_closed.lock().unwrap() = is_closed;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let closed = self.is_closed.lock().unwrap();
        drop(self.opened.wait_while(closed, |closed| *closed).unwrap());
    }
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
        "a fake".to_owned()
    }

    fn preferred_batch(&self) -> usize {
        self.batch
    }

    fn prepare(&self, picture: &RgbImage) -> Result<Prepared, ModelError> {
        let small = image::imageops::thumbnail(picture, 8, 8);
        Ok(Prepared::new(small))
    }

    fn encode(&self, pictures: &[Prepared]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.gate.pass();
        let before = self.count.fetch_add(pictures.len(), Ordering::SeqCst);
        assert!(before + pictures.len() <= self.panics_after, "on purpose");
        Ok(pictures.iter().map(mean_colour).collect())
    }
}

fn mean_colour(picture: &Prepared) -> Vec<f32> {
    let mut sums = vec![0.0_f32; 3];
    for pixel in picture.as_bytes().as_chunks::<3>().0 {
        for (sum, &value) in sums.iter_mut().zip(pixel) {
            *sum += f32::from(value);
        }
    }
    rushes_models::mean_pool(&[sums])
}

/// A store with the proxies of a film in it, and what embeds them.
struct Bench {
    runtime: Runtime,
    storage: Storage,
    embedder: Embedder,
    device: Arc<Device>,
    count: Arc<AtomicUsize>,
    gate: Arc<Gate>,
    _folder: tempfile::TempDir,
}

const BATCH: usize = 4;
const FRAMES: usize = 4;

impl Bench {
    fn new() -> Self {
        Self::with(usize::MAX)
    }

    /// With an encoder that panics after so many pictures.
    fn with(panics_after: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path().to_str().unwrap(), S3Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (count, gate) = (Arc::<AtomicUsize>::default(), Arc::<Gate>::default());
        let fake = Fake {
            space: Space {
                id: "fake@1".to_owned(),
                dims: 3,
            },
            batch: BATCH,
            count: Arc::clone(&count),
            gate: Arc::clone(&gate),
            panics_after,
        };
        let device = Device::start("fake", vec![Box::new(fake)], Default::default()).unwrap();
        Self {
            runtime,
            storage,
            embedder: Embedder::new(EmbedOptions::default()),
            device: Arc::new(device),
            count,
            gate,
            _folder: folder,
        }
    }

    /// Stores proxies of shots whose colours differ; their keys.
    fn film(&self, name: &str, shots: usize) -> Vec<String> {
        let proxies = proxies();
        (0..shots)
            .map(|shot| {
                let key = format!("{name}/{shot:06}.mp4");
                let bytes = proxies[shot % proxies.len()].clone();
                self.runtime
                    .block_on(self.storage.put(&key, bytes.into()))
                    .unwrap();
                key
            })
            .collect()
    }

    fn stream(&self, keys: &[String], watch: &Watch) -> Result<Vec<ShotVectors>, StageError> {
        let film = Film {
            storage: &self.storage,
            runtime: self.runtime.handle(),
            device: &self.device,
            frames: FRAMES,
            shots: keys.iter().cloned().enumerate().collect(),
        };
        let mut found = Vec::new();
        self.embedder.stream(film, watch, &mut |shot| {
            found.push(shot);
            Ok(())
        })?;
        found.sort_by_key(|shot| shot.shot);
        Ok(found)
    }

    /// A whole run under `prefix`, given up by its watch after so many shots.
    fn run(
        &self,
        keys: &[String],
        stop_after: usize,
    ) -> Result<(usize, Vec<Vec<f32>>), StageError> {
        let parts = self.parts(keys);
        let mut vectors = FrameVectors::resume(&parts, true)?;
        let before = vectors.done();
        let watch = Watch::default();
        let film = Film {
            storage: &self.storage,
            runtime: self.runtime.handle(),
            device: &self.device,
            frames: FRAMES,
            shots: vectors.missing(),
        };
        let streamed = self.embedder.stream(film, &watch, &mut |shot| {
            vectors.add(shot);
            if vectors.done() == stop_after {
                watch.stop();
            }
            Ok(())
        });
        if let Err(error) = streamed {
            vectors.save();
            return Err(error);
        }
        let (vectors, key) = vectors.finish()?;
        assert_eq!(key.unwrap(), "runs/a/frames.safetensors");
        Ok((before, vectors))
    }

    fn parts<'a>(&'a self, keys: &'a [String]) -> Parts<'a> {
        Parts {
            storage: &self.storage,
            runtime: self.runtime.handle(),
            prefix: "runs/a",
            space: self.device.space(),
            frames: FRAMES,
            proxies: keys,
        }
    }
}

/// Two proxies of procedural films, made by our own proxy maker.
fn proxies() -> Vec<Vec<u8>> {
    struct Kept(Vec<Vec<u8>>);
    impl CutOutput for Kept {
        fn progress(&mut self, _done: u64, _total: u64) -> Result<(), MediaError> {
            Ok(())
        }

        fn proxy(&mut self, _index: usize, bytes: Vec<u8>) -> Result<(), MediaError> {
            self.0.push(bytes);
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i"])
        .arg("testsrc2=r=25:s=160x90:d=1.2,hue=H=2*t")
        .args(["-c:v", "libx264"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    let open = || Box::new(std::fs::File::open(&path).unwrap());
    let bounds = Bounds::default();
    let scan = segment(open(), &SegmentParams::default(), &bounds, &mut |_, _| {
        Ok(())
    })
    .unwrap();
    let spans: Vec<Range<u64>> = vec![0..13, 13..14, 14..30];
    let mut kept = Kept(Vec::new());
    let film = MediaFilm {
        source: open(),
        timeline: &scan.timeline,
        bounds: &bounds,
    };
    cut(film, &spans, &ProxyParams::default(), &mut kept).unwrap();
    kept.0
}

#[test]
fn the_vectors_of_a_film_are_those_of_its_frames_in_order() {
    let bench = Bench::new();
    let keys = bench.film("film", 7);
    let proxies = proxies();
    let found = bench.stream(&keys, &Watch::default()).unwrap();
    assert_eq!(found.len(), 7);
    for shot in found {
        let proxy = proxies[shot.shot % proxies.len()].clone();
        let pictures =
            crate::media::sample_frames(Box::new(bytes::Bytes::from(proxy)), FRAMES, 640).unwrap();
        let expected: Vec<Vec<f32>> = pictures
            .iter()
            .map(|picture| mean_colour(&bench.device.prepare(picture).unwrap()))
            .collect();
        assert_eq!(shot.frames, expected, "shot {}", shot.shot);
    }
    assert_eq!(bench.count.load(Ordering::SeqCst), 7 * FRAMES);
}

#[test]
fn the_order_in_which_proxies_come_changes_nothing() {
    let bench = Bench::new();
    let keys = bench.film("film", 12);
    let first = bench.stream(&keys, &Watch::default()).unwrap();
    let mut slow = Bench::new();
    slow.storage = Storage::over(Arc::new(object_store::throttle::ThrottledStore::new(
        object_store::memory::InMemory::new(),
        object_store::throttle::ThrottleConfig {
            wait_get_per_call: std::time::Duration::from_millis(3),
            ..Default::default()
        },
    )));
    assert_eq!(slow.film("film", 12), keys);
    slow.embedder = Embedder::new(EmbedOptions {
        decoders: 7,
        bytes: 0,
    });
    assert_eq!(slow.stream(&keys, &Watch::default()).unwrap(), first);
}

#[test]
fn a_proxy_that_vanished_fails_its_film_and_no_other() {
    let bench = Bench::new();
    let (lost, kept) = (bench.film("lost", 40), bench.film("kept", 40));
    bench
        .runtime
        .block_on(bench.storage.delete(&lost[25]))
        .unwrap();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| bench.stream(&kept, &Watch::default()));
        let error = bench.stream(&lost, &Watch::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(&lost[25]), "{error}");
        assert_eq!(other.join().unwrap().unwrap().len(), 40);
    });
}

#[test]
fn a_proxy_that_cannot_be_decoded_is_named() {
    let bench = Bench::new();
    let keys = bench.film("film", 5);
    let put = bench.storage.put(&keys[3], b"no film".as_slice().into());
    bench.runtime.block_on(put).unwrap();
    let error = bench.stream(&keys, &Watch::default()).unwrap_err();
    assert!(error.to_string().contains(&keys[3]), "{error}");
    assert_eq!(
        bench.stream(&keys[..3], &Watch::default()).unwrap().len(),
        3
    );
}

#[test]
fn a_film_that_is_cancelled_leaves_nothing_behind() {
    let bench = Bench::new();
    let keys = bench.film("film", 200);
    bench.gate.set(true);
    let watch = Watch::default();
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| bench.stream(&keys, &watch));
        watch.stop();
        let error = stopped.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    });
    // The next film meets a device without anybody else's pictures.
    bench.gate.set(false);
    let before = bench.count.load(Ordering::SeqCst);
    assert!(
        before <= BATCH,
        "{before} pictures were encoded all the same"
    );
    let next = bench.stream(&keys[..3], &Watch::default()).unwrap();
    assert_eq!(next.len(), 3);
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let bench = Bench::new();
    let keys = bench.film("film", 100);
    let error = bench.run(&keys, 30).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let again = Bench {
        storage: bench.storage.clone(),
        ..Bench::new()
    };
    let (before, vectors) = again.run(&keys, usize::MAX).unwrap();
    assert_eq!(before, 30);
    assert_eq!(again.count.load(Ordering::SeqCst), 70 * FRAMES);
    let fresh = Bench::new();
    assert_eq!(fresh.film("film", 100), keys);
    assert_eq!(fresh.run(&keys, usize::MAX).unwrap(), (0, vectors));
}

#[test]
fn a_part_that_is_damaged_or_of_other_work_is_done_again() {
    let bench = Bench::new();
    let keys = bench.film("film", 20);
    let mut parts = bench.parts(&keys);
    assert!(bench.run(&keys, 10).is_err());
    let done = |parts: &Parts<'_>| FrameVectors::resume(parts, false).unwrap().done();
    assert_eq!(done(&parts), 10);
    parts.frames = 8;
    assert_eq!(done(&parts), 0);
    parts.frames = FRAMES;
    let other = Space {
        id: "fake@2".to_owned(),
        dims: 3,
    };
    let space = std::mem::replace(&mut parts.space, &other);
    assert_eq!(done(&parts), 0);
    parts.space = space;
    let key = &bench
        .runtime
        .block_on(bench.storage.keys_under("runs/a/parts"))
        .unwrap()[0];
    let mut bytes = bench
        .runtime
        .block_on(bench.storage.get(key))
        .unwrap()
        .to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let put = bench.storage.put(key, bytes.into());
    bench.runtime.block_on(put).unwrap();
    assert_eq!(done(&parts), 0);
}

#[test]
fn a_device_that_panics_fails_the_film_and_is_started_again() {
    let bench = Bench::with(20);
    let keys = bench.film("film", 30);
    let error = bench.stream(&keys, &Watch::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(matches!(error, StageError::Device(_)), "{error}");
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    let devices = Devices::opened_by(Box::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let fake = Fake {
            space: Space {
                id: "fake@1".to_owned(),
                dims: 3,
            },
            batch: BATCH,
            count: Arc::default(),
            gate: Arc::default(),
            panics_after: 0,
        };
        Ok(vec![Box::new(fake)])
    }));
    let device = devices.get("fake").unwrap();
    assert!(Arc::ptr_eq(&device, &devices.get("fake").unwrap()));
    let broken = Bench { device, ..bench };
    assert!(broken.stream(&keys[..2], &Watch::default()).is_err());
    let next = devices.get("fake").unwrap();
    assert!(next.is_alive() && !Arc::ptr_eq(&next, &broken.device));
    assert_eq!(opened.load(Ordering::SeqCst), 2);
}

#[test]
fn a_proxy_of_many_parts_is_read_whole() {
    let bench = Bench::new();
    let mut keys = bench.film("film", 6);
    // Bytes after the film change nothing but its size.
    for key in &mut keys[..3] {
        let mut bytes = bench
            .runtime
            .block_on(bench.storage.get(key))
            .unwrap()
            .to_vec();
        let padding = (9_u32 << 20).to_be_bytes();
        bytes.extend(padding);
        bytes.extend(b"free");
        bytes.resize(bytes.len() + (9 << 20) - 8, 0);
        let put = bench.storage.put(key, bytes.into());
        bench.runtime.block_on(put).unwrap();
    }
    assert_eq!(bench.stream(&keys, &Watch::default()).unwrap().len(), 6);
}
