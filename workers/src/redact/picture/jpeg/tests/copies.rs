//! Copies of the picture within and behind a JPEG file.

use super::super::super::hidden::{HiddenAction, HiddenKind};
use super::super::super::{Orientation, inspect, thumbnail};
use super::{Recipe, contains, decoded, make, open, paint, recipes};
use proptest::prelude::*;

/// An EXIF block with a GPS directory, a note of the maker that holds a preview, and a thumbnail.
fn exif(thumbnail: &[u8], preview: &[u8], big: bool) -> Vec<u8> {
    let u16_of = |v: usize| {
        let v = u16::try_from(v).unwrap();
        if big {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        }
    };
    let u32_of = |v: usize| {
        let v = u32::try_from(v).unwrap();
        if big {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        }
    };
    let mut out = if big {
        b"MM\0*".to_vec()
    } else {
        b"II*\0".to_vec()
    };
    out.extend(u32_of(8));
    let entry = |tag: usize, kind: usize, count: usize, value: usize| {
        let mut e = Vec::new();
        e.extend(u16_of(tag));
        e.extend(u16_of(kind));
        e.extend(u32_of(count));
        if kind == 3 {
            e.extend(u16_of(value));
            e.extend([0, 0]);
        } else {
            e.extend(u32_of(value));
        }
        e
    };
    // Directories at 8 (3 entries), 50 (1), 68 (1), 86 (2); then note and thumbnail.
    let note_at = 116;
    let thumbnail_at = note_at + preview.len() + 8;
    let directory = |entries: &[Vec<u8>], next: usize| {
        let mut d = u16_of(entries.len()).to_vec();
        d.extend(entries.concat());
        d.extend(u32_of(next));
        d
    };
    out.extend(directory(
        &[
            entry(0x0112, 3, 1, 6),
            entry(0x8769, 4, 1, 50),
            entry(0x8825, 4, 1, 68),
        ],
        86,
    ));
    out.extend(directory(
        &[entry(0x927C, 7, preview.len() + 8, note_at)],
        0,
    ));
    out.extend(directory(&[entry(0x0005, 1, 1, 0)], 0));
    out.extend(directory(
        &[
            entry(0x0201, 4, 1, thumbnail_at),
            entry(0x0202, 4, 1, thumbnail.len()),
        ],
        0,
    ));
    out.extend(b"NOTE");
    out.extend(preview);
    out.extend(b"TAIL");
    out.extend(thumbnail);
    let mut payload = b"Exif\0\0".to_vec();
    payload.extend(out);
    payload
}

/// A thumbnail of a picture, with room.
fn thumbnail_of(picture: &[u8]) -> Vec<u8> {
    let jpeg = thumbnail::encode(&decoded(picture), (32, 24), usize::MAX).unwrap();
    let comment = [&[0xFF, 0xFE, 3, 0x86][..], &[b'a'; 900]].concat();
    [&jpeg[..2], &comment, &jpeg[2..]].concat()
}

fn small(seed: u16) -> Vec<u8> {
    let recipe = Recipe {
        size: (32 + seed, 24),
        ..recipes()[3]
    };
    // Room for the thumbnail made anew, whose tables are not optimal.
    make(&recipe, &[(0xFE, vec![b'a'; 900])])
}

/// The beginning of a profile of colours, and no more.
pub(super) fn profile() -> Vec<u8> {
    let mut profile = vec![0; 200];
    profile[3] = 200;
    profile[36..40].copy_from_slice(b"acsp");
    profile[130..140].copy_from_slice(b"0123456789");
    profile
}

