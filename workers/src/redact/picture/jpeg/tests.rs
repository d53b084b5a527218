//! JPEG files of every kind that can be opened, made here by the encoder under test with other
//! scripts, and checked against the decoder of the `image` crate.

mod camera;
mod copies;
mod gain_maps;
mod streams;

use super::super::{Editor, PictureError, PictureLimits, Rect};
use super::markers::{self, Frame, Scan, ScanComponent};
use super::{dct, decode, encode};
use image::RgbImage;
use proptest::prelude::*;

/// A scan of a script: components, Ss, Se, Ah, Al.
type Step = (&'static [usize], usize, usize, u32, u32);

const PROGRESSIVE: &[Step] = &[
    (&[0, 1, 2], 0, 0, 0, 1),
    (&[0], 1, 5, 0, 2),
    (&[2], 1, 63, 0, 1),
    (&[1], 1, 63, 0, 1),
    (&[0], 6, 63, 0, 2),
    (&[0], 1, 63, 2, 1),
    (&[0, 1, 2], 0, 0, 1, 0),
    (&[2], 1, 63, 1, 0),
    (&[1], 1, 63, 1, 0),
    (&[0], 1, 63, 1, 0),
];
const INTERLEAVED: &[Step] = &[(&[0, 1, 2], 0, 63, 0, 0)];
const SEPARATE: &[Step] = &[
    (&[0], 0, 63, 0, 0),
    (&[1], 0, 63, 0, 0),
    (&[2], 0, 63, 0, 0),
];
const GREY: &[Step] = &[(&[0], 0, 63, 0, 0)];
const FOUR: &[Step] = &[(&[0, 1, 2, 3], 0, 63, 0, 0)];

/// A picture to make.
#[derive(Debug, Clone, Copy)]
struct Recipe {
    size: (u16, u16),
    sampling: &'static [u8],
    script: &'static [Step],
    restart: u16,
}

fn recipes() -> Vec<Recipe> {
    let recipe = |sampling, script, restart| Recipe {
        size: (75, 53),
        sampling,
        script,
        restart,
    };
    vec![
        recipe(&[0x11, 0x11, 0x11], INTERLEAVED, 0),
        recipe(&[0x21, 0x11, 0x11], INTERLEAVED, 0),
        recipe(&[0x12, 0x11, 0x11], INTERLEAVED, 3),
        recipe(&[0x22, 0x11, 0x11], INTERLEAVED, 0),
        recipe(&[0x22, 0x11, 0x11], INTERLEAVED, 1),
        recipe(&[0x22, 0x11, 0x11], SEPARATE, 0),
        recipe(&[0x41, 0x11, 0x11], SEPARATE, 5),
        recipe(&[0x11, 0x11, 0x11], PROGRESSIVE, 0),
        recipe(&[0x22, 0x11, 0x11], PROGRESSIVE, 0),
        recipe(&[0x21, 0x11, 0x11], PROGRESSIVE, 4),
        recipe(&[0x11], GREY, 0),
        recipe(&[0x22], GREY, 2),
        recipe(&[0x11, 0x11, 0x11, 0x11], FOUR, 0),
    ]
}

fn put(out: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    out.extend_from_slice(&[0xFF, marker]);
    out.extend_from_slice(&u16::try_from(payload.len() + 2).unwrap().to_be_bytes());
    out.extend_from_slice(payload);
}

/// A smooth picture with some texture, in 0 to 255.
fn sample(component: usize, x: usize, y: usize) -> f32 {
    let (x, y, c) = (x as f32, y as f32, component as f32);
    let wave = (x * 0.31 + c).sin() * (y * 0.23 - c).cos();
    128.0 + 70.0 * wave + 30.0 * (x * 1.7).sin() * (y * 1.3 + c).sin()
}

/// Makes a file, with the given segments before its tables.
fn make(recipe: &Recipe, segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let progressive = recipe.script.iter().any(|step| step.2 != 63);
    let mut out = vec![0xFF, 0xD8];
    for (marker, payload) in segments {
        put(&mut out, *marker, payload);
    }
    let mut table = vec![0];
    table.extend((0..64_u8).map(|k| 3 + k / 4));
    put(&mut out, markers::DQT, &table);
    let mut frame = vec![8];
    frame.extend_from_slice(&recipe.size.1.to_be_bytes());
    frame.extend_from_slice(&recipe.size.0.to_be_bytes());
    frame.push(u8::try_from(recipe.sampling.len()).unwrap());
    for (id, sampling) in (1..).zip(recipe.sampling) {
        frame.extend_from_slice(&[id, *sampling, 0]);
    }
    let marker = if progressive { 0xC2 } else { 0xC0 };
    put(&mut out, marker, &frame);
    let frame = markers::parse_frame(marker, &frame).unwrap();
    let planes = planes(&frame, &table[1..]);
    if recipe.restart > 0 {
        put(&mut out, markers::DRI, &recipe.restart.to_be_bytes());
    }
    for &(components, ss, se, ah, al) in recipe.script {
        let scan = Scan {
            piece: 0,
            components: components
                .iter()
                .map(|&index| ScanComponent {
                    index,
                    dc: usize::from(index > 0),
                    ac: usize::from(index > 0),
                })
                .collect(),
            ss,
            se,
            ah,
            al,
            restart: usize::from(recipe.restart),
        };
        let mut payload = vec![u8::try_from(components.len()).unwrap()];
        for component in &scan.components {
            payload.push(u8::try_from(component.index + 1).unwrap());
            payload.push(if component.index > 0 { 0x11 } else { 0 });
        }
        let band = [ss, se, ((ah << 4) | al) as usize];
        payload.extend(band.map(|v| u8::try_from(v).unwrap()));
        let mut header = Vec::new();
        put(&mut header, markers::SOS, &payload);
        out = encode::encode_scan(&frame, &scan, &planes, &header, out).unwrap();
    }
    out.extend_from_slice(&[0xFF, markers::EOI]);
    out
}

fn planes(frame: &Frame, table: &[u8]) -> Vec<decode::Plane> {
    let mut quantiser = [0; 64];
    for (step, &value) in quantiser.iter_mut().zip(table) {
        *step = u16::from(value);
    }
    let plane = |(index, c): (usize, &markers::Component)| {
        let mut blocks = vec![[0; 64]; c.stride * c.rows];
        for by in 0..c.rows {
            for bx in 0..c.stride {
                let mut samples = [0.0; 64];
                for (i, value) in samples.iter_mut().enumerate() {
                    *value = sample(index, bx * 8 + i % 8, by * 8 + i / 8);
                }
                blocks[by * c.stride + bx] = dct::to_block(&samples, &quantiser);
            }
        }
        decode::Plane { blocks, quantiser }
    };
    frame.components.iter().enumerate().map(plane).collect()
}

fn open(bytes: &[u8]) -> Editor {
    Editor::open(bytes.to_vec(), &PictureLimits::default()).unwrap()
}

fn coefficients(bytes: &[u8]) -> (markers::Layout, Vec<decode::Plane>) {
    let layout = markers::layout(bytes).unwrap();
    let planes = decode::decode(bytes, &layout).unwrap();
    (layout, planes)
}

/// Paints a rectangle of the picture, given in its pixels, in one value.
fn paint(editor: &mut Editor, (x, y, width, height): (u32, u32, u32, u32), value: f32) {
    for component in 0..editor.components() {
        let (across, down) = editor.step(component);
        let size = editor.size(component);
        let (left, top) = (x / across, y / down);
        let rect = Rect {
            x: left,
            y: top,
            width: (x + width).div_ceil(across).min(size.0) - left,
            height: (y + height).div_ceil(down).min(size.1) - top,
        };
        let samples = vec![value; rect.area()];
        editor
            .write(component, rect, &samples, &vec![true; rect.area()])
            .unwrap();
    }
}

/// By the decoder of the `image` crate.
fn decoded(bytes: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(bytes, image::ImageFormat::Jpeg)
        .unwrap()
        .into_rgb8()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn what_the_encoder_writes_other_decoders_read() {
    for recipe in recipes() {
        let bytes = make(&recipe, &[]);
        let picture = decoded(&bytes);
        assert_eq!(
            picture.dimensions(),
            (u32::from(recipe.size.0), u32::from(recipe.size.1))
        );
        // The same picture, but for roundings and for chroma that is interpolated there.
        let full = recipe.sampling.iter().all(|s| *s == recipe.sampling[0]);
        if full && recipe.sampling.len() < 4 {
            let ours = open(&bytes).rgb().unwrap();
            for (a, b) in ours.iter().zip(picture.iter()) {
                assert!(a.abs_diff(*b) <= 3, "{recipe:?} {a} {b}");
            }
        }
    }
}

#[test]
fn untouched_blocks_keep_their_coefficients() {
    for recipe in recipes() {
        let bytes = make(&recipe, &[]);
        let mut editor = open(&bytes);
        paint(&mut editor, (20, 17, 11, 9), 90.0);
        let finished = editor.finish().unwrap();
        let (layout, before) = coefficients(&bytes);
        let (_, after) = coefficients(&finished.bytes);
        let frame = &layout.frame;
        let mut touched = 0;
        for (index, component) in frame.components.iter().enumerate() {
            let (sx, sy) = (frame.h_max / component.h, frame.v_max / component.v);
            let columns = (20 / sx / 8) as usize..=((31_u32.div_ceil(sx) - 1) / 8) as usize;
            let rows = (17 / sy / 8) as usize..=((26_u32.div_ceil(sy) - 1) / 8) as usize;
            for (i, (old, new)) in before[index]
                .blocks
                .iter()
                .zip(&after[index].blocks)
                .enumerate()
            {
                let (bx, by) = (i % component.stride, i / component.stride);
                if columns.contains(&bx) && rows.contains(&by) {
                    touched += usize::from(old != new);
                } else {
                    assert_eq!(old, new, "{recipe:?} {index} {bx} {by}");
                }
            }
        }
        assert!(touched >= frame.components.len(), "{recipe:?}");
    }
}

#[test]
fn decoded_pixels_outside_the_touched_units_stay() {
    for recipe in recipes() {
        let bytes = make(&recipe, &[]);
        let mut editor = open(&bytes);
        paint(&mut editor, (33, 33, 6, 6), 200.0);
        let after = decoded(&editor.finish().unwrap().bytes);
        let before = decoded(&bytes);
        // An MCU is at most 32 pixels wide here; a sample of chroma reaches one further.
        let step = u32::from(recipe.sampling[0] >> 4).max(u32::from(recipe.sampling[0] & 15));
        let side = 8 * step;
        let near = |v: u32| {
            (33 / side * side).saturating_sub(step) <= v && v < 39_u32.div_ceil(side) * side + step
        };
        let mut differ = false;
        // The `image` crate shows the first of several sequential scans only.
        if std::ptr::eq(recipe.script, SEPARATE) {
            continue;
        }
        for (x, y, pixel) in before.enumerate_pixels() {
            if near(x) && near(y) {
                differ |= pixel != after.get_pixel(x, y);
            } else {
                assert_eq!(pixel, after.get_pixel(x, y), "{recipe:?} {x} {y}");
            }
        }
        assert!(differ, "{recipe:?}");
    }
}

#[test]
fn a_no_op_is_the_very_input() {
    for recipe in recipes() {
        let bytes = make(&recipe, &[(0xFE, b"comment".to_vec())]);
        let editor = open(&bytes);
        editor.rgb().unwrap();
        let finished = editor.finish().unwrap();
        assert_eq!(finished.bytes, bytes);
        assert!(finished.hidden.is_empty());
    }
}

#[test]
fn what_is_written_is_read_back() {
    for recipe in recipes() {
        let mut editor = open(&make(&recipe, &[]));
        paint(&mut editor, (8, 8, 32, 32), 77.0);
        let bytes = editor.finish().unwrap().bytes;
        let editor = open(&bytes);
        for component in 0..editor.components() {
            let (across, down) = editor.step(component);
            let rect = Rect {
                x: 16 / across,
                y: 16 / down,
                width: 2,
                height: 2,
            };
            for value in editor.read(component, rect).unwrap() {
                assert!((value - 77.0).abs() < 4.0, "{recipe:?} {component} {value}");
            }
        }
    }
}

#[test]
fn fill_blocks_do_not_keep_what_stood_at_the_edge() {
    let recipe = Recipe {
        size: (17, 17),
        sampling: &[0x22, 0x11, 0x11],
        script: INTERLEAVED,
        restart: 0,
    };
    let mut editor = open(&make(&recipe, &[]));
    paint(&mut editor, (0, 0, 17, 17), 128.0);
    let (_, planes) = coefficients(&editor.finish().unwrap().bytes);
    for plane in planes {
        assert!(plane.blocks.iter().all(|block| *block == [0; 64]));
    }
}

#[test]
fn truncation_is_an_error_wherever_it_happens() {
    for recipe in recipes() {
        let bytes = make(&recipe, &[]);
        for part in 0..20 {
            let cut = &bytes[..bytes.len() * part / 20];
            let opened = Editor::open(cut.to_vec(), &PictureLimits::default());
            assert!(opened.is_err(), "{recipe:?} {part}");
            // The end of the picture in place does not hide that data is missing.
            let mut closed = cut.to_vec();
            closed.extend_from_slice(&[0xFF, 0xD9]);
            if let Ok(editor) = Editor::open(closed.clone(), &PictureLimits::default())
                && editor.rgb().is_ok()
            {
                // A progressive picture is whole after each of its scans.
                let scans = markers::layout(&closed).unwrap().scans.len();
                assert!(scans < recipe.script.len(), "{recipe:?} {part}");
            }
        }
    }
}

#[test]
fn unsupported_kinds_are_named() {
    let bytes = make(&recipes()[0], &[]);
    let at = bytes.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    let with = |offset: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at + offset] = value;
        Editor::open(bytes, &PictureLimits::default())
            .unwrap_err()
            .to_string()
    };
    assert!(with(1, 0xC3).contains("lossless"));
    assert!(with(1, 0xC9).contains("arithmetic"));
    assert!(with(1, 0xC5).contains("hierarchical"));
    assert!(with(4, 12).contains("12 bits"));
    let mut odd = bytes.clone();
    odd[at + 11] = 0x31;
    odd[at + 14] = 0x21;
    let error = Editor::open(odd, &PictureLimits::default()).unwrap_err();
    assert!(error.to_string().contains("3:2"));
}

