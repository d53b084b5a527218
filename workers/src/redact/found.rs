//! What was found in one picture.

use std::collections::BTreeSet;

use image::RgbImage;
use rushes_models::Class;

use super::RedactError;
use super::detectors::{DetectorSighting, Lookout, Scene};
use super::geometry::{Camera, Object, Pyramid, Sighting, View, merge};
use super::timings::{Timings, timed};

/// Sightings of one picture that can be told apart in reasonable time.
const MOST_SIGHTINGS: usize = 20_000;

/// What was found in one picture, before anything is changed.
#[derive(Debug, Clone)]
pub struct Found {
    /// The views that were looked at, and those of regions by hand.
    pub views: Vec<View>,
    /// Every sighting, by index into the views.
    pub sightings: Vec<Sighting<Class>>,
    /// Which detector each sighting is of; none for a person.
    pub detectors: Vec<Option<usize>>,
    /// Objects, each with its sightings.
    pub objects: Vec<Object<Class>>,
    /// Those of the objects, by index, that one view saw and others did not, though they show the place as well.
    pub lone: BTreeSet<usize>,
    /// What looking took.
    pub timings: Timings,
}

/// What the detectors saw so far.
pub(super) struct SightingList {
    pub(super) views: Vec<View>,
    pub(super) seen: Vec<DetectorSighting>,
    pub(super) timings: Timings,
}

impl SightingList {
    pub(super) fn new(views: Vec<View>) -> Self {
        Self {
            views,
            seen: Vec::new(),
            timings: Timings::default(),
        }
    }

    /// Adds what is seen in the views of an upright picture and has at least `share` of the score that counts.
    ///
    /// # Errors
    /// A detector fails, or sees too much.
    pub(super) fn gather(
        &mut self,
        lookout: &mut Lookout<'_>,
        upright: &RgbImage,
        camera: &Camera,
        share: &(dyn Fn(Class) -> f32 + Sync),
    ) -> Result<(), RedactError> {
        let scene = Scene {
            pyramid: Pyramid::new(upright),
            camera,
            views: &self.views,
            share,
        };
        let known = self.seen.iter().filter(|seen| lookout.believes(seen));
        let (seen, timings) = lookout.look(&scene, (known.count(), MOST_SIGHTINGS))?;
        self.seen.extend(seen);
        self.timings.render += timings.render;
        self.timings.detect += timings.detect;
        Ok(())
    }

    /// Takes out the sightings for which `is_apart` holds.
    pub(super) fn split_off(
        &mut self,
        is_apart: impl Fn(&DetectorSighting) -> bool,
    ) -> Vec<Sighting<Class>> {
        let (apart, seen): (Vec<_>, Vec<_>) = self.seen.drain(..).partition(is_apart);
        self.seen = seen;
        apart.iter().map(|seen| seen.sighting).collect()
    }

    /// The objects that were seen.
    pub(super) fn merged(mut self, camera: &Camera) -> Found {
        let sightings: Vec<Sighting<Class>> = self.seen.iter().map(|s| s.sighting).collect();
        let objects = timed(&mut self.timings.merge, || {
            merge(camera, &self.views, &sightings)
        });
        Found {
            detectors: self.seen.iter().map(|s| Some(s.detector)).collect(),
            views: self.views,
            sightings,
            objects,
            lone: BTreeSet::new(),
            timings: self.timings,
        }
    }
}

/// The detectors of these sightings; none of what a person added.
pub(super) fn voters(sightings: &[usize], found: &Found) -> BTreeSet<usize> {
    sightings
        .iter()
        .filter_map(|&i| found.detectors[i])
        .collect()
}
