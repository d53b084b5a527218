//! What is kept in a run itself, as JSON: the small part of its result. Lists have tables of their own.
//!
//! These are formats on disk. A field is added with a default, never renamed or removed. Earlier versions also wrote
//! the feature's name and empty lists; both are ignored.

use rushes_workers::media::MediaInfo;
use rushes_workers::time::Rate;
use serde::{Deserialize, Serialize};

/// Of a run of `probe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeRecord {
    /// Streams, duration, rates, chapters.
    pub info: Box<MediaInfo>,
}

/// Of a run of `shots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShotsRecord {
    /// Key of the stored timeline.
    pub timeline: String,
    /// Frames in all.
    pub frames: u64,
    /// Nominal frame rate.
    pub rate: Rate,
    /// Whether timecode is nominal.
    pub variable: bool,
    /// The source's own start timecode.
    pub start_timecode: Option<String>,
    /// What was wrong with the video but did not stop the work.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Of a run of `dialogue`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogueRecord {
    /// What was wrong with subtitles but did not stop the work.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Of a run of `embeddings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingsRecord {
    /// The space, `model@revision`. Read by SQL as well.
    pub space: String,
    /// Key of the vectors of single frames, where they were asked for.
    #[serde(default)]
    pub frame_vectors: Option<String>,
}

/// Of a run whose whole result is in tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoRecord {}
