//! Maps of gains behind a picture, by which bright screens show it brighter (Ultra HDR, ISO 21496-1,
//! and those of Apple).

use super::super::PictureLimits;
use super::super::packet::is_of_gain_map;
use super::Jpeg;
use super::markers::{self, APP0, Layout};
use super::segments::xmp;

/// The name of the segment of ISO 21496-1.
pub(super) const ISO: &[u8] = b"urn:iso:std:iso:ts:21496:-1\0";
/// Pictures that may stand behind the first.
const MOST: usize = 4;

/// Whether a JPEG says that it is a map of gains.
fn is_gain_map(bytes: &[u8], layout: &Layout) -> bool {
    layout.pieces.iter().any(|piece| {
        let payload = &bytes[piece.payload.clone()];
        xmp(piece.marker, payload).is_some_and(is_of_gain_map)
            || (piece.marker == APP0 + 2 && payload.starts_with(ISO))
    })
}

/// Whether any picture behind the first says that it is a map of gains.
pub(super) fn any(trailer: &[u8]) -> bool {
    trailer.starts_with(&[0xFF, markers::SOI])
        && markers::layout(trailer).is_ok_and(|layout| is_gain_map(trailer, &layout))
}

/// Whether all that stands behind a picture is maps of gains, which hold no other picture, and which the
/// index of the file (CIPA DC-007) names.
pub(super) fn alone(bytes: &[u8], layout: &Layout) -> bool {
    let has_index = layout
        .pieces
        .iter()
        .any(|piece| bytes[piece.payload.clone()].starts_with(b"MPF\0"));
    let mut rest = &bytes[layout.end..];
    if !has_index || rest.is_empty() {
        return false;
    }
    let limits = PictureLimits::default();
    for _ in 0..MOST {
        let Ok(found) = markers::layout(rest).map_err(drop) else {
            return false;
        };
        let small =
            found.frame.width <= layout.frame.width && found.frame.height <= layout.frame.height;
        let clean = Jpeg::open(rest[..found.end].to_vec(), &limits)
            .and_then(|jpeg| jpeg.finish(false))
            .is_ok_and(|(_, hidden)| hidden.is_empty());
        if !rest.starts_with(&[0xFF, markers::SOI, 0xFF])
            || !is_gain_map(rest, &found)
            || !small
            || !clean
        {
            return false;
        }
        rest = &rest[found.end..];
        if rest.is_empty() {
            return true;
        }
    }
    false
}
