//! Looks at chosen frames of the shots of a video, for features that see pictures.

use image::RgbImage;
use rushes_models::overlap;

use super::context::{Observed, RunContext};
use crate::error::StageError;
use crate::media::StillsJob;
use crate::sandbox::PassError;
use crate::storage::Locator;

/// Left, top, width and height as shares of the picture.
pub(super) type PicturePlace = [f32; 4];

/// The shot and the frame of each look: what `chosen` gives of each shot's first and one-past-last frame.
pub(super) fn looks<I: Iterator>(
    shots: &[(u64, u64)],
    chosen: impl Fn((u64, u64)) -> I,
) -> Vec<(usize, I::Item)> {
    shots
        .iter()
        .enumerate()
        .flat_map(|(shot, &span)| chosen(span).map(move |look| (shot, look)))
        .collect()
}

/// Passes the picture of each look, with sides of at most `side` pixels, to `see` with its shot and frame.
///
/// # Errors
/// The video cannot be decoded, or `see` fails, which ends the work.
pub(super) fn look_at(
    run: &RunContext<'_>,
    media: &Locator,
    side: u32,
    looks: &[(usize, u64)],
    mut see: impl FnMut((usize, u64), &RgbImage) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let job = StillsJob {
        frames: looks.iter().map(|&(_, frame)| frame).collect(),
        max_width: side,
        max_height: side,
        threads: run.stages.proxy.threads,
    };
    let mut looks = looks.iter();
    let mut source = run.stages.open(media)?;
    let mut observer = Observed(run.watch);
    run.stages
        .sandbox
        .stills(&mut *source, &job, &mut observer, &mut |_, picture| {
            looks.next().map_or(Ok(()), |&look| see(look, &picture))
        })
        .map_err(|error| match error {
            PassError::Media(error) => StageError::media(&media.uri)(error),
            PassError::Receiver(error) => error,
        })?;
    Ok(())
}

/// The last frame of a shot that is shown at a time or before it.
pub(super) fn frame_at(ms: u64, (start, end): (u64, u64), ms_of: impl Fn(u64) -> u64) -> u64 {
    let (mut shown, mut later) = (start, end);
    while later - shown > 1 {
        let middle = u64::midpoint(shown, later);
        if ms_of(middle) <= ms {
            shown = middle;
        } else {
            later = middle;
        }
    }
    shown
}

/// Left, top, right and bottom of a place.
pub(super) fn edges([left, top, width, height]: PicturePlace) -> [f32; 4] {
    [left, top, left + width, top + height]
}

/// Intersection over union of two places.
pub(super) fn shared(one: PicturePlace, other: PicturePlace) -> f32 {
    overlap(edges(one), edges(other))
}
