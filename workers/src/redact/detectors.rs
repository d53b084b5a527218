//! The detectors of one worker, and what they see in the views of a picture.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use image::RgbImage;
use rushes_models::{
    Class, Detection, Detector, DetectorOptions, ModelError, ModelStore, StoreError, detectors_of,
};

use super::RedactError;
use super::geometry::{Camera, Pyramid, Quad, Sighting, View};
use super::record::DetectorRecord;
use super::settings::Settings;
use super::timings::{Timings, timed};

/// Pixels of the views that a thread renders before its detectors look: few beside other threads, so that all have work
/// until the end, and as many as a run takes on its own.
const SHARED: u64 = 1 << 20;
const ALONE: u64 = 4 << 20;

/// Opened detectors. Not shared between workers: each opens its own.
#[derive(Debug)]
pub struct Detectors {
    records: Vec<DetectorRecord>,
    /// The same detectors for each thread, in the order of the records.
    threads: Vec<Vec<Detector>>,
}

/// What is looked at: the views of one picture.
pub(super) struct Scene<'a> {
    pub(super) pyramid: Pyramid<'a>,
    pub(super) camera: &'a Camera,
    pub(super) views: &'a [View],
    /// From which share of their thresholds on sightings are reported.
    pub(super) share: &'a (dyn Fn(Class) -> f32 + Sync),
}

/// A sighting, and which detector it is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct DetectorSighting {
    pub(super) sighting: Sighting<Class>,
    pub(super) detector: usize,
}

impl DetectorSighting {
    fn counts(&self, records: &[DetectorRecord]) -> bool {
        let Sighting { class, score, .. } = self.sighting;
        records[self.detector].counts(class, score, 1.0)
    }
}

impl Detectors {
    /// Opens the detectors that the settings ask for, to look on `threads` threads at once.
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
        let open = |id: &String| {
            let options = DetectorOptions {
                threads: 1,
                weights: settings.weights.get(id).map(std::path::PathBuf::as_path),
                precision: settings.precision,
            };
            Detector::open(store, id, options).map_err(|error| unopened(error, store, settings, id))
        };
        let first = ids.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let records: Vec<DetectorRecord> = first
            .iter()
            .map(|detector| record(detector, settings))
            .collect();
        for &class in &settings.classes {
            let looking = records
                .iter()
                .filter(|record| record.thresholds.contains_key(&class))
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
        let is_accelerated = records.iter().any(|record| record.device != "cpu");
        // A device takes all that it is given; other threads would only wait for it.
        let more = if is_accelerated { 1 } else { threads };
        let others = (1..more).map(|_| first.iter().map(|known| known.another(store)).collect());
        let others = others.collect::<Result<Vec<Vec<_>>, _>>()?;
        let threads = std::iter::once(first).chain(others).collect();
        Ok(Self { records, threads })
    }

    /// Who looks, in the order by which sightings name them.
    #[must_use]
    pub fn records(&self) -> &[DetectorRecord] {
        &self.records
    }

    /// Whether a sighting counts.
    pub(super) fn believes(&self, seen: &DetectorSighting) -> bool {
        seen.counts(&self.records)
    }

    /// The score from which a sighting of a class by a detector counts; 1 of what it does not look for.
    pub(super) fn threshold(&self, detector: usize, class: Class) -> f32 {
        let thresholds = &self.records[detector].thresholds;
        thresholds.get(&class).copied().unwrap_or(1.0)
    }

    /// All of them, to look at one picture.
    pub(super) fn together(&mut self) -> Lookout<'_> {
        Lookout {
            records: &self.records,
            threads: &mut self.threads,
        }
    }

    /// Up to `most` of them, each with a part of the threads, to look at that many pictures at once.
    pub(super) fn apart(&mut self, most: usize) -> Vec<Lookout<'_>> {
        let share = self.threads.len().div_ceil(most.max(1)).max(1);
        let records = &self.records;
        let groups = self.threads.chunks_mut(share);
        groups.map(|threads| Lookout { records, threads }).collect()
    }
}

/// Detectors that look at one picture at a time, on one thread or more.
#[derive(Debug)]
pub(super) struct Lookout<'a> {
    /// Who looks, in the order by which sightings name them.
    pub(super) records: &'a [DetectorRecord],
    threads: &'a mut [Vec<Detector>],
}

