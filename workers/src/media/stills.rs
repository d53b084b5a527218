//! Pictures of chosen frames of a video.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::frames::{FrameReader, ReadOptions};
use super::{Bounds, MediaError};
use crate::source::ByteSource;

/// The frames of a video to return as pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillsJob {
    /// Numbers of the frames, ascending, without duplicates.
    pub frames: Vec<u64>,
    /// Largest width of the upright pictures, at least 1. Pictures are scaled down, never up.
    pub max_width: u32,
    /// Largest height of the upright pictures.
    pub max_height: u32,
    /// Decoding threads; 0 means one per core.
    pub threads: u32,
}

/// Receives the pictures and the progress. An error of either method stops the work.
pub trait StillsOutput {
    /// `done` of the `total` frames up to the last wanted one have been decoded.
    ///
    /// # Errors
    /// Any error that is to stop the work.
    fn progress(&mut self, done: u64, total: u64) -> Result<(), MediaError>;

    /// The picture of the frame `number`.
    ///
    /// # Errors
    /// Any error that is to stop the work.
    fn still(&mut self, number: u64, picture: RgbImage) -> Result<(), MediaError>;
}

/// Decodes a video from its start to the last wanted frame, so that frame numbers match those of segmentation.
/// Returns upright pictures with square pixels, in order.
///
/// # Errors
/// Any [`MediaError`] of opening or decoding; [`MediaError::Spans`] if the numbers do not ascend, or
/// the video ends before the last of them.
pub fn stills(
    source: Box<dyn ByteSource>,
    job: &StillsJob,
    bounds: &Bounds,
    output: &mut dyn StillsOutput,
) -> Result<(), MediaError> {
    if !job.frames.is_sorted_by(|a, b| a < b) {
        return Err(MediaError::Spans(
            "the requested frames do not ascend".to_owned(),
        ));
    }
    let Some(&last) = job.frames.last() else {
        return Ok(());
    };
    let options = ReadOptions {
        threads: job.threads,
        ..ReadOptions::default()
    };
    let mut reader = FrameReader::open(source, options, bounds)?;
    let mut maker = reader.picture_maker(job.max_width, job.max_height);
    let mut wanted = job.frames.iter().copied().peekable();
    while let Some(&number) = wanted.peek() {
        let frame = reader.next_frame()?.ok_or_else(|| {
            MediaError::Spans(format!("the video ends before frame {number} is shown"))
        })?;
        output.progress(frame.number + 1, last.saturating_add(1))?;
        if frame.number == number {
            output.still(number, maker.make(frame)?)?;
            wanted.next();
        }
    }
    Ok(())
}
