//! The parameters of a dual encoder's two towers, as read from the model's own files.

use crate::preprocess::Preprocess;

use super::DualError;

/// The network of one modality, a pre-norm transformer (Vaswani et al. 2017; Dosovitskiy et al. 2021).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transformer {
    /// Length of a token's vector.
    pub(super) width: usize,
    /// Blocks of attention and MLP.
    pub(super) layers: usize,
    /// Attention heads.
    pub(super) heads: usize,
    /// Width of the MLP's hidden layer.
    pub(super) hidden: usize,
    /// Activation of the MLP.
    pub(super) activation: Activation,
    /// Epsilon of the normalisations, added to variances.
    pub(super) epsilon: f32,
}

/// The activation between the two layers of an MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// `x · Φ(x)`, with the error function.
    Gelu,
    /// The same with a hyperbolic tangent.
    GeluTanh,
    /// `x · sigmoid(1.702 x)`, as in `OpenAI`'s weights.
    QuickGelu,
}

/// The picture tower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vision {
    pub(super) transformer: Transformer,
    /// Side of the square picture, in pixels.
    pub(super) side: usize,
    /// Side of a patch, in pixels. The remainder at the right and bottom is ignored.
    pub(super) patch: usize,
    /// A learned token before those of the patches. Towers that have one normalise before the first block, and
    /// project patches without a bias. Towers without one do neither.
    pub(super) class_token: bool,
    /// Rotary positions in attention (Su et al. 2021), over two axes, in addition to the learned ones.
    pub(super) rotary: bool,
    /// How to pool tokens into one vector.
    pub(super) pool: Pool,
}

/// How to pool a picture's tokens into one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// The class token's vector.
    Class,
    /// Attention of one learned query over all tokens (`SigLIP`, Perception Encoder).
    Attention {
        /// Its heads.
        heads: usize,
    },
}

/// The text tower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Text {
    pub(super) transformer: Transformer,
    /// Size of the vocabulary.
    pub(super) vocabulary: usize,
    /// Longest text in tokens, including the special ones.
    pub(super) context: usize,
    /// If set, a token attends only to earlier ones, and the end token's vector is the text's. Otherwise all
    /// tokens attend to each other, including padding, and the last token's vector is the text's.
    pub(super) causal: bool,
}

/// How to clean texts before tokenization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cleaning {
    /// No cleaning beyond the tokenizer's own file.
    None,
    /// Lower case (`SigLIP` 2).
    Lowercase,
    /// Lower case, no ASCII punctuation, single spaces (`SigLIP`).
    Canonical,
}

/// Everything except the weights and the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) vision: Vision,
    pub(super) text: Text,
    /// Length of the vectors of both towers.
    pub(super) dims: usize,
    pub(super) preprocess: Preprocess,
    pub(super) cleaning: Cleaning,
    pub(super) layout: Layout,
}

/// How a checkpoint names its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// CLIP of the transformers library.
    HuggingFaceClip,
    /// `SigLIP` of the transformers library.
    HuggingFaceSiglip,
    /// CLIP of the `OpenCLIP` library.
    OpenClip,
    /// The Perception Encoder in the `OpenCLIP` library: its picture tower is timm's.
    OpenClipPe,
}

/// Largest number in any network; a damaged file may contain any number.
const LARGEST: usize = 1 << 20;

impl Spec {
    /// # Errors
    ///
    /// Numbers are inconsistent, or too large for any network.
    pub(super) fn check(&self) -> Result<(), DualError> {
        let (vision, text) = (&self.vision, &self.text);
        for transformer in [&vision.transformer, &text.transformer] {
            let Transformer {
                width,
                layers,
                heads,
                hidden,
                ..
            } = *transformer;
            if [width, layers, heads, hidden]
                .iter()
                .any(|&n| n == 0 || n > LARGEST)
                || width % heads != 0
            {
                return Err(config(format!("an invalid transformer: {transformer:?}")));
            }
        }
        if let Pool::Attention { heads } = vision.pool
            && (heads == 0 || vision.transformer.width % heads != 0)
        {
            return Err(config(format!("{heads} heads do not divide the pool")));
        }
        if text.context < 3 {
            return Err(config(format!(
                "a context of {} tokens has no room for a word",
                text.context
            )));
        }
        if vision.rotary && (vision.transformer.width / vision.transformer.heads) % 4 != 0 {
            return Err(config(
                "rotary positions need heads of a multiple of 4".to_owned(),
            ));
        }
        let counts = [vision.patch, text.vocabulary, text.context, self.dims];
        if counts.iter().any(|&n| n == 0 || n > LARGEST) || vision.patch > vision.side {
            return Err(config(format!(
                "patches of {} in pictures of {}, {} tokens of {}, vectors of {} are invalid",
                vision.patch, vision.side, text.context, text.vocabulary, self.dims
            )));
        }
        Ok(())
    }
}

impl Spec {
    /// Approximate bytes of the text tower's weights in 32 bits.
    pub(super) fn text_bytes(&self) -> usize {
        let Transformer {
            width,
            layers,
            hidden,
            ..
        } = self.text.transformer;
        4 * (self.text.vocabulary * width + layers * (4 * width * width + 2 * width * hidden))
    }
}

impl Vision {
    /// Patches on each axis.
    pub(super) fn grid(&self) -> usize {
        self.side / self.patch
    }

    /// Tokens of a picture.
    pub(super) fn tokens(&self) -> usize {
        self.grid() * self.grid() + usize::from(self.class_token)
    }
}

pub(super) fn config(problem: String) -> DualError {
    DualError::Config { problem }
}
