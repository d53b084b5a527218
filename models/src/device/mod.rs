//! Devices: encoders on their own threads, fed with single pictures by any number of callers.
//!
//! A caller opens a [submission](Device::open), pushes prepared pictures through its [`Feed`] from any number
//! of threads, and takes vectors from its [`Answers`]. The pictures of all callers meet in one bounded queue,
//! from which each encoder takes full batches. The end of one video therefore does not leave a half-empty batch
//! while another video waits.
//!
//! A batch that is not full runs only when nothing more is on its way. Either every open submission has closed
//! its feed or may push no more before it takes answers, or no picture has arrived for
//! [`DeviceOptions::linger`]. A caller that waits for a vector before it pushes the next picture therefore
//! never waits forever.

mod error;
mod meter;
mod owner;
mod queue;
mod submission;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;

pub use self::error::DeviceError;
pub use self::meter::DeviceStats;
pub use self::submission::{Answers, Feed, Received, TaggedVector};

use self::owner::Owner;
use self::queue::Shared;
use crate::causes::with_causes;
use crate::encoder::{ImageEncoder, Space};
use crate::error::ModelError;
use crate::preprocess::Prepared;

/// Full batches that may wait per encoder: enough to bridge a slow caller.
const BATCHES_AHEAD: usize = 4;

/// How to feed a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceOptions {
    /// Pictures that may wait; 0 means four full batches per encoder. It is never less than one full batch.
    pub queue: usize,
    /// How long an incomplete batch waits for one more picture.
    pub linger: Duration,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        Self {
            queue: 0,
            linger: Duration::from_millis(100),
        }
    }
}

/// Encoders of one space, each on its own named thread, and the queue before them.
///
/// The threads end when the device has been dropped and all its open submissions have ended. An encoder that
/// panics or fails ends the device: see [`DeviceError`].
#[derive(Debug)]
pub struct Device {
    shared: Arc<Shared>,
    encoders: Vec<Arc<dyn ImageEncoder>>,
}

impl Device {
    /// Moves each of `encoders` to a thread. All must belong to the same model.
    ///
    /// # Errors
    ///
    /// There are no encoders, they have different spaces, or the system refuses a thread.
    pub fn start(
        name: &str,
        encoders: Vec<Box<dyn ImageEncoder>>,
        options: DeviceOptions,
    ) -> Result<Self, DeviceError> {
        let encoders: Vec<Arc<dyn ImageEncoder>> = encoders.into_iter().map(Arc::from).collect();
        let unusable = |problem: &str| DeviceError::Unusable {
            model: name.to_owned(),
            problem: problem.to_owned(),
        };
        let first = encoders.first().ok_or_else(|| unusable("no encoder"))?;
        if encoders.iter().any(|other| other.space() != first.space()) {
            return Err(unusable("encoders of different spaces"));
        }
        let batch = first.preferred_batch().max(1);
        let queue = match options.queue {
            0 => batch * encoders.len() * BATCHES_AHEAD,
            pictures => pictures.max(batch),
        };
        let shared = Arc::new(Shared::new(name, batch, queue, options.linger));
        // Created before the threads, so that running threads end if one cannot start.
        let device = Self { shared, encoders };
        for (number, encoder) in device.encoders.iter().enumerate() {
            let owner = Owner::new(Arc::clone(&device.shared), Arc::clone(encoder), number);
            std::thread::Builder::new()
                .name(format!("device-{name}-{number}"))
                .spawn(move || owner.run())
                .map_err(|error| unusable(&with_causes(&error)))?;
        }
        Ok(device)
    }

    /// Whether pictures are still accepted. An encoder that panics or fails ends the device.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.shared.lock().failure.is_none()
    }

    /// The space of its vectors.
    #[must_use]
    pub fn space(&self) -> &Space {
        self.encoders[0].space()
    }

    /// Pictures per full batch, as the encoders prefer it.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.shared.batch
    }

    /// Pictures that may wait for the encoders.
    #[must_use]
    pub fn queue(&self) -> usize {
        self.shared.room
    }

    /// Converts a picture to the encoders' input format, on the caller's thread.
    ///
    /// # Errors
    ///
    /// The same as for [`ImageEncoder::prepare`].
    pub fn prepare(&self, picture: &RgbImage) -> Result<Prepared, ModelError> {
        self.encoders[0].prepare(picture)
    }

    /// Opens a submission with at most `promised` outstanding pictures (at least one): pushed, and their
    /// vectors not taken yet.
    ///
    /// # Errors
    ///
    /// The device has ended.
    pub fn open(&self, promised: usize) -> Result<(Feed, Answers), DeviceError> {
        submission::open(&self.shared, promised.max(1))
    }

    /// The device's work so far.
    #[must_use]
    pub fn stats(&self) -> DeviceStats {
        self.shared.lock().stats
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.shared.lock().is_dropped = true;
        self.shared.arrived.notify_all();
    }
}
