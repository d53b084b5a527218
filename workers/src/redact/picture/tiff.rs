//! TIFF 6.0: the first page is written anew in deflated strips, with its other tags as they are.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};

use super::allowed::{self, CAPTION, ICC, IMAGE_RESOURCES, MAKER_NOTE, Value, XMP};
use super::error::PictureError;
use super::exif::{Directory, Entry, Tiff, size_of_kind};
use super::hidden::{HiddenCopy, HiddenKind, SMALL, find_jpeg, has_picture, jpeg_length};
use super::packet::{self, Packet};
use super::raster::{Pixels, Samples};
use super::rules::Rules;
use super::{Facts, iptc, photoshop};

const NEW_SUBFILE_TYPE: u16 = 254;
const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const STRIP_OFFSETS: u16 = 273;
const SAMPLES: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const STRIP_COUNTS: u16 = 279;
const PLANAR: u16 = 284;
const SUB_IFDS: u16 = 330;
/// The layers of Photoshop.
const IMAGE_SOURCE: u16 = 37724;
const DNG_VERSION: u16 = 50706;
/// Directories of EXIF, GPS and interoperability.
const NESTED: [u16; 3] = [0x8769, 0x8825, 0xA005];
/// Tags that tell how the old image data was stored: fill order, predictor, tiles, fax options,
/// JPEG tables and streams, free space, and YCbCr.
const STORAGE: [u16; 24] = [
    BITS,
    COMPRESSION,
    PHOTOMETRIC,
    STRIP_OFFSETS,
    ROWS_PER_STRIP,
    STRIP_COUNTS,
    PLANAR,
    SUB_IFDS,
    266,
    288,
    289,
    292,
    293,
    317,
    322,
    323,
    324,
    325,
    347,
    512,
    513,
    514,
    529,
    530,
];
/// Rows of a strip of about this many bytes.
const STRIP_BYTES: usize = 1 << 18;

fn corrupt() -> PictureError {
    PictureError::corrupt("the directory of the picture")
}

fn error(error: &tiff::TiffError) -> PictureError {
    match error {
        tiff::TiffError::UnsupportedError(what) => PictureError::unsupported(what.to_string()),
        tiff::TiffError::FormatError(_)
        | tiff::TiffError::IoError(_)
        | tiff::TiffError::LimitsExceeded
        | tiff::TiffError::IntSizeError
        | tiff::TiffError::UsageError(_) => PictureError::corrupt(error.to_string()),
    }
}

/// The structure of a file and the directory of its first page.
fn first_page(bytes: &[u8]) -> Result<(Tiff<'_>, Directory), PictureError> {
    let tiff = Tiff::new(bytes).ok_or_else(|| PictureError::unsupported("BigTIFF"))?;
    let at = tiff.first().ok_or_else(corrupt)?;
    let page = tiff.directory(at).ok_or_else(corrupt)?;
    Ok((tiff, page))
}

pub(crate) fn facts(bytes: &[u8]) -> Result<Facts<'_>, PictureError> {
    let (tiff, page) = first_page(bytes)?;
    let number = |tag| page.find(tag).and_then(|entry| tiff.number(entry, 0));
    // Their picture is raw data in another directory, which would be taken for a further page.
    if page.find(DNG_VERSION).is_some() {
        return Err(PictureError::unsupported("DNG"));
    }
    if number(NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 1 != 0) {
        return Err(PictureError::unsupported(
            "TIFF whose first page is a preview of another",
        ));
    }
    let width = number(WIDTH).ok_or_else(corrupt)?;
    let height = number(HEIGHT).ok_or_else(corrupt)?;
    if width == 0 || height == 0 {
        return Err(corrupt());
    }
    let small = |value: Option<u32>| u8::try_from(value.unwrap_or(1)).unwrap_or(u8::MAX);
    let channels = small(number(SAMPLES));
    if channels > 1 && number(PLANAR) == Some(2) {
        return Err(PictureError::unsupported("TIFF in separate planes"));
    }
    Ok(Facts {
        width,
        height,
        bits: small(number(BITS)),
        channels,
        components: if channels < 3 { 1 } else { 3 },
        exif: Some(bytes),
        xmp: page
            .find(XMP)
            .and_then(|entry| bytes.get(entry.at..entry.at + entry.length)),
    })
}

