//! Text encoders.

use crate::encoder::{Space, TextEncoder};
use crate::error::ModelError;
use crate::manifest::{BertSentenceParameters, Manifest};
use crate::store::ModelStore;

mod minilm;
#[cfg(test)]
mod tests;

pub(crate) use minilm::MiniLm;

/// A sentence encoder with its own space, for comparing texts with texts.
#[derive(Debug)]
pub(crate) struct SentenceEncoder {
    space: Space,
    network: MiniLm,
}

impl SentenceEncoder {
    pub(crate) fn open(
        store: &ModelStore,
        manifest: &Manifest,
        parameters: &BertSentenceParameters,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            space: Space::of(store, manifest, parameters.dims)?,
            network: MiniLm::open(store, &manifest.id)?,
        })
    }
}

impl TextEncoder for SentenceEncoder {
    fn space(&self) -> &Space {
        &self.space
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        Ok(self.network.encode(texts)?)
    }
}
