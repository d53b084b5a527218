//! What may stay in EXIF and TIFF once pixels have changed: directories, small values, text, and
//! tables of known tags. Anything else may be a copy in a form that nobody here knows.

use std::ops::Range;

use super::exif::{Directory, Entry, Slot, Tiff};
use super::hidden::{HiddenCopy, HiddenKind, SMALL, has_picture};
use super::packet::{self, Packet};
use super::rules::Rules;
use super::text::{LONGEST, is_text, is_wide_text};
use super::{icc, iptc, notes, photoshop};

/// Bytes of a value of any kind that are too few for a picture one would recognise.
pub(crate) const FEW: usize = 256;
/// Bytes of values that stay in one block beside text and tables.
const BUDGET: usize = 32 << 10;
/// Entries that a directory may have.
const MOST_ENTRIES: usize = 512;

pub(crate) const XMP: u16 = 700;
pub(crate) const CAPTION: u16 = 33723;
pub(crate) const IMAGE_RESOURCES: u16 = 34377;
pub(crate) const ICC: u16 = 34675;
pub(crate) const MAKER_NOTE: u16 = 0x927C;
const USER_COMMENT: u16 = 0x9286;
/// Title, comment, author, keywords and subject of Windows, in UTF-16.
const WIDE: Range<u16> = 0x9C9B..0x9CA0;
/// Tables with the most bytes they may have: transfer function, colour map, `GeoTIFF`'s scale,
/// tie points, matrix, directory, numbers and text, and GDAL's metadata.
const TABLES: [(u16, usize); 10] = [
    (301, (3 * 2) << 8),
    (320, (3 * 2) << 8),
    (33550, 64),
    (33922, 4096),
    (34264, 128),
    (34735, 4096),
    (34736, 4096),
    (34737, 4096),
    (42112, 4096),
    (42113, 64),
];

/// What becomes of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Same,
    /// Another one, no longer than the old.
    Changed(Vec<u8>),
    Gone,
}

/// Judges a value of a changed picture, of any tag but a maker's note.
pub(crate) fn judge(
    entry: &Entry,
    value: &[u8],
    rules: &Rules,
    hidden: &mut Vec<HiddenCopy>,
) -> Value {
    let mut gone = |kind| {
        if value.iter().filter(|&&b| b != 0).count() > SMALL {
            hidden.push(HiddenCopy::removed(kind, value.len()));
        }
        Value::Gone
    };
    match entry.tag {
        ICC if icc::is_profile(value) => Value::Same,
        ICC => gone(HiddenKind::Segment),
        XMP => match packet::clean(value, rules, false, hidden) {
            Packet::Same => Value::Same,
            Packet::Changed(rest) => Value::Changed(rest),
            Packet::Gone => Value::Gone,
        },
        CAPTION => match iptc::clean(value, true, &rules.names) {
            Some((_, 0, 0)) => Value::Same,
            Some((rest, removed, named)) => {
                for (kind, bytes) in [
                    (HiddenKind::Segment, removed),
                    (HiddenKind::PersonName, named),
                ] {
                    if bytes > 0 {
                        hidden.push(HiddenCopy::removed(kind, bytes));
                    }
                }
                Value::Changed(rest)
            }
            None if value.len() <= SMALL => Value::Same,
            None => gone(HiddenKind::Segment),
        },
        IMAGE_RESOURCES => match photoshop::clean(value, rules) {
            Some(cleaned) if cleaned.hidden.is_empty() => Value::Same,
            Some(cleaned) => {
                hidden.extend(cleaned.hidden);
                Value::Changed(cleaned.bytes)
            }
            None if value.len() <= SMALL => Value::Same,
            None => gone(HiddenKind::Photoshop),
        },
        _ if has_picture(value) => gone(HiddenKind::Segment),
        _ if value.len() <= FEW || is_known(entry, value) => Value::Same,
        _ => gone(HiddenKind::Segment),
    }
}

