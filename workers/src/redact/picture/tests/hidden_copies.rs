//! No copy of a picture is left in its file, wherever it was and in whatever form: files with copies
//! are made by a seeded generator, redacted, and searched for the copy by its content.

mod containers;
mod search;

use image::{DynamicImage, ImageFormat, RgbImage, imageops};
use std::io::{Cursor, Write};

use super::super::{Editor, PictureLimits, Rect};
use containers::{CONTAINERS, Container};
use search::Search;

/// Side of the picture.
const SIDE: u32 = 64;

/// Numbers by a seed (`SplitMix64`).
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }
}

/// Whether a cell of the picture is bright.
fn is_bright(column: u32, row: u32) -> bool {
    (0xB5A3_96E1_4D2F_781C_u64 >> (row * 8 + column)) & 1 == 1
}

/// Cells of 8 pixels, bright or dark, with noise on them: what survives scaling, and what no other
/// bytes have.
fn original() -> RgbImage {
    let mut dice = Dice(1);
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let base = if is_bright(x / 8, y / 8) { 190 } else { 50 };
        image::Rgb([0; 3].map(|_: u8| base + u8::try_from(dice.below(31)).unwrap()))
    })
}

/// How a copy is made of the picture.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Whole,
    Half,
    Cropped,
    Mirrored,
    UpsideDown,
}

/// How a copy is spelled in bytes.
#[derive(Debug, Clone, Copy)]
enum Form {
    Grey,
    Rgb,
    Zlib,
    Jpeg,
    SpoiltJpeg,
}

const SHAPES: [Shape; 5] = [
    Shape::Whole,
    Shape::Half,
    Shape::Cropped,
    Shape::Mirrored,
    Shape::UpsideDown,
];
const FORMS: [Form; 5] = [
    Form::Grey,
    Form::Rgb,
    Form::Zlib,
    Form::Jpeg,
    Form::SpoiltJpeg,
];

fn shaped(shape: Shape) -> RgbImage {
    let picture = original();
    match shape {
        Shape::Whole => picture,
        Shape::Half => imageops::thumbnail(&picture, SIDE / 2, SIDE / 2),
        Shape::Cropped => imageops::crop_imm(&picture, 8, 16, 40, 40).to_image(),
        Shape::Mirrored => imageops::flip_horizontal(&picture),
        Shape::UpsideDown => imageops::flip_vertical(&picture),
    }
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut out = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 90)
        .encode_image(picture)
        .unwrap();
    out
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn copy(shape: Shape, form: Form) -> Vec<u8> {
    let picture = shaped(shape);
    match form {
        Form::Grey => DynamicImage::from(picture).into_luma8().into_raw(),
        Form::Rgb => picture.into_raw(),
        Form::Zlib => zlib(&picture.into_raw()),
        Form::Jpeg => jpeg(&picture),
        Form::SpoiltJpeg => {
            let mut bytes = jpeg(&picture);
            bytes[0] = 0x41;
            bytes
        }
    }
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    original().write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// The file with nothing of the picture left in its samples.
fn redacted(file: &[u8]) -> Vec<u8> {
    let mut editor = Editor::open(file.to_vec(), &PictureLimits::default()).unwrap();
    for component in 0..editor.components() {
        let (width, height) = editor.size(component);
        let rect = Rect {
            x: 0,
            y: 0,
            width,
            height,
        };
        let area = rect.area();
        editor
            .write(component, rect, &vec![90.0; area], &vec![true; area])
            .unwrap();
    }
    editor.finish().unwrap().bytes
}

/// Every case: a container, a shape, a form, and a seed for where it is split.
fn cases() -> Vec<(&'static Container, Shape, Form, u64)> {
    let mut cases = Vec::new();
    let mut seed = 0;
    for container in &CONTAINERS {
        for shape in SHAPES {
            for form in FORMS {
                seed += 1;
                cases.push((container, shape, form, seed));
            }
        }
    }
    cases
}

#[test]
fn no_copy_is_left_in_any_container() {
    let search = Search::new();
    let mut looked = 0;
    for (container, shape, form, seed) in cases() {
        let case = format!("{} {shape:?} {form:?} {seed}", container.name);
        let plain = encoded(container.format);
        let file = (container.make)(&plain, &copy(shape, form), &mut Dice(seed));
        // Nothing is proved by a search that does not find the copy where it is.
        assert!(
            search.finds_hidden(&file, &plain),
            "{case}: not in the input"
        );
        let output = redacted(&file);
        if let Some(how) = search.find(&output) {
            panic!("{case}: {how}");
        }
        looked += 1;
    }
    assert!(looked > 500, "{looked}");
}

#[test]
fn every_place_of_a_split_is_searched() {
    let search = Search::new();
    let plain = encoded(ImageFormat::Jpeg);
    for form in [Form::Jpeg, Form::Rgb] {
        let copy = copy(Shape::Half, form);
        for first in (1..40).chain((40..copy.len()).step_by(97)) {
            for file in containers::split_at(&plain, &copy, first) {
                if let Some(how) = search.find(&redacted(&file)) {
                    panic!("{form:?} split at {first}: {how}");
                }
            }
        }
    }
}

/// With the rule for changed pictures off, which is so where nothing was changed, data of unknown kind
/// stays; the search must say so.
#[test]
fn the_search_fails_where_a_rule_is_off() {
    let search = Search::new();
    let mut left = 0;
    for (container, shape, form, seed) in cases() {
        let plain = encoded(container.format);
        let file = (container.make)(&plain, &copy(shape, form), &mut Dice(seed));
        let editor = Editor::open(file, &PictureLimits::default()).unwrap();
        let unchanged = editor.finish().unwrap().bytes;
        left += usize::from(search.finds_hidden(&unchanged, &plain));
    }
    assert!(left > 100, "{left}");
}
