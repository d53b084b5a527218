//! One entry for each parser of picture files, for tests with damaged files and for `fuzz/`.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};

use super::rules::Rules;
use super::thumbnail::{Origin, clean_exif};
use super::{Editor, Format, PictureLimits, Rect, exif};

/// A parser of files from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parser {
    /// EXIF blocks, with what is in them.
    Exif,
    /// JPEG files.
    Jpeg,
    /// PNG files.
    Png,
    /// WebP files.
    WebP,
    /// TIFF files.
    Tiff,
}

impl Parser {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Exif, Self::Jpeg, Self::Png, Self::WebP, Self::Tiff];

    /// The name of its fuzz target.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exif => "exif",
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Tiff => "tiff",
        }
    }

    const fn format(self) -> Option<Format> {
        match self {
            Self::Exif => None,
            Self::Jpeg => Some(Format::Jpeg),
            Self::Png => Some(Format::Png),
            Self::WebP => Some(Format::WebP),
            Self::Tiff => Some(Format::Tiff),
        }
    }

    /// Parses bytes, changes the picture that they are, if any, and writes it; says whether that was possible.
    #[must_use]
    pub fn run(self, bytes: &[u8]) -> bool {
        match self.format() {
            None => run_exif(bytes),
            // The others have entries of their own.
            Some(format) if Format::of(bytes) != Some(format) => false,
            Some(_) => [true, false].map(|change| rewrite(bytes, change)) == [true, true],
        }
    }

    /// Small valid files, to begin from.
    #[must_use]
    pub fn seeds(self) -> Vec<Vec<u8>> {
        let block = block();
        match self {
            Self::Exif => vec![block.clone(), [&block[..], b"behind"].concat()],
            Self::Jpeg => vec![
                segments(&encoded(ImageFormat::Jpeg, false), &block),
                encoded(ImageFormat::Jpeg, false),
            ],
            Self::Png => vec![
                encoded(ImageFormat::Png, false),
                encoded(ImageFormat::Png, true),
                chunks(&encoded(ImageFormat::Png, true), &block),
            ],
            Self::WebP => vec![
                encoded(ImageFormat::WebP, false),
                encoded(ImageFormat::WebP, true),
                riff(&encoded(ImageFormat::WebP, false), &block),
            ],
            Self::Tiff => vec![
                encoded(ImageFormat::Tiff, false),
                encoded(ImageFormat::Tiff, true),
            ],
        }
    }
}

fn run_exif(bytes: &[u8]) -> bool {
    let decode = || Ok(RgbImage::new(16, 12));
    for changed in [true, false] {
        let rules = Rules {
            changed,
            forget_names: changed,
            names: vec!["Jane".to_owned()],
        };
        let mut block = bytes.to_vec();
        clean_exif(&mut block, &Origin::new(rules, &decode), &mut Vec::new());
    }
    exif::orientation(bytes).is_some()
}

fn rewrite(bytes: &[u8], change: bool) -> bool {
    let limits = PictureLimits {
        max_pixels: 1 << 16,
        max_memory: 1 << 22,
    };
    let Ok(mut editor) = Editor::open(bytes.to_vec(), &limits) else {
        return false;
    };
    if editor.rgb().is_err() {
        return false;
    }
    if change {
        editor.forget_names();
        let spot = Rect {
            x: 0,
            y: 0,
            width: 1,
            height: 1,
        };
        if editor.write(0, spot, &[0.0], &[true]).is_err() {
            return false;
        }
    }
    editor.finish().is_ok()
}

/// A small picture with detail.
fn encoded(format: ImageFormat, alpha: bool) -> Vec<u8> {
    let picture = RgbaImage::from_fn(24, 17, |x, y| {
        let byte = |v: u32| v.to_le_bytes()[0];
        image::Rgba([byte(x * 9), byte(y * 11), byte(x * y), byte(255 - x)])
    });
    let picture = DynamicImage::from(picture);
    let picture = if alpha {
        picture
    } else {
        picture.into_rgb8().into()
    };
    let mut out = Cursor::new(Vec::new());
    // An encoder that fails leaves a seed that no parser takes, which a test would notice.
    picture
        .write_to(&mut out, format)
        .map_or_else(|_| Vec::new(), |()| out.into_inner())
}

