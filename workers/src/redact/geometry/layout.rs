//! Layouts: which views of a picture the detectors see. They are data, TOML with this syntax:
//!
//! ```toml
//! name = "mine"
//! include = ["sphere-22"]    # built-in layouts whose tiers come first; optional
//!
//! [[tiers]]
//! kind = "rows"              # perspective views at chosen pitches
//! fov = 75                   # degrees, both ways; a row may have its own
//! side = 640                 # px; or pixels_per_degree = 8.5, in the middle of the view
//! rows = [
//!     { pitch = 0, count = 8 },
//!     { pitch = 40, count = 6, stagger = 0.5 },   # begins half a step to the right
//! ]
//!
//! [[tiers]]
//! kind = "even"              # perspective views of the picture's own resolution, all over the sphere
//! side = 640
//! overlap = 0.2              # share of a view's angle that its neighbour sees as well
//! native = 1.0               # share of the picture's resolution; the default
//!
//! [[tiers]]
//! kind = "whole"             # the picture in one crop
//! longest = 1280             # scaled down so that its longer side is no longer; optional
//! above = 1280               # only for pictures with a longer side than this; optional
//!
//! [[tiers]]
//! kind = "tiles"             # crops at the picture's own resolution, as few as there can be
//! side = 1280                # at most
//! overlap = 0.2              # share of this side that two neighbours have in common, or more
//! above = 1280               # only for pictures with a longer side than this; optional
//! ```

use serde::Deserialize;

use super::camera::Camera;
use super::cast;
use super::error::GeometryError;
use super::tiles::{Strip, gaps};
use super::vector::{Rotation, Vec3};
use super::view::View;

/// The layouts there are by name.
const BUILT_IN: [(&str, &str); 8] = [
    ("sphere", include_str!("layouts/sphere.toml")),
    ("sphere-22", include_str!("layouts/sphere-22.toml")),
    ("sphere-coarse", include_str!("layouts/sphere-coarse.toml")),
    ("sphere-fine", include_str!("layouts/sphere-fine.toml")),
    ("sphere-large", include_str!("layouts/sphere-large.toml")),
    ("fisheye", include_str!("layouts/fisheye.toml")),
    ("planar", include_str!("layouts/planar.toml")),
    ("whole", include_str!("layouts/whole.toml")),
];

/// The widest view that an even tier is made of, in degrees.
const WIDEST: f64 = 75.0;
/// Views that a layout may have of one picture.
const MOST_VIEWS: f64 = 20_000.0;
/// Square degrees of the sphere.
const SPHERE: f64 = 41_252.96;

/// Which views of a picture the detectors see.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Its name.
    pub name: String,
    tiers: Vec<Tier>,
}

/// A layout as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    tiers: Vec<Tier>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Tier {
    Rows {
        fov: f64,
        side: Option<u32>,
        pixels_per_degree: Option<f64>,
        rows: Vec<Row>,
    },
    Even {
        side: u32,
        overlap: f64,
        #[serde(default = "one")]
        native: f64,
    },
    Whole {
        longest: Option<u32>,
        #[serde(default)]
        above: u32,
    },
    Tiles {
        side: u32,
        overlap: f64,
        #[serde(default)]
        above: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    pitch: f64,
    count: u32,
    /// Yaw of the first view, in steps of the row.
    #[serde(default)]
    stagger: f64,
    #[serde(default)]
    roll: f64,
    fov: Option<f64>,
}

fn one() -> f64 {
    1.0
}

