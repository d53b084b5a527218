//! Tests the device with encoders that count, wait at a gate, lack memory, fail or panic.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::kind::ErrorKind;
use crate::runtime::RuntimeError;

/// Long enough never to elapse in a test.
const NEVER: Duration = Duration::from_secs(3600);

/// What the fake does with a batch of this size before it encodes.
type Mood = Box<dyn Fn(usize) -> Result<(), ModelError> + Send + Sync>;

/// The vector is the red value of the first pixel.
struct Fake {
    space: Space,
    batch: usize,
    mood: Mood,
    /// Sizes of the encoded batches.
    seen: Arc<Mutex<Vec<usize>>>,
    /// A batch signals its arrival and waits for permission.
    gate: Option<(SyncSender<()>, Mutex<Receiver<()>>)>,
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
        Ok(Prepared::new(picture.clone()))
    }

    fn encode(&self, pictures: &[Prepared]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.seen.lock().unwrap().push(pictures.len());
        if let Some((there, through)) = &self.gate {
            there.send(()).unwrap();
            through.lock().unwrap().recv().unwrap();
        }
        (self.mood)(pictures.len())?;
        Ok(pictures
            .iter()
            .map(|picture| vec![f32::from(picture.as_bytes()[0])])
            .collect())
    }
}

impl Fake {
    fn new(
        batch: usize,
        mood: impl Fn(usize) -> Result<(), ModelError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            space: Space {
                id: "fake@1".to_owned(),
                dims: 1,
            },
            batch,
            mood: Box::new(mood),
            seen: Arc::default(),
            gate: None,
        }
    }

    /// With a gate: the channel of arrivals, and the channel of permissions.
    fn gated(batch: usize) -> (Self, Receiver<()>, SyncSender<()>) {
        let (there, arrived) = sync_channel(16);
        let (open, through) = sync_channel(16);
        let mut fake = Self::new(batch, |_| Ok(()));
        fake.gate = Some((there, Mutex::new(through)));
        (fake, arrived, open)
    }
}

fn device(fake: Fake, linger: Duration) -> (Device, Arc<Mutex<Vec<usize>>>) {
    let seen = Arc::clone(&fake.seen);
    let options = DeviceOptions { queue: 0, linger };
    let device = Device::start("fake", vec![Box::new(fake)], options).unwrap();
    (device, seen)
}

fn picture(value: u8) -> Prepared {
    Prepared::new(RgbImage::from_pixel(1, 1, image::Rgb([value; 3])))
}

/// All answers until the end, as (tag, value), by tag.
fn all(answers: &Answers) -> Result<Vec<(u64, f32)>, DeviceError> {
    let mut found = Vec::new();
    loop {
        match answers.receive(NEVER)? {
            Received::Answer(answer) => found.push((answer.tag, answer.vector[0])),
            Received::Finished => break,
            Received::TimedOut => panic!("an hour passed"),
        }
    }
    found.sort_by_key(|&(tag, _)| tag);
    Ok(found)
}

#[test]
fn pictures_of_several_videos_share_full_batches() {
    let (device, seen) = device(Fake::new(8, |_| Ok(())), NEVER);
    let videos: Vec<_> = (0..4).map(|_| device.open(100).unwrap()).collect();
    for at in 0..12_u8 {
        for (feed, _) in &videos {
            feed.push(u64::from(at), picture(at)).unwrap();
        }
    }
    let expected: Vec<(u64, f32)> = (0..12_u8)
        .map(|at| (u64::from(at), f32::from(at)))
        .collect();
    for (feed, answers) in videos {
        drop(feed);
        assert_eq!(all(&answers).unwrap(), expected);
    }
    assert_eq!(*seen.lock().unwrap(), [8; 6]);
    let stats = device.stats();
    assert_eq!((stats.pictures, stats.batches, stats.full), (48, 6, 6));
}

#[test]
fn one_picture_of_a_closed_feed_does_not_wait_for_others() {
    let (device, seen) = device(Fake::new(8, |_| Ok(())), NEVER);
    let (feed, answers) = device.open(1).unwrap();
    feed.push(7, picture(3)).unwrap();
    drop(feed);
    assert_eq!(all(&answers).unwrap(), [(7, 3.0)]);
    assert_eq!(*seen.lock().unwrap(), [1]);
}

#[test]
fn who_may_push_no_more_before_taking_gets_an_answer_at_once() {
    let (device, _) = device(Fake::new(8, |_| Ok(())), NEVER);
    let (feed, answers) = device.open(2).unwrap();
    for round in 0..5 {
        feed.push(round, picture(1)).unwrap();
        feed.push(round, picture(2)).unwrap();
        for _ in 0..2 {
            let received = answers.receive(NEVER).unwrap();
            assert!(matches!(received, Received::Answer(answer) if answer.tag == round));
        }
    }
}

