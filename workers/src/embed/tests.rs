//! From stored proxies to vectors, with fake encoders and small real proxies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rushes_models::{EncoderOptions, ErrorKind, ModelStore, Space};

use super::testing::{BATCH, Bench, FRAMES, Fake, mean_colour, proxies};
use super::*;
use crate::error::StageError;
use crate::media::ProxyParams;
use crate::sandbox::{Limits, Sandbox};
use crate::segment::SegmentParams;
use crate::stages::{EmbeddingsTask, IdleModels, Output, Stages};
use crate::storage::Storage;
use crate::watch::Watch;

#[test]
fn the_vectors_of_a_video_are_those_of_its_frames_in_order() {
    let bench = Bench::new();
    let keys = bench.video("video", 7);
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
    let keys = bench.video("video", 12);
    let first = bench.stream(&keys, &Watch::default()).unwrap();
    let mut slow = Bench::new();
    slow.storage = Storage::over(Arc::new(object_store::throttle::ThrottledStore::new(
        object_store::memory::InMemory::new(),
        object_store::throttle::ThrottleConfig {
            wait_get_per_call: std::time::Duration::from_millis(3),
            ..Default::default()
        },
    )));
    assert_eq!(slow.video("video", 12), keys);
    slow.embedder = Embedder::new(EmbedOptions {
        decoders: 7,
        bytes: 0,
    });
    assert_eq!(slow.stream(&keys, &Watch::default()).unwrap(), first);
}

#[test]
fn a_proxy_that_vanished_fails_its_video_and_no_other() {
    let bench = Bench::new();
    let (lost, kept) = (bench.video("lost", 40), bench.video("kept", 40));
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
    let keys = bench.video("video", 5);
    let put = bench.storage.put(&keys[3], b"no video".as_slice().into());
    bench.runtime.block_on(put).unwrap();
    let error = bench.stream(&keys, &Watch::default()).unwrap_err();
    assert!(error.to_string().contains(&keys[3]), "{error}");
    assert_eq!(
        bench.stream(&keys[..3], &Watch::default()).unwrap().len(),
        3
    );
}

#[test]
fn a_video_that_is_cancelled_leaves_nothing_behind() {
    let bench = Bench::new();
    let keys = bench.video("video", 200);
    bench.gate.set(true);
    let watch = Watch::default();
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| bench.stream(&keys, &watch));
        watch.stop();
        let error = stopped.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    });
    // The next video meets a device without pictures of others.
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
    let keys = bench.video("video", 100);
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
    assert_eq!(fresh.video("video", 100), keys);
    assert_eq!(fresh.run(&keys, usize::MAX).unwrap(), (0, vectors));
}

#[test]
fn a_part_that_is_damaged_or_of_other_work_is_done_again() {
    let bench = Bench::new();
    let keys = bench.video("video", 20);
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
fn a_device_that_panics_fails_the_video_and_is_started_again() {
    let bench = Bench::with(20);
    let keys = bench.video("video", 30);
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
    let mut keys = bench.video("video", 6);
    // Bytes after the video change only its size.
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

#[test]
fn a_leased_run_uses_its_parts_and_tidies_up() {
    let bench = Bench::new();
    let proxies = bench.video("video", 9);
    assert!(bench.run(&proxies, 5).is_err());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let opener: Opener = Box::new(move |_model| {
        let fake = Fake {
            space: Space {
                id: "fake@1".to_owned(),
                dims: 3,
            },
            batch: BATCH,
            count: Arc::clone(&counted),
            gate: Arc::default(),
            panics_after: usize::MAX,
        };
        Ok(vec![Box::new(fake)])
    });
    let stages = Stages {
        storage: bench.storage.clone(),
        sandbox: Sandbox {
            command: "none".into(),
            args: Vec::new(),
            limits: Limits::default(),
        },
        segment: SegmentParams::default(),
        proxy: ProxyParams::default(),
        devices: Devices::opened_by(opener),
        embedder: Embedder::new(EmbedOptions::default()),
        sentences: Sentences::new(ModelStore::new("none".into()), EncoderOptions::threads(1)),
        ears: crate::stages::Ears::new(ModelStore::new("none".into()), 1),
        readers: IdleModels::new(ModelStore::new("none".into()), 1),
        faces: IdleModels::new(ModelStore::new("none".into()), 1),
        taggers: IdleModels::new(ModelStore::new("none".into()), 1),
        runtime: bench.runtime.handle().clone(),
    };
    let task = EmbeddingsTask {
        model: "fake".to_owned(),
        proxies,
        frames: 4,
        frame_vectors: true,
    }
    .into();
    let output = stages.compute(&task, "runs/a", &Watch::default()).unwrap();
    let Output::Embeddings(found) = output else {
        panic!("another feature");
    };
    assert_eq!((found.space.as_str(), found.vectors.len()), ("fake@1", 9));
    assert_eq!(count.load(Ordering::SeqCst), 4 * FRAMES);
    stages.tidy(&task, "runs/a").unwrap();
    let left = bench
        .runtime
        .block_on(bench.storage.keys_under("runs/a"))
        .unwrap();
    assert_eq!(left, [found.frame_vectors.unwrap()]);
    let stored = bench.runtime.block_on(bench.storage.get(&left[0])).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&stored).unwrap();
    assert_eq!(tensors.tensor("vectors").unwrap().shape(), [9 * FRAMES, 3]);
    assert_eq!(tensors.tensor("frame").unwrap().data()[4], 1);
}
