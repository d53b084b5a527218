//! For tests: a fake encoder, small real proxies, and a store with videos of them.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use image::RgbImage;
use rushes_models::device::Device;
use rushes_models::{ImageEncoder, ModelError, Prepared, Space};
use tokio::runtime::Runtime;

use super::{EmbedOptions, Embedder, FrameVectors, Parts, ShotVectors, Video};
use crate::error::StageError;
use crate::media::{Bounds, CutOutput, CutSource, MediaError, ProxyParams, cut};
use crate::segment::{SegmentParams, segment};
use crate::storage::{S3Options, Storage};
use crate::watch::Watch;

/// The vector is the mean of the picture's colours, scaled to length 1.
pub(super) struct Fake {
    pub(super) space: Space,
    pub(super) batch: usize,
    /// Number of encoded pictures.
    pub(super) count: Arc<AtomicUsize>,
    /// While closed, it holds batches up.
    pub(super) gate: Arc<Gate>,
    pub(super) panics_after: usize,
}

#[derive(Default)]
pub(super) struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(super) fn set(&self, is_closed: bool) {
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

pub(super) fn mean_colour(picture: &Prepared) -> Vec<f32> {
    let mut sums = vec![0.0_f32; 3];
    for pixel in picture.as_bytes().as_chunks::<3>().0 {
        for (sum, &value) in sums.iter_mut().zip(pixel) {
            *sum += f32::from(value);
        }
    }
    rushes_models::mean_pool(&[sums])
}

/// A store with the proxies of a video, and an embedder.
pub(super) struct Bench {
    pub(super) runtime: Runtime,
    pub(super) storage: Storage,
    pub(super) embedder: Embedder,
    pub(super) device: Arc<Device>,
    pub(super) count: Arc<AtomicUsize>,
    pub(super) gate: Arc<Gate>,
    pub(super) _folder: tempfile::TempDir,
}

pub(super) const BATCH: usize = 4;
pub(super) const FRAMES: usize = 4;

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(usize::MAX)
    }

    /// With an encoder that panics after this many pictures.
    pub(super) fn with(panics_after: usize) -> Self {
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

    /// Stores proxies of shots with different colours, and returns their keys.
    pub(super) fn video(&self, name: &str, shots: usize) -> Vec<String> {
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

    pub(super) fn stream(
        &self,
        keys: &[String],
        watch: &Watch,
    ) -> Result<Vec<ShotVectors>, StageError> {
        let video = Video {
            storage: &self.storage,
            runtime: self.runtime.handle(),
            device: &self.device,
            frames: FRAMES,
            shots: keys.iter().cloned().enumerate().collect(),
        };
        let mut found = Vec::new();
        self.embedder.stream(video, watch, &mut |shot| {
            found.push(shot);
            Ok(())
        })?;
        found.sort_by_key(|shot| shot.shot);
        Ok(found)
    }

    /// A whole run under `prefix`, cancelled by its watch after this many shots.
    pub(super) fn run(
        &self,
        keys: &[String],
        stop_after: usize,
    ) -> Result<(usize, Vec<Vec<f32>>), StageError> {
        let parts = self.parts(keys);
        let mut vectors = FrameVectors::resume(&parts, true)?;
        let before = vectors.done();
        let watch = Watch::default();
        let video = Video {
            storage: &self.storage,
            runtime: self.runtime.handle(),
            device: &self.device,
            frames: FRAMES,
            shots: vectors.missing(),
        };
        let streamed = self.embedder.stream(video, &watch, &mut |shot| {
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

    pub(super) fn parts<'a>(&'a self, keys: &'a [String]) -> Parts<'a> {
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

/// Two proxies of procedural videos, made by our own encoder.
pub(super) fn proxies() -> Vec<Vec<u8>> {
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
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i"])
        .arg("testsrc2=r=25:s=160x90:d=1.2,hue=H=2*t")
        .args(["-c:v", "libx264", "-threads", "1"])
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
    let video = CutSource {
        source: open(),
        bounds: &bounds,
    };
    let mut stretches = spans.iter().map(|span| Ok(scan.timeline.stretch(span)));
    cut(
        video,
        &mut stretches,
        &ProxyParams {
            // With more threads, x264 occasionally decides a few blocks differently.
            threads: 1,
            ..ProxyParams::default()
        },
        &mut kept,
    )
    .unwrap();
    kept.0
}
