//! How redaction is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rushes_models::{Class, Precision};
use serde::{Deserialize, Serialize};

use super::RedactError;
use super::blur::Fill;
use super::geometry::{Camera, Layout, Panorama, Shape};
use super::picture::{GPano, Header, PictureLimits};

/// What is looked for, how, and what takes its place.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is looked for. A class without a detector is an error, never passed over.
    pub classes: BTreeSet<Class>,
    /// Ids of the detectors; empty for the preferred one of each class.
    pub detectors: Vec<String>,
    /// Weights to use instead of the pulled ones, by detector.
    pub weights: BTreeMap<String, PathBuf>,
    /// What detectors compute with. If absent, 8-bit integers where a detector's activations were measured and the CPU
    /// adds products of bytes in 32 bits, and floats otherwise.
    pub precision: Option<Precision>,
    /// Scores from which a detection counts; a class without one has its detector's own.
    pub thresholds: BTreeMap<Class, f32>,
    /// Detectors that must agree on an object; 1 blurs what any of them sees.
    pub votes: usize,
    /// How pictures were taken.
    pub camera: CameraChoice,
    /// The views; by default those for the kind of camera.
    pub layout: Option<Layout>,
    /// Added on each side of a detection, as a share of its size.
    pub margin: f64,
    /// Outline of a region; by default ellipses around faces and boxes around plates.
    pub shape: Option<Shape>,
    /// What takes the place of a region.
    pub fill: Fill,
    /// Whether names of people stay in the metadata of a picture in which a face was hidden.
    pub keep_names: bool,
    /// What a picture may demand.
    pub limits: PictureLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            classes: Class::ALL.into(),
            detectors: Vec::new(),
            weights: BTreeMap::new(),
            precision: None,
            thresholds: BTreeMap::new(),
            votes: 1,
            camera: CameraChoice::Auto,
            layout: None,
            margin: 0.1,
            shape: None,
            fill: Fill::Blur,
            keep_names: false,
            limits: PictureLimits::default(),
        }
    }
}

/// How a picture was taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraChoice {
    /// As its metadata say; a picture twice as wide as high without any may be a panorama, and is looked at
    /// both ways.
    #[default]
    Auto,
    /// A planar picture, whatever the metadata say.
    Planar,
    /// A whole level panorama, whatever the metadata say.
    Equirect,
    /// This very camera, for pictures of its size.
    Given(Camera),
}

/// The camera of one picture, and how sure of it we are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ResolvedCamera {
    pub(super) camera: Camera,
    pub(super) kind: CameraSource,
    pub(super) warning: Option<String>,
}

/// Which views a picture needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CameraSource {
    Planar,
    Sphere,
    /// Twice as wide as high, and nobody says why.
    PerhapsSphere,
}

/// Narrower pictures of 2:1 are banners, not panoramas.
const LEAST_PANORAMA: u32 = 1000;

impl Settings {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// No class, a threshold beyond 0 to 1, no vote, an invalid margin.
    pub fn check(&self) -> Result<(), RedactError> {
        let wrong = |what: String| Err(RedactError::Settings(what));
        if self.classes.is_empty() {
            return wrong("no class to look for; name face, plate or both".to_owned());
        }
        if let Some((class, t)) = self
            .thresholds
            .iter()
            .find(|(_, t)| !(0.01..=1.0).contains(*t))
        {
            return wrong(format!(
                "threshold {t} for {class}s is not between 0.01 and 1"
            ));
        }
        if self.votes == 0 {
            return wrong("votes is 0; at least one detector must see an object".to_owned());
        }
        if !(0.0..=4.0).contains(&self.margin) {
            return wrong(format!("margin {} is not between 0 and 4", self.margin));
        }
        Ok(())
    }

    /// The outline of regions of a class.
    pub(super) fn shape_of(&self, class: Class) -> Shape {
        self.shape.unwrap_or(match class {
            Class::Face => Shape::Ellipse,
            Class::Plate => Shape::Box,
        })
    }
}

impl CameraChoice {
    /// The camera of a picture.
    pub(super) fn taken(&self, header: &Header) -> Result<ResolvedCamera, RedactError> {
        let stored = (header.width, header.height);
        let (width, height) = header.orientation.upright_size(stored);
        let sure = |camera, kind| ResolvedCamera {
            camera,
            kind,
            warning: None,
        };
        let taken = match self {
            Self::Planar => sure(Camera::planar(width, height), CameraSource::Planar),
            Self::Equirect => sure(Camera::equirect(width, height), CameraSource::Sphere),
            Self::Given(camera) if camera.size() == (width, height) => {
                let kind = match camera {
                    Camera::Pinhole { .. } => CameraSource::Planar,
                    Camera::Fisheye { .. } | Camera::Equirect { .. } => CameraSource::Sphere,
                };
                sure(camera.clone(), kind)
            }
            Self::Given(camera) => {
                let (w, h) = camera.size();
                return Err(RedactError::Settings(format!(
                    "the given camera takes pictures of {w} x {h} pixels, and this one has {width} x {height}"
                )));
            }
            Self::Auto => match &header.gpano {
                Some(gpano) if is_equirectangular(gpano) => {
                    let said = said(gpano, width, height);
                    let camera =
                        Camera::panorama(width, height, &said).map_err(RedactError::Panorama)?;
                    sure(camera, CameraSource::Sphere)
                }
                Some(_) | None if width == 2 * height && width >= LEAST_PANORAMA => ResolvedCamera {
                    camera: Camera::equirect(width, height),
                    kind: CameraSource::PerhapsSphere,
                    warning: Some(
                        "twice as wide as high, without metadata of a panorama: looked at as a panorama and as a planar picture"
                            .to_owned(),
                    ),
                },
                Some(_) | None => sure(Camera::planar(width, height), CameraSource::Planar),
            },
        };
        taken.camera.check()?;
        Ok(taken)
    }
}

/// Whether the metadata speak of this projection; a panorama that names none has it.
fn is_equirectangular(gpano: &GPano) -> bool {
    match &gpano.projection {
        Some(name) => name.eq_ignore_ascii_case("equirectangular"),
        None => gpano.full_width.is_some(),
    }
}

/// What the metadata say, with what they leave open taken from the picture.
fn said(gpano: &GPano, width: u32, height: u32) -> Panorama {
    Panorama {
        full_width: gpano.full_width.unwrap_or(width),
        full_height: gpano.full_height.unwrap_or(height),
        width: gpano.cropped_width.unwrap_or(width),
        height: gpano.cropped_height.unwrap_or(height),
        left: gpano.cropped_left.unwrap_or(0),
        top: gpano.cropped_top.unwrap_or(0),
        // Where north lies makes no difference to what is seen.
        heading: 0.0,
        pitch: gpano.pitch.unwrap_or(0.0),
        roll: gpano.roll.unwrap_or(0.0),
    }
}
