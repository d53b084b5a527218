//! Reports what a child gives up.

use serde::{Deserialize, Serialize};

use crate::media::{Bounds, MediaError};
use crate::sandbox::{ChildJob, Confinement, Parent, Sandbox};
use crate::source::ByteSource;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ConfinementJob;

impl ChildJob for ConfinementJob {
    const NAME: &'static str = "confinement";
    type Output = Confinement;

    fn run(
        self,
        _source: Box<dyn ByteSource>,
        _bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<Confinement, MediaError> {
        Ok(parent.confinement().clone())
    }
}

impl Sandbox {
    /// What a child on this machine gives up before it decodes.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn confinement(&self) -> Result<Confinement, MediaError> {
        // A child is started for some bytes; this job requests none.
        let mut nothing = bytes::Bytes::from_static(b"-");
        self.run(&mut nothing, &ConfinementJob, &mut (), &mut ())
    }
}
