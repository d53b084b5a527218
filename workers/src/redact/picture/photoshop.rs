//! Image resources of Adobe Photoshop: in a segment of JPEG, and in a tag of TIFF.

use super::hidden::{HiddenCopy, HiddenKind, SMALL, has_picture};
use super::packet::{self, Packet};
use super::rules::Rules;
use super::{icc, iptc};

const CAPTION: u16 = 0x0404;
const THUMBNAILS: [u16; 2] = [0x0409, 0x040C];
const PROFILE: u16 = 0x040F;
const XMP: u16 = 0x0424;

/// Image resources after cleaning.
#[derive(Debug, Default)]
pub(crate) struct Cleaned {
    pub(crate) bytes: Vec<u8>,
    /// What was taken out.
    pub(crate) hidden: Vec<HiddenCopy>,
}

/// One resource of a list.
struct Resource<'a> {
    number: u16,
    /// Signature, number and name.
    head: &'a [u8],
    data: &'a [u8],
    /// All of it, padding included.
    whole: &'a [u8],
}

/// The resource at the beginning of a list.
fn resource(list: &[u8]) -> Option<Resource<'_>> {
    let number = u16::from_be_bytes([*list.get(4)?, *list.get(5)?]);
    // The name is a counted string, the count included in the padding to an even length.
    let name = usize::from(*list.get(6)?);
    let size_at = 6 + (name + 2) / 2 * 2;
    let size = u32::from_be_bytes(*list.get(size_at..)?.first_chunk::<4>()?) as usize;
    let data_at = size_at + 4;
    let data = list.get(data_at..data_at.checked_add(size)?)?;
    // The last resource may lack its padding.
    let end = (data_at + size + size % 2).min(list.len());
    Some(Resource {
        number,
        head: &list[..size_at],
        data,
        whole: &list[..end],
    })
}

/// What becomes of a resource: none where it stays, empty where it goes.
fn judge(resource: &Resource<'_>, rules: &Rules, out: &mut Cleaned) -> Option<Vec<u8>> {
    let data = resource.data;
    let gone = |out: &mut Cleaned| {
        out.hidden
            .push(HiddenCopy::removed(HiddenKind::Photoshop, data.len()));
        Some(Vec::new())
    };
    match resource.number {
        CAPTION => match iptc::clean(data, rules.changed, &rules.names) {
            Some((_, 0, 0)) => None,
            Some((rest, removed, named)) => {
                if removed > 0 {
                    out.hidden
                        .push(HiddenCopy::removed(HiddenKind::Photoshop, removed));
                }
                if named > 0 {
                    out.hidden
                        .push(HiddenCopy::removed(HiddenKind::PersonName, named));
                }
                Some(rest)
            }
            None if has_picture(data) || (rules.changed && data.len() > SMALL) => gone(out),
            None => None,
        },
        XMP => match packet::clean(data, rules, false, &mut out.hidden) {
            Packet::Same => None,
            Packet::Changed(rest) => Some(rest),
            Packet::Gone => Some(Vec::new()),
        },
        number if THUMBNAILS.contains(&number) || has_picture(data) => gone(out),
        PROFILE if icc::is_profile(data) => None,
        _ if rules.changed && data.len() > SMALL => gone(out),
        _ => None,
    }
}

/// Image resources without pictures; none where they are no sound list.
pub(crate) fn clean(resources: &[u8], rules: &Rules) -> Option<Cleaned> {
    let mut out = Cleaned::default();
    let mut at = 0;
    // Some writers pad the list with zeros.
    let padding = resources.iter().rposition(|&b| b != 0).map_or(0, |p| p + 1);
    while at < resources.len() {
        if at >= padding {
            out.bytes.extend_from_slice(&resources[at..]);
            break;
        }
        let resource = resource(&resources[at..])?;
        at += resource.whole.len();
        // A name has at most 255 bytes; only short ones say what a resource is.
        let long = rules.changed && resource.head.len() > SMALL;
        match judge(&resource, rules, &mut out) {
            None if !long => out.bytes.extend_from_slice(resource.whole),
            None => out.hidden.push(HiddenCopy::removed(
                HiddenKind::Photoshop,
                resource.whole.len(),
            )),
            Some(rest) if rest.is_empty() => {}
            Some(rest) => {
                out.bytes.extend_from_slice(resource.head);
                let length = u32::try_from(rest.len()).ok()?;
                out.bytes.extend_from_slice(&length.to_be_bytes());
                out.bytes.extend_from_slice(&rest);
                if rest.len() % 2 == 1 {
                    out.bytes.push(0);
                }
            }
        }
    }
    Some(out)
}
