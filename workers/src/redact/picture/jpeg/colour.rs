//! From coefficients to RGB, for the eyes of a detector: the very coefficients that are written
//! back, so that no other decoder's view of a rare file can differ from what was examined.

use image::RgbImage;

use super::dct;
use super::decode::Plane;
use super::markers::{APP0, Component, Layout};

/// What the components mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    Grey,
    Rgb,
    Ycc,
    Cmyk,
    /// As Adobe writes it.
    InvertedCmyk,
    Ycck,
}

/// By the rules of libjpeg: the Adobe segment decides, then JFIF, then the names of components.
fn space(bytes: &[u8], layout: &Layout) -> Space {
    let names: Vec<u8> = layout.frame.components.iter().map(|c| c.id).collect();
    let segment = |marker: u8, name: &[u8]| {
        layout
            .pieces
            .iter()
            .filter(|piece| piece.marker == marker)
            .map(|piece| &bytes[piece.payload.clone()])
            .find(|payload| payload.starts_with(name))
    };
    let adobe = segment(APP0 + 14, b"Adobe").and_then(|payload| payload.get(11).copied());
    let jfif = segment(APP0, b"JFIF\0").is_some();
    match (names.as_slice(), adobe) {
        ([_, _, _], _) if jfif => Space::Ycc,
        ([_, _, _], Some(0)) | ([b'R', b'G', b'B'], None) => Space::Rgb,
        ([_, _, _], _) => Space::Ycc,
        ([_, _, _, _], Some(2)) => Space::Ycck,
        ([_, _, _, _], Some(_)) => Space::InvertedCmyk,
        ([_, _, _, _], None) => Space::Cmyk,
        _ => Space::Grey,
    }
}

/// The samples of a component, `stride * 8` bytes a row.
fn samples(plane: &Plane, component: &Component) -> Vec<u8> {
    let width = component.stride * 8;
    let mut out = vec![0; width * component.blocks_y * 8];
    for by in 0..component.blocks_y {
        for bx in 0..component.blocks_x {
            let block = &plane.blocks[by * component.stride + bx];
            let values = dct::to_samples(block, &plane.quantiser);
            for (y, row) in values.chunks_exact(8).enumerate() {
                let at = (by * 8 + y) * width + bx * 8;
                for (sample, &value) in out[at..at + 8].iter_mut().zip(row) {
                    *sample = byte(value);
                }
            }
        }
    }
    out
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held to the range of a byte"
)]
fn byte(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}

/// The picture of these coefficients. Samples of chroma are repeated.
pub(super) fn rgb(bytes: &[u8], layout: &Layout, planes: &[Plane]) -> RgbImage {
    let frame = &layout.frame;
    let space = space(bytes, layout);
    let channels: Vec<Vec<u8>> = planes
        .iter()
        .zip(&frame.components)
        .map(|(plane, component)| samples(plane, component))
        .collect();
    let mut picture = RgbImage::new(frame.width, frame.height);
    // One row of each channel, at the width of the picture.
    let mut rows = vec![vec![0; frame.width as usize]; channels.len()];
    let row_bytes = frame.width as usize * 3;
    for (y, pixels) in picture.chunks_exact_mut(row_bytes).enumerate() {
        for ((row, channel), c) in rows.iter_mut().zip(&channels).zip(&frame.components) {
            let across = (frame.h_max / c.h) as usize;
            let at = y / (frame.v_max / c.v) as usize * c.stride * 8;
            let source = &channel[at..at + c.stride * 8];
            for (group, &sample) in row.chunks_mut(across).zip(source) {
                group.fill(sample);
            }
        }
        let pixels = pixels.as_chunks_mut::<3>().0.iter_mut();
        match (space, rows.as_slice()) {
            (Space::Rgb, [r, g, b]) => {
                for (((pixel, &r), &g), &b) in pixels.zip(r).zip(g).zip(b) {
                    *pixel = [r, g, b];
                }
            }
            (Space::Ycc, [luma, cb, cr]) => {
                for (((pixel, &y), &cb), &cr) in pixels.zip(luma).zip(cb).zip(cr) {
                    *pixel = ycc(y, cb, cr);
                }
            }
            (Space::Cmyk | Space::InvertedCmyk, [c, m, y, k]) => {
                let flip = if space == Space::Cmyk { 255 } else { 0 };
                for ((((pixel, &c), &m), &y), &k) in pixels.zip(c).zip(m).zip(y).zip(k) {
                    *pixel = [c, m, y].map(|ink| scale(ink ^ flip, k ^ flip));
                }
            }
            (Space::Ycck, [luma, cb, cr, k]) => {
                for ((((pixel, &y), &cb), &cr), &k) in pixels.zip(luma).zip(cb).zip(cr).zip(k) {
                    *pixel = ycc(y, cb, cr).map(|ink| scale(255 - ink, k));
                }
            }
            (_, rows) => {
                for (pixel, &grey) in pixels.zip(rows.first().into_iter().flatten()) {
                    *pixel = [grey; 3];
                }
            }
        }
    }
    picture
}

/// ITU-T T.871, section 7.
#[inline]
fn ycc(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [
        byte(y + 1.402 * cr),
        byte(y - 0.344_136 * cb - 0.714_136 * cr),
        byte(y + 1.772 * cb),
    ]
}

/// Inverted ink on inverted black.
fn scale(ink: u8, black: u8) -> u8 {
    u8::try_from(u32::from(ink) * u32::from(black) / 255).unwrap_or(u8::MAX)
}