#[test]
fn a_bomb_is_refused_before_memory_is_asked_for() {
    let recipe = Recipe {
        size: (64, 64),
        ..recipes()[0]
    };
    let mut bytes = make(&recipe, &[]);
    let at = bytes.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    bytes[at + 5..at + 9].copy_from_slice(&[0xFF; 4]);
    let open = |limits: &PictureLimits| Editor::open(bytes.clone(), limits).unwrap_err();
    assert!(matches!(
        open(&PictureLimits::default()),
        PictureError::Limit { .. }
    ));
    let wide = PictureLimits {
        max_pixels: u64::MAX,
        max_memory: u64::MAX,
    };
    assert!(matches!(open(&wide), PictureError::Truncated(_)));
}

proptest! {
    #[test]
    fn mutations_never_panic(
        which in 0..13_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = make(&Recipe { size: (40, 33), ..recipes()[which] }, &[]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let limits = PictureLimits { max_pixels: 1 << 20, max_memory: 1 << 24 };
        if let Ok(mut editor) = Editor::open(bytes, &limits)
            && editor.rgb().is_ok()
        {
            let size = editor.size(0);
            let rect = Rect { x: 0, y: 0, width: size.0.min(9), height: size.1.min(9) };
            let samples = editor.read(0, rect).unwrap();
            if editor.write(0, rect, &samples, &vec![true; rect.area()]).is_ok() {
                let _written = editor.finish();
            }
        }
    }

    #[test]
    fn optimal_tables_are_complete(
        counts in prop::collection::vec(0..1_000_000_u32, 256),
        sparse in 1..256_usize,
    ) {
        use super::huffman::{BitReader, BitWriter, DecodeTable, EncodeTable, Sink};
        let mut frequencies = [0; 256];
        for (i, (slot, count)) in frequencies.iter_mut().zip(counts).enumerate() {
            // Steep enough for codes longer than 16 bits.
            *slot = if i % sparse == 0 { (count >> (i % 31)).max(1) } else { 0 };
        }
        let table = EncodeTable::optimal(&frequencies).unwrap();
        let decode = DecodeTable::new(&table.counts, &table.values).unwrap();
        let symbols: Vec<u8> = (0..=255).filter(|&s| frequencies[usize::from(s)] > 0).collect();
        prop_assert_eq!(symbols.len(), table.values.len());
        let mut writer = BitWriter::new(Vec::new(), vec![Some(table)]);
        for &symbol in &symbols {
            writer.symbol(0, symbol);
        }
        let mut bytes = writer.finish();
        bytes.retain(|_| true);
        let mut reader = BitReader::new(&bytes);
        for &symbol in &symbols {
            prop_assert_eq!(reader.symbol(&decode).unwrap(), symbol);
        }
    }
}
