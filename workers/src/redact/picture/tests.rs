//! What holds for all formats, and the formats whose samples stand side by side.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use super::{Editor, Format, HiddenKind, Limits, Orientation, PictureError, Rect, inspect};

#[test]
fn orientations_are_inverse_to_themselves() {
    let size = (40, 30);
    for value in 0..=9 {
        let orientation = Orientation::from_exif(value);
        let upright = orientation.upright_size(size);
        let (x, y) = orientation.to_upright((3.5, 7.25), size);
        assert!(x < f64::from(upright.0) && y < f64::from(upright.1));
        let (x, y) = orientation.to_stored((x, y), size);
        assert!((x - 3.5).abs() < 1e-9 && (y - 7.25).abs() < 1e-9);
    }
    // A phone held upright: the stored left edge is shown on top, the stored bottom on the left.
    let near = |(x, y): (f64, f64)| x.abs() < 1e-9 && y.abs() < 1e-9;
    assert!(near(Orientation::Rotate90.to_upright((0.0, 30.0), size)));
    assert!(near(Orientation::Rotate270.to_upright((40.0, 0.0), size)));
}

fn pictures() -> Vec<DynamicImage> {
    let rgba = image::RgbaImage::from_fn(37, 29, |x, y| {
        let byte = |v: u32| u8::try_from(v % 256).unwrap();
        image::Rgba([byte(x * 7), byte(y * 9), byte(x * y), byte(255 - x)])
    });
    let rgba = DynamicImage::from(rgba);
    vec![
        DynamicImage::from(rgba.to_luma8()),
        DynamicImage::from(rgba.to_luma_alpha8()),
        DynamicImage::from(rgba.to_rgb8()),
        DynamicImage::from(rgba.to_luma16()),
        DynamicImage::from(rgba.to_rgb16()),
        DynamicImage::from(rgba.to_rgba16()),
        rgba,
    ]
}

fn files() -> Vec<(Format, DynamicImage, Vec<u8>)> {
    let mut files = Vec::new();
    for picture in pictures() {
        for (format, encoder) in [
            (Format::Png, ImageFormat::Png),
            (Format::WebP, ImageFormat::WebP),
            (Format::Tiff, ImageFormat::Tiff),
        ] {
            let mut out = Cursor::new(Vec::new());
            // Not every format has every kind of sample.
            if picture.write_to(&mut out, encoder).is_ok() {
                files.push((format, picture.clone(), out.into_inner()));
            }
        }
    }
    files
}

fn open(bytes: &[u8]) -> Editor {
    Editor::open(bytes.to_vec(), &Limits::default()).unwrap()
}

const SPOT: Rect = Rect {
    x: 10,
    y: 12,
    width: 5,
    height: 4,
};

/// Writes zeros to every second sample of the spot.
fn edit(bytes: &[u8]) -> super::Finished {
    let mut editor = open(bytes);
    let changed: Vec<bool> = (0..SPOT.area()).map(|i| i % 2 == 0).collect();
    for component in 0..editor.components() {
        assert_eq!(editor.step(component), (1, 1));
        let samples = vec![0.0; SPOT.area()];
        editor.write(component, SPOT, &samples, &changed).unwrap();
    }
    editor.finish().unwrap()
}

#[test]
fn only_the_changed_samples_change() {
    let files = files();
    assert!(files.len() > 14);
    for (format, picture, bytes) in files {
        let editor = open(&bytes);
        assert_eq!(editor.header().format, format);
        assert_eq!((editor.header().width, editor.header().height), (37, 29));
        let finished = edit(&bytes);
        assert!(finished.hidden.is_empty());
        let (before, after) = (
            image::load_from_memory(&bytes).unwrap(),
            image::load_from_memory(&finished.bytes).unwrap(),
        );
        assert_eq!(
            before.color(),
            after.color(),
            "{format:?} {:?}",
            picture.color()
        );
        let (before, after) = (before.to_rgba16(), after.to_rgba16());
        for (x, y, pixel) in before.enumerate_pixels() {
            let mut expected = *pixel;
            let inside = (10..15).contains(&x) && (12..16).contains(&y);
            if inside && ((y - 12) * 5 + x - 10) % 2 == 0 {
                expected.0[..3].fill(0);
            }
            assert_eq!(after.get_pixel(x, y), &expected, "{format:?} {x} {y}");
        }
    }
}

