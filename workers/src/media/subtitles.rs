//! Text subtitles that are embedded in a film.

use serde::{Deserialize, Serialize};

use super::{Bounds, MediaError};
use crate::source::ByteSource;

/// One line of dialogue as the file has it, without markup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawCue {
    /// Start in milliseconds from the start of the file.
    pub start_ms: u64,
    /// End in milliseconds from the start of the file.
    pub end_ms: u64,
    /// Plain text; lines are separated by `\n`.
    pub text: String,
}

/// Reads the cues of the text subtitle stream `index`, in order of their start.
///
/// # Errors
/// [`MediaError::WrongStream`] if that stream is no text subtitle; any error of opening.
pub fn subtitles(
    _source: Box<dyn ByteSource>,
    _index: usize,
    _bounds: &Bounds,
) -> Result<Vec<RawCue>, MediaError> {
    Err(MediaError::Internal("not built yet".to_owned()))
}
