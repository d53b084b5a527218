//! `open_clip_config.json` of the `OpenCLIP` library: CLIP, and Meta's Perception Encoder (arXiv 2504.13181).

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::hugging_face::{CLIP_MEAN, CLIP_STD};
use super::{parse, preprocess};
use crate::dual::DualError;
use crate::dual::spec::{
    Activation, Cleaning, Layout, Pool, Spec, Text, Transformer, Vision, config,
};
use crate::preprocess::{Filter, Fit};

#[derive(Deserialize)]
struct File {
    model_cfg: Model,
    #[serde(default)]
    preprocess_cfg: Processor,
}

#[derive(Deserialize)]
struct Model {
    embed_dim: usize,
    #[serde(default)]
    quick_gelu: bool,
    vision_cfg: Picture,
    text_cfg: Words,
}

/// An unknown key may affect vectors, so it is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Picture {
    image_size: usize,
    timm_model_name: Option<String>,
    width: Option<usize>,
    layers: Option<usize>,
    patch_size: Option<usize>,
    head_width: Option<usize>,
    mlp_ratio: Option<f64>,
    // These describe timm's tower, which its name does too, or matter only in training.
    #[serde(rename = "timm_pool")]
    _timm_pool: Option<IgnoredAny>,
    #[serde(rename = "timm_proj")]
    _timm_proj: Option<IgnoredAny>,
    #[serde(rename = "timm_model_pretrained")]
    _timm_model_pretrained: Option<IgnoredAny>,
    #[serde(rename = "patch_dropout")]
    _patch_dropout: Option<IgnoredAny>,
}

/// The same as [`Picture`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    context_length: usize,
    vocab_size: usize,
    width: usize,
    heads: usize,
    layers: usize,
    mlp_ratio: Option<f64>,
    hf_model_name: Option<String>,
    #[serde(default)]
    no_causal_mask: bool,
    #[serde(rename = "hf_tokenizer_name")]
    _hf_tokenizer_name: Option<IgnoredAny>,
    #[serde(rename = "tokenizer_kwargs")]
    _tokenizer_kwargs: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Processor {
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
    interpolation: Option<String>,
    resize_mode: Option<String>,
}

/// The Perception Encoder's picture towers in timm: name, side, patch, width, layers, heads.
const PERCEPTION: [(&str, [usize; 5]); 5] = [
    ("vit_pe_core_tiny_patch16_384", [384, 16, 192, 12, 3]),
    ("vit_pe_core_small_patch16_384", [384, 16, 384, 12, 6]),
    ("vit_pe_core_base_patch16_224", [224, 16, 768, 12, 12]),
    ("vit_pe_core_large_patch14_336", [336, 14, 1024, 24, 16]),
    // Exists for tests of this crate.
    ("vit_pe_core_test_patch8_32", [32, 8, 16, 2, 2]),
];
/// Number of pool heads, the same in all of them.
const PERCEPTION_POOL_HEADS: usize = 8;

pub(super) fn spec(bytes: &[u8]) -> Result<Spec, DualError> {
    let File {
        model_cfg: model,
        preprocess_cfg,
    } = parse("open_clip_config.json", bytes)?;
    let activation = if model.quick_gelu {
        Activation::QuickGelu
    } else {
        Activation::Gelu
    };
    if let Some(name) = &model.text_cfg.hf_model_name {
        return Err(DualError::Architecture { name: name.clone() });
    }
    if model.text_cfg.no_causal_mask {
        return Err(config(
            "open_clip_config.json: no_causal_mask is not supported".to_owned(),
        ));
    }
    let (vision, layout) = vision(&model.vision_cfg, activation)?;
    let words = &model.text_cfg;
    let text = Text {
        transformer: Transformer {
            width: words.width,
            layers: words.layers,
            heads: words.heads,
            hidden: scaled(words.width, words.mlp_ratio),
            activation,
            epsilon: 1e-5,
        },
        vocabulary: words.vocab_size,
        context: words.context_length,
        causal: true,
    };
    let fit = match preprocess_cfg.resize_mode.as_deref() {
        None | Some("shortest") => Fit::CentreCrop {
            shorter: u32::try_from(vision.side).unwrap_or(u32::MAX),
        },
        Some("squash") => Fit::Squash,
        Some(other) => return Err(config(format!("resize_mode {other:?} is not known"))),
    };
    let filter = match preprocess_cfg.interpolation.as_deref() {
        None | Some("bicubic") => Filter::Bicubic,
        Some("bilinear") => Filter::Bilinear,
        Some(other) => return Err(config(format!("interpolation {other:?} is not known"))),
    };
    Ok(Spec {
        preprocess: preprocess(
            fit,
            filter,
            u32::try_from(vision.side).unwrap_or(u32::MAX),
            preprocess_cfg.mean.unwrap_or(CLIP_MEAN),
            preprocess_cfg.std.unwrap_or(CLIP_STD),
        )?,
        vision,
        text,
        dims: model.embed_dim,
        cleaning: Cleaning::None,
        layout,
    })
}

fn vision(read: &Picture, activation: Activation) -> Result<(Vision, Layout), DualError> {
    if let Some(name) = &read.timm_model_name {
        let known = PERCEPTION.iter().find(|(known, _)| known == name);
        let &(_, [side, patch, width, layers, heads]) =
            known.ok_or_else(|| DualError::Architecture { name: name.clone() })?;
        if side != read.image_size {
            // Its rotary positions would have to be those of the training grid.
            return Err(config(format!(
                "open_clip_config.json: {name} looks at {side} pixels, not at {}",
                read.image_size
            )));
        }
        let vision = Vision {
            transformer: Transformer {
                width,
                layers,
                heads,
                hidden: width * 4,
                activation: Activation::Gelu,
                epsilon: 1e-5,
            },
            side,
            patch,
            class_token: true,
            rotary: true,
            pool: Pool::Attention {
                heads: PERCEPTION_POOL_HEADS,
            },
        };
        return Ok((vision, Layout::OpenClipPe));
    }
    let (Some(width), Some(layers), Some(patch)) = (read.width, read.layers, read.patch_size)
    else {
        return Err(config(
            "open_clip_config.json: the picture tower is not a transformer".to_owned(),
        ));
    };
    let vision = Vision {
        transformer: Transformer {
            width,
            layers,
            heads: width / read.head_width.unwrap_or(64).max(1),
            hidden: scaled(width, read.mlp_ratio),
            activation,
            epsilon: 1e-5,
        },
        side: read.image_size,
        patch,
        class_token: true,
        rotary: false,
        pool: Pool::Class,
    };
    Ok((vision, Layout::OpenClip))
}

/// Width of a hidden layer; by default four times the token width.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "widths are small; what is not is refused by Spec::check"
)]
fn scaled(width: usize, ratio: Option<f64>) -> usize {
    (width as f64 * ratio.unwrap_or(4.0)) as usize
}
