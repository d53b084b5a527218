//! Notes of camera makers (`MakerNote` of EXIF): what of them is settings, and what may be a copy of
//! the picture. Nearly all are a directory behind a name.

use std::ops::Range;

use super::allowed::FEW;
use super::exif::{Entry, Tiff};

/// Bytes of the longest name before a directory.
const NAME: usize = 24;
/// Entries that a directory of a note may have.
const MOST_ENTRIES: u16 = 512;
/// Bytes of values that stay in one note.
const BUDGET: usize = 16 << 10;
/// Faces with their names: Panasonic's people, and its babies, and Fujifilm's people.
const PEOPLE: [(&[u8], u16); 4] = [
    (b"Panasonic", 0x0061),
    (b"Panasonic", 0x0066),
    (b"LEICA", 0x0061),
    (b"FUJIFILM", 0x4282),
];

/// The directory of a note: where offsets count from, and its entries.
struct NoteDirectory {
    /// Of the note within the block.
    base: usize,
    /// Of the directory, in the block.
    range: Range<usize>,
    entries: Vec<Entry>,
}

/// The bytes of a note that show nothing: its name, its directory and its small values. None where
/// it has no directory. With the values of `people`.
pub(crate) fn settings(
    block: &[u8],
    note: &Range<usize>,
    people: bool,
) -> Option<Vec<Range<usize>>> {
    let bytes = block.get(note.clone())?;
    let found = directory(block, note)?;
    let head = note.start..found.range.end;
    let mut kept = vec![head];
    let mut budget = BUDGET;
    for entry in found.entries {
        let named = PEOPLE
            .iter()
            .any(|(name, tag)| bytes.starts_with(name) && *tag == entry.tag);
        let at = found.base + entry.at;
        if entry.length > 4 && entry.length <= FEW.min(budget) && (people || !named) {
            budget -= entry.length;
            kept.push(at..at + entry.length);
        }
    }
    Some(kept)
}

/// The values of a note that name people.
pub(crate) fn people(block: &[u8], note: &Range<usize>) -> Vec<Range<usize>> {
    let (Some(bytes), Some(found)) = (block.get(note.clone()), directory(block, note)) else {
        return Vec::new();
    };
    found
        .entries
        .iter()
        .filter(|entry| {
            PEOPLE
                .iter()
                .any(|(name, tag)| bytes.starts_with(name) && *tag == entry.tag)
        })
        .map(|entry| found.base + entry.at..found.base + entry.at + entry.length)
        .collect()
}

/// Looks for the directory of a note, in either byte order, with offsets from the note, from a TIFF
/// header within it, or from the block.
fn directory(block: &[u8], note: &Range<usize>) -> Option<NoteDirectory> {
    let bytes = block.get(note.clone())?;
    for at in 0..NAME.min(bytes.len()) {
        if let Some(tiff) = Tiff::new(&bytes[at..])
            && let Some(first) = tiff.first()
            && first as usize <= NAME
            && let Some(found) = read(block, note.start + at, tiff.big_endian, first as usize)
        {
            return Some(found);
        }
    }
    for big_endian in [block.starts_with(b"MM"), !block.starts_with(b"MM")] {
        for at in (0..NAME).step_by(2) {
            for base in [note.start, 0] {
                let start = note.start + at - base;
                if let Some(found) = read(block, base, big_endian, start)
                    && found.range.end <= note.end
                {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// The directory at `start` from `base`, if all of it makes sense.
fn read(block: &[u8], base: usize, big_endian: bool, start: usize) -> Option<NoteDirectory> {
    let tiff = Tiff::with_order(block.get(base..)?, big_endian);
    let count = tiff.u16_at(start)?;
    if count == 0 || count > MOST_ENTRIES {
        return None;
    }
    let directory = tiff.directory_at(start)?;
    // An entry of an unknown kind, or whose value lies outside, was left out or is empty.
    let sound = directory.entries.len() == usize::from(count)
        && directory.entries.iter().all(|e| (1..=13).contains(&e.kind));
    sound.then(|| NoteDirectory {
        base,
        range: base + directory.range.start..base + directory.range.end,
        entries: directory.entries,
    })
}
