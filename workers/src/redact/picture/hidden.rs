//! Copies of a picture that a file carries besides its visible one.

use serde::{Deserialize, Serialize};

/// What kind of copy was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HiddenKind {
    /// The thumbnail of EXIF (IFD1).
    ExifThumbnail,
    /// Another picture within EXIF, e.g. a preview of the camera in its `MakerNote`, or data there that
    /// nobody says what it is.
    MakerNote,
    /// The thumbnail of the JFIF header.
    JfifThumbnail,
    /// The thumbnail of the JFIF extension segment.
    Jfxx,
    /// The thumbnail of Adobe Photoshop (image resources 0x0409 and 0x040C).
    Photoshop,
    /// Further pictures by CIPA DC-007 (Multi-Picture Format), or their index.
    Mpf,
    /// A video behind the picture.
    MotionPhoto,
    /// The data Samsung appends.
    SamsungTrailer,
    /// Any other bytes behind the end of the picture.
    Trailer,
    /// A picture, or other large data, within XMP.
    Xmp,
    /// The part of XMP that spans segments.
    ExtendedXmp,
    /// A map of gains for bright screens, which shows the picture in outlines (ISO 21496-1).
    GainMap,
    /// A picture within another application segment, chunk or tag, or data there that nobody says what it is.
    Segment,
    /// A further page or level of a TIFF file.
    Page,
    /// No copy: the name of a person whose face was hidden.
    PersonName,
}

/// What was done with a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenAction {
    /// It is gone.
    Removed,
    /// It was made again from the picture.
    Remade,
    /// It stays, since it shows the picture, which was not changed.
    Kept,
}

/// One copy that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiddenCopy {
    /// What it is.
    pub kind: HiddenKind,
    /// Its size in the input.
    pub bytes: u64,
    /// What was done with it.
    pub action: HiddenAction,
}

impl HiddenCopy {
    pub(crate) const fn new(kind: HiddenKind, bytes: usize, action: HiddenAction) -> Self {
        Self {
            kind,
            bytes: bytes as u64,
            action,
        }
    }

    pub(crate) const fn removed(kind: HiddenKind, bytes: usize) -> Self {
        Self::new(kind, bytes, HiddenAction::Removed)
    }
}

/// Bytes of unknown data that are too few for a picture.
pub(crate) const SMALL: usize = 64;

/// Whether bytes hold the beginning of a picture or video anywhere.
pub(crate) fn has_picture(bytes: &[u8]) -> bool {
    bytes.windows(12).any(is_picture_start) || find_jpeg(bytes, 0).is_some()
}

/// Whether twelve bytes are the beginning of a picture or video.
pub(crate) fn is_picture_start(window: &[u8]) -> bool {
    match window {
        [0xFF, 0xD8, 0xFF, marker, ..] => is_jpeg_marker(*marker),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => true,
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => true,
        // ISO BMFF: the length of the first box, then its type, then a brand.
        [0, 0, _, _, b'f', b't', b'y', b'p', brand @ ..] => {
            brand.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
        }
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => true,
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] => true,
        _ => false,
    }
}

/// Markers that may follow SOI.
const fn is_jpeg_marker(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF | 0xDB..=0xFE)
}

/// The next JPEG within bytes, from `from` on. Some cameras spoil the first byte of their previews,
/// so `?? D8 FF` counts where segments follow one another up to a scan.
pub(crate) fn find_jpeg(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(offset) = bytes
        .get(at + 1..)?
        .windows(3)
        .position(|w| w[0] == 0xD8 && w[1] == 0xFF && is_jpeg_marker(w[2]))
    {
        let start = at + offset;
        if bytes[start] == 0xFF || reaches_scan(&bytes[start..]) {
            return Some(start);
        }
        at = start + 1;
    }
    None
}

fn next_segment(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut position = at;
    if *bytes.get(position)? != 0xFF {
        return None;
    }
    while *bytes.get(position)? == 0xFF {
        position += 1;
    }
    let marker = bytes[position];
    if matches!(marker, 0x00 | 0x01 | 0xD0..=0xD9) {
        return Some((marker, position + 1));
    }
    let length = usize::from(u16::from_be_bytes([
        *bytes.get(position + 1)?,
        *bytes.get(position + 2)?,
    ]));
    (length >= 2).then_some((marker, position + 1 + length))
}

fn reaches_scan(bytes: &[u8]) -> bool {
    let mut at = 2;
    // Bounded, as it is asked at every place that may be a beginning; a preview has a dozen segments.
    for _ in 0..256 {
        match next_segment(bytes, at) {
            Some((0xDA, _)) => return true,
            None | Some((0xD0..=0xD9 | 0 | 1, _)) => return false,
            Some((_, next)) => at = next,
        }
    }
    false
}

/// The length of the JPEG that `bytes` begin with, where its end is found.
pub(crate) fn jpeg_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    while let Some((marker, next)) = next_segment(bytes, at) {
        if marker == 0xD9 {
            return Some(next);
        }
        at = next;
        if marker == 0xDA {
            while let Some(offset) = bytes
                .get(at..)
                .and_then(|rest| rest.iter().position(|&b| b == 0xFF))
            {
                at += offset;
                match bytes.get(at + 1) {
                    Some(0 | 0xD0..=0xD7) => at += 2,
                    Some(0xFF) => at += 1,
                    Some(_) => break,
                    None => return None,
                }
            }
        }
    }
    None
}

/// Width and height of the JPEG that `bytes` begin with.
pub(crate) fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let (marker, next) = next_segment(bytes, at)?;
        match marker {
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                let body = bytes.get(at..)?;
                let start = body.iter().position(|&b| b == marker)?;
                let size = body.get(start + 4..start + 8)?;
                let height = u32::from(u16::from_be_bytes([size[0], size[1]]));
                let width = u32::from(u16::from_be_bytes([size[2], size[3]]));
                return (width > 0 && height > 0).then_some((width, height));
            }
            0xD0..=0xDA | 0 | 1 => return None,
            _ => at = next,
        }
    }
}
