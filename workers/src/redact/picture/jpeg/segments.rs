//! The application segments of a JPEG file, and the copies of the picture in and behind them.

use std::collections::BTreeSet;

use image::RgbImage;

use super::super::hidden::{
    HiddenAction, HiddenCopy, HiddenKind, SMALL, find_jpeg, has_picture, is_picture_start,
};
use super::super::packet::{self, Packet};
use super::super::thumbnail::{Origin, clean_exif};
use super::super::{icc, photoshop};
use super::markers::{self, APP0, Layout, Piece};
use super::{gain_map, streams};

const EXIF: &[u8] = b"Exif\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
/// The name, and the number and count of parts, of a profile.
const ICC_HEAD: usize = 14;
/// Bytes of the payload of a segment.
const LONGEST: usize = 65_533;
/// Bytes of the segment that says how colours are transformed.
const ADOBE: usize = 12;

/// What becomes of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SegmentFate {
    Same,
    Changed(Vec<u8>),
    Dropped,
}

/// The segments of a file without its hidden copies.
#[derive(Debug)]
pub(super) struct Cleaned {
    /// One for each piece.
    pub(super) pieces: Vec<SegmentFate>,
    /// Whether the file is not the same.
    pub(super) altered: bool,
}

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of the coded picture.
    Picture,
    Jfif,
    Jfxx,
    Exif,
    Xmp,
    ExtendedXmp,
    Icc,
    Mpf,
    GainMap,
    Photoshop,
    Adobe,
    Unknown,
}

impl Class {
    fn of(marker: u8, payload: &[u8]) -> Self {
        let named: &[(&[u8], Self)] = match marker.wrapping_sub(APP0) {
            0 => &[(b"JFIF\0", Self::Jfif), (b"JFXX\0", Self::Jfxx)],
            1 => &[
                (EXIF, Self::Exif),
                (XMP, Self::Xmp),
                (EXTENDED_XMP, Self::ExtendedXmp),
            ],
            2 => &[
                (b"ICC_PROFILE\0", Self::Icc),
                (b"MPF\0", Self::Mpf),
                (gain_map::ISO, Self::GainMap),
            ],
            13 => &[(PHOTOSHOP, Self::Photoshop)],
            14 => &[(b"Adobe", Self::Adobe)],
            _ if markers::is_picture(marker) => return Self::Picture,
            _ => &[],
        };
        named
            .iter()
            .find(|(name, _)| payload.starts_with(name))
            .map_or(Self::Unknown, |(_, class)| *class)
    }
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

/// Takes the hidden copies out of a file, and tells of them.
pub(super) fn clean(
    bytes: &[u8],
    layout: &Layout,
    origin: &Origin<'_>,
) -> (Cleaned, Vec<HiddenCopy>) {
    let trailer = &bytes[layout.end..];
    if !origin.is_changed() && gain_map::alone(bytes, layout) {
        let cleaned = Cleaner::new(bytes, layout, origin, false).run();
        // Where a byte of the picture moves, the map is not found any more.
        if !cleaned.0.altered {
            let (cleaned, mut hidden) = cleaned;
            hidden.push(HiddenCopy::new(
                HiddenKind::GainMap,
                trailer.len(),
                HiddenAction::Kept,
            ));
            return (cleaned, hidden);
        }
    }
    let (mut cleaned, mut hidden) = Cleaner::new(bytes, layout, origin, true).run();
    cleaned.altered |= !trailer.is_empty();
    report_trailer(bytes, layout, &mut hidden);
    (cleaned, hidden)
}

/// Decides about the segments one after the other, and of those that belong together as a whole.
struct Cleaner<'a, 'b> {
    bytes: &'a [u8],
    layout: &'a Layout,
    origin: &'a Origin<'b>,
    /// Whether what stands behind the picture goes.
    appended: bool,
    pieces: Vec<SegmentFate>,
    /// Further segments of what has been cleaned.
    done: BTreeSet<usize>,
    hidden: Vec<HiddenCopy>,
}

impl<'a, 'b> Cleaner<'a, 'b> {
    fn new(bytes: &'a [u8], layout: &'a Layout, origin: &'a Origin<'b>, appended: bool) -> Self {
        Self {
            bytes,
            layout,
            origin,
            appended,
            pieces: vec![SegmentFate::Same; layout.pieces.len()],
            done: BTreeSet::new(),
            hidden: Vec::new(),
        }
    }

