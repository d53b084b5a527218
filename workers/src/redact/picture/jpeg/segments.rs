//! The application segments of a JPEG file, and the copies of the picture in and behind them.

use std::collections::BTreeSet;

use image::RgbImage;

use super::super::hidden::{
    HiddenAction, HiddenCopy, HiddenKind, find_jpeg, has_picture, is_picture_start,
};
use super::super::thumbnail::{Origin, clean_exif};
use super::super::{photoshop, xmp};
use super::markers::{APP0, APP15, Layout, Piece};

const EXIF: &[u8] = b"Exif\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

/// What becomes of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    Same,
    Changed(Vec<u8>),
    Dropped,
}

/// The segments of a file without its hidden copies.
#[derive(Debug)]
pub(super) struct Cleaned {
    /// One for each piece.
    pub(super) pieces: Vec<Kept>,
    /// Whether any is not the same.
    pub(super) altered: bool,
}

/// The EXIF block of a segment.
pub(super) fn exif(marker: u8, payload: &[u8]) -> Option<&[u8]> {
    (marker == APP0 + 1 && payload.starts_with(EXIF))
        .then(|| payload.get(6..))
        .flatten()
}

/// The XMP packet of a segment.
pub(super) fn xmp(marker: u8, payload: &[u8]) -> Option<&[u8]> {
    (marker == APP0 + 1)
        .then(|| payload.strip_prefix(XMP))
        .flatten()
}

/// Takes the hidden copies out of a file.
pub(super) fn clean(
    bytes: &[u8],
    layout: &Layout,
    origin: &Origin<'_>,
    hidden: &mut Vec<HiddenCopy>,
) -> Cleaned {
    let payload = |piece: &Piece| &bytes[piece.payload.clone()];
    // Data that spans segments goes as a whole.
    let pictures: BTreeSet<(u8, &[u8])> = layout
        .pieces
        .iter()
        .filter(|piece| is_unknown(piece.marker, payload(piece)))
        .filter(|piece| payload(piece).starts_with(b"FLIR\0") || has_picture(payload(piece)))
        .map(|piece| family(piece.marker, payload(piece)))
        .collect();
    let spilled = photoshop_spills(bytes, layout);
    let mut pieces = Vec::with_capacity(layout.pieces.len());
    for piece in &layout.pieces {
        let data = payload(piece);
        let kept = if !is_application(piece.marker) {
            Kept::Same
        } else if is_unknown(piece.marker, data) {
            if pictures.contains(&family(piece.marker, data)) {
                hidden.push(HiddenCopy::removed(HiddenKind::Segment, data.len()));
                Kept::Dropped
            } else {
                Kept::Same
            }
        } else if exif(piece.marker, data).is_some() {
            let mut whole = bytes[piece.whole.clone()].to_vec();
            let at = piece.payload.start - piece.whole.start + 6;
            clean_exif(&mut whole[at..], origin, hidden);
            if whole == bytes[piece.whole.clone()] {
                Kept::Same
            } else {
                Kept::Changed(whole)
            }
        } else if data.starts_with(PHOTOSHOP) && spilled {
            hidden.push(HiddenCopy::removed(HiddenKind::Photoshop, data.len()));
            Kept::Dropped
        } else {
            clean_known(piece.marker, data, origin, hidden)
        };
        pieces.push(kept);
    }
    trailer(bytes, layout, hidden);
    Cleaned {
        altered: pieces.iter().any(|kept| *kept != Kept::Same),
        pieces,
    }
}

/// Application segments, comments, and the markers reserved for extensions, which decoders skip alike.
const fn is_application(marker: u8) -> bool {
    matches!(marker, APP0..=APP15 | 0xF0..=0xFE)
}

/// Segments of one kind: their marker and the beginning of their name.
fn family(marker: u8, payload: &[u8]) -> (u8, &[u8]) {
    (marker, &payload[..payload.len().min(4)])
}

/// Whether a segment is none of those with rules of their own.
fn is_unknown(marker: u8, payload: &[u8]) -> bool {
    let known: &[&[u8]] = match marker.wrapping_sub(APP0) {
        0 => &[b"JFIF\0", b"JFXX\0"],
        1 => &[EXIF, XMP, EXTENDED_XMP],
        2 => &[b"ICC_PROFILE\0", b"MPF\0"],
        13 => &[PHOTOSHOP],
        14 => &[b"Adobe"],
        _ => &[],
    };
    is_application(marker) && !known.iter().any(|name| payload.starts_with(name))
}

