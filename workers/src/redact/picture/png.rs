//! PNG (W3C, third edition): the image data is written anew, other chunks stay as they are.

use std::io::{Cursor, Read};
use std::ops::Range;

use flate2::read::ZlibDecoder;
use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};

use super::error::PictureError;
use super::hidden::{HiddenCopy, HiddenKind, SMALL, has_picture};
use super::packet::{self, Packet};
use super::raster::{Pixels, Samples};
use super::rules::Rules;
use super::text::is_text;
use super::thumbnail::{Origin, clean_exif};
use super::{Facts, icc, xmp};

const SIGNATURE: usize = 8;
const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp\0";
/// Bytes a compressed text may have when it is looked into; a longer one is taken out.
const MAX_TEXT: u64 = 64 << 20;

/// Bytes of the longest chunk of a known kind that is not looked into.
const LONGEST_KNOWN: usize = 4096;

/// One chunk.
#[derive(Debug, Clone)]
struct Chunk {
    kind: [u8; 4],
    /// Length, kind, data and checksum.
    whole: Range<usize>,
    data: Range<usize>,
}

/// The chunks up to IEND, and where that ends.
fn chunks(bytes: &[u8]) -> Result<(Vec<Chunk>, usize), PictureError> {
    let mut found = Vec::new();
    let mut at = SIGNATURE;
    loop {
        let head = bytes
            .get(at..at + 8)
            .ok_or_else(|| PictureError::truncated("it ends between two chunks"))?;
        let (length, kind) = head.split_at(4);
        let length = <[u8; 4]>::try_from(length).map_or(0, u32::from_be_bytes) as usize;
        let kind = <[u8; 4]>::try_from(kind).unwrap_or_default();
        let data = at + 8..at + 8 + length;
        let whole = at..data.end + 4;
        let sum = bytes
            .get(data.end..whole.end)
            .ok_or_else(|| PictureError::truncated("a chunk is not complete"))?;
        if sum != crc32fast::hash(&bytes[at + 4..data.end]).to_be_bytes() {
            return Err(PictureError::corrupt("the checksum of a chunk is wrong"));
        }
        at = whole.end;
        found.push(Chunk { kind, whole, data });
        if &kind == b"IEND" {
            return Ok((found, at));
        }
    }
}

pub(crate) fn facts(bytes: &[u8]) -> Result<Facts<'_>, PictureError> {
    let (chunks, _) = chunks(bytes)?;
    let first = chunks.first().filter(|chunk| &chunk.kind == b"IHDR");
    let header = first
        .and_then(|chunk| <[u8; 13]>::try_from(&bytes[chunk.data.clone()]).ok())
        .ok_or_else(|| PictureError::corrupt("the file has no header"))?;
    let [w0, w1, w2, w3, h0, h1, h2, h3, bits, colour, ..] = header;
    if chunks.iter().any(|chunk| &chunk.kind == b"acTL") {
        return Err(PictureError::unsupported("an animated PNG"));
    }
    let (channels, components) = match colour {
        0 => (1, 1),
        2 => (3, 3),
        3 => (1, 3),
        4 => (2, 1),
        6 => (4, 3),
        _ => return Err(PictureError::corrupt("an impossible colour type")),
    };
    let (width, height) = (
        u32::from_be_bytes([w0, w1, w2, w3]),
        u32::from_be_bytes([h0, h1, h2, h3]),
    );
    // DEFLATE makes at most 1032 bytes of one.
    let coded: usize = chunks
        .iter()
        .filter(|chunk| &chunk.kind == b"IDAT")
        .map(|chunk| chunk.data.len())
        .sum();
    let raw = u64::from(width) * u64::from(height) * u64::from(bits) * u64::from(channels) / 8;
    if raw > coded as u64 * 1032 {
        return Err(PictureError::truncated(
            "it has fewer bytes than its size needs",
        ));
    }
    let data = |kind: &[u8; 4]| {
        let chunk = chunks.iter().find(|chunk| &chunk.kind == kind);
        chunk.map(|chunk| &bytes[chunk.data.clone()])
    };
    let packet = chunks
        .iter()
        .filter(|chunk| &chunk.kind == b"iTXt")
        .find_map(|chunk| plain_xmp(&bytes[chunk.data.clone()]));
    Ok(Facts {
        width,
        height,
        bits,
        channels,
        components,
        exif: data(b"eXIf"),
        xmp: packet.map(|(_, packet)| packet),
    })
}