pub(crate) fn decode(bytes: &[u8], memory: usize) -> Result<Pixels, PictureError> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = memory;
    limits.intermediate_buffer_size = memory;
    let mut decoder = Decoder::new(Cursor::new(bytes))
        .map_err(|e| error(&e))?
        .with_limits(limits);
    let size = decoder.dimensions().map_err(|e| error(&e))?;
    let colour = decoder.colortype().map_err(|e| error(&e))?;
    let channels = match colour {
        ColorType::Gray(8 | 16) => 1,
        ColorType::GrayA(8 | 16) => 2,
        ColorType::RGB(8 | 16) => 3,
        ColorType::RGBA(8 | 16) => 4,
        ColorType::Gray(_)
        | ColorType::RGB(_)
        | ColorType::Palette(_)
        | ColorType::GrayA(_)
        | ColorType::RGBA(_)
        | ColorType::CMYK(_)
        | ColorType::CMYKA(_)
        | ColorType::YCbCr(_)
        | ColorType::Lab(_)
        | ColorType::Multiband { .. }
        | _ => {
            return Err(PictureError::unsupported(format!(
                "TIFF of colour {colour:?}"
            )));
        }
    };
    let samples = match decoder.read_image().map_err(|e| error(&e))? {
        DecodingResult::U8(values) => Samples::Eight(values),
        DecodingResult::U16(values) => Samples::Sixteen(values),
        DecodingResult::U32(_)
        | DecodingResult::U64(_)
        | DecodingResult::F16(_)
        | DecodingResult::F32(_)
        | DecodingResult::F64(_)
        | DecodingResult::I8(_)
        | DecodingResult::I16(_)
        | DecodingResult::I32(_)
        | DecodingResult::I64(_) => {
            return Err(PictureError::unsupported(
                "TIFF of signed or floating-point samples",
            ));
        }
    };
    Pixels::new(size, channels, samples)
}

/// One entry to write.
struct Field {
    tag: u16,
    kind: u16,
    count: u32,
    value: Vec<u8>,
}

/// Writes a file in the byte order of the old one.
struct Writer {
    out: Vec<u8>,
    big_endian: bool,
}

impl Writer {
    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn shorts(&self, tag: u16, values: &[u16]) -> Field {
        Field {
            tag,
            kind: 3,
            count: u32::try_from(values.len()).unwrap_or(0),
            value: values.iter().flat_map(|&v| self.u16(v)).collect(),
        }
    }

    fn longs(&self, tag: u16, values: &[u32]) -> Field {
        Field {
            tag,
            kind: 4,
            count: u32::try_from(values.len()).unwrap_or(0),
            value: values.iter().flat_map(|&v| self.u32(v)).collect(),
        }
    }

    /// The place of the next byte, on a word boundary.
    fn here(&mut self) -> Result<u32, PictureError> {
        self.out.resize(self.out.len().next_multiple_of(2), 0);
        u32::try_from(self.out.len())
            .map_err(|_too_long| PictureError::unsupported("TIFF of more than 4 GiB"))
    }

    /// Writes a directory behind its values, and tells where it stands.
    fn directory(&mut self, mut fields: Vec<Field>) -> Result<u32, PictureError> {
        fields.sort_by_key(|field| field.tag);
        fields.dedup_by_key(|field| field.tag);
        let mut entries = Vec::new();
        for field in &fields {
            entries.extend(self.u16(field.tag));
            entries.extend(self.u16(field.kind));
            entries.extend(self.u32(field.count));
            if field.value.len() <= 4 {
                let mut value = field.value.clone();
                value.resize(4, 0);
                entries.extend(value);
            } else {
                let at = self.here()?;
                self.out.extend_from_slice(&field.value);
                entries.extend(self.u32(at));
            }
        }
        let at = self.here()?;
        let count = u16::try_from(fields.len())
            .map_err(|error| PictureError::Internal(error.to_string()))?;
        let count = self.u16(count);
        self.out.extend(count);
        self.out.extend(entries);
        self.out.extend([0; 4]);
        Ok(at)
    }

