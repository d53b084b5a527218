//! Panoramas with known truth: annotated planar pictures, pasted onto the sphere at chosen places.
//!
//! There is no public set of outdoor panoramas with annotated faces and plates. A pasted picture keeps its own
//! resolution, so that what a detector misses in the panorama and finds in the original is lost to the views alone.

use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{Rgb, RgbImage};

use super::super::RedactError;
use super::super::geometry::{Camera, Patch, Shape, View, rasterise};
use super::super::paint::upright;
use super::super::picture::{Editor, PictureLimits};
use super::super::settings::CameraChoice;
use super::dataset::{Annotated, Dataset, Truth};

/// Where pictures are pasted.
#[derive(Debug, Clone)]
pub struct ComposeOptions {
    /// Width of the panoramas in pixels; they are half as high.
    pub width: u32,
    /// Pitches at which every picture is pasted once, in degrees.
    pub pitches: Vec<f64>,
    /// One picture a panorama, its middle on the seam; otherwise as many as fit.
    pub seam_only: bool,
}

/// The panoramas that were made.
#[derive(Debug, Clone, PartialEq)]
pub struct Composed {
    /// The list of them, with what is in them.
    pub dataset: Dataset,
    /// Where the list is.
    pub list: PathBuf,
    /// Where the list of the pictures is that were pasted, at the size they were: what to compare with.
    pub planar: PathBuf,
}

/// Degrees of the widest place. Larger pictures are made smaller.
const WIDEST: f64 = 50.0;

/// Free degrees between pictures.
const GAP: f64 = 6.0;

/// Makes panoramas of `dataset` over `backgrounds` (panoramas, taken in turn) in the folder `out`.
///
/// # Errors
/// A picture cannot be read, or is too large for the panorama; a file cannot be written.
pub fn compose(
    dataset: &Dataset,
    backgrounds: &[PathBuf],
    options: &ComposeOptions,
    out: &Path,
    mut progress: impl FnMut(usize),
) -> Result<Composed, RedactError> {
    fs::create_dir_all(out).map_err(RedactError::io("make the folder", out))?;
    let planar = fitted(dataset, options.width, out)?;
    let mut made = Dataset::default();
    let camera = Camera::equirect(options.width, options.width / 2);
    let mut backgrounds = backgrounds.iter().cycle();
    for &pitch in &options.pitches {
        let mut rest = planar.pictures.as_slice();
        while !rest.is_empty() {
            let mut sphere = background(backgrounds.next(), options.width)?;
            let mut truths = Vec::new();
            // The first of each panorama lies across the seam, the others follow to the right.
            let (mut edge, mut free) = (180.0, 360.0);
            let mut pasted = 0;
            while let Some((first, others)) = rest.split_first() {
                let picture = read(&out.join(&first.file))?;
                let needed = shadow(&place(&picture, options.width, 0.0, pitch), pitch);
                if pasted > 0 && (needed > free || options.seam_only) {
                    break;
                }
                let yaw = if pasted == 0 {
                    edge
                } else {
                    edge + needed / 2.0
                };
                let view = place(&picture, options.width, yaw, pitch);
                paste(&mut sphere, &camera, &picture, &view);
                truths.extend(first.truths.iter().map(|truth| Truth {
                    view: Some(view),
                    ..*truth
                }));
                edge = yaw + needed / 2.0;
                free -= needed;
                pasted += 1;
                rest = others;
            }
            let file = PathBuf::from(format!("pano-{:04}.jpg", made.pictures.len()));
            write(&sphere, &out.join(&file))?;
            made.pictures.push(Annotated {
                file,
                camera: CameraChoice::Equirect,
                truths,
                trip: None,
            });
            progress(made.pictures.len());
        }
    }
    let list = write_list(&made, &out.join("truth.json"))?;
    let planar = write_list(&planar, &out.join("planar.json"))?;
    for picture in &mut made.pictures {
        picture.file = out.join(&picture.file);
    }
    Ok(Composed {
        dataset: made,
        list,
        planar,
    })
}

/// Copies of the pictures, none too large for its place, below `out`.
fn fitted(dataset: &Dataset, panorama: u32, out: &Path) -> Result<Dataset, RedactError> {
    let folder = out.join("planar");
    fs::create_dir_all(&folder).map_err(RedactError::io("make the folder", &folder))?;
    let focal = f64::from(panorama) / TAU;
    let longest = 2.0 * focal * (WIDEST / 2.0).to_radians().tan();
    let mut set = Dataset::default();
    for (number, annotated) in dataset.pictures.iter().enumerate() {
        let mut picture = read(&annotated.file)?;
        let (width, height) = picture.dimensions();
        let scale = (longest / f64::from(width.max(height))).min(1.0);
        if scale < 1.0 {
            let (w, h) = (scaled(width, scale), scaled(height, scale));
            picture = image::imageops::resize(&picture, w, h, FilterType::Triangle);
        }
        let file = PathBuf::from(format!("planar/{number:05}.jpg"));
        write(&picture, &out.join(&file))?;
        let (x, y) = (
            f64::from(picture.width()) / f64::from(width),
            f64::from(picture.height()) / f64::from(height),
        );
        let truths = annotated.truths.iter().map(|truth| {
            let [left, top, right, bottom] = truth.rect;
            Truth {
                rect: [left * x, top * y, right * x, bottom * y],
                ..*truth
            }
        });
        set.pictures.push(Annotated {
            file,
            camera: CameraChoice::Planar,
            truths: truths.collect(),
            trip: annotated.trip.clone(),
        });
    }
    Ok(set)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a picture's side"
)]
fn scaled(side: u32, scale: f64) -> u32 {
    (f64::from(side) * scale).round().max(1.0) as u32
}

