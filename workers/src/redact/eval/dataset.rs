//! Annotated pictures: COCO, a folder of plain text files, or our own list for panoramas.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rushes_models::Class;
use serde::{Deserialize, Serialize};

use super::super::RedactError;
use super::super::geometry::{Camera, Rect, View};
use super::super::settings::CameraChoice;

/// A set of annotated pictures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// In the order of their files.
    pub pictures: Vec<Annotated>,
}

/// One picture and what is truly in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotated {
    /// Where it is; relative to the list that names it when stored.
    pub file: PathBuf,
    /// How it was taken.
    #[serde(default)]
    pub camera: CameraChoice,
    /// What is in it.
    pub truths: Vec<Truth>,
    /// The trip it is of: pictures of one trip resemble each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trip: Option<String>,
}

/// One true region.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// What it is.
    pub class: Class,
    /// Left, top, right, bottom: in pixels of the view, or of the upright picture where there is no view.
    pub rect: Rect,
    /// The view in which it is a rectangle, in a panorama.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<View>,
}

#[derive(Deserialize)]
struct Coco {
    images: Vec<CocoImage>,
    annotations: Vec<CocoAnnotation>,
    categories: Vec<CocoCategory>,
}

#[derive(Deserialize)]
struct CocoImage {
    id: u64,
    file_name: PathBuf,
}

#[derive(Deserialize)]
struct CocoAnnotation {
    image_id: u64,
    category_id: u64,
    bbox: [f64; 4],
}

#[derive(Deserialize)]
struct CocoCategory {
    id: u64,
    name: String,
}

impl Dataset {
    /// Reads a dataset: a COCO file or our own list (JSON), with pictures beside it, or a folder of text files with
    /// one `file x y width height …` a line, all of the class `plain`.
    ///
    /// # Errors
    /// It cannot be read, is none of these, or names no picture.
    pub fn read(path: &Path, plain: Class) -> Result<Self, RedactError> {
        let is_folder = fs::metadata(path)
            .map_err(RedactError::io("read", path))?
            .is_dir();
        let set = if is_folder {
            text_folder(path, plain)?
        } else {
            json(path)?
        };
        if set.pictures.is_empty() {
            return Err(RedactError::Settings(format!(
                "{} names no picture",
                path.display()
            )));
        }
        Ok(set)
    }
}

fn json(path: &Path) -> Result<Dataset, RedactError> {
    let text = fs::read_to_string(path).map_err(RedactError::io("read", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut set = match serde_json::from_str::<Dataset>(&text) {
        Ok(own) => own,
        Err(error) => coco(&text).map_err(|coco| {
            RedactError::Settings(format!(
                "{} is neither COCO ({coco}) nor a list of pictures ({error})",
                path.display()
            ))
        })?,
    };
    for picture in &mut set.pictures {
        picture.file = folder.join(&picture.file);
    }
    Ok(set)
}

fn coco(text: &str) -> Result<Dataset, String> {
    let coco: Coco = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let classes: BTreeMap<u64, Class> = coco
        .categories
        .iter()
        .filter_map(|category| Some((category.id, class_of(&category.name)?)))
        .collect();
    if classes.is_empty() {
        return Err("no category is a face or a plate".to_owned());
    }
    let mut pictures: BTreeMap<u64, Annotated> = coco
        .images
        .into_iter()
        .map(|image| (image.id, Annotated::planar(image.file_name)))
        .collect();
    for annotation in coco.annotations {
        let Some(&class) = classes.get(&annotation.category_id) else {
            continue;
        };
        let picture = pictures.get_mut(&annotation.image_id).ok_or_else(|| {
            format!(
                "an annotation is of image {}, which is not listed",
                annotation.image_id
            )
        })?;
        picture.truths.push(Truth::of_box(class, annotation.bbox));
    }
    Ok(Dataset {
        pictures: pictures.into_values().collect(),
    })
}

/// The class that a category's name means.
fn class_of(name: &str) -> Option<Class> {
    let name = name.to_lowercase();
    if name.contains("face") {
        Some(Class::Face)
    } else if name.contains("plate") {
        Some(Class::Plate)
    } else {
        None
    }
}

fn text_folder(folder: &Path, class: Class) -> Result<Dataset, RedactError> {
    let failed = RedactError::io("list", folder);
    let entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failed)?;
    let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    let mut pictures: BTreeMap<PathBuf, Annotated> = BTreeMap::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(RedactError::io("read", &path))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (file, rect) = text_line(line).ok_or_else(|| {
                RedactError::Settings(format!(
                    "{}: {line:?} is not `file x y width height`",
                    path.display()
                ))
            })?;
            let file = folder.join(file);
            pictures
                .entry(file.clone())
                .or_insert_with(|| Annotated::planar(file))
                .truths
                .push(Truth::of_box(class, rect));
        }
    }
    Ok(Dataset {
        pictures: pictures.into_values().collect(),
    })
}

fn text_line(line: &str) -> Option<(&str, [f64; 4])> {
    // A name may hold spaces where fields are divided by tabs.
    let fields: Vec<&str> = if line.contains('\t') {
        line.split('\t').collect()
    } else {
        line.split_whitespace().collect()
    };
    let number = |at: usize| fields.get(at)?.trim().parse::<f64>().ok();
    Some((
        fields.first()?,
        [number(1)?, number(2)?, number(3)?, number(4)?],
    ))
}

impl Annotated {
    fn planar(file: PathBuf) -> Self {
        Self {
            file,
            camera: CameraChoice::Planar,
            truths: Vec::new(),
            trip: None,
        }
    }
}

impl Truth {
    /// A truth of a planar picture from left, top, width, height.
    fn of_box(class: Class, [x, y, width, height]: [f64; 4]) -> Self {
        Self {
            class,
            rect: [x, y, x + width, y + height],
            view: None,
        }
    }

    /// The view and the box in it, for a picture by `camera`.
    pub(super) fn place(&self, camera: &Camera) -> (View, Rect) {
        let (width, height) = camera.size();
        let whole = View::Crop {
            x: 0.0,
            y: 0.0,
            width: f64::from(width),
            height: f64::from(height),
            out_width: width,
            out_height: height,
        };
        (self.view.unwrap_or(whole), self.rect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coco_and_text_give_the_same_boxes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.txt"), "a.jpg\t10\t20\t30\t40\tABC 123\n").unwrap();
        fs::write(
            at("set.json"),
            r#"{"images": [{"id": 7, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "license_plate"}, {"id": 2, "name": "dog"}],
                "annotations": [{"image_id": 7, "category_id": 1, "bbox": [10, 20, 30, 40]}, {"image_id": 7, "category_id": 2, "bbox": [1, 1, 1, 1]}]}"#,
        )
        .unwrap();
        let text = Dataset::read(folder.path(), Class::Plate).unwrap();
        let coco = Dataset::read(&at("set.json"), Class::Face).unwrap();
        assert_eq!(text, coco);
        let [left, top, right, bottom] = coco.pictures[0].truths[0].rect;
        assert!((left + top - 30.0).abs() < 1e-9 && (right + bottom - 100.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_dataset_says_what_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        fs::write(&path, "{}").unwrap();
        assert!(
            Dataset::read(&path, Class::Face)
                .unwrap_err()
                .to_string()
                .contains("COCO")
        );
        fs::write(folder.path().join("b.txt"), "b.jpg 1 2 three 4").unwrap();
        let error = Dataset::read(folder.path(), Class::Face)
            .unwrap_err()
            .to_string();
        assert!(error.contains("b.txt"), "{error}");
    }
}
