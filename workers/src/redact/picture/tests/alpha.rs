//! Pictures that are visible through their alpha alone.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Luma, LumaA, Rgba};

use super::super::{Editor, Look};
use super::open;
use crate::redact::Fill;
use crate::redact::blur::{Target, blur};
use crate::redact::geometry::{Mask, Span};
use rushes_models::Class;

/// A picture of one colour, with a pattern of fine stripes in its alpha.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let alpha = |x: u32, y: u32| u8::try_from((x * 37 + y * 91) % 256).unwrap();
    let colour = image::RgbaImage::from_fn(80, 60, |x, y| Rgba([0, 0, 0, alpha(x, y)]));
    let grey = image::GrayAlphaImage::from_fn(80, 60, |x, y| LumaA([0, alpha(x, y)]));
    let wide = image::ImageBuffer::from_fn(80, 60, |x, y| {
        Rgba([0_u16, 0, 0, u16::from(alpha(x, y)) << 8])
    });
    let mut files = Vec::new();
    for (name, picture, format) in [
        ("png", DynamicImage::from(colour.clone()), ImageFormat::Png),
        ("grey png", DynamicImage::from(grey), ImageFormat::Png),
        ("wide png", DynamicImage::from(wide), ImageFormat::Png),
        (
            "webp",
            DynamicImage::from(colour.clone()),
            ImageFormat::WebP,
        ),
        ("tiff", DynamicImage::from(colour), ImageFormat::Tiff),
    ] {
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, format).unwrap();
        files.push((name, out.into_inner()));
    }
    // A palette of one colour, with an opacity for each entry.
    let mut palette = Vec::new();
    let mut encoder = png::Encoder::new(&mut palette, 80, 60);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(vec![0_u8; 768]);
    encoder.set_trns((0..=255_u8).collect::<Vec<_>>());
    let mut writer = encoder.write_header().unwrap();
    let indices: Vec<u8> = (0..60)
        .flat_map(|y| (0..80).map(move |x| alpha(x, y)))
        .collect();
    writer.write_image_data(&indices).unwrap();
    writer.finish().unwrap();
    files.push(("palette", palette));
    files
}

/// The sum of the steps between neighbours in a square of the picture.
fn steps(editor: &Editor, look: Look) -> u32 {
    let picture = editor.look(look).unwrap();
    let mut sum = 0;
    for y in 10..40 {
        for x in 20..50 {
            let at = |x| picture.get_pixel(x, y).0[0];
            sum += u32::from(at(x).abs_diff(at(x + 1)));
        }
    }
    sum
}

#[test]
fn what_alpha_shows_is_looked_at_and_hidden() {
    for (name, bytes) in files() {
        let mut editor = open(&bytes);
        assert_eq!(editor.looks().unwrap(), Look::ALL, "{name}");
        // The colours show nothing, each other look does.
        assert_eq!(steps(&editor, Look::Colours), 0, "{name}");
        assert!(steps(&editor, Look::OverWhite) > 20_000, "{name}");
        assert!(steps(&editor, Look::Alpha) > 20_000, "{name}");

        let mask = Mask::from_spans(
            (8..44)
                .map(|y| Span { y, x0: 16, x1: 54 })
                .collect::<Vec<_>>(),
        );
        let target = Target {
            class: Class::Face,
            mask: &mask,
            locate: &|x, y| Some((x / 80.0, y / 60.0)),
            aspect: 1.0,
        };
        blur(&mut editor, &target, Fill::Blur).unwrap();
        let after = open(&editor.finish().unwrap().bytes);
        for look in [Look::Colours, Look::OverWhite, Look::OverBlack, Look::Alpha] {
            assert!(steps(&after, look) < 4000, "{name} {look:?}");
        }
        // Outside, what is seen is the same.
        let (before, after) = (open(&bytes), after);
        let look = |editor: &Editor| editor.look(Look::OverWhite).unwrap();
        let (before, after) = (look(&before), look(&after));
        for (x, y, pixel) in before.enumerate_pixels() {
            if !((16..54).contains(&x) && (8..44).contains(&y)) {
                assert_eq!(pixel, after.get_pixel(x, y), "{name} {x} {y}");
            }
        }
    }
}

#[test]
fn a_picture_that_is_opaque_is_looked_at_once() {
    let opaque = image::RgbaImage::from_pixel(20, 20, Rgba([1, 2, 3, 255]));
    for picture in [
        DynamicImage::from(opaque),
        DynamicImage::from(image::GrayImage::from_pixel(20, 20, Luma([9]))),
    ] {
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, ImageFormat::Png).unwrap();
        let editor = open(&out.into_inner());
        assert_eq!(editor.looks().unwrap(), [Look::Colours]);
    }
}
