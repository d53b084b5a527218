//! The sound of a video as one channel, from its first sample to its last.

use ffmpeg_next::ChannelLayout;

use super::audio::{AudioReader, Chunk};
use super::open::SharedSource;
use super::{Bounds, MediaError};
use crate::source::ByteSource;

/// Takes the sound of a video.
pub trait SoundOutput {
    /// Samples, at most a second of them. The first is `from` samples after the start of the file. Where there is no sound
    /// there are no samples.
    ///
    /// # Errors
    /// What ends the work.
    fn samples(&mut self, from: u64, samples: &[f32]) -> Result<(), MediaError>;
}

/// Decodes the sound of a video: all channels mixed to one, at `rate` samples per second. Returns whether it has sound that
/// this build can decode.
///
/// # Errors
/// Any error of opening or of `output`. Sound that is damaged or cut off is left out.
pub fn sound(
    source: Box<dyn ByteSource>,
    bounds: &Bounds,
    rate: u32,
    output: &mut dyn SoundOutput,
) -> Result<bool, MediaError> {
    let source = SharedSource::new(source);
    let Some(mut reader) = AudioReader::open_as(source, bounds, |_| (rate, ChannelLayout::MONO))?
    else {
        return Ok(false);
    };
    let origin = reader.origin();
    let last = bounds.max_duration_ms.saturating_mul(u64::from(rate)) / 1000;
    let mut seconds = Seconds::new(rate);
    while let Some(Chunk { start, planes }) = reader.next_samples()? {
        let Some(samples) = planes.into_iter().next() else {
            continue;
        };
        let start = start.saturating_sub(origin);
        if u64::try_from(start).is_ok_and(|start| start > last) {
            break;
        }
        seconds.push(start, samples, output)?;
    }
    seconds.finish(output)?;
    Ok(true)
}

/// Collects samples, and hands them over a second at a time.
pub(super) struct Seconds {
    /// Samples of a second.
    together: usize,
    /// The number of the first sample that waits.
    from: u64,
    waiting: Vec<f32>,
}

impl Seconds {
    pub(super) fn new(rate: u32) -> Self {
        let together = usize::try_from(rate.max(1)).unwrap_or(usize::MAX);
        Self {
            together,
            from: 0,
            waiting: Vec::new(),
        }
    }

    /// Takes samples, the first of which has the number `start`.
    pub(super) fn push(
        &mut self,
        start: i64,
        mut samples: Vec<f32>,
        output: &mut (impl SoundOutput + ?Sized),
    ) -> Result<(), MediaError> {
        // Sound before the start of the file, such as what a codec needs to begin, is not played.
        let early = usize::try_from(start.saturating_neg()).unwrap_or(0);
        samples.drain(..early.min(samples.len()));
        let start = u64::try_from(start).unwrap_or(0);
        if start != self.from + self.waiting.len() as u64 {
            self.finish(output)?;
            self.from = start;
        }
        self.waiting.append(&mut samples);
        while self.waiting.len() >= self.together {
            let rest = self.waiting.split_off(self.together);
            self.finish(output)?;
            self.waiting = rest;
        }
        Ok(())
    }

    /// Hands over what is there.
    pub(super) fn finish(
        &mut self,
        output: &mut (impl SoundOutput + ?Sized),
    ) -> Result<(), MediaError> {
        if !self.waiting.is_empty() {
            output.samples(self.from, &self.waiting)?;
            self.from += self.waiting.len() as u64;
            self.waiting.clear();
        }
        Ok(())
    }
}