    fn run(mut self) -> (Cleaned, Vec<HiddenCopy>) {
        let unknown: Vec<(usize, &Piece)> = self.all(Class::Unknown).collect();
        let gone = streams::gone(self.bytes, &unknown, self.origin.is_changed());
        let icc = self.icc_is_sound();
        let mut photoshop = Some(self.parts(Class::Photoshop));
        for (index, piece) in self.layout.pieces.iter().enumerate() {
            let payload = self.payload(index);
            match Class::of(piece.marker, payload) {
                Class::Unknown if gone.contains(&index) => self.drop(index, HiddenKind::Segment),
                Class::Icc if !icc => self.drop(index, HiddenKind::Segment),
                Class::Exif => self.exif(index),
                Class::Photoshop => {
                    if let Some(parts) = photoshop.take() {
                        self.photoshop(&parts);
                    }
                }
                Class::Xmp => self.xmp(index),
                Class::ExtendedXmp => self.drop(index, HiddenKind::ExtendedXmp),
                Class::Mpf if self.appended => self.drop(index, HiddenKind::Mpf),
                Class::GainMap if self.appended => self.drop(index, HiddenKind::GainMap),
                Class::Jfif => self.jfif(index),
                Class::Jfxx => self.jfxx(index),
                Class::Adobe if payload.len() > SMALL => {
                    self.pieces[index] = build(piece.marker, &[&payload[..ADOBE]]);
                    self.tell(HiddenKind::Segment, payload.len() - ADOBE);
                }
                Class::Picture
                | Class::Unknown
                | Class::Icc
                | Class::Mpf
                | Class::GainMap
                | Class::Adobe => {}
            }
        }
        let cleaned = Cleaned {
            altered: self.pieces.iter().any(|kept| *kept != SegmentFate::Same),
            pieces: self.pieces,
        };
        (cleaned, self.hidden)
    }

    fn payload(&self, index: usize) -> &'a [u8] {
        &self.bytes[self.layout.pieces[index].payload.clone()]
    }

    fn all(&self, class: Class) -> impl Iterator<Item = (usize, &'a Piece)> {
        let bytes = self.bytes;
        let pieces = self.layout.pieces.iter().enumerate();
        pieces.filter(move |(_, piece)| {
            Class::of(piece.marker, &bytes[piece.payload.clone()]) == class
        })
    }

    fn parts(&self, class: Class) -> Vec<usize> {
        self.all(class).map(|(index, _)| index).collect()
    }

    fn tell(&mut self, kind: HiddenKind, bytes: usize) {
        self.hidden.push(HiddenCopy::removed(kind, bytes));
    }

    fn drop(&mut self, index: usize, kind: HiddenKind) {
        let length = self.payload(index).len();
        self.pieces[index] = SegmentFate::Dropped;
        // Bytes between two segments are no copy if they are few.
        if self.layout.pieces[index].marker != markers::JUNK || length > SMALL {
            self.tell(kind, length);
        }
    }

    /// Cleans an EXIF block with all its further segments. They have the name of the first, and no
    /// header of their own.
    fn exif(&mut self, first: usize) {
        if self.done.contains(&first) {
            return;
        }
        let body = |index: usize| self.payload(index).get(6..).unwrap_or_default();
        let is_head = |index: usize| matches!(body(index).get(..4), Some(b"II*\0" | b"MM\0*"));
        let later = self.all(Class::Exif).map(|(index, _)| index);
        let parts: Vec<usize> = std::iter::once(first)
            .chain(later.filter(|&i| i > first).take_while(|&i| !is_head(i)))
            .collect();
        let whole: Vec<u8> = parts.iter().flat_map(|&i| body(i)).copied().collect();
        let mut block = whole.clone();
        clean_exif(&mut block, self.origin, &mut self.hidden);
        let mut at = 0;
        for index in parts {
            let piece = &self.layout.pieces[index];
            let payload = self.payload(index);
            let length = payload.len().saturating_sub(6);
            let new = &block[at..at + length];
            self.done.insert(index);
            if *new != whole[at..at + length] {
                let head = payload.len() - length;
                self.pieces[index] = build(piece.marker, &[&payload[..head], new]);
            }
            at += length;
        }
    }

    /// Image resources of Photoshop run on from one segment into the next where they are long.
    fn photoshop(&mut self, parts: &[usize]) {
        let rules = self.origin.rules();
        let lists: Vec<&[u8]> = parts
            .iter()
            .map(|&index| &self.payload(index)[PHOTOSHOP.len()..])
            .collect();
        let apart: Option<Vec<_>> = lists
            .iter()
            .map(|list| photoshop::clean(list, rules))
            .collect();
        let cleaned = if let Some(apart) = apart {
            let (lists, hidden): (Vec<_>, Vec<_>) =
                apart.into_iter().map(|c| (c.bytes, c.hidden)).unzip();
            Some((lists, hidden.concat()))
        } else {
            photoshop::clean(&lists.concat(), rules).map(|cleaned| {
                let room = LONGEST - PHOTOSHOP.len();
                let lists = cleaned.bytes.chunks(room).map(<[u8]>::to_vec).collect();
                (lists, cleaned.hidden)
            })
        };
        let Some((mut new, hidden)) = cleaned else {
            let all = lists.concat();
            if has_picture(&all) || (rules.changed && all.len() > SMALL) {
                for &index in parts {
                    self.drop(index, HiddenKind::Photoshop);
                }
            }
            return;
        };
        if hidden.is_empty() {
            return;
        }
        self.hidden.extend(hidden);
        new.resize(parts.len(), Vec::new());
        for ((&index, old), new) in parts.iter().zip(lists).zip(new) {
            let marker = self.layout.pieces[index].marker;
            if new.is_empty() {
                self.pieces[index] = SegmentFate::Dropped;
            } else if new != old {
                self.pieces[index] = build(marker, &[PHOTOSHOP, &new]);
            }
        }
    }