    /// Copies the entries of a directory, nested ones first, without pictures in their values.
    fn copy(
        &mut self,
        source: &Source<'_>,
        directory: &Directory,
        depth: u8,
        hidden: &mut Vec<HiddenCopy>,
    ) -> Result<Vec<Field>, PictureError> {
        let mut fields = Vec::new();
        let lasting = |tag| !STORAGE.contains(&tag);
        for entry in directory.entries.iter().filter(|e| lasting(e.tag)) {
            let mut count = entry.count;
            if NESTED.contains(&entry.tag) {
                let tiff = &source.tiff;
                let nested = tiff.number(entry, 0).and_then(|at| tiff.directory(at));
                let Some(nested) = nested.filter(|_| depth < 3) else {
                    continue;
                };
                let inner = self.copy(source, &nested, depth + 1, hidden)?;
                let at = self.directory(inner)?;
                fields.push(self.longs(entry.tag, &[at]));
                continue;
            }
            let value = source.value(entry, hidden);
            // XMP, image resources and captions become shorter; they are bytes by any kind, and are
            // filled up where that counts otherwise.
            let size = size_of_kind(entry.kind);
            let Some(mut value) = value.filter(|value| !value.is_empty()) else {
                continue;
            };
            if value.len() != entry.length && size > 0 {
                value.resize(value.len().next_multiple_of(size), 0);
                count = u32::try_from(value.len() / size).unwrap_or(0);
            }
            fields.push(Field {
                tag: entry.tag,
                kind: entry.kind,
                count,
                value,
            });
        }
        Ok(fields)
    }
}

/// The old file.
struct Source<'a> {
    tiff: Tiff<'a>,
    bytes: &'a [u8],
    rules: &'a Rules,
}

impl Source<'_> {
    /// What stays of a value; none where nothing does.
    fn value(&self, entry: &Entry, hidden: &mut Vec<HiddenCopy>) -> Option<Vec<u8>> {
        let range = entry.at..entry.at + entry.length;
        let mut value = self.bytes[range.clone()].to_vec();
        let found = clean(entry.tag, &mut value, self.rules, hidden);
        if let Some(kind) = found {
            hidden.push(HiddenCopy::removed(kind, entry.length));
        }
        if !self.rules.changed || value.is_empty() {
            return Some(value);
        }
        if entry.tag == MAKER_NOTE {
            let mut kept = vec![0; value.len()];
            // Beside the pictures that are out already.
            for part in allowed::note(self.bytes, &range, self.rules, hidden) {
                let part = part.start.max(range.start)..part.end.min(range.end);
                if !part.is_empty() {
                    let part = part.start - range.start..part.end - range.start;
                    kept[part.clone()].copy_from_slice(&value[part]);
                }
            }
            let lost = kept.iter().zip(&value).filter(|(a, b)| a != b).count();
            if lost > SMALL {
                hidden.push(HiddenCopy::removed(HiddenKind::MakerNote, lost));
            }
            return Some(kept);
        }
        if matches!(entry.tag, XMP | IMAGE_RESOURCES) {
            return Some(value);
        }
        match allowed::judge(entry, &value, self.rules, hidden) {
            Value::Same => Some(value),
            Value::Changed(rest) => Some(rest),
            Value::Gone => None,
        }
    }
}

/// Takes pictures out of the value of a tag: empty where all of it goes. Tells what was found, where
/// nothing has told of it.
fn clean(
    tag: u16,
    value: &mut Vec<u8>,
    rules: &Rules,
    hidden: &mut Vec<HiddenCopy>,
) -> Option<HiddenKind> {
    match tag {
        ICC => None,
        XMP => {
            match packet::clean(value, rules, false, hidden) {
                Packet::Same => {}
                Packet::Changed(rest) => *value = rest,
                Packet::Gone => value.clear(),
            }
            None
        }
        MAKER_NOTE => {
            let mut found = None;
            let mut from = 0;
            while let Some(at) = find_jpeg(value, from) {
                let end = jpeg_length(&value[at..]).map_or(value.len(), |length| at + length);
                value[at..end].fill(0);
                from = end;
                found = Some(HiddenKind::MakerNote);
            }
            found
        }
        IMAGE_RESOURCES => {
            match photoshop::clean(value, rules) {
                Some(cleaned) if cleaned.hidden.is_empty() => return None,
                Some(cleaned) => {
                    *value = cleaned.bytes;
                    hidden.extend(cleaned.hidden);
                    return None;
                }
                None if has_picture(value) || (rules.changed && value.len() > SMALL) => {
                    value.clear();
                }
                None => return None,
            }
            Some(HiddenKind::Photoshop)
        }
        CAPTION => {
            let (rest, removed, named) = iptc::clean(value, rules.changed, &rules.names)?;
            if removed + named > 0 {
                *value = rest;
            }
            for (kind, bytes) in [
                (HiddenKind::Segment, removed),
                (HiddenKind::PersonName, named),
            ] {
                if bytes > 0 {
                    hidden.push(HiddenCopy::removed(kind, bytes));
                }
            }
            None
        }
        // Layers are compressed as no format of pictures is.
        IMAGE_SOURCE => {
            value.clear();
            Some(HiddenKind::Photoshop)
        }
        _ if has_picture(value) => {
            value.clear();
            Some(HiddenKind::Segment)
        }
        _ => None,
    }
}

