//! What the two ends of the pipe do with a job, which the transport between them does not know.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::inside::Parent;
use super::parent::protocol;
use super::{Limits, encode};
use crate::media::{Bounds, MediaError};
use crate::source::ByteSource;

/// Something that a decoding child can do. Both ends know it by its name, and it travels as JSON, as does its result.
pub(crate) trait ChildJob: Serialize + DeserializeOwned {
    /// Its name, which no other job has.
    const NAME: &'static str;

    /// What is known when it is done.
    type Output: Serialize + DeserializeOwned;

    /// Bytes that one picture, frame or proxy may have that it hands up; 0 if it hands up none.
    fn max_blob(&self, _limits: &Limits) -> u64 {
        0
    }

    /// Does it, in the child.
    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<Self::Output, MediaError>;
}

/// How a child does one job.
pub(crate) struct ServedJob {
    pub(super) name: &'static str,
    pub(super) run: RunJob,
}

/// From a job and its result as JSON.
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

    /// By which both ends know it.
    #[cfg(test)]
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

/// What the parent does with what a child hands up. An error ends its work; by default nothing is expected.
pub(crate) trait HandUp {
    /// A proxy, a picture or a frame: its number, its bytes.
    fn blob(&mut self, number: usize, _bytes: Vec<u8>) -> Result<(), MediaError> {
        Err(protocol(format!(
            "bytes with the number {number} nobody asked for"
        )))
    }

    /// Part of the result that is known early.
    fn part(&mut self, _bytes: &[u8]) -> Result<(), MediaError> {
        Err(protocol("a part of a result nobody asked for".to_owned()))
    }

    /// The answer to a question; may wait.
    fn answer(&mut self, _question: &[u8]) -> Result<Vec<u8>, MediaError> {
        Err(protocol("a question that nobody can answer".to_owned()))
    }

    /// Bytes of a file that the child writes.
    fn written(&mut self, offset: u64, _bytes: &[u8]) -> Result<(), MediaError> {
        Err(protocol(format!(
            "bytes at {offset} of a file nobody asked for"
        )))
    }
}

/// Nothing is expected.
impl HandUp for () {}
