//! Detectors whose activations were measured, which a CPU computes with 8-bit integers.

use image::RgbImage;

use super::input::Frame;
use crate::digest::Digest;
use crate::onnx::{Ranges, WeightLimit, quantised};

/// What `models/int8/ranges.py` measured.
const MEASURED: [&str; 2] = [
    include_str!("../../int8/centerface.json"),
    include_str!("../../int8/plates.json"),
];

/// The ranges of one network's activations.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    /// Of the file with the weights.
    sha256: Digest,
    ranges: Ranges,
}

/// Whether this processor computes with weights of eight bits.
pub(super) fn has_eight_bits() -> bool {
    WeightLimit::of_this_machine() == WeightLimit::Full
}

/// The network of these weights with integers; none if its activations were not measured.
///
/// # Errors
/// What was measured is not of this network.
pub(super) fn integers(weights: &[u8], sha256: &Digest) -> Result<Option<Vec<u8>>, String> {
    for text in MEASURED {
        let measured: Measured = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if measured.sha256 == *sha256 {
            let limit = WeightLimit::of_this_machine();
            return quantised(weights, &measured.ranges, limit).map(Some);
        }
    }
    Ok(None)
}

/// Appends the pixels of a picture in blocks of 2 × 2, with black around it up to the size of the input.
pub(super) fn append_blocks(frame: &Frame, picture: &RgbImage, bytes: &mut Vec<u8>) {
    let [width, height] = frame.input;
    let stride = picture.width() as usize * 3;
    let blank = vec![0; stride];
    let rows: Vec<&[u8]> = picture.as_raw().chunks_exact(stride.max(1)).collect();
    bytes.reserve(width * height * 3);
    for row in (0..height).step_by(2) {
        let [upper, lower] = [row, row + 1].map(|row| rows.get(row).copied().unwrap_or(&blank));
        let ((uppers, upper_rest), (lowers, lower_rest)) =
            (upper.as_chunks::<6>(), lower.as_chunks::<6>());
        for (upper, lower) in uppers.iter().zip(lowers) {
            bytes.extend_from_slice(upper);
            bytes.extend_from_slice(lower);
        }
        let mut filled = uppers.len() * 2;
        if let ([_, ..], [_, ..]) = (upper_rest, lower_rest) {
            // The last column of an odd width.
            for rest in [upper_rest, lower_rest] {
                bytes.extend_from_slice(rest);
                bytes.extend_from_slice(&[0; 3]);
            }
            filled += 2;
        }
        bytes.resize(bytes.len() + (width - filled) * 6, 0);
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn blocks_have_four_pixels_each_and_black_around_them() {
        let numbered =
            |x: u32, y: u32| Rgb([0, 1, 2].map(|c| u8::try_from(10 * y + 3 * x + c).unwrap()));
        let picture = RgbImage::from_fn(3, 3, numbered);
        let frame = Frame::unscaled([6, 4], (3, 3));
        let mut bytes = Vec::new();
        append_blocks(&frame, &picture, &mut bytes);
        let row = [
            [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15],
            [6, 7, 8, 0, 0, 0, 16, 17, 18, 0, 0, 0],
            [0; 12],
            [20, 21, 22, 23, 24, 25, 0, 0, 0, 0, 0, 0],
            [26, 27, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0; 12],
        ];
        assert_eq!(bytes, row.concat());
    }
}