/// The head of an uncompressed iTXt chunk of XMP, and its packet.
fn plain_xmp(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (compressed, head) = itxt_head(data)?;
    (data.starts_with(XMP_KEYWORD) && !compressed).then(|| data.split_at(head))
}

/// Whether an iTXt chunk is compressed, and where its text begins: after keyword, two flags,
/// language and translated keyword.
fn itxt_head(data: &[u8]) -> Option<(bool, usize)> {
    let zero = |from: usize| Some(from + data.get(from..)?.iter().position(|&b| b == 0)?);
    let keyword = zero(0)?;
    let compressed = *data.get(keyword + 1)? != 0;
    let language = zero(keyword + 3)?;
    Some((compressed, zero(language + 1)? + 1))
}

pub(crate) fn decode(bytes: &[u8], memory: usize) -> Result<Pixels, PictureError> {
    let error = |error: png::DecodingError| PictureError::corrupt(error.to_string());
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: memory });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(error)?;
    let length = reader
        .output_buffer_size()
        .ok_or_else(|| PictureError::corrupt("the picture is too large"))?;
    let mut samples = vec![0; length];
    let frame = reader.next_frame(&mut samples).map_err(error)?;
    samples.truncate(frame.buffer_size());
    let channels = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(PictureError::Internal("a palette stayed".to_owned())),
    };
    let samples = match frame.bit_depth {
        BitDepth::Sixteen => {
            let (pairs, _) = samples.as_chunks::<2>();
            Samples::Sixteen(pairs.iter().copied().map(u16::from_be_bytes).collect())
        }
        BitDepth::One | BitDepth::Two | BitDepth::Four | BitDepth::Eight => Samples::Eight(samples),
    };
    Pixels::new((frame.width, frame.height), channels, samples)
}

/// A whole file of these pixels.
fn encode(pixels: &Pixels) -> Result<Vec<u8>, PictureError> {
    let error = |error: png::EncodingError| PictureError::Encode(error.to_string());
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, pixels.width, pixels.height);
    encoder.set_color(match pixels.channels {
        1 => ColorType::Grayscale,
        2 => ColorType::GrayscaleAlpha,
        3 => ColorType::Rgb,
        _ => ColorType::Rgba,
    });
    let wide;
    let data = match &pixels.samples {
        Samples::Eight(values) => {
            encoder.set_depth(BitDepth::Eight);
            values
        }
        Samples::Sixteen(values) => {
            encoder.set_depth(BitDepth::Sixteen);
            wide = values.iter().flat_map(|v| v.to_be_bytes()).collect();
            &wide
        }
    };
    let mut writer = encoder.write_header().map_err(error)?;
    writer.write_image_data(data).map_err(error)?;
    writer.finish().map_err(error)?;
    Ok(out)
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
    let mut out = bytes[..SIGNATURE].to_vec();
    // Chunks that speak of the palette, or of samples of the old kind.
    let mut stale: &[&[u8; 4]] = &[b"iDOT"];
    let mut data_written = false;
    for chunk in &old {
        let data = &bytes[chunk.data.clone()];
        match (&chunk.kind, &fresh) {
            (b"IHDR", Some(fresh)) => {
                let header = fresh.get(SIGNATURE..SIGNATURE + 25);
                let header = header.ok_or_else(|| PictureError::Encode("no header".to_owned()))?;
                if header[16..18] != bytes[SIGNATURE + 16..SIGNATURE + 18] {
                    stale = &[b"iDOT", b"PLTE", b"tRNS", b"hIST", b"bKGD", b"sBIT"];
                }
                out.extend_from_slice(header);
            }
            (b"IDAT", Some(fresh)) => {
                if !data_written {
                    let (new, _) = chunks(fresh)?;
                    for part in new.iter().filter(|part| &part.kind == b"IDAT") {
                        out.extend_from_slice(&fresh[part.whole.clone()]);
                    }
                    data_written = true;
                }
            }
            (kind, Some(_)) if stale.contains(&kind) => {}
            (kind, _) => match clean(*kind, data, origin, hidden) {
                None => out.extend_from_slice(&bytes[chunk.whole.clone()]),
                Some(data) if data.is_empty() => {}
                Some(data) => put(&mut out, *kind, &data)?,
            },
        }
    }
    if end < bytes.len() {
        hidden.push(HiddenCopy::removed(HiddenKind::Trailer, bytes.len() - end));
    }
    Ok((out != bytes).then_some(out))
}

