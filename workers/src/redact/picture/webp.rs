//! WebP (RFC 9649): changed pictures are written back without loss, other chunks stay as they are.

use std::io::Cursor;
use std::ops::Range;

use image_webp::{ColorType, WebPDecoder, WebPEncoder};

use super::error::PictureError;
use super::hidden::{HiddenCopy, HiddenKind, SMALL, has_picture};
use super::packet::{self, Packet};
use super::raster::{Pixels, Samples};
use super::thumbnail::{Origin, clean_exif};
use super::{Facts, icc};

/// Bytes of the header of an extended file.
const HEADER: usize = 10;

/// One chunk: its kind, its data, and all of it with its padding.
#[derive(Debug, Clone)]
struct Chunk {
    kind: [u8; 4],
    data: Range<usize>,
    whole: Range<usize>,
}

/// The chunks of the file, and where its RIFF container ends.
fn chunks(bytes: &[u8]) -> Result<(Vec<Chunk>, usize), PictureError> {
    let cut = || PictureError::truncated("a chunk is not complete");
    let size = |at: usize| -> Result<usize, PictureError> {
        let field = bytes.get(at..at + 4).ok_or_else(cut)?;
        Ok(<[u8; 4]>::try_from(field).map_or(0, u32::from_le_bytes) as usize)
    };
    let end = 8 + size(4)?;
    if end > bytes.len() {
        return Err(cut());
    }
    let mut found = Vec::new();
    let mut at = 12;
    while at + 8 <= end {
        let kind = <[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap_or_default();
        let data = at + 8..at + 8 + size(at + 4)?;
        if data.end > end {
            return Err(cut());
        }
        let next = (data.end + data.len() % 2).min(end);
        found.push(Chunk {
            kind,
            data,
            whole: at..next,
        });
        at = next;
    }
    Ok((found, end))
}

fn error(error: &image_webp::DecodingError) -> PictureError {
    PictureError::corrupt(error.to_string())
}

/// Some writers put the name of the JPEG segment before the EXIF block.
fn exif_start(data: &[u8]) -> usize {
    if data.starts_with(b"Exif\0\0") { 6 } else { 0 }
}

pub(crate) fn facts(bytes: &[u8]) -> Result<Facts<'_>, PictureError> {
    let (chunks, _) = chunks(bytes)?;
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|e| error(&e))?;
    if decoder.is_animated() {
        return Err(PictureError::unsupported("an animated WebP"));
    }
    let (width, height) = decoder.dimensions();
    let data = |kind: &[u8; 4]| {
        let chunk = chunks.iter().find(|chunk| &chunk.kind == kind);
        chunk.map(|chunk| &bytes[chunk.data.clone()])
    };
    Ok(Facts {
        width,
        height,
        bits: 8,
        channels: if decoder.has_alpha() { 4 } else { 3 },
        components: 3,
        exif: data(b"EXIF").map(|data| &data[exif_start(data)..]),
        xmp: data(b"XMP "),
    })
}

pub(crate) fn decode(bytes: &[u8], memory: usize) -> Result<Pixels, PictureError> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|e| error(&e))?;
    decoder.set_memory_limit(memory);
    let length = decoder
        .output_buffer_size()
        .ok_or_else(|| PictureError::corrupt("the picture is too large"))?;
    let mut samples = vec![0; length];
    decoder.read_image(&mut samples).map_err(|e| error(&e))?;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    Pixels::new(decoder.dimensions(), channels, Samples::Eight(samples))
}

/// The VP8L chunk of these pixels.
fn encode(pixels: &Pixels) -> Result<Vec<u8>, PictureError> {
    let Samples::Eight(samples) = &pixels.samples else {
        return Err(PictureError::Internal("WebP has eight bits".to_owned()));
    };
    let colour = if pixels.channels == 4 {
        ColorType::Rgba8
    } else {
        ColorType::Rgb8
    };
    let mut file = Vec::new();
    WebPEncoder::new(&mut file)
        .encode(samples, pixels.width, pixels.height, colour)
        .map_err(|error| PictureError::Encode(error.to_string()))?;
    let (new, _) = chunks(&file)?;
    new.iter()
        .find(|chunk| &chunk.kind == b"VP8L")
        .map(|chunk| file[chunk.whole.clone()].to_vec())
        .ok_or_else(|| PictureError::Encode("no image data".to_owned()))
}

/// The file without hidden copies and, where they changed, with new pixels; none where it stays.
pub(crate) fn finish(
    bytes: &[u8],
    changed: Option<&Pixels>,
    origin: &Origin<'_>,
    hidden: &mut Vec<HiddenCopy>,
) -> Result<Option<Vec<u8>>, PictureError> {
    let (old, end) = chunks(bytes)?;
    let fresh = changed.map(encode).transpose()?;
    let mut out = bytes[..12].to_vec();
    for chunk in &old {
        let data = &bytes[chunk.data.clone()];
        match (&chunk.kind, &fresh) {
            (b"VP8 " | b"VP8L", Some(fresh)) => out.extend_from_slice(fresh),
            // Alpha is part of the new image data.
            (b"ALPH", Some(_)) => {}
            (kind, _) => match clean(*kind, data, origin, hidden) {
                None => out.extend_from_slice(&bytes[chunk.whole.clone()]),
                Some(data) if data.is_empty() => {}
                Some(data) => {
                    let length = u32::try_from(data.len())
                        .map_err(|error| PictureError::Internal(error.to_string()))?;
                    out.extend_from_slice(kind);
                    out.extend_from_slice(&length.to_le_bytes());
                    out.extend_from_slice(&data);
                    out.resize(out.len().next_multiple_of(2), 0);
                }
            },
        }
    }
    if end < bytes.len() {
        hidden.push(HiddenCopy::removed(HiddenKind::Trailer, bytes.len() - end));
    }
    let length =
        u32::try_from(out.len() - 8).map_err(|error| PictureError::Internal(error.to_string()))?;
    out[4..8].copy_from_slice(&length.to_le_bytes());
    Ok((out != bytes).then_some(out))
}

/// What becomes of a chunk: none where it stays, empty where it goes.
fn clean(
    kind: [u8; 4],
    data: &[u8],
    origin: &Origin<'_>,
    hidden: &mut Vec<HiddenCopy>,
) -> Option<Vec<u8>> {
    match &kind {
        b"VP8 " | b"VP8L" | b"ALPH" => None,
        // A longer header says nothing that viewers read.
        b"VP8X" if origin.is_changed() && data.len() > HEADER => Some(data[..HEADER].to_vec()),
        b"VP8X" => None,
        b"ICCP" if !origin.is_changed() || icc::is_profile(data) => None,
        b"EXIF" => {
            let mut block = data.to_vec();
            clean_exif(&mut block[exif_start(data)..], origin, hidden);
            (block != data).then_some(block)
        }
        b"XMP " => match packet::clean(data, origin.rules(), false, hidden) {
            Packet::Same => None,
            Packet::Changed(rest) => Some(rest),
            Packet::Gone => Some(Vec::new()),
        },
        _ => (has_picture(data) || (origin.is_changed() && data.len() > SMALL)).then(|| {
            hidden.push(HiddenCopy::removed(HiddenKind::Segment, data.len()));
            Vec::new()
        }),
    }
}
