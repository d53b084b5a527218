//! The part of a manifest that describes a reader of text in pictures.

use serde::{Deserialize, Serialize};

/// Parameters of a reader of text in pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PpOcrParameters {
    /// Id of the runtime that runs it.
    pub runtime: String,
    /// The network among the files that finds lines.
    pub finder: String,
    /// The network among the files that reads lines.
    pub reader: String,
    /// The file with the character of each class of the reader, one per line.
    pub characters: String,
    /// Longer side of the picture that the finder sees, in pixels.
    pub side: u32,
    /// Probability from which a pixel belongs to a line.
    pub pixel_threshold: f32,
    /// Mean probability from which connected pixels are a line.
    pub line_threshold: f32,
    /// Mean probability of its characters from which a line is kept.
    pub score_threshold: f32,
}