#[test]
fn a_no_op_is_the_very_input() {
    for (_, _, bytes) in files() {
        let editor = open(&bytes);
        editor.check().unwrap();
        assert_eq!(editor.rgb().unwrap().dimensions(), (37, 29));
        assert_eq!(editor.finish().unwrap().bytes, bytes);
    }
}

#[test]
fn truncation_and_damage_never_panic() {
    for (format, _, bytes) in files() {
        for part in 0..20 {
            let cut = bytes[..bytes.len() * part / 20].to_vec();
            let opened = Editor::open(cut, &Limits::default());
            // The directory of a TIFF file may come before its end.
            assert!(opened.and_then(|e| e.check()).is_err(), "{format:?} {part}");
        }
        for at in 0..bytes.len().min(600) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x5A;
            let limits = Limits {
                max_pixels: 1 << 20,
                max_memory: 1 << 24,
            };
            if let Ok(editor) = Editor::open(damaged, &limits) {
                let _finished = editor.check().and_then(|()| editor.finish());
            }
        }
    }
}

/// Adds a chunk before the first IDAT.
fn with_chunk(bytes: &[u8], kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let at = bytes.windows(4).position(|w| w == b"IDAT").unwrap() - 4;
    let body = [&kind, data].concat();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    let sum = crc32fast::hash(&body).to_be_bytes();
    [&bytes[..at], &length, &body, &sum, &bytes[at..]].concat()
}

#[test]
fn chunks_of_png_stay_but_for_copies() {
    let (_, _, plain) = files().swap_remove(0);
    let text = with_chunk(&plain, *b"tEXt", b"Comment\0kept");
    let jpeg = [&[0xFF, 0xD8, 0xFF, 0xE0][..], b"a preview somewhere"].concat();
    let mut bytes = with_chunk(&text, *b"prVW", &jpeg);
    let digits = "iVBORw0KGgoAAAANSUhEUgAA".repeat(10);
    let xmp = format!("XML:com.adobe.xmp\0\0\0\0\0<x a=\"{digits}\" b=\"1\"/>");
    bytes = with_chunk(&bytes, *b"iTXt", xmp.as_bytes());
    bytes.extend_from_slice(b"behind the end");
    let finished = open(&bytes).finish().unwrap();
    let kinds: Vec<_> = finished.hidden.iter().map(|h| h.kind).collect();
    assert_eq!(
        kinds,
        [HiddenKind::Segment, HiddenKind::Xmp, HiddenKind::Trailer]
    );
    let rest = b"XML:com.adobe.xmp\0\0\0\0\0<x a=\"\" b=\"1\"/>";
    assert_eq!(finished.bytes, with_chunk(&text, *b"iTXt", rest));
    // Changed pixels leave the text in place.
    let changed = edit(&text).bytes;
    assert!(changed.windows(12).any(|w| w == b"Comment\0kept"));
}

#[test]
fn further_pages_of_tiff_go() {
    let mut out = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut out).unwrap();
    for page in 0..2_u8 {
        let data = vec![page + 100; 64];
        encoder
            .write_image::<tiff::encoder::colortype::Gray8>(8, 8, &data)
            .unwrap();
    }
    let bytes = out.into_inner();
    let finished = open(&bytes).finish().unwrap();
    assert_eq!(finished.hidden[0].kind, HiddenKind::Page);
    assert!(!finished.bytes.windows(8).any(|w| w == [101; 8]));
    let rgb = open(&finished.bytes).rgb().unwrap();
    assert!(rgb.pixels().all(|pixel| pixel.0 == [100; 3]));
    assert!(open(&finished.bytes).finish().unwrap().hidden.is_empty());
}

#[test]
fn other_files_are_no_pictures() {
    assert_eq!(inspect(b"").unwrap_err(), PictureError::NotPicture);
    assert_eq!(inspect(b"GIF89a").unwrap_err(), PictureError::NotPicture);
}
