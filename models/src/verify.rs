//! Checks that an installed model makes the vectors in its manifest.

use crate::backend::EncoderOptions;
use crate::error::ModelError;
use crate::manifest::Manifest;
use crate::open::open_text_encoder;
use crate::store::ModelStore;

/// Minimum cosine to the reference's vector. Half precision stays above it.
const SAME: f32 = 0.999;

/// The result for one golden text.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedVector {
    /// The text.
    pub text: String,
    /// Cosine of the vector to the manifest's.
    pub cosine: f32,
    /// Whether they are equal up to rounding.
    pub sound: bool,
}

/// Encodes the golden texts of a manifest and compares the vectors. Empty if the manifest has none.
///
/// # Errors
///
/// The model cannot be opened.
pub fn verify_vectors(
    store: &ModelStore,
    manifest: &Manifest,
    options: &EncoderOptions,
) -> Result<Vec<VerifiedVector>, ModelError> {
    if manifest.goldens.is_empty() {
        return Ok(Vec::new());
    }
    let encoder = open_text_encoder(store, &manifest.id, options)?;
    let texts: Vec<&str> = manifest.goldens.iter().map(|g| g.text.as_str()).collect();
    let vectors = encoder.encode(&texts)?;
    Ok(manifest
        .goldens
        .iter()
        .zip(vectors)
        .map(|(golden, vector)| {
            let cosine = if golden.vector.len() == vector.len() {
                golden.vector.iter().zip(&vector).map(|(a, b)| a * b).sum()
            } else {
                0.0
            };
            VerifiedVector {
                text: golden.text.clone(),
                cosine,
                sound: cosine > SAME,
            }
        })
        .collect())
}
