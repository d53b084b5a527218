//! One picture: views, detection, masks, blur, and the file written back.

use std::collections::BTreeMap;

use image::RgbImage;
use rushes_models::{Class, Digest, ModelStore};

use super::RedactError;
use super::blur::Fill;
use super::detectors::{Detectors, Lookout};
use super::found::{Found, SightingList, voters};
use super::geometry::{Camera, Layout, Mask, Object, Sighting, View, merge, rasterise};
use super::hand::Corrections;
use super::paint::{PaintTarget, paint, upright};
use super::picture::Editor;
use super::record::{
    DetectorRecord, FileRecord, PictureRecord, Record, RegionRecord, RegionSource, SCHEMA,
    SettingsRecord, SightingRecord, Tool,
};
use super::settings::{CameraSource, ResolvedCamera, Settings};
use super::support::Evidence;
use super::timings::{Timings, timed};

/// Pixels a degree in the middle of the 75° views of the sphere layouts, which are 640 pixels wide.
const WIDE_VIEW_DENSITY: f64 = 7.3;

/// Up to this density, of a panorama 9,000 pixels wide, the views of `sphere-large` are enough.
const TILE_DENSITY: f64 = 25.0;

/// Sightings that only support others have at least this share of the score that counts.
const WEAK: f32 = 0.5;

/// A redacted picture.
#[derive(Debug)]
pub struct Redacted {
    /// The file to write; none if only a report was asked for.
    pub bytes: Option<Vec<u8>>,
    /// What was done.
    pub record: Record,
    /// Where the time went.
    pub timings: Timings,
}

/// Redacts pictures, one after the other.
#[derive(Debug)]
pub struct Redactor {
    settings: Settings,
    detectors: Detectors,
    threads: usize,
}

impl Redactor {
    /// Opens the detectors, to look on `threads` threads at once.
    ///
    /// # Errors
    /// As [`Detectors::open`].
    pub fn open(
        store: &ModelStore,
        settings: Settings,
        threads: usize,
    ) -> Result<Self, RedactError> {
        let detectors = Detectors::open(store, &settings, threads)?;
        Ok(Self {
            settings,
            detectors,
            threads: threads.max(1),
        })
    }

