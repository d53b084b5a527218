//! Records: the small part of a result, stored as JSON in the run. Lists have their own tables.
//!
//! These are formats on disk. Fields are added with a default, and never renamed or removed. Earlier versions
//! also wrote the feature's name and empty lists; both are ignored.

use rushes_workers::media::{MediaInfo, SoundTrack};
use rushes_workers::stages::SpeechBasis;
use rushes_workers::time::Rate;
use serde::{Deserialize, Serialize};

/// The record of a `probe` run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeRecord {
    /// Streams, duration, rates, chapters.
    pub info: Box<MediaInfo>,
}

/// The record of a `shots` run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShotsRecord {
    /// Key of the stored timeline.
    pub timeline: String,
    /// Number of frames.
    pub frames: u64,
    /// Nominal frame rate.
    pub rate: Rate,
    /// Whether timecode is nominal.
    pub variable: bool,
    /// The source's own start timecode.
    pub start_timecode: Option<String>,
    /// Problems with the video that did not stop the work.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// The record of a `dialogue` run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogueRecord {
    /// Problems with subtitles that did not stop the work.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// The record of a `people` run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleRecord {
    /// The model and its detector, both as `id@revision`.
    pub model: String,
}

/// The record of a `speech` run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeechRecord {
    /// What its lines are made of.
    pub basis: SpeechBasis,
}

/// The record of a `sound` run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundRecord {
    /// What sound the video has.
    pub track: SoundTrack,
}

/// The record of a `sound-tags` run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundTagsRecord {
    /// The model that named sounds, `id@revision`.
    pub tagger: String,
}

/// The record of an `embeddings` run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingsRecord {
    /// The space, `model@revision`. SQL reads it too.
    pub space: String,
    /// Key of the vectors of single frames, if they were requested.
    #[serde(default)]
    pub frame_vectors: Option<String>,
}

/// The record of a `meaning` run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeaningRecord {
    /// The space, `model@revision`. SQL reads it too.
    pub space: String,
}

/// The record of a `text` run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRecord {
    /// The model that read, `id@revision`.
    pub reader: String,
}

/// The record of a run whose whole result is in tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoRecord {}
