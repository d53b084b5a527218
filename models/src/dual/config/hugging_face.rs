//! `config.json` and `preprocessor_config.json` of the transformers library: CLIP and `SigLIP`.

use serde::Deserialize;

use super::{activation, cleaning, parse, preprocess};
use crate::dual::DualError;
use crate::dual::spec::{Cleaning, Layout, Pool, Spec, Text, Transformer, Vision, config};
use crate::preprocess::{Filter, Fit, Preprocess};

#[derive(Deserialize)]
struct Config {
    model_type: String,
    projection_dim: Option<usize>,
    #[serde(default)]
    vision_config: Tower,
    #[serde(default)]
    text_config: Tower,
}

/// The parameters of both towers. Omitted numbers have the defaults of the library's classes.
#[derive(Deserialize, Default)]
struct Tower {
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f32>,
    image_size: Option<usize>,
    patch_size: Option<usize>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    projection_size: Option<usize>,
}

/// The library's default of each number, which a `config.json` may omit.
struct Defaults {
    vision: (usize, usize, usize, usize),
    text: (usize, usize, usize, usize),
    activation: &'static str,
    epsilon: f32,
    patch: usize,
    vocabulary: usize,
    context: usize,
}

const CLIP: Defaults = Defaults {
    vision: (768, 12, 12, 3072),
    text: (512, 12, 8, 2048),
    activation: "quick_gelu",
    epsilon: 1e-5,
    patch: 32,
    vocabulary: 49_408,
    context: 77,
};

const SIGLIP: Defaults = Defaults {
    vision: (768, 12, 12, 3072),
    text: (768, 12, 12, 3072),
    activation: "gelu_pytorch_tanh",
    epsilon: 1e-6,
    patch: 16,
    vocabulary: 32_000,
    context: 64,
};

pub(super) fn spec(
    bytes: &[u8],
    preprocessor: Option<&[u8]>,
    tokenizer: Option<&[u8]>,
) -> Result<Spec, DualError> {
    let read: Config = parse("config.json", bytes)?;
    let siglip = match read.model_type.as_str() {
        "clip" => false,
        "siglip" => true,
        other => {
            return Err(DualError::Architecture {
                name: other.to_owned(),
            });
        }
    };
    let defaults = if siglip { &SIGLIP } else { &CLIP };
    let side = read.vision_config.image_size.unwrap_or(224);
    let vision = Vision {
        transformer: transformer(&read.vision_config, defaults.vision, defaults)?,
        side,
        patch: read.vision_config.patch_size.unwrap_or(defaults.patch),
        class_token: !siglip,
        rotary: false,
        pool: if siglip {
            let heads = read.vision_config.num_attention_heads;
            Pool::Attention {
                heads: heads.unwrap_or(defaults.vision.2),
            }
        } else {
            Pool::Class
        },
    };
    let text = Text {
        transformer: transformer(&read.text_config, defaults.text, defaults)?,
        vocabulary: read.text_config.vocab_size.unwrap_or(defaults.vocabulary),
        context: read
            .text_config
            .max_position_embeddings
            .unwrap_or(defaults.context),
        causal: !siglip,
    };
    let dims = if siglip {
        let text_dims = read.text_config.projection_size;
        let dims = text_dims.unwrap_or(text.transformer.width);
        if dims != vision.transformer.width {
            return Err(config(format!(
                "picture vectors have length {}, text vectors {dims}",
                vision.transformer.width
            )));
        }
        dims
    } else {
        read.projection_dim.unwrap_or(512)
    };
    Ok(Spec {
        vision,
        text,
        dims,
        preprocess: processor(preprocessor, side, siglip)?,
        cleaning: match cleaning(tokenizer)? {
            // Its two kinds differ only in how texts are cleaned and padded.
            Cleaning::None if siglip => {
                return Err(config(
                    "tokenizer_config.json must name SiglipTokenizer, Siglip2Tokenizer or GemmaTokenizer"
                        .to_owned(),
                ));
            }
            known @ (Cleaning::None | Cleaning::Lowercase | Cleaning::Canonical) => known,
        },
        layout: if siglip {
            Layout::HuggingFaceSiglip
        } else {
            Layout::HuggingFaceClip
        },
    })
}

