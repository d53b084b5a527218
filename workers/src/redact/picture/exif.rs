//! EXIF (CIPA DC-008, EXIF 2.32): what it says of orientation, and the pictures in it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::hidden::{HiddenAction, HiddenCopy, HiddenKind, find_jpeg, jpeg_length, jpeg_size};

const ORIENTATION: u16 = 0x0112;
const SUB_IFDS: u16 = 0x014A;
const EXIF_IFD: u16 = 0x8769;
const GPS_IFD: u16 = 0x8825;
const INTEROP_IFD: u16 = 0xA005;
const STRIP_OFFSETS: u16 = 0x0111;
const STRIP_COUNTS: u16 = 0x0117;
const JPEG_OFFSET: u16 = 0x0201;
const JPEG_LENGTH: u16 = 0x0202;

/// Directories that are followed; real files have at most a dozen.
const MAX_DIRECTORIES: usize = 64;
/// Values outside their directories, and strips, that are looked at; real files have some hundreds.
const MAX_RANGES: usize = 4096;
/// Beginnings of pictures without an end.
const MAX_ENDLESS: usize = 64;

/// One entry of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) tag: u16,
    pub(crate) kind: u16,
    pub(crate) count: u32,
    /// Where its value stands.
    pub(crate) at: usize,
    /// Bytes of its value.
    pub(crate) length: usize,
}

/// One directory.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    pub(crate) entries: Vec<Entry>,
    /// Its bytes, from the count to the pointer to the next one.
    pub(crate) range: Range<usize>,
    /// The pointer to the next directory, and where that pointer stands.
    pub(crate) next: u32,
    next_at: usize,
}

/// A TIFF structure, of which nothing is believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiff<'a> {
    data: &'a [u8],
    pub(crate) big_endian: bool,
}

impl<'a> Tiff<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Option<Self> {
        match data.get(..4)? {
            b"II*\0" => Some(Self {
                data,
                big_endian: false,
            }),
            b"MM\0*" => Some(Self {
                data,
                big_endian: true,
            }),
            _ => None,
        }
    }

    /// A directory of its own, such as a maker's note has, which has no header.
    pub(crate) const fn with_order(data: &'a [u8], big_endian: bool) -> Self {
        Self { data, big_endian }
    }

    pub(crate) fn u16_at(&self, at: usize) -> Option<u16> {
        let bytes = <[u8; 2]>::try_from(self.data.get(at..at.checked_add(2)?)?).ok()?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    pub(crate) fn u32_at(&self, at: usize) -> Option<u32> {
        let bytes = <[u8; 4]>::try_from(self.data.get(at..at.checked_add(4)?)?).ok()?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    pub(crate) fn first(&self) -> Option<u32> {
        self.u32_at(4)
    }

    /// The directory at `at`; entries whose values lie outside are left out.
    pub(crate) fn directory(&self, at: u32) -> Option<Directory> {
        let start = at as usize;
        (start >= 8).then(|| self.directory_at(start)).flatten()
    }

    /// As [`Self::directory`], of a structure without a header.
    pub(crate) fn directory_at(&self, start: usize) -> Option<Directory> {
        let count = usize::from(self.u16_at(start)?);
        let mut entries = Vec::new();
        for i in 0..count {
            let at = start + 2 + 12 * i;
            let (tag, kind, number) =
                (self.u16_at(at)?, self.u16_at(at + 2)?, self.u32_at(at + 4)?);
            let Some(length) = size_of_kind(kind).checked_mul(number as usize) else {
                continue;
            };
            let value = if length <= 4 {
                at + 8
            } else {
                self.u32_at(at + 8)? as usize
            };
            if value
                .checked_add(length)
                .is_some_and(|end| end <= self.data.len())
            {
                entries.push(Entry {
                    tag,
                    kind,
                    count: number,
                    at: value,
                    length,
                });
            }
        }
        let next_at = start + 2 + 12 * count;
        Some(Directory {
            entries,
            range: start..(next_at + 4).min(self.data.len()),
            next: self.u32_at(next_at).unwrap_or(0),
            next_at,
        })
    }

    /// The `i`-th value of a whole number (BYTE, SHORT, LONG, IFD).
    pub(crate) fn number(&self, entry: &Entry, i: u32) -> Option<u32> {
        if i >= entry.count {
            return None;
        }
        let i = i as usize;
        match entry.kind {
            1 | 7 => Some(u32::from(*self.data.get(entry.at + i)?)),
            3 => Some(u32::from(self.u16_at(entry.at + 2 * i)?)),
            4 | 9 | 13 => self.u32_at(entry.at + 4 * i),
            _ => None,
        }
    }

    /// All directories: those of the main chain first, in order, then the nested ones.
    pub(crate) fn walk(&self) -> (Vec<Directory>, Vec<Directory>) {
        let mut seen = BTreeSet::new();
        let mut chain: Vec<Directory> = Vec::new();
        let mut next = self.first().unwrap_or(0);
        while next != 0 && chain.len() < MAX_DIRECTORIES && seen.insert(next) {
            let Some(directory) = self.directory(next) else {
                break;
            };
            next = directory.next;
            chain.push(directory);
        }
        let mut nested = Vec::new();
        let mut open: Vec<u32> = chain.iter().flat_map(|d| self.children(d)).collect();
        while let Some(at) = open.pop() {
            if nested.len() >= MAX_DIRECTORIES || !seen.insert(at) {
                continue;
            }
            if let Some(directory) = self.directory(at) {
                open.extend(self.children(&directory));
                nested.push(directory);
            }
        }
        (chain, nested)
    }

    fn children(&self, directory: &Directory) -> Vec<u32> {
        directory
            .entries
            .iter()
            .filter(|e| matches!(e.tag, SUB_IFDS | EXIF_IFD | GPS_IFD | INTEROP_IFD))
            .flat_map(|e| (0..e.count.min(16)).filter_map(|i| self.number(e, i)))
            .collect()
    }
}

/// Bytes of one value of a kind.
pub(crate) const fn size_of_kind(kind: u16) -> usize {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 => 8,
        _ => 0,
    }
}

