//! Copies that span segments, and data of kinds that nobody knows.

use super::super::super::hidden::{HiddenAction, HiddenKind};
use super::super::super::{Finished, HiddenCopy};
use super::{contains, make, open, paint, recipes};
use image::codecs::jpeg::JpegEncoder;

/// A preview of many bytes, made of noise.
fn preview() -> Vec<u8> {
    let mut state = 7_u32;
    let noise = image::RgbImage::from_fn(360, 240, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        image::Rgb([a, b, c])
    });
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, 92)
        .encode_image(&noise)
        .unwrap();
    assert!(out.len() > 2 * 65_000, "{}", out.len());
    out
}

/// Whether any piece of some length of a copy is left.
fn is_left(output: &[u8], copy: &[u8]) -> bool {
    copy.chunks_exact(48)
        .filter(|piece| piece.iter().any(|&b| b != piece[0]))
        .any(|piece| contains(output, piece))
}

fn changed(bytes: &[u8]) -> Finished {
    let mut editor = open(bytes);
    paint(&mut editor, (30, 30, 9, 9), 10.0);
    editor.finish().unwrap()
}

fn with(name: &[u8], rest: &[u8]) -> Vec<u8> {
    [name, rest].concat()
}

fn removed(hidden: &[HiddenCopy]) -> u64 {
    let gone = hidden.iter().filter(|h| h.action == HiddenAction::Removed);
    gone.map(|h| h.bytes).sum()
}

/// The segment of a part of a stream, by its place.
type Way = fn(&[u8], usize) -> (u8, Vec<u8>);

/// The parts of data, of at most `size` bytes.
fn parts(data: &[u8], size: usize) -> Vec<&[u8]> {
    data.chunks(size).collect()
}

#[test]
fn previews_that_run_on_over_segments_go_whole() {
    let copy = preview();
    let keep = (0xEA, b"Plain\0data".to_vec());
    // Over one marker, over ever further ones, and with a name before each part.
    let same = |part: &[u8], _: usize| (0xE2, part.to_vec());
    let next = |part: &[u8], i: usize| (0xE3 + u8::try_from(i).unwrap(), part.to_vec());
    let named = |part: &[u8], _: usize| (0xE7, with(b"GE\0\0part", part));
    let ways: [Way; 3] = [same, next, named];
    for (which, way) in ways.into_iter().enumerate() {
        // At other places, the beginning of the preview itself is split.
        for first in [60_000, 3, 2, 1] {
            let mut cut = vec![&copy[..first]];
            cut.extend(parts(&copy[first..], 60_000));
            let mut segments = vec![keep.clone()];
            segments.extend(cut.iter().enumerate().map(|(i, part)| way(part, i)));
            let bytes = make(&recipes()[3], &segments);
            for finished in [open(&bytes).finish().unwrap(), changed(&bytes)] {
                assert!(!is_left(&finished.bytes, &copy), "{which} {first}");
                assert!(contains(&finished.bytes, b"Plain\0data"));
                assert!(removed(&finished.hidden) + 8 >= copy.len() as u64);
            }
        }
    }
}

#[test]
fn a_preview_takes_no_other_segment_with_it() {
    let copy = preview();
    let mut segments: Vec<(u8, Vec<u8>)> = parts(&copy, 65_000)
        .into_iter()
        .map(|part| (0xE4, part.to_vec()))
        .collect();
    segments.push((0xE4, with(b"Other\0", &[5; 300])));
    segments.push((0xE5, with(b"More\0", &[6; 300])));
    let finished = open(&make(&recipes()[3], &segments)).finish().unwrap();
    let rest = &segments[segments.len() - 2..];
    assert_eq!(finished.bytes, make(&recipes()[3], rest));
}

#[test]
fn unknown_data_goes_once_something_is_changed() {
    let raw: Vec<u8> = (0..65_000_u32).map(|i| (i * i % 251) as u8).collect();
    for marker in (0xE0..=0xEF).chain([0xF3, 0xFE, 0xCC, 0x40]) {
        let segments = [
            (0xF0, b"small".to_vec()),
            (marker, raw.clone()),
            (0xEC, with(b"Ducky", &[0, 1, 0, 4, 0, 0, 0, 50, 0, 0])),
            (0xEE, with(b"Adobe", &[0, 100, 0, 0, 0, 0, 1])),
            (0xFE, b"A comment by a person. ".repeat(20)),
            (
                0xE2,
                with(b"ICC_PROFILE\0\x01\x01", &super::copies::profile()),
            ),
        ];
        let bytes = make(&recipes()[3], &segments);
        let unchanged = open(&bytes).finish().unwrap();
        assert!(unchanged.hidden.is_empty() && unchanged.bytes == bytes);
        let finished = changed(&bytes);
        assert!(!is_left(&finished.bytes, &raw), "{marker:x}");
        let found: Vec<_> = finished.hidden.iter().map(|h| (h.kind, h.bytes)).collect();
        assert_eq!(found, [(HiddenKind::Segment, 65_000)], "{marker:x}");
        for (_, kept) in segments.iter().filter(|(m, _)| *m != marker) {
            assert!(contains(&finished.bytes, kept), "{marker:x}");
        }
    }
}