    /// Its detectors, apart, to look at up to `most` pictures at once.
    pub(super) fn lookouts(&mut self, most: usize) -> Vec<Lookout<'_>> {
        self.detectors.apart(most)
    }

    /// The settings in use.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The detectors in use.
    #[must_use]
    pub const fn detectors(&self) -> &Detectors {
        &self.detectors
    }

    /// Whether this was made with what is asked for now.
    pub(super) fn is_asked(&self, settings: &SettingsRecord, detectors: &[DetectorRecord]) -> bool {
        *settings == self.settings_record() && detectors == self.detectors.records()
    }

    /// Redacts one picture file; `name` goes into its record.
    ///
    /// # Errors
    /// Whatever prevents it: there is no output then.
    pub fn redact(
        &mut self,
        bytes: Vec<u8>,
        name: &str,
        corrections: Option<&Corrections>,
    ) -> Result<Redacted, RedactError> {
        let input = FileRecord::of(name, &bytes);
        let mut decode = 0.0;
        let mut editor = timed(&mut decode, || {
            let editor = Editor::open(bytes, &self.settings.limits)?;
            // Decodes it.
            editor.looks()?;
            Ok::<_, RedactError>(editor)
        })?;
        let header = editor.header().clone();
        let taken = self.settings.camera.taken(&header)?;
        let layouts = self.layouts(&taken)?;
        let found = with_additions(self.look(&editor, &taken)?, &taken.camera, corrections)?;
        let mut timings = found.timings;
        timings.decode += decode;
        let regions = timed(&mut timings.blur, || {
            self.blur_all(&mut editor, &taken.camera, &found, corrections)
        })?;
        let is_hidden_face = |region: &RegionRecord| region.blurred && region.class == Class::Face;
        if !self.settings.keep_names && regions.iter().any(is_hidden_face) {
            editor.forget_names();
        }
        let mut record = Record {
            schema: SCHEMA,
            tool: Tool::this(),
            input,
            output: None,
            picture: PictureRecord {
                format: header.format,
                width: header.width,
                height: header.height,
                orientation: header.orientation,
                camera: taken.camera,
            },
            settings: self.settings_record(),
            detectors: self.detectors.records().to_vec(),
            layouts: layouts.iter().map(layout_name).collect(),
            views: found.views,
            regions,
            hidden: Vec::new(),
            warnings: taken.warning.into_iter().collect(),
        };
        if self.settings.fill == Fill::None {
            return Ok(Redacted {
                bytes: None,
                record,
                timings,
            });
        }
        let finished = timed(&mut timings.write, || editor.finish())?;
        record.output = Some(FileRecord::of(name, &finished.bytes));
        record.hidden = finished.hidden;
        Ok(Redacted {
            bytes: Some(finished.bytes),
            record,
            timings,
        })
    }

    /// Looks at a picture, in every way that viewers show it, with the layouts for its kind.
    pub(super) fn look(
        &mut self,
        editor: &Editor,
        taken: &ResolvedCamera,
    ) -> Result<Found, RedactError> {
        let layouts = self.layouts(taken)?;
        let mut gathered = SightingList::new(views(&layouts, &taken.camera)?);
        // Only plates in views of a sphere are judged by others.
        let is_seen_twice = gathered.views.iter().any(View::is_perspective);
        let weakest = move |class: Class| {
            if class == Class::Plate && is_seen_twice {
                WEAK
            } else {
                1.0
            }
        };
        for &look in editor.looks()? {
            let upright = timed(&mut gathered.timings.decode, || {
                Ok::<_, RedactError>(upright(editor.look(look)?, editor.header().orientation))
            })?;
            let mut lookout = self.detectors.together();
            gathered.gather(&mut lookout, &upright, &taken.camera, &weakest)?;
        }
        let weak = gathered.split_off(|seen| !self.detectors.believes(seen));
        let mut found = gathered.merged(&taken.camera);
        let evidence = Evidence {
            camera: &taken.camera,
            views: &found.views,
            sightings: &found.sightings,
            weak: &weak,
        };
        let is_lone = |object: &Object<Class>| {
            let threshold = |sighting: usize| {
                found.detectors[sighting]
                    .map_or(0.0, |of| self.detectors.threshold(of, object.class))
            };
            // Detectors that agree need no other view.
            voters(&object.sightings, &found).len() < 2 && evidence.is_lone(object, threshold)
        };
        let objects = found.objects.iter().enumerate();
        found.lone = objects
            .filter(|(_, object)| is_lone(object))
            .map(|(index, _)| index)
            .collect();
        Ok(found)
    }

    /// What the detectors see in these views of an upright picture.
    ///
    /// # Errors
    /// A detector fails.
    pub fn detect(
        &mut self,
        upright: &RgbImage,
        camera: &Camera,
        views: Vec<View>,
    ) -> Result<Found, RedactError> {
        let mut gathered = SightingList::new(views);
        gathered.gather(&mut self.detectors.together(), upright, camera, &|_| 1.0)?;
        Ok(gathered.merged(camera))
    }

    /// The pixels of the upright picture that an object's region has: the union of all its sightings.
    #[must_use]
    pub fn mask(&self, camera: &Camera, object: &Object<Class>, found: &Found) -> Mask {
        let shape = self.settings.shape_of(object.class);
        let patches = object.patches(&found.views, &found.sightings, shape, self.settings.margin);
        rasterise(camera, &patches)
    }

    /// The masks of all objects, in their order; only so many at once as there are threads.
    fn masks<'a>(
        &'a self,
        camera: &'a Camera,
        found: &'a Found,
    ) -> impl Iterator<Item = Result<Mask, RedactError>> + 'a {
        found.objects.chunks(self.threads).flat_map(move |some| {
            if let [object] = some {
                return vec![Ok(self.mask(camera, object, found))];
            }
            std::thread::scope(|scope| {
                let mask = |object| scope.spawn(move || self.mask(camera, object, found));
                let started: Vec<_> = some.iter().map(mask).collect();
                let ended = started
                    .into_iter()
                    .map(|it| it.join().map_err(|_panic| RedactError::Defect));
                ended.collect()
            })
        })
    }

    /// The layouts that the settings name, or those for a kind of picture.
    pub(super) fn layouts(&self, taken: &ResolvedCamera) -> Result<Vec<Layout>, RedactError> {
        if let Some(layout) = &self.settings.layout {
            return Ok(vec![layout.clone()]);
        }
        // The wide views of a large picture are too coarse for what is small in it.
        let density = pixels_per_degree(&taken.camera);
        let is_large = density > WIDE_VIEW_DENSITY;
        let sphere = match density {
            // What is too large for the tiles must not be too small for the wide views.
            _ if density > TILE_DENSITY => &["sphere", "sphere-fine"][..],
            _ if is_large => &["sphere-large"],
            _ => &["sphere"],
        };
        let names = match (&taken.camera, taken.kind) {
            (_, CameraSource::Planar) => vec!["planar"],
            (Camera::Fisheye { .. }, _) if is_large => vec!["fisheye", "sphere-fine"],
            (Camera::Fisheye { .. }, _) => vec!["fisheye"],
            (_, CameraSource::Sphere) => sphere.to_vec(),
            (_, CameraSource::PerhapsSphere) => [sphere, &["planar"]].concat(),
        };
        let layouts: Result<Vec<_>, _> = names.iter().map(|name| Layout::named(name)).collect();
        Ok(layouts?)
    }

    /// Whether enough detectors and views saw an object, by its index.
    pub(super) fn is_agreed(&self, index: usize, found: &Found) -> bool {
        let voters = voters(&found.objects[index].sightings, found);
        voters.len() >= self.settings.votes && !found.lone.contains(&index)
    }

    fn source(
        &self,
        index: usize,
        found: &Found,
        corrections: Option<&Corrections>,
    ) -> RegionSource {
        let object = &found.objects[index];
        if voters(&object.sightings, found).is_empty() {
            RegionSource::Added
        } else if corrections.is_some_and(|c| c.removes(object.bounds)) {
            RegionSource::Removed
        } else if self.is_agreed(index, found) {
            RegionSource::Detected
        } else {
            RegionSource::Outvoted
        }
    }

    /// Blurs what is to be blurred, and says of every object what became of it.
    fn blur_all(
        &self,
        editor: &mut Editor,
        camera: &Camera,
        found: &Found,
        corrections: Option<&Corrections>,
    ) -> Result<Vec<RegionRecord>, RedactError> {
        let header = editor.header().clone();
        let mut regions = Vec::with_capacity(found.objects.len());
        let objects = found.objects.iter().zip(self.masks(camera, found));
        for (id, (object, mask)) in objects.enumerate() {
            let mask = mask?;
            let source = self.source(id, found, corrections);
            let blurred = matches!(source, RegionSource::Detected | RegionSource::Added)
                && self.settings.fill != Fill::None;
            if blurred {
                let ground = PaintTarget {
                    camera,
                    orientation: header.orientation,
                    stored: (header.width, header.height),
                };
                paint(editor, &ground, object, &mask, self.settings.fill)?;
            }
            regions.push(region(id, object, found, source, blurred, mask.area()));
        }
        Ok(regions)
    }

    /// What is asked for.
    pub(super) fn settings_record(&self) -> SettingsRecord {
        let classes = &self.settings.classes;
        SettingsRecord {
            classes: classes.iter().copied().collect(),
            votes: self.settings.votes,
            margin: self.settings.margin,
            shapes: classes
                .iter()
                .map(|&class| (class, self.settings.shape_of(class)))
                .collect::<BTreeMap<_, _>>(),
            fill: self.settings.fill,
            camera: self.settings.camera.clone(),
            layout: self.settings.layout.as_ref().map(layout_name),
            keep_names: self.settings.keep_names,
        }
    }
}

