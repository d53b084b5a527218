//! Segments of unknown names: which of them go. Cameras write previews that run on from one
//! segment into the next, of the same marker or of the next one, with or without a name before
//! each part.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::hidden::{SMALL, find_jpeg, has_picture, is_picture_start, jpeg_length};
use super::super::text::is_text;
use super::markers::{APP0, COM, JUNK, Piece};

const APP12: u8 = APP0 + 12;

/// Unknown segments that stay in a changed picture.
const MOST: usize = 16;
/// Bytes of the longest name before each part of a stream.
const NAME: usize = 64;
/// Bytes of the segment of Photoshop's "Save for Web".
const DUCKY: usize = 1024;

/// Which of these segments go, each with its place among all.
pub(super) fn gone(bytes: &[u8], unknown: &[(usize, &Piece)], changed: bool) -> BTreeSet<usize> {
    let payload = |piece: &Piece| &bytes[piece.payload.clone()];
    let mut gone = BTreeSet::new();
    let mut families = BTreeSet::new();
    let mut kept = 0;
    for &(index, piece) in unknown {
        let data = payload(piece);
        if data.starts_with(b"FLIR\0") || has_picture(data) {
            families.insert(family(piece.marker, data));
        }
        if changed {
            kept += 1;
            let small = data.len() <= SMALL && piece.marker != JUNK;
            if kept > MOST || !(small || is_known(piece.marker, data)) {
                gone.insert(index);
            }
        }
    }
    for &(index, piece) in unknown {
        if families.contains(&family(piece.marker, payload(piece))) {
            gone.insert(index);
        }
    }
    for run in runs(unknown) {
        let parts: Vec<&[u8]> = run.iter().map(|(_, piece)| payload(piece)).collect();
        let name = common(&parts);
        for skipped in BTreeSet::from([0, name]) {
            let parts: Vec<&[u8]> = parts.iter().map(|part| &part[skipped..]).collect();
            let hit = pictures(&parts);
            gone.extend(
                run.iter()
                    .zip(hit)
                    .filter(|(_, hit)| *hit)
                    .map(|(r, _)| r.0),
            );
        }
        // The rest of a stream may be small.
        if changed && run.iter().any(|(index, _)| gone.contains(index)) {
            let strange = run
                .iter()
                .filter(|(_, piece)| !is_known(piece.marker, payload(piece)));
            gone.extend(strange.map(|(index, _)| index));
        }
    }
    gone
}

/// Whether a segment that has no class of its own is text, or one that shows nothing.
fn is_known(marker: u8, payload: &[u8]) -> bool {
    (matches!(marker, APP12 | COM) && is_text(payload))
        || (marker == APP12 && payload.starts_with(b"Ducky") && payload.len() <= DUCKY)
}

/// Segments of one kind: their marker and the beginning of their name.
fn family(marker: u8, payload: &[u8]) -> (u8, &[u8]) {
    (marker, &payload[..payload.len().min(4)])
}

/// Segments that follow one another with the same marker or the next.
fn runs<'a>(unknown: &'a [(usize, &'a Piece)]) -> impl Iterator<Item = &'a [(usize, &'a Piece)]> {
    unknown.chunk_by(|(_, a), (_, b)| b.marker == a.marker || b.marker == a.marker.wrapping_add(1))
}

/// The length of what all parts begin with, if there are several.
fn common(parts: &[&[u8]]) -> usize {
    let Some((first, rest)) = parts.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return 0;
    };
    rest.iter()
        .map(|part| part.iter().zip(*first).take_while(|(a, b)| a == b).count())
        .min()
        .map_or(0, |length| length.min(NAME))
}

/// Which parts of a stream hold some of a picture.
fn pictures(parts: &[&[u8]]) -> Vec<bool> {
    let stream = parts.concat();
    let mut found: Vec<Range<usize>> = Vec::new();
    let other = stream.windows(12).position(is_picture_start);
    let mut from = 0;
    while let Some(start) = find_jpeg(&stream, from) {
        let end = jpeg_length(&stream[start..]).map_or(stream.len(), |length| start + length);
        found.push(start..end);
        from = end;
    }
    // Other formats are not followed to their end.
    if let Some(start) = other.filter(|start| !found.iter().any(|range| range.contains(start))) {
        found.push(start..stream.len());
    }
    let mut at = 0;
    parts
        .iter()
        .map(|part| {
            let range = at..at + part.len();
            at = range.end;
            found
                .iter()
                .any(|picture| picture.start < range.end && range.start < picture.end)
        })
        .collect()
}
