//! Extracts text from a video: a subtitle stream, or the captions in its pictures.

use serde::{Deserialize, Serialize};

use crate::dialogue::TimedText;
use crate::media::{self, Bounds, MediaError};
use crate::sandbox::{ChildJob, Observer, Parent, Sandbox};
use crate::source::ByteSource;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SubtitlesJob {
    stream: usize,
}

impl ChildJob for SubtitlesJob {
    const NAME: &'static str = "subtitles";
    type Output = Vec<TimedText>;

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        _parent: &mut Parent,
    ) -> Result<Vec<TimedText>, MediaError> {
        media::subtitles(source, self.stream, bounds)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CaptionsJob;

impl ChildJob for CaptionsJob {
    const NAME: &'static str = "captions";
    type Output = Vec<TimedText>;

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        _parent: &mut Parent,
    ) -> Result<Vec<TimedText>, MediaError> {
        media::captions(source, bounds)
    }
}

impl Sandbox {
    /// The cues of a text subtitle stream.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn subtitles(
        &self,
        source: &mut dyn ByteSource,
        stream: usize,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TimedText>, MediaError> {
        self.run(source, &SubtitlesJob { stream }, observer, &mut ())
    }

    /// The closed captions in the pictures of a video; empty if there are none.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn captions(
        &self,
        source: &mut dyn ByteSource,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TimedText>, MediaError> {
        self.run(source, &CaptionsJob, observer, &mut ())
    }
}