#[test]
fn who_waits_with_an_open_feed_gets_an_answer_after_a_while() {
    let (device, _) = device(Fake::new(8, |_| Ok(())), Duration::from_millis(1));
    let (feed, answers) = device.open(100).unwrap();
    for tag in 0..3 {
        feed.push(tag, picture(1)).unwrap();
        let received = answers.receive(NEVER).unwrap();
        assert!(matches!(received, Received::Answer(answer) if answer.tag == tag));
    }
}

#[test]
fn a_batch_too_big_for_the_memory_is_halved_and_nothing_is_lost() {
    let fake = Fake::new(8, |batch| match batch {
        0..=3 => Ok(()),
        batch => Err(ModelError::OutOfMemory {
            backend: "a fake".to_owned(),
            batch,
        }),
    });
    let (device, seen) = device(fake, NEVER);
    let (feed, answers) = device.open(100).unwrap();
    for at in 0..16 {
        feed.push(u64::from(at), picture(at)).unwrap();
    }
    drop(feed);
    let expected: Vec<(u64, f32)> = (0..16_u8)
        .map(|at| (u64::from(at), f32::from(at)))
        .collect();
    assert_eq!(all(&answers).unwrap(), expected);
    assert_eq!(*seen.lock().unwrap(), [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]);
    assert_eq!(device.stats().halved, 2);
    assert!(device.is_alive());
}

#[test]
fn no_memory_for_one_picture_is_an_error() {
    let fake = Fake::new(4, |batch| {
        Err(ModelError::OutOfMemory {
            backend: "a fake".to_owned(),
            batch,
        })
    });
    let (device, seen) = device(fake, NEVER);
    let (feed, answers) = device.open(100).unwrap();
    for at in 0..4 {
        feed.push(u64::from(at), picture(at)).unwrap();
    }
    assert_eq!(all(&answers).unwrap_err().kind(), ErrorKind::Overloaded);
    assert_eq!(*seen.lock().unwrap(), [4, 2, 1]);
}

#[test]
fn everybody_is_told_when_the_encoder_panics_or_fails() {
    let failing = || {
        Err(RuntimeError::Run {
            action: "do it",
            message: "no".to_owned(),
        }
        .into())
    };
    for (fake, expected) in [
        (Fake::new(2, |_| panic!("on purpose")), "panicked"),
        (Fake::new(2, move |_| failing()), "failed to do it: no"),
    ] {
        let (device, _) = device(fake, NEVER);
        let (one, one_answers) = device.open(100).unwrap();
        let (_two, two_answers) = device.open(100).unwrap();
        one.push(0, picture(0)).unwrap();
        one.push(1, picture(1)).unwrap();
        for answers in [&one_answers, &two_answers] {
            let error = all(answers).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal);
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(!device.is_alive());
        assert!(one.push(2, picture(2)).is_err());
        assert!(device.open(1).is_err());
    }
}

#[test]
fn a_submission_given_up_frees_the_queue_and_those_who_push() {
    let (fake, arrived, through) = Fake::gated(2);
    let (device, seen) = device(fake, NEVER);
    let (feed, answers) = device.open(100).unwrap();
    let (other, other_answers) = device.open(100).unwrap();
    // Two at the encoder, eight in the queue, and one that finds no room.
    let pushing = std::thread::Builder::new()
        .name("pushing".to_owned())
        .spawn(move || (0..11).try_for_each(|tag| feed.push(tag, picture(1))))
        .unwrap();
    arrived.recv().unwrap();
    answers.end();
    let pushed = pushing.join().unwrap();
    assert!(matches!(pushed, Err(DeviceError::Closed)), "{pushed:?}");
    through.send(()).unwrap();
    other.push(0, picture(9)).unwrap();
    drop(other);
    arrived.recv().unwrap();
    through.send(()).unwrap();
    assert_eq!(all(&other_answers).unwrap(), [(0, 9.0)]);
    assert_eq!(*seen.lock().unwrap(), [2, 1]);
}

#[test]
fn several_encoders_take_from_one_queue() {
    let (one, one_arrived, one_through) = Fake::gated(2);
    let (two, two_arrived, two_through) = Fake::gated(2);
    let options = DeviceOptions {
        queue: 0,
        linger: NEVER,
    };
    let device = Device::start("fake", vec![Box::new(one), Box::new(two)], options).unwrap();
    let (feed, answers) = device.open(100).unwrap();
    for at in 0..4 {
        feed.push(u64::from(at), picture(at)).unwrap();
    }
    drop(feed);
    // Both are working at the same time.
    one_arrived.recv().unwrap();
    two_arrived.recv().unwrap();
    one_through.send(()).unwrap();
    two_through.send(()).unwrap();
    assert_eq!(all(&answers).unwrap().len(), 4);
    assert_eq!(device.stats().batches, 2);
}

#[test]
fn a_device_without_encoders_is_refused() {
    let error = Device::start("none", Vec::new(), DeviceOptions::default()).unwrap_err();
    assert!(matches!(error, DeviceError::Unusable { .. }));
}
