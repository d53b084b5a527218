//! The record beside a redacted video.

use rushes_models::Class;
use serde::{Deserialize, Serialize};

use super::super::geometry::{Camera, View};
use super::super::picture::Orientation;
use super::super::record::{DetectorRecord, FileRecord, SettingsRecord, SphereBox, Tool};
use super::track::FoundBy;
use crate::media::StreamUse;

/// What was done to one video. Boxes are in pixels of the upright pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoRecord {
    /// [`SCHEMA`](super::super::SCHEMA).
    pub schema: u32,
    /// The program.
    pub tool: Tool,
    /// The original.
    pub input: FileRecord,
    /// What was written; none if only a report was asked for.
    pub output: Option<FileRecord>,
    /// The pictures as stored.
    pub video: VideoStreamRecord,
    /// What was asked for.
    pub settings: SettingsRecord,
    /// Detectors ran on every n-th frame, if that was asked for; else on so many that none is shown more than 85 ms after
    /// one of them.
    pub every: Option<u32>,
    /// Who looked.
    pub detectors: Vec<DetectorRecord>,
    /// The layouts that the views are of.
    pub layouts: Vec<String>,
    /// The views that were looked at.
    pub views: Vec<View>,
    /// What was found.
    pub tracks: Vec<VideoTrack>,
    /// The streams of the file, and what became of them.
    pub streams: Vec<StreamUse>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// The pictures of a video as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoStreamRecord {
    /// FFmpeg's name of the container that was read.
    pub container: String,
    /// FFmpeg's name of the codec that was read.
    pub codec: String,
    /// Stored width in pixels.
    pub width: u32,
    /// Stored height in pixels.
    pub height: u32,
    /// How it is turned to be upright.
    pub orientation: Orientation,
    /// The camera it was taken to be made by, for the upright picture.
    pub camera: Camera,
    /// Units a second of the frames' times, as a fraction.
    pub time_base: String,
    /// Frames.
    pub frames: u64,
    /// FFmpeg's name of the pixel format that was written.
    pub pixel_format: Option<String>,
}

/// One object through the video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoTrack {
    /// Rank in this record, from 0.
    pub id: usize,
    /// What it is.
    pub class: Class,
    /// Score of its best sighting.
    pub score: f32,
    /// First frame in which it is hidden.
    pub first: usize,
    /// Last frame in which it is hidden.
    pub last: usize,
    /// Where it is, frame by frame.
    pub boxes: Vec<VideoBox>,
}

/// One object in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VideoBox {
    /// The frame, from 0.
    pub frame: usize,
    /// Left, top, width and height in pixels of the upright picture.
    #[serde(rename = "box")]
    pub bounds: [f64; 4],
    /// On the sphere, if it was seen in a perspective view.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sphere: Option<SphereBox>,
    /// How it was found.
    pub by: FoundBy,
    /// Score, if it was detected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub score: Option<f32>,
}
