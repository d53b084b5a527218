//! Cuts sound into windows that overlap, and has several of them judged together.

use super::SoundTagger;
use crate::error::ModelError;

/// Windows that are judged together.
const TOGETHER: usize = 8;
/// Sounds that are reported of a window, the most likely ones.
const MOST: usize = 16;

/// The sounds that are heard in a window.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedWindow {
    /// The number of the sample in its middle.
    pub middle: u64,
    /// Class and probability of what is heard, the most likely one first.
    pub heard: Vec<(usize, f32)>,
}

/// A stretch of sound without gaps whose sounds are named by one tagger. It keeps a few windows of it.
#[derive(Debug)]
pub struct Tagging {
    /// The samples from the start of the next window on, and the number of the first one.
    waiting: Vec<f32>,
    start: u64,
    /// Whether there was a window.
    begun: bool,
}

impl Tagging {
    /// Begins a stretch of sound whose first sample has the number `start`.
    #[must_use]
    pub const fn new(start: u64) -> Self {
        Self {
            waiting: Vec::new(),
            start,
            begun: false,
        }
    }

    /// Takes the next samples, -1 to 1, and returns windows that are complete. Windows without any sound above the threshold
    /// are among them.
    ///
    /// # Errors
    /// The network cannot run, or returned values that are no scores.
    pub fn push(
        &mut self,
        tagger: &mut SoundTagger,
        samples: &[f32],
    ) -> Result<Vec<TaggedWindow>, ModelError> {
        self.waiting.extend_from_slice(samples);
        let (window, hop) = (tagger.window(), tagger.hop());
        let mut done = Vec::new();
        while self.waiting.len() >= window + (TOGETHER - 1) * hop {
            self.judge(tagger, TOGETHER, &mut done)?;
        }
        Ok(done)
    }

    /// The windows at the end of the sound. The last one is filled with silence.
    ///
    /// # Errors
    /// The same as [`Self::push`].
    pub fn finish(mut self, tagger: &mut SoundTagger) -> Result<Vec<TaggedWindow>, ModelError> {
        let (window, hop) = (tagger.window(), tagger.hop());
        let known = if self.begun { window - hop } else { 0 };
        let mut done = Vec::new();
        if self.waiting.len() <= known {
            return Ok(done);
        }
        let mut left = 1 + self.waiting.len().saturating_sub(window).div_ceil(hop);
        self.waiting.resize(window + (left - 1) * hop, 0.0);
        while left > 0 {
            let some = left.min(TOGETHER);
            self.judge(tagger, some, &mut done)?;
            left -= some;
        }
        Ok(done)
    }

    /// How many samples it keeps.
    #[cfg(test)]
    pub(super) const fn kept(&self) -> usize {
        self.waiting.len()
    }

    /// Judges the next windows.
    fn judge(
        &mut self,
        tagger: &mut SoundTagger,
        count: usize,
        done: &mut Vec<TaggedWindow>,
    ) -> Result<(), ModelError> {
        let (window, hop) = (tagger.window(), tagger.hop());
        let windows: Vec<&[f32]> = (0..count)
            .map(|at| &self.waiting[at * hop..at * hop + window])
            .collect();
        let least = tagger.threshold();
        let scores = tagger.scores(&windows)?;
        for (at, scores) in scores.iter().enumerate() {
            let scores = scores.iter().copied().enumerate();
            let mut heard: Vec<(usize, f32)> =
                scores.filter(|&(_, score)| score >= least).collect();
            heard.sort_by(|a, b| b.1.total_cmp(&a.1));
            heard.truncate(MOST);
            let middle = self.start + (at * hop + window / 2) as u64;
            done.push(TaggedWindow { middle, heard });
        }
        self.waiting.drain(..count * hop);
        self.start += (count * hop) as u64;
        self.begun = true;
        Ok(())
    }
}