impl Directory {
    pub(crate) fn find(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|e| e.tag == tag)
    }

    /// Entries it has, also those that were left out.
    pub(crate) fn count(&self) -> usize {
        self.range.len().saturating_sub(2) / 12
    }
}

/// The orientation that an EXIF block says.
pub(crate) fn orientation(data: &[u8]) -> Option<u16> {
    let tiff = Tiff::new(data)?;
    let main = tiff.directory(tiff.first()?)?;
    let value = tiff.number(main.find(ORIENTATION)?, 0)?;
    u16::try_from(value).ok()
}

/// Where a thumbnail stands that is to be made again.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// Its bytes in the EXIF block.
    pub(crate) range: Range<usize>,
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
    /// Where its length stands, and whether in four bytes or two.
    length_at: usize,
    long: bool,
    big_endian: bool,
    /// Where the pointer to its directory stands.
    next_at: usize,
}

impl Slot {
    /// Puts a new thumbnail in the place of the old one, or, where there is none, takes the
    /// directory out of the chain. No other byte moves.
    pub(crate) fn fill(&self, data: &mut [u8], thumbnail: Option<&[u8]>) {
        let Some(place) = data.get_mut(self.range.clone()) else {
            return;
        };
        place.fill(0);
        match thumbnail {
            Some(new) if new.len() <= place.len() => {
                place[..new.len()].copy_from_slice(new);
                self.set_length(data, new.len());
            }
            _ => unlink(data, self.next_at),
        }
    }

    fn set_length(&self, data: &mut [u8], length: usize) {
        let length = u32::try_from(length).unwrap_or(0);
        let mut bytes = length.to_le_bytes();
        let size = if self.long { 4 } else { 2 };
        bytes[..size].reverse();
        if !self.big_endian {
            bytes[..size].reverse();
        }
        if let Some(place) = data.get_mut(self.length_at..self.length_at + size) {
            place.copy_from_slice(&bytes[..size]);
        }
    }
}

