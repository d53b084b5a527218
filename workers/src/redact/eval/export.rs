//! The views of annotated pictures with their labels: what a detector of planar pictures is trained on.

use std::fs;
use std::path::{Path, PathBuf};

use rushes_models::Class;
use serde_json::json;

use super::super::RedactError;
use super::super::geometry::{Camera, Layout, Pyramid, Rect, View};
use super::super::paint::upright;
use super::super::picture::{Editor, PictureLimits};
use super::compose::write;
use super::dataset::{Dataset, Truth};

/// A label of which less than this is inside a view is left out of it.
const INSIDE: f64 = 0.5;

/// Points along each side of a box when it is carried over: a straight side may bend.
const POINTS: u32 = 8;

/// Writes every view of every picture as a JPEG, and their labels as COCO in `labels.json`. Returns the number of
/// views.
///
/// # Errors
/// A picture cannot be read; a file cannot be written.
pub fn export_views(
    dataset: &Dataset,
    layout: &Layout,
    out: &Path,
    mut progress: impl FnMut(usize),
) -> Result<usize, RedactError> {
    fs::create_dir_all(out).map_err(RedactError::io("make the folder", out))?;
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for (number, annotated) in dataset.pictures.iter().enumerate() {
        let bytes = fs::read(&annotated.file).map_err(RedactError::io("read", &annotated.file))?;
        let editor = Editor::open(bytes, &PictureLimits::default())?;
        let camera = annotated.camera.taken(editor.header())?.camera;
        let picture = upright(editor.rgb()?, editor.header().orientation);
        let pyramid = Pyramid::new(&picture);
        for view in layout.views(&camera)? {
            let id = images.len();
            let file = PathBuf::from(format!("{number:05}-{id:06}.jpg"));
            write(&pyramid.render(&camera, &view), &out.join(&file))?;
            let (width, height) = view.size();
            images.push(json!({
                "id": id, "file_name": file, "width": width, "height": height,
                "source": annotated.file, "view": view,
            }));
            for truth in &annotated.truths {
                if let Some([x0, y0, x1, y1]) = label(&camera, truth, &view) {
                    annotations.push(json!({
                        "id": annotations.len(), "image_id": id, "category_id": category(truth.class),
                        "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0,
                    }));
                }
            }
        }
        progress(number + 1);
    }
    let categories: Vec<_> = Class::ALL
        .into_iter()
        .map(|class| json!({"id": category(class), "name": class.as_str()}))
        .collect();
    let path = out.join("labels.json");
    let count = images.len();
    let coco = json!({"images": images, "annotations": annotations, "categories": categories});
    fs::write(&path, coco.to_string()).map_err(RedactError::io("write", &path))?;
    Ok(count)
}

const fn category(class: Class) -> u32 {
    match class {
        Class::Face => 1,
        Class::Plate => 2,
    }
}

/// The box of a truth in a view, cut at its edges; none if too little of it is inside.
fn label(camera: &Camera, truth: &Truth, view: &View) -> Option<Rect> {
    let (from, [x0, y0, x1, y1]) = truth.place(camera);
    let along = (0..=POINTS).map(|i| f64::from(i) / f64::from(POINTS));
    let outline = along.flat_map(|t| {
        let (x, y) = (x0 + t * (x1 - x0), y0 + t * (y1 - y0));
        [(x, y0), (x, y1), (x0, y), (x1, y)]
    });
    let mut rect = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
    for point in outline {
        // A truth partly behind the view has no box in it.
        let (u, v) = view.to_view(camera, from.to_picture(camera, point)?)?;
        rect = [
            rect[0].min(u),
            rect[1].min(v),
            rect[2].max(u),
            rect[3].max(v),
        ];
    }
    let (width, height) = view.size();
    let (width, height) = (f64::from(width), f64::from(height));
    let cut = [
        rect[0].max(0.0),
        rect[1].max(0.0),
        rect[2].min(width),
        rect[3].min(height),
    ];
    let area = |r: Rect| (r[2] - r[0]).max(0.0) * (r[3] - r[1]).max(0.0);
    (area(cut) >= INSIDE * area(rect) && area(cut) > 0.0).then_some(cut)
}
