//! Looking for a picture in bytes by what it shows.

use std::collections::HashSet;
use std::io::Read;

use base64::Engine as _;
use image::{DynamicImage, GrayImage, ImageFormat};

use super::{SHAPES, is_bright, shaped};

/// Bytes of a row that no other data has.
const PIECE: usize = 10;

/// What to look for.
pub(super) struct Search {
    /// Pieces of rows, in grey and in colour, of all shapes.
    pieces: HashSet<[u8; PIECE]>,
}

impl Search {
    pub(super) fn new() -> Self {
        let mut pieces = HashSet::new();
        for shape in SHAPES {
            let picture = shaped(shape);
            let width = picture.width() as usize;
            let grey = DynamicImage::from(picture.clone()).into_luma8();
            let rows = picture
                .chunks_exact(3 * width)
                .chain(grey.chunks_exact(width));
            for row in rows {
                pieces.extend(row.array_windows::<PIECE>().copied());
            }
        }
        Self { pieces }
    }

    /// How a copy was found; none where there is none.
    pub(super) fn find(&self, file: &[u8]) -> Option<&'static str> {
        let mut layers = vec![file.to_vec()];
        layers.extend(joined(file));
        // Digits may spell a stream, and a stream may be joined from parts.
        for inner in [spelled, inflated] {
            let found: Vec<Vec<u8>> = layers.iter().flat_map(|layer| inner(layer)).collect();
            layers.extend(found);
        }
        for layer in &layers {
            if self.is_raw_in(layer) {
                return Some("rows of the picture");
            }
            if decoded(layer).iter().any(is_shown) {
                return Some("a JPEG of the picture");
            }
        }
        None
    }

    /// Whether a copy is found besides the picture itself, which is taken out.
    pub(super) fn finds_hidden(&self, file: &[u8], plain: &[u8]) -> bool {
        // The coded samples of the plain file: all but its head and end.
        let middle = &plain[plain.len() / 2..plain.len() - 16];
        let mut rest = file.to_vec();
        if let Some(at) = rest.windows(middle.len()).position(|w| w == middle) {
            // Removing bytes from within leaves no decodable picture.
            rest[at..at + middle.len()].fill(0);
        }
        if plain.starts_with(&[0xFF, 0xD8]) {
            rest[..2].fill(0);
        }
        self.find(&rest).is_some()
    }

    fn is_raw_in(&self, bytes: &[u8]) -> bool {
        bytes
            .array_windows::<PIECE>()
            .filter(|piece| self.pieces.contains(*piece))
            .take(3)
            .count()
            == 3
    }
}

/// What the segments of a JPEG hold, without their heads and names, one behind the other.
fn joined(file: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low]) = file.get(at..).and_then(<[u8]>::first_chunk) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(payload) = file.get(at + 4..at + 2 + length) else {
            break;
        };
        if matches!(marker, 0xE0..=0xEF | 0xFE) {
            payloads.push(payload);
        }
        at += 2 + length;
    }
    let names: [&[u8]; 4] = [b"", b"Exif\0\0", b"Photoshop 3.0\0", b"FLIX\0\x01"];
    names
        .iter()
        .map(|name| {
            let parts = payloads.iter().filter_map(|part| part.strip_prefix(*name));
            parts.collect::<Vec<_>>().concat()
        })
        .collect()
}

/// Streams of zlib anywhere in a file.
fn inflated(file: &[u8]) -> Vec<Vec<u8>> {
    let starts = file
        .windows(2)
        .enumerate()
        .filter(|(_, w)| w[0] == 0x78 && (u32::from(w[0]) << 8 | u32::from(w[1])) % 31 == 0);
    starts
        .filter_map(|(at, _)| {
            let mut out = Vec::new();
            // A cut stream shows what it has.
            let _cut = flate2::read::ZlibDecoder::new(&file[at..])
                .take(1 << 20)
                .read_to_end(&mut out);
            (out.len() > 64).then_some(out)
        })
        .collect()
}

/// Data in digits of base64 or in hex.
fn spelled(file: &[u8]) -> Vec<Vec<u8>> {
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\n');
    let mut found = Vec::new();
    for run in file.split(|b| !is_digit(b)).filter(|run| run.len() > 64) {
        let digits: Vec<u8> = run.iter().copied().filter(|&b| b != b'\n').collect();
        let whole = digits.len() / 4 * 4;
        found.extend(base64::engine::general_purpose::STANDARD.decode(&digits[..whole]));
        let values: Option<Vec<u32>> = digits.iter().map(|&b| char::from(b).to_digit(16)).collect();
        found.extend(values.map(|values| {
            let pairs = values.chunks_exact(2);
            pairs
                .map(|p| u8::try_from(p[0] << 4 | p[1]).unwrap())
                .collect()
        }));
    }
    found
}

/// Pictures that begin anywhere, also with their first byte spoilt, and in parts.
fn decoded(bytes: &[u8]) -> Vec<GrayImage> {
    let starts = bytes
        .windows(3)
        .enumerate()
        .filter(|(_, w)| w[0] == 0xD8 && w[1] == 0xFF && w[2] >= 0xC0);
    starts
        .filter_map(|(at, _)| {
            let whole = [&[0xFF], &bytes[at..]].concat();
            image::load_from_memory_with_format(&whole, ImageFormat::Jpeg).ok()
        })
        .map(DynamicImage::into_luma8)
        .collect()
}

/// Whether a picture shows the cells of the original, or a part of them: at any place, in three sizes,
/// mirrored either way.
fn is_shown(picture: &GrayImage) -> bool {
    let patch = |mirrored: bool, flipped: bool| {
        let mut bits = Vec::new();
        // Five by five cells, which every shape has.
        for row in 0..5 {
            for column in 0..5 {
                let x = if mirrored {
                    7 - (1 + column)
                } else {
                    1 + column
                };
                let y = if flipped { 7 - (2 + row) } else { 2 + row };
                bits.push(is_bright(x, y));
            }
        }
        bits
    };
    for (mirrored, flipped) in [(false, false), (true, false), (false, true)] {
        let bits = patch(mirrored, flipped);
        for cell in [8, 4, 2] {
            let span = cell * 5;
            let (width, height) = picture.dimensions();
            for top in 0..(height + 1).saturating_sub(span) {
                for left in 0..(width + 1).saturating_sub(span) {
                    if is_at(picture, &bits, (left, top), cell) {
                        return true;
                    }
                }
            }
        }
    }
    false
}

fn is_at(picture: &GrayImage, bits: &[bool], (left, top): (u32, u32), cell: u32) -> bool {
    let mut right = 0;
    let mut most = (255, 0);
    for (i, bright) in (0..).zip(bits) {
        let (column, row): (u32, u32) = (i % 5, i / 5);
        let x = left + column * cell + cell / 2;
        let y = top + row * cell + cell / 2;
        let value = picture.get_pixel(x, y).0[0];
        most = (most.0.min(value), most.1.max(value));
        right += u32::from((value > 128) == *bright);
    }
    right >= 24 && most.1 - most.0 > 60
}