#[test]
fn thumbnails_and_previews_in_exif() {
    for big in [false, true] {
        let thumbnail = thumbnail_of(&make(&recipes()[3], &[]));
        let preview = small(8);
        let block = exif(&thumbnail, &preview, big);
        let bytes = make(&recipes()[3], &[(0xE1, block.clone())]);
        let header = inspect(&bytes).unwrap();
        assert_eq!(header.orientation, Orientation::Rotate90);

        // Unchanged: the thumbnail stays, the preview goes, no other byte moves.
        let finished = open(&bytes).finish().unwrap();
        assert!(contains(&finished.bytes, &thumbnail) && !contains(&finished.bytes, &preview));
        assert_eq!(finished.bytes.len(), bytes.len());
        let differ = |at: &usize| bytes[*at] != finished.bytes[*at];
        let (first, last) = (
            (0..bytes.len()).find(differ).unwrap(),
            (0..bytes.len()).rfind(differ).unwrap(),
        );
        assert_eq!(first, 12 + 116 + 4);
        assert_eq!(last, first + preview.len() - 1);

        let mut editor = open(&bytes);
        paint(&mut editor, (0, 0, 75, 53), 255.0);
        let finished = editor.finish().unwrap();
        let kinds: Vec<_> = finished.hidden.iter().map(|h| (h.kind, h.action)).collect();
        assert_eq!(
            kinds,
            [
                (HiddenKind::MakerNote, HiddenAction::Removed),
                (HiddenKind::ExifThumbnail, HiddenAction::Remade),
            ]
        );
        assert!(!contains(
            &finished.bytes,
            &thumbnail[thumbnail.len() - 60..]
        ));
        assert!(!contains(&finished.bytes, &preview[1000..1040]));
        let after = &finished.bytes[6..6 + block.len()];
        // All but the length of the thumbnail (at 86 + 2 + 12 + 8 of the block), note and picture.
        assert_eq!(after[..6 + 108], block[..6 + 108]);
        assert_eq!(after[6 + 112..6 + 120], block[6 + 112..6 + 120]);
        let note = 6 + 120 + preview.len();
        assert_eq!(after[note..note + 4], block[note..note + 4]);
        let new = decoded(&after[note + 4..]);
        assert_eq!(new.dimensions(), (32, 24));
        assert!(new.get_pixel(16, 12)[1] > 100);
        // The result has nothing more to hide.
        let again = open(&finished.bytes).finish().unwrap();
        assert_eq!(again.bytes, finished.bytes);
    }
}

#[test]
fn a_thumbnail_of_another_picture_is_made_again() {
    let plain = make(&recipes()[3], &[]);
    let with = |thumbnail: &[u8]| make(&recipes()[3], &[(0xE1, exif(thumbnail, &[], false))]);
    let own = with(&thumbnail_of(&plain));
    let finished = open(&own).finish().unwrap();
    assert!(finished.bytes == own);
    assert_eq!(finished.hidden[0].action, HiddenAction::Kept);
    assert_eq!(finished.hidden.len(), 1);

    // Of what the picture was before it was cropped.
    let foreign = small(0);
    let finished = open(&with(&foreign)).finish().unwrap();
    assert_eq!(finished.hidden.len(), 1);
    assert_eq!(finished.hidden[0].kind, HiddenKind::ExifThumbnail);
    assert_eq!(finished.hidden[0].action, HiddenAction::Remade);
    assert!(!contains(&finished.bytes, &foreign[foreign.len() - 60..]));
    assert_eq!(decoded(&finished.bytes), decoded(&plain));
    assert_eq!(finished.bytes.len(), with(&foreign).len());
    let again = open(&finished.bytes).finish().unwrap();
    assert_eq!(again.bytes, finished.bytes);
}

#[test]
fn comments_that_hold_pictures_go() {
    let copy = small(4);
    let segments = [(0xFE, copy.clone()), (0xFE, b"a comment".to_vec())];
    let finished = open(&make(&recipes()[0], &segments)).finish().unwrap();
    assert_eq!(finished.hidden[0].kind, HiddenKind::Segment);
    assert_eq!(finished.bytes, make(&recipes()[0], &segments[1..]));
}

#[test]
fn a_thumbnail_without_room_goes() {
    let thumbnail = make(
        &Recipe {
            size: (160, 120),
            ..recipes()[10]
        },
        &[],
    );
    let cut = &thumbnail[..300];
    let bytes = make(&recipes()[0], &[(0xE1, exif(cut, &[], false))]);
    let mut editor = open(&bytes);
    paint(&mut editor, (0, 0, 9, 9), 0.0);
    let finished = editor.finish().unwrap();
    assert_eq!(
        finished.hidden.last().unwrap().action,
        HiddenAction::Removed
    );
    assert!(!contains(&finished.bytes, &cut[100..140]));
    // The pointer from IFD0 to IFD1.
    assert_eq!(finished.bytes[12 + 46..12 + 50], [0; 4]);
}

