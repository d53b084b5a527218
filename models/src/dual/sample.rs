//! Models of real size with random weights, for benches and for tests on machines without access to the hub.

use std::path::Path;

use super::checkpoint::Checkpoint;
use super::config::Files;
use super::load::{self, Place};
use super::{DualError, Spec};
use crate::error::ModelError;
use crate::store::{StoreError, write_whole};

/// A model of a known shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// CLIP ViT-B/32.
    ClipB32,
    /// The same with one layer in each tower: fast, and with vectors of the same length.
    ClipThin,
    /// CLIP ViT-L/14.
    ClipL14,
    /// `SigLIP` base, patches of 16.
    SiglipB16,
    /// PE-Core B/16.
    PeCoreB16,
    /// PE-Core L/14, pictures of 336.
    PeCoreL14,
}

impl Sample {
    /// All there are, with their names.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::ClipB32, "clip-b32"),
        (Self::ClipThin, "clip-thin"),
        (Self::ClipL14, "clip-l14"),
        (Self::SiglipB16, "siglip-b16"),
        (Self::PeCoreB16, "pe-core-b16"),
        (Self::PeCoreL14, "pe-core-l14"),
    ];

    /// Name and contents of its configuration file, as in the hub's models.
    const fn config(self) -> (&'static str, &'static str) {
        match self {
            Self::ClipB32 => (
                "config.json",
                r#"{"model_type":"clip","projection_dim":512}"#,
            ),
            Self::ClipThin => (
                "config.json",
                r#"{"model_type":"clip","projection_dim":512,
"text_config":{"num_hidden_layers":1},"vision_config":{"num_hidden_layers":1}}"#,
            ),
            Self::ClipL14 => (
                "config.json",
                r#"{"model_type":"clip","projection_dim":768,
"text_config":{"hidden_size":768,"intermediate_size":3072,"num_attention_heads":12},
"vision_config":{"hidden_size":1024,"intermediate_size":4096,"num_attention_heads":16,"num_hidden_layers":24,"patch_size":14}}"#,
            ),
            Self::SiglipB16 => ("config.json", r#"{"model_type":"siglip"}"#),
            Self::PeCoreB16 => (
                "open_clip_config.json",
                r#"{"model_cfg":{"embed_dim":1024,
"vision_cfg":{"image_size":224,"timm_model_name":"vit_pe_core_base_patch16_224"},
"text_cfg":{"context_length":32,"vocab_size":49408,"width":1024,"heads":16,"layers":24}},
"preprocess_cfg":{"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"interpolation":"bilinear","resize_mode":"squash"}}"#,
            ),
            Self::PeCoreL14 => (
                "open_clip_config.json",
                r#"{"model_cfg":{"embed_dim":1024,
"vision_cfg":{"image_size":336,"timm_model_name":"vit_pe_core_large_patch14_336"},
"text_cfg":{"context_length":32,"vocab_size":49408,"width":1024,"heads":16,"layers":24}},
"preprocess_cfg":{"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"interpolation":"bilinear","resize_mode":"squash"}}"#,
            ),
        }
    }
}

/// Distinguishes the versions of `SigLIP`; unused for CLIP.
const TOKENIZER: &str = r#"{"tokenizer_class":"SiglipTokenizer","pad_token":"</s>"}"#;

/// Tensors are only recorded in the checkpoint.
struct Nowhere;

impl Place for Nowhere {
    type Weight = ();

    fn place(&mut self, _tensor: &candle_core::Tensor) -> Result<(), DualError> {
        Ok(())
    }
}

/// Writes configuration and random weights of a model into a folder in the hub's layout. The caller adds a
/// `tokenizer.json`.
///
/// # Errors
///
/// The folder cannot be written.
pub fn write_sample(sample: Sample, folder: &Path) -> Result<(), ModelError> {
    let (name, config) = sample.config();
    let files = match name {
        "config.json" => Files {
            config: Some(config.as_bytes()),
            tokenizer: Some(TOKENIZER.as_bytes()),
            ..Files::default()
        },
        _ => Files {
            open_clip: Some(config.as_bytes()),
            ..Files::default()
        },
    };
    let spec: Spec = files.spec()?;
    let mut checkpoint = Checkpoint::invent();
    load::vision(&spec, &mut checkpoint, &mut Nowhere)?;
    load::text(&spec, &mut checkpoint, &mut Nowhere)?;
    write_whole(&folder.join(name), config.as_bytes())?;
    if sample == Sample::SiglipB16 {
        write_whole(&folder.join("tokenizer_config.json"), TOKENIZER.as_bytes())?;
    }
    let path = folder.join("model.safetensors");
    candle_core::safetensors::save(&checkpoint.invented(), &path)
        .map_err(|e| StoreError::io("write", &path, std::io::Error::other(e)).into())
}
