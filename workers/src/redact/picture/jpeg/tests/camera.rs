//! What cameras write and every viewer shows, though T.81 does not allow it.

use super::super::standard;
use super::{coefficients, contains, decoded, make, markers, open, paint, recipes};

/// Puts bytes before every segment but the first, up to the first scan.
fn with_junk(bytes: &[u8], junk: &[u8]) -> Vec<u8> {
    let (pieces, _) = markers::head(bytes).unwrap();
    let mut out = bytes[..2].to_vec();
    let end = pieces.last().unwrap().whole.end;
    for (i, piece) in pieces.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(junk);
        }
        out.extend_from_slice(&bytes[piece.whole.clone()]);
    }
    out.extend_from_slice(&bytes[end..]);
    out
}

#[test]
fn bytes_between_segments_are_passed_over() {
    for recipe in [recipes()[3], recipes()[8]] {
        let plain = make(&recipe, &[(0xFE, b"a comment".to_vec())]);
        for junk in [&b"\0"[..], b"junk", &[0xFF, 0x00, 7], &[0xFF, 0xD3, 1]] {
            let bytes = with_junk(&plain, junk);
            // The other decoder passes over bytes of some values only.
            if junk[0] != 0xFF {
                assert_eq!(decoded(&bytes), decoded(&plain));
            }
            assert_eq!(open(&bytes).rgb().unwrap(), open(&plain).rgb().unwrap());
            assert_eq!(open(&bytes).finish().unwrap().bytes, bytes);

            let redact = |bytes: &[u8]| {
                let mut editor = open(bytes);
                paint(&mut editor, (10, 10, 30, 20), 0.0);
                editor.finish().unwrap()
            };
            // What is written has no such bytes.
            assert_eq!(redact(&bytes), redact(&plain));
        }
        let long = vec![9; 3000];
        let mut editor = open(&with_junk(&plain, &long));
        paint(&mut editor, (10, 10, 30, 20), 0.0);
        let finished = editor.finish().unwrap();
        assert!(!finished.hidden.is_empty() && !contains(&finished.bytes, &[9; 30]));
    }
}

/// A picture by the encoder of the `image` crate, whose Huffman tables are those of annex K, without
/// them.
fn motion_frame() -> (Vec<u8>, Vec<u8>) {
    let picture = image::RgbImage::from_fn(75, 53, |x, y| {
        let byte = |v: u32| u8::try_from(v % 256).unwrap();
        image::Rgb([byte(x * 3), byte(y * 4), byte(x * y)])
    });
    let mut whole = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut whole, 80)
        .encode_image(&picture)
        .unwrap();
    let layout = markers::layout(&whole).unwrap();
    let mut frame = whole[..2].to_vec();
    for piece in &layout.pieces {
        if piece.marker != markers::DHT {
            frame.extend_from_slice(&whole[piece.whole.clone()]);
        }
    }
    assert!(frame.len() + 400 < whole.len());
    (whole, frame)
}

#[test]
fn frames_without_tables_have_those_of_annex_k() {
    let (whole, frame) = motion_frame();
    let same = |a: &[u8], b: &[u8]| {
        let (a, b) = (coefficients(a).1, coefficients(b).1);
        a.iter().zip(&b).all(|(a, b)| a.blocks == b.blocks)
    };
    assert!(same(&whole, &frame));
    assert_eq!(open(&frame).finish().unwrap().bytes, frame);
    let redact = |bytes: &[u8]| {
        let mut editor = open(bytes);
        paint(&mut editor, (10, 10, 30, 20), 0.0);
        editor.finish().unwrap().bytes
    };
    // The result has tables of its own, so that every decoder reads it.
    assert_eq!(decoded(&redact(&frame)), decoded(&redact(&whole)));
}

#[test]
fn the_standard_tables_are_complete() {
    let lengths: Vec<usize> = standard::TABLES.iter().map(|table| table.len()).collect();
    assert_eq!(lengths, [17 + 12, 17 + 12, 17 + 162, 17 + 162]);
    for table in standard::TABLES {
        let mut symbols = table[17..].to_vec();
        symbols.sort_unstable();
        symbols.dedup();
        assert_eq!(symbols.len(), table.len() - 17);
    }
}