fn transformer(
    tower: &Tower,
    (width, layers, heads, hidden): (usize, usize, usize, usize),
    defaults: &Defaults,
) -> Result<Transformer, DualError> {
    let name = tower.hidden_act.as_deref().unwrap_or(defaults.activation);
    Ok(Transformer {
        width: tower.hidden_size.unwrap_or(width),
        layers: tower.num_hidden_layers.unwrap_or(layers),
        heads: tower.num_attention_heads.unwrap_or(heads),
        hidden: tower.intermediate_size.unwrap_or(hidden),
        activation: activation(name)?,
        epsilon: tower.layer_norm_eps.unwrap_or(defaults.epsilon),
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Processor {
    do_center_crop: Option<bool>,
    size: Option<Size>,
    crop_size: Option<Size>,
    resample: Option<u32>,
    rescale_factor: Option<f32>,
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
}

/// Old files contain a number, newer ones its name.
#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
enum Size {
    Number(u32),
    Shortest { shortest_edge: u32 },
    Both { height: u32, width: u32 },
}

/// Mean and deviation of the pictures that CLIP was trained on, from its paper's code.
pub(super) const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// See [`CLIP_MEAN`].
pub(super) const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

fn processor(bytes: Option<&[u8]>, side: usize, siglip: bool) -> Result<Preprocess, DualError> {
    let read: Processor = bytes.map_or(Ok(Processor::default()), |bytes| {
        parse("preprocessor_config.json", bytes)
    })?;
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    if read
        .rescale_factor
        .is_some_and(|f| (f * 255.0 - 1.0).abs() > 1e-3)
    {
        return Err(config(
            "preprocessor_config.json: rescale_factor is not 1/255".to_owned(),
        ));
    }
    let crop = read.do_center_crop.unwrap_or(!siglip);
    let squash = Fit::Squash;
    let fit = match read.size {
        Some(Size::Both { height, width }) if height != width => {
            return Err(config(
                "preprocessor_config.json: pictures are not square".to_owned(),
            ));
        }
        Some(Size::Both { height, .. }) if !crop || height == side => squash,
        Some(Size::Both { height, .. }) => {
            return Err(config(format!(
                "preprocessor_config.json: squashing pictures to {height} pixels and then cropping is not supported"
            )));
        }
        Some(Size::Number(_)) if siglip => squash,
        None if siglip => squash,
        Some(Size::Number(n) | Size::Shortest { shortest_edge: n }) => {
            Fit::CentreCrop { shorter: n }
        }
        None => Fit::CentreCrop { shorter: side },
    };
    let looked_at = match (crop, read.crop_size) {
        (
            true,
            Some(
                Size::Both { height: n, .. }
                | Size::Number(n)
                | Size::Shortest { shortest_edge: n },
            ),
        ) => n,
        _ => side,
    };
    if looked_at != side {
        return Err(config(format!(
            "preprocessor_config.json crops to {looked_at} pixels, config.json looks at {side}"
        )));
    }
    let filter = match read.resample.unwrap_or(3) {
        2 => Filter::Bilinear,
        3 => Filter::Bicubic,
        other => {
            return Err(config(format!(
                "preprocessor_config.json: resample {other} is not supported"
            )));
        }
    };
    let (mean, std) = if siglip {
        ([0.5; 3], [0.5; 3])
    } else {
        (CLIP_MEAN, CLIP_STD)
    };
    preprocess(
        fit,
        filter,
        side,
        read.image_mean.unwrap_or(mean),
        read.image_std.unwrap_or(std),
    )
}
