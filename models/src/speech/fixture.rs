//! A file of `CTranslate2` for tests.

/// One tensor: name, shape, kind of elements, bytes.
pub(super) type Entry<'a> = (&'a str, &'a [u32], u8, Vec<u8>);

/// A file with these tensors.
pub(super) fn ct2(spec: &str, entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = 6_u32.to_le_bytes().to_vec();
    text(&mut bytes, spec);
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(u32::try_from(entries.len()).unwrap().to_le_bytes());
    for (name, shape, element, data) in entries {
        text(&mut bytes, name);
        bytes.push(u8::try_from(shape.len()).unwrap());
        bytes.extend(shape.iter().flat_map(|n| n.to_le_bytes()));
        bytes.push(*element);
        bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend(data);
    }
    bytes.extend(0_u32.to_le_bytes());
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(u16::try_from(text.len() + 1).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
}