#[test]
fn copies_in_segments_and_behind_the_end() {
    let copy = small(4);
    let mark = &copy[copy.len() - 60..copy.len() - 4];
    let with = |name: &[u8], rest: &[u8]| [name, rest].concat();
    let base64: String = "/9j/4AAQSkZJRgABAQ"
        .chars()
        .chain("Ab3+".chars().cycle().take(2000))
        .collect();
    let xmp = format!(
        "http://ns.adobe.com/xap/1.0/\0<x><r xmpGImg:image=\"{base64}\" \
         GPano:ProjectionType=\"equirectangular\"/><GPano:FullPanoWidthPixels>4096\
         </GPano:FullPanoWidthPixels></x>"
    );
    let mut resource = b"8BIM\x04\x0C\0\0".to_vec();
    resource.extend(u32::try_from(copy.len()).unwrap().to_be_bytes());
    resource.extend(&copy);
    resource.resize(resource.len().next_multiple_of(2), 0);
    resource.extend(b"8BIM\x03\xED\0\0\0\0\0\x04keep");
    let icc = (0xE2, with(b"ICC_PROFILE\0\x01\x01", &profile()));
    let segments = [
        (
            0xE0,
            with(b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x02", &[7; 12]),
        ),
        (0xE0, with(b"JFXX\0\x10", &copy)),
        (0xE1, xmp.into_bytes()),
        (
            0xE1,
            with(b"http://ns.adobe.com/xmp/extension/\0", &[b'A'; 100]),
        ),
        (0xE2, with(b"MPF\0", &[1; 50])),
        (0xE3, with(b"Vendor\0", &copy)),
        (0xE6, b"Plain\0data".to_vec()),
        (0xED, with(b"Photoshop 3.0\0", &resource)),
        icc.clone(),
    ];
    let mut bytes = make(&recipes()[3], &segments);
    bytes.extend_from_slice(&copy);
    let header = inspect(&bytes).unwrap();
    let gpano = header.gpano.unwrap();
    assert_eq!(gpano.projection.as_deref(), Some("equirectangular"));
    assert_eq!(gpano.full_width, Some(4096));

    let mut editor = open(&bytes);
    paint(&mut editor, (30, 30, 9, 9), 10.0);
    let finished = editor.finish().unwrap();
    let kinds: Vec<_> = finished.hidden.iter().map(|h| h.kind).collect();
    assert_eq!(
        kinds,
        [
            HiddenKind::JfifThumbnail,
            HiddenKind::Jfxx,
            HiddenKind::Xmp,
            HiddenKind::ExtendedXmp,
            HiddenKind::Mpf,
            HiddenKind::Segment,
            HiddenKind::Photoshop,
            HiddenKind::Mpf,
        ]
    );
    assert!(!contains(&finished.bytes, mark));
    assert!(!contains(&finished.bytes, base64.as_bytes()));
    assert!(contains(&finished.bytes, b"8BIM\x03\xED\0\0\0\0\0\x04keep"));
    assert!(contains(
        &finished.bytes,
        b"<x><r xmpGImg:image=\"\" GPano:Proj"
    ));
    assert!(contains(&finished.bytes, b"Plain\0data"));
    assert!(contains(&finished.bytes, &icc.1));
    assert!(open(&finished.bytes).finish().unwrap().hidden.is_empty());
}

#[test]
fn trailers_are_told_apart() {
    let plain = make(&recipes()[0], &[]);
    let kind = |trailer: &[u8]| {
        let finished = open(&[&plain, trailer].concat()).finish().unwrap();
        assert_eq!(finished.bytes, plain);
        finished.hidden[0].kind
    };
    assert_eq!(
        kind(b"\0\0\0\x18ftypmp42 and so on"),
        HiddenKind::MotionPhoto
    );
    assert_eq!(kind(b"anything SEFT"), HiddenKind::SamsungTrailer);
    assert_eq!(kind(b"anything"), HiddenKind::Trailer);
}

#[test]
fn damaged_exif_never_panics_and_loses_its_pictures() {
    let thumbnail = small(0);
    let sound = exif(&thumbnail, &small(8), false);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mutations = prop::collection::vec((0..128_usize, any::<u8>()), 1..6);
    runner
        .run(&mutations, |mutations| {
            let mut block = sound.clone();
            for (at, value) in mutations {
                block[6 + at] = value;
            }
            let bytes = make(
                &Recipe {
                    size: (9, 9),
                    ..recipes()[0]
                },
                &[(0xE1, block)],
            );
            let mut editor = open(&bytes);
            paint(&mut editor, (0, 0, 9, 9), 0.0);
            let finished = editor.finish().unwrap();
            prop_assert!(!contains(
                &finished.bytes,
                &thumbnail[thumbnail.len() - 60..]
            ));
            Ok(())
        })
        .unwrap();
}