/// The file without hidden copies and, where they changed, with new pixels; none where it stays.
pub(crate) fn finish(
    bytes: &[u8],
    changed: Option<&Pixels>,
    decode: impl FnOnce() -> Result<Pixels, PictureError>,
    rules: &Rules,
    hidden: &mut Vec<HiddenCopy>,
) -> Result<Option<Vec<u8>>, PictureError> {
    let (tiff, page) = first_page(bytes)?;
    let mut writer = Writer {
        out: bytes[..4].to_vec(),
        big_endian: tiff.big_endian,
    };
    writer.out.extend([0; 4]);
    let source = Source { tiff, bytes, rules };
    let mut fields = writer.copy(&source, &page, 0, hidden)?;
    let mut pages = page.find(SUB_IFDS).map_or(0, |entry| entry.count);
    pages += u32::from(page.next != 0);
    for _ in 0..pages.min(16) {
        hidden.push(HiddenCopy::removed(HiddenKind::Page, 0));
    }
    if changed.is_none() && hidden.is_empty() {
        return Ok(None);
    }
    let owned;
    let pixels = match changed {
        Some(pixels) => pixels,
        None => {
            owned = decode()?;
            &owned
        }
    };
    fields.extend(image_data(&mut writer, pixels)?);
    let at = writer.directory(fields)?;
    let at = writer.u32(at);
    writer.out[4..8].copy_from_slice(&at);
    Ok(Some(writer.out))
}

/// Writes the strips, and tells of them.
fn image_data(writer: &mut Writer, pixels: &Pixels) -> Result<Vec<Field>, PictureError> {
    let failed = |error: std::io::Error| PictureError::Encode(error.to_string());
    let row = pixels.width as usize * pixels.channels;
    let (bits, raw): (u16, Vec<u8>) = match &pixels.samples {
        Samples::Eight(values) => (8, values.clone()),
        Samples::Sixteen(values) => (16, values.iter().flat_map(|&v| writer.u16(v)).collect()),
    };
    let row_bytes = row * usize::from(bits / 8);
    let rows = (STRIP_BYTES / row_bytes).clamp(1, pixels.height as usize);
    let mut offsets = Vec::new();
    let mut counts = Vec::new();
    for strip in raw.chunks(rows * row_bytes) {
        let at = writer.here()?;
        let mut encoder = ZlibEncoder::new(std::mem::take(&mut writer.out), Compression::default());
        encoder.write_all(strip).map_err(failed)?;
        writer.out = encoder.finish().map_err(failed)?;
        offsets.push(at);
        let end = u32::try_from(writer.out.len())
            .map_err(|_too_long| PictureError::unsupported("TIFF of more than 4 GiB"))?;
        counts.push(end - at);
    }
    let rows = u32::try_from(rows).unwrap_or(pixels.height);
    Ok(vec![
        writer.shorts(BITS, &vec![bits; pixels.channels]),
        // Deflate, as of the Adobe Photoshop TIFF notes.
        writer.shorts(COMPRESSION, &[8]),
        // Black is zero, or RGB.
        writer.shorts(PHOTOMETRIC, &[if pixels.channels < 3 { 1 } else { 2 }]),
        writer.longs(STRIP_OFFSETS, &offsets),
        writer.longs(ROWS_PER_STRIP, &[rows]),
        writer.longs(STRIP_COUNTS, &counts),
        writer.shorts(PLANAR, &[1]),
    ])
}