fn write_list(set: &Dataset, path: &Path) -> Result<PathBuf, RedactError> {
    let json =
        serde_json::to_vec_pretty(set).map_err(|e| RedactError::io("write", path)(e.into()))?;
    fs::write(path, json).map_err(RedactError::io("write", path))?;
    Ok(path.to_owned())
}

/// The view in which a picture keeps its resolution at this place of a panorama.
fn place(picture: &RgbImage, panorama: u32, yaw: f64, pitch: f64) -> View {
    let focal = f64::from(panorama) / TAU;
    let field = |side: u32| 2.0 * (f64::from(side) / 2.0 / focal).atan().to_degrees();
    let (width, height) = picture.dimensions();
    View::Perspective {
        yaw: (yaw + 180.0).rem_euclid(360.0) - 180.0,
        pitch,
        roll: 0.0,
        fov_x: field(width),
        fov_y: field(height),
        out_width: width,
        out_height: height,
    }
}

/// Degrees of yaw that a view takes at its pitch; all round where it comes near a pole.
fn shadow(view: &View, pitch: f64) -> f64 {
    let (View::Perspective { fov_x, fov_y, .. }, steep) = (view, pitch.abs()) else {
        return 360.0;
    };
    let edge = steep + fov_y / 2.0;
    if edge >= 80.0 {
        return 360.0;
    }
    (fov_x / edge.to_radians().cos() + GAP).min(360.0)
}

fn paste(sphere: &mut RgbImage, camera: &Camera, picture: &RgbImage, view: &View) {
    let (width, height) = picture.dimensions();
    let rect = [0.0, 0.0, f64::from(width), f64::from(height)];
    let mask = rasterise(
        camera,
        &[Patch {
            view: *view,
            rect,
            quad: None,
            shape: Shape::Box,
        }],
    );
    for span in mask.spans() {
        for x in span.x0..span.x1 {
            let centre = (f64::from(x) + 0.5, f64::from(span.y) + 0.5);
            let Some((u, v)) = view.to_view(camera, centre) else {
                continue;
            };
            if u >= 0.0 && v >= 0.0 && u < rect[2] && v < rect[3] {
                sphere.put_pixel(x, span.y, bilinear(picture, u - 0.5, v - 0.5));
            }
        }
    }
}

/// The colour between pixel centres.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the picture and to a byte"
)]
fn bilinear(picture: &RgbImage, x: f64, y: f64) -> Rgb<u8> {
    let (right, bottom) = (picture.width() - 1, picture.height() - 1);
    let (x, y) = (
        x.clamp(0.0, f64::from(right)),
        y.clamp(0.0, f64::from(bottom)),
    );
    let (x0, y0) = (x as u32, y as u32);
    let (fx, fy) = (x - f64::from(x0), y - f64::from(y0));
    let at = |x: u32, y: u32| picture.get_pixel(x.min(right), y.min(bottom)).0;
    let (a, b, c, d) = (
        at(x0, y0),
        at(x0 + 1, y0),
        at(x0, y0 + 1),
        at(x0 + 1, y0 + 1),
    );
    Rgb(std::array::from_fn(|i| {
        let mix = |p: u8, q: u8, t: f64| f64::from(p) * (1.0 - t) + f64::from(q) * t;
        let (top, low) = (mix(a[i], b[i], fx), mix(c[i], d[i], fx));
        (top * (1.0 - fy) + low * fy).round() as u8
    }))
}

/// A background at the size of the panorama; grey where there is none.
fn background(path: Option<&PathBuf>, width: u32) -> Result<RgbImage, RedactError> {
    let Some(path) = path else {
        return Ok(RgbImage::from_pixel(width, width / 2, Rgb([128; 3])));
    };
    let picture = read(path)?;
    Ok(image::imageops::resize(
        &picture,
        width,
        width / 2,
        FilterType::Triangle,
    ))
}

/// A picture, upright.
pub(super) fn read(path: &Path) -> Result<RgbImage, RedactError> {
    let bytes = fs::read(path).map_err(RedactError::io("read", path))?;
    let editor = Editor::open(bytes, &PictureLimits::default())?;
    Ok(upright(editor.rgb()?, editor.header().orientation))
}

/// Writes a JPEG of high quality.
pub(super) fn write(picture: &RgbImage, path: &Path) -> Result<(), RedactError> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 95)
        .encode_image(picture)
        .map_err(|e| RedactError::io("write", path)(std::io::Error::other(e)))?;
    fs::write(path, jpeg).map_err(RedactError::io("write", path))
}
