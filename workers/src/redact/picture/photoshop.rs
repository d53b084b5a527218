//! Image resources of Adobe Photoshop: in a segment of JPEG, and in a tag of TIFF.

use super::hidden::has_picture;

/// Image resources without pictures, and the bytes taken out; none where they are no sound list.
pub(crate) fn clean(resources: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut kept = Vec::with_capacity(resources.len());
    let mut at = 0;
    // Some writers pad the list with zeros.
    let padding = resources.iter().rposition(|&b| b != 0).map_or(0, |p| p + 1);
    while at < resources.len() {
        if at >= padding {
            kept.extend_from_slice(&resources[at..]);
            break;
        }
        let number = u16::from_be_bytes([*resources.get(at + 4)?, *resources.get(at + 5)?]);
        // The name is a counted string, the count included in the padding to an even length.
        let name = usize::from(*resources.get(at + 6)?);
        let size_at = at + 6 + (name + 2) / 2 * 2;
        let size = <[u8; 4]>::try_from(resources.get(size_at..size_at + 4)?).ok()?;
        let size = u32::from_be_bytes(size) as usize;
        let data_at = size_at + 4;
        let data = resources.get(data_at..data_at.checked_add(size)?)?;
        // The last resource may lack its padding.
        let end = (data_at + size + size % 2).min(resources.len());
        let thumbnail = matches!(number, 0x0409 | 0x040C);
        if !thumbnail && !has_picture(data) {
            kept.extend_from_slice(&resources[at..end]);
        }
        at = end;
    }
    let removed = resources.len() - kept.len();
    Some((kept, removed))
}
