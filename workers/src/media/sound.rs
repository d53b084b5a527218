//! The sound of a video as one channel, from its first sample to its last.

use ffmpeg_next::ChannelLayout;
use rushes_models::HEARD_RATE;

use super::audio::{AudioReader, Chunk};
use super::open::SharedSource;
use super::{Bounds, MediaError};
use crate::source::ByteSource;

/// Samples that are handed over together: one second.
const TOGETHER: usize = HEARD_RATE as usize;

/// Takes the sound of a video.
pub trait SoundOutput {
    /// Samples at [`HEARD_RATE`], at most a second of them. The first is `from` samples after the start of the file. Where
    /// there is no sound there are no samples.
    ///
    /// # Errors
    /// What ends the work.
    fn samples(&mut self, from: u64, samples: &[f32]) -> Result<(), MediaError>;
}

/// Decodes the sound of a video: all channels mixed to one, at [`HEARD_RATE`]. Returns whether it has sound that this build
/// can decode.
///
/// # Errors
/// Any error of opening or of `output`. Sound that is damaged or cut off is left out.
pub fn sound(
    source: Box<dyn ByteSource>,
    bounds: &Bounds,
    output: &mut dyn SoundOutput,
) -> Result<bool, MediaError> {
    let source = SharedSource::new(source);
    let Some(mut reader) =
        AudioReader::open_as(source, bounds, |_| (HEARD_RATE, ChannelLayout::MONO))?
    else {
        return Ok(false);
    };
    let origin = reader.origin();
    let last = bounds.max_duration_ms.saturating_mul(u64::from(HEARD_RATE)) / 1000;
    let (mut from, mut together) = (0, Vec::with_capacity(2 * TOGETHER));
    while let Some(Chunk { start, planes }) = reader.next_samples()? {
        let Some(mut samples) = planes.into_iter().next() else {
            continue;
        };
        let start = start.saturating_sub(origin);
        // Sound before the start of the file, such as what a codec needs to begin, is not played.
        let early = usize::try_from(start.saturating_neg()).unwrap_or(0);
        samples.drain(..early.min(samples.len()));
        let start = u64::try_from(start).unwrap_or(0);
        if start > last {
            break;
        }
        if start != from + together.len() as u64 {
            hand_over(output, &mut from, &mut together)?;
            from = start;
        }
        together.append(&mut samples);
        while together.len() >= TOGETHER {
            let rest = together.split_off(TOGETHER);
            hand_over(output, &mut from, &mut together)?;
            together = rest;
        }
    }
    hand_over(output, &mut from, &mut together)?;
    Ok(true)
}

fn hand_over(
    output: &mut dyn SoundOutput,
    from: &mut u64,
    samples: &mut Vec<f32>,
) -> Result<(), MediaError> {
    if !samples.is_empty() {
        output.samples(*from, samples)?;
        *from += samples.len() as u64;
        samples.clear();
    }
    Ok(())
}