fn clean_known(
    marker: u8,
    payload: &[u8],
    origin: &Origin<'_>,
    hidden: &mut Vec<HiddenCopy>,
) -> Kept {
    let mut drop = |kind| {
        hidden.push(HiddenCopy::removed(kind, payload.len()));
        Kept::Dropped
    };
    if payload.starts_with(b"JFIF\0") {
        return clean_jfif(payload, origin, hidden);
    }
    if payload.starts_with(b"JFXX\0") {
        // Extension 0x10 is a JPEG; colours of a palette or without compression are rarer still.
        let jpeg = payload.strip_prefix(b"JFXX\0\x10");
        if !jpeg.is_some_and(|jpeg| origin.belongs(jpeg)) {
            return drop(HiddenKind::Jfxx);
        }
        hidden.push(HiddenCopy::new(
            HiddenKind::Jfxx,
            payload.len(),
            HiddenAction::Kept,
        ));
        return Kept::Same;
    }
    if payload.starts_with(EXTENDED_XMP) {
        return drop(HiddenKind::ExtendedXmp);
    }
    if payload.starts_with(b"MPF\0") {
        return drop(HiddenKind::Mpf);
    }
    if let Some(packet) = xmp(marker, payload)
        && let Some((rest, removed)) = xmp::clean(packet)
    {
        hidden.push(HiddenCopy::removed(HiddenKind::Xmp, removed));
        return if rest.is_empty() {
            Kept::Dropped
        } else {
            build(marker, &[XMP, &rest])
        };
    }
    if let Some(resources) = payload.strip_prefix(PHOTOSHOP) {
        return match photoshop::clean(resources) {
            Some((_, 0)) => Kept::Same,
            Some((rest, removed)) => {
                hidden.push(HiddenCopy::removed(HiddenKind::Photoshop, removed));
                build(marker, &[PHOTOSHOP, &rest])
            }
            None if has_picture(resources) => {
                hidden.push(HiddenCopy::removed(HiddenKind::Photoshop, payload.len()));
                Kept::Dropped
            }
            None => Kept::Same,
        };
    }
    Kept::Same
}

/// A segment of the given parts, which together are no longer than the segment they came from.
fn build(marker: u8, parts: &[&[u8]]) -> Kept {
    let payload = parts.concat();
    let Ok(length) = u16::try_from(payload.len() + 2) else {
        return Kept::Dropped;
    };
    let mut segment = vec![0xFF, marker];
    segment.extend_from_slice(&length.to_be_bytes());
    segment.extend_from_slice(&payload);
    Kept::Changed(segment)
}

/// JFIF 1.02: name 5, version 2, units 1, densities 4, then width and height of the thumbnail.
fn clean_jfif(payload: &[u8], origin: &Origin<'_>, hidden: &mut Vec<HiddenCopy>) -> Kept {
    let Some((head, rest)) = payload.split_at_checked(14) else {
        return Kept::Same;
    };
    if rest.is_empty() {
        return Kept::Same;
    }
    let size = (u32::from(head[12]), u32::from(head[13]));
    let thumbnail = RgbImage::from_raw(size.0, size.1, rest.to_vec());
    // Bytes behind its last one would stay with it.
    let exact = rest.len() == (size.0 * size.1 * 3) as usize;
    if !exact || !thumbnail.is_some_and(|thumbnail| origin.is_shown_by(&thumbnail)) {
        hidden.push(HiddenCopy::removed(HiddenKind::JfifThumbnail, rest.len()));
        build(APP0, &[&head[..12], &[0, 0]])
    } else {
        hidden.push(HiddenCopy::new(
            HiddenKind::JfifThumbnail,
            rest.len(),
            HiddenAction::Kept,
        ));
        Kept::Same
    }
}

/// Whether the image resources of Photoshop run from one segment into the next with a picture in
/// them; then all of these segments go.
fn photoshop_spills(bytes: &[u8], layout: &Layout) -> bool {
    let parts: Vec<&[u8]> = layout
        .pieces
        .iter()
        .filter(|piece| piece.marker == APP0 + 13)
        .filter_map(|piece| bytes[piece.payload.clone()].strip_prefix(PHOTOSHOP))
        .collect();
    if parts.len() < 2 || parts.iter().all(|part| photoshop::clean(part).is_some()) {
        return false;
    }
    let all = parts.concat();
    has_picture(&all) || photoshop::clean(&all).is_some_and(|(_, removed)| removed > 0)
}

/// Reports what stands behind the end of the picture.
fn trailer(bytes: &[u8], layout: &Layout, hidden: &mut Vec<HiddenCopy>) {
    let trailer = &bytes[layout.end..];
    if trailer.is_empty() {
        return;
    }
    let has_index = layout
        .pieces
        .iter()
        .any(|piece| bytes[piece.payload.clone()].starts_with(b"MPF\0"));
    let film = trailer
        .windows(12)
        .any(|window| &window[4..8] == b"ftyp" && is_picture_start(window));
    let kind = if trailer.ends_with(b"SEFT") {
        HiddenKind::SamsungTrailer
    } else if film {
        HiddenKind::MotionPhoto
    } else if has_index && find_jpeg(trailer, 0).is_some() {
        HiddenKind::Mpf
    } else {
        HiddenKind::Trailer
    };
    hidden.push(HiddenCopy::removed(kind, trailer.len()));
}
