//! The part of a manifest that says how a detector is fed and read.

use serde::{Deserialize, Serialize};

use crate::class::Class;

/// Parameters of an ONNX network that finds boxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorParameters {
    /// Id of the runtime that runs it.
    pub runtime: String,
    /// Which of the files is the network.
    pub weights: String,
    /// How its outputs are read.
    pub head: Head,
    /// What it finds, in the order of its class scores.
    pub classes: Vec<Class>,
    /// Order of the input's planes.
    pub colour: Colour,
    /// Subtracted from each plane of 0 to 255.
    pub mean: [f32; 3],
    /// Divides each plane after that.
    pub std: [f32; 3],
    /// Value, 0 to 255, of what a picture leaves free of the input.
    #[serde(default)]
    pub padding: f32,
    /// Sizes the network takes.
    pub size: InputSize,
    /// Whether several pictures may go in at once.
    pub batch: bool,
    /// Scores from here on count unless the caller says otherwise.
    pub threshold: f32,
    /// Longer side in pixels of the input of the largest box to believe; larger ones are beyond what the network was
    /// trained on, such as a whole sky.
    #[serde(default)]
    pub largest: Option<f32>,
}

/// How a network's outputs are read.
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

/// Sizes a network takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum InputSize {
    /// Any size whose sides are multiples of this; pictures are padded to it, not scaled.
    MultipleOf {
        /// In pixels.
        multiple_of: u32,
    },
    /// One size; pictures are scaled to fit inside, their shape kept.
    Fixed {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
}

impl DetectorParameters {
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
