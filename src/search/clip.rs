//! A video file as a query: its shots as vectors. The file is decoded in the sandbox, and nothing of it is kept.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use image::RgbImage;
use rushes_models::with_causes;
use rushes_workers::media::{HEAD, MediaError, MediaFormat, StillsJob};
use rushes_workers::sandbox::{Observer, Sandbox};
use rushes_workers::segment::SegmentParams;
use tokio::sync::Semaphore;

use super::vector::unit;
use super::{Encoders, SearchError};

/// Largest clip in a request in bytes.
pub(super) const MOST_CLIP_BYTES: usize = 16 * 1024 * 1024;
/// Largest clip in a file on this machine in bytes.
const MOST_CLIP_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Longest clip in milliseconds.
const MOST_CLIP_MS: u64 = 120_000;
/// Most frames of a clip, whatever its file says about its duration.
const MOST_FRAMES: u64 = 120 * 120;
/// Frames of a shot that are encoded, as when a video is ingested.
const FRAMES_PER_SHOT: u64 = 4;
/// Frames of a clip that are encoded. A clip of many shots gives fewer of each, and not all shots.
const MOST_ENCODED: usize = 64;
/// Largest width and height of a frame that is encoded, in pixels.
const PICTURE: (u32, u32) = (640, 480);
/// Clips that are decoded at the same time. Each takes processes and memory.
static DECODING: Semaphore = Semaphore::const_new(2);

/// The bytes of a video file on this machine; `None` if it is no video file, or cannot be opened.
///
/// # Errors
/// [`SearchError::ClipTooLarge`], or if it cannot be read.
pub fn read_clip(file: &Path) -> Result<Option<Bytes>, SearchError> {
    let Ok(mut opened) = File::open(file) else {
        return Ok(None);
    };
    let unread = |error: std::io::Error| SearchError::Clip(format!("{}: {error}", file.display()));
    let mut bytes = Vec::new();
    let head = (&mut opened).take(HEAD as u64).read_to_end(&mut bytes);
    let is_video = MediaFormat::of_head(&bytes).is_some_and(MediaFormat::ingested);
    if head.is_err() || !is_video {
        return Ok(None);
    }
    // One more byte than allowed shows that there are too many.
    let rest = MOST_CLIP_FILE_BYTES + 1 - bytes.len() as u64;
    opened.take(rest).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > MOST_CLIP_FILE_BYTES {
        return Err(SearchError::ClipTooLarge(MOST_CLIP_FILE_BYTES));
    }
    Ok(Some(bytes.into()))
}

/// The unit vector of a clip: the mean of its shots, each the mean of its frames.
pub(super) async fn vector_of_clip(
    sandbox: &Sandbox,
    encoders: &Arc<Encoders>,
    bytes: Bytes,
) -> Result<Vec<f32>, SearchError> {
    let _place = DECODING
        .acquire()
        .await
        .map_err(|_closed| SearchError::Died)?;
    let sandbox = sandbox.clone();
    let decoded = tokio::task::spawn_blocking(move || frames_of(&sandbox, bytes));
    let shots = decoded.await.map_err(|_join| SearchError::Died)??;
    let counts: Vec<usize> = shots.iter().map(Vec::len).collect();
    let pictures = shots.into_iter().flatten().collect();
    let vectors = encoders.pictures(pictures).await?;
    let mut vectors = vectors.as_slice();
    let mut clip: Vec<Vec<f32>> = Vec::with_capacity(counts.len());
    for count in counts {
        let Some((shot, rest)) = vectors.split_at_checked(count) else {
            return Err(SearchError::Died);
        };
        clip.extend(mean(shot));
        vectors = rest;
    }
    mean(&clip).ok_or_else(|| SearchError::Clip("it shows nothing to compare".to_owned()))
}

/// The direction of the mean; `None` if it has none, as that of black frames.
fn mean(vectors: &[Vec<f32>]) -> Option<Vec<f32>> {
    let mut sum: Vec<f64> = Vec::new();
    for vector in vectors {
        sum.resize(sum.len().max(vector.len()), 0.0);
        for (total, x) in sum.iter_mut().zip(vector) {
            *total += f64::from(*x);
        }
    }
    unit(&sum)
}

