//! Measures the sound of a video where it is decoded: at its own rate, channel by channel.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audio::{AudioReader, Chunk};
use super::open::SharedSource;
use super::sound::{Seconds, SoundOutput};
use super::{Bounds, MediaError};
use crate::acoustics::{Heard, Listener};
use crate::source::ByteSource;
use crate::time::ms_of_samples;

/// Tenths of a second that are handed over together: a minute.
const TOGETHER: usize = 600;

/// What sound a video has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SoundTrack {
    /// It has sound.
    Decoded,
    /// It has none.
    None,
    /// It has sound that this build cannot decode.
    Unknown,
}

/// Takes what is heard, and the samples of one channel if they are wanted.
pub trait HeardOutput: SoundOutput {
    /// Some of it, by time, up to a moment in milliseconds from the start of the file.
    ///
    /// # Errors
    /// What ends the work.
    fn heard(&mut self, heard: Heard, ms: u64) -> Result<(), MediaError>;
}

/// Listens to the sound of a video. Sound that is damaged or missing is silence. Hands over the same sound as one channel at
/// `mono` samples per second as well, if that is given.
///
/// # Errors
/// Any error of opening or of `output`.
pub fn listen(
    source: Box<dyn ByteSource>,
    bounds: &Bounds,
    mono: Option<u32>,
    output: &mut dyn HeardOutput,
) -> Result<SoundTrack, MediaError> {
    let source = SharedSource::new(source);
    let reader = AudioReader::open_as_it_is(source.clone(), bounds)?;
    let Some(mut reader) = reader.map(|reader| reader.with_mono(mono)) else {
        return Ok(if AudioReader::is_in(source, bounds)? {
            SoundTrack::Unknown
        } else {
            SoundTrack::None
        });
    };
    let rate = reader.rate().num();
    let Some(mut listener) = Listener::new(rate, reader.positions()) else {
        return Ok(SoundTrack::Unknown);
    };
    let origin = reader.origin();
    let last = bounds.max_duration_ms.saturating_mul(u64::from(rate)) / 1000;
    let mut together = Heard::default();
    let mut is_decoded = false;
    let mut seconds = Seconds::new(mono.unwrap_or(1));
    loop {
        let Chunk { start, mut planes } = match reader.next_samples() {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            // Channels whose places are not known, such as twelve, cannot be converted.
            Err(MediaError::Decode(_)) if !is_decoded => return Ok(SoundTrack::Unknown),
            Err(error) => return Err(error),
        };
        is_decoded = true;
        while let Some((start, samples)) = reader.mono_samples() {
            seconds.push(start, samples, output)?;
        }
        let start = start.saturating_sub(origin);
        // Sound before the start of the file, such as what a codec needs to begin, is not played.
        let early = usize::try_from(start.saturating_neg()).unwrap_or(0);
        for plane in &mut planes {
            plane.drain(..early.min(plane.len()));
        }
        let start = u64::try_from(start).unwrap_or(0);
        if start > last {
            break;
        }
        listener.push(start, &planes);
        let Heard { tenths, bangs } = listener.take();
        together.tenths.extend(tenths);
        together.bangs.extend(bangs);
        if together.tenths.len() >= TOGETHER {
            output.heard(std::mem::take(&mut together), ms_of_samples(start, rate))?;
        }
    }
    seconds.finish(output)?;
    let Heard { tenths, bangs } = listener.finish();
    together.tenths.extend(tenths);
    together.bangs.extend(bangs);
    let end = together.tenths.last().map_or(0, |one| one.at * 100 + 100);
    output.heard(together, end)?;
    Ok(SoundTrack::Decoded)
}
