//! Where a file can carry a copy.

use image::ImageFormat;

use super::Dice;
use base64::Engine as _;

/// A way to put a copy into a plain file.
pub(super) struct Container {
    pub(super) name: &'static str,
    pub(super) format: ImageFormat,
    pub(super) make: fn(&[u8], &[u8], &mut Dice) -> Vec<u8>,
}

macro_rules! containers {
    ($($name:literal $format:ident $make:expr;)*) => {
        [$(Container { name: $name, format: ImageFormat::$format, make: $make }),*]
    };
}

pub(super) const CONTAINERS: [Container; 34] = containers! {
    "a segment of any marker" Jpeg |file, copy, dice| {
        let marker = 0xE3 + u8::try_from(dice.below(12)).unwrap();
        with_segments(file, &[(marker, [b"Vendor\0", copy].concat())])
    };
    "a comment" Jpeg |file, copy, _| with_segments(file, &[(0xFE, copy.to_vec())]);
    "a reserved marker" Jpeg |file, copy, _| with_segments(file, &[(0x42, copy.to_vec())]);
    "parts of one marker" Jpeg |file, copy, dice| {
        let parts = split(copy, dice).into_iter().map(|part| (0xE2, part));
        with_segments(file, &parts.collect::<Vec<_>>())
    };
    "parts of further markers" Jpeg |file, copy, dice| {
        let parts = (0xE3..).zip(split(copy, dice));
        with_segments(file, &parts.collect::<Vec<_>>())
    };
    "named parts" Jpeg |file, copy, dice| {
        let parts = split(copy, dice).into_iter();
        let parts = parts.map(|part| (0xE9, [b"FLIX\0\x01", &part[..]].concat()));
        with_segments(file, &parts.collect::<Vec<_>>())
    };
    "a false profile" Jpeg |file, copy, _| {
        with_segments(file, &[(0xE2, [b"ICC_PROFILE\0\x01\x01", copy].concat())])
    };
    "a false Adobe segment" Jpeg |file, copy, _| {
        with_segments(file, &[(0xEE, [b"Adobe\0\x64\0\0\0\0\x01", copy].concat())])
    };
    "a note of the maker" Jpeg |file, copy, dice| exif_segments(file, &exif(0x927C, 7, copy), dice);
    "a private tag" Jpeg |file, copy, dice| exif_segments(file, &exif(0xC6D2, 7, copy), dice);
    "a comment of the user" Jpeg |file, copy, dice| exif_segments(file, &exif(0x9286, 7, copy), dice);
    "a thumbnail" Jpeg |file, copy, dice| exif_segments(file, &thumbnail(copy, (0x0201, 0x0202)), dice);
    "strips of a thumbnail" Jpeg |file, copy, dice| {
        exif_segments(file, &thumbnail(copy, (0x0111, 0x0117)), dice)
    };
    "bytes that no tag names" Jpeg |file, copy, dice| {
        exif_segments(file, &[&exif(0x010F, 2, b"Maker\0"), copy].concat(), dice)
    };
    "EXIF without a header" Jpeg |file, copy, _| {
        with_segments(file, &[(0xE1, [b"Exif\0\0", copy].concat())])
    };
    "a JFIF thumbnail" Jpeg |file, copy, _| {
        with_segments(file, &[(0xE0, [b"JFIF\0\x01\x02\0\0\x01\0\x01\x40\x40", copy].concat())])
    };
    "a JFXX thumbnail" Jpeg |file, copy, _| {
        with_segments(file, &[(0xE0, [b"JFXX\0\x10", copy].concat())])
    };
    "image resources" Jpeg |file, copy, dice| {
        let number = [0x0409, 0x040C, 0x0411, 0x0FA0, 0x040F][dice.below(5)];
        photoshop_segments(file, &resource(number, copy), dice)
    };
    "a preview of IPTC" Jpeg |file, copy, dice| {
        photoshop_segments(file, &resource(0x0404, &caption(copy)), dice)
    };
    "base64 in XMP" Jpeg |file, copy, _| with_segments(file, &[(0xE1, xmp(copy))]);
    "a false packet" Jpeg |file, copy, _| {
        with_segments(file, &[(0xE1, [b"http://ns.adobe.com/xap/1.0/\0", copy].concat())])
    };
    "further XMP" Jpeg |file, copy, _| {
        with_segments(file, &[(0xE1, [b"http://ns.adobe.com/xmp/extension/\0", copy].concat())])
    };
    "behind the end" Jpeg |file, copy, _| [file, copy].concat();
    "an unknown chunk" Png |file, copy, _| with_chunk(file, *b"prVw", copy);
    "a text" Png |file, copy, _| with_chunk(file, *b"tEXt", &[b"Comment\0", copy].concat());
    "a packed text" Png |file, copy, _| {
        with_chunk(file, *b"zTXt", &[b"Comment\0\0", &super::zlib(copy)[..]].concat())
    };
    "EXIF of PNG" Png |file, copy, _| with_chunk(file, *b"eXIf", &exif(0x927C, 7, copy));
    "a false profile of PNG" Png |file, copy, _| {
        with_chunk(file, *b"iCCP", &[b"x\0\0", &super::zlib(copy)[..]].concat())
    };
    "an unknown chunk of WebP" WebP |file, copy, _| with_riff(file, *b"PREV", copy);
    "EXIF of WebP" WebP |file, copy, _| with_riff(file, *b"EXIF", &exif(0xC6D2, 7, copy));
    "a false packet of WebP" WebP |file, copy, _| with_riff(file, *b"XMP ", copy);
    "a false packet of PNG" Png |file, copy, _| {
        with_chunk(file, *b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", copy].concat())
    };
    "a profile of WebP" WebP |file, copy, _| with_riff(file, *b"ICCP", copy);
    "a private tag of TIFF" Tiff |file, copy, dice| {
        let tag = [0xC6D2, 0x927C, 37_724, 33_723, 34_377, 700, 50_341][dice.below(7)];
        with_tag(file, tag, copy)
    };
};

/// A copy in two segments, in each of the ways that segments follow one another.
pub(super) fn split_at(file: &[u8], copy: &[u8], first: usize) -> Vec<Vec<u8>> {
    let parts = || vec![copy[..first].to_vec(), copy[first..].to_vec()];
    let same = parts().into_iter().map(|part| (0xE2, part));
    let next = (0xE3..).zip(parts());
    let exif_parts = parts_of(&exif(0x927C, 7, copy), 40 + first);
    let exif_parts = exif_parts
        .into_iter()
        .map(|part| (0xE1, [b"Exif\0\0", &part[..]].concat()));
    let list_parts = parts_of(&resource(0x040C, copy), first);
    let list_parts = list_parts
        .into_iter()
        .map(|part| (0xED, [b"Photoshop 3.0\0", &part[..]].concat()));
    vec![
        with_segments(file, &same.collect::<Vec<_>>()),
        with_segments(file, &next.collect::<Vec<_>>()),
        with_segments(file, &exif_parts.collect::<Vec<_>>()),
        with_segments(file, &list_parts.collect::<Vec<_>>()),
    ]
}

fn parts_of(bytes: &[u8], first: usize) -> Vec<Vec<u8>> {
    let (a, b) = bytes.split_at(first.min(bytes.len() - 1));
    vec![a.to_vec(), b.to_vec()]
}

/// Two to four parts, at any places.
fn split(bytes: &[u8], dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    for _ in 0..=dice.below(3) {
        let most = if dice.below(2) == 0 {
            rest.len().min(16)
        } else {
            rest.len()
        };
        let (part, more) = rest.split_at(dice.below(most));
        parts.push(part.to_vec());
        rest = more;
    }
    parts.push(rest.to_vec());
    parts
}

fn with_segments(file: &[u8], segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = file[..2].to_vec();
    for (marker, payload) in segments {
        out.extend([0xFF, *marker]);
        out.extend(u16::try_from(payload.len() + 2).unwrap().to_be_bytes());
        out.extend(payload);
    }
    out.extend(&file[2..]);
    out
}

fn exif_segments(file: &[u8], block: &[u8], dice: &mut Dice) -> Vec<u8> {
    // The directories are in the first, as ExifTool writes it.
    let first = 60 + dice.below(block.len() - 60);
    let parts = parts_of(
        block,
        if dice.below(2) == 0 {
            first
        } else {
            block.len() - 1
        },
    );
    let parts = parts
        .into_iter()
        .map(|part| (0xE1, [b"Exif\0\0", &part[..]].concat()));
    with_segments(file, &parts.collect::<Vec<_>>())
}

fn photoshop_segments(file: &[u8], list: &[u8], dice: &mut Dice) -> Vec<u8> {
    let parts = split(list, dice);
    let parts = parts
        .into_iter()
        .map(|part| (0xED, [b"Photoshop 3.0\0", &part[..]].concat()));
    with_segments(file, &parts.collect::<Vec<_>>())
}

fn entry(tag: u16, kind: u16, count: usize, value: usize) -> Vec<u8> {
    let mut out = tag.to_le_bytes().to_vec();
    out.extend(kind.to_le_bytes());
    out.extend(u32::try_from(count).unwrap().to_le_bytes());
    out.extend(u32::try_from(value).unwrap().to_le_bytes());
    out
}

/// An EXIF block with one value, in the directory of EXIF.
fn exif(tag: u16, kind: u16, value: &[u8]) -> Vec<u8> {
    let mut out = b"II*\0\x08\0\0\0\x01\0".to_vec();
    out.extend(entry(0x8769, 4, 1, 26));
    out.extend([0; 4]);
    out.extend([1, 0]);
    out.extend(entry(tag, kind, value.len(), 44));
    out.extend([0; 4]);
    out.extend(value);
    out.resize(out.len().max(64), 0);
    out
}

/// An EXIF block with a thumbnail that two tags describe.
fn thumbnail(copy: &[u8], tags: (u16, u16)) -> Vec<u8> {
    let mut out = b"II*\0\x08\0\0\0\x01\0".to_vec();
    out.extend(entry(0x0112, 3, 1, 1));
    out.extend(26_u32.to_le_bytes());
    out.extend([2, 0]);
    out.extend(entry(tags.0, 4, 1, 56));
    out.extend(entry(tags.1, 4, 1, copy.len()));
    out.extend([0; 4]);
    out.extend(copy);
    out
}

fn resource(number: u16, data: &[u8]) -> Vec<u8> {
    let mut out = b"8BIM".to_vec();
    out.extend(number.to_be_bytes());
    out.extend([0, 0]);
    out.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    out.extend(data);
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

/// A caption, and the preview in a data set of any length.
fn caption(copy: &[u8]) -> Vec<u8> {
    let mut out = b"\x1C\x02\x78\0\x07caption\x1C\x02\xCA\x80\x04".to_vec();
    out.extend(u32::try_from(copy.len()).unwrap().to_be_bytes());
    out.extend(copy);
    out
}

fn xmp(copy: &[u8]) -> Vec<u8> {
    let digits = base64::engine::general_purpose::STANDARD.encode(copy);
    format!("http://ns.adobe.com/xap/1.0/\0<x><r xmpGImg:image=\"{digits}\"/></x>").into_bytes()
}

fn with_chunk(file: &[u8], kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    super::super::with_chunk(file, kind, data)
}

fn with_riff(file: &[u8], kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let mut out = [file, &kind, &length, data].concat();
    out.resize(out.len().next_multiple_of(2), 0);
    let riff = u32::try_from(out.len() - 8).unwrap();
    out[4..8].copy_from_slice(&riff.to_le_bytes());
    out
}

/// The file with its directory written again behind its end, with one more tag.
fn with_tag(file: &[u8], tag: u16, value: &[u8]) -> Vec<u8> {
    super::super::add_tag(file.to_vec(), tag, 7, value)
}