/// Whether a large value is text, or a table of a known tag.
fn is_known(entry: &Entry, value: &[u8]) -> bool {
    match entry.tag {
        USER_COMMENT => value.split_first_chunk::<8>().is_some_and(|(code, text)| {
            if code.starts_with(b"UNICODE") {
                is_wide_text(text)
            } else {
                is_text(text)
            }
        }),
        tag if WIDE.contains(&tag) => is_wide_text(value),
        tag if TABLES
            .iter()
            .any(|&(t, most)| t == tag && value.len() <= most) =>
        {
            true
        }
        _ => entry.kind == 2 && value.len() <= LONGEST && is_text(value),
    }
}

/// What is known of the bytes of an EXIF block.
#[derive(Debug, Default)]
struct Sorted {
    kept: Vec<Range<usize>>,
    gone: Vec<Range<usize>>,
    changed: Vec<(Range<usize>, Vec<u8>)>,
}

impl Sorted {
    fn of(block: &[u8], rules: &Rules, hidden: &mut Vec<HiddenCopy>) -> Self {
        let mut sorted = Self::default();
        let Some(tiff) = Tiff::new(block) else {
            return sorted;
        };
        sorted.kept.push(0..8.min(block.len()));
        let (chain, nested) = tiff.walk();
        let mut budget = BUDGET;
        let sound = |d: &&Directory| d.count() <= MOST_ENTRIES;
        for directory in chain.iter().chain(&nested).filter(sound) {
            sorted.kept.push(directory.range.clone());
            for entry in directory.entries.iter().filter(|e| e.length > 4) {
                let range = entry.at..entry.at + entry.length;
                if entry.tag == MAKER_NOTE {
                    sorted.kept.extend(note(block, &range, rules, hidden));
                } else if entry.length > FEW || entry.length <= budget {
                    budget = budget.saturating_sub(entry.length.min(FEW));
                    sorted.add(entry, &block[range], rules, hidden);
                }
            }
        }
        sorted
    }

    fn add(&mut self, entry: &Entry, value: &[u8], rules: &Rules, hidden: &mut Vec<HiddenCopy>) {
        let range = entry.at..entry.at + entry.length;
        match judge(entry, value, rules, hidden) {
            Value::Same => self.kept.push(range),
            Value::Changed(mut value) => {
                // A packet is filled up with white space, lists with zeros.
                value.resize(entry.length, if entry.tag == XMP { b' ' } else { 0 });
                self.changed.push((range, value));
            }
            Value::Gone => self.gone.push(range),
        }
    }
}

/// Empties all of an EXIF block but what may stay, in place. The thumbnail in `slot` is left alone.
pub(crate) fn empty_rest(
    block: &mut [u8],
    slot: Option<&Slot>,
    rules: &Rules,
    hidden: &mut Vec<HiddenCopy>,
) {
    let sorted = Sorted::of(block, rules, hidden);
    let mut next = vec![0; block.len()];
    for range in sorted.kept {
        next[range.clone()].copy_from_slice(&block[range]);
    }
    // Values may overlap; what goes is gone whatever else lies over it.
    for range in &sorted.gone {
        next[range.clone()].fill(0);
        block[range.clone()].fill(0);
    }
    for (range, value) in sorted.changed {
        next[range.clone()].copy_from_slice(&value);
        block[range].copy_from_slice(&value);
    }
    if let Some(slot) = slot {
        next[slot.range.clone()].copy_from_slice(&block[slot.range.clone()]);
    }
    let lost = block.iter().zip(&next).filter(|(old, new)| old != new);
    let lost = lost.count();
    if lost > SMALL {
        hidden.push(HiddenCopy::removed(HiddenKind::MakerNote, lost));
    }
    block.copy_from_slice(&next);
}

/// The bytes of a maker's note that stay.
pub(crate) fn note(
    block: &[u8],
    note: &Range<usize>,
    rules: &Rules,
    hidden: &mut Vec<HiddenCopy>,
) -> Vec<Range<usize>> {
    let filled = |range: &Range<usize>| block[range.clone()].iter().filter(|&&b| b != 0).count();
    let named = if rules.forget_names {
        notes::people(block, note)
    } else {
        Vec::new()
    };
    for range in named.iter().filter(|range| filled(range) > 0) {
        hidden.push(HiddenCopy::removed(HiddenKind::PersonName, range.len()));
    }
    if let Some(kept) = notes::settings(block, note, !rules.forget_names) {
        return kept;
    }
    if filled(note) <= FEW {
        vec![note.clone()]
    } else {
        Vec::new()
    }
}