fn put(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) -> Result<(), PictureError> {
    let length =
        u32::try_from(data.len()).map_err(|error| PictureError::Internal(error.to_string()))?;
    out.extend_from_slice(&length.to_be_bytes());
    let from = out.len();
    out.extend_from_slice(&kind);
    out.extend_from_slice(data);
    let sum = crc32fast::hash(&out[from..]);
    out.extend_from_slice(&sum.to_be_bytes());
    Ok(())
}

/// What becomes of a chunk: none where it stays, empty where it goes.
fn clean(
    kind: [u8; 4],
    data: &[u8],
    origin: &Origin<'_>,
    hidden: &mut Vec<HiddenCopy>,
) -> Option<Vec<u8>> {
    match &kind {
        b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" => None,
        b"iCCP" if !origin.is_changed() || is_profile(data) => None,
        b"eXIf" => {
            let mut block = data.to_vec();
            clean_exif(&mut block, origin, hidden);
            (block != data).then_some(block)
        }
        b"iTXt" | b"zTXt" | b"tEXt" => clean_text(kind, data, origin.rules(), hidden),
        _ => (has_picture(data) || (origin.is_changed() && is_strange(kind, data))).then(|| {
            hidden.push(HiddenCopy::removed(HiddenKind::Segment, data.len()));
            Vec::new()
        }),
    }
}

/// Whether a chunk is none of those that are known to show nothing, and long enough for a picture
/// in some way of its own.
fn is_strange(kind: [u8; 4], data: &[u8]) -> bool {
    const KNOWN: [&[u8; 4]; 22] = [
        b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi",
        b"pHYs", b"sBIT", b"bKGD", b"hIST", b"tIME", b"oFFs", b"sCAL", b"sTER", b"sPLT", b"pCAL",
        b"gIFg", b"iDOT",
    ];
    data.len() > SMALL && (!KNOWN.contains(&&kind) || data.len() > LONGEST_KNOWN)
}

/// Whether a chunk is a profile of colours: its name, the method of compression, and the profile.
fn is_profile(data: &[u8]) -> bool {
    let name = data.iter().take(80).position(|&b| b == 0);
    let Some(packed) = name.and_then(|zero| data.get(zero + 2..)) else {
        return false;
    };
    let mut decoder = ZlibDecoder::new(packed);
    let mut profile = Vec::new();
    let read = decoder.by_ref().take(MAX_TEXT).read_to_end(&mut profile);
    // Nothing may stand behind the stream.
    read.is_ok() && decoder.total_in() == packed.len() as u64 && icc::is_profile(&profile)
}

fn clean_text(
    kind: [u8; 4],
    data: &[u8],
    rules: &Rules,
    hidden: &mut Vec<HiddenCopy>,
) -> Option<Vec<u8>> {
    if let Some((head, packet)) = plain_xmp(data).filter(|_| &kind == b"iTXt") {
        return match packet::clean(packet, rules, false, hidden) {
            Packet::Same => None,
            Packet::Changed(rest) => Some([head, &rest].concat()),
            Packet::Gone => Some(Vec::new()),
        };
    }
    let zero = data.iter().position(|&b| b == 0)?;
    let (compressed, start) = match &kind {
        b"iTXt" => itxt_head(data)?,
        b"zTXt" => (true, zero + 2),
        _ => (false, zero + 1),
    };
    let raw = data.get(start..)?;
    let mut inflated = Vec::new();
    let text = if compressed {
        // What cannot be inflated shows nothing either.
        let read = ZlibDecoder::new(raw)
            .take(MAX_TEXT)
            .read_to_end(&mut inflated);
        if read.is_ok() { &inflated } else { raw }
    } else {
        raw
    };
    if rules.forget_names && (packet::may_name(text) || packet::may_name(&hex(text))) {
        hidden.push(HiddenCopy::removed(HiddenKind::PersonName, data.len()));
        return Some(Vec::new());
    }
    let suspect = text.len() as u64 == MAX_TEXT
        || (rules.changed && data.len() > SMALL && !(is_text(text) && is_text(&data[..zero])))
        || has_picture(text)
        || xmp::clean(text).is_some()
        || (data.starts_with(b"Raw profile type ") && has_picture(&hex(text)));
    // A profile of colours in hex is long, and no copy.
    let colours =
        data.starts_with(b"Raw profile type ic") && (!rules.changed || icc::is_profile(&hex(text)));
    (suspect && !colours).then(|| {
        hidden.push(HiddenCopy::removed(HiddenKind::Segment, data.len()));
        Vec::new()
    })
}

/// The bytes of a raw profile: its name and length, then hex digits in lines.
fn hex(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = text
        .split(|&b| b == b'\n')
        .skip(3)
        .flatten()
        .filter_map(|&b| char::from(b).to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}
