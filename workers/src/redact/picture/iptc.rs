//! Captions by IPTC-NAA (Information Interchange Model, version 4.2): records of data sets.

use super::hidden::{SMALL, has_picture};
use super::text::is_text;

/// The preview of the object, its format and version.
const PREVIEW: [u8; 3] = [200, 201, 202];

/// Data sets without those that can show the picture, and the bytes taken out; none where they are
/// no sound list. Of a `changed` picture only text and small values stay.
pub(crate) fn clean(
    records: &[u8],
    changed: bool,
    names: &[String],
) -> Option<(Vec<u8>, usize, usize)> {
    let mut kept = Vec::with_capacity(records.len());
    let (mut removed, mut named) = (0, 0);
    let mut at = 0;
    let padding = records.iter().rposition(|&b| b != 0).map_or(0, |p| p + 1);
    while at < padding {
        let [0x1C, record, set, high, low] = *records.get(at..)?.first_chunk::<5>()? else {
            return None;
        };
        let mut data_at = at + 5;
        let mut size = usize::from(u16::from_be_bytes([high, low]));
        if size & 0x8000 != 0 {
            // The length of the length.
            let field = records.get(data_at..data_at + (size & 0x7FFF))?;
            data_at += field.len();
            if field.len() > 4 {
                return None;
            }
            size = field.iter().fold(0, |sum, &b| sum << 8 | usize::from(b));
        }
        let end = data_at.checked_add(size)?;
        let data = records.get(data_at..end)?;
        let preview = (record == 2 && PREVIEW.contains(&set)) || matches!(record, 7..=9);
        let strange = changed && data.len() > SMALL && !is_text(data);
        let keyword = record == 2
            && matches!(set, 25 | 105 | 120)
            && names.iter().any(|name| name.as_bytes() == data);
        if keyword {
            named += end - at;
        } else if preview || strange || has_picture(data) {
            removed += end - at;
        } else {
            kept.extend_from_slice(&records[at..end]);
        }
        at = end;
    }
    if removed + named == 0 {
        return Some((records.to_vec(), 0, 0));
    }
    Some((kept, removed, named))
}
