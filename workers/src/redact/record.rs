//! The record beside each output: what was done to the file, with what, and where.

use std::collections::BTreeMap;

use rushes_models::{Class, Digest, Precision};
use serde::{Deserialize, Serialize};

use super::blur::Fill;
use super::geometry::{Camera, Quad, Shape, Tangent, View};
use super::picture::{Format, HiddenCopy, Orientation};
use super::settings::CameraChoice;

/// Version of the record's shape; it grows when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// What was done to one picture. Boxes are in pixels of the upright picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The program.
    pub tool: Tool,
    /// The original.
    pub input: FileRecord,
    /// What was written; none if only a report was asked for.
    pub output: Option<FileRecord>,
    /// The picture as stored.
    pub picture: PictureRecord,
    /// What was asked for.
    pub settings: SettingsRecord,
    /// Who looked.
    pub detectors: Vec<DetectorRecord>,
    /// The layouts that the views are of.
    pub layouts: Vec<String>,
    /// The views that were looked at, by which regions name them.
    pub views: Vec<View>,
    /// What was found or added by hand, and what became of it.
    pub regions: Vec<RegionRecord>,
    /// Copies of the picture inside the file, and what became of them.
    pub hidden: Vec<HiddenCopy>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// The program that wrote a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `rushes`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Tool {
    /// This program.
    #[must_use]
    pub fn this() -> Self {
        Self {
            name: "rushes".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// A file's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Name, relative to the folder that was asked for; empty where there is none.
    pub name: String,
    /// Digest of all bytes.
    pub sha256: Digest,
    /// Length.
    pub bytes: u64,
}

impl FileRecord {
    /// The record of some bytes.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            sha256: Digest::of_bytes(bytes),
            bytes: bytes.len() as u64,
        }
    }
}

/// A picture as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PictureRecord {
    /// By content.
    pub format: Format,
    /// Stored width in pixels.
    pub width: u32,
    /// Stored height in pixels.
    pub height: u32,
    /// How it is turned to be upright.
    pub orientation: Orientation,
    /// The camera it was taken to be made by, for the upright picture.
    pub camera: Camera,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsRecord {
    /// Classes looked for.
    pub classes: Vec<Class>,
    /// Detectors that had to agree.
    pub votes: usize,
    /// Share of its size added on each side of a detection.
    pub margin: f64,
    /// Outline by class.
    pub shapes: BTreeMap<Class, Shape>,
    /// What takes the place of a region.
    pub fill: Fill,
    /// How the picture was said to be taken.
    pub camera: CameraChoice,
    /// The layout of views that was asked for; by the kind of picture if none was.
    pub layout: Option<String>,
    /// Whether names of people stay in the metadata. Records of earlier versions, which left them, do not say so.
    #[serde(default = "names_were_kept")]
    pub keep_names: bool,
}

const fn names_were_kept() -> bool {
    true
}

/// One detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectorRecord {
    /// `id@revision`.
    pub model: String,
    /// Digest of its weights.
    pub sha256: Digest,
    /// `cpu` or `cuda`.
    pub device: String,
    /// What it computed with. Records of earlier versions, which knew floats alone, do not state it.
    #[serde(default)]
    pub precision: Precision,
    /// Score by class from which a detection counts.
    pub thresholds: BTreeMap<Class, f32>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionRecord {
    /// Rank in this record, from 0.
    pub id: usize,
    /// What it is.
    pub class: Class,
    /// Score of its best sighting; 1 for what a person added.
    pub score: f32,
    /// Who found it.
    pub source: RegionSource,
    /// Left, top, width and height in pixels of the upright picture. Across a panorama's seam, left + width
    /// exceeds the picture's width.
    #[serde(rename = "box")]
    pub bounds: [f64; 4],
    /// On the sphere, if it was seen in a perspective view.
    pub sphere: Option<SphereBox>,
    /// Pixels that its mask covers.
    pub pixels: u64,
    /// Whether it was blurred.
    pub blurred: bool,
    /// Every sighting; the first is the one reported.
    pub sightings: Vec<SightingRecord>,
}

impl DetectorRecord {
    /// Whether a score is at least this share of the class's threshold.
    pub(super) fn counts(&self, class: Class, score: f32, share: f32) -> bool {
        self.thresholds
            .get(&class)
            .is_some_and(|threshold| score >= threshold * share)
    }
}

impl Record {
    /// Regions that were made unrecognisable.
    #[must_use]
    pub fn blurred(&self) -> usize {
        self.regions.iter().filter(|region| region.blurred).count()
    }
}

impl From<Tangent> for SphereBox {
    fn from(tangent: Tangent) -> Self {
        Self {
            yaw: tangent.yaw,
            pitch: tangent.pitch,
            width: 2.0 * tangent.half_width,
            height: 2.0 * tangent.half_height,
            roll: tangent.roll,
        }
    }
}

impl RegionRecord {
    /// Whether no person had a say in it.
    #[must_use]
    pub const fn is_automatic(&self) -> bool {
        matches!(self.source, RegionSource::Detected | RegionSource::Outvoted)
    }
}

/// Who found a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionSource {
    /// The detectors.
    Detected,
    /// A person added it.
    Added,
    /// The detectors found it, and a person took it out: it is not blurred.
    Removed,
    /// Too few detectors saw it, or only one of several views that show it: it is not blurred.
    Outvoted,
}

/// A box on the sphere, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SphereBox {
    /// Of its middle, positive to the right.
    pub yaw: f64,
    /// Of its middle, above the horizon.
    pub pitch: f64,
    /// Angle between its left and right side.
    pub width: f64,
    /// Angle between its upper and lower side.
    pub height: f64,
    /// By how much it is turned clockwise. Records of earlier versions do not say so.
    #[serde(default)]
    pub roll: f64,
}

/// A box in a view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SightingRecord {
    /// Index into the record's views.
    pub view: usize,
    /// Index into the record's detectors; none for a person.
    pub detector: Option<usize>,
    /// Confidence.
    pub score: f32,
    /// Left, top, right and bottom in pixels of the view.
    pub rect: [f64; 4],
    /// Four corners in pixels of the view, going round, which are the region in place of the box; none unless the
    /// detector gives corners that fit the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quad: Option<Quad>,
}
