//! What the two ends of the pipe do for a job. The transport between them does not know the job.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::inside::Parent;
use super::parent::protocol;
use super::{Limits, encode};
use crate::media::{Bounds, MediaError};
use crate::source::ByteSource;

/// A job of a decoding process. Both ends know it by its name. The job and its result travel as JSON.
pub(crate) trait ChildJob: Serialize + DeserializeOwned {
    /// Its unique name.
    const NAME: &'static str;

    /// Its result.
    type Output: Serialize + DeserializeOwned;

    /// Most bytes per picture, frame or proxy that it sends; 0 if it sends none.
    fn max_blob(&self, _limits: &Limits) -> u64 {
        0
    }

    /// Does the job, in the child.
    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<Self::Output, MediaError>;
}

/// The child's side of one job.
pub(crate) struct ServedJob {
    pub(super) name: &'static str,
    pub(super) run: RunJob,
}

/// Takes the job and returns its result, both as JSON.
type RunJob =
    fn(serde_json::Value, Box<dyn ByteSource>, &Bounds, &mut Parent) -> Result<Vec<u8>, MediaError>;

impl ServedJob {
    pub(crate) const fn of<J: ChildJob>() -> Self {
        Self {
            name: J::NAME,
            run: |job, source, bounds, parent| {
                let job: J = serde_json::from_value(job)
                    .map_err(|error| MediaError::Internal(error.to_string()))?;
                encode(&job.run(source, bounds, parent)?)
            },
        }
    }

    /// The name known to both ends.
    #[cfg(test)]
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

/// Why work with a child that hands results to a receiver has ended early.
#[derive(Debug, PartialEq, Eq)]
pub enum PassError<E> {
    /// The video, or the child.
    Media(MediaError),
    /// The receiver of the results, with its own error.
    Receiver(E),
}

impl<E> PassError<E> {
    /// One error, with `media` made of that of the video.
    pub fn or(self, media: impl FnOnce(MediaError) -> E) -> E {
        match self {
            Self::Media(error) => media(error),
            Self::Receiver(error) => error,
        }
    }
}

impl PassError<std::convert::Infallible> {
    /// The error of the video, made of it by `media`, where the receiver has none.
    pub(crate) fn or_never<T>(self, media: impl FnOnce(MediaError) -> T) -> T {
        match self {
            Self::Media(error) => media(error),
            Self::Receiver(never) => match never {},
        }
    }
}

impl<E> From<MediaError> for PassError<E> {
    fn from(error: MediaError) -> Self {
        Self::Media(error)
    }
}

/// How the parent handles a child's messages. An error ends the child's work and is what the caller gets. By
/// default no message is expected.
pub(crate) trait HandUp {
    /// Why it stops the child.
    type Error: From<MediaError>;

    /// A proxy, a picture or a frame: its number, its bytes.
    fn blob(&mut self, number: usize, _bytes: Vec<u8>) -> Result<(), Self::Error> {
        Err(protocol(format!("bytes with the number {number} nobody asked for")).into())
    }

    /// An early part of the result.
    fn part(&mut self, _bytes: &[u8]) -> Result<(), Self::Error> {
        Err(protocol("a part of a result nobody asked for".to_owned()).into())
    }

    /// The answer to a question; may block.
    fn answer(&mut self, _question: &[u8]) -> Result<Vec<u8>, Self::Error> {
        Err(protocol("a question that nobody can answer".to_owned()).into())
    }

    /// Bytes of the child's output file.
    fn written(&mut self, offset: u64, _bytes: &[u8]) -> Result<(), Self::Error> {
        Err(protocol(format!("bytes at {offset} of a file nobody asked for")).into())
    }
}

/// No messages are expected.
impl HandUp for () {
    type Error = MediaError;
}