fn unlink(data: &mut [u8], next_at: usize) {
    if let Some(pointer) = data.get_mut(next_at..next_at + 4) {
        pointer.fill(0);
    }
}

/// Takes the pictures out of an EXIF block, in place. The thumbnail stays where it `belongs` to the
/// picture; where it does not, the place to put a new one is handed back. One that cannot be compared
/// goes.
pub(crate) fn clean(
    data: &mut [u8],
    belongs: &dyn Fn(&[u8]) -> bool,
    hidden: &mut Vec<HiddenCopy>,
) -> Option<Slot> {
    let Some(plan) = plan(data) else {
        empty(data, hidden);
        return None;
    };
    let spared = plan.slot.as_ref().map(|slot| slot.range.clone());
    let kept = spared
        .as_ref()
        .is_some_and(|range| belongs(&data[range.clone()]));
    if let Some(range) = spared.as_ref().filter(|_| kept) {
        hidden.push(HiddenCopy::new(
            HiddenKind::ExifThumbnail,
            range.len(),
            HiddenAction::Kept,
        ));
    }
    let mut endless = 0;
    let mut from = 0;
    while let Some(start) = find_jpeg(data, from) {
        if let Some(kept) = spared.as_ref().filter(|kept| kept.contains(&start)) {
            from = kept.end;
            continue;
        }
        let bound = plan
            .ranges
            .iter()
            .filter(|range| range.contains(&start))
            .map(|range| range.end)
            .min()
            .or_else(|| {
                let starts = plan.ranges.iter().map(|range| range.start);
                starts.filter(|&s| s > start).min()
            })
            .unwrap_or(data.len());
        let bound = match &spared {
            Some(kept) if kept.start > start => bound.min(kept.start),
            _ => bound,
        };
        // Where the picture has an end, no range, which may be false, keeps a part of it.
        let length = jpeg_length(&data[start..]);
        endless += usize::from(length.is_none());
        if endless > MAX_ENDLESS {
            empty(data, hidden);
            return None;
        }
        let end = length.map_or(bound, |length| start + length);
        data[start..end].fill(0);
        hidden.push(HiddenCopy::removed(HiddenKind::MakerNote, end - start));
        from = end;
    }
    if let (None, Some((next_at, strips))) = (&plan.slot, &plan.unsound) {
        for strip in strips {
            data[strip.clone()].fill(0);
        }
        unlink(data, *next_at);
        let bytes = strips.iter().map(ExactSizeIterator::len).sum();
        hidden.push(HiddenCopy::removed(HiddenKind::ExifThumbnail, bytes));
    }
    for strip in &plan.previews {
        if data[strip.clone()].iter().any(|&b| b != 0) {
            data[strip.clone()].fill(0);
            hidden.push(HiddenCopy::removed(HiddenKind::MakerNote, strip.len()));
        }
    }
    plan.slot.filter(|_| !kept)
}

/// Leaves nothing of a block that no camera writes but its orientation.
fn empty(data: &mut [u8], hidden: &mut Vec<HiddenCopy>) {
    let orientation = orientation(data).unwrap_or(1);
    let (count, kind) = (1_u16, 3_u16);
    let big_endian = data.starts_with(b"MM");
    let short = |value: u16| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    hidden.push(HiddenCopy::removed(HiddenKind::MakerNote, data.len()));
    let Some(body) = data.get_mut(4..) else {
        return;
    };
    body.fill(0);
    let low = usize::from(big_endian) * 3;
    // The directory at 8, whose one entry has a count in four bytes.
    if let Some(head) = body.get_mut(..22) {
        head[low] = 8;
        head[4..6].copy_from_slice(&short(count));
        head[6..8].copy_from_slice(&short(ORIENTATION));
        head[8..10].copy_from_slice(&short(kind));
        head[10 + low] = 1;
        head[14..16].copy_from_slice(&short(orientation));
    }
}

