//! Regions by hand: what a person adds to, and takes out of, what the detectors found.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use rushes_models::Class;
use serde::{Deserialize, Serialize};

use super::RedactError;
use super::batch::Item;
use super::geometry::{Camera, Rect, View};

/// A file of hand-made regions: by path relative to the folder that is redacted, or by file name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HandRegions(BTreeMap<String, Corrections>);

/// What a person corrects in one picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Corrections {
    /// To blur as well.
    pub add: Vec<Added>,
    /// Boxes of the upright picture (left, top, width, height): what was detected there is left alone.
    pub remove: Vec<RemovedBox>,
}

/// One region to blur.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Added {
    /// What it is.
    #[serde(default = "face")]
    pub class: Class,
    /// Where it is.
    #[serde(flatten)]
    pub place: RegionPlace,
}

/// Where a hand-made region is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RegionPlace {
    /// Left, top, width, height in pixels of the upright picture.
    Box {
        /// The four numbers.
        #[serde(rename = "box")]
        rect: [f64; 4],
    },
    /// On the sphere, in degrees.
    Sphere {
        /// Of its middle, positive to the right.
        yaw: f64,
        /// Of its middle, above the horizon.
        pitch: f64,
        /// Angle between its sides.
        width: f64,
        /// Angle between top and bottom.
        height: f64,
    },
}

/// One box whose detections are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovedBox {
    /// Left, top, width, height in pixels of the upright picture.
    #[serde(rename = "box")]
    pub rect: [f64; 4],
}

const fn face() -> Class {
    Class::Face
}

/// Share of their joint area from which a removed box means a detection.
const SAME: f64 = 0.5;

impl HandRegions {
    /// Reads a file of hand-made regions.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Self, RedactError> {
        let text = std::fs::read_to_string(path).map_err(RedactError::io("read", path))?;
        serde_json::from_str(&text).map_err(|e| {
            RedactError::Settings(format!(
                "{}: {e}; expected {{\"picture.jpg\": {{\"add\": [{{\"class\": \"face\", \"box\": [x, y, w, h]}}], \"remove\": [{{\"box\": [x, y, w, h]}}]}}}}",
                path.display()
            ))
        })
    }

    /// The corrections of one picture.
    #[must_use]
    pub fn of(&self, relative: &Path) -> Option<&Corrections> {
        names_of(relative).find_map(|name| self.0.get(name.as_ref()))
    }

    /// Sees that every name it speaks of is that of just one file.
    ///
    /// # Errors
    /// A name is that of no file, or of several.
    pub fn check(&self, files: &[Item]) -> Result<(), RedactError> {
        for name in self.0.keys() {
            let is_named = |item: &&Item| names_of(&item.relative).any(|known| known == *name);
            match files.iter().filter(is_named).count() {
                1 => {}
                0 => {
                    return Err(RedactError::Settings(format!(
                        "the regions speak of {name:?}, and no such file is redacted; names are relative to the folder given"
                    )));
                }
                many => {
                    return Err(RedactError::Settings(format!(
                        "the regions speak of {name:?}, and {many} files are called so; name it with its folder"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// What a file may be called: its path, or else its name.
fn names_of(relative: &Path) -> impl Iterator<Item = Cow<'_, str>> {
    let name = Path::new(relative.file_name().unwrap_or_default());
    [relative, name].into_iter().map(Path::to_string_lossy)
}

impl Added {
    /// The region as a view and a box in it.
    pub(super) fn sighting(&self, camera: &Camera) -> Result<(View, Rect), RedactError> {
        match self.place {
            RegionPlace::Box {
                rect: [x, y, width, height],
            } => {
                let (w, h) = camera.size();
                let sound = [x, y, width, height].iter().all(|v| v.is_finite())
                    && width > 0.0
                    && height > 0.0
                    && x < f64::from(w)
                    && y < f64::from(h);
                if !sound {
                    return Err(RedactError::Settings(format!(
                        "the box [{x}, {y}, {width}, {height}] does not lie in a picture of {w} x {h} pixels"
                    )));
                }
                let view = View::Crop {
                    x: 0.0,
                    y: 0.0,
                    width: f64::from(w),
                    height: f64::from(h),
                    out_width: w,
                    out_height: h,
                };
                Ok((view, [x, y, x + width, y + height]))
            }
            RegionPlace::Sphere {
                yaw,
                pitch,
                width,
                height,
            } => {
                const SIDE: u32 = 1000;
                let sound = (-90.0..=90.0).contains(&pitch)
                    && yaw.is_finite()
                    && (0.0..=120.0).contains(&width)
                    && (0.0..=120.0).contains(&height)
                    && width > 0.0
                    && height > 0.0;
                if !sound {
                    return Err(RedactError::Settings(format!(
                        "a region at yaw {yaw}, pitch {pitch} of {width} x {height} degrees: pitch is -90 to 90, sides are up to 120"
                    )));
                }
                let view = View::Perspective {
                    yaw,
                    pitch,
                    roll: 0.0,
                    fov_x: width,
                    fov_y: height,
                    out_width: SIDE,
                    out_height: SIDE,
                };
                let side = f64::from(SIDE);
                Ok((view, [0.0, 0.0, side, side]))
            }
        }
    }
}

impl Corrections {
    /// Whether a person took out what was detected in this box (left, top, right, bottom).
    pub(super) fn removes(&self, found: Rect) -> bool {
        self.remove.iter().any(|RemovedBox { rect: [x, y, w, h] }| {
            let theirs = [*x, *y, x + w, y + h];
            let area = |r: Rect| (r[2] - r[0]).max(0.0) * (r[3] - r[1]).max(0.0);
            let both = area([
                theirs[0].max(found[0]),
                theirs[1].max(found[1]),
                theirs[2].min(found[2]),
                theirs[3].min(found[3]),
            ]);
            both >= SAME * (area(theirs) + area(found) - both)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_regions_is_read_and_matched_by_path_or_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("regions.json");
        std::fs::write(
            &path,
            r#"{"trip/a.jpg": {"add": [{"class": "plate", "box": [1, 2, 30, 40]}, {"yaw": 179.5, "pitch": 2, "width": 3, "height": 4}]},
                "b.jpg": {"remove": [{"box": [10, 10, 20, 20]}]}}"#,
        )
        .unwrap();
        let regions = HandRegions::read(&path).unwrap();
        let a = regions.of(Path::new("trip/a.jpg")).unwrap();
        assert_eq!(a.add[0].class, Class::Plate);
        assert_eq!(a.add[1].class, Class::Face);
        let camera = Camera::equirect(400, 200);
        let (view, _) = a.add[1].sighting(&camera).unwrap();
        assert!(matches!(view, View::Perspective { .. }));
        let b = regions.of(Path::new("elsewhere/b.jpg")).unwrap();
        assert!(b.removes([11.0, 11.0, 29.0, 31.0]));
        assert!(!b.removes([40.0, 11.0, 60.0, 31.0]));
        assert!(regions.of(Path::new("c.jpg")).is_none());
    }

    #[test]
    fn nonsense_is_refused_with_the_shape_that_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("regions.json");
        std::fs::write(&path, r#"{"a.jpg": {"ad": []}}"#).unwrap();
        let error = HandRegions::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("regions.json") && error.contains("\"add\""),
            "{error}"
        );
        let far = Added {
            class: Class::Face,
            place: RegionPlace::Box {
                rect: [500.0, 0.0, 9.0, 9.0],
            },
        };
        assert!(far.sighting(&Camera::planar(400, 200)).is_err());
    }
}
