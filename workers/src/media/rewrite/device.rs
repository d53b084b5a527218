//! Camera data in the user data of an MP4 or MOV file.

use std::io;

use crate::media::open::SharedSource;

/// Most boxes to examine per file.
const MOST: usize = 10_000;

/// User data boxes that FFmpeg reads as tags, which are written again, besides the texts, whose names start
/// with ©.
const CARRIED: [&[u8; 4]; 3] = [b"FIRM", b"loci", b"meta"];

/// Texts (©…) that FFmpeg reads.
const TEXTS: [&[u8; 3]; 20] = [
    b"ART", b"alb", b"cmt", b"com", b"cpy", b"day", b"des", b"enc", b"gen", b"grp", b"inf", b"key",
    b"lyr", b"mak", b"mod", b"nam", b"swr", b"too", b"wrt", b"xyz",
];

/// The names of the user data boxes that are not carried over, in their order, without duplicates.
pub(super) fn lost(source: &SharedSource) -> Vec<String> {
    let mut names = Vec::new();
    // If the boxes of a file cannot be followed, readers cannot find such data either.
    let _unreadable = walk(source, (0, source.len()), &[b"moov", b"udta"], &mut names);
    names.retain(|name| !is_carried(*name));
    let mut lost: Vec<String> = Vec::new();
    for name in names {
        let name = String::from_utf8_lossy(&name).into_owned();
        if !lost.contains(&name) {
            lost.push(name);
        }
    }
    lost
}

fn is_carried(name: [u8; 4]) -> bool {
    CARRIED.contains(&&name) || name[0] == 0xa9 && TEXTS.iter().any(|text| name[1..] == text[..])
}

/// Collects the names of the boxes at the end of a path.
fn walk(
    source: &SharedSource,
    (mut at, end): (u64, u64),
    path: &[&[u8; 4]],
    names: &mut Vec<[u8; 4]>,
) -> io::Result<()> {
    for _ in 0..MOST {
        let mut head = [0; 16];
        if end.saturating_sub(at) < 8 || !source.fill(at, &mut head[..8])? {
            return Ok(());
        }
        let [a, b, c, d, name @ ..] = [0, 1, 2, 3, 4, 5, 6, 7].map(|index: usize| head[index]);
        // Length 1 announces a 64-bit length, and length 0 means the rest of the file.
        let (length, header) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (end - at, 8),
            1 if source.fill(at, &mut head)? => {
                let [_, _, _, _, _, _, _, _, long @ ..] = head;
                (u64::from_be_bytes(long), 16)
            }
            length => (u64::from(length), 8),
        };
        if length < header || length > end - at {
            return Ok(());
        }
        match path.split_first() {
            None => names.push(name),
            Some((first, rest)) if **first == name => {
                walk(source, (at + header, at + length), rest, names)?;
            }
            Some(_) => {}
        }
        at += length;
    }
    Ok(())
}
