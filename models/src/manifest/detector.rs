//! The part of a manifest that describes a detector's input and output.

use serde::{Deserialize, Serialize};

use crate::class::Class;

/// Parameters of an ONNX network that detects boxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorParameters {
    /// Id of the runtime that runs it.
    pub runtime: String,
    /// The network among the files.
    pub weights: String,
    /// How to decode its outputs.
    pub head: Head,
    /// Its classes, in the order of its class scores.
    pub classes: Vec<Class>,
    /// Order of the input's planes.
    pub colour: Colour,
    /// Subtracted from each plane of 0 to 255.
    pub mean: [f32; 3],
    /// Divides each plane after that.
    pub std: [f32; 3],
    /// Value, 0 to 255, of the part of the input that the picture does not fill.
    #[serde(default)]
    pub padding: f32,
    /// Sizes that the network accepts.
    pub size: InputSize,
    /// Whether it accepts batches.
    pub batch: bool,
    /// Default score threshold.
    pub threshold: f32,
    /// Longer side of the largest plausible box, in pixels of the input. Larger boxes, such as a whole sky, are
    /// beyond the network's training.
    #[serde(default)]
    pub largest: Option<f32>,
}

/// How to decode a network's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// Heat map, sizes and offsets at stride 4.
    CenterFace,
    /// Class, objectness and box at strides 8, 16 and 32.
    Yunet,
    /// Scores and corners against prior boxes, decoded in the network.
    UltraLight,
    /// Box and four corners against prior boxes.
    LpdYunet,
    /// Rows of centre, log size, objectness and classes against cells.
    Yolox,
    /// Columns of centre, size and classes.
    Yolov8,
    /// Rows of score, centre, log size and four corners against cells at strides 8, 16 and 32.
    Corners,
}

/// Order of the planes of a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// Sizes that a network accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum InputSize {
    /// Any size whose sides are multiples of this. Pictures are padded to it, not scaled.
    MultipleOf {
        /// In pixels.
        multiple_of: u32,
    },
    /// One size. Pictures are scaled to fit inside, with their aspect ratio kept.
    Fixed {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
}

impl DetectorParameters {
    /// Whether the network takes pixels of 0 to 255 as they are, in red, green and blue, and in any even size.
    pub(crate) fn takes_plain_pixels(&self) -> bool {
        let is_plain =
            |values: [f32; 3], plain: f32| values.map(f32::to_bits) == [plain.to_bits(); 3];
        let is_even =
            matches!(self.size, InputSize::MultipleOf { multiple_of } if multiple_of % 2 == 0);
        let is_black = self.padding.to_bits() == 0.0_f32.to_bits();
        is_even
            && is_black
            && self.colour == Colour::Rgb
            && is_plain(self.mean, 0.0)
            && is_plain(self.std, 1.0)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let sides = match self.size {
            InputSize::MultipleOf { multiple_of } => multiple_of..=multiple_of,
            InputSize::Fixed { width, height } => width.min(height)..=width.max(height),
        };
        if *sides.start() == 0 || *sides.end() > 8192 {
            return Err(format!("size {:?}: sides are 1 to 8192 pixels", self.size));
        }
        if self.classes.is_empty() {
            return Err("classes is empty; a detector finds at least one".to_owned());
        }
        if self.std.iter().any(|std| !std.is_normal()) || self.mean.iter().any(|m| !m.is_finite()) {
            return Err(format!(
                "mean {:?} and std {:?} make no finite numbers",
                self.mean, self.std
            ));
        }
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(format!(
                "threshold {} is not between 0 and 1",
                self.threshold
            ));
        }
        Ok(())
    }
}