/// What an EXIF block holds.
#[derive(Debug, Default)]
struct Plan {
    /// The JPEG thumbnail, where it is sound.
    slot: Option<Slot>,
    /// Any other thumbnail: the pointer to its directory, and its strips.
    unsound: Option<(usize, Vec<Range<usize>>)>,
    /// Uncompressed previews in other directories.
    previews: Vec<Range<usize>>,
    /// Directories and their values.
    ranges: Vec<Range<usize>>,
}

/// None where there is more than any camera writes.
fn plan(data: &[u8]) -> Option<Plan> {
    let mut plan = Plan::default();
    let Some(tiff) = Tiff::new(data) else {
        return Some(plan);
    };
    let (chain, nested) = tiff.walk();
    for directory in chain.iter().chain(&nested) {
        plan.ranges.push(directory.range.clone());
        for entry in directory.entries.iter().filter(|e| e.length > 4) {
            plan.ranges.push(entry.at..entry.at + entry.length);
        }
    }
    let counts = chain.iter().chain(&nested).map(strip_count);
    if plan.ranges.len() > MAX_RANGES || counts.sum::<usize>() > MAX_RANGES {
        return None;
    }
    if let [main, thumbnail, ..] = chain.as_slice() {
        plan.slot = slot(&tiff, thumbnail, main.next_at, &plan.ranges);
        let has = |tag| thumbnail.find(tag).is_some();
        if plan.slot.is_none() && (has(JPEG_OFFSET) || has(STRIP_OFFSETS)) {
            let mut strips = strips(&tiff, thumbnail, (STRIP_OFFSETS, STRIP_COUNTS));
            strips.extend(self::strips(&tiff, thumbnail, (JPEG_OFFSET, JPEG_LENGTH)));
            strips.retain(|strip| !overlaps(strip, &plan.ranges));
            plan.unsound = Some((main.next_at, strips));
        }
    }
    for directory in chain.iter().skip(2).chain(&nested) {
        let mut strips = strips(&tiff, directory, (STRIP_OFFSETS, STRIP_COUNTS));
        strips.retain(|strip| !overlaps(strip, &plan.ranges));
        plan.previews.extend(strips);
    }
    Some(plan)
}

fn strip_count(directory: &Directory) -> usize {
    let count = |tag| directory.find(tag).map_or(0, |entry| entry.count as usize);
    count(STRIP_OFFSETS).min(count(STRIP_COUNTS)) + count(JPEG_OFFSET).min(count(JPEG_LENGTH))
}

fn overlaps(range: &Range<usize>, others: &[Range<usize>]) -> bool {
    range.start < 8
        || others
            .iter()
            .any(|o| range.start < o.end && o.start < range.end)
}

/// The byte ranges that a pair of tags, offsets and lengths, describes.
fn strips(tiff: &Tiff<'_>, directory: &Directory, tags: (u16, u16)) -> Vec<Range<usize>> {
    let (Some(offsets), Some(counts)) = (directory.find(tags.0), directory.find(tags.1)) else {
        return Vec::new();
    };
    (0..offsets.count.min(counts.count))
        .filter_map(|i| {
            let start = tiff.number(offsets, i)? as usize;
            let end = start.checked_add(tiff.number(counts, i)? as usize)?;
            (start < tiff.data.len()).then(|| start..end.min(tiff.data.len()))
        })
        .collect()
}

fn slot(
    tiff: &Tiff<'_>,
    directory: &Directory,
    next_at: usize,
    ranges: &[Range<usize>],
) -> Option<Slot> {
    let length = directory.find(JPEG_LENGTH)?;
    let [range] = <[_; 1]>::try_from(strips(tiff, directory, (JPEG_OFFSET, JPEG_LENGTH))).ok()?;
    let bytes = &tiff.data[range.clone()];
    if !bytes.starts_with(&[0xFF, 0xD8, 0xFF])
        || bytes.len() != tiff.number(length, 0)? as usize
        || jpeg_length(bytes).is_none()
        || overlaps(&range, ranges)
    {
        return None;
    }
    Some(Slot {
        size: jpeg_size(bytes)?,
        range,
        length_at: length.at,
        long: length.kind != 3,
        big_endian: tiff.big_endian,
        next_at,
    })
}
