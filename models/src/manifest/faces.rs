//! The part of a manifest that describes a model that tells faces apart.

use serde::{Deserialize, Serialize};

/// Parameters of a model that tells faces apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceParameters {
    /// Id of the runtime that runs it.
    pub runtime: String,
    /// Detectors that give five points of a face, the preferred one first.
    pub detectors: Vec<FaceDetector>,
    /// The descriptor's network among the files: `NAME.bin` has the weights, and `NAME.json` says which they are.
    pub recognition: String,
    /// The network of expressions among the files, in the same way.
    pub expression: String,
}

/// A detector of faces, and when to believe it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceDetector {
    /// Id of its manifest.
    pub id: String,
    /// Score from which something is a face.
    pub threshold: f32,
}