#[test]
fn what_only_looks_like_a_known_segment_goes_as_well() {
    let raw: Vec<u8> = (0..3000_u32).map(|i| (i * i % 251) as u8).collect();
    for (marker, name) in [
        (0xE2, &b"ICC_PROFILE\0\x01\x01"[..]),
        (0xEE, b"Adobe\0\x64\0\0\0\0\x01"),
        (0xED, b"Photoshop 3.0\0"),
        (0xED, b"Photoshop 3.0\x008BIM\x04\x10\0\0\0\0\x0B\xB8"),
        (0xED, b"Photoshop 3.0\x008BIM\x04\x0F\0\0\0\0\x0B\xB8"),
        (0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\x0B\xB8"),
        (0xE1, b"Exif\0\0"),
        (0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
        (0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"),
        (0xEC, b"Ducky"),
    ] {
        let bytes = make(&recipes()[3], &[(marker, with(name, &raw))]);
        let finished = changed(&bytes);
        assert!(!is_left(&finished.bytes, &raw), "{name:?}");
        assert!(removed(&finished.hidden) >= 2900, "{name:?}");
    }
}

#[test]
fn exif_over_several_segments_is_cleaned_as_one() {
    let copy = preview();
    let u32_of = |v: usize| u32::try_from(v).unwrap().to_le_bytes();
    let u16_of = |v: u16| v.to_le_bytes();
    let entry = |tag: u16, kind: u16, count: usize, value: usize| {
        [
            &u16_of(tag)[..],
            &u16_of(kind),
            &u32_of(count),
            &u32_of(value),
        ]
        .concat()
    };
    // IFD0 with an orientation, and IFD1 with a thumbnail.
    let mut block = b"II*\0\x08\0\0\0".to_vec();
    block.extend(u16_of(1));
    block.extend(entry(0x0112, 3, 1, 6));
    block.extend(u32_of(26));
    block.extend(u16_of(2));
    block.extend(entry(0x0201, 4, 1, 56));
    block.extend(entry(0x0202, 4, 1, copy.len()));
    block.extend(u32_of(0));
    assert_eq!(block.len(), 56);
    block.extend(&copy);
    for size in [65_000, 50_001] {
        let segments: Vec<(u8, Vec<u8>)> = parts(&block, size)
            .into_iter()
            .map(|part| (0xE1, with(b"Exif\0\0", part)))
            .collect();
        assert!(segments.len() > 2);
        let bytes = make(&recipes()[3], &segments);
        for finished in [open(&bytes).finish().unwrap(), changed(&bytes)] {
            // Its tables are those of many encoders, also of the one that makes thumbnails again.
            assert!(!is_left(&finished.bytes, &copy[700..]));
            assert_eq!(finished.hidden.len(), 1);
            assert_eq!(finished.hidden[0].kind, HiddenKind::ExifThumbnail);
            assert_eq!(finished.hidden[0].bytes, copy.len() as u64);
            assert_eq!(
                open(&finished.bytes).header().orientation,
                super::super::super::Orientation::Rotate90
            );
        }
    }
}

#[test]
fn captions_lose_their_preview_only() {
    let set = |number: u8, data: &[u8]| {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [&[0x1C, 2, number][..], &length, data].concat()
    };
    let copy: Vec<u8> = (0..9000_u32).map(|i| (i * i % 251) as u8).collect();
    let jpeg = [&[0xFF, 0xD8, 0xFF, 0xE0][..], &copy].concat();
    let caption = set(120, "Am Rhein, Köln".as_bytes());
    let copyright = set(116, b"(c) Jane");
    let records = |preview: &[u8]| [&caption, preview, &copyright].concat();
    let resource = |data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        let mut out = [&b"8BIM\x04\x04\0\0"[..], &length, data].concat();
        out.resize(out.len().next_multiple_of(2), 0);
        out
    };
    let bytes = |preview: &[u8]| {
        let list = resource(&records(preview));
        make(&recipes()[3], &[(0xED, with(b"Photoshop 3.0\0", &list))])
    };
    // JPEG, and a preview of no known format, in which a resource is recognised by its number alone.
    for preview in [set(202, &jpeg), set(202, &copy)] {
        let finished = open(&bytes(&preview)).finish().unwrap();
        assert_eq!(finished.bytes, bytes(&[]));
        assert_eq!(finished.hidden.len(), 1);
        assert_eq!(finished.hidden[0].kind, HiddenKind::Photoshop);
        assert_eq!(finished.hidden[0].bytes, preview.len() as u64);
    }
    // Any other number.
    let finished = changed(&bytes(&set(231, &copy)));
    assert!(!is_left(&finished.bytes, &copy));
    assert!(contains(&finished.bytes, &resource(&records(&[]))));
    // Resources that run on into the next segment.
    let list = [resource(&records(&set(202, &jpeg))), resource(b"")].concat();
    let segments: Vec<(u8, Vec<u8>)> = parts(&list, 4000)
        .into_iter()
        .map(|part| (0xED, with(b"Photoshop 3.0\0", part)))
        .collect();
    let finished = changed(&make(&recipes()[3], &segments));
    assert!(!is_left(&finished.bytes, &copy));
    assert!(contains(&finished.bytes, &records(&[])));
}
