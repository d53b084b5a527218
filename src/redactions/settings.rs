//! What a client may ask for: the library's settings less what names files of this machine.

use std::collections::{BTreeMap, BTreeSet};

use rushes_models::{Class, with_causes};
use rushes_workers::redact::geometry::{Layout, Shape};
use rushes_workers::redact::{CameraChoice, Corrections, Fill, Settings};
use serde::{Deserialize, Serialize};

use super::RedactionError;

/// Detectors of one redaction.
const MOST_DETECTORS: usize = 8;
/// Lowest threshold: far below it detectors see something everywhere, and every picture takes for ever.
const LOWEST_THRESHOLD: f32 = 0.05;
/// Frames of a video from one that is looked at to the next.
const MOST_EVERY: u32 = 1000;
/// Corrections of one picture.
const MOST_CORRECTIONS: usize = 10_000;

/// What is looked for, how, and what takes its place. What is left out has the command line's default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = RedactionSettings)]
pub struct RedactionRequest {
    /// `face`, `plate` or both.
    #[schema(value_type = Vec<String>, example = json!(["face"]))]
    pub classes: BTreeSet<Class>,
    /// Ids of detectors; the best for each class if there are none.
    pub detectors: Vec<String>,
    /// Score from 0.05 to 1, by class, from which a detection counts; the detector's own if absent.
    #[schema(value_type = BTreeMap<String, f32>)]
    pub thresholds: BTreeMap<Class, f32>,
    /// Detectors that must see an object before it is blurred.
    #[schema(minimum = 1)]
    pub votes: usize,
    /// How the pictures were taken.
    pub camera: Camera,
    /// Name of the views to look at; by the kind of picture if absent.
    pub layout: Option<String>,
    /// Added on each side of a detection, as a share of its size.
    pub margin: f64,
    /// `ellipse` or `box`; ellipses around faces and boxes around plates if absent.
    #[schema(value_type = Option<String>)]
    pub shape: Option<Shape>,
    /// `blur`, `solid`, or `none`: only the record, no picture.
    #[schema(value_type = String)]
    pub fill: Fill,
    /// Leave the names of people in the metadata of pictures in which a face was hidden.
    pub keep_names: bool,
    /// Of a video, detectors look at every n-th frame, 1 to 1000; tracks fill the others. If absent, so many
    /// are looked at that none is shown more than 85 ms after one of them: every other one at 24 to 30 frames a second.
    #[schema(minimum = 1, maximum = 1000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u32>,
    /// Regions by hand, of a single picture: `{"add": [{"class": "face", "box": [x, y, w, h]}], "remove": [{"box":
    /// [x, y, w, h]}]}`; added ones may be on the sphere: `yaw`, `pitch`, `width`, `height` in degrees.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrections: Option<Corrections>,
}

/// How pictures were taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Camera {
    /// As their metadata say.
    #[default]
    Auto,
    /// Planar pictures, whatever the metadata say.
    Planar,
    /// Whole level panoramas, whatever the metadata say.
    Equirect,
}

impl Default for RedactionRequest {
    fn default() -> Self {
        let defaults = Settings::default();
        Self {
            classes: defaults.classes,
            detectors: defaults.detectors,
            thresholds: defaults.thresholds,
            votes: defaults.votes,
            camera: Camera::Auto,
            layout: None,
            margin: defaults.margin,
            shape: defaults.shape,
            fill: defaults.fill,
            keep_names: defaults.keep_names,
            every: None,
            corrections: None,
        }
    }
}

impl RedactionRequest {
    /// The library's settings.
    pub(super) fn settings(&self) -> Result<Settings, RedactionError> {
        let wrong = |what: String| Err(RedactionError::Settings(what));
        if self.detectors.len() > MOST_DETECTORS {
            return wrong(format!("more than {MOST_DETECTORS} detectors"));
        }
        if let Some(every) = self.every
            && !(1..=MOST_EVERY).contains(&every)
        {
            return wrong(format!(
                "every is {every}; detectors look at every frame (1) to every {MOST_EVERY}th"
            ));
        }
        let hand = self.corrections.iter();
        if hand.map(|c| c.add.len() + c.remove.len()).sum::<usize>() > MOST_CORRECTIONS {
            return wrong(format!("more than {MOST_CORRECTIONS} corrections"));
        }
        if let Some((class, low)) = self.thresholds.iter().find(|(_, t)| **t < LOWEST_THRESHOLD) {
            return wrong(format!(
                "threshold {low} for {class}s is below {LOWEST_THRESHOLD}, the lowest that is taken here"
            ));
        }
        let layout = match &self.layout {
            None => None,
            // By name only: a layout of the client's own could ask for any number of views.
            Some(name) if Layout::names().any(|known| known == name) => {
                Some(Layout::named(name).map_err(|error| RedactionError::Redact(error.into()))?)
            }
            Some(name) => {
                let names: Vec<&str> = Layout::names().collect();
                return wrong(format!(
                    "there is no layout {name:?}; the layouts are {}",
                    names.join(", ")
                ));
            }
        };
        let settings = Settings {
            classes: self.classes.clone(),
            detectors: self.detectors.clone(),
            thresholds: self.thresholds.clone(),
            votes: self.votes,
            camera: match self.camera {
                Camera::Auto => CameraChoice::Auto,
                Camera::Planar => CameraChoice::Planar,
                Camera::Equirect => CameraChoice::Equirect,
            },
            layout,
            margin: self.margin,
            shape: self.shape,
            fill: self.fill,
            keep_names: self.keep_names,
            ..Settings::default()
        };
        settings.check()?;
        Ok(settings)
    }

    /// What tells redactors apart: everything but what is of one picture or of videos alone.
    pub(super) fn key(&self) -> String {
        let alone = Self {
            every: None,
            corrections: None,
            ..self.clone()
        };
        alone.json()
    }

    /// As it is kept.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As it was kept.
    pub(super) fn parse(json: &str) -> Result<Self, RedactionError> {
        serde_json::from_str(json).map_err(|error| RedactionError::Settings(with_causes(&error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_no_files_and_nothing_unknown() {
        for bad in [
            r#"{"weights": {"centerface": "/etc/passwd"}}"#,
            r#"{"camera": {"given": {}}}"#,
            r#"{"classes": ["dog"]}"#,
            r#"{"corrections": {"ad": []}}"#,
            r#"{"every": -1}"#,
        ] {
            assert!(RedactionRequest::parse(bad).is_err(), "{bad}");
        }
        let path = RedactionRequest::parse(r#"{"layout": "/etc/passwd"}"#).unwrap();
        let error = path.settings().unwrap_err().to_string();
        assert!(error.contains("sphere"), "{error}");
        for bad in [r#"{"votes": 0}"#, r#"{"every": 0}"#, r#"{"every": 1001}"#] {
            let request = RedactionRequest::parse(bad).unwrap();
            assert!(request.settings().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_kept_reads_as_what_was_asked() {
        let asked = RedactionRequest::parse(
            r#"{"classes": ["face"], "thresholds": {"face": 0.25}, "fill": "solid", "shape": "box"}"#,
        )
        .unwrap();
        assert_eq!(RedactionRequest::parse(&asked.json()).unwrap(), asked);
        assert_eq!(asked.settings().unwrap().thresholds, asked.thresholds);
        assert_eq!(
            RedactionRequest::parse("{}").unwrap(),
            RedactionRequest::default()
        );
    }
}
