//! What a dual encoder is made of: the numbers of its two towers, as read from the model's own files.

use crate::preprocess::Preprocess;

use super::DualError;

/// The network of one modality, a pre-norm transformer (Vaswani et al. 2017; Dosovitskiy et al. 2021).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transformer {
    /// Length of a token's vector.
    pub(super) width: usize,
    /// Blocks of attention and perceptron.
    pub(super) layers: usize,
    /// Heads of attention.
    pub(super) heads: usize,
    /// Width of the perceptron's hidden layer.
    pub(super) hidden: usize,
    /// Between the perceptron's two layers.
    pub(super) activation: Activation,
    /// Added to variances by the normalisations.
    pub(super) epsilon: f32,
}

/// The function between the two layers of a perceptron.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// `x · Φ(x)`, by the error function.
    Gelu,
    /// The same by a hyperbolic tangent.
    GeluTanh,
    /// `x · sigmoid(1.702 x)`, of `OpenAI`'s weights.
    QuickGelu,
}

/// The tower that looks at pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vision {
    pub(super) transformer: Transformer,
    /// Side of the square picture, in pixels.
    pub(super) side: usize,
    /// Side of a patch, in pixels. What is left at the right and bottom is not looked at.
    pub(super) patch: usize,
    /// A learned token before those of the patches. Towers that have one normalise before the first block, and
    /// project patches without a bias; those without do neither.
    pub(super) class_token: bool,
    /// Rotary positions in attention (Su et al. 2021), over two axes, besides the learned ones.
    pub(super) rotary: bool,
    /// How tokens become one vector.
    pub(super) pool: Pool,
}

/// How the tokens of a picture become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// The class token's.
    Class,
    /// Attention of one learned query over all tokens (`SigLIP`, Perception Encoder).
    Attention {
        /// Its heads.
        heads: usize,
    },
}

/// The tower that reads texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Text {
    pub(super) transformer: Transformer,
    /// Tokens there are.
    pub(super) vocabulary: usize,
    /// Longest text in tokens, the special ones included.
    pub(super) context: usize,
    /// A token sees only those before it, and the end token's vector is the text's. Else all tokens see
    /// each other, padding included, and the last one's vector is the text's.
    pub(super) causal: bool,
}

/// How texts are changed before they are cut into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cleaning {
    /// Not at all, beyond what the tokenizer's own file says.
    None,
    /// Lower case (`SigLIP` 2).
    Lowercase,
    /// Lower case, no ASCII punctuation, single spaces (`SigLIP`).
    Canonical,
}

/// Everything but the weights and the vocabulary.
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

/// No network has more of anything; a damaged file may say any number.
const LARGEST: usize = 1 << 20;

impl Spec {
    /// # Errors
    ///
    /// Numbers contradict each other, or are too large for any network.
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
                return Err(config(format!(
                    "a transformer of {transformer:?} cannot be"
                )));
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
                "patches of {} in pictures of {}, {} tokens of {}, vectors of {} cannot be",
                vision.patch, vision.side, text.context, text.vocabulary, self.dims
            )));
        }
        Ok(())
    }
}

impl Spec {
    /// Bytes of the text tower's weights in 32 bits, nearly.
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
