//! Pictures of chosen frames of a video.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::frames::{FrameReader, ReadOptions};
use super::{Bounds, MediaError};
use crate::source::ByteSource;

/// Which frames of a video are wanted as pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillsJob {
    /// Numbers of the frames, ascending, each once.
    pub frames: Vec<u64>,
    /// Width into which the upright pictures are scaled down, never up; at least 1.
    pub max_width: u32,
    /// Height into which they are scaled down.
    pub max_height: u32,
    /// Threads that decode; 0 for one for each core.
    pub threads: u32,
}

/// Who takes the pictures, and hears how far decoding has come. An error of either stops it.
pub trait StillsOutput {
    /// `done` of the `total` frames up to the last wanted one are through.
    ///
    /// # Errors
    /// Whatever is to stop the work.
    fn progress(&mut self, done: u64, total: u64) -> Result<(), MediaError>;

    /// The picture of the frame `number`.
    ///
    /// # Errors
    /// Whatever is to stop the work.
    fn still(&mut self, number: u64, picture: RgbImage) -> Result<(), MediaError>;
}

/// Decodes a video from its beginning to the last wanted frame, so that frame numbers are those that
/// segmentation gives, and hands out upright pictures with square pixels, in order.
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
            "the frames wanted as pictures do not ascend".to_owned(),
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