/// A layout's name; one that is not built in has a digest of what it says as well, for its name says nothing.
pub(super) fn layout_name(layout: &Layout) -> String {
    if Layout::named(&layout.name).is_ok_and(|known| known == *layout) {
        return layout.name.clone();
    }
    let digest = Digest::of_bytes(format!("{layout:?}").as_bytes()).to_string();
    format!("{}@{}", layout.name, &digest[..12])
}

/// The views of some layouts. Those of one size follow each other, so that they share a run of the detectors.
pub(super) fn views(layouts: &[Layout], camera: &Camera) -> Result<Vec<View>, RedactError> {
    let mut views = Vec::new();
    for layout in layouts {
        views.extend(layout.views(camera)?);
    }
    views.sort_by_key(View::size);
    Ok(views)
}

/// Pixels a degree where the picture is sharpest.
fn pixels_per_degree(camera: &Camera) -> f64 {
    match camera {
        Camera::Pinhole { focal, .. } => focal.to_radians(),
        Camera::Fisheye { f, .. } => f.to_radians(),
        Camera::Equirect { full_width, .. } => f64::from(*full_width) / 360.0,
    }
}

/// Adds the regions that a person knows of. Each stays an object of its own, whatever it overlaps.
fn with_additions(
    mut found: Found,
    camera: &Camera,
    corrections: Option<&Corrections>,
) -> Result<Found, RedactError> {
    for added in corrections.iter().flat_map(|c| &c.add) {
        let (view, rect) = added.sighting(camera)?;
        let sighting = Sighting {
            view: 0,
            rect,
            quad: None,
            score: 1.0,
            class: added.class,
        };
        let alone = merge(camera, &[view], &[sighting]);
        if alone.is_empty() {
            return Err(RedactError::Settings(format!(
                "an added region lies outside the picture: {added:?}"
            )));
        }
        let index = found.sightings.len();
        found.sightings.push(Sighting {
            view: found.views.len(),
            ..sighting
        });
        found.views.push(view);
        found.detectors.push(None);
        found.objects.extend(alone.into_iter().map(|object| Object {
            sightings: vec![index],
            ..object
        }));
    }
    Ok(found)
}

fn region(
    id: usize,
    object: &Object<Class>,
    found: &Found,
    source: RegionSource,
    blurred: bool,
    pixels: u64,
) -> RegionRecord {
    let [left, top, right, bottom] = object.bounds;
    RegionRecord {
        id,
        class: object.class,
        score: object.score,
        source,
        bounds: [left, top, right - left, bottom - top],
        sphere: object.tangent.map(Into::into),
        pixels,
        blurred,
        sightings: object
            .sightings
            .iter()
            .map(|&index| {
                let sighting = found.sightings[index];
                SightingRecord {
                    view: sighting.view,
                    detector: found.detectors[index],
                    score: sighting.score,
                    rect: sighting.rect,
                    quad: sighting.quad,
                }
            })
            .collect(),
    }
}
