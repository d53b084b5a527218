//! What holds for all formats, and the formats whose samples stand side by side.

mod alpha;
mod damaged;
mod hidden_copies;
mod names;

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use super::{Editor, Format, HiddenKind, Orientation, PictureError, PictureLimits, Rect, inspect};

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
    Editor::open(bytes.to_vec(), &PictureLimits::default()).unwrap()
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
        let written = if before.color().has_alpha() { 4 } else { 3 };
        let (before, after) = (before.to_rgba16(), after.to_rgba16());
        for (x, y, pixel) in before.enumerate_pixels() {
            let mut expected = *pixel;
            let inside = (10..15).contains(&x) && (12..16).contains(&y);
            if inside && ((y - 12) * 5 + x - 10) % 2 == 0 {
                expected.0[..written].fill(0);
            }
            assert_eq!(after.get_pixel(x, y), &expected, "{format:?} {x} {y}");
        }
    }
}

#[test]
fn a_no_op_is_the_very_input() {
    for (_, _, bytes) in files() {
        let editor = open(&bytes);
        editor.rgb().unwrap();
        assert_eq!(editor.rgb().unwrap().dimensions(), (37, 29));
        assert_eq!(editor.finish().unwrap().bytes, bytes);
    }
}

#[test]
fn truncation_and_damage_never_panic() {
    for (format, _, bytes) in files() {
        for part in 0..20 {
            let cut = bytes[..bytes.len() * part / 20].to_vec();
            let opened = Editor::open(cut, &PictureLimits::default());
            // The directory of a TIFF file may come before its end.
            assert!(opened.and_then(|e| e.rgb()).is_err(), "{format:?} {part}");
        }
        for at in 0..bytes.len().min(600) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x5A;
            let limits = PictureLimits {
                max_pixels: 1 << 20,
                max_memory: 1 << 24,
            };
            if let Ok(editor) = Editor::open(damaged, &limits) {
                let _finished = editor.rgb().and_then(|_| editor.finish());
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

/// A small TIFF with one more tag, of bytes: the directory is written anew behind its end.
fn with_tag(tag: u16, kind: u16, value: &[u8]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    tiff::encoder::TiffEncoder::new(&mut out)
        .unwrap()
        .write_image::<tiff::encoder::colortype::Gray8>(8, 8, &[100; 64])
        .unwrap();
    add_tag(out.into_inner(), tag, kind, value)
}

/// A TIFF with one more tag: the directory is written anew behind its end.
fn add_tag(mut bytes: Vec<u8>, tag: u16, kind: u16, value: &[u8]) -> Vec<u8> {
    let u32_at = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    };
    let at = u32_at(&bytes, 4);
    let count = usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let mut entries = bytes[at + 2..at + 2 + 12 * count].to_vec();
    let value_at = u32::try_from(bytes.len()).unwrap();
    bytes.extend_from_slice(value);
    entries.extend(tag.to_le_bytes());
    entries.extend(kind.to_le_bytes());
    let size = if kind == 4 { 4 } else { 1 };
    entries.extend(u32::try_from(value.len() / size).unwrap().to_le_bytes());
    if value.len() > 4 {
        entries.extend(value_at.to_le_bytes());
    } else {
        entries.extend([value, &[0; 4][value.len()..]].concat());
    }
    let directory = u32::try_from(bytes.len()).unwrap();
    bytes.extend(u16::try_from(count + 1).unwrap().to_le_bytes());
    bytes.extend(entries);
    bytes.extend([0; 4]);
    bytes[4..8].copy_from_slice(&directory.to_le_bytes());
    bytes
}

#[test]
fn layers_and_thumbnails_of_photoshop_go_from_tiff() {
    let layers = with_tag(
        37724,
        7,
        b"Adobe Photoshop Document Data Block\0 and layers",
    );
    let finished = open(&layers).finish().unwrap();
    assert_eq!(finished.hidden.len(), 1);
    assert_eq!(finished.hidden[0].kind, HiddenKind::Photoshop);
    assert!(!finished.bytes.windows(6).any(|w| w == b"layers"));

    let thumbnail = b"8BIM\x04\x0C\0\0\0\0\0\x06hidden";
    let other = b"8BIM\x03\xED\0\0\0\0\0\x04keep";
    let resources = with_tag(34377, 1, &[&thumbnail[..], other].concat());
    let finished = open(&resources).finish().unwrap();
    assert_eq!(finished.hidden[0].kind, HiddenKind::Photoshop);
    assert!(!finished.bytes.windows(6).any(|w| w == b"hidden"));
    assert!(finished.bytes.windows(16).any(|w| w == other));
    let again = open(&finished.bytes).finish().unwrap();
    assert!(again.hidden.is_empty());
    let harmless = with_tag(34377, 1, other);
    assert_eq!(open(&harmless).finish().unwrap().bytes, harmless);
}

#[test]
fn raw_pictures_and_previews_are_refused() {
    for bytes in [
        with_tag(50706, 1, &[1, 4, 0, 0]),
        with_tag(254, 4, &[1, 0, 0, 0]),
    ] {
        let error = inspect(&bytes).unwrap_err();
        assert!(matches!(error, PictureError::Unsupported(_)), "{error}");
    }
    assert!(inspect(&with_tag(254, 4, &[2, 0, 0, 0])).is_ok());
}

#[test]
fn many_previews_in_one_tag_are_soon_taken_out() {
    let preview = [0xFF, 0xD8, 0xFF, 0xDB, 0, 2, 0xFF, 0xD9];
    let bytes = with_tag(0x927C, 7, &preview.repeat(200_000));
    let finished = open(&bytes).finish().unwrap();
    assert_eq!(finished.hidden[0].kind, HiddenKind::MakerNote);
    assert!(!finished.bytes.windows(8).any(|w| w == preview));
}

#[test]
fn unknown_chunks_go_once_something_is_changed() {
    let (_, _, plain) = files().swap_remove(0);
    let own = with_chunk(&plain, *b"prVt", &[7; 300]);
    let known = with_chunk(&own, *b"sPLT", &[8; 300]);
    let bytes = with_chunk(&known, *b"vpAg", &[9; 9]);
    assert_eq!(open(&bytes).finish().unwrap().bytes, bytes);
    let finished = edit(&bytes);
    assert_eq!(finished.hidden.len(), 1);
    assert_eq!(finished.hidden[0].kind, HiddenKind::Segment);
    let has = |kind: &[u8; 4]| finished.bytes.windows(4).any(|w| w == kind);
    assert!(!has(b"prVt") && has(b"sPLT") && has(b"vpAg"));

    let all = files();
    let (_, _, webp) = all.iter().find(|f| f.0 == Format::WebP).unwrap();
    let mut webp = [webp, &b"OWN \x50\0\0\0"[..], &[7; 80]].concat();
    let length = u32::try_from(webp.len() - 8).unwrap();
    webp[4..8].copy_from_slice(&length.to_le_bytes());
    assert_eq!(open(&webp).finish().unwrap().bytes, webp);
    assert_eq!(edit(&webp).hidden[0].kind, HiddenKind::Segment);
}

#[test]
fn exif_that_no_camera_writes_leaves_its_orientation() {
    let mut block = b"MM\0*\0\0\0\x08".to_vec();
    block.extend(5000_u16.to_be_bytes());
    block.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]);
    for _ in 1..5000 {
        block.extend([0x92, 0x7C, 0, 7, 0, 0, 0, 8, 0, 0, 0, 8]);
    }
    block.extend([0; 4]);
    let (_, _, plain) = files().swap_remove(0);
    let finished = open(&with_chunk(&plain, *b"eXIf", &block))
        .finish()
        .unwrap();
    assert_eq!(finished.hidden[0].kind, HiddenKind::MakerNote);
    let header = inspect(&finished.bytes).unwrap();
    assert_eq!(header.orientation, Orientation::Rotate90);
    assert!(!finished.bytes.windows(2).any(|w| w == [0x92, 0x7C]));
    assert!(open(&finished.bytes).finish().unwrap().hidden.is_empty());
}

#[test]
fn other_files_are_no_pictures() {
    assert_eq!(inspect(b"").unwrap_err(), PictureError::NotPicture);
    assert_eq!(inspect(b"GIF89a").unwrap_err(), PictureError::NotPicture);
}
