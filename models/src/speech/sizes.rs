//! The sizes of a Whisper network, as its weights have them.

use super::ct2::Ct2File;

/// The sizes of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) mels: usize,
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) encoder_layers: usize,
    pub(super) decoder_layers: usize,
    pub(super) vocabulary: usize,
    /// Most tokens of a text.
    pub(super) context: usize,
    /// Vectors of a window of sound.
    pub(super) places: usize,
    /// Width of the layer between the two linear ones of a block.
    pub(super) inner: usize,
    /// Frames that a convolution sees.
    pub(super) kernel: usize,
}

impl Sizes {
    pub(super) fn of(file: &Ct2File<'_>) -> Result<Self, String> {
        let axes = |name: &str, rank: usize| {
            let shape = file.shape(name)?;
            if shape.len() == rank {
                Ok(shape.to_vec())
            } else {
                Err(format!("{name:?} has the shape {shape:?}"))
            }
        };
        let conv = axes("encoder/conv1/weight", 3)?;
        let embeddings = axes("decoder/embeddings/weight", 2)?;
        let sizes = Self {
            mels: conv[1],
            width: conv[0],
            kernel: conv[2],
            heads: file.number("encoder/num_heads")?,
            encoder_layers: file.layers("encoder"),
            decoder_layers: file.layers("decoder"),
            vocabulary: embeddings[0],
            context: axes("decoder/position_encodings/encodings", 2)?[0],
            places: axes("encoder/position_encodings/encodings", 2)?[0],
            inner: axes("encoder/layer_0/ffn/linear_0/weight", 2)?[0],
        };
        if sizes.heads == 0 || !sizes.width.is_multiple_of(sizes.heads) {
            return Err(format!(
                "{} heads do not share a width of {}",
                sizes.heads, sizes.width
            ));
        }
        Ok(sizes)
    }

    /// Width of a head.
    pub(super) const fn head(&self) -> usize {
        self.width / self.heads
    }
}