impl Lookout<'_> {
    /// Whether a sighting counts.
    pub(super) fn believes(&self, seen: &DetectorSighting) -> bool {
        seen.counts(self.records)
    }

    /// What all detectors see in the views of a picture, view by view, and how long rendering and looking took.
    ///
    /// # Errors
    /// A detector fails, or sees more than `most` things that count, with those that are known.
    pub(super) fn look(
        &mut self,
        scene: &Scene<'_>,
        (known, most): (usize, usize),
    ) -> Result<(Vec<DetectorSighting>, Timings), RedactError> {
        let several = self.threads.len();
        let blocks = blocks(scene.views, if several > 1 { SHARED } else { ALONE });
        // The largest views are the last ones, and the longest work.
        let next = AtomicUsize::new(blocks.len());
        let counted = AtomicUsize::new(known);
        let records = self.records;
        let work = |detectors: &mut Vec<Detector>| -> Result<_, RedactError> {
            let (mut found, mut timings) = (Vec::new(), Timings::default());
            let take = || next.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
            while let Ok(after) = take() {
                let block = blocks[after - 1].clone();
                let seen = look_at(scene, block, (detectors, records), &mut timings)?;
                let counts = seen.iter().filter(|seen| seen.counts(records)).count();
                if counted.fetch_add(counts, Relaxed) + counts > most {
                    next.store(0, Relaxed);
                    return Err(RedactError::Crowded { allowed: most });
                }
                found.push((after, seen));
            }
            Ok((found, timings))
        };
        let several = several.min(blocks.len());
        let results = if several > 1 {
            std::thread::scope(|scope| {
                let threads = self.threads.iter_mut().take(several);
                let started: Vec<_> = threads.map(|own| scope.spawn(|| work(own))).collect();
                let joined = started.into_iter().map(std::thread::ScopedJoinHandle::join);
                joined
                    .map(|it| it.unwrap_or(Err(RedactError::Defect)))
                    .collect()
            })
        } else {
            vec![work(&mut self.threads[0])]
        };
        let share = f64::from(u32::try_from(several).unwrap_or(1).max(1));
        let mut all = Vec::new();
        let mut timings = Timings::default();
        for result in results {
            let (found, took) = result?;
            all.extend(found);
            timings.render += took.render / share;
            timings.detect += took.detect / share;
        }
        // In the order of the views, whichever thread was first.
        all.sort_by_key(|(block, _)| *block);
        Ok((
            all.into_iter().flat_map(|(_, seen)| seen).collect(),
            timings,
        ))
    }
}

/// Consecutive views of one size that are looked at together.
fn blocks(views: &[View], pixels: u64) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for (index, view) in views.iter().enumerate() {
        let (width, height) = view.size();
        let most = pixels / (u64::from(width) * u64::from(height)).max(1);
        match blocks.last_mut() {
            Some(last)
                if views[last.start].size() == (width, height)
                    && u64::try_from(last.len()).is_ok_and(|many| many < most) =>
            {
                last.end += 1;
            }
            _ => blocks.push(index..index + 1),
        }
    }
    blocks
}

/// What the detectors of one thread see in some of the views.
fn look_at(
    scene: &Scene<'_>,
    block: Range<usize>,
    (detectors, records): (&mut [Detector], &[DetectorRecord]),
    timings: &mut Timings,
) -> Result<Vec<DetectorSighting>, RedactError> {
    let Scene {
        pyramid,
        camera,
        views,
        share,
    } = scene;
    let first = block.start;
    let rendered: Vec<RgbImage> = timed(&mut timings.render, || {
        let some = views[block].iter();
        some.map(|view| pyramid.render(camera, view)).collect()
    });
    let mut seen = Vec::new();
    for (detector, (network, record)) in detectors.iter_mut().zip(records).enumerate() {
        let thresholds = record.thresholds.iter();
        let lowest = thresholds
            .map(|(class, threshold)| threshold * share(*class))
            .fold(1.0, f32::min);
        let answers = timed(&mut timings.detect, || network.detect(&rendered, lowest))?;
        for (offset, detections) in answers.into_iter().enumerate() {
            for Detection {
                class,
                score,
                rect,
                corners,
                ..
            } in detections
            {
                if record.counts(class, score, share(class)) {
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

/// What a record says of a detector.
fn record(detector: &Detector, settings: &Settings) -> DetectorRecord {
    let own = detector.default_threshold();
    let classes = detector.classes().iter();
    let wanted = classes.filter(|class| settings.classes.contains(class));
    let thresholds = wanted.map(|class| {
        let chosen = settings.thresholds.get(class);
        (*class, chosen.copied().unwrap_or(own))
    });
    let identity = detector.identity().clone();
    DetectorRecord {
        model: identity.model,
        sha256: identity.sha256,
        device: identity.device,
        precision: identity.precision,
        thresholds: thresholds.collect(),
    }
}
