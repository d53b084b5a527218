//! Sends the sound of a video, a second at a time. On the wire samples are 32-bit floats in little-endian.

use serde::{Deserialize, Serialize};

use crate::media::{self, Bounds, MediaError, SoundOutput};
use crate::sandbox::{ChildJob, HandUp, Limits, Observer, Parent, PassError, Sandbox, protocol};
use crate::source::ByteSource;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SoundJob {
    /// Samples per second.
    rate: u32,
}

/// Bytes of a second of samples.
pub(super) fn second(rate: u32) -> u64 {
    u64::from(rate) * size_of::<f32>() as u64
}

impl ChildJob for SoundJob {
    const NAME: &'static str = "sound";
    /// Whether there is sound.
    type Output = bool;

    fn max_blob(&self, _limits: &Limits) -> u64 {
        second(self.rate)
    }

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<bool, MediaError> {
        media::sound(source, bounds, self.rate, &mut Upwards(parent))
    }
}

/// Samples leave a second at a time.
struct Upwards<'a>(&'a Parent);

impl SoundOutput for Upwards<'_> {
    fn samples(&mut self, from: u64, samples: &[f32]) -> Result<(), MediaError> {
        send(self.0, from, samples)
    }
}

/// Sends samples, the first of which has the number `from`.
pub(super) fn send(parent: &Parent, from: u64, samples: &[f32]) -> Result<(), MediaError> {
    let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes());
    parent.blob(from, bytes.collect())
}

/// Takes the number of the first sample from the start of the file, and samples.
pub type SoundSink<'a, E> = dyn FnMut(u64, &[f32]) -> Result<(), E> + 'a;

impl Sandbox {
    /// Passes the sound of a video to `sink`, mixed to one channel at `rate` samples per second: the number of the first sample
    /// from the start of the file, and up to a second of samples. While `sink` works the child waits. Returns whether there
    /// is sound that can be decoded.
    ///
    /// # Errors
    /// Any [`MediaError`], or the error of `sink`, which ends the work.
    pub fn sound<E>(
        &self,
        source: &mut dyn ByteSource,
        rate: u32,
        observer: &mut dyn Observer,
        sink: &mut SoundSink<'_, E>,
    ) -> Result<bool, PassError<E>> {
        let mut samples = Samples::new(sink);
        self.run(source, &SoundJob { rate }, observer, &mut samples)
    }
}

/// Passes on samples that go forward in time. Values that are no samples become silence.
pub(super) struct Samples<'s, 'a, E> {
    next: u64,
    sink: &'s mut SoundSink<'a, E>,
}

impl<'s, 'a, E> Samples<'s, 'a, E> {
    pub(super) fn new(sink: &'s mut SoundSink<'a, E>) -> Self {
        Self { next: 0, sink }
    }
}

impl<E> HandUp for Samples<'_, '_, E> {
    type Error = PassError<E>;

    fn blob(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), PassError<E>> {
        let from = index as u64;
        let (samples, rest) = bytes.as_chunks();
        let end = from.checked_add(samples.len() as u64);
        let (Some(end), true, true) = (end, rest.is_empty(), from >= self.next) else {
            return Err(protocol(format!("unexpected sound at sample {from}")).into());
        };
        self.next = end;
        let samples: Vec<f32> = samples
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .map(|sample| {
                if sample.is_finite() {
                    sample.clamp(-1.0, 1.0)
                } else {
                    0.0
                }
            })
            .collect();
        (self.sink)(from, &samples).map_err(PassError::Receiver)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn sound_goes_forward_and_is_finite() {
        let mut heard = Vec::new();
        let mut sink = |from, samples: &[f32]| {
            heard.push((from, samples.to_vec()));
            Ok::<_, Infallible>(())
        };
        let mut samples = Samples::new(&mut sink);
        let bytes = |values: &[f32]| {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        samples.blob(10, bytes(&[0.5, f32::NAN, 7.0])).unwrap();
        for (from, bytes) in [
            (12, bytes(&[0.0])),
            (20, vec![0; 3]),
            (usize::MAX, bytes(&[0.0])),
        ] {
            let PassError::Media(error) = samples.blob(from, bytes).unwrap_err();
            assert_eq!(error.code(), "sandbox-protocol");
        }
        samples.blob(13, bytes(&[0.25])).unwrap();
        assert_eq!(heard, [(10, vec![0.5, 0.0, 1.0]), (13, vec![0.25])]);
    }
}
