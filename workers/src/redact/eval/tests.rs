use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use rushes_models::Class;

use super::super::geometry::{Camera, Layout, Patch, Shape, rasterise};
use super::super::settings::CameraChoice;
use super::compose::{ComposeOptions, compose, read};
use super::dataset::{Annotated, Dataset, Truth};
use super::export::export_views;

/// A black picture with a white rectangle, which is what is annotated.
fn annotated(folder: &Path, name: &str) -> Annotated {
    let mut picture = RgbImage::new(160, 120);
    for y in 40..70 {
        for x in 50..110 {
            picture.put_pixel(x, y, Rgb([255; 3]));
        }
    }
    let file = folder.join(name);
    picture.save(&file).unwrap();
    Annotated {
        file,
        camera: CameraChoice::Planar,
        truths: vec![Truth {
            class: Class::Plate,
            rect: [50.0, 40.0, 110.0, 70.0],
            view: None,
        }],
        trip: None,
    }
}

#[test]
fn pasted_regions_are_where_the_list_says() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = (0..3)
        .map(|i| annotated(folder.path(), &format!("{i}.png")))
        .collect();
    let options = ComposeOptions {
        width: 1200,
        pitches: vec![-88.0, 0.0, 50.0],
        seam_only: false,
    };
    let out = folder.path().join("out");
    let made = compose(&Dataset { pictures }, &[], &options, &out, |_| ()).unwrap();
    let truths = made.dataset.pictures.iter().map(|p| p.truths.len());
    assert_eq!(
        truths.sum::<usize>(),
        9,
        "every picture once at every pitch"
    );
    let read_back = Dataset::read(&made.list, Class::Face).unwrap();
    assert_eq!(read_back.pictures.len(), made.dataset.pictures.len());
    let camera = Camera::equirect(1200, 600);
    for panorama in &made.dataset.pictures {
        let picture = read(&panorama.file).unwrap();
        let white = |x: u32, y: u32| picture.get_pixel(x, y).0[0] > 190;
        let masks: Vec<_> = panorama
            .truths
            .iter()
            .map(|truth| {
                let (view, rect) = truth.place(&camera);
                rasterise(
                    &camera,
                    &[Patch {
                        view,
                        rect,
                        quad: None,
                        shape: Shape::Box,
                    }],
                )
            })
            .collect();
        for mask in &masks {
            let pixels = mask
                .spans()
                .flat_map(|s| (s.x0..s.x1).map(move |x| (x, s.y)));
            let inside = pixels.filter(|&(x, y)| white(x, y)).count() as u64;
            assert!(
                inside * 100 >= mask.area() * 85,
                "{inside} of {}",
                mask.area()
            );
        }
        let stray = picture
            .enumerate_pixels()
            .filter(|&(x, y, _)| white(x, y) && !masks.iter().any(|m| m.contains(x, y)))
            .count();
        assert_eq!(stray, 0, "nothing white lies outside");
    }
}

#[test]
fn exported_labels_lie_on_what_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = vec![annotated(folder.path(), "a.png")];
    let options = ComposeOptions {
        width: 1200,
        pitches: vec![30.0],
        seam_only: true,
    };
    let made = compose(
        &Dataset { pictures },
        &[],
        &options,
        &folder.path().join("p"),
        |_| (),
    )
    .unwrap();
    let out = folder.path().join("views");
    let layout = Layout::named("sphere-22").unwrap();
    assert_eq!(
        export_views(&made.dataset, &layout, &out, |_| ()).unwrap(),
        22
    );
    let coco: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("labels.json")).unwrap()).unwrap();
    let labels = coco["annotations"].as_array().unwrap();
    assert!(
        labels.len() >= 2,
        "views overlap, so more than one shows it: {labels:?}"
    );
    for label in labels {
        let id = usize::try_from(label["image_id"].as_u64().unwrap()).unwrap();
        let file = coco["images"][id]["file_name"].as_str().unwrap();
        let view = read(&out.join(file)).unwrap();
        let [x, y, w, h]: [f64; 4] = serde_json::from_value(label["bbox"].clone()).unwrap();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "inside the view"
        )]
        let middle = view.get_pixel((x + w / 2.0) as u32, (y + h / 2.0) as u32);
        assert!(middle.0[0] > 190, "{label}");
    }
    // What was exported is a dataset again.
    assert_eq!(
        Dataset::read(&out.join("labels.json"), Class::Face)
            .unwrap()
            .pictures
            .len(),
        22
    );
}
