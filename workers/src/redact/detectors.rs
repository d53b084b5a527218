//! The detectors of one worker, and what they see in the views of a picture.

use std::collections::{BTreeMap, BTreeSet};

use image::RgbImage;
use rushes_models::{
    Class, Detection, Detector, DetectorOptions, ModelError, ModelStore, StoreError, detectors_of,
};

use super::RedactError;
use super::geometry::{Quad, Sighting};
use super::record::DetectorRecord;
use super::settings::Settings;

/// Opened detectors. Not shared between threads: each worker opens its own.
#[derive(Debug)]
pub struct Detectors {
    each: Vec<LoadedDetector>,
}

#[derive(Debug)]
struct LoadedDetector {
    detector: Detector,
    record: DetectorRecord,
}

/// A sighting, and which detector it is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct DetectorSighting {
    pub(super) sighting: Sighting<Class>,
    pub(super) detector: usize,
}

impl Detectors {
    /// Opens the detectors that the settings ask for, to run on `threads` threads each.
    ///
    /// # Errors
    /// A class has no detector; a detector was not pulled (the error names the pull) or cannot be used.
    pub fn open(
        store: &ModelStore,
        settings: &Settings,
        threads: usize,
    ) -> Result<Self, RedactError> {
        settings.check()?;
        let mut ids = settings.detectors.clone();
        let mut known = BTreeSet::new();
        // One that is named twice has one vote.
        ids.retain(|id| known.insert(id.clone()));
        if ids.is_empty() {
            for &class in &settings.classes {
                let best = detectors_of(store, class).into_iter().next();
                ids.extend(best.filter(|id| !ids.contains(id)));
            }
        }
        if let Some(id) = settings.weights.keys().find(|id| !ids.contains(id)) {
            return Err(RedactError::Settings(format!(
                "weights are given for {id}, which is not among the detectors in use ({})",
                ids.join(", ")
            )));
        }
        let mut each = Vec::new();
        for id in &ids {
            let options = DetectorOptions {
                threads,
                weights: settings.weights.get(id).map(std::path::PathBuf::as_path),
            };
            let detector = Detector::open(store, id, options)
                .map_err(|error| unopened(error, store, settings, id))?;
            each.push(LoadedDetector::of(detector, settings));
        }
        for &class in &settings.classes {
            let looking = each
                .iter()
                .filter(|entry| entry.record.thresholds.contains_key(&class))
                .count();
            if looking > 0 && looking < settings.votes {
                return Err(RedactError::Settings(format!(
                    "votes is {}, and only {looking} of the detectors look for {class}s; name more detectors, or ask for fewer votes",
                    settings.votes
                )));
            }
            if looking == 0 {
                let known = detectors_of(store, class);
                return Err(RedactError::NoDetector {
                    class,
                    remedy: format!(
                        "add one of {} (`rushes models pull {}`), or leave {class} out of the classes",
                        known.join(", "),
                        known.first().map_or("ID", String::as_str)
                    ),
                });
            }
        }
        Ok(Self { each })
    }

    /// Who looks, in the order by which sightings name them.
    #[must_use]
    pub fn records(&self) -> Vec<DetectorRecord> {
        self.each.iter().map(|entry| entry.record.clone()).collect()
    }

    /// Whether a score counts, for a detector and a class.
    pub(super) fn counts(&self, detector: usize, class: Class, score: f32) -> bool {
        self.each[detector].record.counts(class, score, 1.0)
    }

    /// The score from which a sighting of a class by a detector counts; 1 of what it does not look for.
    pub(super) fn threshold(&self, detector: usize, class: Class) -> f32 {
        let thresholds = &self.each[detector].record.thresholds;
        thresholds.get(&class).copied().unwrap_or(1.0)
    }

    /// What all detectors see in rendered views from a share of their thresholds on, which depends on the class. `first`
    /// is the index of the first view.
    pub(super) fn look(
        &mut self,
        rendered: &[RgbImage],
        first: usize,
        share: &dyn Fn(Class) -> f32,
    ) -> Result<Vec<DetectorSighting>, RedactError> {
        let mut seen = Vec::new();
        for (detector, entry) in self.each.iter_mut().enumerate() {
            let thresholds = entry.record.thresholds.iter();
            let lowest = thresholds
                .map(|(class, threshold)| threshold * share(*class))
                .fold(1.0, f32::min);
            let answers = entry.detector.detect(rendered, lowest)?;
            for (offset, detections) in answers.into_iter().enumerate() {
                for Detection {
                    class,
                    score,
                    rect,
                    corners,
                    ..
                } in detections
                {
                    if entry.record.counts(class, score, share(class)) {
                        let rect = rect.map(f64::from);
                        let quad = corners.and_then(|corners| {
                            let corners = corners.map(|[x, y]| (f64::from(x), f64::from(y)));
                            Quad::fitting(corners, rect, rendered[offset].dimensions())
                        });
                        let sighting = Sighting {
                            view: first + offset,
                            rect,
                            quad,
                            score,
                            class,
                        };
                        seen.push(DetectorSighting { sighting, detector });
                    }
                }
            }
        }
        Ok(seen)
    }
}

/// Why a detector cannot be opened; if it was not pulled, with everything that can be done instead.
fn unopened(error: ModelError, store: &ModelStore, settings: &Settings, id: &str) -> RedactError {
    let ModelError::Store(source @ StoreError::Missing { .. }) = error else {
        return error.into();
    };
    let finds = |class: &Class| detectors_of(store, *class).iter().any(|of| of == id);
    let (of_it, others): (Vec<Class>, Vec<Class>) =
        settings.classes.iter().copied().partition(finds);
    let Some(&class) = of_it.first() else {
        return ModelError::Store(source).into();
    };
    let mut remedy = format!("pull it, or use a file that you have: `--weights {id}=FILE`");
    if !others.is_empty() {
        let others: Vec<String> = others.iter().map(Class::to_string).collect();
        let (flag, list) = (others.join(","), others.join("\", \""));
        remedy += &format!(
            "; or leave {class}s as they are: `--classes {flag}` (over HTTP the setting \"classes\": [\"{list}\"])"
        );
    }
    RedactError::NotPulled {
        class,
        source: Box::new(source),
        remedy,
    }
}

impl LoadedDetector {
    fn of(detector: Detector, settings: &Settings) -> Self {
        let wanted = detector
            .classes()
            .iter()
            .filter(|class| settings.classes.contains(class));
        let thresholds: BTreeMap<Class, f32> = wanted
            .map(|class| {
                let own = detector.default_threshold();
                (
                    *class,
                    settings.thresholds.get(class).copied().unwrap_or(own),
                )
            })
            .collect();
        let identity = detector.identity().clone();
        Self {
            record: DetectorRecord {
                model: identity.model,
                sha256: identity.sha256,
                device: identity.device,
                thresholds,
            },
            detector,
        }
    }
}
