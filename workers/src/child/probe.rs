//! Reports the properties of a file.

use serde::{Deserialize, Serialize};

use crate::media::{self, Bounds, MediaError, MediaInfo};
use crate::sandbox::{ChildJob, Observer, Parent, Sandbox};
use crate::source::ByteSource;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ProbeJob;

impl ChildJob for ProbeJob {
    const NAME: &'static str = "probe";
    type Output = MediaInfo;

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        _parent: &mut Parent,
    ) -> Result<MediaInfo, MediaError> {
        media::probe(source, bounds)
    }
}

impl Sandbox {
    /// The properties of the file.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn probe(
        &self,
        source: &mut dyn ByteSource,
        observer: &mut dyn Observer,
    ) -> Result<MediaInfo, MediaError> {
        self.run(source, &ProbeJob, observer, &mut ())
    }
}