/// Pictures of each shot of a clip.
fn frames_of(sandbox: &Sandbox, mut bytes: Bytes) -> Result<Vec<Vec<RgbImage>>, SearchError> {
    let info = sandbox
        .probe(&mut bytes, &mut ())
        .map_err(|error| refused(&error))?;
    // A header may say anything, so frames are counted too.
    if info.duration_ms.is_some_and(|ms| ms > MOST_CLIP_MS) {
        return Err(SearchError::ClipTooLong(MOST_CLIP_MS / 1000));
    }
    let mut counter = FrameLimit::default();
    let scan = sandbox.shots(&mut bytes, &SegmentParams::default(), &mut counter);
    let scan = scan.map_err(|error| {
        if counter.is_reached() {
            SearchError::ClipTooLong(MOST_CLIP_MS / 1000)
        } else {
            refused(&error)
        }
    })?;
    let spans: Vec<(u64, u64)> = scan
        .shots
        .iter()
        .map(|shot| (shot.start, shot.end))
        .collect();
    let wanted = wanted_frames(&spans);
    let mut frames: Vec<u64> = wanted.iter().flatten().copied().collect();
    frames.dedup();
    let job = StillsJob {
        frames,
        max_width: PICTURE.0,
        max_height: PICTURE.1,
        threads: 0,
    };
    let mut shots: Vec<Vec<RgbImage>> = vec![Vec::new(); wanted.len()];
    let mut take = |number: u64, picture: RgbImage| -> Result<(), MediaError> {
        for (shot, frames) in shots.iter_mut().zip(&wanted) {
            if frames.contains(&number) {
                shot.push(picture.clone());
            }
        }
        Ok(())
    };
    sandbox
        .stills(&mut bytes, &job, &mut (), &mut take)
        .map_err(|error| refused(&error.or(std::convert::identity)))?;
    shots.retain(|pictures| !pictures.is_empty());
    Ok(shots)
}

/// The frames of each shot to encode: spread over the shot, and over the clip if it has many shots.
fn wanted_frames(shots: &[(u64, u64)]) -> Vec<Vec<u64>> {
    let step = shots.len().div_ceil(MOST_ENCODED).max(1);
    let shown: Vec<(u64, u64)> = shots.iter().copied().step_by(step).collect();
    let each = MOST_ENCODED / shown.len().max(1);
    let each = u64::try_from(each).unwrap_or(1).clamp(1, FRAMES_PER_SHOT);
    let wanted = shown.into_iter().map(|(start, end)| {
        let length = end.saturating_sub(start);
        let places = (0..each).map(|at| start + length * (2 * at + 1) / (2 * each));
        let mut places: Vec<u64> = places.collect();
        places.dedup();
        places
    });
    wanted.collect()
}

fn refused(error: &MediaError) -> SearchError {
    SearchError::Clip(with_causes(error))
}

/// Stops a pass over a video that has more frames than a clip may have.
#[derive(Debug, Default)]
struct FrameLimit {
    done: u64,
}

impl FrameLimit {
    const fn is_reached(&self) -> bool {
        self.done > MOST_FRAMES
    }
}

impl Observer for FrameLimit {
    fn progress(&mut self, done: u64, total: Option<u64>) {
        // An estimate far above the limit is as good as a count.
        let expected = total.filter(|&total| total > 2 * MOST_FRAMES);
        self.done = self.done.max(done).max(expected.unwrap_or(0));
    }

    fn cancelled(&self) -> bool {
        self.is_reached()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_spread_over_shots_and_clips() {
        assert_eq!(wanted_frames(&[(0, 80)]), [[10, 30, 50, 70]]);
        assert_eq!(wanted_frames(&[(5, 6), (6, 8)]), [vec![5], vec![6, 7]]);
        let many: Vec<(u64, u64)> = (0..500).map(|at| (at * 10, at * 10 + 10)).collect();
        let wanted = wanted_frames(&many);
        assert!(wanted.len() <= MOST_ENCODED && wanted.iter().all(|shot| shot.len() == 1));
        assert!(wanted.concat().is_sorted());
        assert!(wanted.concat().last().is_some_and(|&last| last > 4900));
        assert!(wanted_frames(&[]).is_empty());
    }

    #[test]
    fn a_pass_stops_when_there_are_too_many_frames() {
        let mut limit = FrameLimit::default();
        limit.progress(MOST_FRAMES, Some(MOST_FRAMES));
        assert!(!limit.cancelled());
        limit.progress(MOST_FRAMES + 1, None);
        assert!(limit.cancelled());
        let mut long = FrameLimit::default();
        long.progress(1, Some(7200 * 24));
        assert!(long.cancelled());
    }
}
