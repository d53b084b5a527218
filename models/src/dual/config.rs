//! From the configuration files of a model's folder to its [`Spec`].

use serde::Deserialize;
use serde_json::Value;

use super::DualError;
use super::spec::{Activation, Cleaning, Spec, config};
use crate::preprocess::{Filter, Fit, Preprocess};

mod hugging_face;
mod open_clip;

/// The configuration files of a model that exist.
#[derive(Debug, Default)]
pub(super) struct Files<'a> {
    /// `config.json` of the transformers library.
    pub(super) config: Option<&'a [u8]>,
    /// `open_clip_config.json`.
    pub(super) open_clip: Option<&'a [u8]>,
    /// `preprocessor_config.json` of the transformers library.
    pub(super) preprocessor: Option<&'a [u8]>,
    /// `tokenizer_config.json` of the transformers library.
    pub(super) tokenizer: Option<&'a [u8]>,
}

impl Files<'_> {
    /// # Errors
    ///
    /// No file defines the model, one is not valid JSON or lacks a number, or the architecture is unknown.
    pub(super) fn spec(&self) -> Result<Spec, DualError> {
        let spec = match (self.open_clip, self.config) {
            (Some(open_clip), _) => open_clip::spec(open_clip)?,
            (None, Some(config)) => hugging_face::spec(config, self.preprocessor, self.tokenizer)?,
            (None, None) => {
                return Err(config_missing());
            }
        };
        spec.check()?;
        Ok(spec)
    }
}

fn config_missing() -> DualError {
    config("neither config.json nor open_clip_config.json exists".to_owned())
}

/// Parses one file; the error names it.
pub(super) fn parse<'a, T: Deserialize<'a>>(name: &str, bytes: &'a [u8]) -> Result<T, DualError> {
    serde_json::from_slice(bytes).map_err(|e| config(format!("{name}: {e}")))
}

fn activation(name: &str) -> Result<Activation, DualError> {
    match name {
        "gelu" => Ok(Activation::Gelu),
        "gelu_pytorch_tanh" | "gelu_new" => Ok(Activation::GeluTanh),
        "quick_gelu" => Ok(Activation::QuickGelu),
        other => Err(config(format!("the activation {other:?} is not known"))),
    }
}

/// Converts mean and deviation for channels of 0 to 1, as in the files, to channels of 0 to 255.
fn preprocess(
    fit: Fit,
    filter: Filter,
    side: u32,
    mean: [f32; 3],
    std: [f32; 3],
) -> Result<Preprocess, DualError> {
    Preprocess::new(
        fit,
        filter,
        side,
        mean.map(|m| m * 255.0),
        std.map(|s| s * 255.0),
    )
    .map_err(|e| config(e.to_string()))
}

/// How the tokenizer's class in the transformers library cleans texts.
fn cleaning(tokenizer_config: Option<&[u8]>) -> Result<Cleaning, DualError> {
    let Some(bytes) = tokenizer_config else {
        return Ok(Cleaning::None);
    };
    let value: Value = parse("tokenizer_config.json", bytes)?;
    Ok(
        match value["tokenizer_class"].as_str().unwrap_or_default() {
            "SiglipTokenizer" | "SiglipTokenizerFast" => Cleaning::Canonical,
            // SigLIP 2 was trained on lower case, which its tokenizer's own file may or may not state.
            "Siglip2Tokenizer" | "GemmaTokenizer" | "GemmaTokenizerFast" => Cleaning::Lowercase,
            _ => Cleaning::None,
        },
    )
}