impl Layout {
    /// The names of the built-in layouts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.into_iter().map(|(name, _)| name)
    }

    /// A built-in layout.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn named(name: &str) -> Result<Self, GeometryError> {
        match BUILT_IN.into_iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(text),
            None => Err(GeometryError::UnknownLayout {
                name: name.to_owned(),
                known: Self::names().collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Reads a layout from TOML.
    ///
    /// # Errors
    /// Text that is no layout, an unknown layout to include, or numbers out of range.
    pub fn parse(text: &str) -> Result<Self, GeometryError> {
        let written: Written = toml::from_str(text)?;
        let mut layout = Self {
            name: written.name,
            tiers: Vec::new(),
        };
        // Only built-in layouts can be included, and these in no circle.
        for name in &written.include {
            layout.tiers.extend(Self::named(name)?.tiers);
        }
        layout.tiers.extend(written.tiers);
        let bad = |what, value| {
            Err(GeometryError::LayoutValue {
                layout: layout.name.clone(),
                what,
                value,
            })
        };
        if layout.tiers.is_empty() || layout.tiers.len() > 1000 {
            return bad("the number of tiers", cast::count_of(layout.tiers.len()));
        }
        for (what, value, range) in layout.tiers.iter().flat_map(Tier::numbers) {
            if !range.contains(&value) {
                return bad(what, value);
            }
        }
        Ok(layout)
    }

    /// The views of a picture by `camera`. Views that see nothing of the picture are left out.
    ///
    /// # Errors
    /// More views than anybody can wait for, as of a hostile picture; they are counted first.
    pub fn views(&self, camera: &Camera) -> Result<Vec<View>, GeometryError> {
        let least: f64 = self.tiers.iter().map(|tier| tier.least(camera)).sum();
        // Not a number counts as too many.
        if least <= MOST_VIEWS {
            return Ok(self
                .tiers
                .iter()
                .flat_map(|tier| tier.views(camera))
                .collect());
        }
        Err(GeometryError::TooManyViews {
            layout: self.name.clone(),
            views: least,
            most: MOST_VIEWS,
        })
    }
}

type Range = std::ops::RangeInclusive<f64>;

impl Tier {
    /// Every number of the tier with the range it must lie in.
    fn numbers(&self) -> Vec<(&'static str, f64, Range)> {
        let side = |side: u32| ("the side of a view in px", f64::from(side), 16.0..=16384.0);
        let share = |overlap: f64| ("the overlap", overlap, 0.0..=0.9);
        match self {
            Self::Rows {
                fov,
                side: given,
                pixels_per_degree,
                rows,
            } => {
                let angle = |fov: f64| ("the field of view in degrees", fov, 1.0..=160.0);
                let mut numbers = vec![
                    angle(*fov),
                    ("the number of rows", cast::count_of(rows.len()), 1.0..=1e3),
                    (
                        "the number of resolutions (side or pixels_per_degree)",
                        f64::from(
                            u8::from(given.is_some()) + u8::from(pixels_per_degree.is_some()),
                        ),
                        1.0..=1.0,
                    ),
                ];
                numbers.extend(given.map(side));
                for row in rows {
                    let fov = row.fov.unwrap_or(*fov);
                    let of = |density: f64| side(side_of(fov, density.to_degrees()));
                    numbers.extend(pixels_per_degree.map(of));
                    numbers.extend([
                        ("the pitch in degrees", row.pitch, -90.0..=90.0),
                        ("the roll in degrees", row.roll, -360.0..=360.0),
                        ("the stagger in steps", row.stagger, -1.0..=1.0),
                        (
                            "the number of views of a row",
                            f64::from(row.count),
                            1.0..=1e3,
                        ),
                    ]);
                    numbers.extend(row.fov.map(angle));
                }
                numbers
            }
            Self::Even {
                side: given,
                overlap,
                native,
            } => vec![
                side(*given),
                share(*overlap),
                ("the share of the picture's resolution", *native, 0.01..=4.0),
            ],
            Self::Whole { longest, .. } => longest.map(side).into_iter().collect(),
            Self::Tiles {
                side: given,
                overlap,
                above: _,
            } => vec![side(*given), share(*overlap)],
        }
    }

    /// How many views there are, but for those that see nothing; of an even tier fewer than there
    /// are, by a share that does not depend on the picture.
    fn least(&self, camera: &Camera) -> f64 {
        let (width, height) = camera.size();
        match self {
            Self::Rows { rows, .. } => rows.iter().map(|row| f64::from(row.count)).sum(),
            Self::Even {
                side,
                overlap,
                native,
            } => SPHERE / (even_fov(camera, *side, *native) * (1.0 - overlap)).powi(2),
            Self::Whole { above, .. } | Self::Tiles { above, .. }
                if width.max(height) <= *above =>
            {
                0.0
            }
            Self::Whole { .. } => 1.0,
            Self::Tiles { side, overlap, .. } => {
                let along = |length| f64::from(gaps(length, *side, *overlap)) + 1.0;
                along(width) * along(height)
            }
        }
    }

    fn views(&self, camera: &Camera) -> Vec<View> {
        let (width, height) = camera.size();
        match self {
            Self::Rows {
                fov,
                side,
                pixels_per_degree,
                rows,
            } => {
                let mut views = Vec::new();
                for row in rows {
                    let fov = row.fov.unwrap_or(*fov);
                    let side = side.unwrap_or_else(|| {
                        side_of(fov, pixels_per_degree.unwrap_or(1.0).to_degrees())
                    });
                    views.extend(row.views(fov, side));
                }
                views.retain(|view| sees(camera, view));
                views
            }
            Self::Even {
                side,
                overlap,
                native,
            } => {
                let fov = even_fov(camera, *side, *native);
                let mut views: Vec<View> = even_rows(fov, *overlap)
                    .iter()
                    .flat_map(|row| row.views(fov, *side))
                    .collect();
                views.retain(|view| sees(camera, view));
                views
            }
            Self::Whole { above, .. } | Self::Tiles { above, .. }
                if width.max(height) <= *above =>
            {
                Vec::new()
            }
            Self::Whole { longest, .. } => {
                let longer = width.max(height);
                let scale = f64::from(longest.unwrap_or(longer).min(longer)) / f64::from(longer);
                let scaled = |size: u32| cast::pixel(f64::from(size) * scale + 0.5).max(1);
                vec![crop(
                    (0, 0),
                    (width, height),
                    (scaled(width), scaled(height)),
                )]
            }
            Self::Tiles { side, overlap, .. } => {
                let [across, down] =
                    [width, height].map(|length| Strip::of(length, *side, *overlap));
                let size = (across.side, down.side);
                let mut views = Vec::new();
                for y in down.starts() {
                    views.extend(across.starts().map(|x| crop((x, y), size, size)));
                }
                views
            }
        }
    }
}

impl Row {
    fn views(&self, fov: f64, side: u32) -> impl Iterator<Item = View> {
        let Self {
            pitch,
            count,
            stagger,
            roll,
            ..
        } = *self;
        let step = 360.0 / f64::from(count);
        (0..count).map(move |index| {
            // a negative yaw left of the middle, so that both halves are exact mirror images
            let yaw = (f64::from(index) + stagger) * step;
            let yaw = if yaw > 180.0 { yaw - 360.0 } else { yaw };
            let (fov_x, fov_y, out_width, out_height) = (fov, fov, side, side);
            View::Perspective {
                yaw,
                pitch,
                roll,
                fov_x,
                fov_y,
                out_width,
                out_height,
            }
        })
    }
}

/// The angle in degrees of a view of an even tier.
fn even_fov(camera: &Camera, side: u32, native: f64) -> f64 {
    // the densest direction decides: the middle of a lens, anywhere in a panorama
    let density = camera.density(Vec3::new(0.0, 0.0, 1.0)) * native;
    (2.0 * (f64::from(side) / 2.0 / density).atan())
        .to_degrees()
        .min(WIDEST)
}

/// The side in px of a view of `fov` degrees with `density` px per radian in its middle.
fn side_of(fov: f64, density: f64) -> u32 {
    cast::pixel(2.0 * density * (fov / 2.0).to_radians().tan() + 0.5).max(1)
}

fn crop((x, y): (u32, u32), size: (u32, u32), (out_width, out_height): (u32, u32)) -> View {
    let [x, y, width, height] = [x, y, size.0, size.1].map(f64::from);
    View::Crop {
        x,
        y,
        width,
        height,
        out_width,
        out_height,
    }
}

/// The rows of square views of `fov` degrees that see every cap as wide as the overlap whole, with the
/// fewest views.
fn even_rows(fov: f64, overlap: f64) -> Vec<Row> {
    let margin = overlap * fov / 2.0 * 1.01;
    let fewest = cast::pixel((180.0 / (fov - 2.0 * margin)).ceil()) + 1;
    let rows_of = |number: u32| -> Option<Vec<Row>> {
        let step = 180.0 / f64::from(number - 1);
        (0..number)
            .map(|index| {
                let pitch = (f64::from(index) * step - 90.0).clamp(-90.0, 90.0);
                let most = cast::pixel(2.0 * 360.0 / (fov - 2.0 * margin)) + 2;
                let count = (1..=most).find(|count| covers(pitch, step, *count, (fov, margin)))?;
                Some(Row {
                    pitch,
                    count,
                    stagger: 0.0,
                    roll: 0.0,
                    fov: None,
                })
            })
            .collect()
    };
    let total = |rows: &Vec<Row>| rows.iter().map(|row| row.count).sum::<u32>();
    // more rows need fewer views each: the best is found within a few
    let candidates = (fewest..).filter_map(rows_of).take(4);
    candidates.min_by_key(total).unwrap_or_default()
}

/// Whether `count` views in a row at `pitch` see whole all caps of radius `margin` around directions of
/// a band `step` high; all angles in degrees.
fn covers(pitch: f64, step: f64, count: u32, (fov, margin): (f64, f64)) -> bool {
    let rotation = Rotation::from_angles(0.0, pitch, 0.0);
    let (sin_half, cos_half) = (fov / 2.0).to_radians().sin_cos();
    let least = margin.to_radians().sin();
    (0..=8).all(|across| {
        (-8..=8).all(|along| {
            let yaw = 180.0 / f64::from(count) * f64::from(across) / 8.0;
            let latitude = (pitch + step / 2.0 * f64::from(along) / 8.0).clamp(-90.0, 90.0);
            let Vec3 { x, y, z } = rotation.undo(Vec3::from_angles(yaw, latitude));
            z * sin_half - x.abs().max(y.abs()) * cos_half >= least
        })
    })
}

/// Whether a view sees anything of the picture, judged by a grid of each.
fn sees(camera: &Camera, view: &View) -> bool {
    const STEPS: u32 = 40;
    let grid = |(width, height): (u32, u32)| {
        let at = |index: u32, size: u32| f64::from(index) / f64::from(STEPS) * f64::from(size);
        (0..=STEPS).flat_map(move |i| (0..=STEPS).map(move |j| (at(i, width), at(j, height))))
    };
    let (width, height) = view.size();
    let inside = |(u, v): (f64, f64)| {
        (0.0..=f64::from(width)).contains(&u) && (0.0..=f64::from(height)).contains(&v)
    };
    grid(view.size()).any(|point| {
        view.to_picture(camera, point)
            .is_some_and(|(x, y)| camera.contains(x, y))
    }) || grid(camera.size()).any(|point| view.to_view(camera, point).is_some_and(inside))
}