/// An EXIF block: orientation, a caption, a note of the maker, and a thumbnail.
fn block() -> Vec<u8> {
    let thumbnail = encoded(ImageFormat::Jpeg, false);
    let note = b"FUJIFILM\x0C\0\0\0\x01\0\x00\x10\x02\0\x08\0\0\0\x1A\0\0\0\0\0\0\0NORMAL \0";
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(0);
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [
            &tag.to_le_bytes()[..],
            &kind.to_le_bytes(),
            &count.to_le_bytes(),
            &value.to_le_bytes(),
        ]
        .concat()
    };
    // Directories at 8 (three entries), 50 (one) and 68 (two); then caption, note and thumbnail.
    let caption = b"A caption of this picture\0";
    let note_at = 98 + length(caption);
    let mut out = b"II*\0\x08\0\0\0\x03\0".to_vec();
    out.extend(entry(0x010E, 2, length(caption), 98));
    out.extend(entry(0x0112, 3, 1, 6));
    out.extend(entry(0x8769, 4, 1, 50));
    out.extend(68_u32.to_le_bytes());
    out.extend([1, 0]);
    out.extend(entry(0x927C, 7, length(note), note_at));
    out.extend([0; 4]);
    out.extend([2, 0]);
    out.extend(entry(0x0201, 4, 1, note_at + length(note)));
    out.extend(entry(0x0202, 4, 1, length(&thumbnail)));
    out.extend([0; 4]);
    out.extend(caption);
    out.extend(note);
    out.extend(thumbnail);
    out
}

const PACKET: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><r:Description xmlns:r='urn:r' xmlns:mwg-rs=\
'http://www.metadataworkinggroup.com/schemas/regions/' mwg-rs:Name=\"Jane\"><r:t>text</r:t></r:Description></x:xmpmeta>";

/// A JPEG with a segment of each kind that has a parser.
fn segments(jpeg: &[u8], block: &[u8]) -> Vec<u8> {
    let caption = b"8BIM\x04\x04\0\0\0\0\0\x0C\x1C\x02\x78\0\x07caption\x1C\x02\x05\0\0\0";
    let parts: [(u8, &[u8], &[u8]); 6] = [
        (0xE1, b"Exif\0\0", block),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0", PACKET),
        (0xE2, b"ICC_PROFILE\0\x01\x01", &[0; 140]),
        (0xE3, b"Vendor\0", &[7; 90]),
        (0xED, b"Photoshop 3.0\0", caption),
        (0xFE, b"A comment", b""),
    ];
    let mut out = jpeg.get(..2).unwrap_or_default().to_vec();
    for (marker, name, data) in parts {
        let length = u16::try_from(name.len() + data.len() + 2).unwrap_or(2);
        out.extend([0xFF, marker]);
        out.extend(length.to_be_bytes());
        out.extend([name, data].concat());
    }
    out.extend(jpeg.get(2..).unwrap_or_default());
    out
}

/// A PNG with a chunk of each kind that has a parser, behind its header.
fn chunks(png: &[u8], block: &[u8]) -> Vec<u8> {
    let text = [b"XML:com.adobe.xmp\0\0\0\0\0", PACKET].concat();
    let parts: [(&[u8; 4], &[u8]); 4] = [
        (b"eXIf", block),
        (b"iTXt", &text),
        (b"tEXt", b"Comment\0a text"),
        (b"prVt", &[7; 90]),
    ];
    let mut out = png.get(..33).unwrap_or_default().to_vec();
    for (kind, data) in parts {
        let body = [&kind[..], data].concat();
        out.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
        out.extend(&body);
        out.extend(crc32fast::hash(&body).to_be_bytes());
    }
    out.extend(png.get(33..).unwrap_or_default());
    out
}

/// A WebP with a chunk of each kind that has a parser.
fn riff(webp: &[u8], block: &[u8]) -> Vec<u8> {
    let mut out = webp.to_vec();
    for (kind, data) in [(b"EXIF", block), (b"XMP ", PACKET), (b"PREV", &[7; 90])] {
        out.extend(kind);
        out.extend(u32::try_from(data.len()).unwrap_or(0).to_le_bytes());
        out.extend(data);
        out.resize(out.len().next_multiple_of(2), 0);
    }
    let length = u32::try_from(out.len().saturating_sub(8)).unwrap_or(0);
    if let Some(place) = out.get_mut(4..8) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    out
}