    fn xmp(&mut self, index: usize) {
        let marker = self.layout.pieces[index].marker;
        let Some(packet) = xmp(marker, self.payload(index)) else {
            return;
        };
        let rules = self.origin.rules();
        match packet::clean(packet, rules, self.appended_is_gone(), &mut self.hidden) {
            Packet::Same => {}
            Packet::Changed(rest) => self.pieces[index] = build(marker, &[XMP, &rest]),
            Packet::Gone => self.pieces[index] = SegmentFate::Dropped,
        }
    }

    /// Whether the metadata may promise pictures that are no longer there.
    fn appended_is_gone(&self) -> bool {
        self.appended && (self.origin.is_changed() || self.layout.end < self.bytes.len())
    }

    /// Parts of a profile of colours are joined. Only what is one may stay in a changed picture.
    fn icc_is_sound(&self) -> bool {
        let parts = self.parts(Class::Icc);
        let whole: Vec<u8> = parts
            .iter()
            .flat_map(|&i| self.payload(i).get(ICC_HEAD..).unwrap_or_default())
            .copied()
            .collect();
        !self.origin.is_changed() || icc::is_profile(&whole)
    }

    fn jfxx(&mut self, index: usize) {
        let payload = self.payload(index);
        // Extension 0x10 is a JPEG; colours of a palette or without compression are rarer still.
        let jpeg = payload.strip_prefix(b"JFXX\0\x10");
        if jpeg.is_some_and(|jpeg| self.origin.belongs(jpeg)) {
            self.hidden.push(HiddenCopy::new(
                HiddenKind::Jfxx,
                payload.len(),
                HiddenAction::Kept,
            ));
        } else {
            self.drop(index, HiddenKind::Jfxx);
        }
    }

    /// JFIF 1.02: name 5, version 2, units 1, densities 4, then width and height of the thumbnail.
    fn jfif(&mut self, index: usize) {
        let Some((head, rest)) = self.payload(index).split_at_checked(14) else {
            return;
        };
        if rest.is_empty() {
            return;
        }
        let size = (u32::from(head[12]), u32::from(head[13]));
        let thumbnail = RgbImage::from_raw(size.0, size.1, rest.to_vec());
        // Bytes behind its last one would stay with it.
        let exact = rest.len() == (size.0 * size.1 * 3) as usize;
        if exact && thumbnail.is_some_and(|thumbnail| self.origin.is_shown_by(&thumbnail)) {
            self.hidden.push(HiddenCopy::new(
                HiddenKind::JfifThumbnail,
                rest.len(),
                HiddenAction::Kept,
            ));
        } else {
            self.tell(HiddenKind::JfifThumbnail, rest.len());
            self.pieces[index] = build(APP0, &[&head[..12], &[0, 0]]);
        }
    }
}

/// A segment of the given parts, which together are no longer than the segment they came from.
fn build(marker: u8, parts: &[&[u8]]) -> SegmentFate {
    let payload = parts.concat();
    let Ok(length) = u16::try_from(payload.len() + 2) else {
        return SegmentFate::Dropped;
    };
    let mut segment = vec![0xFF, marker];
    segment.extend_from_slice(&length.to_be_bytes());
    segment.extend_from_slice(&payload);
    SegmentFate::Changed(segment)
}

/// Reports what stands behind the end of the picture.
fn report_trailer(bytes: &[u8], layout: &Layout, hidden: &mut Vec<HiddenCopy>) {
    let trailer = &bytes[layout.end..];
    if trailer.is_empty() {
        return;
    }
    let has_index = layout
        .pieces
        .iter()
        .any(|piece| bytes[piece.payload.clone()].starts_with(b"MPF\0"));
    let video = trailer
        .windows(12)
        .any(|window| &window[4..8] == b"ftyp" && is_picture_start(window));
    let kind = if trailer.ends_with(b"SEFT") {
        HiddenKind::SamsungTrailer
    } else if video {
        HiddenKind::MotionPhoto
    } else if gain_map::any(trailer) {
        HiddenKind::GainMap
    } else if has_index && find_jpeg(trailer, 0).is_some() {
        HiddenKind::Mpf
    } else {
        HiddenKind::Trailer
    };
    hidden.push(HiddenCopy::removed(kind, trailer.len()));
}
