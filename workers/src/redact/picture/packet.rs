//! What becomes of an XMP packet: pictures go, names of hidden people go, and promises of pictures
//! that are gone.

use std::ops::Range;

use super::edit::{Document, Subject, without};
use super::hidden::{HiddenCopy, HiddenKind, SMALL};
use super::rules::Rules;
use super::{people, xmp};

const GAIN_MAP: &str = "http://ns.adobe.com/hdr-gain-map/1.0/";
const APPLE_GAIN_MAP: &str = "http://ns.apple.com/HDRGainMap/1.0/";
const CONTAINER: &str = "http://ns.google.com/photos/1.0/container/";
const CAMERA: &str = "http://ns.google.com/photos/1.0/camera/";
/// Properties whose list items may be names.
const KEYWORDS: [&str; 6] = [
    "subject",
    "hierarchicalSubject",
    "TagsList",
    "LastKeywordXMP",
    "LastKeywordIPTC",
    "CatalogSets",
];

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    Same,
    Changed(Vec<u8>),
    Gone,
}

/// Cleans a packet. Where `appended` pictures are gone, it no longer speaks of them.
pub(crate) fn clean(
    packet: &[u8],
    rules: &Rules,
    appended: bool,
    hidden: &mut Vec<HiddenCopy>,
) -> Packet {
    if rules.changed && packet.len() > SMALL && !is_plain(packet) {
        hidden.push(HiddenCopy::removed(HiddenKind::Xmp, packet.len()));
        return Packet::Gone;
    }
    let mut rest = packet.to_vec();
    if let Some((kept, removed)) = xmp::clean(&rest) {
        hidden.push(HiddenCopy::removed(HiddenKind::Xmp, removed));
        if kept.is_empty() {
            return Packet::Gone;
        }
        rest = kept;
    }
    if appended {
        match without_promises(&rest) {
            Packet::Same => {}
            Packet::Changed(kept) => rest = kept,
            Packet::Gone => {
                hidden.push(HiddenCopy::removed(HiddenKind::Xmp, rest.len()));
                return Packet::Gone;
            }
        }
    }
    if rules.forget_names {
        match without_names(&rest, &rules.names) {
            Packet::Same => {}
            Packet::Changed(kept) => {
                hidden.push(HiddenCopy::removed(
                    HiddenKind::PersonName,
                    rest.len() - kept.len(),
                ));
                rest = kept;
            }
            Packet::Gone => {
                hidden.push(HiddenCopy::removed(HiddenKind::PersonName, rest.len()));
                return Packet::Gone;
            }
        }
    }
    if rest == packet {
        Packet::Same
    } else {
        Packet::Changed(rest)
    }
}

/// Whether a packet is text in UTF-8, as nearly all are; zeros may follow.
fn is_plain(packet: &[u8]) -> bool {
    let end = packet.iter().rposition(|&b| b != 0).map_or(0, |p| p + 1);
    std::str::from_utf8(&packet[..end]).is_ok_and(|text| {
        !text
            .chars()
            .any(|c| c.is_control() && !c.is_ascii_whitespace())
    })
}

/// A packet without the names of people; it goes where it cannot be parsed and may hold some.
fn without_names(packet: &[u8], names: &[String]) -> Packet {
    let Ok(document) = Document::read(packet) else {
        let narrow: Vec<u8> = packet.iter().copied().filter(|&b| b != 0).collect();
        return if may_name(&narrow) {
            Packet::Gone
        } else {
            Packet::Same
        };
    };
    let ranges = document.find(&mut |subject| people::is_name(subject) || is_tag(subject, names));
    changed(packet, &ranges)
}

/// Whether text that is not parsed may name people.
pub(crate) fn may_name(text: &[u8]) -> bool {
    people::MARKS
        .iter()
        .any(|mark| text.windows(mark.len()).any(|w| w == mark.as_bytes()))
}

/// Whether an item of a list of keywords is a name.
fn is_tag(subject: &Subject<'_>, names: &[String]) -> bool {
    subject.local == "li"
        && KEYWORDS.iter().any(|list| subject.is_within(list))
        && matches!(subject.texts()[..], [text] if people::is_keyword(text, names))
}

/// A packet that promises no picture behind the end of the file.
fn without_promises(packet: &[u8]) -> Packet {
    let Ok(document) = Document::read(packet) else {
        return if is_of_gain_map(packet) {
            Packet::Gone
        } else {
            Packet::Same
        };
    };
    let ranges = document.find(&mut |subject| {
        subject.is_in(GAIN_MAP)
            || subject.declares(GAIN_MAP)
            || subject.is_in(APPLE_GAIN_MAP)
            || (subject.is_in(CONTAINER) && subject.local == "Directory")
            || (subject.is_in(CAMERA)
                && ["MotionPhoto", "MicroVideo"]
                    .iter()
                    .any(|name| subject.local.starts_with(name)))
    });
    changed(packet, &ranges)
}

fn changed(packet: &[u8], ranges: &[Range<usize>]) -> Packet {
    if ranges.is_empty() {
        Packet::Same
    } else {
        Packet::Changed(without(packet, ranges))
    }
}

/// Whether a packet says that its picture is a map of gains.
pub(crate) fn is_of_gain_map(packet: &[u8]) -> bool {
    [GAIN_MAP, APPLE_GAIN_MAP]
        .iter()
        .any(|name| packet.windows(name.len()).any(|w| w == name.as_bytes()))
}
